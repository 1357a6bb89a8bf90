//! A mutation that is sent with a key happens once, however often it is sent, and to whichever gateway.
//!
//! The key's row says who runs it. Whatever it changes, it marks the row in the same transaction: so a gateway that dies
//! in the middle leaves either nothing, and another may run it, or the mark, and nobody does. Its answer is kept for 24
//! hours, sealed: it may hold tokens, or what is personal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::service::{Error, Result, Services};
use crate::store::idempotency::{Kept, Name};
use crate::store::{Executor, idempotency as store};

/// How long an answer is given again.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// How much longer than it may take a mutation counts as running, where nobody says what became of it.
const GRACE: TimeDelta = TimeDelta::seconds(10);

tokio::task_local! {
    /// What every transaction of this task belongs to.
    static ATTEMPT: Arc<Attempt>;
}

/// One run of a mutation that has a key.
#[derive(Debug)]
pub struct Attempt {
    id: Uuid,
    name: Name,
    acted: AtomicBool,
}

impl Attempt {
    /// Whether it has changed something.
    pub fn has_acted(&self) -> bool {
        self.acted.load(Ordering::Acquire)
    }
}

/// What becomes of a request with a key.
#[derive(Debug)]
pub enum KeyState {
    /// It is to be run now.
    Run(Arc<Attempt>),
    /// It has been, and answered this.
    Answered(String),
    /// It is running.
    Running,
    /// The key was used for another request.
    OtherRequest,
    /// It was done, and nobody can tell any more what it answered.
    AnswerLost,
}

/// Whether a request of `user_id` (nil: a stranger's), known again by `fingerprint`, is to be run, for `within` at most.
///
/// # Errors
/// Where the database is away; [`Error::Sealed`].
pub async fn claim_key(
    services: &Services,
    user_id: Uuid,
    key: &str,
    fingerprint: Vec<u8>,
    within: Duration,
) -> Result<KeyState> {
    let name = Name { user_id, key: key.to_owned() };
    let now = services.now();
    let running_until = now + TimeDelta::from_std(within).unwrap_or(KEPT) + GRACE;
    let id = services.new_id();
    let attempt = Arc::new(Attempt { id, name, acted: AtomicBool::new(false) });
    let name = &attempt.name;
    let new =
        Kept { fingerprint, attempt: id, running_until, acted: false, answer: None, expires_at: now + KEPT };

    let work = services.db.begin().await?;
    store::forget_expired(&work, name, now).await?;
    if store::insert(&work, name, &new).await? {
        work.commit().await?;
        return Ok(KeyState::Run(attempt));
    }
    let Some(kept) = store::find(&work, name).await? else {
        // It was released between the two.
        return Ok(KeyState::Running);
    };
    if kept.fingerprint != new.fingerprint {
        return Ok(KeyState::OtherRequest);
    }
    if let Some((key, sealed)) = kept.answer {
        let opened = services.vault.unwrap(&key, kept.attempt)?.open(&place(name), &sealed)?;
        let answer = String::from_utf8(opened.to_vec()).map_err(Error::internal)?;
        return Ok(KeyState::Answered(answer));
    }
    if kept.running_until > now {
        return Ok(KeyState::Running);
    }
    if kept.acted {
        return Ok(KeyState::AnswerLost);
    }
    // Whoever ran it has gone, and has changed nothing.
    let taken = store::take_over(&work, name, kept.attempt, id, running_until).await?;
    work.commit().await?;
    Ok(if taken { KeyState::Run(attempt) } else { KeyState::Running })
}

/// Runs what the attempt is for: each of its transactions is the attempt's, or is not committed.
pub async fn run<T>(attempt: Arc<Attempt>, acting: impl Future<Output = T>) -> T {
    ATTEMPT.scope(attempt, acting).await
}

/// Marks the attempt that this task runs, if any, in a transaction of its own that is about to be committed.
///
/// # Errors
/// Where another has taken over; where the database is away.
pub(super) async fn mark(tx: &impl Executor) -> Result<()> {
    let Ok(attempt) = ATTEMPT.try_with(Arc::clone) else { return Ok(()) };
    if store::act(tx, &attempt.name, attempt.id).await? {
        return Ok(());
    }
    Err(Error::internal("it took too long, and another gateway runs it now"))
}

/// The marked transaction was committed.
pub(super) fn acted() {
    ATTEMPT.try_with(|attempt| attempt.acted.store(true, Ordering::Release)).ok();
}

/// Keeps the attempt's answer.
///
/// # Errors
/// Where the database is away, or the machine gives no randomness.
pub async fn answer(services: &Services, attempt: &Attempt, answer: &str) -> Result<()> {
    let (key, wrapped) = services.vault.new_data_key(attempt.id)?;
    let sealed = key.seal(&place(&attempt.name), answer.as_bytes())?;
    let work = services.db.begin().await?;
    store::answer(&work, &attempt.name, attempt.id, wrapped, sealed).await?;
    Ok(work.commit().await?)
}

/// The attempt has ended without an answer that could be given again: if it has changed nothing, it may be sent anew.
///
/// # Errors
/// Where the database is away.
pub async fn release(services: &Services, attempt: &Attempt) -> Result<()> {
    let work = services.db.begin().await?;
    store::release(&work, &attempt.name, attempt.id, services.now()).await?;
    Ok(work.commit().await?)
}

/// Where an answer belongs.
fn place(name: &Name) -> String {
    format!("answer to {} of {}", name.key, name.user_id)
}

/// Forgets answers of more than a day ago; how many.
///
/// # Errors
/// Where the database is away.
pub async fn forget_old(services: &Services) -> Result<u64> {
    let work = services.db.begin().await?;
    let forgotten = store::forget_before(&work, services.now()).await?;
    work.commit().await?;
    Ok(forgotten)
}
