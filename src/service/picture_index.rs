//! The perceptual hashes of all stored pictures, and of those of fraud, in the memory of this gateway.
//!
//! A submission is compared with every picture, so reading and decrypting all hashes for each would take longer the
//! more there are. No index of the database can help: the hashes of the same picture may differ in 20 of 64 bits, so
//! there are no bands of bits of which one must be equal and which few other pictures share.
//!
//! An entry has 24 bytes. Before each search, the index reads the rows that are new. Nobody waits for a lock while rows
//! are read: several searches may read the same ones, and each is added once.
//!
//! The gateway that deletes pictures forgets them at once (`blobs`). It forgets other deleted rows when a search meets
//! them ([`Index::forget`]), and when everything is read again, once an hour: what other gateways and commands have
//! deleted, fingerprints, and a picture that a search has just read while it was deleted. So the hash of a picture that
//! was erased stays in the memory of a gateway for at most about an hour; nothing but a search uses it.

use std::fmt::{Debug, Display};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::domain::id::{DocumentId, ReviewItemId, UserId};
use crate::media::images::perceptual::{Hash, distance};
use crate::media::vault::Vault;
use crate::service::{Result, Services};
use crate::store;
use crate::store::{fingerprints, picture_signatures};

/// How many rows are read at once.
const BATCH_SIZE: u64 = 5000;

/// A row is committed at most so long after its id was made: an upload and a request have shorter time limits. Clocks
/// of gateways differ by less.
const COMMITTED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// The encryption context of a hash. Stored data depend on it.
pub(super) fn hash_context(id: impl Display) -> String {
    format!("perceptual hash {id}")
}

/// The hashes of all pictures that can be compared.
#[derive(Debug, Default)]
pub struct PictureIndex {
    pub(super) pictures: Index<DocumentId>,
    pub(super) frauds: Index<Uuid>,
}

impl PictureIndex {
    /// Reads all hashes again, and returns how many are new or gone.
    pub async fn reload(&self, services: &Services) -> Result<usize> {
        Ok(self.pictures.reload(services).await? + self.frauds.reload(services).await?)
    }
}

/// Pictures, each with its owner and its encrypted cells.
pub(super) type Cells<Id> = Vec<(Id, <Id as PictureId>::Owner, Vec<u8>)>;

/// The id of a picture that can be compared.
pub(super) trait PictureId: Copy + Debug + Ord + Display + From<Uuid> + Send + Sync + 'static {
    /// Whose picture it is.
    type Owner: Copy + PartialEq + Send + 'static;

    fn is_of(owner: Self::Owner, user_id: UserId) -> bool;

    /// The next page of encrypted hashes, after this id: those of all pictures or, with a time, at least of those that
    /// were stored from then on. A page of fewer than [`BATCH_SIZE`] is the last.
    fn hashes(
        db: &impl store::Executor,
        since: Option<DateTime<Utc>>,
        after: Self,
    ) -> impl Future<Output = store::Result<Vec<(Self, Vec<u8>)>>> + Send;

    /// The owners and the encrypted cells of those that exist, in no particular order.
    fn cells(
        db: &impl store::Executor,
        ids: &[Self],
    ) -> impl Future<Output = store::Result<Cells<Self>>> + Send;
}

/// A picture of a verification.
impl PictureId for DocumentId {
    type Owner = UserId;

    fn is_of(owner: UserId, user_id: UserId) -> bool {
        owner == user_id
    }

    async fn hashes(
        db: &impl store::Executor,
        since: Option<DateTime<Utc>>,
        after: Self,
    ) -> store::Result<Vec<(Self, Vec<u8>)>> {
        let after = after.max(since.map_or(Self::nil(), first_id_at));
        picture_signatures::hashes_after(db, after, BATCH_SIZE).await
    }

    async fn cells(db: &impl store::Executor, ids: &[Self]) -> store::Result<Cells<Self>> {
        picture_signatures::cells(db, ids).await
    }
}

/// A picture of fraud. Its owner is the item of the submission; `None` after an erasure.
impl PictureId for Uuid {
    type Owner = Option<ReviewItemId>;

    /// What is remembered of the applicants themselves counts, too.
    fn is_of(_owner: Option<ReviewItemId>, _user_id: UserId) -> bool {
        false
    }

    async fn hashes(
        db: &impl store::Executor,
        since: Option<DateTime<Utc>>,
        after: Self,
    ) -> store::Result<Vec<(Self, Vec<u8>)>> {
        match since {
            None => fingerprints::signature_hashes(db, after, BATCH_SIZE).await,
            // These ids are random, and a decision has only a day or, after an erasure, a month: one page has all.
            Some(since) if after.is_nil() => fingerprints::signature_hashes_since(db, month_of(since)).await,
            Some(_) => Ok(Vec::new()),
        }
    }

