use chrono::TimeDelta;

use super::*;
use crate::domain::rate_limits::DatabaseTimeRule;

fn rate_limiter(anonymous: BucketRule) -> RateLimiter {
    let viewer = BucketRule::new(20_000, 60_000);
    let (sign_in, refresh, sign_up, upload, requests) = (viewer, viewer, viewer, viewer, viewer);
    let database_time = DatabaseTimeRule { free_millis: 0, cost_per_milli: 1 };
    let rules =
        RateLimitRules { anonymous, viewer, sign_in, refresh, sign_up, upload, requests, database_time };
    RateLimiter::new(rules, None, "test")
}

#[tokio::test]
async fn each_caller_has_their_own_bucket_and_unused_cost_is_refunded() {
    let rate_limiter = rate_limiter(BucketRule::new(100, 60));
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let network = RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]));
    let charge = async |key, cost| rate_limiter.charge(RateLimitKind::Operations, key, cost, now).await;
    let remaining = |balance: Result<Option<Balance>, RateLimited>| balance.unwrap().unwrap().remaining;
    assert_eq!(remaining(charge(network, 70).await), 30);
    let spent = charge(network, 40).await.unwrap_err();
    assert_eq!((spent.kind, spent.retry_after), (RateLimitKind::Operations, Duration::from_secs(10)));
    rate_limiter.refund(RateLimitKind::Operations, network, 20, now);
    assert_eq!(remaining(charge(network, 40).await), 10);
    assert_eq!(remaining(charge(RateLimitKey::Network(IpAddr::from([192, 0, 2, 2])), 100).await), 0);
    assert_eq!(remaining(charge(RateLimitKey::User(UserId::nil()), 1).await), 19_999);
}

#[tokio::test]
async fn what_was_done_is_charged_even_if_there_are_too_few_tokens() {
    let rate_limiter = rate_limiter(BucketRule::new(100, 60));
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let network = RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]));
    rate_limiter.charge_afterwards(RateLimitKind::Operations, network, 5_000, now).await;
    let refused = rate_limiter.charge(RateLimitKind::Operations, network, 1, now).await.unwrap_err();
    // The refill of a minute pays the debt of 60, and then comes the one token.
    assert_eq!(refused.retry_after, Duration::from_secs(61));
}

#[tokio::test]
async fn a_capacity_of_zero_switches_the_limit_off() {
    let rate_limiter = rate_limiter(BucketRule::new(0, 0));
    let network = RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]));
    let charged =
        rate_limiter.charge(RateLimitKind::Operations, network, u64::MAX, DateTime::<Utc>::UNIX_EPOCH).await;
    assert_eq!(charged, Ok(None));
}

#[tokio::test]
async fn a_full_cache_still_limits_new_callers() {
    let rate_limiter = rate_limiter(BucketRule::new(1, 0));
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let charge = async |number: u32| {
        let key = RateLimitKey::Network(IpAddr::from(number.to_be_bytes()));
        rate_limiter.charge(RateLimitKind::Operations, key, 1, now).await
    };
    let max = u32::try_from(MAX_BUCKETS).unwrap();
    for number in 0..max {
        charge(number).await.unwrap();
    }
    rate_limiter.local.run_pending_tasks();
    for number in max..max + 100 {
        charge(number).await.unwrap();
        rate_limiter.local.run_pending_tasks();
        assert!(charge(number).await.is_err(), "{number}");
    }
}

/// Charges, refunds and clock moves in a random order. What is admitted (and not refunded) between two
/// moments never exceeds the capacity and what was added between them.
#[tokio::test]
async fn no_window_admits_more_than_the_capacity_and_the_refill() {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let rule = BucketRule::new(rng.random_range(1..1000), rng.random_range(0..6000));
        let rate_limiter = rate_limiter(rule);
        let key = RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]));
        let kind = RateLimitKind::Operations;
        let (mut now, mut latest) = (DateTime::<Utc>::UNIX_EPOCH, DateTime::<Utc>::UNIX_EPOCH);
        rate_limiter.charge(kind, key, 0, now).await.expect("it is full");
        // The latest time of a charge, and the net sum admitted, after each step.
        let mut history = vec![(latest, 0.0_f64)];
        let mut outstanding: Vec<u32> = Vec::new();
        for _ in 0..100 {
            let mut admitted = history.last().unwrap().1;
            match rng.random_range(0..4) {
                0 => {
                    // A clock that is set back by more than five seconds may admit more.
                    let step = TimeDelta::microseconds(rng.random_range(-2_000_000..5_000_000));
                    now = (now + step).max(latest - TimeDelta::seconds(5));
                }
                1 if !outstanding.is_empty() => {
                    let charged = outstanding.swap_remove(rng.random_range(0..outstanding.len()));
                    let unused = rng.random_range(0..=charged);
                    rate_limiter.refund(kind, key, unused.into(), now);
                    admitted -= f64::from(unused);
                }
                _ => {
                    let cost = rng.random_range(0..=rule.capacity);
                    latest = latest.max(now);
                    match rate_limiter.charge(kind, key, cost.into(), now).await {
                        Ok(balance) => {
                            assert!(balance.unwrap().remaining <= rule.capacity);
                            outstanding.push(cost);
                            admitted += f64::from(cost);
                        }
                        Err(limited) => assert!(limited.retry_after > Duration::ZERO),
                    }
                }
            }
            history.push((latest, admitted));
            for (start, before) in &history {
                let elapsed = (latest - *start).as_seconds_f64() * 1000.0;
                let bound = f64::from(rule.capacity) + elapsed * rule.per_millisecond();
                assert!(admitted - before <= bound + 0.01, "seed {seed}: {} of {bound}", admitted - before);
            }
        }
    }
}
