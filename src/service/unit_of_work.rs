//! The transaction of one use case, the events that it records, and its entries of the audit trail.

use std::sync::{Mutex, PoisonError};

use crate::domain::audit::AuditEntry;
use crate::domain::event::EventBody;
use crate::domain::id::UserId;
use crate::domain::user::{Role, Viewer};
use crate::service::audit::chain;
use crate::service::{Error, Result, Services, idempotency};
use crate::store::users::LockedAccount;
use crate::store::{Transaction, event_log, gigs, users};

/// A writing transaction. It is rolled back if it is dropped without a commit.
#[derive(Debug)]
pub struct UnitOfWork<'a> {
    services: &'a Services,
    transaction: Transaction,
    events: Vec<EventBody>,
    /// The users whose profile changed only in what others do not see.
    unchanged_profiles: Vec<UserId>,
    audit_entries: Mutex<Vec<AuditEntry>>,
}

impl<'a> UnitOfWork<'a> {
    pub(super) async fn begin(services: &'a Services) -> Result<Self> {
        let transaction = services.db.begin().await?;
        let audit_entries = Mutex::default();
        Ok(Self { services, transaction, events: Vec::new(), unchanged_profiles: Vec::new(), audit_entries })
    }

    /// The transaction, for the functions of `store`.
    pub fn tx(&self) -> &Transaction {
        &self.transaction
    }

    /// Locks the user in whose name the transaction writes. Users are locked before what belongs to them.
    ///
    /// # Errors
    /// `Unauthenticated` if the user was erased or blocked.
    pub(super) async fn lock_user(&self, user_id: UserId) -> Result<()> {
        require_active(users::lock_actor(&self.transaction, self.services, user_id).await?).map(drop)
    }

    /// Locks the user whom the viewer, a reviewer, writes about. Returns whether that user was erased. Until the
    /// transaction ends, the viewer stays a reviewer, and can be neither erased nor blocked.
    ///
    /// # Errors
    /// `Unauthenticated` if the viewer was erased or blocked, `Forbidden` if the viewer is not a reviewer any more,
    /// `AdminRequired` if they are no administrator any more.
    pub(super) async fn lock_viewer_and(&self, viewer: &Viewer, user_id: UserId) -> Result<bool> {
        Ok(!self.lock_all_and(viewer, &[user_id]).await?.is_empty())
    }

    /// Locks these users like [`UnitOfWork::lock_viewer_and`], and returns which of them were erased.
    ///
    /// # Errors
    /// Those of [`UnitOfWork::lock_viewer_and`].
    pub(super) async fn lock_all_and(&self, viewer: &Viewer, user_ids: &[UserId]) -> Result<Vec<UserId>> {
        let account = users::lock_actor_shared(&self.transaction, self.services, viewer.id()).await?;
        let account = require_active(account)?;
        if !account.is_none_or(|account| account.role.can_review()) {
            return Err(Error::Forbidden);
        }
        if viewer.role == Role::Admin && account.is_some_and(|account| account.role != Role::Admin) {
            return Err(Error::AdminRequired);
        }
        Ok(users::lock_all(&self.transaction, user_ids).await?)
    }

    /// Locks the viewer, who must be an administrator. Until the transaction ends, they stay one, and can be neither
    /// erased nor blocked.
    ///
    /// # Errors
    /// `Unauthenticated` if the viewer was erased or blocked, `AdminRequired` if the viewer is no administrator any
    /// more.
    pub(super) async fn lock_admin(&self, viewer: &Viewer) -> Result<()> {
        let account =
            require_active(users::lock_actor_shared(&self.transaction, self.services, viewer.id()).await?)?;
        if account.is_some_and(|account| account.role == Role::Admin) {
            Ok(())
        } else {
            Err(Error::AdminRequired)
        }
    }

    /// Adds an entry that the commit will append to the audit trail.
    pub(super) fn append_audit_entry(&self, entry: AuditEntry) {
        self.audit_entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// Adds an event that the commit will append to the log.
    pub fn record(&mut self, event: EventBody) {
        self.events.push(event);
    }

    /// Others do not see the change of this user's profile that was recorded, such as other points of the same
    /// level. So it changes nothing of the user's gigs.
    pub(super) fn mark_profile_unchanged(&mut self, user_id: UserId) {
        self.unchanged_profiles.push(user_id);
    }

    /// Appends the entries to the audit trail and the recorded events to the log, commits, and then publishes the
    /// events on the bus. If they change what others see of a seller, it also appends an event for each of the
    /// seller's ACTIVE gigs.
    ///
    /// Both appends wait for other transactions that append, until these end. So they are the last steps, and always
    /// in this order: transactions that wait for each other's rows never wait for each other here.
    ///
    /// # Errors
    /// If it fails, nothing was changed and nothing is published.
    pub async fn commit(mut self) -> Result<()> {
        let now = self.services.now();
        self.record_updates_of_gigs().await?;
        idempotency::mark_attempt(&self.transaction).await?;
        let entries = self.audit_entries.into_inner().unwrap_or_else(PoisonError::into_inner);
        chain::append(&self.services.vault, &self.transaction, entries).await?;
        let events = event_log::append(&self.transaction, self.events, now).await?;
        self.transaction.commit().await?;
        idempotency::note_commit();
        for event in &events {
            self.services.public_data_version.observe(event);
        }
        self.services.bus.publish(events);
        Ok(())
    }
}

impl UnitOfWork<'_> {
    /// Records that what others see of ACTIVE gigs changed together with their sellers. The caller has locked
    /// the sellers, as does every transaction that makes a gig ACTIVE. So a gig that becomes ACTIVE at the same
    /// time is either found here, or its own event comes after this commit.
    async fn record_updates_of_gigs(&mut self) -> Result<()> {
        let changed = self.events.iter().filter_map(EventBody::changed_profile);
        let mut sellers: Vec<_> =
            changed.filter(|seller| !self.unchanged_profiles.contains(seller)).collect();
        if sellers.is_empty() {
            return Ok(());
        }
        sellers.sort_unstable();
        sellers.dedup();
        for (gig_id, seller_id) in gigs::find_active_of_sellers(&self.transaction, &sellers).await? {
            self.record(EventBody::GigUpdated { gig_id, seller_id });
        }
        Ok(())
    }
}

/// Returns `Unauthenticated` if the user was erased or blocked.
fn require_active(account: Option<LockedAccount>) -> Result<Option<LockedAccount>> {
    match account {
        Some(account) if account.is_erased || account.is_blocked => Err(Error::Unauthenticated),
        account => Ok(account),
    }
}