    async fn cells(db: &impl store::Executor, ids: &[Self]) -> store::Result<Cells<Self>> {
        fingerprints::signature_cells(db, ids).await
    }
}

/// The hashes of one kind of pictures. The lock is held only while they are used in memory.
#[derive(Debug)]
pub(super) struct Index<Id>(RwLock<Hashes<Id>>);

impl<Id> Default for Index<Id> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<Id: PictureId> Index<Id> {
    /// The pictures whose hashes are close to one of these, the closest first, and of these the newest. Has all that
    /// were committed before this; some may be deleted.
    pub async fn find_similar(
        &self,
        services: &Services,
        db: &impl store::Executor,
        own: &[Hash],
    ) -> Result<Vec<Id>> {
        self.update(services, db).await?;
        Ok(self.read().similar(own))
    }

    /// Forgets pictures that do not exist any more.
    pub fn forget(&self, ids: &[Id]) {
        if !ids.is_empty() {
            self.write().forget(ids);
        }
    }

    /// Adds the rows that were committed before this.
    async fn update(&self, services: &Services, db: &impl store::Executor) -> Result<()> {
        let now = services.now();
        let since = self.read().updated_at.map(|at| at - COMMITTED_WITHIN);
        let mut after = Id::from(Uuid::nil());
        loop {
            let page = Id::hashes(db, since, after).await?;
            let is_last = u64::try_from(page.len()).is_ok_and(|rows| rows < BATCH_SIZE);
            after = page.last().map_or(after, |(id, _)| *id);
            self.write().add(&services.vault, page);
            if is_last {
                break;
            }
        }
        self.write().set_updated(Some(now));
        Ok(())
    }

    /// Reads all hashes again, and returns how many are new or gone.
    async fn reload(&self, services: &Services) -> Result<usize> {
        let before: Vec<Id> = self.read().entries.iter().map(|(id, _)| *id).collect();
        let fresh = Self::default();
        fresh.update(services, services.db.read()).await?;
        let fresh = fresh.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(self.write().refresh(&before, fresh))
    }

    fn read(&self) -> RwLockReadGuard<'_, Hashes<Id>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Hashes<Id>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hashes of pictures with their ids, in the order of the ids.
#[derive(Debug)]
pub(super) struct Hashes<Id> {
    entries: Vec<(Id, Hash)>,
    /// The beginning of the last update: it has read all rows that were committed before.
    updated_at: Option<DateTime<Utc>>,
}

impl<Id> Default for Hashes<Id> {
    fn default() -> Self {
        Self { entries: Vec::new(), updated_at: None }
    }
}

impl<Id: PictureId> Hashes<Id> {
    /// The hashes of these rows.
    pub fn of(vault: &Vault, rows: Vec<(Id, Vec<u8>)>) -> Self {
        let mut hashes = Self::default();
        hashes.add(vault, rows);
        hashes
    }

    /// Adds those of the rows that are new. Each row has another id.
    fn add(&mut self, vault: &Vault, mut rows: Vec<(Id, Vec<u8>)>) {
        rows.retain(|(id, _)| self.position(*id).is_err());
        for (id, encrypted) in rows {
            let hash = vault.decrypt_comparable(&hash_context(id), &encrypted).ok();
            if let Some(hash) = hash.and_then(|bytes| Hash::try_from(bytes).ok()) {
                self.entries.push((id, hash));
            } else {
                tracing::warn!(%id, "a perceptual hash was altered");
            }
        }
        self.sort();
    }

    fn forget(&mut self, ids: &[Id]) {
        for id in ids {
            if let Ok(position) = self.position(*id) {
                self.entries.remove(position);
            }
        }
    }

    /// Takes over what was read again, beginning when there were the entries `before`. Keeps what was added meanwhile,
    /// and adds nothing that was forgotten meanwhile. Returns how many are new or gone.
    fn refresh(&mut self, before: &[Id], fresh: Self) -> usize {
        let is_old = |id: Id| before.binary_search(&id).is_ok();
        let known = self.entries.len();
        self.entries.retain(|(id, _)| !is_old(*id) || fresh.position(*id).is_ok());
        let gone = known - self.entries.len();
        let is_new = |(id, _): &(Id, Hash)| !is_old(*id) && self.position(*id).is_err();
        let new: Vec<_> = fresh.entries.into_iter().filter(is_new).collect();
        let changed = gone + new.len();
        self.entries.extend(new);
        self.sort();
        self.set_updated(fresh.updated_at);
        changed
    }

    /// An update that began earlier may end later.
    fn set_updated(&mut self, at: Option<DateTime<Utc>>) {
        self.updated_at = self.updated_at.max(at);
    }

