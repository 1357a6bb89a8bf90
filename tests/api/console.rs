//! The console: its pages and files, with which headers they are sent, and what is served without it. The files are made
//! up here, so that no test needs npm.

use bytes::Bytes;
use gigway::config::Settings;
use gigway::http::console_files::ConsoleFiles;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use crate::protections::production;
use crate::support::client::Client;
use crate::support::test_app::TestApp;

const PAGES: [&str; 10] = [
    "/",
    "/admin",
    "/dashboard",
    "/gigs/gig_01h455vb4pex5vsknk084sn02q",
    "/review",
    "/sell",
    "/sell/new",
    "/sign-in",
    "/sign-up",
    "/verification",
];

const SCRIPT: &str = "/assets/app-B3xZ.js";

fn files() -> ConsoleFiles {
    let files = [
        ("index.html", "<title>the console</title>"),
        ("index.html.br", "the console in br"),
        ("graphiql.html", "<title>the playground</title>"),
        ("icon.svg", "<svg/>"),
        ("assets/app-B3xZ.js", "run()"),
        ("assets/app-B3xZ.js.br", "run() in br"),
        ("assets/app-B3xZ.js.gz", "run() in gz"),
        ("assets/fonts/text-9Kq.woff2", "letters"),
    ];
    ConsoleFiles::new(files.map(|(path, content)| (path.to_owned(), Bytes::from_static(content.as_bytes()))))
}

/// Sends a request with headers. Returns the status, the headers and the body.
async fn send(
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, HeaderMap, String) {
    let mut request = client.http().request(method, client.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("a response");
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.text().await.expect("text"))
}

async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
    send(client, Method::GET, path, headers).await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("text"))
}

