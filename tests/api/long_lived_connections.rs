//! Connections that outlive their credentials, their session, or the user's role.

use std::time::Duration;

use chrono::TimeDelta;
use gigway::config::Settings;
use gigway::domain::user::Role;
use gigway::service::user_admin;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::documents::{
    GIG_PUBLISHED, GIG_STATUS_CHANGED, PAUSE_GIG, QUEUE_CHANGED, REFRESH, RESUME_GIG, SIGN_OUT,
};
use crate::support::event_stream::EventStream;
use crate::support::process::gigway;
use crate::support::proxy::wait_until;
use crate::support::servers::{self, TestRedis};
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::support::{documents, on_both_back_ends};

/// A grace period of 6 instead of 30 seconds, so that tests do not wait long.
fn short_grace() -> Settings {
    Settings { token_grace_seconds: Some("6".into()), ..Settings::default() }
}

/// An access token of the user's session that expires in five seconds.
fn expiring_token(app: &TestApp, user: &TestUser) -> String {
    let tokens = &app.services().tokens;
    let (session, _) =
        tokens.verify_access_token(user.client.token().expect("a token"), app.now()).expect("good");
    let issued = app.now() - TimeDelta::minutes(15) + TimeDelta::seconds(5);
    tokens.issue_access_token(session, issued).expect("a token").0
}

fn bearer(token: &str) -> Value {
    json!({ "authorization": format!("Bearer {token}") })
}

