//! The console: its pages, what they load, and `/graphiql`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::graphql::error::ErrorCode;
use crate::http::console::{Console, GRAPHIQL, INDEX, PAGES};
use crate::http::console_files::ConsoleFile;
use crate::http::content_encoding::negotiate_among;
use crate::http::error_response::reject;
use crate::http::media_type::accepts_html;
use crate::http::response::matches_if_none_match;
use crate::http::state::AppState;

/// A page may be stored, but not used without asking whether it has changed.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

/// What pages load has a hash of its content in its name, so it never changes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What `/` and `/graphiql` say if the console was not built.
const NOT_BUILT: &str = if cfg!(feature = "console") {
    "This build of gigway has no console and no GraphiQL. To get them, install Node and npm, and start gigway with \
     `make run` in the directory of its source."
} else {
    "This build of gigway has no console and no GraphiQL. To get them, build it with the cargo feature `console`."
};

/// The routes of the console. If it was not built, `/` and `/graphiql` say how to get it.
pub fn router(console: &Console, has_graphiql: bool) -> Router<Arc<AppState>> {
    let mut routes = Router::new();
    if has_graphiql {
        routes = routes.route("/graphiql", get(graphiql));
    }
    if console.files.get(INDEX).is_none() {
        return routes.route("/", get(not_built));
    }
    for page in PAGES {
        routes = routes.route(page, get(index));
    }
    for name in console.files.root_files() {
        routes = routes.route(&format!("/{name}"), get(root_file));
    }
    routes.route("/assets/{*path}", get(asset))
}

async fn index(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let Some(console) = &state.console else { return not_built(headers).await };
    let Some(file) = console.files.get(INDEX) else { return not_built(headers).await };
    with_policy(respond(file, REVALIDATED, &headers), &console.policy)
}

async fn graphiql(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let Some(console) = &state.console else { return not_built(headers).await };
    let Some(file) = console.files.get(GRAPHIQL) else { return not_built(headers).await };
    with_policy(respond(file, REVALIDATED, &headers), &console.graphiql_policy)
}

async fn asset(
    State(state): State<Arc<AppState>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Ok(Path(path)) = path else { return not_found(&uri) };
    match state.console.as_ref().and_then(|console| console.files.get(&format!("assets/{path}"))) {
        Some(file) => respond(file, IMMUTABLE, &headers),
        None => not_found(&uri),
    }
}

async fn root_file(State(state): State<Arc<AppState>>, uri: Uri, headers: HeaderMap) -> Response {
    let name = uri.path().trim_start_matches('/');
    match state.console.as_ref().and_then(|console| console.files.get(name)) {
        Some(file) => respond(file, REVALIDATED, &headers),
        None => not_found(&uri),
    }
}

fn not_found(uri: &Uri) -> Response {
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, format!("Not found: {}.", uri.path()))
}

/// Says how to get the console, to people as HTML.
async fn not_built(headers: HeaderMap) -> Response {
    if accepts_html(&headers) {
        let text = NOT_BUILT.replacen('`', "<code>", 1).replacen('`', "</code>", 1);
        let page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>gigway</title>\n\
             <h1>gigway</h1>\n<p>{text}</p>\n<p>The API is served at <code>/graphql</code>.</p>\n</html>\n"
        );
        return Html(page).into_response();
    }
    format!("{NOT_BUILT}\nThe API is served at /graphql.\n").into_response()
}

fn with_policy(mut response: Response, policy: &HeaderValue) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    response
}

/// Sends a file in the encoding that the client prefers, or 304 if the client has it already.
fn respond(file: &ConsoleFile, cache_control: HeaderValue, headers: &HeaderMap) -> Response {
    let encoding = negotiate_among(headers, file.encodings(), true);
    let (content, etag) = match encoding.and_then(|encoding| Some((encoding, file.compressed(encoding)?))) {
        Some((encoding, content)) => (content, format!("\"{}-{}\"", file.hash, encoding.name())),
        None => (&file.content, format!("\"{}\"", file.hash)),
    };
    let mut response = if matches_if_none_match(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(content.clone()));
        let content_type = HeaderValue::from_str(&file.content_type).expect("a media type is ASCII");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if let Some(encoding) = encoding {
            let encoding = HeaderValue::from_static(encoding.name());
            response.headers_mut().insert(header::CONTENT_ENCODING, encoding);
        }
        response
    };
    let response_headers = response.headers_mut();
    response_headers.insert(header::CACHE_CONTROL, cache_control);
    response_headers.insert(header::ETAG, HeaderValue::from_str(&etag).expect("base64 is ASCII"));
    response_headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}
