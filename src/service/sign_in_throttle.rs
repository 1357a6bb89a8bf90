//! Slows down and limits failed sign-ins.
//!
//! Failures are counted three ways. Of one account from one network, a few are allowed: more are refused, which
//! locks out nobody elsewhere. Of one account from all networks, and from one network for all accounts, many
//! are allowed: after that, attempts wait before the password is checked, so that an attacker can neither go on
//! at full speed nor lock out the owner or an office. Networks from which the account has signed in before do
//! not wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::domain::account::email_key;
use crate::domain::id::UserId;
use crate::domain::rate_limits::SignInFailureLimits;
use crate::service::{Error, Result};

/// How long failures are counted from the first one. The counter then starts again.
const WINDOW: Duration = Duration::from_mins(15);

/// The most counters of each kind, to bound the memory.
const MAX_COUNTERS: u64 = 100_000;

/// How long an attempt waits after too many failures. The delay grows by this with each further tenth of the limit.
const DELAY_STEP: Duration = Duration::from_secs(1);

const DELAY_MAX: Duration = Duration::from_secs(5);

/// How many attempts from one network may wait at a time. More are refused. There is no such limit for an account:
/// attackers in many networks could otherwise lock out its owner.
const WAITING_MAX: u32 = 20;

/// Counts failed sign-ins. Each gateway counts for itself.
#[derive(Debug)]
pub struct SignInThrottle {
    limits: SignInFailureLimits,
    /// By hashes of the e-mail, so that an overlong e-mail does not take more memory.
    pairs: Counters<([u8; 32], IpAddr)>,
    accounts: Counters<[u8; 32]>,
    networks: Counters<IpAddr>,
}

type Counters<K> = Cache<K, Arc<Counter>>;

#[derive(Debug)]
struct Counter {
    created_at: Instant,
    failures: AtomicU32,
    /// Attempts that are being delayed.
    waiting: AtomicU32,
}

impl Default for Counter {
    fn default() -> Self {
        Self { created_at: Instant::now(), failures: AtomicU32::new(0), waiting: AtomicU32::new(0) }
    }
}

/// A sign-in in progress. While it exists it counts as a failure, so that concurrent attempts cannot exceed the
/// limit. When it is dropped, it counts only if [`Attempt::mark_failed`] was called.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Of the pair, the account and the network.
    counters: [Arc<Counter>; 3],
    /// How long the attempt should wait; zero if neither the account nor the network is over its limit.
    delay: Duration,
    has_failed: bool,
}

/// Hash of an account and a network, by which a session remembers where its user signed in.
pub(super) fn network_hash(user_id: UserId, network: IpAddr) -> [u8; 32] {
    Sha256::digest(format!("{} {network}", user_id.uuid())).into()
}

impl SignInThrottle {
    pub fn new(limits: SignInFailureLimits) -> Self {
        Self { limits, pairs: counters(), accounts: counters(), networks: counters() }
    }

    /// Counts an attempt, whether or not the account exists.
    ///
    /// # Errors
    /// [`Error::RateLimited`] after too many failures of this account from this network.
    pub(super) fn attempt(&self, email: &str, network: IpAddr) -> Result<Attempt> {
        let account: [u8; 32] = Sha256::digest(email_key(email)).into();
        let pair = self.pairs.get_with((account, network), Arc::default);
        let before = pair.failures.fetch_add(1, Ordering::Relaxed);
        if before >= self.limits.per_account_and_network {
            pair.failures.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::RateLimited(WINDOW.saturating_sub(pair.created_at.elapsed())));
        }
        let account = self.accounts.get_with(account, Arc::default);
        let network = self.networks.get_with(network, Arc::default);
        let mut delay = Duration::ZERO;
        for (counter, limit) in [(&account, self.limits.per_account), (&network, self.limits.per_network)] {
            let before = counter.failures.fetch_add(1, Ordering::Relaxed);
            if let Some(excess) = before.checked_sub(limit) {
                let steps = 1 + u64::from(excess) * 10 / u64::from(limit.max(1));
                let needed = DELAY_STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
                delay = delay.max(needed.min(DELAY_MAX));
            }
        }
        Ok(Attempt { counters: [pair, account, network], delay, has_failed: false })
    }
}

