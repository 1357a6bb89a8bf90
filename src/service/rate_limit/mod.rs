//! Rate limits: each user and each anonymous network has token buckets, which refill at a steady rate.
//!
//! Each gateway has local buckets. With Redis, a charge must also be paid from a bucket that all gateways share
//! ([`shared`]). While Redis is unavailable, the local buckets decide alone. They are always charged, so nobody
//! gets a second capacity when Redis fails or returns.
//!
//! To add a limit: a variant of [`RateLimitKind`] here, its rule in `domain::rate_limits`, and the call of
//! [`RateLimiter::charge`] in `engine::metering`. The variant's name is public in `extensions.budget`.

mod shared;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::domain::id::{SessionId, UserId};
use crate::domain::rate_limits::RateLimitRules;
use crate::domain::token_bucket::{Bucket, BucketRule};
use crate::events::redis_connector::RedisConnector;
use crate::service::rate_limit::shared::SharedBuckets;

/// How many buckets a gateway remembers. A bucket that was dropped is full again.
const MAX_BUCKETS: u64 = 100_000;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "camelCase")]
pub enum RateLimitKind {
    /// The cost of operations.
    Operations,
    SignIn,
    Refresh,
    SignUp,
    Upload,
    /// HTTP requests and WebSocket messages.
    Requests,
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateLimitKey {
    User(UserId),
    Session(SessionId),
    /// Anonymous clients of one network.
    Network(IpAddr),
}

/// The state of a bucket after a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub capacity: u32,
    pub per_minute: u32,
    pub remaining: u32,
}

/// The bucket holds too few tokens; none were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimited {
    pub kind: RateLimitKind,
    pub rule: BucketRule,
    /// How long until the bucket holds enough.
    pub retry_after: Duration,
}

type BucketKey = (RateLimitKind, RateLimitKey);

#[derive(Debug)]
pub struct RateLimiter {
    rules: RateLimitRules,
    local: Cache<BucketKey, Arc<LocalBucket>>,
    shared: Option<Arc<SharedBuckets>>,
}

/// A bucket of this gateway.
#[derive(Debug)]
struct LocalBucket {
    rule: BucketRule,
    bucket: Mutex<Bucket>,
}

impl LocalBucket {
    fn lock(&self) -> MutexGuard<'_, Bucket> {
        // No holder of this lock can panic in the middle of a change.
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops a bucket only when it is full again, at most a day after its last use.
struct DropWhenFull;

impl Expiry<BucketKey, Arc<LocalBucket>> for DropWhenFull {
    fn expire_after_create(&self, _: &BucketKey, local: &Arc<LocalBucket>, _: Instant) -> Option<Duration> {
        Some(local.rule.refill_time(f64::from(local.rule.capacity)))
    }

    fn expire_after_read(
        &self,
        key: &BucketKey,
        local: &Arc<LocalBucket>,
        read_at: Instant,
        _: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        self.expire_after_create(key, local, read_at)
    }
}

impl RateLimiter {
    /// `redis` and `name` identify the shared buckets; without Redis the gateway has its own.
    pub fn new(rules: RateLimitRules, redis: Option<&RedisConnector>, name: &str) -> Self {
        // By the last use: a policy that prefers frequent keys would drop each new bucket of a full cache at
        // once, and its client would have no limit.
        let local = Cache::builder()
            .max_capacity(MAX_BUCKETS)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(DropWhenFull)
            .build();
        let shared = redis.map(|connector| Arc::new(SharedBuckets::new(connector.clone(), name)));
        Self { rules, local, shared }
    }

    /// What database time costs.
    pub fn database_time_cost(&self, millis: u64) -> u64 {
        self.rules.database_time.cost(millis)
    }

    fn rule(&self, kind: RateLimitKind, key: RateLimitKey) -> BucketRule {
        match (kind, key) {
            (RateLimitKind::Operations, RateLimitKey::Network(_)) => self.rules.anonymous,
            (RateLimitKind::Operations, _) => self.rules.viewer,
            (RateLimitKind::SignIn, _) => self.rules.sign_in,
            (RateLimitKind::Refresh, _) => self.rules.refresh,
            (RateLimitKind::SignUp, _) => self.rules.sign_up,
            (RateLimitKind::Upload, _) => self.rules.upload,
            (RateLimitKind::Requests, _) => self.rules.requests,
        }
    }