    fn position(&self, id: Id) -> std::result::Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn sort(&mut self) {
        // Nearly always sorted already: a stable sort then takes one pass.
        self.entries.sort_by_key(|(id, _)| *id);
    }

    /// Those whose hashes are close to one of these, the closest first, and of these the newest.
    pub fn similar(&self, own: &[Hash]) -> Vec<Id> {
        let nearest = |hash: Hash| own.iter().filter_map(|own| distance(*own, hash)).min();
        let similar = self.entries.iter().rev().filter_map(|(id, hash)| Some((nearest(*hash)?, *id)));
        let mut similar: Vec<_> = similar.collect();
        // Stable: of the same distance, the newest come first.
        similar.sort_by_key(|(distance, _)| *distance);
        similar.into_iter().map(|(_, id)| id).collect()
    }
}

/// The smallest id that is made from this moment on.
pub(super) fn first_id_at(moment: DateTime<Utc>) -> DocumentId {
    let milliseconds = u128::try_from(moment.timestamp_millis()).unwrap_or_default();
    DocumentId::from_uuid(Uuid::from_u128(milliseconds << 80))
}

/// The beginning of the month.
fn month_of(moment: DateTime<Utc>) -> DateTime<Utc> {
    let day = moment.date_naive();
    day.with_day(1).unwrap_or(day).and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::service::IdGenerator;

    #[test]
    fn an_id_of_now_is_after_the_first_id_of_the_last_minute() {
        let now = SystemClock.now();
        let id = DocumentId::from_uuid(IdGenerator::default().new_id(&SystemClock));
        assert!(
            first_id_at(now - TimeDelta::minutes(1)) < id && id < first_id_at(now + TimeDelta::minutes(1))
        );
    }

    fn hashes(entries: &[(u128, u64)]) -> Hashes<Uuid> {
        let entry = |(id, bits): &(u128, u64)| (Uuid::from_u128(*id), bits.to_be_bytes());
        Hashes { entries: entries.iter().map(entry).collect(), updated_at: None }
    }

    fn ids(hashes: &Hashes<Uuid>) -> Vec<u128> {
        hashes.entries.iter().map(|(id, _)| id.as_u128()).collect()
    }

    #[test]
    fn the_closest_come_first_and_then_the_newest() {
        let hashes = hashes(&[(1, 0b11), (2, u64::MAX), (3, 0b1), (4, 0b10), (5, 0)]);
        let similar = |own: &[u64]| {
            let own: Vec<Hash> = own.iter().map(|bits| bits.to_be_bytes()).collect();
            hashes.similar(&own).into_iter().map(|id| id.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(similar(&[0]), [5, 4, 3, 1]);
        assert_eq!(similar(&[0b11, u64::MAX]), [2, 1, 4, 3, 5]);
        assert_eq!(similar(&[]), [0; 0]);
    }

    #[test]
    fn reading_again_keeps_what_was_added_meanwhile_and_not_what_was_forgotten() {
        let mut current = hashes(&[(1, 0), (2, 0), (3, 0), (5, 0)]);
        let before: Vec<_> = current.entries.iter().map(|(id, _)| *id).collect();
        // While everything is read: a search adds 6 and 7, the deleted 3 is forgotten, and 1 is deleted elsewhere.
        current.forget(&[Uuid::from_u128(3), Uuid::from_u128(9)]);
        current.entries.extend(hashes(&[(6, 0), (7, 0)]).entries);
        let changed = current.refresh(&before, hashes(&[(2, 0), (3, 0), (4, 0), (5, 0), (6, 0)]));
        assert_eq!((ids(&current), changed), (vec![2, 4, 5, 6, 7], 2), "1 is gone, and 4 is new");
    }

    #[test]
    fn of_two_updates_at_once_each_row_is_added_once_and_the_later_beginning_counts() {
        let vault = Vault::new(&[("a", &[1; 32])], b"index").unwrap();
        let row = |id: u128| {
            let id = Uuid::from_u128(id);
            (id, vault.encrypt_comparable(&hash_context(id), &[0; 8]).unwrap())
        };
        let mut index = hashes(&[(1, 0)]);
        let [early, late] = [0, 1].map(|seconds| DateTime::from_timestamp(seconds, 0));
        index.add(&vault, vec![row(1), row(2), row(4)]);
        index.set_updated(late);
        index.add(&vault, vec![row(2), row(3), row(4)]);
        index.set_updated(early);
        assert_eq!((ids(&index), index.updated_at), (vec![1, 2, 3, 4], late));
    }

    #[test]
    fn a_month_begins_on_its_first_day() {
        let moment = DateTime::from_timestamp(1_780_272_000 + 12_345, 0).unwrap();
        assert_eq!(month_of(moment).to_rfc3339(), moment.format("%Y-%m-01T00:00:00+00:00").to_string());
    }
}
