//! Clients that send slowly, or never to the end, and clients that read nothing.

use std::time::{Duration, Instant};

use gigway::config::Settings;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::documents::{GIG_PUBLISHED, PAUSE_GIG, RESUME_GIG, SIGN_OUT, introspection};
use crate::support::proxy::wait_until;
use crate::support::raw_connection::{RawConnection, frame, frame_head, head};
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

const JSON: &str = "content-type: application/json\r\n";

/// Starts a gateway whose time limits are one second instead of 20 and 60.
async fn with_short_timeouts() -> TestApp {
    let second = || Some("1".to_owned());
    let settings = Settings { message_seconds: second(), stall_seconds: second(), ..Settings::default() };
    TestApp::start(settings, 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_must_arrive_in_time() {
    let app = with_short_timeouts().await;
    let mut connection = RawConnection::open(app.gateway_a().address).await;
    connection.send(head("POST /graphql", JSON, 100) + "{").await;
    let response = connection.read_text().await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert!(response.contains("within 1 seconds") && response.contains("connection: close"), "{response}");
}

/// The code and the reason of the close frame at the end of what was received.
fn close_frame(received: &[u8]) -> (u16, String) {
    let start = received.windows(2).rposition(|bytes| bytes[0] == 0x88).expect("a close frame");
    let (code, reason) = (&received[start + 2..start + 4], &received[start + 4..]);
    (u16::from_be_bytes([code[0], code[1]]), String::from_utf8_lossy(reason).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_message_must_arrive_in_time() {
    let app = with_short_timeouts().await;
    let timeout = (4408, "A message must arrive completely within 1 seconds".to_owned());
    let incomplete = [frame_head(0x81, 1000), vec![b' '; 500]].concat();
    let ping = frame(0x81, br#"{"type":"ping"}"#);
    // A frame that is incomplete, also together with a whole message, its header alone, and a message that
    // lacks its last frame.
    let together = [ping, incomplete.clone()].concat();
    for part in [incomplete, together, vec![0x81], frame(0x01, &[b' '; 500])] {
        let mut connection = RawConnection::open(app.gateway_a().address).await;
        connection.upgrade_and_init().await;
        let start = Instant::now();
        connection.send(&part).await;
        assert_eq!(close_frame(&connection.read_to_end().await), timeout);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    // Pings between its frames do not help; on their own they do no harm.
    let mut pinging = RawConnection::open(app.gateway_a().address).await;
    pinging.upgrade_and_init().await;
    for _ in 0..10 {
        pinging.send(frame(0x89, b"ping")).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    pinging.send(frame(0x01, b"{")).await;
    let start = Instant::now();
    while pinging.try_send(frame(0x89, b"ping")).await && start.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(5), "it should be closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_an_operation_has_at_most_128_bytes() {
    let app = TestApp::on_sqlite().await;
    for id in ["x".repeat(129), "é".repeat(65), "x".repeat(300_000)] {
        let mut socket = app.gateway_a().socket().await;
        socket.subscribe(&id, "{ __typename }", json!({})).await;
        let reason = "Invalid message: `id` may have at most 128 bytes".to_owned();
        assert_eq!(socket.expect_close().await, (4400, reason.clone()));
        let mut socket = app.gateway_a().socket().await;
        socket.complete(&id).await;
        assert_eq!(socket.expect_close().await, (4400, reason));
    }
    let mut socket = app.gateway_a().socket().await;
    let longest = "x".repeat(128);
    socket.subscribe(&longest, "{ __typename }", json!({})).await;
    assert_eq!(socket.receive_for(&longest).await["type"], "next");
}

/// Sends most of a large request, and not the rest.
async fn send_most(client: &Client, headers: &str) -> RawConnection {
    let mut connection = RawConnection::open(client.address).await;
    connection.send(head("POST /graphql", &format!("{JSON}{headers}"), 400 * 1024)).await;
    connection.try_send(vec![b' '; 300 * 1024]).await;
    connection
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_requests_of_one_network_take_a_limited_amount_of_memory() {
    let app = TestApp::on_sqlite().await;
    let (ann, client) = (app.member("Ann").await, app.gateway_a());
    let mut incomplete = Vec::new();
    for _ in 0..60 {
        incomplete.push(send_most(&client, "").await);
    }
    let mut refused = send_most(&client, "").await;
    let response = refused.read_text().await;
    assert!(response.starts_with("HTTP/1.1 429") && response.contains("RATE_LIMITED"), "{response}");
    assert!(response.contains("retry-after: 5"), "{response}");
    let mut socket = RawConnection::open(client.address).await;
    socket.upgrade_and_init().await;
    socket.try_send(frame_head(0x81, 400 * 1024)).await;
    socket.try_send(vec![b' '; 395 * 1024]).await;
    assert_eq!(close_frame(&socket.read_to_end().await), (1013, "Try again later".to_owned()));
    // Small requests are served, and so are the large ones of others.
    assert_eq!(client.run("{ __typename }", json!({})).await["__typename"], "Query");
    let spaces = " ".repeat(60_000);
    let data = ann.client.run(&format!("{{ viewer {{ email {spaces} }} }}"), json!({})).await;
    assert_eq!(data["viewer"]["email"], json!(ann.email));
    drop(incomplete);
    wait_until("the memory is free again", async || {
        let query = format!("{{ __typename {spaces} }}");
        client.execute(&query, json!({})).await["data"]["__typename"] == "Query"
    })
    .await;
}

/// Starts a gateway that disconnects clients soon, with a gig that has a long description. Returns also a
/// query whose response is larger than what the kernel sends ahead.
async fn with_large_response() -> (TestApp, TestUser, String) {
    let settings = Settings {
        stall_seconds: Some("3".to_owned()),
        socket_ping_seconds: Some("2".to_owned()),
        limits: Some(json!({ "gig": { "descriptionMaxChars": 100_000 } }).to_string()),
        operation_limits: Some(json!({ "variablesBytes": 128 * 1024 }).to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let mut form = app.gig_form("I will write a song for you").await;
    form["description"] = json!("Three minutes of music, made for you alone. ".repeat(1900).trim());
    let id = ann.post(form).await;
    app.reviewer("Rita").await.approve(&id).await;
    let copies: Vec<_> = (0..95).map(|number| format!("a{number}: description ")).collect();
    let query = format!("{{ gig(id: \"{id}\") {{ {} }} }}", copies.concat());
    (app, ann, query)
}

/// The receive buffer of a client that reads slowly, so that the gateway notices how much it has read.
const BUFFER: u32 = 64 * 1024;

/// Reads a little of a large response again and again, for longer than a client may read nothing.
async fn read_slowly(connection: &mut RawConnection) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(8) {
        connection.skip(8 * 1024).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads until this text has come.
async fn read_until(connection: &mut RawConnection, text: &str) {
    let mut tail = Vec::new();
    while !String::from_utf8_lossy(&tail).contains(text) {
        tail.drain(..tail.len().saturating_sub(text.len()));
        tail.extend(connection.read_some().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_slowly_but_steadily_gets_the_whole_response() {
    let (app, _ann, query) = with_large_response().await;
    let body = json!({ "query": query }).to_string();
    let mut connection = RawConnection::open_with_buffer(BUFFER, app.gateway_a().address).await;
    let headers = format!("{JSON}connection: close\r\n");
    connection.send(head("POST /graphql", &headers, body.len()) + &body).await;
    let response = connection.read_head().await;
    let length = response.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let start = Instant::now();
    read_slowly(&mut connection).await;
    let rest = connection.read_to_end().await;
    assert!(rest.len() > 3_000_000 && rest.ends_with(b"\"}}}"), "{length} {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_whose_client_reads_slowly_stays_open() {
    let (app, _ann, query) = with_large_response().await;
    let mut socket = RawConnection::open_with_buffer(BUFFER, app.gateway_a().address).await;
    socket.upgrade_and_init().await;
    let message = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } });
    socket.send(frame(0x81, message.to_string().as_bytes())).await;
    read_slowly(&mut socket).await;
    // The whole response, the ping that comes when the client reads again, and the answer to a pong.
    socket.skip(5_500_000).await;
    read_until(&mut socket, r#"{"type":"complete","id":"1"}"#).await;
    socket.send(frame(0x81, br#"{"type":"ping"}"#)).await;
    read_until(&mut socket, r#"{"type":"pong"}"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_message_closes_the_socket_with_a_code() {
    let app = TestApp::on_sqlite().await;
    for (sent, code, reason) in [
        (frame_head(0x81, 3 * 1024 * 1024), 1009, "A message may have at most 458752 bytes"),
        (frame(0x81, b"{\"type\":\"\xff\"}"), 1007, "A text message must be UTF-8"),
        (frame(0xf1, b"{}"), 1002, "WebSocket protocol error"),
        (frame(0x80, b"{}"), 1002, "WebSocket protocol error"),
    ] {
        let mut socket = RawConnection::open(app.gateway_a().address).await;
        socket.upgrade_and_init().await;
        socket.send(sent).await;
        assert_eq!(close_frame(&socket.read_to_end().await), (code, reason.to_owned()));
    }
    let mut socket = RawConnection::open(app.gateway_a().address).await;
    socket.upgrade_and_init().await;
    socket.try_send([frame_head(0x81, 3 * 1024 * 1024), vec![b' '; 3 * 1024 * 1024]].concat()).await;
    assert_eq!(socket.read_some().await[..4], [0x88, 41, 0x03, 0xf1]);
}

/// The value of a metric.
async fn metric(app: &TestApp, name: &str) -> u64 {
    let text = app.gateway_a().fetch("/metrics").await.1.text().await.expect("a text");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).expect("the metric");
    line.parse().expect("a number")
}

/// A subscription whose events are large.
fn large_events() -> String {
    let copies: Vec<_> = (0..90).map(|number| format!("a{number}: description ")).collect();
    let copies = copies.concat();
    format!("subscription {{ gigStatusChanged {{ gig {{ {copies} }} }} }}")
}

/// Opens a stream of large events that nobody reads, and sends events until its connection is full.
async fn open_unread_stream(app: &TestApp, user: &TestUser, accept: &str) -> RawConnection {
    let body = json!({ "query": large_events() }).to_string();
    let token = user.client.token().expect("a token");
    let headers = format!("{JSON}accept: {accept}\r\nauthorization: Bearer {token}\r\n");
    let mut connection = RawConnection::open_with_buffer(4096, user.client.address).await;
    connection.send(head("POST /graphql", &headers, body.len()) + &body).await;
    wait_until("the stream is open", async || metric(app, "gigway_streams_open").await == 1).await;
    connection
}

/// Changes a gig often. Its description is long.
async fn cause_events(app: &TestApp, user: &TestUser) {
    let mut form = app.gig_form("I will write a song for you").await;
    form["description"] = json!("Three minutes of music, made for you alone. ".repeat(46));
    let id = user.post(form).await;
    let reviewer = app.reviewer("Rita").await;
    reviewer.approve(&id).await;
    for _ in 0..20 {
        user.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
        user.client.mutate(RESUME_GIG, json!({ "id": id })).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_ends_with_its_session() {
    for accept in ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"] {
        let app = TestApp::on_sqlite().await;
        let ann = app.member("Ann").await;
        let elsewhere = app.sign_in(&ann.email).await;
        let _unread = open_unread_stream(&app, &ann, accept).await;
        cause_events(&app, &elsewhere).await;
        assert_eq!(metric(&app, "gigway_streams_open").await, 1);
        ann.client.mutate(SIGN_OUT, json!({})).await;
        wait_until("the stream has ended", async || metric(&app, "gigway_streams_open").await == 0).await;
        assert_eq!(metric(&app, "gigway_subscriptions_open").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_is_disconnected() {
    let app = with_short_timeouts().await;
    let ann = app.member("Ann").await;
    let _unread = open_unread_stream(&app, &ann, "text/event-stream").await;
    cause_events(&app, &ann).await;
    wait_until("the stream has ended", async || metric(&app, "gigway_streams_open").await == 0).await;
    // A socket with more responses than fit, and one with a single response that does.
    let mut socket = RawConnection::open_with_buffer(4096, app.gateway_a().address).await;
    socket.upgrade().await;
    socket.send(frame(0x81, br#"{"type":"connection_init"}"#)).await;
    let query: Value = json!({ "query": introspection() });
    for id in 0..2 {
        let message = json!({ "type": "subscribe", "id": id.to_string(), "payload": query });
        socket.send(frame(0x81, message.to_string().as_bytes())).await;
    }
    assert_eq!(metric(&app, "gigway_sockets_open").await, 1);
    wait_until("the socket has ended", async || metric(&app, "gigway_sockets_open").await == 0).await;
    // A client that has nothing to read stays.
    let mut idle = app.gateway_a().socket().await;
    idle.subscribe("1", GIG_PUBLISHED, json!({})).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    idle.subscribe("2", "{ __typename }", json!({})).await;
    assert_eq!(idle.receive_for("2").await["type"], "next");
}
