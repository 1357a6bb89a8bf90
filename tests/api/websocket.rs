//! GraphQL over WebSocket (graphql-transport-ws): the messages and the close codes.

use std::time::{Duration, Instant};

use gigway::config::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::documents::{GIG_PUBLISHED, GIG_STATUS_CHANGED, QUEUE_CHANGED};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

async fn a_socket_requires_the_graphql_transport_ws_subprotocol(app: TestApp) {
    let address = app.gateway_a().address;
    for subprotocol in [None, Some("graphql-ws"), Some("nonsense")] {
        // Without a library, which would fail if the gateway selects none of the offered subprotocols.
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let header =
            subprotocol.map_or(String::new(), |value| format!("sec-websocket-protocol: {value}\r\n"));
        let upgrade = format!(
            "GET /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n"
        );
        stream.write_all(upgrade.as_bytes()).await.expect("sent");
        let (mut response, mut buffer) = (Vec::new(), [0; 1024]);
        let reason = b"Subprotocol not acceptable";
        while !response.ends_with(reason) {
            let count = stream.read(&mut buffer).await.expect("a response");
            assert!(count > 0, "{}", String::from_utf8_lossy(&response));
            response.extend_from_slice(buffer.get(..count).expect("as many as were read"));
        }
        // A close frame: opcode, length, code and reason.
        let frame = [&[0x88, 28], &4406_u16.to_be_bytes()[..], reason].concat();
        assert!(response.ends_with(&frame), "{subprotocol:?}: {}", String::from_utf8_lossy(&response));
    }
    // Like a browser, this client fails the handshake unless one of its subprotocols is selected.
    for subprotocol in ["graphql-ws", "nonsense", "nonsense, graphql-ws", ", nonsense"] {
        let mut socket = Socket::connect(address, Some(subprotocol), &[]).await.expect("a handshake");
        assert_eq!(socket.expect_close().await, (4406, "Subprotocol not acceptable".to_owned()));
    }
    Socket::connect(address, Some("graphql-ws, graphql-transport-ws"), &[])
        .await
        .expect("one of the two is supported");
}

async fn a_socket_without_connection_init_is_closed_with_4408(app: TestApp) {
    let start = Instant::now();
    let mut socket = Socket::open_without_init(app.gateway_a().address).await;
    assert_eq!(socket.expect_close().await, (4408, "Connection initialisation timeout".to_owned()));
    assert!(start.elapsed() >= Duration::from_secs(3));
}

async fn an_invalid_message_closes_with_4400(app: TestApp) {
    for message in ["", "nonsense", "[]", "{}", r#"{"type":"start"}"#, r#"{"type":"subscribe","id":"1"}"#] {
        let mut socket = app.gateway_a().socket().await;
        socket.send_text(message).await;
        let (code, reason) = socket.expect_close().await;
        assert_eq!(code, 4400, "{message}");
        assert!(reason.starts_with("Invalid message"), "{reason}");
    }
}

async fn subscribing_before_connection_init_closes_with_4401(app: TestApp) {
    let mut socket = Socket::open_without_init(app.gateway_a().address).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.expect_close().await, (4401, "Unauthorized".to_owned()));
}

async fn invalid_credentials_close_with_4403(app: TestApp) {
    let mut socket = Socket::open_without_init(app.gateway_b().address).await;
    socket.send_connection_init(Some("nonsense")).await;
    assert_eq!(socket.expect_close().await, (4403, "Forbidden".to_owned()));
    let mut socket = Socket::open_without_init(app.gateway_a().address).await;
    socket.send(json!({ "type": "connection_init", "payload": { "authorization": 7 } })).await;
    assert_eq!(socket.expect_close().await.0, 4403);
}

async fn a_second_connection_init_closes_with_4429(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    socket.send_connection_init(None).await;
    assert_eq!(socket.expect_close().await, (4429, "Too many initialisation requests".to_owned()));
}

async fn a_used_operation_id_closes_with_4409_and_is_free_once_completed(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    for _ in 0..3 {
        socket.subscribe("1", GIG_PUBLISHED, json!({})).await;
        socket.complete("1").await;
    }
    socket.subscribe("1", GIG_PUBLISHED, json!({})).await;
    socket.subscribe("1", GIG_PUBLISHED, json!({})).await;
    assert_eq!(socket.expect_close().await, (4409, "Subscriber for 1 already exists".to_owned()));
}

