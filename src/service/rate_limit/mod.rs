//! Rate limits: each user and each anonymous network has token buckets, which refill at a steady rate.
//!
//! With several gateways the buckets are in Redis ([`shared`]). A gateway leases tokens from them in advance,
//! so that most operations do not wait for Redis. While Redis is unavailable, each gateway uses its local
//! buckets.
//!
//! To add a limit: a variant of [`RateLimitKind`] here, its rule in `domain::rate_limits`, and the call of
//! [`RateLimiter::charge`] in `engine::metering`. The variant's name is public in `extensions.budget`.

mod shared;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

use crate::domain::id::UserId;
use crate::domain::rate_limits::RateLimitRules;
use crate::domain::token_bucket::{Bucket, BucketRule};
use crate::events::redis_connector::RedisConnector;
use crate::service::rate_limit::shared::{LeaseOutcome, SharedBuckets};

/// How many buckets a gateway remembers. A bucket that was dropped is full again.
const MAX_BUCKETS: u64 = 100_000;

/// A bucket that was not used for this long is dropped.
const BUCKET_IDLE_LIFETIME: Duration = Duration::from_mins(10);

/// The fraction of a bucket's capacity that a gateway leases at once.
const LEASE_FRACTION: f64 = 0.05;

/// Leased tokens that are not spent within this time are dropped: the shared bucket has refilled in the
/// meantime, and they would come on top of its capacity.
const LEASE_LIFETIME: TimeDelta = TimeDelta::seconds(10);

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "camelCase")]
pub enum RateLimitKind {
    /// The cost of operations.
    Operations,
    SignIn,
    SignUp,
    Upload,
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateLimitKey {
    User(UserId),
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
    local_buckets: Cache<BucketKey, Arc<Mutex<LocalBucket>>>,
    shared: Option<SharedBuckets>,
}

/// The state of one bucket in this gateway.
#[derive(Debug)]
struct LocalBucket {
    /// Used without Redis.
    local: Bucket,
    /// Tokens leased from Redis and not spent yet.
    leased: f64,
    leased_at: DateTime<Utc>,
    /// Tokens that Redis held after the last lease.
    shared_remaining: f64,
}

impl LocalBucket {
    fn new(rule: BucketRule, now: DateTime<Utc>) -> Self {
        Self {
            local: Bucket::new(rule, now),
            leased: 0.0,
            leased_at: now,
            shared_remaining: f64::from(rule.capacity),
        }
    }

    /// Spends leased tokens. If there are too few, spends none and returns how many are missing.
    fn spend_lease(&mut self, cost: f64, now: DateTime<Utc>) -> Result<(), f64> {
        if now - self.leased_at > LEASE_LIFETIME {
            self.leased = 0.0;
        }
        if self.leased < cost {
            return Err(cost - self.leased);
        }
        self.leased -= cost;
        Ok(())
    }
}

impl RateLimiter {
    /// `redis` and `name` identify the shared buckets; without Redis the gateway has its own.
    pub fn new(rules: RateLimitRules, redis: Option<&RedisConnector>, name: &str) -> Self {
        let local_buckets =
            Cache::builder().max_capacity(MAX_BUCKETS).time_to_idle(BUCKET_IDLE_LIFETIME).build();
        Self {
            rules,
            local_buckets,
            shared: redis.map(|connector| SharedBuckets::new(connector.clone(), name)),
        }
    }

    fn rule(&self, kind: RateLimitKind, key: RateLimitKey) -> BucketRule {
        match (kind, key) {
            (RateLimitKind::Operations, RateLimitKey::User(_)) => self.rules.viewer,
            (RateLimitKind::Operations, RateLimitKey::Network(_)) => self.rules.anonymous,
            (RateLimitKind::SignIn, _) => self.rules.sign_in,
            (RateLimitKind::SignUp, _) => self.rules.sign_up,
            (RateLimitKind::Upload, _) => self.rules.upload,
        }
    }

