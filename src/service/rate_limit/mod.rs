//! What callers may spend over time: each has buckets of points, which run full again at a steady pace.
//!
//! With several gateways the buckets are in Redis ([`shared`]), and a gateway draws from them by the lump, so that most
//! operations ask nobody. Where Redis is away a gateway counts by itself, and never not at all.

mod shared;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use uuid::Uuid;

use crate::domain::rate_limits::RateLimitRules;
use crate::domain::token_bucket::{Bucket, BucketRule};
use crate::events::redis_connector::RedisConnector;
use crate::service::rate_limit::shared::{Drawn, SharedBuckets};

/// Callers remembered at a time; whoever is forgotten has full buckets again.
const REMEMBERED: u64 = 100_000;

/// Whoever is not heard of for so long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// Of a bucket's capacity, what a gateway draws at once.
const LEASE: f64 = 0.05;

/// What was drawn and not spent is no longer here after this: another gateway may need it, and it has run in again.
const LEASE_LIFETIME: TimeDelta = TimeDelta::seconds(10);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "camelCase")]
pub enum RateLimitKind {
    /// The points of operations.
    Operations,
    SignIn,
    SignUp,
    Upload,
}

/// Who spends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateLimitKey {
    Person(Uuid),
    /// Strangers of one network.
    Network(IpAddr),
}

/// What is left after a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    pub capacity: u32,
    pub per_minute: u32,
    pub remaining: u32,
}

/// There are too few points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimited {
    pub budget: RateLimitKind,
    pub rule: BucketRule,
    /// When there will be enough.
    pub again_in: Duration,
}

type Key = (RateLimitKind, RateLimitKey);

/// The buckets.
#[derive(Debug)]
pub struct RateLimiter {
    rules: RateLimitRules,
    purses: Cache<Key, Arc<Mutex<LocalBucket>>>,
    shared: Option<SharedBuckets>,
}

/// What a gateway has of a caller's points.
#[derive(Debug)]
struct LocalBucket {
    /// Counted by itself: all there is without Redis.
    own: Bucket,
    /// Drawn from Redis and not spent yet.
    drawn: f64,
    drawn_at: DateTime<Utc>,
    /// What was left there.
    left: f64,
}

impl LocalBucket {
    fn new(rule: BucketRule, now: DateTime<Utc>) -> Self {
        Self { own: Bucket::new(rule, now), drawn: 0.0, drawn_at: now, left: f64::from(rule.capacity) }
    }

    /// Spends what was drawn; how much more must be, where that is too little.
    fn spend(&mut self, points: f64, now: DateTime<Utc>) -> Result<(), f64> {
        if now - self.drawn_at > LEASE_LIFETIME {
            self.drawn = 0.0;
        }
        if self.drawn < points {
            return Err(points - self.drawn);
        }
        self.drawn -= points;
        Ok(())
    }
}

impl RateLimiter {
    /// The buckets of one gateway, or of all that share this Redis and `name`.
    pub fn new(rules: RateLimitRules, redis: Option<&RedisConnector>, name: &str) -> Self {
        let purses = Cache::builder().max_capacity(REMEMBERED).time_to_idle(FORGOTTEN_AFTER).build();
        Self { rules, purses, shared: redis.map(|address| SharedBuckets::new(address.clone(), name)) }
    }

    fn rule(&self, budget: RateLimitKind, rate_limit_key: RateLimitKey) -> BucketRule {
        match (budget, rate_limit_key) {
            (RateLimitKind::Operations, RateLimitKey::Person(_)) => self.rules.viewer,
            (RateLimitKind::Operations, RateLimitKey::Network(_)) => self.rules.anonymous,
            (RateLimitKind::SignIn, _) => self.rules.sign_in,
            (RateLimitKind::SignUp, _) => self.rules.sign_up,
            (RateLimitKind::Upload, _) => self.rules.upload,
        }
    }

