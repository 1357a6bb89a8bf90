//! How often a sign-in may fail, per account and per address.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::domain::account::email_key;
use crate::service::{Error, Result};

/// Failures are forgotten after this.
const WINDOW: Duration = Duration::from_mins(15);

/// More accounts and addresses than these are not remembered at once: memory stays bounded.
const REMEMBERED: u64 = 100_000;

/// Counts failed sign-ins. Each gateway counts for itself.
#[derive(Debug)]
pub struct LoginThrottle {
    per_account: u32,
    per_address: u32,
    /// By a hash of the e-mail: whatever is sent in its place takes no more room.
    accounts: Cache<[u8; 32], Arc<AtomicU32>>,
    addresses: Cache<IpAddr, Arc<AtomicU32>>,
}

/// One sign-in under way. It counts while it is, so that many at once are no way around the limit; after that
/// only where it has failed by what was sent, not by what went wrong here.
#[derive(Debug)]
pub(super) struct Attempt {
    counters: [Arc<AtomicU32>; 2],
    failed: bool,
}

impl LoginThrottle {
    /// Allows so many failures in 15 minutes.
    pub fn new(per_account: u32, per_address: u32) -> Self {
        Self {
            per_account,
            per_address,
            accounts: Cache::builder().max_capacity(REMEMBERED).time_to_live(WINDOW).build(),
            addresses: Cache::builder().max_capacity(REMEMBERED).time_to_live(WINDOW).build(),
        }
    }

    /// Counts an attempt, whether or not there is such an account.
    ///
    /// # Errors
    /// [`Error::RateLimited`] where too many have failed.
    pub(super) fn attempt(&self, email: &str, address: IpAddr) -> Result<Attempt> {
        let account = Sha256::digest(email_key(email)).into();
        let counters = [
            (self.addresses.get_with(address, Arc::default), self.per_address),
            (self.accounts.get_with(account, Arc::default), self.per_account),
        ];
        // Both count, also where the first says no.
        let allowed =
            counters.each_ref().map(|(counter, limit)| counter.fetch_add(1, Ordering::Relaxed) < *limit);
        let attempt = Attempt { counters: counters.map(|(counter, _)| counter), failed: false };
        if allowed == [true; 2] { Ok(attempt) } else { Err(Error::RateLimited(WINDOW)) }
    }
}

impl Attempt {
    /// The credentials were wrong: it counts.
    pub(super) fn failed(mut self) {
        self.failed = true;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.failed {
            for counter in &self.counters {
                counter.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_per_account_and_per_address_and_successes_are_not() {
        let limit = LoginThrottle::new(2, 3);
        let here = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..5 {
            limit.attempt("ann@example.com", here).expect("no failure yet");
        }
        for _ in 0..2 {
            limit.attempt("Ann@Example.com", here).expect("two failures are allowed").failed();
        }
        assert!(matches!(limit.attempt("ann@example.com", here), Err(Error::RateLimited(_))));
        limit.attempt("bob@example.com", here).expect("the address has one failure left").failed();
        assert!(limit.attempt("cid@example.com", here).is_err());
        let there = IpAddr::from([127, 0, 0, 2]);
        limit.attempt("cid@example.com", there).expect("another address");
    }
}
