//! The transaction of one use case, and the events that it records.

use crate::domain::event::EventBody;
use crate::service::{Result, Services, idempotency};
use crate::store::{Transaction, event_log};

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
