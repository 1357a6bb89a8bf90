//! Rate limits in Redis: what gateways that share them pay and get back.

use std::net::IpAddr;
use std::time::Duration;

use gigway::config::Settings;
use gigway::service::Services;
use gigway::service::rate_limit::{Balance, RateLimitKey, RateLimitKind};
use serde_json::json;

use crate::support::proxy::{Proxy, wait_until};
use crate::support::servers::{self, TestRedis};
use crate::support::test_app::TestApp;

const KIND: RateLimitKind = RateLimitKind::Operations;

fn network() -> RateLimitKey {
    RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]))
}

/// Gateways with 6,000 tokens for each anonymous network.
async fn start(redis_url: String, per_minute: u32, gateways: usize) -> TestApp {
    let budgets = json!({ "anonymous": { "capacity": 6000, "perMinute": per_minute } });
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(redis_url),
        budgets: Some(budgets.to_string()),
        ..Settings::default()
    };
    TestApp::start(settings, gateways).await
}

async fn charge(services: &Services, cost: u64) -> Balance {
    let charged = services.rate_limiter.charge(KIND, network(), cost, services.now()).await;
    charged.expect("within the limit").expect("a limit")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_shared_bucket_has_not_paid_is_not_refunded_to_it() {
    let mut redis = TestRedis::stopped();
    let app = start(redis.url(), 0, 2).await;
    let (gateway_a, gateway_b) = (app.services(), app.services_b());
    let unshared = charge(gateway_a, 1000).await;
    assert!(!unshared.has_shared_paid);
    redis.start().await;
    wait_until("both gateways use Redis", async || {
        charge(gateway_a, 0).await.has_shared_paid && charge(gateway_b, 0).await.has_shared_paid
    })
    .await;
    let shared = charge(gateway_a, 3000).await;
    assert!(shared.has_shared_paid);
    let refund = |cost, charged| {
        gateway_a.rate_limiter.refund_charged(KIND, network(), cost, Some(charged), gateway_a.now());
    };
    refund(1000, unshared);
    refund(500, shared);
    wait_until("the refund arrives", async || charge(gateway_b, 0).await.remaining >= 3500).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(charge(gateway_b, 0).await.remaining, 3500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_charge_of_a_slow_redis_is_shared() {
    let mut redis = TestRedis::stopped();
    redis.start().await;
    let proxy = Proxy::start(redis.url().trim_start_matches("redis://").to_owned()).await;
    let app = start(format!("redis://{}", proxy.address), 0, 1).await;
    // Two answers in the second that a charge may take.
    proxy.delay_answers(Duration::from_millis(400));
    assert!(charge(app.services(), 1).await.has_shared_paid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_of_redis_that_was_set_back_does_not_stop_the_refill() {
    let mut redis = TestRedis::stopped();
    redis.start().await;
    let app = start(redis.url(), 60_000, 1).await;
    assert!(charge(app.services(), 6000).await.has_shared_paid);
    let client = redis::Client::open(redis.url()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("gigway:budget:*:192.0.2.1").query_async(&mut connection).await.expect("keys");
    // Redis wrote the bucket an hour from now.
    let _: f64 = redis::cmd("HINCRBYFLOAT")
        .arg(&keys[0])
        .arg("at")
        .arg(3_600_000)
        .query_async(&mut connection)
        .await
        .expect("changed");
    let first = charge(app.services(), 0).await.remaining;
    assert!(first < 6000, "{first}");
    wait_until("it refills", async || charge(app.services(), 0).await.remaining >= 6000).await;
}
