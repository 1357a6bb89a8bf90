//! Limits failed sign-ins per account and per IP address.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::domain::account::email_key;
use crate::service::{Error, Result};

/// How long a failure counts.
const WINDOW: Duration = Duration::from_mins(15);

/// How many accounts, and how many addresses, are counted at the same time, to bound the memory.
const MAX_COUNTERS: u64 = 100_000;

/// Counts failed sign-ins. Each gateway counts for itself.
#[derive(Debug)]
pub struct SignInThrottle {
    per_account: u32,
    per_address: u32,
    /// By a hash of the e-mail, so that an overlong e-mail does not take more memory.
    accounts: Cache<[u8; 32], Arc<AtomicU32>>,
    addresses: Cache<IpAddr, Arc<AtomicU32>>,
}

/// A sign-in in progress. It counts as a failure until it is dropped, so that concurrent attempts cannot
/// exceed the limit; after that only if [`Attempt::failed`] was called.
#[derive(Debug)]
pub(super) struct Attempt {
    counters: [Arc<AtomicU32>; 2],
    failed: bool,
}

impl SignInThrottle {
    /// Sets how many failures are allowed in 15 minutes.
    pub fn new(per_account: u32, per_address: u32) -> Self {
        Self {
            per_account,
            per_address,
            accounts: Cache::builder().max_capacity(MAX_COUNTERS).time_to_live(WINDOW).build(),
            addresses: Cache::builder().max_capacity(MAX_COUNTERS).time_to_live(WINDOW).build(),
        }
    }

    /// Counts an attempt, whether or not the account exists.
    ///
    /// # Errors
    /// [`Error::RateLimited`] after too many failures.
    pub(super) fn attempt(&self, email: &str, address: IpAddr) -> Result<Attempt> {
        let account = Sha256::digest(email_key(email)).into();
        let counters = [
            (self.addresses.get_with(address, Arc::default), self.per_address),
            (self.accounts.get_with(account, Arc::default), self.per_account),
        ];
        // Count both, even if the first is over its limit.
        let allowed =
            counters.each_ref().map(|(counter, limit)| counter.fetch_add(1, Ordering::Relaxed) < *limit);
        let attempt = Attempt { counters: counters.map(|(counter, _)| counter), failed: false };
        if allowed == [true; 2] { Ok(attempt) } else { Err(Error::RateLimited(WINDOW)) }
    }
}

impl Attempt {
    /// Keeps the attempt counted: the credentials were wrong.
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
    fn only_failed_sign_ins_count_per_account_and_per_address() {
        let throttle = SignInThrottle::new(2, 3);
        let address = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..5 {
            throttle.attempt("ann@example.com", address).expect("no failure yet");
        }
        for _ in 0..2 {
            throttle.attempt("Ann@Example.com", address).expect("two failures are allowed").failed();
        }
        assert!(matches!(throttle.attempt("ann@example.com", address), Err(Error::RateLimited(_))));
        throttle.attempt("bob@example.com", address).expect("the address has one failure left").failed();
        assert!(throttle.attempt("cid@example.com", address).is_err());
        let other_address = IpAddr::from([127, 0, 0, 2]);
        throttle.attempt("cid@example.com", other_address).expect("another address");
    }
}
