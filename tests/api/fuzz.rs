//! A gateway under tens of thousands of requests that nobody has thought of: whatever is sent, what comes back is in time, in
//! order, and says nothing of the inside.
//!
//! Each request is made from its number alone, so that one that has found something can be sent again by itself:
//! `GIGWAY_FUZZ_SEED` is the number of the first, `GIGWAY_FUZZ_REQUESTS` says how many there are.

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
use crate::support::documents::SAVE_DRAFT;
use crate::support::fuzz::dice::Dice;
use crate::support::fuzz::judge::{Judge, Verdict};
use crate::support::fuzz::known::{Known, Pictures};
use crate::support::fuzz::messages::{Frame, SocketSession};
use crate::support::fuzz::requests::Maker;
use crate::support::fuzz::schema::Schema;
use crate::support::fuzz::wire::{PATIENCE, Wire};
use crate::support::pictures::{picture, small};
use crate::support::proxy::until;
use crate::support::servers;
use crate::support::test_app::TestApp;

/// The number of the first request.
const SEED: u64 = 20_261_122;

/// The numbers of sockets begin here.
const SOCKETS: u64 = 1 << 40;

/// Clients that send at a time, each over a connection of its own. Few: other tests run beside this one.
const CLIENTS: usize = 3;

/// After so many requests everybody signs in anew: a session does not live for long.
const ROUND: u64 = 2_000;

/// From so many on, what chance makes of them is told by how many there are.
const MANY: u64 = 1_000;

/// What tokens are signed with.
const TOKEN_SECRET: &str = "what-the-gateway-keeps-to-itself-0123456789";

fn number(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// What all clients share.
struct Campaign {
    schema: Schema,
    known: Known,
    judge: Judge,
    addresses: Vec<SocketAddr>,
}

/// What has come of it.
#[derive(Debug, Default)]
struct Tally {
    requests: u64,
    good: u64,
    /// Of the good ones.
    executed: u64,
    with_data: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.good += other.good;
        self.executed += other.executed;
        self.with_data += other.with_data;
    }

    fn count(&mut self, is_good: bool, verdict: Verdict) {
        self.requests += 1;
        self.good += u64::from(is_good);
        self.executed += u64::from(is_good && verdict.was_executed);
        self.with_data += u64::from(verdict.has_data);
    }
}

impl Campaign {
    fn maker(&self) -> Maker<'_> {
        Maker { schema: &self.schema, known: &self.known }
    }

    /// Sends what is left up to `end`, one after the other.
    async fn send(self: Arc<Self>, client: usize, next: Arc<AtomicU64>, end: u64) -> Tally {
        let mut wire = Wire::new(self.addresses[client % self.addresses.len()]);
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return tally;
            }
            let request = self.maker().request(&mut dice_of(number));
            let answer = wire.exchange(&request).await;
            let verdict = answer
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|answer| self.judge.judge(&request, answer.as_ref(), &self.known));
            match verdict {
                Ok(verdict) => tally.count(request.is_good, verdict),
                Err(fault) => {
                    let answer = answer.ok().flatten().map(|answer| {
                        let body = String::from_utf8_lossy(&answer.body).into_owned();
                        format!("{} {:?}\n{body}", answer.status, answer.headers)
                    });
                    let answer = answer.unwrap_or_default();
                    panic!(
                        "{fault}\n--- request {number}; alone by GIGWAY_FUZZ_SEED={number} GIGWAY_FUZZ_REQUESTS=1:\n\
                         {}\n--- answer:\n{answer}",
                        request.shown()
                    );
                }
            }
        }
    }

    /// Talks over sockets, one after the other, until so many messages have been said; how many were.
    async fn talk(self: Arc<Self>, client: usize, next: Arc<AtomicU64>, messages: u64) -> u64 {
        let address = self.addresses[client % self.addresses.len()];
        let mut said = 0;
        while said < messages {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let talk = self.maker().talk(&mut dice_of(number));
            said += talk.messages.len() as u64;
            let talked = timeout(PATIENCE, hold(address, &talk, &self.judge)).await;
            if let Err(fault) = talked.unwrap_or_else(|_| Err(format!("not over within {PATIENCE:?}"))) {
                let texts = talk.messages.iter().map(|message| shown(&message.frame));
                panic!("{fault}\n--- socket {number}:\n{}", texts.collect::<Vec<_>>().join("\n"));
            }
        }
        said
    }
}

