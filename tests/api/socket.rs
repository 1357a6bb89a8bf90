//! graphql-transport-ws: its messages and its close codes.

use std::time::{Duration, Instant};

use gigway::config::Settings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::documents::{GIG_PUBLISHED, GIG_STATUS_CHANGED, QUEUE_CHANGED, SIGN_OUT};
use crate::support::on_both_back_ends;
use crate::support::proxy::until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

async fn a_socket_speaks_the_one_subprotocol(app: TestApp) {
    let address = app.gateway_a().address;
    for wrong in [None, Some("graphql-ws"), Some("nonsense")] {
        // By hand: a client's library would refuse by itself where it is given none of what it asked for.
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let asked = wrong.map_or(String::new(), |wrong| format!("sec-websocket-protocol: {wrong}\r\n"));
        let upgrade = format!(
            "GET /graphql HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{asked}\r\n"
        );
        stream.write_all(upgrade.as_bytes()).await.expect("sent");
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        let reason = b"Subprotocol not acceptable";
        while !answer.ends_with(reason) {
            let count = stream.read(&mut buffer).await.expect("an answer");
            assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(buffer.get(..count).expect("as many as were read"));
        }
        // A close frame: its opcode, its length, its code.
        let frame = [&[0x88, 28], &4406_u16.to_be_bytes()[..], reason].concat();
        assert!(answer.ends_with(&frame), "{wrong:?}: {}", String::from_utf8_lossy(&answer));
    }
    Socket::connect(address, Some("graphql-ws, graphql-transport-ws"), &[])
        .await
        .expect("one of both will do");
}

