//! A budget over time: a bucket of points, which runs full again at a steady pace.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// How large a bucket is, and how fast it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BucketRule {
    /// The most points in it; 0: whoever has it is counted nothing.
    pub capacity: u32,
    /// Points that run in each minute.
    pub per_minute: u32,
}

impl BucketRule {
    pub const fn new(capacity: u32, per_minute: u32) -> Self {
        Self { capacity, per_minute }
    }

    /// Points that run in each millisecond.
    pub fn per_millisecond(&self) -> f64 {
        f64::from(self.per_minute) / 60_000.0
    }

    /// How long so many points take to run in.
    pub fn time_for(&self, points: f64) -> Duration {
        // A bucket that does not fill is told to be asked again in a day.
        let seconds = points.max(0.0) / (self.per_millisecond() * 1000.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX).min(Duration::from_hours(24))
    }
}

/// One caller's bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    points: f64,
    at: DateTime<Utc>,
}

impl Bucket {
    /// A full one.
    pub fn new(rule: BucketRule, now: DateTime<Utc>) -> Self {
        Self { points: f64::from(rule.capacity), at: now }
    }

    /// Takes points out; where there are too few, none, and it says when there will be enough.
    ///
    /// # Errors
    /// How long to wait.
    pub fn take(&mut self, rule: BucketRule, points: f64, now: DateTime<Utc>) -> Result<(), Duration> {
        self.fill(rule, now);
        if self.points < points {
            return Err(rule.time_for(points - self.points));
        }
        self.points -= points;
        Ok(())
    }

    /// Puts points back that were not needed.
    pub fn give_back(&mut self, rule: BucketRule, points: f64) {
        self.points = (self.points + points).min(f64::from(rule.capacity));
    }

    /// The points that are in it.
    pub fn points(&self) -> f64 {
        self.points
    }

    fn fill(&mut self, rule: BucketRule, now: DateTime<Utc>) {
        // A clock that is set back fills nothing.
        let milliseconds = (now - self.at).num_milliseconds().max(0);
        #[expect(clippy::cast_precision_loss, reason = "a bucket is full long before")]
        let run_in = milliseconds as f64 * rule.per_millisecond();
        self.give_back(rule, run_in);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_bucket_gives_what_it_has_and_fills_steadily() {
        let rule = BucketRule::new(100, 60);
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let mut bucket = Bucket::new(rule, start);
        bucket.take(rule, 100.0, start).expect("it is full");
        assert_eq!(bucket.take(rule, 10.0, start), Err(Duration::from_secs(10)));
        assert_eq!(bucket.take(rule, 10.0, at(9)), Err(Duration::from_secs(1)));
        bucket.take(rule, 10.0, at(10)).expect("ten have run in");
        bucket.give_back(rule, 5.0);
        bucket.take(rule, 5.0, at(10)).expect("five were given back");
        assert_eq!(bucket.take(rule, 101.0, at(10_000)), Err(Duration::from_secs(1)), "it never overflows");
        bucket.take(rule, 100.0, at(0)).expect("a clock that goes back takes nothing out");
        assert!(bucket.take(rule, 1.0, at(9_999)).is_err(), "and fills nothing");
    }

    #[test]
    fn a_bucket_that_does_not_fill_is_asked_again_in_a_day() {
        let rule = BucketRule::new(1, 0);
        let mut bucket = Bucket::new(rule, DateTime::<Utc>::UNIX_EPOCH);
        bucket.take(rule, 1.0, DateTime::<Utc>::UNIX_EPOCH).expect("it is full");
        assert_eq!(bucket.take(rule, 1.0, DateTime::<Utc>::UNIX_EPOCH), Err(Duration::from_hours(24)));
    }
}