async fn with_console(settings: Settings) -> TestApp {
    TestApp::start(settings, 1).await.with_console(files()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_address_of_the_console_has_the_same_page() {
    let app = with_console(Settings::default()).await;
    let client = app.gateway_a();
    let (_, first, _) = get(&client, "/", &[]).await;
    let etag = header(&first, "etag").to_owned();
    for page in PAGES {
        let (status, headers, body) = get(&client, page, &[]).await;
        assert_eq!((status.as_u16(), body.as_str()), (200, "<title>the console</title>"), "{page}");
        assert_eq!(header(&headers, "content-type"), "text/html; charset=utf-8");
        assert_eq!(
            (header(&headers, "cache-control"), header(&headers, "etag")),
            ("no-cache", etag.as_str())
        );
        assert_eq!(header(&headers, "vary"), "accept-encoding");
        let (status, headers, body) = get(&client, page, &[("if-none-match", &etag)]).await;
        assert_eq!((status.as_u16(), body.as_str()), (304, ""), "{page}");
        assert_eq!(
            (header(&headers, "cache-control"), header(&headers, "etag")),
            ("no-cache", etag.as_str())
        );
        assert!(!headers.contains_key("content-type"), "{headers:?}");
        let (status, headers, body) = send(&client, Method::HEAD, page, &[]).await;
        assert_eq!((status.as_u16(), body.as_str(), header(&headers, "content-length")), (200, "", "26"));
        let (status, headers, _) = send(&client, Method::POST, page, &[]).await;
        assert_eq!((status.as_u16(), header(&headers, "allow")), (405, "GET, HEAD"), "{page}");
    }
    let (_, compressed, body) =
        get(&client, "/review", &[("accept-encoding", "gzip, deflate, br, zstd")]).await;
    assert_eq!((header(&compressed, "content-encoding"), body.as_str()), ("br", "the console in br"));
    assert_ne!(header(&compressed, "etag"), etag);
    for unknown in
        ["/gigs", "/gigs/", "/gigs/a/b", "/nowhere", "/index.html", "/index.html.br", "/assets", "/assets/"]
    {
        let (status, headers, _) = get(&client, unknown, &[("accept", "text/html")]).await;
        assert_eq!(
            (status.as_u16(), header(&headers, "content-type")),
            (404, "application/json"),
            "{unknown}"
        );
    }
    let (_, _, metrics) = get(&client, "/metrics", &[]).await;
    let line = r#"gigway_http_requests_total{route="/sell/new",method="GET",status="2xx"} 1"#;
    assert!(metrics.lines().any(|metric| metric == line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_with_a_hash_in_their_name_are_cached_for_ever() {
    let app = with_console(Settings::default()).await;
    let client = app.gateway_a();
    for (accepted, encoding, content) in [
        ("", "", "run()"),
        ("gzip, deflate, br", "br", "run() in br"),
        ("gzip", "gzip", "run() in gz"),
        ("gzip;q=1, br;q=0.5", "gzip", "run() in gz"),
        ("zstd", "", "run()"),
        ("identity", "", "run()"),
    ] {
        let (status, headers, body) = get(&client, SCRIPT, &[("accept-encoding", accepted)]).await;
        assert_eq!((status.as_u16(), body.as_str()), (200, content), "{accepted}");
        assert_eq!(header(&headers, "content-encoding"), encoding, "{accepted}");
        assert_eq!(header(&headers, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header(&headers, "cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
        let etag = header(&headers, "etag");
        let unchanged = [("accept-encoding", accepted), ("if-none-match", etag)];
        assert_eq!(get(&client, SCRIPT, &unchanged).await.0, 304);
    }
    let (_, headers, _) = get(&client, "/assets/fonts/text-9Kq.woff2", &[]).await;
    assert_eq!(header(&headers, "content-type"), "font/woff2");
    // Other files may change.
    let (_, headers, body) = get(&client, "/icon.svg", &[]).await;
    assert_eq!((body.as_str(), header(&headers, "cache-control")), ("<svg/>", "no-cache"));
    for unknown in
        ["/assets/app.js", "/assets/app-B3xZ.js.br", "/assets/../index.html", "/assets/%2e%2e/index.html"]
    {
        let (status, headers, _) = get(&client, unknown, &[]).await;
        assert_eq!((status.as_u16(), header(&headers, "cache-control")), (404, "no-store"), "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policies_of_the_pages_allow_no_inline_script_and_no_other_origin() {
    let app = with_console(Settings::default()).await;
    let client = app.gateway_a();
    let (_, console, _) = get(&client, "/", &[]).await;
    let (status, graphiql, body) = get(&client, "/graphiql", &[]).await;
    assert_eq!((status.as_u16(), body.as_str()), (200, "<title>the playground</title>"));
    for headers in [&console, &graphiql] {
        let policy = header(headers, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        assert!(policy.ends_with("base-uri 'none'; form-action 'none'; frame-ancestors 'none'"), "{policy}");
        let own = client.url("").replace("http://", "://");
        let others = policy.split([' ', ';']).filter(|word| word.contains(':') && word.contains('/'));
        assert!(others.clone().count() > 1 && others.clone().all(|word| word.ends_with(&own)), "{policy}");
        assert_eq!(header(headers, "x-frame-options"), "DENY");
        assert_eq!(header(headers, "referrer-policy"), "no-referrer");
        assert_eq!(header(headers, "cross-origin-opener-policy"), "same-origin");
    }
    // Only the editor of GraphiQL writes its styles into the page.
    assert!(!header(&console, "content-security-policy").contains("unsafe"));
    assert!(header(&graphiql, "content-security-policy").contains("style-src 'self' 'unsafe-inline';"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_is_off_in_production_and_graphiql_needs_introspection() {
    let switch = |console: &str, introspection: &str| Settings {
        console: Some(console.to_owned()),
        introspection: Some(introspection.to_owned()),
        ..Settings::default()
    };
    for (settings, console, graphiql) in [
        (Settings::default(), 200, 200),
        (switch("on", "off"), 200, 404),
        (switch("off", "on"), 404, 404),
        (production(), 404, 404),
        (Settings { console: Some("on".to_owned()), ..production() }, 200, 404),
    ] {
        let app = with_console(settings).await;
        let client = app.gateway_a();
        assert_eq!(get(&client, "/", &[]).await.0, console);
        assert_eq!(get(&client, SCRIPT, &[]).await.0, console);
        assert_eq!(get(&client, "/graphiql", &[]).await.0, graphiql);
        if console == 404 {
            let (_, headers, body) = get(&client, "/", &[("accept", "text/html")]).await;
            assert_eq!(header(&headers, "content-type"), "application/json");
            assert!(body.contains("The API is served at /graphql."), "{body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_files_the_gateway_says_how_to_get_the_console() {
    let app = TestApp::on_sqlite().await;
    let client = app.gateway_a();
    for path in ["/", "/graphiql"] {
        let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
        let (status, headers, page) = get(&client, path, &browser).await;
        assert_eq!((status.as_u16(), header(&headers, "content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.contains("<code>make run</code>") && page.contains("/graphql"), "{page}");
        assert_eq!(header(&headers, "cache-control"), "no-store");
        assert_eq!(header(&headers, "content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        let (status, headers, text) = get(&client, path, &[("accept", "*/*")]).await;
        assert_eq!((status.as_u16(), header(&headers, "content-type")), (200, "text/plain; charset=utf-8"));
        assert!(text.contains("make run") && !text.contains('<'), "{text}");
    }
    for path in ["/review", SCRIPT] {
        assert_eq!(get(&client, path, &[]).await.0, 404);
    }
}