fn dice_of(number: u64) -> Dice {
    Dice::of(StdRng::seed_from_u64(number))
}

fn shown(frame: &Frame) -> String {
    match frame {
        Frame::Text(text) => text.chars().take(2_000).collect(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Garbled(bytes) => format!("{bytes:?}"),
    }
}

/// Says all of it, hears what is said to it, and asks at the end whether anybody is still there.
async fn hold(address: SocketAddr, talk: &SocketSession, judge: &Judge) -> Result<(), String> {
    let mut request =
        format!("ws://{address}/graphql").into_client_request().map_err(|error| error.to_string())?;
    if let Some(subprotocol) = talk.subprotocol {
        let value = subprotocol.parse().expect("a header value");
        request.headers_mut().insert("sec-websocket-protocol", value);
    }
    let (stream, _) = connect_async(request).await.map_err(|error| format!("no socket: {error}"))?;
    let (mut sink, mut heard) = stream.split();
    let say = async {
        for message in &talk.messages {
            let frame = match &message.frame {
                Frame::Text(text) => Message::text(text.clone()),
                Frame::Binary(bytes) => Message::binary(bytes.clone()),
                Frame::Ping(bytes) => Message::Ping(bytes.clone().into()),
                Frame::Garbled(bytes) => {
                    Message::Frame(frame::Frame::message(bytes.clone(), OpCode::Data(Data::Text), true))
                }
            };
            sink.send(frame).await?;
        }
        let last = json!({ "type": "ping", "payload": { "last": true } });
        sink.send(Message::text(last.to_string())).await
    };
    let hear = async {
        let mut awaited: Vec<&str> = talk.messages.iter().filter_map(|it| it.awaits.as_deref()).collect();
        let mut is_last_answered = false;
        while !is_last_answered || !awaited.is_empty() {
            match heard.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message = judged(&text, talk, judge)?;
                    if matches!(message["type"].as_str(), Some("error" | "complete")) {
                        awaited.retain(|id| message["id"] != *id);
                    }
                    is_last_answered |= message["type"] == "pong" && message["payload"]["last"] == true;
                }
                Some(Ok(Message::Close(frame))) => return judged_close(frame.as_ref()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None if talk.is_mangled => return Ok(()),
                Some(Err(error)) => return Err(format!("the socket broke: {error}")),
                None => return Err("the socket ended without a close".to_owned()),
            }
        }
        Ok(())
    };
    // What cannot be said any more is said to a socket that is closed: by what it was closed counts.
    let (_, outcome): (Result<(), tungstenite::Error>, _) = tokio::join!(say, hear);
    outcome
}

/// A message of the gateway, where nothing is wrong with it.
fn judged(text: &str, talk: &SocketSession, judge: &Judge) -> Result<Value, String> {
    let asked: Vec<String> = talk.messages.iter().map(|message| shown(&message.frame)).collect();
    judge.check_leaks(text.as_bytes(), asked.concat().as_bytes())?;
    let message: Value = serde_json::from_str(text).map_err(|error| format!("{text} is no JSON: {error}"))?;
    match message["type"].as_str() {
        Some("next") => drop(judge.judge_payload(&message["payload"])?),
        Some("error") => judge.judge_errors(&message["payload"])?,
        Some("connection_ack" | "ping" | "pong" | "complete") => {}
        _ => return Err(format!("{text} is no message of the protocol")),
    }
    Ok(message)
}

fn judged_close(frame: Option<&CloseFrame>) -> Result<(), String> {
    let code = frame.map(|frame| u16::from(frame.code)).ok_or("closed without a code")?;
    // 1011 is a mistake of ours.
    let is_good = (1000..=1015).contains(&code) && code != 1011 || (4400..4500).contains(&code);
    if is_good { Ok(()) } else { Err(format!("closed with {code}")) }
}

async fn all<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut results = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        results.push(ended.unwrap_or_else(|error| match error.try_into_panic() {
            // As it was told: the first that has found something ends the test.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("{error}"),
        }));
    }
    results
}