/// Refreshes the user's session. Returns the new access token.
async fn refresh(user: &TestUser) -> String {
    let session = user.client.mutate(REFRESH, json!({ "token": user.refresh_token })).await["session"].take();
    session["accessToken"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_stays_open_with_refreshed_credentials_and_closes_without() {
    let app = TestApp::start(short_grace(), 1).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&id).await;
    let token = expiring_token(&app, &ann);
    let mut refreshing = Socket::open_without_init(ann.client.address).await;
    refreshing.send_connection_init(Some(&token)).await;
    let ack = refreshing.receive().await;
    assert!(ack["payload"]["accessTokenExpiresAt"].is_string(), "{ack}");
    assert!(ack["payload"]["accessTokenExpiresIn"].is_i64(), "{ack}");
    refreshing.subscribe("mine", GIG_STATUS_CHANGED, json!({})).await;
    let mut expiring = Socket::open(ann.client.address, Some(&token)).await;
    expiring.subscribe("mine", GIG_STATUS_CHANGED, json!({})).await;
    let stream = stream(&ann.client.with_token(&token), GIG_STATUS_CHANGED, json!({})).await;

    let fresh = refresh(&ann).await;
    refreshing.send(json!({ "type": "ping", "payload": bearer(&fresh) })).await;
    let pong = refreshing.receive().await;
    assert_eq!(pong["type"], "pong");
    assert!(
        pong["payload"]["accessTokenExpiresAt"].as_str() > ack["payload"]["accessTokenExpiresAt"].as_str()
    );
    assert!(!pong.to_string().contains(&fresh), "credentials must not be echoed");

    // The token has expired, but the grace period has not passed.
    let tokens = &app.services().tokens;
    wait_until("the token has expired", async || tokens.verify_access_token(&token, app.now()).is_none())
        .await;
    let fresh_client = ann.client.with_token(&fresh);
    fresh_client.mutate(PAUSE_GIG, json!({ "id": id })).await;
    assert_eq!(expiring.next_event("mine").await["status"], "PAUSED");
    assert_eq!(refreshing.next_event("mine").await["status"], "PAUSED");
    assert_eq!(expiring.expect_close().await, (4403, "The credentials have expired".to_owned()));
    // The stream ended without `complete`, so that the client opens it again.
    assert_eq!(remaining_events(stream).await, ["next"]);
    fresh_client.mutate(RESUME_GIG, json!({ "id": id })).await;
    assert_eq!(refreshing.next_event("mine").await["status"], "ACTIVE");
}

async fn credentials_in_a_ping_must_be_valid_and_of_the_same_user(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    for (token, reason) in [
        ("nonsense", "Forbidden"),
        (bob.client.token().expect("a token"), "The credentials belong to another user"),
    ] {
        let mut socket = ann.client.socket().await;
        socket.send(json!({ "type": "ping", "payload": bearer(token) })).await;
        assert_eq!(socket.expect_close().await, (4403, reason.to_owned()));
    }
    // Another session of the same user is accepted; from then on the socket belongs to that session.
    let elsewhere = app.sign_in(&ann.email).await;
    let mut socket = ann.client.socket().await;
    socket
        .send(json!({ "type": "ping", "payload": bearer(elsewhere.client.token().expect("a token")) }))
        .await;
    assert_eq!(socket.receive().await["type"], "pong");
    ann.client.mutate(SIGN_OUT, json!({})).await;
    socket.subscribe("q", "{ viewer { email } }", json!({})).await;
    assert_eq!(socket.receive_for("q").await["payload"]["data"]["viewer"]["email"], json!(ann.email));
    elsewhere.client.mutate(SIGN_OUT, json!({})).await;
    assert_eq!(socket.expect_close().await.0, 4410);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_waits_for_its_network_is_in_time() {
    let budgets = json!({ "requests": { "capacity": 40, "perMinute": 1 } });
    let settings = Settings {
        budgets: Some(budgets.to_string()),
        token_grace_seconds: Some("1".into()),
        socket_init_seconds: Some("2".into()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let token = expiring_token(&app, &ann);
    let mut renewing = Socket::open(ann.client.address, Some(&token)).await;
    let mut expiring = Socket::open(ann.client.address, Some(&token)).await;
    let fresh = refresh(&ann).await;
    let mut initializing = Socket::open_without_init(ann.client.address).await;
    // The other requests of the network leave nothing for the messages.
    while ann.client.fetch("/livez").await.0 != 429 {}
    initializing.send_connection_init(None).await;
    renewing.send(json!({ "type": "ping", "payload": bearer(&fresh) })).await;
    expiring.send(json!({ "type": "ping" })).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    app.advance_clock(TimeDelta::minutes(4));
    assert_eq!(initializing.receive().await["type"], "connection_ack");
    assert!(renewing.receive().await["payload"]["accessTokenExpiresAt"].is_string());
    // A message that does not renew the credentials changes nothing.
    assert_eq!(expiring.expect_close().await, (4403, "The credentials have expired".to_owned()));
    renewing.subscribe("1", "{ viewer { email } }", json!({})).await;
    assert_eq!(renewing.receive_for("1").await["payload"]["data"]["viewer"]["email"], json!(ann.email));
}

/// Opens an event stream of the subscription.
async fn stream(client: &Client, query: &str, variables: Value) -> EventStream {
    let request = client.post("/graphql").header("accept", "text/event-stream");
    let response =
        request.json(&json!({ "query": query, "variables": variables })).send().await.expect("a response");
    assert_eq!(response.status(), 200);
    EventStream::new(response)
}

/// The names of all further events, until the stream ends.
async fn remaining_events(mut stream: EventStream) -> Vec<String> {
    let mut names = Vec::new();
    let read_all = async {
        while let Some(event) = stream.next().await.expect("a whole stream") {
            names.push(event.name);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), read_all).await.expect("it ends");
    names
}

async fn blocking_a_user_closes_their_connections_and_prevents_sign_in(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut socket = ann.at(&app.gateway_b()).socket().await;
    let stream = stream(&ann.at(&app.gateway_b()), GIG_STATUS_CHANGED, json!({})).await;
    user_admin::block(app.services(), &ann.email).await.expect("blocked");
    assert_eq!(socket.expect_close().await, (4410, "The session has ended".to_owned()));
    assert_eq!(remaining_events(stream).await, ["next", "complete"]);
    assert_eq!(ann.client.error_codes("{ viewer { email } }", json!({})).await, ["UNAUTHENTICATED"]);
    let input = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    let refused = app.gateway_a().mutation_errors(documents::SIGN_IN, input).await;
    assert_eq!(refused, [("NOT_ALLOWED".to_owned(), String::new())]);
    user_admin::unblock(app.services(), &ann.email).await.expect("free");
    app.sign_in(&ann.email).await;
}

/// The code that closes a socket whose `connection_init` has this token.
async fn close_code_at_init(client: &Client, token: &str) -> u16 {
    let mut socket = Socket::open_without_init(client.address).await;
    socket.send_connection_init(Some(token)).await;
    socket.expect_close().await.0
}

/// Opens a stream with this token, which is refused. Returns the extensions of the error.
async fn refused_stream(client: &Client, token: &str, accept: &str) -> Value {
    let request = client.with_token(token).post("/graphql").header("accept", accept);
    let response = request.json(&json!({ "query": GIG_STATUS_CHANGED })).send().await.expect("a response");
    assert_eq!(response.status(), 403);
    let mut body: Value = response.json().await.expect("JSON");
    assert_eq!(body.as_object().expect("an object").len(), 1, "{body}");
    body["errors"][0]["extensions"].take()
}

async fn a_session_that_has_ended_is_told_apart_from_an_expired_token(app: TestApp) {
    let multipart = "multipart/mixed;subscriptionSpec=1.0";
    let ann = app.member("Ann").await;
    let client = ann.at(&app.gateway_b());
    let token = ann.client.token().expect("a token").to_owned();
    let tokens = &app.services().tokens;
    let (session, _) = tokens.verify_access_token(&token, app.now()).expect("a session");
    let expired = tokens.issue_access_token(session, app.now() - TimeDelta::minutes(16)).expect("a token").0;

    let mut socket = client.socket().await;
    let mut renewing = client.socket().await;
    let mut events = stream(&client, GIG_STATUS_CHANGED, json!({})).await;
    let request = client.post("/graphql").header("accept", multipart);
    let parts = request.json(&json!({ "query": GIG_STATUS_CHANGED })).send().await.expect("a response");
    renewing.send(json!({ "type": "ping", "payload": bearer(&expired) })).await;
    assert_eq!(renewing.expect_close().await.0, 4403);
    let dispatcher = app.services_b().streams.dispatcher();
    wait_until("both are attached", async || dispatcher.subscriber_count() >= 4).await;
    ann.client.mutate(SIGN_OUT, json!({})).await;

    // Connections that are open.
    assert_eq!(socket.expect_close().await, (4410, "The session has ended".to_owned()));
    let event = events.next().await.expect("a stream").expect("an event");
    let ended = json!({ "code": "UNAUTHENTICATED", "reason": "SESSION_ENDED" });
    let last: Value = serde_json::from_str(&event.data).expect("JSON");
    assert_eq!((event.name.as_str(), &last["errors"][0]["extensions"]), ("next", &ended));
    assert!(last.get("data").is_none(), "{last}");
    assert_eq!(remaining_events(events).await, ["complete"]);
    let body = parts.text().await.expect("a whole body");
    assert!(body.contains("SESSION_ENDED") && body.ends_with("\r\n--graphql--\r\n"), "{body}");

    // New connections.
    assert_eq!(close_code_at_init(&client, &token).await, 4410);
    for invalid in [expired.as_str(), "nonsense"] {
        assert_eq!(close_code_at_init(&client, invalid).await, 4403);
    }
    let bob = app.member("Bob").await;
    let mut socket = bob.at(&app.gateway_b()).socket().await;
    socket.send(json!({ "type": "ping", "payload": bearer(&token) })).await;
    assert_eq!(socket.expect_close().await.0, 4410);
    for accept in ["text/event-stream", multipart] {
        assert_eq!(refused_stream(&client, &token, accept).await, ended, "{accept}");
        for invalid in [expired.as_str(), "nonsense"] {
            let extensions = refused_stream(&client, invalid, accept).await;
            assert_eq!(extensions, json!({ "code": "UNAUTHENTICATED" }), "{accept}");
        }
    }
}

async fn losing_a_role_ends_the_subscriptions_that_need_it(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("I will write a song for you").await).await;
    let mut socket = rita.at(&app.gateway_b()).socket().await;
    socket.subscribe("queue", QUEUE_CHANGED, json!({})).await;
    socket.subscribe("gig of ann", GIG_STATUS_CHANGED, json!({ "id": id })).await;
    assert_eq!(socket.next_event("gig of ann").await["delivery"], "SNAPSHOT");
    socket.subscribe("feed", GIG_PUBLISHED, json!({})).await;
    socket.subscribe("gigs of rita", GIG_STATUS_CHANGED, json!({})).await;
    let mut stream = stream(&rita.at(&app.gateway_b()), QUEUE_CHANGED, json!({})).await;
    let dispatcher = app.services_b().streams.dispatcher();
    wait_until("all are attached", async || dispatcher.subscriber_count() >= 7).await;
    user_admin::set_role(app.services(), &rita.email, Role::Member).await.expect("a member");
    assert_eq!(socket.expect_error("queue").await, ["FORBIDDEN"]);
    assert_eq!(socket.expect_error("gig of ann").await, ["FORBIDDEN"]);
    let event = stream.next().await.expect("a stream").expect("an event");
    assert_eq!(event.name, "next");
    assert!(event.data.contains("FORBIDDEN"), "{}", event.data);
    assert_eq!(remaining_events(stream).await, ["complete"]);
    // Subscriptions that need no role continue.
    app.reviewer("Rob").await.approve(&id).await;
    assert_eq!(socket.next_event("feed").await["gigId"], json!(id));
    socket.expect_silence("gigs of rita").await;
}

on_both_back_ends!(
    credentials_in_a_ping_must_be_valid_and_of_the_same_user,
    blocking_a_user_closes_their_connections_and_prevents_sign_in,
    losing_a_role_ends_the_subscriptions_that_need_it,
    a_session_that_has_ended_is_told_apart_from_an_expired_token,
);

/// The command line is another process: gateways learn of the block through Redis, or from the event log if
/// Redis is down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocking_a_user_closes_sockets_on_every_gateway_with_and_without_redis() {
    let mut redis = TestRedis::stopped();
    redis.start().await;
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(redis.url()),
        ..Settings::default()
    };
    let app = TestApp::start(settings.clone(), 2).await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (database, redis_url) = (settings.database_url.expect("one"), redis.url());
    for (name, is_redis_up) in [("Ann", true), ("Bob", false)] {
        let user = app.member(name).await;
        if !is_redis_up {
            redis.kill();
        }
        let mut sockets = [user.client.socket().await, user.at(&app.gateway_b()).socket().await];
        let block = gigway(dir.path(), &["user", "block", "--email", &user.email])
            .env("DATABASE_URL", &database)
            .env("REDIS_URL", &redis_url)
            .output()
            .expect("the command runs");
        assert!(block.status.success(), "{}", String::from_utf8_lossy(&block.stderr));
        for socket in &mut sockets {
            assert_eq!(socket.expect_close().await.0, 4410, "{name}");
        }
    }
}