    /// Spends points of a budget; `None` where nothing is counted.
    ///
    /// # Errors
    /// Where there are too few; then none are spent.
    pub async fn charge(
        &self,
        budget: RateLimitKind,
        rate_limit_key: RateLimitKey,
        points: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<Balance>, RateLimited> {
        let rule = self.rule(budget, rate_limit_key);
        if rule.capacity == 0 {
            return Ok(None);
        }
        let points = f64::from(u32::try_from(points).unwrap_or(u32::MAX));
        let purse = self.purse(budget, rate_limit_key, rule, now);
        let charged = self.charge_shared(&purse, budget, rate_limit_key, rule, points, now).await;
        let remaining = charged.unwrap_or_else(|| {
            let mut purse = lock(&purse);
            purse.own.take(rule, points, now).map(|()| purse.own.points())
        });
        match remaining {
            Ok(remaining) => {
                let BucketRule { capacity, per_minute } = rule;
                Ok(Some(Balance { capacity, per_minute, remaining: whole(remaining) }))
            }
            Err(again_in) => Err(RateLimited { budget, rule, again_in }),
        }
    }

    /// What remains of the points that the gateways share; `None` where they share none, or cannot.
    async fn charge_shared(
        &self,
        purse: &Mutex<LocalBucket>,
        budget: RateLimitKind,
        rate_limit_key: RateLimitKey,
        rule: BucketRule,
        points: f64,
        now: DateTime<Utc>,
    ) -> Option<Result<f64, Duration>> {
        let shared = self.shared.as_ref()?;
        let missing = {
            let mut purse = lock(purse);
            match purse.spend(points, now) {
                Ok(()) => return Some(Ok(purse.drawn + purse.left)),
                Err(missing) => missing,
            }
        };
        // What is counted by ones is counted exactly.
        let lump = match budget {
            RateLimitKind::Operations => missing.max(f64::from(rule.capacity) * LEASE),
            RateLimitKind::SignIn | RateLimitKind::SignUp | RateLimitKind::Upload => missing,
        };
        match shared.draw(budget, rate_limit_key, rule, missing, lump).await? {
            Drawn::Points { drawn, left } => {
                let mut purse = lock(purse);
                purse.drawn += drawn;
                (purse.drawn_at, purse.left) = (now, left);
                // Another operation of theirs may have been quicker.
                purse.drawn = (purse.drawn - points).max(0.0);
                Some(Ok(purse.drawn + left))
            }
            Drawn::TooFew { again_in } => Some(Err(again_in)),
        }
    }

    /// Gives points back that were charged and not needed.
    pub fn give_back(
        &self,
        budget: RateLimitKind,
        rate_limit_key: RateLimitKey,
        points: u64,
        now: DateTime<Utc>,
    ) {
        let rule = self.rule(budget, rate_limit_key);
        if rule.capacity == 0 || points == 0 {
            return;
        }
        let points = f64::from(u32::try_from(points).unwrap_or(u32::MAX));
        let purse = self.purse(budget, rate_limit_key, rule, now);
        let mut purse = lock(&purse);
        if self.shared.as_ref().is_some_and(SharedBuckets::is_there) {
            purse.drawn += points;
        } else {
            purse.own.give_back(rule, points);
        }
    }

    fn purse(
        &self,
        budget: RateLimitKind,
        rate_limit_key: RateLimitKey,
        rule: BucketRule,
        now: DateTime<Utc>,
    ) -> Arc<Mutex<LocalBucket>> {
        self.purses.get_with((budget, rate_limit_key), || Arc::new(Mutex::new(LocalBucket::new(rule, now))))
    }
}

fn lock(purse: &Mutex<LocalBucket>) -> std::sync::MutexGuard<'_, LocalBucket> {
    // Nothing that holds this lock can panic half-way through a change.
    purse.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whole points.
fn whole(points: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to what fits")]
    let whole = points.clamp(0.0, f64::from(u32::MAX)) as u32;
    whole
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
    async fn each_caller_spends_their_own_and_gets_back_what_was_not_needed() {
        let rate_limiter = rate_limiter(BucketRule::new(100, 60));
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let here = RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]));
        let charge = async |rate_limit_key, points| {
            rate_limiter.charge(RateLimitKind::Operations, rate_limit_key, points, now).await
        };
        let remaining = |balance: Result<Option<Balance>, RateLimited>| balance.unwrap().unwrap().remaining;
        assert_eq!(remaining(charge(here, 70).await), 30);
        let spent = charge(here, 40).await.unwrap_err();
        assert_eq!((spent.budget, spent.again_in), (RateLimitKind::Operations, Duration::from_secs(10)));
        rate_limiter.give_back(RateLimitKind::Operations, here, 20, now);
        assert_eq!(remaining(charge(here, 40).await), 10);
        assert_eq!(remaining(charge(RateLimitKey::Network(IpAddr::from([192, 0, 2, 2])), 100).await), 0);
        assert_eq!(remaining(charge(RateLimitKey::Person(Uuid::nil()), 1).await), 19_999);
    }

    #[tokio::test]
    async fn nothing_is_counted_where_there_is_no_capacity() {
        let rate_limiter = rate_limiter(BucketRule::new(0, 0));
        let here = RateLimitKey::Network(IpAddr::from([192, 0, 2, 1]));
        let charged =
            rate_limiter.charge(RateLimitKind::Operations, here, u64::MAX, DateTime::<Utc>::UNIX_EPOCH).await;
        assert_eq!(charged, Ok(None));
    }
}