async fn pings_are_answered_with_their_payload(app: TestApp) {
    let mut socket = Socket::open_without_init(app.gateway_a().address).await;
    socket.send(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong", "payload": { "n": 1 } }));
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    socket.send(json!({ "type": "pong" })).await;
    socket.send_connection_init(None).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
}

async fn a_binary_message_closes_with_4400(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    socket.send_binary(br#"{"type":"ping"}"#).await;
    assert_eq!(socket.expect_close().await, (4400, "Binary messages are not supported".to_owned()));
}

async fn a_too_large_message_closes_with_1009(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    let filler = "x".repeat(1024 * 1024);
    socket.send(json!({ "type": "ping", "payload": { "filler": filler } })).await;
    assert_eq!(socket.expect_close().await, (1009, "A message may have at most 458752 bytes".to_owned()));
}

async fn completed_operations_send_nothing_more_and_unknown_ids_are_ignored(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut socket = ann.client.socket().await;
    // Completing an unknown operation is allowed: it may have just ended.
    socket.complete("nothing").await;
    socket.subscribe("mine", GIG_STATUS_CHANGED, json!({})).await;
    socket.subscribe("q", "{ __typename }", json!({})).await;
    assert_eq!(socket.receive_for("q").await["type"], "next");
    assert_eq!(socket.receive_for("q").await, json!({ "id": "q", "type": "complete" }));
    socket.complete("mine").await;
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    ann.post(app.gig_form("I will write a song for you").await).await;
    socket.expect_silence("mine").await;
}

async fn queries_and_mutations_work_over_the_socket(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut socket = ann.client.socket().await;
    socket.subscribe("q", "{ viewer { email } }", json!({})).await;
    let expected =
        json!({ "id": "q", "type": "next", "payload": { "data": { "viewer": { "email": ann.email } } } });
    assert_eq!(socket.receive().await, expected);
    assert_eq!(socket.receive().await, json!({ "id": "q", "type": "complete" }));
    let save = "mutation { saveGigDraft(input: { title: \"Song\" }) { gig { status } errors { code } } }";
    socket.subscribe("m", save, json!({})).await;
    assert_eq!(socket.next_event("m").await, json!({ "gig": { "status": "DRAFT" }, "errors": [] }));
    // Errors during execution are sent as `next`.
    socket.subscribe("e", "{ viewer { email } reviewQueue { totalCount } }", json!({})).await;
    let message = socket.receive_for("m").await;
    assert_eq!(message["type"], "complete");
    let message = socket.receive_for("e").await;
    let expected = json!({ "viewer": { "email": ann.email }, "reviewQueue": null });
    assert_eq!((&message["type"], &message["payload"]["data"]), (&json!("next"), &expected), "{message}");
}

async fn an_operation_that_fails_before_execution_ends_with_an_error(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    let cases = [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        (GIG_STATUS_CHANGED, "UNAUTHENTICATED"),
        (QUEUE_CHANGED, "UNAUTHENTICATED"),
    ];
    for (query, code) in cases {
        socket.subscribe("1", query, json!({})).await;
        assert_eq!(socket.expect_error("1").await, [code], "{query}");
    }
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.receive_for("1").await["type"], "next");
}

async fn a_socket_can_run_at_most_a_hundred_operations(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    for number in 0..101 {
        socket.subscribe(&number.to_string(), GIG_PUBLISHED, json!({})).await;
    }
    assert_eq!(socket.expect_error("100").await, ["RATE_LIMITED"]);
    socket.complete("7").await;
    socket.subscribe("100", "{ __typename }", json!({})).await;
    assert_eq!(socket.receive_for("100").await["type"], "next");
}

async fn sockets_from_other_origins_are_rejected(app: TestApp) {
    let address = app.gateway_a().address;
    let open = async |origin: &str| {
        Socket::connect(address, Some("graphql-transport-ws"), &[("origin", origin)]).await.is_ok()
    };
    assert!(!open("https://evil.example.com").await);
    assert!(open("http://localhost:3000").await);
}

on_both_back_ends!(
    a_socket_requires_the_graphql_transport_ws_subprotocol,
    a_socket_without_connection_init_is_closed_with_4408,
    an_invalid_message_closes_with_4400,
    subscribing_before_connection_init_closes_with_4401,
    invalid_credentials_close_with_4403,
    a_second_connection_init_closes_with_4429,
    a_used_operation_id_closes_with_4409_and_is_free_once_completed,
    pings_are_answered_with_their_payload,
    a_binary_message_closes_with_4400,
    a_too_large_message_closes_with_1009,
    completed_operations_send_nothing_more_and_unknown_ids_are_ignored,
    queries_and_mutations_work_over_the_socket,
    an_operation_that_fails_before_execution_ends_with_an_error,
    a_socket_can_run_at_most_a_hundred_operations,
    sockets_from_other_origins_are_rejected,
);

/// Over SQLite only, because the shutdown of the HTTP layer does not depend on the back end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_gateway_closes_sockets_and_finishes_running_requests() {
    let mut app = TestApp::on_sqlite().await;
    let client = app.gateway_a();
    let mut socket = client.socket().await;
    socket.subscribe("live", GIG_PUBLISHED, json!({})).await;

    // A running request: the gateway has received the headers and waits for the body.
    let body = r#"{"query":"{ categories { id } }"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: gigway\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut running = TcpStream::connect(client.address).await.expect("a connection");
    running.write_all(head.as_bytes()).await.expect("sent");
    let mut interim = [0; 25];
    running.read_exact(&mut interim).await.expect("a response");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");

    let start = Instant::now();
    let stopping = tokio::spawn(async move { app.stop_gateway().await });
    assert_eq!(socket.expect_close().await, (1001, "Going away".to_owned()));
    wait_until("new connections are refused", async || TcpStream::connect(client.address).await.is_err())
        .await;
    running.write_all(body.as_bytes()).await.expect("sent");
    let mut response = String::new();
    running.read_to_string(&mut response).await.expect("a response");
    assert!(response.starts_with("HTTP/1.1 200 OK") && response.contains("cat_"), "{response}");
    stopping.await.expect("it stops");
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// With one second between pings instead of 25.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_answer_pings_is_disconnected() {
    let settings = Settings { socket_ping_seconds: Some("1".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let mut responsive = app.gateway_a().socket().await;
    let mut silent = app.gateway_a().socket().await;
    for _ in 0..4 {
        assert_eq!(responsive.receive().await, json!({ "type": "ping" }));
        responsive.send(json!({ "type": "pong" })).await;
    }
    // After two unanswered pings the connection is dropped without a close frame.
    assert_eq!(silent.receive().await, json!({ "type": "ping" }));
    assert_eq!(silent.receive().await, json!({ "type": "ping" }));
    silent.expect_end().await;
    responsive.subscribe("q", "{ __typename }", json!({})).await;
    assert_eq!(responsive.receive_for("q").await["type"], "next");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_init_timeout_is_configurable() {
    let settings = Settings { socket_init_seconds: Some("1".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let mut socket = Socket::open_without_init(app.gateway_a().address).await;
    assert_eq!(socket.expect_close().await.0, 4408);
}
