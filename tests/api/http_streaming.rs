//! Subscriptions over HTTP: server-sent events, the tickets that open them, and multipart responses.

use chrono::TimeDelta;
use gigway::config::Settings;
use gigway::domain::event::Topic;
use gigway::domain::id::{PublicId, UserId};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::client::{Client, text};
use crate::support::documents::{
    GIG_PUBLISHED, GIG_STATUS_CHANGED, PAUSE_GIG, QUEUE_CHANGED, RESUME_GIG, SIGN_OUT, SIGN_UP,
};
use crate::support::event_stream::{EventStream, StreamEvent};
use crate::support::on_both_back_ends;
use crate::support::process::{GatewayProcess, gigway};
use crate::support::proxy::wait_until;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

pub const TICKET: &str =
    "mutation { createStreamTicket { streamTicket { ticket expiresAt } errors { code } } }";

pub async fn ticket(user: &TestUser) -> String {
    text(&user.client.mutate(TICKET, json!({})).await["streamTicket"]["ticket"])
}

/// Opens a stream like a browser's EventSource: by GET, without an authorization header.
async fn open(client: &Client, query: &str, variables: Value, parameters: &[(&str, &str)]) -> Response {
    let anonymous = Client::new(client.address);
    let request = anonymous.get("/graphql").header("accept", "text/event-stream");
    let variables = variables.to_string();
    let parameters = [&[("query", query), ("variables", &variables)], parameters].concat();
    request.query(&parameters).send().await.expect("a response")
}

async fn post(client: &Client, query: &str, variables: Value, accept: &str) -> Response {
    let body = json!({ "query": query, "variables": variables });
    client.post("/graphql").header("accept", accept).json(&body).send().await.expect("a response")
}

async fn next(stream: &mut EventStream) -> (StreamEvent, Value) {
    let event = stream.next().await.expect("a stream").expect("an event");
    let data = serde_json::from_str(&event.data).unwrap_or_default();
    (event, data)
}

/// Returns a seller and the id of a listed gig of theirs.
pub async fn list_gig(app: &TestApp) -> (TestUser, String) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    (ann, id)
}

async fn every_event_has_its_cursor_as_id_and_last_event_id_resumes_after_it(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let response =
        post(&ann.at(&app.gateway_b()), GIG_STATUS_CHANGED, json!({ "id": id }), "text/event-stream").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let mut stream = EventStream::new(response);
    let (first, snapshot) = next(&mut stream).await;
    assert!(stream.retry.is_some());
    let snapshot = &snapshot["data"]["gigStatusChanged"];
    assert_eq!((&snapshot["delivery"], first.name.as_str()), (&json!("SNAPSHOT"), "next"));
    assert_eq!(text(&snapshot["cursor"]), first.id);
    for mutation in [PAUSE_GIG, RESUME_GIG, PAUSE_GIG] {
        ann.client.mutate(mutation, json!({ "id": id })).await;
    }
    let (paused, event) = next(&mut stream).await;
    assert_eq!(event["data"]["gigStatusChanged"]["version"], json!(3));
    drop(stream);
    // The URL still has the first cursor: the `last-event-id` header takes precedence.
    let request = ann.client.get("/graphql").header("accept", "text/event-stream");
    let variables = json!({ "id": id, "after": first.id }).to_string();
    let request = request.query(&[("query", GIG_STATUS_CHANGED), ("variables", &variables)]);
    let response = request.header("last-event-id", &paused.id).send().await.expect("a response");
    let mut stream = EventStream::new(response);
    for version in [4, 5] {
        let (_, event) = next(&mut stream).await;
        let event = &event["data"]["gigStatusChanged"];
        assert_eq!((&event["version"], &event["delivery"]), (&json!(version), &json!("REPLAY")));
    }
}

