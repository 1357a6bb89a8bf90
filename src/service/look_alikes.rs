//! Finds pictures of other people that look like those of an applicant: in their verifications, and among the
//! fingerprints of fraud. What is found is a hint for reviewers.
//!
//! Every picture is compared, newest first. That reads some fifty bytes of each, and two kilobytes of each that looks
//! alike at first sight. A submission does it before its transaction, and again in it for what was uploaded meanwhile.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::domain::flag::RELATED_MAX;
use crate::domain::id::{DocumentId, ReviewItemId, UserId};
use crate::media::images::perceptual::{Comparison, Hash, Preview, Signature, look_alike};
use crate::media::vault::{DataKey, Vault, VaultError};
use crate::service::{Error, Result, Services, data_keys};
use crate::store;
use crate::store::picture_signatures::StoredSignature;
use crate::store::verifications::VerificationRecord;
use crate::store::{fingerprints, picture_signatures};

/// How many hashes are read at once.
const BATCH_SIZE: u64 = 1000;

/// The most pictures that are compared cell by cell, for each submission: the newest. One takes less than a
/// millisecond.
const COMPARISONS_MAX: usize = 2000;

/// Clocks of gateways may differ by this much.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(1);

/// The encryption contexts of a signature and its preview. Stored data depend on them.
fn hash_context(id: impl std::fmt::Display) -> String {
    format!("perceptual hash {id}")
}

fn cells_context(id: impl std::fmt::Display) -> String {
    format!("cells of picture {id}")
}

fn preview_context(user_id: UserId, document_id: DocumentId) -> String {
    format!("preview of picture {document_id} of {user_id}")
}

/// The encrypted hash and signature of a picture, for the row with this id.
pub(super) fn encrypt_signature(
    vault: &Vault,
    id: impl std::fmt::Display + Copy,
    preview: &Preview,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let hash = vault.encrypt_comparable(&hash_context(id), &preview.hash())?;
    Ok((hash, vault.encrypt_comparable(&cells_context(id), preview.signature().cells())?))
}

/// What is stored of a picture, encrypted.
pub(super) fn encrypt_preview(
    services: &Services,
    user_id: UserId,
    document_id: DocumentId,
    preview: &Preview,
    key: &DataKey,
) -> Result<StoredSignature> {
    let (hash, cells) = encrypt_signature(&services.vault, document_id, preview)?;
    let preview = key.encrypt(&preview_context(user_id, document_id), preview.as_bytes())?;
    Ok(StoredSignature { document_id, user_id, hash, cells, preview })
}

/// The previews of all pictures of a user that have one. Pictures that an earlier version has stored have none.
pub(super) async fn previews(
    services: &Services,
    db: &impl store::Executor,
    record: &VerificationRecord,
) -> Result<Vec<Preview>> {
    let user_id = record.verification.user_id;
    let owners: Vec<_> = record.all_keys().into_iter().map(|id| (id, user_id)).collect();
    let keys = data_keys::open_all(services, db, &owners).await?;
    let mut previews = Vec::new();
    for stored in picture_signatures::of_user(db, user_id).await? {
        let Some(id) = record.key_of(stored.document_id) else { continue };
        let key = match keys.get(&id) {
            Some(Ok(key)) => key,
            Some(Err(error)) => return Err(error.clone().into()),
            None => return Err(VaultError::MissingDataKey(id).into()),
        };
        let bytes = key.decrypt(&preview_context(user_id, stored.document_id), &stored.preview)?;
        previews.extend(Preview::from_bytes(bytes.to_vec()));
    }
    Ok(previews)
}

/// Pictures that look like those of an applicant.
#[derive(Debug, Default)]
pub(super) struct LookAlikes {
    /// The owners, newest picture first.
    pub users: Vec<UserId>,
    /// The items of submissions that were rejected or revoked for fraud; `None` after an erasure.
    pub fraudulent: Vec<Option<ReviewItemId>>,
}

impl LookAlikes {
    /// Adds those that are new.
    pub fn extend(&mut self, others: Self) {
        add_new(&mut self.users, others.users);
        add_new(&mut self.fraudulent, others.fraudulent);
    }
}

fn add_new<T: PartialEq>(list: &mut Vec<T>, others: Vec<T>) {
    for other in others {
        if !list.contains(&other) {
            list.push(other);
        }
    }
}

/// The pictures of one applicant, ready to be compared with others.
pub(super) struct ApplicantPictures {
    user_id: UserId,
    hashes: Vec<Hash>,
    comparisons: Arc<Vec<Comparison>>,
}

impl ApplicantPictures {
    pub fn new(user_id: UserId, previews: &[Preview]) -> Self {
        let hashes = previews.iter().map(Preview::hash).collect();
        Self { user_id, hashes, comparisons: Arc::new(previews.iter().map(Comparison::new).collect()) }
    }