/// Has the gateway open all its connections to the database: while it does, on a machine that is busy with other tests,
/// requests can wait longer than they may, which says nothing of what is sent.
async fn warm(gateway: &Client) {
    until("it is warm", async || {
        let asked =
            (0..40).map(|_| gateway.answer("{ gigs { totalCount nodes { seller { id } } } }", json!({})));
        join_all(asked).await.iter().all(|answer| answer.get("errors").is_none())
    })
    .await;
}

async fn is_alive(app: &TestApp, email: &str) {
    let witness = app.sign_in(email).await.client;
    for gateway in [app.gateway_a(), app.gateway_b()] {
        assert_eq!(gateway.fetch("/livez").await.0, 200);
        let (status, response) = gateway.fetch("/readyz").await;
        let report: Value = response.json().await.expect("JSON");
        assert_eq!((status.as_u16(), &report["status"]), (200, &json!("ready")), "{report}");
        let person = witness.at(&gateway);
        let read = person.run("{ viewer { email } gigs(first: 1) { totalCount } }", json!({})).await;
        assert_eq!(read["viewer"]["email"], email);
        let saved = person.done(SAVE_DRAFT, json!({ "input": { "title": "Still here" } })).await;
        assert_eq!(saved["gig"]["status"], "DRAFT");
    }
}

/// Sends so many requests, and half as many messages, to gateways with these settings.
async fn nothing_shakes_it(settings: Settings, gateways: usize, requests: u64) {
    let requests = number("GIGWAY_FUZZ_REQUESTS", requests);
    let seed = number("GIGWAY_FUZZ_SEED", SEED);
    let settings = Settings {
        token_secret: Some(TOKEN_SECRET.to_owned()),
        // Whoever guesses passwords by chance is not to be kept out: there is more to be tried.
        sign_in_failures: Some("1000000".to_owned()),
        sign_in_failures_per_address: Some("1000000".to_owned()),
        ..settings
    };
    let app = TestApp::start(settings, gateways).await;
    let witness = app.member("Wilma").await.email;
    let addresses = vec![app.gateway_a().address, app.gateway_b().address];
    let pictures = Pictures { of_gig: small(), of_document: picture(900, 640, ImageFormat::Jpeg) };
    let mut known = Known::furnish(app.services(), addresses[0], pictures).await;
    let folder = app.blobs().ancestors().nth(2).map(Path::to_path_buf).expect("it is in the data folder");
    let secrets = [witness.clone(), TOKEN_SECRET.to_owned(), folder.display().to_string()];

    for gateway in [app.gateway_a(), app.gateway_b()] {
        warm(&gateway).await;
    }

    let mut tally = Tally::default();
    let (mut first, mut messages) = (0, 0);
    while first < requests {
        let behind = requests.min(first + ROUND);
        known = known.signed_in_anew(addresses[0]).await;
        let judge = Judge::new(&known, &secrets);
        let schema = Schema::of(&gigway::graphql::sdl());
        let campaign =
            Arc::new(Campaign { schema, known: known.clone(), judge, addresses: addresses.clone() });
        let (next, sockets) =
            (Arc::new(AtomicU64::new(seed + first)), Arc::new(AtomicU64::new(seed + SOCKETS + first)));
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            tasks.spawn(Arc::clone(&campaign).send(client, Arc::clone(&next), seed + behind));
        }
        all(tasks).await.iter().for_each(|part| tally.add(part));
        let mut tasks = JoinSet::new();
        for client in 0..CLIENTS {
            let each = (behind - first) / 5 / CLIENTS as u64;
            tasks.spawn(Arc::clone(&campaign).talk(client, Arc::clone(&sockets), each));
        }
        messages += all(tasks).await.iter().sum::<u64>();
        first = behind;
    }
    is_alive(&app, &witness).await;

    eprintln!("{tally:?}, and {messages} messages");
    assert_eq!(tally.requests, requests);
    assert!(messages >= requests / 5 / CLIENTS as u64 * CLIENTS as u64, "{messages}");
    if requests >= MANY {
        // Or all of this would only show that nonsense is refused.
        assert!(tally.executed * 100 >= tally.good * 60, "{tally:?}");
        assert!(tally.with_data * 100 >= tally.requests * 20, "{tally:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shakes_a_gateway_on_sqlite() {
    nothing_shakes_it(Settings::default(), 1, 16_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shakes_two_gateways_on_postgres_and_redis() {
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(servers::redis_url()),
        ..Settings::default()
    };
    nothing_shakes_it(settings, 2, 4_000).await;
}
