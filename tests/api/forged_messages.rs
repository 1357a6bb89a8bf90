//! Messages on the Redis channel that no gateway of the installation has sent: they are never delivered, and
//! do not delay the events of the gateways.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gigway::config::Settings;
use gigway::domain::event::{Event, EventBody};
use gigway::domain::gig::GigStatus;
use gigway::domain::id::{GigId, PublicId, UserId};
use gigway::events::signed_message::MessageKey;
use gigway::service::tokens::derive_key;
use gigway::store::event_log;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::documents::{GIG_STATUS_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::proxy::wait_until;
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

const TOKEN_SECRET: &str = "a token secret of at least 32 characters";

/// Two gateways, and somebody who can publish on their channel.
struct Attack {
    app: TestApp,
    ann: TestUser,
    /// Ann's approved gig of version 2.
    gig: String,
    redis: MultiplexedConnection,
    channel: String,
}

impl Attack {
    async fn start() -> Self {
        let settings = Settings {
            database_url: Some(servers::new_postgres_database().await),
            redis_url: Some(servers::redis_url()),
            token_secret: Some(TOKEN_SECRET.into()),
            ..Settings::default()
        };
        let app = TestApp::start(settings, 2).await;
        for services in [app.services(), app.services_b()] {
            let health = services.bus.redis_health().expect("Redis is used");
            wait_until("it is subscribed", async || health.is_subscribed()).await;
        }
        let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
        let gig = ann.post(app.gig_form("I will write a song for you").await).await;
        rita.approve(&gig).await;
        let client = redis::Client::open(servers::redis_url()).expect("a URL");
        let redis = client.get_multiplexed_async_connection().await.expect("Redis responds");
        let channel = format!("gigway:events:{}", app.services().streams.epoch());
        Self { app, ann, gig, redis, channel }
    }

    /// An event that did not happen.
    fn suspension(&self, position: i64) -> Event {
        let body = EventBody::GigStatus {
            gig_id: GigId::parse(&self.gig).expect("an id"),
            seller_id: UserId::parse(&self.ann.id).expect("an id"),
            version: 77,
            previous: Some(GigStatus::Active),
            status: GigStatus::Suspended,
            reason_codes: vec!["SPAM".into()],
        };
        Event { position, occurred_at: self.app.now(), body }
    }

    async fn publish(&mut self, message: &[u8]) {
        let command = redis::cmd("PUBLISH").arg(&self.channel).arg(message).to_owned();
        command.query_async::<()>(&mut self.redis).await.expect("published");
    }

    fn dispatched(&self) -> i64 {
        self.app.services_b().streams.dispatched_position().current()
    }
}

fn key(secret: &str, purpose: &[u8], epoch: Uuid) -> MessageKey {
    MessageKey::new(&[derive_key(secret.as_bytes(), purpose)], epoch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_messages_are_never_delivered_and_do_not_delay_the_next_event() {
    let mut attack = Attack::start().await;
    let epoch = attack.app.services().streams.epoch();
    let client = redis::Client::open(servers::redis_url()).expect("a URL");
    let mut listener = client.get_async_pubsub().await.expect("Redis responds");
    listener.subscribe(&attack.channel).await.expect("subscribed");
    let mut overheard = listener.into_on_message();
    let mut sockets = Vec::new();
    for gateway in [attack.app.gateway_a(), attack.app.gateway_b()] {
        let mut socket = attack.ann.at(&gateway).socket().await;
        socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": attack.gig })).await;
        assert_eq!(socket.next_event("gig").await["version"], 2);
        sockets.push(socket);
    }
    let mut real: Vec<Vec<u8>> = Vec::new();
    let (mut version, mut rejected) = (2, 0);
    for round in 0..6 {
        let next = attack.dispatched() + 1;
        let positions = [next, next + 1, next + 1000, 1, 0, -1, i64::MAX];
        for position in positions {
            let event = attack.suspension(position);
            let body = serde_json::to_string(&event).expect("JSON");
            let mut messages = vec![
                body.clone(),
                format!(".{position}.{body}"),
                format!("{}.{position}.{body}", "A".repeat(43)),
                key(TOKEN_SECRET, b"gigway events on Redis", Uuid::from_u128(1)).sign(&event),
                key(TOKEN_SECRET, b"gigway stream tickets", epoch).sign(&event),
                key("another secret of at least 32 characters", b"gigway events on Redis", epoch)
                    .sign(&event),
            ];
            if let Some(last) = real.last() {
                // The code of a real message with another position or body.
                let last = String::from_utf8(last.clone()).expect("text");
                let (code, rest) = last.split_once('.').expect("three parts");
                let (real_position, real_body) = rest.split_once('.').expect("three parts");
                messages.push(format!("{code}.{position}0.{real_body}"));
                messages.push(format!("{code}.{real_position}.{body}"));
            }
            for message in messages {
                attack.publish(message.as_bytes()).await;
                rejected += 1;
            }
        }
        for noise in [&b"nonsense"[..], &[0xff, 0xfe, 0], b"", &vec![b'x'; 100_000]] {
            attack.publish(noise).await;
            rejected += 1;
        }
        // Real messages, again.
        for message in real.clone() {
            for _ in 0..20 {
                attack.publish(&message).await;
            }
        }
        let mutation = if round % 2 == 0 { PAUSE_GIG } else { RESUME_GIG };
        let changed_at = Instant::now();
        attack.ann.client.mutate(mutation, json!({ "id": attack.gig })).await;
        version += 1;
        for socket in &mut sockets {
            let event: Value = socket.next_event("gig").await;
            assert_eq!((&event["version"], &event["delivery"]), (&json!(version), &json!("LIVE")));
        }
        assert!(changed_at.elapsed() < Duration::from_secs(5), "{:?}", changed_at.elapsed());
        while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(200), overheard.next()).await
        {
            let bytes = message.get_payload_bytes();
            if key(TOKEN_SECRET, b"gigway events on Redis", epoch).verify(bytes).is_some() {
                real.push(bytes.to_vec());
            }
        }
        real.dedup();
    }
    for services in [attack.app.services(), attack.app.services_b()] {
        let health = services.bus.redis_health().expect("Redis is used");
        wait_until("all were counted", async || health.poison_messages() == rejected).await;
    }
    for socket in &mut sockets {
        socket.expect_silence("gig").await;
    }
    assert_eq!(attack.ann.status(&attack.gig).await, "ACTIVE");
}

/// Messages that arrive without a pause do not keep the gateway from reading the log, and do not make it read
/// the log all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_messages_neither_stops_events_nor_floods_the_database() {
    let attack = Attack::start().await;
    let mut socket = attack.ann.at(&attack.app.gateway_b()).socket().await;
    socket.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": attack.gig })).await;
    assert_eq!(socket.next_event("gig").await["version"], 2);
    let flood = {
        let (mut redis, channel) = (attack.redis.clone(), attack.channel.clone());
        tokio::spawn(async move {
            loop {
                let mut pipeline = redis::pipe();
                for _ in 0..500 {
                    pipeline.cmd("PUBLISH").arg(&channel).arg(vec![b'x'; 300]).ignore();
                }
                pipeline.query_async::<()>(&mut redis).await.expect("published");
                // Other tests run on this machine, too. That is still some 50,000 messages a second.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    let statements = attack.app.services_b().db.statement_count();
    let started_at = Instant::now();
    for version in 3..13 {
        let mutation = if version % 2 == 1 { PAUSE_GIG } else { RESUME_GIG };
        attack.ann.client.mutate(mutation, json!({ "id": attack.gig })).await;
        assert_eq!(socket.next_event("gig").await["version"], json!(version));
    }
    // An event that is only in the log.
    let services = attack.app.services();
    let tx = services.db.begin().await.expect("a transaction");
    let body = attack.suspension(0).body;
    event_log::append(&tx, vec![body], attack.app.now()).await.expect("appended");
    tx.commit().await.expect("committed");
    assert_eq!(socket.next_event("gig").await["version"], 77);
    let seconds = started_at.elapsed().as_secs() + 1;
    let statements = attack.app.services_b().db.statement_count() - statements;
    // Ten reads of the log in a second, each of one or two statements, and some for each event.
    assert!(statements < seconds * 25 + 10 * 20, "{statements} statements in {seconds} s");
    flood.abort();
    let health = attack.app.services_b().bus.redis_health().expect("Redis is used");
    assert!(health.poison_messages() > 1000, "{}", health.poison_messages());
    socket.expect_silence("gig").await;
}