    /// Takes `cost` tokens from a bucket. Returns `None` if the limit is switched off.
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
        let cost = f64::from(u32::try_from(cost).unwrap_or(u32::MAX));
        let bucket = self.bucket(kind, key, rule, now);
        let charged = self.charge_shared(&bucket, kind, key, rule, cost, now).await;
        let remaining = charged.unwrap_or_else(|| {
            let mut bucket = lock(&bucket);
            bucket.local.take(rule, cost, now).map(|()| bucket.local.tokens())
        });
        match remaining {
            Ok(remaining) => {
                let BucketRule { capacity, per_minute } = rule;
                Ok(Some(Balance { capacity, per_minute, remaining: floor(remaining) }))
            }
            Err(retry_after) => Err(RateLimited { kind, rule, retry_after }),
        }
    }

    /// Charges the shared bucket, and returns the remaining tokens or how long to wait; `None` if Redis is
    /// not used or unavailable.
    async fn charge_shared(
        &self,
        bucket: &Mutex<LocalBucket>,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        cost: f64,
        now: DateTime<Utc>,
    ) -> Option<Result<f64, Duration>> {
        let shared = self.shared.as_ref()?;
        let missing = {
            let mut bucket = lock(bucket);
            match bucket.spend_lease(cost, now) {
                Ok(()) => return Some(Ok(bucket.leased + bucket.shared_remaining)),
                Err(missing) => missing,
            }
        };
        // Limits that count single actions are exact: nothing is leased in advance.
        let wanted = match kind {
            RateLimitKind::Operations => missing.max(f64::from(rule.capacity) * LEASE_FRACTION),
            RateLimitKind::SignIn | RateLimitKind::SignUp | RateLimitKind::Upload => missing,
        };
        match shared.lease(kind, key, rule, missing, wanted).await? {
            LeaseOutcome::Granted { leased, shared_remaining } => {
                let mut bucket = lock(bucket);
                bucket.leased += leased;
                (bucket.leased_at, bucket.shared_remaining) = (now, shared_remaining);
                // A concurrent operation may have spent some of the lease.
                bucket.leased = (bucket.leased - cost).max(0.0);
                Some(Ok(bucket.leased + shared_remaining))
            }
            LeaseOutcome::Insufficient { retry_after } => Some(Err(retry_after)),
        }
    }

    /// Puts back tokens that were charged and not needed.
    pub fn refund(&self, kind: RateLimitKind, key: RateLimitKey, cost: u64, now: DateTime<Utc>) {
        let rule = self.rule(kind, key);
        if rule.capacity == 0 || cost == 0 {
            return;
        }
        let cost = f64::from(u32::try_from(cost).unwrap_or(u32::MAX));
        let bucket = self.bucket(kind, key, rule, now);
        let mut bucket = lock(&bucket);
        if self.shared.as_ref().is_some_and(SharedBuckets::is_connected) {
            bucket.leased += cost;
        } else {
            bucket.local.refund(rule, cost);
        }
    }

    fn bucket(
        &self,
        kind: RateLimitKind,
        key: RateLimitKey,
        rule: BucketRule,
        now: DateTime<Utc>,
    ) -> Arc<Mutex<LocalBucket>> {
        self.local_buckets.get_with((kind, key), || Arc::new(Mutex::new(LocalBucket::new(rule, now))))
    }
}

fn lock(bucket: &Mutex<LocalBucket>) -> std::sync::MutexGuard<'_, LocalBucket> {
    // No holder of this lock can panic in the middle of a change.
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn rate_limiter(anonymous: BucketRule) -> RateLimiter {
        let viewer = BucketRule::new(20_000, 60_000);
        let rules = RateLimitRules { anonymous, viewer, sign_in: viewer, sign_up: viewer, upload: viewer };
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
    async fn a_capacity_of_zero_switches_the_limit_off() {
        let rate_limiter = rate_limiter(BucketRule::new(0, 0));
        let network = RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]));
        let charged = rate_limiter
            .charge(RateLimitKind::Operations, network, u64::MAX, DateTime::<Utc>::UNIX_EPOCH)
            .await;
        assert_eq!(charged, Ok(None));
    }
}
