//! Fuzzing: tens of thousands of random requests and WebSocket messages. Every response must be in time and
//! well formed, and must not reveal internals.
//!
//! Each request is generated from its number alone, so a failing one can be sent again by itself:
//! `GIGWAY_FUZZ_SEED` is the number of the first request, and `GIGWAY_FUZZ_REQUESTS` how many are sent.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use gigway::config::Settings;
use image::ImageFormat;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{self, CloseFrame};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::support::client::Client;
use crate::support::documents::{PAUSE_GIG, SAVE_DRAFT};
use crate::support::fuzz::fixtures::{Fixtures, SampleImages};
use crate::support::fuzz::messages::{Frame, SocketSession};
use crate::support::fuzz::random::RandomSource;
use crate::support::fuzz::raw_http::{RawClient, TIMEOUT};
use crate::support::fuzz::requests::RequestGenerator;
use crate::support::fuzz::response_checker::{ResponseChecker, ResponseSummary};
use crate::support::fuzz::schema::Schema;
use crate::support::proxy::wait_until;
use crate::support::sample_images::{sample_image, small_png};
use crate::support::servers;
use crate::support::test_app::TestApp;

/// The number of the first request.
const SEED: u64 = 20_261_122;

/// The number of the first socket.
const SOCKETS: u64 = 1 << 40;

/// Concurrent clients, each with its own connection. Only a few, because other tests run at the same time.
const CLIENTS: usize = 3;

/// Requests after which all users sign in again, because sessions are short.
const ROUND: u64 = 2_000;

/// The smallest run for which the share of executed operations is checked.
const MIN_SAMPLE: u64 = 1_000;

/// Signs the tokens. Must never appear in a response.
const TOKEN_SECRET: &str = "what-the-gateway-keeps-to-itself-0123456789";

/// The number in an environment variable, or the default.
fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// The state that all clients share.
struct Campaign {
    schema: Schema,
    fixtures: Fixtures,
    checker: ResponseChecker,
    addresses: Vec<SocketAddr>,
}

/// Counts of requests and of their outcomes.
#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    valid: u64,
    /// How many of the valid requests were executed.
    executed: u64,
    with_data: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.valid += other.valid;
        self.executed += other.executed;
        self.with_data += other.with_data;
    }

    fn count(&mut self, is_valid: bool, summary: ResponseSummary) {
        self.requests += 1;
        self.valid += u64::from(is_valid);
        self.executed += u64::from(is_valid && summary.was_executed);
        self.with_data += u64::from(summary.has_data);
    }
}

impl Campaign {
    fn generator(&self) -> RequestGenerator<'_> {
        RequestGenerator { schema: &self.schema, fixtures: &self.fixtures }
    }

    /// Sends requests one after the other, up to the number `end`.
    async fn send(self: Arc<Self>, client: usize, next: Arc<AtomicU64>, end: u64) -> Tally {
        let mut raw_client = RawClient::new(self.addresses[client % self.addresses.len()]);
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return tally;
            }
            let request = self.generator().request(&mut random_for(number));
            let response = raw_client.exchange(&request).await;
            let summary = response
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|response| self.checker.check(&request, response.as_ref(), &self.fixtures));
            match summary {
                Ok(summary) => tally.count(request.is_valid, summary),
                Err(fault) => {
                    let response = response.ok().flatten().map(|response| {
                        let body = String::from_utf8_lossy(&response.body).into_owned();
                        format!("{} {:?}\n{body}", response.status, response.headers)
                    });
                    let response = response.unwrap_or_default();
                    panic!(
                        "{fault}\n--- request {number}; repeat with GIGWAY_FUZZ_SEED={number} GIGWAY_FUZZ_REQUESTS=1:\n\
                         {}\n--- response:\n{response}",
                        request.summary()
                    );
                }
            }
        }
    }

    /// Opens sockets one after the other until this many messages are sent. Returns how many were sent.
    async fn open_sockets(self: Arc<Self>, client: usize, next: Arc<AtomicU64>, messages: u64) -> u64 {
        let address = self.addresses[client % self.addresses.len()];
        let mut sent = 0;
        while sent < messages {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let session = self.generator().socket_session(&mut random_for(number));
            sent += session.messages.len() as u64;
            let outcome = timeout(TIMEOUT, run_session(address, &session, &self.checker)).await;
            if let Err(fault) = outcome.unwrap_or_else(|_| Err(format!("not over within {TIMEOUT:?}"))) {
                let texts = session.messages.iter().map(|message| frame_text(&message.frame));
                panic!("{fault}\n--- socket {number}:\n{}", texts.collect::<Vec<_>>().join("\n"));
            }
        }
        sent
    }
}

