//! Idempotency keys: a mutation that is sent with a key runs once, however often and to whichever gateway it
//! is sent.
//!
//! The row of the key says which attempt runs the mutation. Each transaction of the attempt also marks the
//! row. So if a gateway dies during an attempt, a marked row means that data was changed, and no gateway runs
//! the mutation again. If the row is not marked, nothing was changed, and another gateway can run the
//! mutation.
//!
//! What the mutation did is stored for 24 hours: ids of objects and validation errors, never a part of a
//! response. A repetition reads the objects again. It is encrypted, since the messages of errors may repeat
//! what the user entered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;

use crate::domain::id::{AttemptId, UserId};
use crate::service::{Error, Result, Services};
use crate::store::idempotency::{RequestKey, StoredRequest};
use crate::store::{Executor, idempotency as store, users};

/// How long a key is stored.
const KEY_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// How many keys of a user are stored at a time.
pub const KEYS_PER_USER_MAX: i64 = 1000;

/// An unfinished attempt counts as dead if it runs for this much longer than a mutation can take.
const GRACE: TimeDelta = TimeDelta::seconds(10);

tokio::task_local! {
    /// The attempt that the transactions of this task belong to.
    static ATTEMPT: Arc<Attempt>;
}

/// One run of a mutation with a key.
#[derive(Debug)]
pub struct Attempt {
    id: AttemptId,
    request_key: RequestKey,
    has_committed: AtomicBool,
}

impl Attempt {
    /// Whether the attempt has committed a transaction.
    pub fn has_committed(&self) -> bool {
        self.has_committed.load(Ordering::Acquire)
    }
}

/// The state of a key, for a request.
#[derive(Debug)]
pub enum KeyState {
    /// The caller must run the request now.
    Run(Arc<Attempt>),
    /// The request has run. This is what [`store_outcomes`] stored.
    Completed(String),
    /// Another attempt is running the request.
    Running,
    /// The key was used for another request.
    OtherRequest,
    /// The request has run, but what it did was not stored.
    ResponseLost,
    /// The user has [`KEYS_PER_USER_MAX`] keys. The first one expires after this time.
    TooManyKeys(Duration),
}

/// Claims a key for a request of `user_id`, or returns what the key was used for. `fingerprint` identifies the
/// request, and `max_duration` is the longest time that it can take.
///
/// # Errors
/// [`Error::Unauthenticated`] if the user was erased; [`Error::Decryption`] if what the request did cannot be
/// decrypted.
pub async fn claim_key(
    services: &Services,
    user_id: UserId,
    key: &str,
    fingerprint: Vec<u8>,
    max_duration: Duration,
) -> Result<KeyState> {
    let request_key = RequestKey { user_id, key: key.to_owned() };
    let now = services.now();
    let running_until = now + TimeDelta::from_std(max_duration).unwrap_or(KEY_LIFETIME) + GRACE;
    let id = services.new_id();
    let attempt = Arc::new(Attempt { id, request_key, has_committed: AtomicBool::new(false) });
    let request_key = &attempt.request_key;
    let new = StoredRequest {
        fingerprint,
        attempt: id,
        running_until,
        has_changed_data: false,
        outcomes: None,
        expires_at: now + KEY_LIFETIME,
    };

    let work = services.db.begin().await?;
    if users::lock(&work, user_id).await? {
        return Err(Error::Unauthenticated);
    }
    store::delete_if_expired(&work, request_key, now).await?;
    if store::insert(&work, request_key, &new).await? {
        let (count, first_expiry) = store::count_of_user(&work, user_id).await?;
        if count > KEYS_PER_USER_MAX {
            let wait = first_expiry.and_then(|at| (at - now).to_std().ok());
            return Ok(KeyState::TooManyKeys(wait.unwrap_or_default()));
        }
        work.commit().await?;
        return Ok(KeyState::Run(attempt));
    }
    let Some(stored) = store::find(&work, request_key).await? else {
        // The key was released since the insert.
        return Ok(KeyState::Running);
    };
    if stored.fingerprint != new.fingerprint {
        return Ok(KeyState::OtherRequest);
    }
    if let Some((key, ciphertext)) = stored.outcomes {
        let plain = services
            .vault
            .unwrap(&key, stored.attempt)?
            .decrypt(&encryption_context(request_key), &ciphertext)?;
        let outcomes = String::from_utf8(plain.to_vec()).map_err(Error::internal)?;
        return Ok(KeyState::Completed(outcomes));
    }
    if stored.running_until > now {
        return Ok(KeyState::Running);
    }
    if stored.has_changed_data {
        return Ok(KeyState::ResponseLost);
    }
    // The previous attempt is dead and has changed nothing.
    let is_claimed = store::take_over(&work, request_key, stored.attempt, id, running_until).await?;
    work.commit().await?;
    Ok(if is_claimed { KeyState::Run(attempt) } else { KeyState::Running })
}

/// Runs `work` as the attempt: its transactions are committed only if they can mark the key's row.
pub async fn run<T>(attempt: Arc<Attempt>, work: impl Future<Output = T>) -> T {
    ATTEMPT.scope(attempt, work).await
}

/// Marks the attempt of this task, if there is one, in the transaction `tx` that is about to be committed.
///
/// # Errors
/// If another gateway has taken over.
pub(super) async fn mark_attempt(tx: &impl Executor) -> Result<()> {
    let Ok(attempt) = ATTEMPT.try_with(Arc::clone) else { return Ok(()) };
    if store::mark_data_changed(tx, &attempt.request_key, attempt.id).await? {
        return Ok(());
    }
    Err(Error::internal("the attempt took too long, and another gateway has taken over"))
}

/// Notes that the marked transaction was committed.
pub(super) fn note_commit() {
    ATTEMPT.try_with(|attempt| attempt.has_committed.store(true, Ordering::Release)).ok();
}

/// Stores what an attempt did, encrypted. `subjects` are the users whom it names. If one of them was erased in
/// the meantime, nothing is stored.
pub async fn store_outcomes(
    services: &Services,
    attempt: &Attempt,
    outcomes: &str,
    subjects: &[UserId],
) -> Result<()> {
    let request_key = &attempt.request_key;
    let (key, wrapped) = services.vault.new_data_key(attempt.id)?;
    let ciphertext = key.encrypt(&encryption_context(request_key), outcomes.as_bytes())?;
    let work = services.db.begin().await?;
    if users::lock_all(&work, subjects).await?.is_empty() {
        store::store_outcomes(&work, request_key, attempt.id, wrapped, ciphertext, subjects).await?;
    } else {
        store::release(&work, request_key, attempt.id, services.now()).await?;
    }
    Ok(work.commit().await?)
}

/// Ends an attempt without storing what it did. If it has changed nothing, the request can be sent again.
pub async fn release(services: &Services, attempt: &Attempt) -> Result<()> {
    let work = services.db.begin().await?;
    store::release(&work, &attempt.request_key, attempt.id, services.now()).await?;
    Ok(work.commit().await?)
}

/// The encryption context of what a request did, which binds it to its key. Stored data depends on it: do not
/// change it.
fn encryption_context(request_key: &RequestKey) -> String {
    format!("answer to {} of {}", request_key.key, request_key.user_id)
}

/// Deletes expired keys, and returns how many.
pub async fn delete_expired(services: &Services) -> Result<u64> {
    let work = services.db.begin().await?;
    let deleted = store::delete_expired(&work, services.now()).await?;
    work.commit().await?;
    Ok(deleted)
}
