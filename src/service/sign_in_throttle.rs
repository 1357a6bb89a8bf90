//! Slows down and limits failed sign-ins.
//!
//! Failures are counted three ways. Of one account from one network, a few are allowed; after that, attempts are
//! refused, which locks out nobody elsewhere. Of one account from all networks, and from one network for all
//! accounts, many are allowed; after that, attempts wait before the password is checked, so that an attacker can
//! neither go on at full speed nor lock out the owner or an office. A network from which the account has signed
//! in before is never refused, and waits only instead of being refused.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
    /// Accounts by hashes of the e-mail, so that an overlong e-mail does not take more memory.
    pairs: Cache<([u8; 32], IpAddr), Arc<Pair>>,
    accounts: Counters<[u8; 32]>,
    networks: Counters<IpAddr>,
}

type Counters<K> = Cache<K, Arc<Counter>>;

#[derive(Debug, Default)]
struct Counter {
    failures: AtomicU32,
    /// Attempts that are being delayed.
    waiting: AtomicU32,
}

/// The attempts for one account from one network.
#[derive(Debug)]
struct Pair {
    created_at: Instant,
    /// How many attempts may still fail. Each running attempt has a permit, and returns it unless it fails.
    /// Closed when there are none left.
    permits: Arc<Semaphore>,
    remaining_failures: AtomicU32,
}

impl Pair {
    fn new(max_failures: u32) -> Self {
        let permits = Semaphore::new(usize::try_from(max_failures).unwrap_or(Semaphore::MAX_PERMITS));
        let remaining_failures = AtomicU32::new(max_failures);
        Self { created_at: Instant::now(), permits: Arc::new(permits), remaining_failures }
    }
}

/// A sign-in in progress. While it exists it counts as a failure of its account and network. When it is dropped, it
/// counts only if [`Attempt::mark_failed`] was called.
#[derive(Debug)]
pub(super) struct Attempt {
    pair: Arc<Pair>,
    permit: Option<OwnedSemaphorePermit>,
    account: Arc<Counter>,
    network: Arc<Counter>,
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
    pub(super) fn attempt(&self, email: &str, network: IpAddr) -> Attempt {
        let account: [u8; 32] = Sha256::digest(email_key(email)).into();
        let new_pair = || Arc::new(Pair::new(self.limits.per_account_and_network));
        let pair = self.pairs.get_with((account, network), new_pair);
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
        Attempt { pair, permit: None, account, network, delay, has_failed: false }
    }
}

fn counters<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    // By the last use, so that a full cache still counts new keys.
    Cache::builder()
        .max_capacity(MAX_COUNTERS)
        .eviction_policy(EvictionPolicy::lru())
        .time_to_live(WINDOW)
        .build()
}

impl Attempt {
    /// Admits the attempt. If as many run as may still fail, it waits until one of them has ended.
    ///
    /// # Errors
    /// [`Error::RateLimited`] after too many failures of this account from this network.
    pub(super) async fn admit(&mut self) -> Result<()> {
        let permits = &self.pair.permits;
        if self.pair.remaining_failures.load(Ordering::Relaxed) == 0 {
            permits.close();
        }
        match Arc::clone(permits).acquire_owned().await {
            Ok(permit) => {
                self.permit = Some(permit);
                Ok(())
            }
            Err(_) => Err(Error::RateLimited(WINDOW.saturating_sub(self.pair.created_at.elapsed()))),
        }
    }

    /// Lets a refused attempt wait instead. It is for a network from which the account has signed in before.
    pub(super) fn delay_instead(&mut self) {
        self.delay = DELAY_MAX;
    }

    /// Waits after too many failures.
    ///
    /// # Errors
    /// [`Error::RateLimited`] if too many attempts from the network wait already.
    pub(super) async fn wait(&self) -> Result<()> {
        if self.delay.is_zero() {
            return Ok(());
        }
        let waiting_before = self.network.waiting.fetch_add(1, Ordering::Relaxed);
        let _guard = WaitingGuard(&self.network);
        if waiting_before >= WAITING_MAX {
            return Err(Error::RateLimited(DELAY_MAX));
        }
        tokio::time::sleep(self.delay).await;
        Ok(())
    }