    /// Takes `cost` tokens from a bucket, or none. Returns `None` if the limit is switched off.
    ///
    /// # Errors
    /// If the bucket holds too few tokens.
    pub async fn charge(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        cost: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<Balance>, RateLimited> {
        let rule = self.rule(kind, key);
        if rule.capacity == 0 {
            return Ok(None);
        }
        let tokens = tokens(cost);
        let limited = |retry_after| RateLimited { kind, rule, retry_after };
        let local = self.local_bucket(kind, key, rule, now);
        let mut remaining = {
            let mut bucket = local.lock();
            bucket.take(rule, tokens, now).map_err(limited)?;
            bucket.tokens()
        };
        if let Some(shared) = &self.shared {
            match shared.take(kind, key, rule, tokens).await {
                Some(Ok(shared_remaining)) => remaining = remaining.min(shared_remaining),
                Some(Err(retry_after)) => {
                    local.lock().refund(rule, tokens);
                    return Err(limited(retry_after));
                }
                // Redis is unavailable.
                None => {}
            }
        }
        let BucketRule { capacity, per_minute } = rule;
        Ok(Some(Balance { capacity, per_minute, remaining: floor(remaining) }))
    }

    /// Takes tokens from the bucket of this gateway only. It protects the gateway itself, and must cost next to
    /// nothing.
    ///
    /// # Errors
    /// If the bucket holds too few tokens.
    pub fn charge_here(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        cost: u64,
        now: DateTime<Utc>,
    ) -> Result<(), RateLimited> {
        let rule = self.rule(kind, key);
        if rule.capacity == 0 {
            return Ok(());
        }
        let taken = self.local_bucket(kind, key, rule, now).lock().take(rule, tokens(cost), now);
        taken.map_err(|retry_after| RateLimited { kind, rule, retry_after })
    }

    /// Takes tokens for what was already done, also if there are fewer ([`Bucket::take_with_debt`]).
    pub async fn charge_afterwards(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        cost: u64,
        now: DateTime<Utc>,
    ) {
        let rule = self.rule(kind, key);
        if rule.capacity == 0 || cost == 0 {
            return;
        }
        let tokens = tokens(cost);
        self.local_bucket(kind, key, rule, now).lock().take_with_debt(rule, tokens, now);
        if let Some(shared) = &self.shared {
            shared.take_with_debt(kind, key, rule, tokens).await;
        }
    }

    /// Puts back tokens that were charged and not needed. A shared bucket gets them in the background, and not
    /// at all if Redis becomes unavailable.
    pub fn refund(&self, kind: RateLimitKind, key: RateLimitKey, cost: u64, now: DateTime<Utc>) {
        let rule = self.rule(kind, key);
        if rule.capacity == 0 || cost == 0 {
            return;
        }
        let tokens = tokens(cost);
        self.local_bucket(kind, key, rule, now).lock().refund(rule, tokens);
        if let Some(shared) = self.shared.clone() {
            tokio::spawn(async move { shared.refund(kind, key, rule, tokens).await });
        }
    }

    fn local_bucket(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        now: DateTime<Utc>,
    ) -> Arc<LocalBucket> {
        let full = || Arc::new(LocalBucket { rule, bucket: Mutex::new(Bucket::new(rule, now)) });
        self.local.get_with((kind, key), full)
    }
}

fn tokens(cost: u64) -> f64 {
    f64::from(u32::try_from(cost).unwrap_or(u32::MAX))
}

/// Rounds down.
fn floor(tokens: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped to the range of u32"
    )]
    let floored = tokens.clamp(0.0, f64::from(u32::MAX)) as u32;
    floored
}

#[cfg(test)]
mod tests {
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
        let charged = rate_limiter
            .charge(RateLimitKind::Operations, network, u64::MAX, DateTime::<Utc>::UNIX_EPOCH)
            .await;
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
                    0 => now += chrono::TimeDelta::microseconds(rng.random_range(-2_000_000..5_000_000)),
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
                    assert!(
                        admitted - before <= bound + 0.01,
                        "seed {seed}: {} of {bound}",
                        admitted - before
                    );
                }
            }
        }
    }
}