async fn queries_mutations_and_errors_are_one_event_and_complete(app: TestApp) {
    let ann = app.member("Ann").await;
    let codes = |code: &str| json!([code]);
    for (query, variables, expected) in [
        ("{ viewer { email } }", json!({}), json!({ "viewer": { "email": ann.email } })),
        ("mutation { signOut { errors { code } } }", json!({}), json!({ "signOut": { "errors": [] } })),
    ] {
        let mut stream = EventStream::new(post(&ann.client, query, variables, "text/event-stream").await);
        let (event, body) = next(&mut stream).await;
        assert_eq!((event.name.as_str(), &body["data"]), ("next", &expected));
        let (end, _) = next(&mut stream).await;
        assert_eq!((end.name.as_str(), end.data.as_str()), ("complete", ""));
        assert!(stream.next().await.expect("a stream").is_none());
    }
    let bob = app.member("Bob").await;
    for (query, code) in [
        ("subscription { reviewQueueChanged { cursor } }", "FORBIDDEN"),
        ("subscription { gigStatusChanged(after: \"nonsense\") { cursor } }", "INVALID_CURSOR"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { gigPublished @skip(if: true) { cursor } }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let mut stream = EventStream::new(post(&bob.client, query, json!({}), "text/event-stream").await);
        let (_, body) = next(&mut stream).await;
        assert_eq!(json!([body["errors"][0]["extensions"]["code"]]), codes(code), "{query}: {body}");
        assert!(body.get("data").is_none(), "{query}: {body}");
        assert_eq!(next(&mut stream).await.0.name, "complete");
    }
    let response = open(&app.gateway_a(), "mutation { signOut { sessionsEnded } }", json!({}), &[]).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

async fn a_stream_ticket_only_opens_streams_of_its_session(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let ticket_of_ann = ticket(&ann).await;
    let parameter = [("ticket", ticket_of_ann.as_str())];
    let mut stream =
        EventStream::new(open(&app.gateway_b(), GIG_STATUS_CHANGED, json!({ "id": id }), &parameter).await);
    assert_eq!(next(&mut stream).await.1["data"]["gigStatusChanged"]["delivery"], "SNAPSHOT");
    // It is not accepted for queries, nor as an access token.
    let viewer = [("query", "{ viewer { email } }"), ("ticket", &ticket_of_ann)];
    let response = app.gateway_a().get("/graphql").query(&viewer).send().await.expect("a response");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["data"]["viewer"], Value::Null);
    let mut query_stream =
        EventStream::new(open(&app.gateway_a(), "{ viewer { email } }", json!({}), &parameter).await);
    assert_eq!(next(&mut query_stream).await.1["data"]["viewer"], Value::Null);
    let as_token = app.gateway_a().with_token(&ticket_of_ann);
    assert_eq!(as_token.error_codes("{ viewer { email } }", json!({})).await, ["UNAUTHENTICATED"]);
    let mut socket = Socket::open_without_init(app.gateway_a().address).await;
    socket.send_connection_init(Some(&ticket_of_ann)).await;
    assert_eq!(socket.expect_close().await.0, 4403);
    let token = ann.client.token().expect("a token");
    for invalid in ["", "nonsense", token] {
        let response = open(&app.gateway_a(), GIG_STATUS_CHANGED, json!({}), &[("ticket", invalid)]).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{invalid}");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    }
    // After a minute it expires; streams that are open continue.
    app.advance_clock(TimeDelta::seconds(61));
    let response = open(&app.gateway_a(), GIG_STATUS_CHANGED, json!({}), &parameter).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    assert_eq!(next(&mut stream).await.1["data"]["gigStatusChanged"]["status"], "PAUSED");
    // The stream ends with the session.
    let new_ticket = ticket(&ann).await;
    ann.client.mutate(SIGN_OUT, json!({})).await;
    let (_, end) = next(&mut stream).await;
    assert_eq!(end["errors"][0]["extensions"]["reason"], "SESSION_ENDED", "{end}");
    assert_eq!(next(&mut stream).await.0.name, "complete");
    assert!(stream.next().await.expect("a stream").is_none());
    let response = open(&app.gateway_a(), GIG_STATUS_CHANGED, json!({}), &[("ticket", &new_ticket)]).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

async fn apollo_clients_receive_multipart_subscriptions(app: TestApp) {
    let (ann, id) = list_gig(&app).await;
    let accept = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";
    let mut response = post(&ann.at(&app.gateway_b()), GIG_STATUS_CHANGED, json!({ "id": id }), accept).await;
    assert_eq!(response.status(), StatusCode::OK);
    let content_type = "multipart/mixed; boundary=graphql; subscriptionSpec=1.0";
    assert_eq!(response.headers()["content-type"], content_type);
    let mut body = String::new();
    let mut read = async |until: &str| {
        while !body.contains(until) {
            let chunk = response.chunk().await.expect("a body").expect("more of it");
            body.push_str(&String::from_utf8_lossy(&chunk));
        }
        body.clone()
    };
    read("SNAPSHOT").await;
    ann.client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    let body = read("\"PAUSED\",\"version\":3").await;
    let parts: Vec<_> = body.split("\r\n--graphql").filter(|part| !part.is_empty()).collect();
    for part in parts {
        let (head, json) = part.split_once("\r\n\r\n").expect("a head and a body");
        assert_eq!(head, "\r\ncontent-type: application/json");
        let part: Value = serde_json::from_str(json).expect("JSON");
        assert!(part["payload"]["data"]["gigStatusChanged"].is_object(), "{part}");
    }
    // Other operations get a plain JSON response.
    let response = post(&ann.client, "{ viewer { email } }", json!({}), accept).await;
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    let anonymous = post(&app.gateway_a(), QUEUE_CHANGED, json!({}), accept).await;
    let body = anonymous.text().await.expect("a whole body");
    assert!(body.contains("UNAUTHENTICATED") && body.ends_with("\r\n--graphql--\r\n"), "{body}");
}

on_both_back_ends!(
    every_event_has_its_cursor_as_id_and_last_event_id_resumes_after_it,
    queries_mutations_and_errors_are_one_event_and_complete,
    a_stream_ticket_only_opens_streams_of_its_session,
    apollo_clients_receive_multipart_subscriptions,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_and_subscriptions_are_limited_and_freed_when_closed() {
    let settings = Settings {
        connections_per_address: Some("3".into()),
        subscriptions_per_viewer: Some("2".into()),
        operations_per_socket: Some("3".into()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let mut first = ann.client.socket().await;
    let stream = post(&ann.client, GIG_STATUS_CHANGED, json!({}), "text/event-stream").await;
    assert_eq!(stream.status(), StatusCode::OK);
    first.subscribe("a", GIG_STATUS_CHANGED, json!({})).await;
    first.subscribe("b", GIG_STATUS_CHANGED, json!({})).await;
    assert_eq!(first.expect_error("b").await, ["RATE_LIMITED"]);
    let second = Socket::open_without_init(app.gateway_a().address).await;
    assert!(Socket::connect(app.gateway_a().address, Some("graphql-transport-ws"), &[]).await.is_err());
    let refused = post(&ann.client, GIG_PUBLISHED, json!({}), "text/event-stream").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let body: Value = refused.json().await.expect("JSON");
    assert_eq!(body["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    // A closed stream frees its connection and its subscription.
    drop(stream);
    wait_until("a connection is free", async || {
        let response = post(&ann.client, GIG_STATUS_CHANGED, json!({}), "text/event-stream").await;
        response.status() == StatusCode::OK
    })
    .await;
    // A closed socket frees its connection.
    second.close().await;
    let mut third = None;
    wait_until("a connection is free", async || {
        third = Socket::connect(app.gateway_a().address, Some("graphql-transport-ws"), &[]).await.ok();
        third.is_some()
    })
    .await;
    first.complete("a").await;
    let seller_id = UserId::parse(&ann.id).expect("a user's id");
    wait_until("both have ended", async || {
        let streams = &app.services().streams;
        streams.dispatcher().subscriber_count_of(Topic::GigsOfSeller(seller_id)) == 0
    })
    .await;
    first.subscribe("c", GIG_STATUS_CHANGED, json!({})).await;
    first.subscribe("d", GIG_STATUS_CHANGED, json!({})).await;
    wait_until("both are attached", async || {
        app.services().streams.dispatcher().subscriber_count_of(Topic::GigsOfSeller(seller_id)) == 2
    })
    .await;
    ann.post(app.gig_form("I will write a song for you").await).await;
    for id in ["c", "d"] {
        assert_eq!(first.next_event(id).await["status"], "IN_REVIEW");
    }
    first.subscribe("e", GIG_PUBLISHED, json!({})).await;
    assert_eq!(first.expect_error("e").await, ["RATE_LIMITED"]);
    first.subscribe("q1", "{ __typename }", json!({})).await;
    assert_eq!(first.receive_for("q1").await["type"], "next");
}

/// URLs often end up in logs, so the gateway must not log the query string.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stream_tickets_are_never_logged() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = dir.path().join("log");
    let mut command = gigway(dir.path(), &["serve"]);
    command.env("GIGWAY_LOG", "debug").stderr(std::fs::File::create(&log).expect("a file"));
    let served = GatewayProcess::start_command(command, &[]);
    let input = json!({ "email": "ann@example.com", "password": "a good password", "displayName": "Ann" });
    let session = served.client.mutate(SIGN_UP, json!({ "input": input })).await["session"].take();
    let ann = served.client.with_token(&text(&session["accessToken"]));
    let ticket = text(&ann.mutate(TICKET, json!({})).await["streamTicket"]["ticket"]);
    let response = open(&ann, GIG_STATUS_CHANGED, json!({}), &[("ticket", &ticket)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    drop(response);
    served.stop_with("TERM");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("/graphql"), "{log}");
    let signature = ticket.rsplit('.').next().expect("three parts");
    assert!(!log.contains(&ticket) && !log.contains(signature), "{log}");
}