fn random_for(number: u64) -> RandomSource {
    RandomSource::new(StdRng::seed_from_u64(number))
}

fn frame_text(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) => text.chars().take(2_000).collect(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::InvalidUtf8(bytes) => format!("{bytes:?}"),
    }
}

/// Sends all messages of the session and judges what comes back. A ping at the end checks that the gateway
/// still responds.
async fn run_session(
    address: SocketAddr,
    session: &SocketSession,
    checker: &ResponseChecker,
) -> Result<(), String> {
    let mut request =
        format!("ws://{address}/graphql").into_client_request().map_err(|error| error.to_string())?;
    if let Some(subprotocol) = session.subprotocol {
        let value = subprotocol.parse().expect("a header value");
        request.headers_mut().insert("sec-websocket-protocol", value);
    }
    let (stream, _) = connect_async(request).await.map_err(|error| format!("no socket: {error}"))?;
    let (mut sink, mut incoming) = stream.split();
    let send = async {
        for message in &session.messages {
            let frame = match &message.frame {
                Frame::Text(text) => Message::text(text.clone()),
                Frame::Binary(bytes) => Message::binary(bytes.clone()),
                Frame::Ping(bytes) => Message::Ping(bytes.clone().into()),
                Frame::InvalidUtf8(bytes) => {
                    Message::Frame(frame::Frame::message(bytes.clone(), OpCode::Data(Data::Text), true))
                }
            };
            sink.send(frame).await?;
        }
        let last = json!({ "type": "ping", "payload": { "last": true } });
        sink.send(Message::text(last.to_string())).await
    };
    let receive = async {
        let mut awaited: Vec<&str> =
            session.messages.iter().filter_map(|it| it.awaited_operation.as_deref()).collect();
        let mut is_last_answered = false;
        while !is_last_answered || !awaited.is_empty() {
            match incoming.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message = check_message(&text, session, checker)?;
                    if matches!(message["type"].as_str(), Some("error" | "complete")) {
                        awaited.retain(|id| message["id"] != *id);
                    }
                    is_last_answered |= message["type"] == "pong" && message["payload"]["last"] == true;
                }
                Some(Ok(Message::Close(frame))) => return check_close(frame.as_ref()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None if session.may_end_abruptly => return Ok(()),
                Some(Err(error)) => return Err(format!("the socket broke: {error}")),
                None => return Err("the socket ended without a close".to_owned()),
            }
        }
        Ok(())
    };
    // Sending fails once the socket is closed; then only the close code counts.
    let (_, outcome): (Result<(), tungstenite::Error>, _) = tokio::join!(send, receive);
    outcome
}

/// Parses a message of the gateway and checks it.
fn check_message(text: &str, session: &SocketSession, checker: &ResponseChecker) -> Result<Value, String> {
    let sent: Vec<String> = session.messages.iter().map(|message| frame_text(&message.frame)).collect();
    checker.check_leaks(text.as_bytes(), sent.concat().as_bytes())?;
    let message: Value =
        serde_json::from_str(text).map_err(|error| format!("{text} is not JSON: {error}"))?;
    match message["type"].as_str() {
        Some("next") => drop(checker.check_payload(&message["payload"])?),
        Some("error") => checker.check_errors(&message["payload"])?,
        Some("connection_ack" | "ping" | "pong" | "complete") => {}
        _ => return Err(format!("{text} is not a message of the protocol")),
    }
    Ok(message)
}

fn check_close(frame: Option<&CloseFrame>) -> Result<(), String> {
    let code = frame.map(|frame| u16::from(frame.code)).ok_or("closed without a code")?;
    // 1011 is an internal error.
    let is_expected = (1000..=1015).contains(&code) && code != 1011 || (4400..4500).contains(&code);
    if is_expected { Ok(()) } else { Err(format!("closed with {code}")) }
}

/// Awaits all tasks. The first panic ends the test.
async fn join_tasks<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut results = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        results.push(ended.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("{error}"),
        }));
    }
    results
}

/// Makes the gateway open all its database connections: those of anonymous clients, of users, of sessions, and of
/// writes. Otherwise requests could time out while the machine is busy with other tests.
async fn open_connections(anonymous: &Client, user: &Client) {
    wait_until("the connections are open", async || {
        let query = "query($n: Int) { gigs(first: $n) { totalCount nodes { seller { id } } } }";
        let reads =
            (0..40).flat_map(|n| [anonymous, user].map(|client| client.execute(query, json!({ "n": n }))));
        let writes = (0..16).map(|_| user.execute(PAUSE_GIG, json!({ "id": "gig_unknown" })));
        let (reads, writes) = tokio::join!(join_all(reads), join_all(writes));
        reads.iter().chain(&writes).all(|response| response.get("errors").is_none())
    })
    .await;
}

