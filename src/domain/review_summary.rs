//! Figures of the review queue: how much waits, and how long decisions take.

use chrono::{DateTime, TimeDelta, Utc};

/// Counts of the undecided items of the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    pub open: i64,
    pub claimed: i64,
    pub overdue: i64,
    /// The earliest due time; `None` if there are no items.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

impl QueueCounts {
    /// The counts of two parts of the queue together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            open: self.open + other.open,
            claimed: self.claimed + other.claimed,
            overdue: self.overdue + other.overdue,
            oldest_due_at: self.oldest_due_at.into_iter().chain(other.oldest_due_at).min(),
        }
    }
}

/// Decisions of this time count for the median.
pub const DECISION_TIME_WINDOW: TimeDelta = TimeDelta::days(30);

/// The most decisions that count for the median: the newest.
pub const RECENT_DECISIONS_MAX: usize = 1000;

/// When an item was submitted, and when it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionTime {
    pub submitted_at: DateTime<Utc>,
    pub decided_at: DateTime<Utc>,
}

/// The median time from submission to decision, in whole minutes, of the newest [`RECENT_DECISIONS_MAX`] decisions.
/// That of an even number is the mean of the two in the middle. `None` if there are none.
pub fn median_minutes(mut decisions: Vec<DecisionTime>) -> Option<i64> {
    decisions.sort_unstable_by_key(|time| std::cmp::Reverse(time.decided_at));
    decisions.truncate(RECENT_DECISIONS_MAX);
    let mut times: Vec<_> = decisions.iter().map(|time| time.decided_at - time.submitted_at).collect();
    times.sort_unstable();
    let (lower, upper) = (times.get(times.len().checked_sub(1)? / 2)?, times.get(times.len() / 2)?);
    Some(((*lower + *upper) / 2).num_minutes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_that_of_the_newest_decisions() {
        let start = DateTime::UNIX_EPOCH;
        let times = |minutes: &[i64]| -> Vec<DecisionTime> {
            let time = |(number, minutes): (usize, &i64)| {
                let decided_at = start - TimeDelta::seconds(i64::try_from(number).expect("a small number"));
                DecisionTime { submitted_at: decided_at - TimeDelta::minutes(*minutes), decided_at }
            };
            minutes.iter().enumerate().map(time).collect()
        };
        assert_eq!(median_minutes(Vec::new()), None);
        assert_eq!(median_minutes(times(&[7])), Some(7));
        assert_eq!(median_minutes(times(&[60, 10, 20])), Some(20));
        // The mean of the two in the middle is 15 minutes and 30 seconds.
        assert_eq!(median_minutes(times(&[90, 21, 10, 1])), Some(15));
        let mut many = vec![5; RECENT_DECISIONS_MAX];
        many.extend(vec![500; 2 * RECENT_DECISIONS_MAX]);
        assert_eq!(median_minutes(times(&many)), Some(5));
    }
}
