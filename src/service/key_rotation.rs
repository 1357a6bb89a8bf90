//! Rewraps every data key with the newest encryption key, so that older encryption keys can be removed.
//!
//! The encrypted data are not touched. Each data key is replaced in its own transaction, if it has not
//! changed since it was read. The rotation can be stopped and run again at any time, while gateways are
//! running.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use crate::domain::id::{DataKeyId, UserId};
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::{Result, Services, forms};
use crate::store::idempotency::RequestKey;
use crate::store::{data_keys, idempotency};

/// How many keys are read at once.
const BATCH_SIZE: u64 = 100;

/// How long all gateways have to be restarted with a new encryption key, before the data keys are wrapped with it.
const RESTART_TIME: TimeDelta = TimeDelta::days(1);

/// How long the result of [`MissingKeys`] is remembered.
const MISSING_KEYS_LIFETIME: TimeDelta = TimeDelta::seconds(10);

/// Returns how many data keys are still wrapped with an older key.
pub async fn remaining(services: &Services) -> Result<u64> {
    let (db, newest) = (services.db.read(), services.vault.newest_key_id());
    let of_users = data_keys::count_wrapped_by_old_keys(services.db.keys(), db, newest).await?;
    Ok(of_users + idempotency::count_wrapped_by_old_keys(db, newest).await?)
}

/// Rewraps every data key that an older key wraps, and calls `on_rewrapped` after each.
///
/// # Errors
/// [`crate::service::Error::Decryption`], after all were tried, if a key is missing or a wrapped key was
/// altered.
pub async fn rotate(services: &Services, on_rewrapped: impl Fn()) -> Result<()> {
    record_rotation(services).await?;
    rewrap_all(services, on_rewrapped).await
}

async fn record_rotation(services: &Services) -> Result<()> {
    let work = services.begin().await?;
    let detail = format!("to {}", services.vault.newest_key_id());
    audit::append(services, &work, SYSTEM, None::<UserId>, "ROTATE_KEYS", &detail).await?;
    work.commit().await
}

async fn rewrap_all(services: &Services, on_rewrapped: impl Fn()) -> Result<()> {
    let resealed = forms::reseal_old(services).await;
    let of_users = rotate_keys_of_users(services, &on_rewrapped).await;
    let of_requests = rotate_keys_of_requests(services, &on_rewrapped).await;
    resealed.and(of_users).and(of_requests)
}

/// Since when the installation uses the newest encryption key: the first call with it stores the time.
async fn newest_key_since(services: &Services) -> Result<DateTime<Utc>> {
    let (keys, newest) = (services.db.keys(), services.vault.newest_key_id());
    if let Some(since) = data_keys::encryption_key_since(keys, services.db.read(), newest).await? {
        return Ok(since);
    }
    let tx = services.db.begin().await?;
    let since = data_keys::note_encryption_key(keys, &tx, newest, services.now()).await?;
    tx.commit().await?;
    Ok(since)
}

/// Rewraps every data key with the newest encryption key, once all gateways had a day to be restarted with it, and
/// returns how many. So nobody has to remember `gigway keys rotate`.
pub async fn rotate_on_schedule(services: &Services) -> Result<usize> {
    let is_known_to_all = services.now() - newest_key_since(services).await? >= RESTART_TIME;
    if !is_known_to_all || remaining(services).await? == 0 {
        return forms::reseal_old(services).await;
    }
    let count = AtomicUsize::new(0);
    let rewrapped = rewrap_all(services, || {
        count.fetch_add(1, Ordering::Relaxed);
    })
    .await;
    let count = count.into_inner();
    // Keys that cannot be rewrapped are tried again every hour.
    if count > 0 {
        record_rotation(services).await?;
    }
    rewrapped?;
    let key = services.vault.newest_key_id();
    // A gateway that was not restarted may still wrap new data keys with an older one.
    if remaining(services).await? == 0 {
        tracing::info!(
            count,
            key,
            "rewrapped all data keys with the newest encryption key; the older ones can be destroyed"
        );
    }
    Ok(count)
}

async fn rotate_keys_of_users(services: &Services, on_rewrapped: &impl Fn()) -> Result<()> {
    let (mut last_id, mut last_error) = (DataKeyId::nil(), None);
    let (keys, newest) = (services.db.keys(), services.vault.newest_key_id());
    loop {
        let db = services.db.read();
        let page = data_keys::find_wrapped_by_old_keys(keys, db, newest, last_id, BATCH_SIZE).await?;
        let Some(last) = page.last() else { break };
        last_id = last.id;
        for old in page {
            let new = match services.vault.rewrap(&old.wrapped, (old.id, old.user_id)) {
                Ok(new) => new,
                Err(error) => {
                    tracing::error!(user_id = %old.user_id, %error, "rewrapping a data key failed");
                    last_error = Some(error);
                    continue;
                }
            };
            let work = services.begin().await?;
            // Does nothing if the key was erased or rewrapped since it was read.
            data_keys::replace_key(keys, work.tx(), &old, &new).await?;
            work.commit().await?;
            on_rewrapped();
        }
    }
    last_error.map_or(Ok(()), |error| Err(error.into()))
}

/// Which encryption keys stored data needs and this gateway does not have. Remembers the result for some
/// seconds, since health checks ask often.
#[derive(Debug, Default)]
pub struct MissingKeys(Mutex<Option<(DateTime<Utc>, Vec<String>)>>);

impl MissingKeys {
    /// Returns the ids of the missing keys. Only one caller at a time asks the database.
    pub async fn get(&self, services: &Services) -> Result<Vec<String>> {
        let mut last = self.0.lock().await;
        let now = services.now();
        if let Some((at, missing)) = &*last
            && (TimeDelta::zero()..MISSING_KEYS_LIFETIME).contains(&(now - *at))
        {
            return Ok(missing.clone());
        }
        let used = data_keys::key_ids(services.db.keys(), services.db.read()).await?;
        let missing: Vec<_> = used.into_iter().filter(|id| !services.vault.has_key(id)).collect();
        *last = Some((now, missing.clone()));
        Ok(missing)
    }
}

/// Rewraps the keys of what mutations with an idempotency key did.
async fn rotate_keys_of_requests(services: &Services, on_rewrapped: &impl Fn()) -> Result<()> {
    let mut last = RequestKey { user_id: UserId::nil(), key: String::new() };
    let mut last_error = None;
    loop {
        let newest = services.vault.newest_key_id();
        let page =
            idempotency::find_wrapped_by_old_keys(services.db.read(), newest, &last, BATCH_SIZE).await?;
        let Some(row) = page.last() else { break };
        last = row.request.clone();
        for old in page {
            match services.vault.rewrap(&old.key, old.attempt) {
                Ok(new) => {
                    let work = services.begin().await?;
                    idempotency::replace_key(work.tx(), &old, &new).await?;
                    work.commit().await?;
                    on_rewrapped();
                }
                Err(error) => {
                    tracing::error!(user_id = %old.request.user_id, %error, "rewrapping a data key failed");
                    last_error = Some(error);
                }
            }
        }
    }
    last_error.map_or(Ok(()), |error| Err(error.into()))
}
