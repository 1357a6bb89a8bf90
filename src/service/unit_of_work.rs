//! The transaction of one use case, and the events that it records.

use crate::domain::event::EventBody;
use crate::domain::id::UserId;
use crate::domain::user::Viewer;
use crate::service::{Error, Result, Services, idempotency};
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

    /// Locks a user in whose name, or about whom, the transaction writes. Users are locked before what belongs
    /// to them.
    ///
    /// # Errors
    /// `Unauthenticated` if the user was erased.
    pub(super) async fn lock_user(&self, user_id: UserId) -> Result<()> {
        if users::lock(&self.transaction, user_id).await? { Err(Error::Unauthenticated) } else { Ok(()) }
    }

    /// Locks the user that the viewer writes about. Returns whether that user was erased. The viewer cannot be
    /// erased until the transaction ends.
    ///
    /// # Errors
    /// `Unauthenticated` if the viewer was erased.
    pub(super) async fn lock_viewer_and(&self, viewer: &Viewer, user_id: UserId) -> Result<bool> {
        Ok(!self.lock_all_and(viewer, &[user_id]).await?.is_empty())
    }

    /// Locks these users like [`UnitOfWork::lock_viewer_and`], and returns which of them were erased.
    ///
    /// # Errors
    /// `Unauthenticated` if the viewer was erased.
    pub(super) async fn lock_all_and(&self, viewer: &Viewer, user_ids: &[UserId]) -> Result<Vec<UserId>> {
        if users::lock_against_erasure(&self.transaction, viewer.id()).await? {
            return Err(Error::Unauthenticated);
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
