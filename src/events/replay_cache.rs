//! Pages of the log, read once for all streams that want the same.
//!
//! A gateway that restarts is met by all its clients at once, and most of them want the same pages.

use std::sync::Arc;

use moka::future::Cache;

use crate::domain::event::{Event, Topic};
use crate::events::public_data_version::PublicDataVersion;
use crate::events::tailer::DispatchedPosition;
use crate::store::{Database, event_log};

/// Events read from the log at once.
const PAGE: usize = 100;

/// Pages kept; at 200 bytes an event some 5 MB.
const PAGES_KEPT: u64 = 256;

/// What happened of one topic behind a position.
#[derive(Debug)]
pub struct LogPage {
    pub events: Vec<Arc<Event>>,
    /// Up to here nothing of the topic is missing.
    pub covers: i64,
    /// There may be more right behind it.
    full: bool,
}

/// Why there is no page.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplayError {
    #[error("the log no longer keeps what came after this position")]
    Pruned,
    #[error(transparent)]
    Store(Arc<crate::store::Error>),
}

/// The reader of pages.
#[derive(Debug, Clone)]
pub struct ReplayCache {
    db: Database,
    dispatched: DispatchedPosition,
    public_data_version: PublicDataVersion,
    kept: Cache<(Topic, i64), Arc<LogPage>>,
}

impl ReplayCache {
    pub fn new(db: Database, dispatched: DispatchedPosition, public_data_version: PublicDataVersion) -> Self {
        Self { db, dispatched, public_data_version, kept: Cache::new(PAGES_KEPT) }
    }

    /// The first events of `topic` behind `after`. The page is full, or covers at least up to `target`, which this
    /// gateway must have handed on by now.
    ///
    /// # Errors
    /// Where the log has been pruned behind `after`, or the database does not answer.
    pub async fn behind(&self, topic: Topic, after: i64, target: i64) -> Result<Arc<LogPage>, ReplayError> {
        let key = (topic, after);
        loop {
            let page = self.kept.try_get_with(key, self.read(topic, after)).await;
            let page = page.map_err(|error| ReplayError::clone(&error))?;
            if page.full || page.covers >= target {
                return Ok(page);
            }
            // Read when the log was shorter.
            self.kept.invalidate(&key).await;
        }
    }

    async fn read(&self, topic: Topic, after: i64) -> Result<Arc<LogPage>, ReplayError> {
        // Read before the rows: all up to here is committed, so the rows are there to be seen.
        let committed = self.dispatched.position();
        let limit = u64::try_from(PAGE).unwrap_or(u64::MAX);
        let events = event_log::page(self.db.read(), Some(topic), after, limit).await?;
        // Read behind them: rows that were pruned before they could be read are missed here, and not in silence.
        if event_log::tail(self.db.read()).await?.is_some_and(|tail| tail > after + 1) {
            return Err(ReplayError::Pruned);
        }
        // Of what has not come to this gateway yet, too: who is told and then asks must not be shown what was before.
        for event in &events {
            self.public_data_version.note(event);
        }
        let full = events.len() == PAGE;
        let last = events.last().map_or(after, |event| event.position);
        let covers = if full { last } else { last.max(committed) };
        Ok(Arc::new(LogPage { events: events.into_iter().map(Arc::new).collect(), covers, full }))
    }
}

impl From<crate::store::Error> for ReplayError {
    fn from(error: crate::store::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}
