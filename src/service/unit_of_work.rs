//! One act's transaction, and what it will have made happen.

use crate::domain::event::EventBody;
use crate::service::{Result, Services, idempotency};
use crate::store::{Transaction, event_log};

/// A transaction that writes. Dropped without a commit, it never was.
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

    /// Notes what the commit will make true.
    pub fn record(&mut self, event: EventBody) {
        self.events.push(event);
    }

    /// Appends what happened to the log, commits both together, and only then tells the bus.
    ///
    /// # Errors
    /// Where the database is away; then nothing was done.
    pub async fn commit(self) -> Result<()> {
        let now = self.services.now();
        idempotency::mark(&self.transaction).await?;
        let events = event_log::append(&self.transaction, self.events, now).await?;
        self.transaction.commit().await?;
        idempotency::acted();
        for event in &events {
            self.services.public_data_version.note(event);
        }
        self.services.bus.publish(events);
        Ok(())
    }
}
