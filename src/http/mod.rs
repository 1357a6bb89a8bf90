//! The edge: one router, and what every request passes through.
//!
//! `/graphql` takes POST, GET and WebSockets; `/media` serves pictures; `/livez` and `/readyz` tell how it
//! is doing; `/graphiql` is there in development. From the outside in, a request passes [`request_log`] (its
//! id, its one line in the log), a layer that turns a panic into an answer, and CORS.

mod client_address;
mod graphql;
mod health;
mod identity_documents;
mod media;
mod multipart;
mod negotiation;
mod origins;
mod refusal;
mod request_log;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response as Answer;
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{Html, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;

use self::origins::Origins;
use self::refusal::refuse;
use crate::config::Config;
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::{Caller, Schema, schema};
use crate::service::{self, Services, accounts};

/// How long a browser may remember what CORS allows.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// What every handler works with.
pub struct Edge {
    services: Arc<Services>,
    schema: Schema,
    origins: Origins,
    /// Proxies in front that each add to X-Forwarded-For.
    proxies: usize,
    development: bool,
    /// Set once no new work is taken.
    stop: CancellationToken,
    sockets: TaskTracker,
    /// The mutations under way.
    acts: TaskTracker,
}

impl Edge {
    pub fn new(
        services: Arc<Services>,
        config: &Config,
        stop: CancellationToken,
        sockets: TaskTracker,
        acts: TaskTracker,
    ) -> Arc<Self> {
        let development = !config.is_production();
        Arc::new(Self {
            origins: Origins::new(config.allowed_origins.clone(), &services.public_url, development),
            services,
            schema: schema(),
            proxies: config.proxies,
            development,
            stop,
            sockets,
            acts,
        })
    }

    /// Runs a mutation to its end on a task of its own: also where its client goes meanwhile, what was begun is
    /// done and told, and a gateway that stops waits for it.
    async fn act(&self, executing: impl Future<Output = Answer> + Send + 'static) -> Answer {
        let executed = self.acts.spawn(executing.in_current_span()).await;
        executed.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => graphql::failed(&Error::internal(&refusal::panic_text(panic.as_ref()))),
            Err(error) => graphql::failed(&Error::internal(&error)),
        })
    }

    /// Whose credentials `authorization` has.
    ///
    /// # Errors
    /// Where the database is away, so that nobody can tell.
    async fn caller(&self, authorization: Option<&str>) -> service::Result<Caller> {
        let Some(authorization) = authorization else { return Ok(Caller::Anonymous) };
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return Ok(Caller::Rejected) };
        match accounts::authenticate(&self.services, token.trim()).await {
            Ok(viewer) => Ok(Caller::Viewer(Box::new(viewer))),
            Err(service::Error::Unauthenticated) => Ok(Caller::Rejected),
            Err(error) => Err(error),
        }
    }

    /// Whose request it is, by its header `Authorization`.
    async fn caller_of(&self, headers: &HeaderMap) -> service::Result<Caller> {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        self.caller(given).await
    }
}

/// Everything that is served.
pub fn router(edge: Arc<Edge>) -> Router {
    let mut routes = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post).fallback(method_not_allowed))
        .route("/media/{file}", get(media::get))
        .route("/identity-documents/{document}", get(identity_documents::get))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready));
    if edge.development {
        routes = routes.route("/graphiql", get(graphiql));
    }
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(only_get)
        .layer(cors(&edge))
        .layer(CatchPanicLayer::custom(refusal::of_panic))
        .layer(middleware::from_fn_with_state(Arc::clone(&edge), request_log::log))
        .with_state(edge)
}

fn cors(edge: &Arc<Edge>) -> CorsLayer {
    let allowed = Arc::clone(edge);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| allowed.origins.allow(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            graphql::REQUIRE_PREFLIGHT,
            graphql::APOLLO_OPERATION_NAME,
            request_log::REQUEST_ID,
        ])
        .expose_headers([request_log::REQUEST_ID, header::RETRY_AFTER])
        .max_age(PREFLIGHT_MAX_AGE)
}

async fn not_found(uri: Uri) -> Response {
    let message = format!("There is nothing at {}; the API is at /graphql.", uri.path());
    refuse(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}

async fn only_get(method: Method) -> Response {
    let message = format!("{method} does nothing here; use GET.");
    let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    refusal
}

async fn method_not_allowed(method: Method) -> Response {
    let message = format!("{method} does nothing here; use POST, or GET for queries.");
    let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    refusal.headers_mut().insert(header::ALLOW, graphql::ALLOW);
    refusal
}

async fn graphiql() -> Html<String> {
    let page = async_graphql::http::GraphiQLSource::build();
    Html(page.endpoint("/graphql").subscription_endpoint("/graphql").title("gigway").finish())
}

/// A header of our own, or of a client library.
const fn header_name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}