    /// Counts the attempt as failed: the credentials were wrong.
    pub(super) fn mark_failed(mut self) {
        self.has_failed = true;
        if let Some(permit) = self.permit.take() {
            permit.forget();
            if self.pair.remaining_failures.fetch_sub(1, Ordering::Relaxed) == 1 {
                // Those that wait for a permit are refused.
                self.pair.permits.close();
            }
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.has_failed {
            for counter in [&self.account, &self.network] {
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

    async fn fail(throttle: &SignInThrottle, email: &str, network: IpAddr) {
        let mut attempt = throttle.attempt(email, network);
        attempt.admit().await.expect("admitted");
        attempt.mark_failed();
    }

    #[tokio::test]
    async fn failures_of_an_account_from_one_network_are_refused_only_there() {
        let throttle = throttle();
        for _ in 0..5 {
            throttle.attempt("ann@example.com", network(1)).admit().await.expect("no failure yet");
        }
        for email in ["Ann@Example.com", "ann@example.com"] {
            fail(&throttle, email, network(1)).await;
        }
        for _ in 0..10 {
            let refused = throttle.attempt("ann@example.com", network(1)).admit().await;
            assert!(matches!(refused, Err(Error::RateLimited(wait)) if wait <= WINDOW), "{refused:?}");
        }
        for (email, network) in [("ann@example.com", network(2)), ("bob@example.com", network(1))] {
            let mut attempt = throttle.attempt(email, network);
            attempt.admit().await.expect("another account or network");
            assert_eq!(attempt.delay, Duration::ZERO);
        }
    }

    #[tokio::test]
    async fn many_correct_attempts_at_once_wait_for_each_other_and_many_wrong_ones_are_refused() {
        let throttle = throttle();
        let run = async |is_wrong: bool| {
            let mut attempt = throttle.attempt("ann@example.com", network(1));
            attempt.admit().await?;
            tokio::task::yield_now().await;
            if is_wrong {
                attempt.mark_failed();
            }
            Ok::<_, Error>(())
        };
        let correct = futures_util::future::join_all((0..20).map(|_| run(false))).await;
        assert!(correct.iter().all(Result::is_ok));
        let wrong = futures_util::future::join_all((0..20).map(|_| run(true))).await;
        assert_eq!(wrong.iter().filter(|result| result.is_ok()).count(), 2);
    }

    #[tokio::test]
    async fn many_failures_of_an_account_or_from_a_network_delay_further_attempts() {
        let throttle = throttle();
        for number in 0..5 {
            fail(&throttle, "ann@example.com", network(number)).await;
        }
        assert_eq!(throttle.attempt("ann@example.com", network(9)).delay, DELAY_STEP);
        let throttle = self::throttle();
        for number in 0..100 {
            fail(&throttle, &format!("{number}@example.com"), network(1)).await;
        }
        assert_eq!(throttle.attempt("bob@example.com", network(1)).delay, DELAY_MAX);
    }

    #[tokio::test]
    async fn a_bounded_number_of_attempts_of_a_network_waits() {
        let throttle = throttle();
        for number in 0..5 {
            fail(&throttle, "ann@example.com", network(number)).await;
        }
        // However many wait for an account, one more can.
        let attempts: Vec<_> =
            (100..200).map(|number| throttle.attempt("ann@example.com", network(number))).collect();
        let waits = futures_util::future::join_all(attempts.iter().map(Attempt::wait)).await;
        assert!(waits.iter().all(Result::is_ok));
        drop(attempts);
        let of_network: Vec<_> =
            (0..30).map(|number| throttle.attempt(&format!("{number}@example.com"), network(1))).collect();
        let waits = futures_util::future::join_all(of_network.iter().map(Attempt::wait)).await;
        let delayed = of_network.iter().filter(|attempt| !attempt.delay.is_zero()).count();
        assert!(delayed > 20);
        assert_eq!(waits.iter().filter(|wait| wait.is_err()).count(), delayed - 20);
    }
}
