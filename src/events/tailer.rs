//! Dispatches every committed event once, in the order of positions, whatever the bus does.
//!
//! There is one tailer per gateway. If an event's position is the last one plus 1, it is dispatched. If it is
//! older, it is dropped. If there is a gap, and after a reconnect, the tailer reads the log. It also polls
//! the log, more often while Redis is unavailable, so an outage of Redis costs latency and never correctness.
//! An event that this version does not understand is counted, and its position is passed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::domain::event::{Event, EventBody};
use crate::events::bus::{Bus, BusMessage, BusReceiver};
use crate::events::dispatcher::Dispatcher;
use crate::events::public_data_version::PublicDataVersion;
use crate::store;
use crate::store::{Database, event_log};

/// How often the log is polled while Redis is unavailable: the longest delay of an event of another gateway.
/// Also the pause after a database error.
const POLL_INTERVAL_WITHOUT_REDIS: Duration = Duration::from_millis(500);

/// How often the log is polled otherwise. This finds events that another process, such as a command without
/// Redis, has appended and not published.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long it takes at most until all gateways have dispatched an event that a command has appended, if the
/// database answers in time.
pub const DISPATCH_TIME_MAX: Duration = POLL_INTERVAL.saturating_add(Duration::from_millis(500));

/// The minimum time between two reads of the log that the bus asks for. Anybody who can publish on the Redis
/// channel can make it ask at any rate.
const REQUESTED_READ_INTERVAL: Duration = Duration::from_millis(100);

/// Events read from the log by one statement.
const PAGE_SIZE: u64 = 500;

/// The position of the last event that this gateway has dispatched. Every event up to it is committed.
#[derive(Debug, Clone, Default)]
pub struct DispatchedPosition(watch::Sender<i64>);

impl DispatchedPosition {
    pub fn current(&self) -> i64 {
        *self.0.borrow()
    }

    /// Waits until every event up to `position` is dispatched. It must be a position of the log.
    pub async fn wait_for(&self, position: i64) {
        let reached = self.0.subscribe().wait_for(|current| *current >= position).await.map(|_| ());
        reached.expect("the sender is alive");
    }

    pub(super) fn set(&self, position: i64) {
        self.0.send_replace(position);
    }
}

/// Reads the bus and the log, and dispatches the events.
#[derive(Debug)]
pub struct LogTailer {
    pub db: Database,
    pub bus: Bus,
    pub dispatcher: Arc<Dispatcher>,
    pub dispatched_position: DispatchedPosition,
    pub public_data_version: PublicDataVersion,
}

impl LogTailer {
    /// Starts after the newest event of the log. A stream that needs older events reads them itself.
    ///
    /// # Errors
    /// The database error, if the log cannot be read.
    pub async fn start_at_newest(&self) -> store::Result<()> {
        let newest = event_log::newest_position(self.db.read()).await?;
        self.public_data_version.advance_to(newest);
        self.dispatched_position.set(newest);
        Ok(())
    }

    /// Dispatches events until the bus closes.
    pub async fn run(self, mut messages: BusReceiver) {
        // When all events of the log were dispatched, as far as this gateway knows.
        let mut up_to_date_at = Instant::now();
        let mut is_read_requested = false;
        loop {
            let interval = if is_read_requested { REQUESTED_READ_INTERVAL } else { self.poll_interval() };
            let read_at = up_to_date_at + interval;
            // Checked first: messages that come without a pause must not prevent it.
            let next = if Instant::now() >= read_at {
                None
            } else {
                timeout_at(read_at, messages.next()).await.ok()
            };
            match next {
                Some(None) => return,
                Some(Some(BusMessage::ReadLog)) => {
                    is_read_requested = true;
                    continue;
                }
                Some(Some(BusMessage::Event(event))) => {
                    match event.position.saturating_sub(self.dispatched_position.current()) {
                        ..=0 => continue,
                        1 => {
                            self.dispatch(*event);
                            up_to_date_at = Instant::now();
                            continue;
                        }
                        2.. => {}
                    }
                }
                None => {}
            }
            match self.read_log().await {
                Ok(()) => is_read_requested = false,
                Err(error) => {
                    let position = self.dispatched_position.current();
                    tracing::warn!(%error, position, "reading the event log failed");
                    tokio::time::sleep(POLL_INTERVAL_WITHOUT_REDIS).await;
                    is_read_requested = true;
                }
            }
            up_to_date_at = Instant::now();
        }
    }

    fn poll_interval(&self) -> Duration {
        let is_redis_down = self.bus.redis_health().is_some_and(|redis| !redis.is_subscribed());
        if is_redis_down { POLL_INTERVAL_WITHOUT_REDIS } else { POLL_INTERVAL }
    }

    async fn read_log(&self) -> store::Result<()> {
        loop {
            let after = self.dispatched_position.current();
            let events = event_log::page(self.db.read(), None, after, PAGE_SIZE).await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                self.dispatch(event);
            }
        }
    }

    fn dispatch(&self, event: Event) {
        if event.body == EventBody::Unknown {
            self.bus.counters().unknown_events.inc();
            tracing::warn!(position = event.position, "event skipped: only a newer version understands it");
        }
        // The version comes first: a client that receives the event and then sends a query must not get a
        // cached response from before the event.
        self.public_data_version.observe(&event);
        // The position is stored before the event is queued. So a stream that subscribes at this moment cannot
        // miss the event: it finds it in the log, in its queue, or in both, and drops what it already has.
        self.dispatched_position.set(event.position);
        self.dispatcher.dispatch(&Arc::new(event));
    }
}
