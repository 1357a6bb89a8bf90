//! The clock, an argument of everything that needs the time, so that tests can control it.

use chrono::{DateTime, SubsecRound, Utc};

/// A source of the current time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The current time in whole milliseconds, a precision that both databases store exactly.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }
}

/// Whole seconds from `now` until `moment`; 0 if it is over.
pub fn seconds_until(moment: DateTime<Utc>, now: DateTime<Utc>) -> i32 {
    i32::try_from((moment - now).num_seconds().max(0)).unwrap_or(i32::MAX)
}
