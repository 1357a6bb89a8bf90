//! Finds pictures of other people that look like those of an applicant: in their verifications, and among the
//! fingerprints of fraud. What is found is a hint for reviewers.
//!
//! The [`picture_index`](crate::service::picture_index) selects the pictures whose perceptual hashes are close. Those
//! are compared cell by cell, the closest first, until enough pictures of others were compared or enough people found.
//! Neither pictures that are deleted nor those of the applicant count. A submission does it before its transaction, and
//! again in it for what was uploaded meanwhile, the newest first.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::flag::RELATED_MAX;
use crate::domain::id::{DocumentId, ReviewItemId, UserId};
use crate::media::images::perceptual::{Comparison, Hash, Preview, Signature};
use crate::media::vault::{DataKey, Vault, VaultError};
use crate::service::picture_index::{
    Cells, Hashes, Index, PictureId, PictureIndex, first_id_at, hash_context,
};
use crate::service::{Error, Result, Services, data_keys};
use crate::store;
use crate::store::picture_signatures;
use crate::store::picture_signatures::StoredSignature;
use crate::store::verifications::VerificationRecord;

/// How many pictures are compared at once.
const BATCH_SIZE: usize = 100;

/// After so many pictures of others that exist, no further batch is compared cell by cell.
const COMPARISONS_MAX: usize = 500;

/// Clocks of gateways may differ by this much.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(1);

/// The most hashes that are read of the pictures that others have uploaded while a submission was prepared.
const NEWER_MAX: u64 = 1000;

/// The encryption contexts of a signature, besides that of its hash, and of a preview. Stored data depend on them.
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

fn add_new<T: PartialEq>(list: &mut Vec<T>, others: impl IntoIterator<Item = T>) {
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

    /// Looks for pictures that look alike, among those of others and those of fraud.
    pub async fn find(&self, services: &Services, db: &impl store::Executor) -> Result<LookAlikes> {
        if self.hashes.is_empty() {
            return Ok(LookAlikes::default());
        }
        let PictureIndex { pictures, frauds } = &services.picture_index;
        let similar = pictures.find_similar(services, db, &self.hashes).await?;
        let users = newest_first(self.find_same(&services.vault, db, pictures, &similar).await?);
        let similar = frauds.find_similar(services, db, &self.hashes).await?;
        let fraudulent = owners(&self.find_same(&services.vault, db, frauds, &similar).await?);
        Ok(LookAlikes { users, fraudulent })
    }

    /// Looks for pictures that look alike among those that others have uploaded since then.
    pub async fn find_newer(
        &self,
        services: &Services,
        db: &impl store::Executor,
        since: DateTime<Utc>,
    ) -> Result<LookAlikes> {
        if self.hashes.is_empty() {
            return Ok(LookAlikes::default());
        }
        let after = first_id_at(since - CLOCK_DIFFERENCE);
        let newest = picture_signatures::newest_hashes(db, after, self.user_id, NEWER_MAX).await?;
        let similar = Hashes::of(&services.vault, newest).similar(&self.hashes);
        let pictures = &services.picture_index.pictures;
        let users = newest_first(self.find_same(&services.vault, db, pictures, &similar).await?);
        Ok(LookAlikes { users, fraudulent: Vec::new() })
    }

    /// Those of the pictures that show the same as one of the applicant. Compares them in this order, until that is
    /// enough, and lets the index forget those that do not exist any more.
    async fn find_same<Id: PictureId>(
        &self,
        vault: &Vault,
        db: &impl store::Executor,
        index: &Index<Id>,
        similar: &[Id],
    ) -> Result<Vec<(Id, Id::Owner)>> {
        let (mut compared, mut same) = (0, Vec::new());
        for ids in similar.chunks(BATCH_SIZE) {
            let rows = Id::cells(db, ids).await?;
            let is_gone = |id: &Id| !rows.iter().any(|(other, ..)| other == id);
            index.forget(&ids.iter().copied().filter(is_gone).collect::<Vec<_>>());
            let others = rows_of_others(rows, self.user_id);
            compared += others.len();
            let signatures = others
                .into_iter()
                .filter_map(|(id, owner, cells)| Some(((id, owner), signature(vault, id, &cells)?)));
            same.extend(self.select_same(signatures.collect()).await?);
            if is_enough(compared, &same) {
                break;
            }
        }
        Ok(same)
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

/// Without the pictures of the applicant, which count for nothing.
fn rows_of_others<Id: PictureId>(mut rows: Cells<Id>, user_id: UserId) -> Cells<Id> {
    rows.retain(|(_, owner, _)| !Id::is_of(*owner, user_id));
    rows
}

/// Whether a search that has compared so many pictures of others, and found these, can end.
fn is_enough<Id, Owner: Copy + PartialEq>(compared: usize, same: &[(Id, Owner)]) -> bool {
    compared >= COMPARISONS_MAX || owners(same).len() >= RELATED_MAX
}

/// The owners of these pictures, each once.
fn owners<Id, Owner: Copy + PartialEq>(pictures: &[(Id, Owner)]) -> Vec<Owner> {
    let mut owners = Vec::new();
    add_new(&mut owners, pictures.iter().map(|(_, owner)| *owner));
    owners
}

/// The owners of the newest of these pictures, newest first.
fn newest_first(mut pictures: Vec<(DocumentId, UserId)>) -> Vec<UserId> {
    pictures.sort_unstable_by(|first, second| second.cmp(first));
    let mut users = owners(&pictures);
    users.truncate(RELATED_MAX);
    users
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn picture(number: u128) -> DocumentId {
        DocumentId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn the_pictures_of_one_person_do_not_end_a_search_and_those_of_many_people_do() {
        let of_one: Vec<_> = (0..100).map(|number| (picture(number), user(1))).collect();
        assert!(!is_enough(100, &of_one));
        let of_many: Vec<_> = (0..20).map(|number| (picture(number), user(number))).collect();
        assert!(is_enough(20, &of_many) && !is_enough(20, &of_many[1..]));
        // However few are the same.
        assert!(is_enough(COMPARISONS_MAX, &of_one[..0]) && !is_enough(COMPARISONS_MAX - 1, &of_one[..0]));
    }

    #[test]
    fn the_newest_people_are_named_once() {
        let pictures: Vec<_> = (0..100).map(|number| (picture(number), user(number / 4))).collect();
        assert_eq!(newest_first(pictures), (5..25).rev().map(user).collect::<Vec<_>>());
    }

    #[test]
    fn own_pictures_are_not_compared_but_own_frauds_are() {
        let rows = [1, 2, 1, 3].map(|owner| (picture(owner), user(owner), Vec::new()));
        let others = rows_of_others(rows.to_vec(), user(1));
        assert_eq!(others.iter().map(|(_, owner, _)| *owner).collect::<Vec<_>>(), [user(2), user(3)]);
        let item = ReviewItemId::from_uuid(Uuid::from_u128(1));
        let frauds =
            vec![(Uuid::from_u128(1), Some(item), Vec::new()), (Uuid::from_u128(2), None, Vec::new())];
        assert_eq!(rows_of_others(frauds.clone(), user(1)), frauds);
    }
}
