//! The data keys of users. Each encrypts what is erased together: one the form, another one the images of documents.
//!
//! Deleting a key makes unreadable what it encrypts, wherever copies of it are. With SQLite, keys are in another file
//! than the data, and so not part of the transaction (see [`crate::store::data_keys`]).

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::domain::blob::UPLOAD_MAX_DURATION;
use crate::domain::id::{DataKeyId, UserId};
use crate::media::vault::{DataKey, VaultError};
use crate::service::{Result, Services, UnitOfWork};
use crate::store;
use crate::store::data_keys::StoredDataKey;
use crate::store::{data_keys, verifications};

/// How many keys are read at once.
const BATCH_SIZE: u64 = 500;

/// How old a key must be before it is deleted because no row refers to it. The transaction that stores the row may take
/// as long as an upload.
const UNREFERENCED_LIFETIME: TimeDelta = UPLOAD_MAX_DURATION;

/// Generates and stores a data key of the user. The transaction must store its id, or else the key is deleted later.
pub(super) async fn create(
    services: &Services,
    tx: &store::Transaction,
    user_id: UserId,
) -> Result<(DataKeyId, DataKey)> {
    let id = services.new_id();
    let (key, wrapped) = services.vault.new_data_key((id, user_id))?;
    let stored = StoredDataKey { id, user_id, wrapped };
    data_keys::insert(services.db.keys(), tx, &stored, services.now()).await?;
    Ok((id, key))
}

/// Unwraps a data key of the user.
///
/// # Errors
/// [`crate::service::Error::Decryption`] if the key does not exist, or cannot be unwrapped.
pub(super) async fn open(
    services: &Services,
    db: &impl store::Executor,
    id: DataKeyId,
    user_id: UserId,
) -> Result<DataKey> {
    let key = open_all(services, db, &[(id, user_id)]).await?.remove(&id);
    Ok(key.unwrap_or(Err(VaultError::MissingDataKey(id)))?)
}

/// Unwraps data keys, each of its user.
pub(super) async fn open_all(
    services: &Services,
    db: &impl store::Executor,
    owners: &[(DataKeyId, UserId)],
) -> Result<HashMap<DataKeyId, std::result::Result<DataKey, VaultError>>> {
    let ids: Vec<_> = owners.iter().map(|(id, _)| *id).collect();
    let stored = data_keys::find_all(services.db.keys(), db, &ids).await?;
    let stored: HashMap<_, _> = stored.into_iter().map(|key| (key.id, key.wrapped)).collect();
    let open = |(id, user_id): &(DataKeyId, UserId)| {
        let wrapped = stored.get(id).ok_or(VaultError::MissingDataKey(*id));
        // The user is the one of the row that is decrypted, not the one that the key's row names.
        (*id, wrapped.and_then(|wrapped| services.vault.unwrap(wrapped, (*id, *user_id))))
    };
    Ok(owners.iter().map(open).collect())
}

/// Deletes keys that nothing refers to any more, in the transaction that removes the last reference. Call
/// [`delete_discarded`] after the commit.
pub(super) async fn discard(services: &Services, work: &UnitOfWork<'_>, ids: &[DataKeyId]) -> Result<()> {
    Ok(data_keys::discard(services.db.keys(), work.tx(), ids).await?)
}

/// Deletes the keys that were discarded by committed transactions, and returns how many. If it is interrupted, the
/// background job goes on.
pub(super) async fn delete_discarded(services: &Services) -> Result<usize> {
    let mut deleted = 0;
    while data_keys::has_discarded(services.db.read()).await? {
        let tx = services.db.begin().await?;
        deleted += data_keys::delete_discarded(services.db.keys(), &tx).await?;
        tx.commit().await?;
    }
    Ok(deleted)
}

/// Deletes the keys that no row refers to: their transactions were rolled back, or a backup was restored that has other
/// keys than the database. Returns how many. Deletes nothing if there is no verification at all: then it is not the
/// database that the keys belong to, or not restored yet.
pub(super) async fn delete_unreferenced(services: &Services) -> Result<usize> {
    let (keys, before) = (services.db.keys(), services.now() - UNREFERENCED_LIFETIME);
    if !verifications::exist(services.db.read()).await? {
        return Ok(0);
    }
    let (mut last_id, mut deleted) = (DataKeyId::nil(), 0);
    loop {
        let page =
            data_keys::find_unreferenced(keys, services.db.read(), before, last_id, BATCH_SIZE).await?;
        let Some((last, ids)) = page else { return Ok(deleted) };
        last_id = last;
        if !ids.is_empty() {
            let tx = services.db.begin().await?;
            data_keys::delete(keys, &tx, &ids).await?;
            tx.commit().await?;
            deleted += ids.len();
        }
    }
}