    /// Looks for pictures that look alike. With `since`, only among those that others have uploaded since then.
    pub async fn find(
        &self,
        services: &Services,
        db: &impl store::Executor,
        since: Option<DateTime<Utc>>,
    ) -> Result<LookAlikes> {
        let mut found = LookAlikes::default();
        if self.hashes.is_empty() {
            return Ok(found);
        }
        let from = since.map(|since| first_id_at(since - CLOCK_DIFFERENCE));
        found.users = self.find_users(services, db, from).await?;
        if since.is_none() {
            found.fraudulent = self.find_fraudulent(services, db).await?;
        }
        Ok(found)
    }

    async fn find_users(
        &self,
        services: &Services,
        db: &impl store::Executor,
        from: Option<DocumentId>,
    ) -> Result<Vec<UserId>> {
        let (mut found, mut compared, mut before) = (Vec::new(), 0, None);
        while found.len() < RELATED_MAX && compared < COMPARISONS_MAX {
            let page = picture_signatures::hashes(db, self.user_id, before, from, BATCH_SIZE).await?;
            let Some((last, _)) = page.last() else { break };
            before = Some(*last);
            let mut similar = self.select_similar(&services.vault, &page);
            similar.truncate(COMPARISONS_MAX - compared);
            if similar.is_empty() {
                continue;
            }
            compared += similar.len();
            let mut signatures = Vec::with_capacity(similar.len());
            for (id, owner, cells) in picture_signatures::cells(db, &similar).await? {
                signatures.extend(signature(&services.vault, id, &cells).map(|signature| (owner, signature)));
            }
            add_new(&mut found, self.select_same(signatures).await?);
        }
        Ok(found)
    }

    async fn find_fraudulent(
        &self,
        services: &Services,
        db: &impl store::Executor,
    ) -> Result<Vec<Option<ReviewItemId>>> {
        let (mut found, mut compared, mut after) = (Vec::new(), 0, Uuid::nil());
        while found.len() < RELATED_MAX && compared < COMPARISONS_MAX {
            let page = fingerprints::signature_hashes(db, after, BATCH_SIZE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            let mut similar = self.select_similar(&services.vault, &page);
            similar.truncate(COMPARISONS_MAX - compared);
            if similar.is_empty() {
                continue;
            }
            compared += similar.len();
            let mut signatures = Vec::with_capacity(similar.len());
            for (id, item_id, cells) in fingerprints::signature_cells(db, &similar).await? {
                signatures
                    .extend(signature(&services.vault, id, &cells).map(|signature| (item_id, signature)));
            }
            add_new(&mut found, self.select_same(signatures).await?);
        }
        Ok(found)
    }

    /// Those whose perceptual hash is close to that of a picture of the applicant.
    fn select_similar<Id: Copy + std::fmt::Display>(
        &self,
        vault: &Vault,
        encrypted: &[(Id, Vec<u8>)],
    ) -> Vec<Id> {
        let is_similar = |(id, hash): &&(Id, Vec<u8>)| {
            let hash = vault.decrypt_comparable(&hash_context(id), hash).ok();
            let hash = hash.and_then(|bytes| Hash::try_from(bytes).ok());
            if hash.is_none() {
                tracing::warn!(%id, "a perceptual hash was altered");
            }
            hash.is_some_and(|hash| self.hashes.iter().any(|own| look_alike(*own, hash)))
        };
        encrypted.iter().filter(is_similar).map(|(id, _)| *id).collect()
    }

    /// Those that show the same as a picture of the applicant. Compares on a blocking thread.
    async fn select_same<T: Send + 'static>(&self, signatures: Vec<(T, Signature)>) -> Result<Vec<T>> {
        let comparisons = Arc::clone(&self.comparisons);
        let select = move || {
            let is_same =
                |(_, signature): &(T, Signature)| comparisons.iter().any(|own| own.matches(signature));
            signatures.into_iter().filter(is_same).map(|(of, _)| of).collect()
        };
        tokio::task::spawn_blocking(select).await.map_err(Error::internal)
    }
}

fn signature(vault: &Vault, id: impl std::fmt::Display + Copy, cells: &[u8]) -> Option<Signature> {
    let cells = vault.decrypt_comparable(&cells_context(id), cells).ok();
    let signature = cells.and_then(Signature::of_cells);
    if signature.is_none() {
        tracing::warn!(%id, "the cells of a picture were altered");
    }
    signature
}

/// The smallest id that is made from this moment on.
fn first_id_at(moment: DateTime<Utc>) -> DocumentId {
    let milliseconds = u128::try_from(moment.timestamp_millis()).unwrap_or_default();
    DocumentId::from_uuid(Uuid::from_u128(milliseconds << 80))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::service::IdGenerator;

    #[test]
    fn an_id_of_now_is_after_the_first_id_of_the_last_minute() {
        let now = crate::clock::Clock::now(&SystemClock);
        let id = DocumentId::from_uuid(IdGenerator::default().new_id(&SystemClock));
        assert!(
            first_id_at(now - TimeDelta::minutes(1)) < id && id < first_id_at(now + TimeDelta::minutes(1))
        );
    }
}