fn counters<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Counters<K> {
    // By the last use, so that a full cache still counts new keys.
    Cache::builder()
        .max_capacity(MAX_COUNTERS)
        .eviction_policy(EvictionPolicy::lru())
        .time_to_live(WINDOW)
        .build()
}

impl Attempt {
    /// Whether the attempt has to wait, unless the account has signed in from this network before.
    pub(super) fn has_delay(&self) -> bool {
        !self.delay.is_zero()
    }

    /// Waits after too many failures.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if too many attempts from the network wait already.
    pub(super) async fn wait(&self) -> Result<()> {
        let [_, _, network] = &self.counters;
        let waiting_before = network.waiting.fetch_add(1, Ordering::Relaxed);
        let _guard = WaitingGuard(network);
        if waiting_before >= WAITING_MAX {
            return Err(Error::RateLimited(DELAY_MAX));
        }
        tokio::time::sleep(self.delay).await;
        Ok(())
    }

    /// Counts the attempt as failed: the credentials were wrong.
    pub(super) fn mark_failed(mut self) {
        self.has_failed = true;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.has_failed {
            for counter in &self.counters {
                counter.failures.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Counts an attempt as waiting until it is dropped.
struct WaitingGuard<'a>(&'a Counter);

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    fn throttle() -> SignInThrottle {
        SignInThrottle::new(SignInFailureLimits {
            per_account_and_network: 2,
            per_account: 5,
            per_network: 4,
        })
    }

    #[test]
    fn failures_of_an_account_from_one_network_are_refused_only_there() {
        let throttle = throttle();
        for _ in 0..5 {
            throttle.attempt("ann@example.com", network(1)).expect("no failure yet");
        }
        for _ in 0..2 {
            throttle.attempt("Ann@Example.com", network(1)).expect("two failures are allowed").mark_failed();
        }
        for _ in 0..10 {
            assert!(matches!(throttle.attempt("ann@example.com", network(1)), Err(Error::RateLimited(_))));
        }
        assert!(!throttle.attempt("ann@example.com", network(2)).expect("another network").has_delay());
        assert!(!throttle.attempt("bob@example.com", network(1)).expect("another account").has_delay());
    }

    #[test]
    fn many_failures_of_an_account_or_from_a_network_delay_further_attempts() {
        let throttle = throttle();
        for number in 0..5 {
            throttle.attempt("ann@example.com", network(number)).expect("allowed").mark_failed();
        }
        let delayed = throttle.attempt("ann@example.com", network(9)).expect("delayed, not refused");
        assert_eq!(delayed.delay, DELAY_STEP);
        let throttle = self::throttle();
        for number in 0..100 {
            throttle
                .attempt(&format!("{number}@example.com"), network(1))
                .expect("delayed only")
                .mark_failed();
        }
        let delayed = throttle.attempt("bob@example.com", network(1)).expect("delayed, not refused");
        assert_eq!(delayed.delay, DELAY_MAX);
    }

    #[tokio::test]
    async fn a_bounded_number_of_attempts_of_a_network_waits() {
        let throttle = throttle();
        for number in 0..5 {
            throttle.attempt("ann@example.com", network(number)).expect("allowed").mark_failed();
        }
        let attempt = |number| throttle.attempt("ann@example.com", network(number)).expect("delayed");
        // However many wait for an account, one more can.
        let attempts: Vec<_> = (100..200).map(attempt).collect();
        let waits = futures_util::future::join_all(attempts.iter().map(Attempt::wait)).await;
        assert!(waits.iter().all(Result::is_ok));
        drop(attempts);
        let of_network: Vec<_> = (0..25)
            .map(|number| throttle.attempt(&format!("{number}@example.com"), network(1)).expect("delayed"))
            .collect();
        let waits = futures_util::future::join_all(of_network.iter().map(Attempt::wait)).await;
        assert_eq!(waits.iter().filter(|wait| wait.is_err()).count(), 5);
        of_network[0].wait().await.expect("the others have waited");
    }
}