/// Asserts that the gateways are healthy and that a user can still read and write.
async fn expect_healthy(app: &TestApp, email: &str) {
    let witness = app.sign_in(email).await.client;
    for gateway in [app.gateway_a(), app.gateway_b()] {
        assert_eq!(gateway.fetch("/livez").await.0, 200);
        let (status, response) = gateway.fetch("/readyz").await;
        let report: Value = response.json().await.expect("JSON");
        assert_eq!((status.as_u16(), &report["status"]), (200, &json!("ready")), "{report}");
        let user = witness.at(&gateway);
        let data = user.run("{ viewer { email } gigs(first: 1) { totalCount } }", json!({})).await;
        assert_eq!(data["viewer"]["email"], email);
        let saved = user.mutate(SAVE_DRAFT, json!({ "input": { "title": "Still here" } })).await;
        assert_eq!(saved["gig"]["status"], "DRAFT");
    }
}

/// Sends this many requests, and a fifth as many WebSocket messages, to gateways with these settings.
async fn random_requests_get_valid_responses(settings: Settings, gateways: usize, requests: u64) {
    let requests = number("GIGWAY_FUZZ_REQUESTS", requests);
    let seed = number("GIGWAY_FUZZ_SEED", SEED);
    let settings = Settings {
        token_secret: Some(TOKEN_SECRET.to_owned()),
        federation: Some("on".to_owned()),
        // Random passwords must not lock the clients out.
        sign_in_failures: Some("1000000".to_owned()),
        sign_in_failures_per_account: Some("1000000".to_owned()),
        sign_in_failures_per_address: Some("1000000".to_owned()),
        ..settings
    };
    let app = TestApp::start(settings, gateways).await;
    let wilma = app.member("Wilma").await;
    let witness = wilma.email.clone();
    let addresses = vec![app.gateway_a().address, app.gateway_b().address];
    let sample_images =
        SampleImages { gig_image: small_png(), identity_document: sample_image(900, 640, ImageFormat::Jpeg) };
    let mut fixtures = Fixtures::create(app.services(), addresses[0], sample_images).await;
    let dir = app.image_dir().ancestors().nth(2).map(Path::to_path_buf).expect("it is in the data directory");
    let secrets = [witness.clone(), TOKEN_SECRET.to_owned(), dir.display().to_string()];

    for gateway in [app.gateway_a(), app.gateway_b()] {
        open_connections(&gateway, &wilma.at(&gateway)).await;
    }

    let mut tally = Tally::default();
    let (mut first, mut messages) = (0, 0);
    while first < requests {
        let end = requests.min(first + ROUND);
        fixtures = fixtures.with_new_sessions(addresses[0]).await;
        let checker = ResponseChecker::new(&fixtures, &secrets);
        let schema = Schema::parse(&gigway::graphql::Schema::new(true).sdl());
        let campaign =
            Arc::new(Campaign { schema, fixtures: fixtures.clone(), checker, addresses: addresses.clone() });
        let (next, sockets) =
            (Arc::new(AtomicU64::new(seed + first)), Arc::new(AtomicU64::new(seed + SOCKETS + first)));
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            tasks.spawn(Arc::clone(&campaign).send(client, Arc::clone(&next), seed + end));
        }
        join_tasks(tasks).await.iter().for_each(|part| tally.add(part));
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            let messages_per_client = (end - first) / 5 / CLIENTS as u64;
            tasks.spawn(Arc::clone(&campaign).open_sockets(
                client,
                Arc::clone(&sockets),
                messages_per_client,
            ));
        }
        messages += join_tasks(tasks).await.iter().sum::<u64>();
        first = end;
    }
    expect_healthy(&app, &witness).await;

    eprintln!("{tally:?}, and {messages} messages");
    assert_eq!(tally.requests, requests);
    assert!(messages >= requests / 5 / CLIENTS as u64 * CLIENTS as u64, "{messages}");
    if requests >= MIN_SAMPLE {
        // Otherwise the test would only show that invalid requests are rejected.
        assert!(tally.executed * 100 >= tally.valid * 60, "{tally:?}");
        assert!(tally.with_data * 100 >= tally.requests * 20, "{tally:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_requests_get_valid_responses_on_sqlite() {
    Box::pin(random_requests_get_valid_responses(Settings::default(), 1, 16_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_requests_get_valid_responses_on_postgres_and_redis() {
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(servers::redis_url()),
        ..Settings::default()
    };
    Box::pin(random_requests_get_valid_responses(settings, 2, 4_000)).await;
}
