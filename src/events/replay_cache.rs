//! Reads pages of the log. Each page is read once for all streams that need it.
//!
//! When a gateway restarts, all its clients reconnect at once, and most of them need the same pages.

use std::sync::Arc;

use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::domain::event::{Event, EventBody, Topic};
use crate::events::tailer::DispatchedPosition;
use crate::store::{Database, event_log};

/// The number of events of a full page.
const PAGE_SIZE: usize = 100;

/// The number of pages in the cache: about 5 MB at 200 bytes per event.
const CACHED_PAGES: u64 = 256;

/// How many pages are read at a time, so that clients that resume do not use all connections that sessions and
/// health checks need.
const CONCURRENT_READS: usize = 1;

/// The events of one topic after a position.
#[derive(Debug)]
pub struct LogPage {
    pub events: Vec<Arc<Event>>,
    /// The page has every event of the topic up to this position.
    pub complete_to: i64,
    /// The page reached its size limit: more events may follow.
    is_full: bool,
}

/// Why a page cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplayError {
    #[error("the events after this position were pruned from the log")]
    Pruned,
    #[error(transparent)]
    Store(Arc<crate::store::Error>),
}

/// Reads and caches pages of the log.
#[derive(Debug, Clone)]
pub struct ReplayCache {
    db: Database,
    dispatched_position: DispatchedPosition,
    pages: Cache<(Topic, i64), Arc<LogPage>>,
    permits: Arc<Semaphore>,
}

impl ReplayCache {
    pub fn new(db: Database, dispatched_position: DispatchedPosition) -> Self {
        let (pages, permits) = (Cache::new(CACHED_PAGES), Arc::new(Semaphore::new(CONCURRENT_READS)));
        Self { db, dispatched_position, pages, permits }
    }

    /// The first events of `topic` after the position `after`. The page is full, or complete at least up to
    /// `target`, which this gateway must have dispatched already.
    ///
    /// # Errors
    /// `Pruned` if events after `after` are no longer in the log, `Store` if the database fails.
    pub async fn page_after(
        &self,
        topic: Topic,
        after: i64,
        target: i64,
    ) -> Result<Arc<LogPage>, ReplayError> {
        let key = (topic, after);
        loop {
            let page = self.pages.try_get_with(key, self.read(topic, after)).await;
            let page = page.map_err(|error| ReplayError::clone(&error))?;
            if page.is_full || page.complete_to >= target {
                return Ok(page);
            }
            // The page was cached when the log was shorter.
            self.pages.invalidate(&key).await;
        }
    }

    /// The positions of the oldest event of the log, if it has any, and of the newest.
    ///
    /// # Errors
    /// The database error.
    pub async fn bounds(&self) -> crate::store::Result<(Option<i64>, i64)> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let db = self.db.read();
        Ok((event_log::oldest_position(db).await?, event_log::newest_position(db).await?))
    }

    async fn read(&self, topic: Topic, after: i64) -> Result<Arc<LogPage>, ReplayError> {
        // Read the position before the rows: all events up to it are committed, so the rows include them.
        let dispatched_position = self.dispatched_position.current();
        let limit = u64::try_from(PAGE_SIZE).unwrap_or(u64::MAX);
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let mut events = event_log::page(self.db.read(), Some(topic), after, limit).await?;
        // Read the oldest position after the rows, to detect that rows were pruned before they were read.
        if event_log::oldest_position(self.db.read()).await?.is_some_and(|oldest| oldest > after + 1) {
            return Err(ReplayError::Pruned);
        }
        // Events that are not dispatched yet come later, from the queue. So when a stream yields an event, the
        // gateway knows everything that happened before it: that a session has ended, that a user has another
        // role, and that a cached response is stale.
        let last = events.last().map_or(after, |event| event.position);
        let is_full = events.len() == PAGE_SIZE && last <= dispatched_position;
        let complete_to = if is_full { last } else { dispatched_position.max(after) };
        events.retain(|event| event.position <= dispatched_position && event.body != EventBody::Unknown);
        Ok(Arc::new(LogPage { events: events.into_iter().map(Arc::new).collect(), complete_to, is_full }))
    }
}

impl From<crate::store::Error> for ReplayError {
    fn from(error: crate::store::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::id::ReviewItemId;
    use crate::domain::review::ReviewQueueChange;
    use crate::domain::review_kind::ReviewKind;

    #[tokio::test]
    async fn the_log_is_read_by_one_client_that_resumes_at_a_time() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let db = Database::open_sqlite(&dir.path().join("gigway.sqlite")).await.expect("a database");
        db.migrate().await.expect("tables");
        let cache = ReplayCache::new(db, DispatchedPosition::default());
        let permit = cache.permits.acquire().await.expect("a permit");
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(200), cache.bounds()).await;
        assert!(waiting.is_err(), "{waiting:?}");
        drop(permit);
        assert_eq!(cache.bounds().await.expect("positions"), (None, 0));
    }

    #[tokio::test]
    async fn a_page_has_no_events_that_are_not_dispatched_yet() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let db = Database::open_sqlite(&dir.path().join("gigway.sqlite")).await.expect("a database");
        db.migrate().await.expect("tables");
        let (item_id, change) = (ReviewItemId::nil(), ReviewQueueChange::Submitted);
        let body = EventBody::ReviewQueue { item_id, review_kind: ReviewKind::Gig, change };
        let tx = db.begin().await.expect("a transaction");
        event_log::append(&tx, vec![body; 250], DateTime::UNIX_EPOCH).await.expect("appended");
        tx.commit().await.expect("committed");
        let dispatched_position = DispatchedPosition::default();
        let cache = ReplayCache::new(db, dispatched_position.clone());
        // After a position, with a target that is dispatched: how many events, and up to where it is complete.
        for (dispatched, after, count, complete_to) in [
            (0, 0, 0, 0),
            (3, 0, 3, 3),
            (3, 3, 0, 3),
            (3, 5, 0, 5),
            (99, 0, 99, 99),
            (100, 0, 100, 100),
            (101, 0, 100, 100),
            (150, 100, 50, 150),
            (250, 100, 100, 200),
            (250, 200, 50, 250),
        ] {
            dispatched_position.set(dispatched);
            let page = cache.page_after(Topic::ReviewQueue, after, dispatched).await.expect("a page");
            assert_eq!((page.events.len(), page.complete_to), (count, complete_to), "{dispatched} {after}");
        }
    }
}
