//! Fault injection: whatever fails, each subscriber receives each of its events, once and in order.
//!
//! Each test injects one fault into the setup of [`fault_harness`](crate::support::fault_harness): two
//! gateway processes, fifty subscribers, and five hundred changes by eight writers.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;

use crate::support::fault_harness::FaultHarness;
use crate::support::faulty_redis_proxy::FaultyRedisProxy;
use crate::support::servers::{self, TestRedis};
use crate::support::subscriber::Transport;
use crate::support::test_postgres::TestPostgres;

/// Number of changes in each test.
const CHANGES: usize = 500;

/// Number of changes before the fault. Others are running when it happens.
const BEFORE: usize = 150;

/// How long a subscriber does not read.
const PAUSE: Duration = Duration::from_secs(5);

/// The random seed of the faulty bus.
const SEED: u64 = 20_260_101;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_if_redis_is_killed_and_restarts_empty() {
    let mut redis = TestRedis::stopped();
    redis.start().await;
    let mut harness = FaultHarness::start(&servers::new_postgres_database().await, &redis.url()).await;
    harness.writers.allow_changes(BEFORE + 50);
    harness.writers.wait_for_changes(BEFORE).await;
    redis.kill();
    harness.writers.allow_changes(150);
    tokio::time::sleep(Duration::from_secs(3)).await;
    harness.writers.wait_for_changes(BEFORE + 200).await;
    redis.start().await;
    harness.writers.allow_changes(CHANGES - BEFORE - 200);
    harness.expect_exactly_once(CHANGES).await;
    for gateway in 0..2 {
        // No client lost its connection.
        assert!(harness.connections(gateway).iter().all(|times| *times == 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_if_a_gateway_is_killed_and_its_clients_resume() {
    let database = servers::new_postgres_database().await;
    let mut harness = FaultHarness::start(&database, &servers::redis_url()).await;
    harness.writers.allow_changes(BEFORE + 150);
    harness.writers.wait_for_changes(BEFORE).await;
    harness.gateways.kill(1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    harness.gateways.start_gateway(1);
    harness.writers.allow_changes(CHANGES - BEFORE - 150);
    harness.expect_exactly_once(CHANGES).await;
    assert!(harness.connections(0).iter().all(|times| *times == 1));
    assert!(harness.connections(1).iter().all(|times| *times > 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_if_postgres_restarts_twice() {
    let mut postgres = TestPostgres::start_new().await;
    let mut harness = FaultHarness::start(&postgres.url(), &servers::redis_url()).await;
    let mut done = 0;
    for signal in ["QUIT", "INT"] {
        harness.writers.allow_changes(BEFORE + 50);
        harness.writers.wait_for_changes(done + BEFORE).await;
        postgres.stop(signal);
        tokio::time::sleep(Duration::from_secs(2)).await;
        postgres.start().await;
        done += BEFORE + 50;
        harness.writers.wait_for_changes(done).await;
    }
    harness.writers.allow_changes(CHANGES - done);
    harness.expect_exactly_once(CHANGES).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_subscriber_delays_nobody_and_catches_up_from_the_log() {
    let database = servers::new_postgres_database().await;
    let mut harness = FaultHarness::start(&database, &servers::redis_url()).await;
    let slow = [
        harness.add_large_event_subscriber(0, Transport::WebSocket).await,
        harness.add_large_event_subscriber(1, Transport::EventStream).await,
    ];
    harness.writers.allow_changes(20);
    harness.writers.wait_for_changes(20).await;
    harness.wait_for_delivery_except(&[]).await;
    let received = slow.map(|number| harness.subscriber(number).state().events.len());
    for number in slow {
        harness.subscriber(number).stop_reading();
    }
    harness.writers.allow_changes(CHANGES - 20);
    tokio::time::sleep(PAUSE).await;
    harness.writers.wait_for_changes(CHANGES).await;
    harness.wait_for_delivery_except(&slow).await;
    for number in slow {
        assert!(!harness.has_received_all(number).await);
        harness.subscriber(number).resume_reading();
    }
    harness.expect_exactly_once(CHANGES).await;
    for (number, received) in slow.into_iter().zip(received) {
        // More arrived than the queue and the connection buffer, so the rest is replayed from the log.
        let state = harness.subscriber(number).state();
        assert!(state.events[received..].iter().any(|event| event.delivery == "REPLAY"));
        assert_eq!(state.connections, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_if_the_bus_drops_repeats_and_reorders_messages() {
    let bus = FaultyRedisProxy::start(&servers::redis_url(), SEED).await;
    let mut harness = FaultHarness::start(&servers::new_postgres_database().await, &bus.url()).await;
    harness.writers.allow_changes(CHANGES);
    harness.expect_exactly_once(CHANGES).await;
    let counts = bus.counts();
    assert!(counts.dropped > 10 && counts.repeated > 10 && counts.reordered > 10, "{counts:?}");
    for gateway in 0..2 {
        assert!(harness.connections(gateway).iter().all(|times| *times == 1));
    }
}

#[tokio::test]
async fn the_faulty_bus_counts_its_faults_correctly() {
    const MESSAGES: usize = 1000;
    let bus = FaultyRedisProxy::start(&servers::redis_url(), SEED).await;
    let channel = servers::unique_name();
    let through_bus = redis::Client::open(bus.url()).expect("a URL");
    let mut listener = through_bus.get_async_pubsub().await.expect("Redis responds");
    listener.subscribe(channel.as_str()).await.expect("subscribed");
    let mut messages = listener.into_on_message();
    let direct = redis::Client::open(servers::redis_url()).expect("a URL");
    let mut connection = direct.get_multiplexed_async_connection().await.expect("Redis responds");
    for number in 0..MESSAGES {
        let command = redis::cmd("PUBLISH").arg(&channel).arg(number).to_owned();
        let receivers: i32 = command.query_async(&mut connection).await.expect("published");
        assert_eq!(receivers, 1);
    }
    let mut received: Vec<usize> = Vec::new();
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_secs(2), messages.next()).await {
        received.push(message.get_payload().expect("a number"));
    }
    let (counts, distinct) = (bus.counts(), received.iter().collect::<BTreeSet<_>>().len());
    assert!(counts.dropped > 50 && counts.repeated > 50 && counts.reordered > 50, "{counts:?}");
    assert_eq!(received.len() - distinct, counts.repeated);
    assert_eq!(received.windows(2).filter(|pair| pair[0] > pair[1]).count(), counts.reordered);
    // The last message may still be delayed.
    assert!(matches!(MESSAGES - distinct - counts.dropped, 0 | 1), "{distinct} {counts:?}");
}
