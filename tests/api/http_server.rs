//! The HTTP server itself: idle connections, security headers, and metrics.

use std::time::Duration;

use gigway::config::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::protections::production;
use crate::support::proxy::wait_until;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends this text over a new connection. Returns what comes back until the connection is closed.
async fn exchange(app: &TestApp, text: &str) -> String {
    let mut connection = TcpStream::connect(app.gateway_a().address).await.expect("a connection");
    connection.write_all(text.as_bytes()).await.expect("an open connection");
    let mut received = Vec::new();
    timeout(PATIENCE, connection.read_to_end(&mut received)).await.expect("it is closed").ok();
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_without_a_complete_request_are_closed() {
    let settings = Settings { header_seconds: Some("1".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    assert_eq!(exchange(&app, "").await, "");
    // The first byte of a method that could also begin a connection of HTTP/2.
    assert_eq!(exchange(&app, "P").await, "");
    let half = exchange(&app, "POST /graphql HTTP/1.1\r\nhost: gigway\r\ncontent-type: appl").await;
    assert!(!half.starts_with("HTTP/1.1 200"), "{half}");
    // An idle connection is closed, too; a WebSocket is not.
    let idle = exchange(&app, "GET /livez HTTP/1.1\r\nhost: gigway\r\n\r\n").await;
    assert!(idle.starts_with("HTTP/1.1 200") && idle.ends_with("ok\n"), "{idle}");
    let mut socket = app.gateway_a().socket().await;
    socket.subscribe("1", "subscription { gigPublished { gigId } }", json!({})).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    socket.subscribe("2", "{ __typename }", json!({})).await;
    assert_eq!(socket.receive_for("2").await["payload"]["data"]["__typename"], "Query");
    // Too large headers are rejected.
    let too_large =
        exchange(&app, &format!("GET /livez HTTP/1.1\r\nhost: gigway\r\nx: {}", "x".repeat(1024 * 1024)))
            .await;
    assert!(too_large.starts_with("HTTP/1.1 431"), "{too_large}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_response_has_security_headers() {
    let app = TestApp::start(production(), 1).await;
    let ann = app.member("Ann").await;
    ann.client.upload_image(small_png()).await;
    let gateway_a = app.gateway_a();
    let graphql = gateway_a.post("/graphql").json(&json!({ "query": "{ __typename }" }));
    let refused = gateway_a.post("/graphql").body("nonsense");
    for request in [
        graphql,
        refused,
        gateway_a.get("/livez"),
        gateway_a.get("/nowhere"),
        gateway_a.get("/media/img_x.jpg"),
    ] {
        let response = request.send().await.expect("a response");
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        let url = response.url().to_string();
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{url}");
        assert_eq!(header("x-frame-options").as_deref(), Some("DENY"), "{url}");
        assert_eq!(header("referrer-policy").as_deref(), Some("no-referrer"), "{url}");
        assert_eq!(header("cross-origin-opener-policy").as_deref(), Some("same-origin"), "{url}");
        let loaded_by = if url.contains("/media/") { "cross-origin" } else { "same-origin" };
        assert_eq!(header("cross-origin-resource-policy").as_deref(), Some(loaded_by), "{url}");
        let policy = header("content-security-policy").unwrap_or_default();
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{url}");
        assert_eq!(header("strict-transport-security").as_deref(), Some("max-age=63072000"), "{url}");
        assert!(header("cache-control").is_some_and(|policy| policy.contains("no-store")), "{url}");
        assert!(header("server").is_none() && header("x-powered-by").is_none(), "{url}");
    }
    let development = TestApp::on_sqlite().await;
    let page = development.gateway_a().fetch("/graphiql").await.1;
    assert!(!page.headers().contains_key("strict-transport-security"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_operations_and_need_a_token_in_production() {
    let app = TestApp::on_sqlite().await;
    let gateway_a = app.gateway_a();
    gateway_a.run("{ categories { slug } }", json!({})).await;
    gateway_a.execute("{ nonsense }", json!({})).await;
    let mut socket = gateway_a.socket().await;
    socket.subscribe("1", "subscription { gigPublished { gigId } }", json!({})).await;
    socket.subscribe("2", "{ __typename }", json!({})).await;
    socket.receive_for("2").await;
    gateway_a.fetch("/nowhere/at/all").await;
    // Each operation is counted once, by its outcome, over any transport.
    let refused = json!({ "query": "subscription { reviewQueueChanged { cursor } }" });
    let stream = gateway_a.post("/graphql").header("accept", "text/event-stream").json(&refused);
    stream.send().await.expect("a response").text().await.expect("a stream");
    socket.subscribe("3", "{ reviewQueue { totalCount } }", json!({})).await;
    socket.receive_for("3").await;
    gateway_a.execute(&"{a".repeat(200), json!({})).await;
    let started = r#"gigway_graphql_operations_total{kind="subscription",code="OK"} 1"#;
    wait_until("the subscription has started", async || {
        gateway_a.fetch("/metrics").await.1.text().await.expect("a text").contains(started)
    })
    .await;
    let (status, response) = gateway_a.fetch("/metrics").await;
    let content_type = response.headers()["content-type"].to_str().expect("text").to_owned();
    let text = response.text().await.expect("a text");
    assert_eq!(status, 200);
    assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
    for line in [
        r#"gigway_graphql_operations_total{kind="query",code="OK"} 2"#,
        r#"gigway_graphql_operations_total{kind="query",code="GRAPHQL_VALIDATION_FAILED"} 1"#,
        r#"gigway_graphql_operations_total{kind="query",code="UNAUTHENTICATED"} 1"#,
        r#"gigway_graphql_operations_total{kind="subscription",code="UNAUTHENTICATED"} 1"#,
        r#"gigway_graphql_operations_total{kind="unreadable",code="QUERY_TOO_COMPLEX"} 1"#,
        r#"gigway_graphql_refusals_total{limit="depth"} 1"#,
        r#"gigway_http_requests_total{route="other",method="GET",status="4xx"} 1"#,
        r#"gigway_http_requests_total{route="/graphql",method="GET",status="1xx"} 1"#,
        "gigway_sockets_open 1",
        "gigway_streams_open 0",
        "gigway_subscriptions_open 1",
        "gigway_log_position 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|metric| metric == line), "{line}\n{text}");
    }
    assert!(text.contains(r#"gigway_graphql_operation_cost_total{kind="query"} "#), "{text}");
    assert!(!text.contains("nowhere"), "{text}");

    let without_token = TestApp::start(production(), 1).await;
    assert_eq!(without_token.gateway_a().fetch("/metrics").await.0, 404);
    // With another method, too: not 405, which would show that the path exists.
    assert_eq!(without_token.gateway_a().post("/metrics").send().await.expect("a response").status(), 404);
    let token = "a token of at least 32 characters!";
    let with_token = TestApp::start(Settings { metrics_token: Some(token.into()), ..production() }, 1).await;
    let (status, response) = with_token.gateway_a().fetch("/metrics").await;
    assert_eq!((status.as_u16(), &response.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
    assert_eq!(with_token.gateway_a().with_token("another").fetch("/metrics").await.0, 401);
    assert_eq!(with_token.gateway_a().with_token(token).fetch("/metrics").await.0, 200);
}