async fn a_client_that_does_not_introduce_itself_is_closed(app: TestApp) {
    let began = Instant::now();
    let mut socket = Socket::silent(app.gateway_a().address).await;
    assert_eq!(socket.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    assert!(began.elapsed() >= Duration::from_secs(3));
}

async fn what_is_no_message_is_4400(app: TestApp) {
    for wrong in ["", "nonsense", "[]", "{}", r#"{"type":"start"}"#, r#"{"type":"subscribe","id":"1"}"#] {
        let mut socket = app.gateway_a().socket().await;
        socket.say_text(wrong).await;
        let (code, reason) = socket.closed().await;
        assert_eq!(code, 4400, "{wrong}");
        assert!(reason.starts_with("Invalid message"), "{reason}");
    }
}

async fn who_has_not_introduced_themselves_may_not_subscribe(app: TestApp) {
    let mut socket = Socket::silent(app.gateway_a().address).await;
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".to_owned()));
}

async fn credentials_that_are_not_good_are_4403(app: TestApp) {
    let ann = app.member("Ann").await;
    ann.client.done(SIGN_OUT, json!({})).await;
    for token in [ann.client.token().expect("a token"), "nonsense", ""] {
        let mut socket = Socket::silent(app.gateway_b().address).await;
        socket.introduce(Some(token)).await;
        assert_eq!(socket.closed().await, (4403, "Forbidden".to_owned()));
    }
    let mut socket = Socket::silent(app.gateway_a().address).await;
    socket.say(json!({ "type": "connection_init", "payload": { "authorization": 7 } })).await;
    assert_eq!(socket.closed().await.0, 4403);
}

async fn a_second_introduction_is_4429(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    socket.introduce(None).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".to_owned()));
}

async fn an_id_that_is_in_use_is_4409_and_free_once_it_is_completed(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    for _ in 0..3 {
        socket.subscribe("1", GIG_PUBLISHED, json!({})).await;
        socket.complete("1").await;
    }
    socket.subscribe("1", GIG_PUBLISHED, json!({})).await;
    socket.subscribe("1", GIG_PUBLISHED, json!({})).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for 1 already exists".to_owned()));
}

async fn pings_are_answered_with_their_payload(app: TestApp) {
    let mut socket = Socket::silent(app.gateway_a().address).await;
    socket.say(json!({ "type": "ping", "payload": { "n": 1 } })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong", "payload": { "n": 1 } }));
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    socket.say(json!({ "type": "pong" })).await;
    socket.introduce(None).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
}

async fn a_binary_message_is_4400(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    socket.say_binary(br#"{"type":"ping"}"#).await;
    assert_eq!(socket.closed().await, (4400, "Messages are text".to_owned()));
}

async fn a_message_that_is_too_large_is_1009(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    let filler = "x".repeat(1024 * 1024);
    socket.say(json!({ "type": "ping", "payload": { "filler": filler } })).await;
    assert_eq!(socket.closed().await, (1009, "A message may have at most 1048576 bytes".to_owned()));
}

async fn what_is_completed_or_unknown_says_nothing_more(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut socket = ann.client.socket().await;
    // Completing what never was is no fault: it may have ended meanwhile.
    socket.complete("nothing").await;
    socket.subscribe("mine", GIG_STATUS_CHANGED, json!({})).await;
    socket.subscribe("q", "{ __typename }", json!({})).await;
    assert_eq!(socket.about("q").await["type"], "next");
    assert_eq!(socket.about("q").await, json!({ "id": "q", "type": "complete" }));
    socket.complete("mine").await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
    ann.post(app.gig_form("I will write a song for you").await).await;
    socket.expect_silence("mine").await;
}

async fn queries_and_mutations_go_over_the_socket(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut socket = ann.client.socket().await;
    socket.subscribe("q", "{ viewer { email } }", json!({})).await;
    let expected =
        json!({ "id": "q", "type": "next", "payload": { "data": { "viewer": { "email": ann.email } } } });
    assert_eq!(socket.receive().await, expected);
    assert_eq!(socket.receive().await, json!({ "id": "q", "type": "complete" }));
    let save = "mutation { saveGigDraft(input: { title: \"Song\" }) { gig { status } errors { code } } }";
    socket.subscribe("m", save, json!({})).await;
    assert_eq!(socket.event("m").await, json!({ "gig": { "status": "DRAFT" }, "errors": [] }));
    // What fails in execution is an answer like any other.
    socket.subscribe("e", "{ viewer { email } reviewQueue { totalCount } }", json!({})).await;
    let message = socket.about("m").await;
    assert_eq!(message["type"], "complete");
    let message = socket.about("e").await;
    assert_eq!((&message["type"], &message["payload"]["data"]), (&json!("next"), &json!(null)), "{message}");
}

async fn what_fails_before_execution_is_an_error_and_ends_the_operation(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    let cases = [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        (GIG_STATUS_CHANGED, "UNAUTHENTICATED"),
        (QUEUE_CHANGED, "UNAUTHENTICATED"),
    ];
    for (query, code) in cases {
        socket.subscribe("1", query, json!({})).await;
        assert_eq!(socket.failure("1").await, [code], "{query}");
    }
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.about("1").await["type"], "next");
}

async fn a_socket_has_at_most_a_hundred_operations(app: TestApp) {
    let mut socket = app.gateway_a().socket().await;
    for number in 0..101 {
        socket.subscribe(&number.to_string(), GIG_PUBLISHED, json!({})).await;
    }
    assert_eq!(socket.failure("100").await, ["RATE_LIMITED"]);
    socket.complete("7").await;
    socket.subscribe("100", "{ __typename }", json!({})).await;
    assert_eq!(socket.about("100").await["type"], "next");
}

async fn a_page_of_another_origin_opens_no_socket(app: TestApp) {
    let address = app.gateway_a().address;
    let open = async |origin: &str| {
        Socket::connect(address, Some("graphql-transport-ws"), &[("origin", origin)]).await.is_ok()
    };
    assert!(!open("https://evil.example.com").await);
    assert!(open("http://localhost:3000").await);
}

on_both_back_ends!(
    a_socket_speaks_the_one_subprotocol,
    a_client_that_does_not_introduce_itself_is_closed,
    what_is_no_message_is_4400,
    who_has_not_introduced_themselves_may_not_subscribe,
    credentials_that_are_not_good_are_4403,
    a_second_introduction_is_4429,
    an_id_that_is_in_use_is_4409_and_free_once_it_is_completed,
    pings_are_answered_with_their_payload,
    a_binary_message_is_4400,
    a_message_that_is_too_large_is_1009,
    what_is_completed_or_unknown_says_nothing_more,
    queries_and_mutations_go_over_the_socket,
    what_fails_before_execution_is_an_error_and_ends_the_operation,
    a_socket_has_at_most_a_hundred_operations,
    a_page_of_another_origin_opens_no_socket,
);

/// One back end is enough for this: what stops is the edge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_stops_says_so_to_its_sockets_and_ends_what_runs() {
    let mut app = TestApp::on_sqlite().await;
    let client = app.gateway_a();
    let mut socket = client.socket().await;
    socket.subscribe("live", GIG_PUBLISHED, json!({})).await;

    // A request whose body is still to come: the gateway asks for it once it has begun to answer.
    let body = r#"{"query":"{ categories { id } }"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: gigway\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut running = TcpStream::connect(client.address).await.expect("a connection");
    running.write_all(head.as_bytes()).await.expect("sent");
    let mut asked = [0; 25];
    running.read_exact(&mut asked).await.expect("an answer");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");

    let began = Instant::now();
    let stopping = tokio::spawn(async move { app.stop_gateway().await });
    assert_eq!(socket.closed().await, (1001, "Going away".to_owned()));
    until("it takes no more work", async || TcpStream::connect(client.address).await.is_err()).await;
    running.write_all(body.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("cat_"), "{answer}");
    stopping.await.expect("it stops");
    assert!(began.elapsed() < Duration::from_secs(10));
}

/// A second between pings, so that a test does not wait for twenty-five.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_asked_whether_it_is_there_and_dropped_when_it_is_not() {
    let settings = Settings { socket_ping_seconds: Some("1".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let mut answers = app.gateway_a().socket().await;
    let mut silent = app.gateway_a().socket().await;
    for _ in 0..4 {
        assert_eq!(answers.receive().await, json!({ "type": "ping" }));
        answers.say(json!({ "type": "pong" })).await;
    }
    // Two are not answered, and then there is no socket, and no word.
    assert_eq!(silent.receive().await, json!({ "type": "ping" }));
    assert_eq!(silent.receive().await, json!({ "type": "ping" }));
    silent.expect_end().await;
    answers.subscribe("q", "{ __typename }", json!({})).await;
    assert_eq!(answers.about("q").await["type"], "next");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_to_introduce_oneself_can_be_set() {
    let settings = Settings { socket_init_seconds: Some("1".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let mut socket = Socket::silent(app.gateway_a().address).await;
    assert_eq!(socket.closed().await.0, 4408);
}
