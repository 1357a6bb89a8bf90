//! The token bucket of a rate limit: requests take tokens out, and it refills at a steady pace.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

/// The size of a bucket, and how fast it refills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BucketRule {
    /// The maximum number of tokens; 0 turns the rate limit off.
    pub capacity: u32,
    /// Tokens that are added per minute.
    pub per_minute: u32,
}

impl BucketRule {
    pub const fn new(capacity: u32, per_minute: u32) -> Self {
        Self { capacity, per_minute }
    }

    /// Tokens that are added per millisecond.
    pub fn per_millisecond(&self) -> f64 {
        f64::from(self.per_minute) / 60_000.0
    }

    /// How long it takes to add this many tokens. At most a day, even if the bucket never refills.
    pub fn refill_time(&self, tokens: f64) -> Duration {
        let seconds = tokens.max(0.0) / (self.per_millisecond() * 1000.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(Duration::from_hours(24))
    }
}

/// A clock that goes back by more than this was set.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(5);

/// The bucket of one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    tokens: f64,
    /// When `tokens` was last brought up to date.
    updated_at: DateTime<Utc>,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rule: BucketRule, now: DateTime<Utc>) -> Self {
        Self { tokens: f64::from(rule.capacity), updated_at: now }
    }

    /// Takes tokens out, all or none.
    ///
    /// # Errors
    /// How long to wait until there are enough tokens.
    pub fn take(&mut self, rule: BucketRule, tokens: f64, now: DateTime<Utc>) -> Result<(), Duration> {
        self.refill(rule, now);
        if self.tokens < tokens {
            return Err(rule.refill_time(tokens - self.tokens));
        }
        self.tokens -= tokens;
        Ok(())
    }

    /// Takes tokens out for what was already done. If there are fewer, the bucket is in debt: the next ones pay for
    /// it, at most those of a minute.
    pub fn take_with_debt(&mut self, rule: BucketRule, tokens: f64, now: DateTime<Utc>) {
        self.refill(rule, now);
        self.tokens = (self.tokens - tokens).max(-f64::from(rule.per_minute));
    }

    /// Puts back tokens that were not needed.
    pub fn refund(&mut self, rule: BucketRule, tokens: f64) {
        self.tokens = (self.tokens + tokens).min(f64::from(rule.capacity));
    }

    /// The tokens in the bucket as of the last call.
    pub fn tokens(&self) -> f64 {
        self.tokens
    }

    fn refill(&mut self, rule: BucketRule, now: DateTime<Utc>) {
        if self.updated_at - now > CLOCK_TOLERANCE {
            // The clock was set back. The bucket refills from the new time on.
            self.updated_at = now;
            return;
        }
        // Clocks of concurrent requests differ a little. Nothing is added twice.
        let microseconds = (now - self.updated_at).num_microseconds().unwrap_or(i64::MAX).max(0);
        #[expect(clippy::cast_precision_loss, reason = "the bucket is full long before precision is lost")]
        let added = microseconds as f64 / 1000.0 * rule.per_millisecond();
        self.refund(rule, added);
        self.updated_at = self.updated_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_taken_never_exceeds_the_capacity_and_the_refill(
            steps in proptest::collection::vec((0_u32..150, 0_u32..100, -500_i64..3000), 1..200),
        ) {
            let rule = BucketRule::new(100, 600);
            let mut now = DateTime::<Utc>::UNIX_EPOCH;
            let mut latest = now;
            let mut bucket = Bucket::new(rule, now);
            let mut taken = 0.0;
            for (tokens, refund_percent, milliseconds) in steps {
                now = (now + TimeDelta::milliseconds(milliseconds)).max(latest - CLOCK_TOLERANCE);
                latest = latest.max(now);
                if bucket.take(rule, f64::from(tokens), now).is_ok() {
                    let refund = f64::from(tokens) * f64::from(refund_percent) / 100.0;
                    bucket.refund(rule, refund);
                    taken += f64::from(tokens) - refund;
                }
                prop_assert!(bucket.tokens() <= 100.0);
                let elapsed = f64::from(i32::try_from((latest - DateTime::UNIX_EPOCH).num_milliseconds()).unwrap());
                prop_assert!(taken <= 100.0 + elapsed * rule.per_millisecond() + 1e-6);
            }
        }
    }

    #[test]
    fn a_bucket_refills_steadily_up_to_its_capacity() {
        let rule = BucketRule::new(100, 60);
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let mut bucket = Bucket::new(rule, start);
        bucket.take(rule, 100.0, start).expect("it is full");
        assert_eq!(bucket.take(rule, 10.0, start), Err(Duration::from_secs(10)));
        assert_eq!(bucket.take(rule, 10.0, at(9)), Err(Duration::from_secs(1)));
        bucket.take(rule, 10.0, at(10)).expect("ten were added");
        bucket.refund(rule, 5.0);
        bucket.take(rule, 5.0, at(10)).expect("five were refunded");
        assert_eq!(bucket.take(rule, 101.0, at(10_000)), Err(Duration::from_secs(1)), "it never overflows");
        bucket.take(rule, 100.0, at(9_995)).expect("a clock that goes back takes nothing out");
        assert!(bucket.take(rule, 1.0, at(9_999)).is_err(), "and fills nothing");
        assert!(bucket.take(rule, 1.0, at(10_000)).is_err(), "until it is where it was");
    }

    #[test]
    fn a_clock_that_is_set_back_adds_nothing_and_does_not_stop_the_refill() {
        let rule = BucketRule::new(100, 60);
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let at = |seconds| start + TimeDelta::seconds(seconds);
        for back in [6, 60, 100_000] {
            let mut bucket = Bucket::new(rule, at(0));
            bucket.take(rule, 100.0, at(0)).expect("it is full");
            assert_eq!(bucket.take(rule, 10.0, at(-back)), Err(Duration::from_secs(10)), "{back}");
            bucket.take(rule, 10.0, at(10 - back)).expect("ten were added since the new time");
            assert_eq!(bucket.take(rule, 10.0, at(10 - back)), Err(Duration::from_secs(10)), "{back}");
        }
    }

    #[test]
    fn the_wait_for_a_bucket_that_never_refills_is_one_day() {
        let rule = BucketRule::new(1, 0);
        let mut bucket = Bucket::new(rule, DateTime::<Utc>::UNIX_EPOCH);
        bucket.take(rule, 1.0, DateTime::<Utc>::UNIX_EPOCH).expect("it is full");
        assert_eq!(bucket.take(rule, 1.0, DateTime::<Utc>::UNIX_EPOCH), Err(Duration::from_hours(24)));
    }

    #[test]
    fn frequent_requests_do_not_slow_the_refill_down() {
        let rule = BucketRule::new(100, 60_000);
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let mut bucket = Bucket::new(rule, start);
        bucket.take(rule, 100.0, start).expect("it is full");
        for step in 1..=100 {
            bucket.take(rule, 0.0, start + TimeDelta::microseconds(500 * step)).expect("nothing is taken");
        }
        assert!((bucket.tokens() - 50.0).abs() < 0.001, "{}", bucket.tokens());
    }
}
