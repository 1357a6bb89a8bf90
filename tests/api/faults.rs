//! Whatever fails, each subscriber is told each of its events, once and in order.
//!
//! Each test lets one fault loose on [`support::fault_harness`](crate::support::fault_harness): two gateways as processes of their
//! own, fifty subscribers, and five hundred changes by eight writers.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;

use crate::support::fault_harness::FaultHarness;
use crate::support::faulty_bus::FaultyBus;
use crate::support::own_postgres::OwnPostgres;
use crate::support::servers::{self, OwnRedis};
use crate::support::subscriber::Transport;

/// How many changes are made in each test.
const CHANGES: usize = 500;

/// How many have been made when the fault happens; it happens while others are under way.
const BEFORE: usize = 150;

/// For how long a subscriber does not read.
const PAUSE: Duration = Duration::from_secs(5);

/// The seed of what the faulty bus does.
const SEED: u64 = 20_260_101;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_comes_back_empty() {
    let mut redis = OwnRedis::away();
    redis.start().await;
    let mut harness = FaultHarness::set(&servers::new_postgres_database().await, &redis.url()).await;
    harness.writers.go_on(BEFORE + 50);
    harness.writers.have_done(BEFORE).await;
    redis.kill();
    harness.writers.go_on(150);
    tokio::time::sleep(Duration::from_secs(3)).await;
    harness.writers.have_done(BEFORE + 200).await;
    redis.start().await;
    harness.writers.go_on(CHANGES - BEFORE - 200);
    harness.all_is_told(CHANGES).await;
    for gateway in 0..2 {
        // No client noticed.
        assert!(harness.connections(gateway).iter().all(|times| *times == 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_is_killed_and_its_clients_resume() {
    let database = servers::new_postgres_database().await;
    let mut harness = FaultHarness::set(&database, &servers::redis_url()).await;
    harness.writers.go_on(BEFORE + 150);
    harness.writers.have_done(BEFORE).await;
    harness.gateways.kill(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    harness.gateways.start_one(1);
    harness.writers.go_on(CHANGES - BEFORE - 150);
    harness.all_is_told(CHANGES).await;
    assert!(harness.connections(0).iter().all(|times| *times == 1));
    assert!(harness.connections(1).iter().all(|times| *times > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_restarted_twice() {
    let mut postgres = OwnPostgres::started().await;
    let mut harness = FaultHarness::set(&postgres.url(), &servers::redis_url()).await;
    let mut done = 0;
    for signal in ["QUIT", "INT"] {
        harness.writers.go_on(BEFORE + 50);
        harness.writers.have_done(done + BEFORE).await;
        postgres.stop(signal);
        tokio::time::sleep(Duration::from_secs(2)).await;
        postgres.start().await;
        done += BEFORE + 50;
        harness.writers.have_done(done).await;
    }
    harness.writers.go_on(CHANGES - done);
    harness.all_is_told(CHANGES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_stops_reading_holds_up_nobody_else() {
    let database = servers::new_postgres_database().await;
    let mut harness = FaultHarness::set(&database, &servers::redis_url()).await;
    let slow = [
        harness.follow_at_length(0, Transport::WebSocket).await,
        harness.follow_at_length(1, Transport::EventStream).await,
    ];
    harness.writers.go_on(20);
    harness.writers.have_done(20).await;
    harness.others_are_told(&[]).await;
    let heard = slow.map(|number| harness.subscriber(number).notes().events.len());
    for number in slow {
        harness.subscriber(number).stop_reading();
    }
    harness.writers.go_on(CHANGES - 20);
    tokio::time::sleep(PAUSE).await;
    harness.writers.have_done(CHANGES).await;
    harness.others_are_told(&slow).await;
    for number in slow {
        assert!(!harness.is_told(number).await);
        harness.subscriber(number).read_on();
    }
    harness.all_is_told(CHANGES).await;
    for (number, heard) in slow.into_iter().zip(heard) {
        // More had come than its queue and its connection hold: the rest is from the log.
        let notes = harness.subscriber(number).notes();
        assert!(notes.events[heard..].iter().any(|event| event.delivery == "REPLAY"));
        assert_eq!(notes.connections, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bus_drops_repeats_and_reorders() {
    let bus = FaultyBus::to(&servers::redis_url(), SEED).await;
    let mut harness = FaultHarness::set(&servers::new_postgres_database().await, &bus.url()).await;
    harness.writers.go_on(CHANGES);
    harness.all_is_told(CHANGES).await;
    let tally = bus.tally();
    assert!(tally.dropped > 10 && tally.repeated > 10 && tally.reordered > 10, "{tally:?}");
    for gateway in 0..2 {
        assert!(harness.connections(gateway).iter().all(|times| *times == 1));
    }
}

#[tokio::test]
async fn the_faulty_bus_does_what_it_counts() {
    const MESSAGES: usize = 1000;
    let bus = FaultyBus::to(&servers::redis_url(), SEED).await;
    let channel = servers::new_name();
    let behind = redis::Client::open(bus.url()).expect("an address");
    let mut listener = behind.get_async_pubsub().await.expect("Redis answers");
    listener.subscribe(channel.as_str()).await.expect("subscribed");
    let mut messages = listener.into_on_message();
    let direct = redis::Client::open(servers::redis_url()).expect("an address");
    let mut connection = direct.get_multiplexed_async_connection().await.expect("Redis answers");
    for number in 0..MESSAGES {
        let command = redis::cmd("PUBLISH").arg(&channel).arg(number).to_owned();
        let heard: i32 = command.query_async(&mut connection).await.expect("published");
        assert_eq!(heard, 1);
    }
    let mut came: Vec<usize> = Vec::new();
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(2), messages.next()).await {
        came.push(message.get_payload().expect("a number"));
    }
    let (tally, distinct) = (bus.tally(), came.iter().collect::<BTreeSet<_>>().len());
    assert!(tally.dropped > 50 && tally.repeated > 50 && tally.reordered > 50, "{tally:?}");
    assert_eq!(came.len() - distinct, tally.repeated);
    assert_eq!(came.windows(2).filter(|pair| pair[0] > pair[1]).count(), tally.reordered);
    // The last may still be held back.
    assert!(matches!(MESSAGES - distinct - tally.dropped, 0 | 1), "{distinct} {tally:?}");
}
