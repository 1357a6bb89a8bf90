//! The transaction of one use case, and the events that it records.

use crate::domain::event::EventBody;
use crate::domain::id::UserId;
use crate::domain::user::Viewer;
use crate::service::{Error, Result, Services, idempotency};
use crate::store::users::LockedAccount;
use crate::store::{Transaction, event_log, users};

/// A writing transaction. It is rolled back if it is dropped without a commit.
#[derive(Debug)]
pub struct UnitOfWork<'a> {
    services: &'a Services,
    transaction: Transaction,
    events: Vec<EventBody>,
}

impl<'a> UnitOfWork<'a> {
    pub(super) async fn begin(services: &'a Services) -> Result<Self> {
        let transaction = services.db.begin().await?;
        Ok(Self { services, transaction, events: Vec::new() })
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
        require_active(users::lock_actor(&self.transaction, user_id).await?).map(drop)
    }

    /// Locks the user whom the viewer, a reviewer, writes about. Returns whether that user was erased. Until the
    /// transaction ends, the viewer stays a reviewer, and can be neither erased nor blocked.
    ///
    /// # Errors
    /// `Unauthenticated` if the viewer was erased or blocked, `Forbidden` if the viewer is no reviewer any more.
    pub(super) async fn lock_viewer_and(&self, viewer: &Viewer, user_id: UserId) -> Result<bool> {
        Ok(!self.lock_all_and(viewer, &[user_id]).await?.is_empty())
    }

    /// Locks these users like [`UnitOfWork::lock_viewer_and`], and returns which of them were erased.
    ///
    /// # Errors
    /// Those of [`UnitOfWork::lock_viewer_and`].
    pub(super) async fn lock_all_and(&self, viewer: &Viewer, user_ids: &[UserId]) -> Result<Vec<UserId>> {
        let account = require_active(users::lock_actor_shared(&self.transaction, viewer.id()).await?)?;
        if !account.is_none_or(|account| account.role.can_review()) {
            return Err(Error::Forbidden);
        }
        Ok(users::lock_all(&self.transaction, user_ids).await?)
    }

    /// Adds an event that the commit will append to the log.
    pub fn record(&mut self, event: EventBody) {
        self.events.push(event);
    }

    /// Appends the recorded events to the log, commits, and then publishes them on the bus.
    ///
    /// # Errors
    /// If it fails, nothing was changed and nothing is published.
    pub async fn commit(self) -> Result<()> {
        let now = self.services.now();
        idempotency::mark_attempt(&self.transaction).await?;
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

/// Returns `Unauthenticated` if the user was erased or blocked.
fn require_active(account: Option<LockedAccount>) -> Result<Option<LockedAccount>> {
    match account {
        Some(account) if account.is_erased || account.is_blocked => Err(Error::Unauthenticated),
        account => Ok(account),
    }
}
