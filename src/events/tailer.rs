//! Puts the news in order: every committed event is handed on once, by position, whatever the bus does.
//!
//! One per gateway. The next message is the last position plus one: hand it on. Older: drop it. A gap, a
//! reconnect, a start: read the rows from the log. It also looks at the log from time to time unasked, and
//! often while Redis is away, so that an outage costs latency and never correctness.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;

use crate::events::bus::{Bus, BusMessage, BusReceiver};
use crate::events::dispatcher::Dispatcher;
use crate::events::public_data_version::PublicDataVersion;
use crate::store;
use crate::store::{Database, event_log};

/// How long events may be late while Redis is away.
const POLL_WITHOUT_REDIS: Duration = Duration::from_millis(500);

/// Finds what another process appended without telling, such as the command line.
const POLL_ALWAYS: Duration = Duration::from_secs(1);

/// Rows read from the log at once.
const PAGE: u64 = 500;

/// The last position this gateway has handed on: nothing it answers from now on is older.
#[derive(Debug, Clone, Default)]
pub struct DispatchedPosition(Arc<AtomicI64>);

impl DispatchedPosition {
    pub fn position(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
}

/// The gateway's one reader of the log.
#[derive(Debug)]
pub struct LogTailer {
    pub db: Database,
    pub bus: Bus,
    pub dispatcher: Arc<Dispatcher>,
    pub dispatched: DispatchedPosition,
    pub public_data_version: PublicDataVersion,
}

impl LogTailer {
    /// Begins at the log's end: what happened before, streams read themselves.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn start_at_head(&self) -> store::Result<()> {
        let head = event_log::head(self.db.read()).await?;
        self.public_data_version.reset_to(head);
        self.dispatched.0.store(head, Ordering::Release);
        Ok(())
    }

    /// Follows the log for as long as it is polled.
    pub async fn run(self, mut heard: BusReceiver) {
        loop {
            let away = self.bus.redis().is_some_and(|redis| !redis.is_subscribed());
            let pause = if away { POLL_WITHOUT_REDIS } else { POLL_ALWAYS };
            let looked = match tokio::time::timeout(pause, heard.next()).await {
                Ok(Some(BusMessage::Event(event))) => {
                    match event.position.saturating_sub(self.dispatched.position()) {
                        ..=0 => Ok(()),
                        1 => {
                            self.dispatch(*event);
                            Ok(())
                        }
                        2.. => self.read_log().await,
                    }
                }
                Ok(Some(BusMessage::Look)) | Err(_) => self.read_log().await,
                Ok(None) => return,
            };
            if let Err(error) = looked {
                tracing::warn!(%error, "cannot read the log; trying again");
                tokio::time::sleep(POLL_WITHOUT_REDIS).await;
            }
        }
    }

    async fn read_log(&self) -> store::Result<()> {
        loop {
            let last = self.dispatched.position();
            let events = event_log::page(self.db.read(), None, last, PAGE).await?;
            if events.is_empty() {
                return Ok(());
            }
            for event in events {
                self.dispatch(event);
            }
        }
    }

    fn dispatch(&self, event: crate::domain::event::Event) {
        // Before anybody can know of it: who is told and then asks must not be shown what was before.
        self.public_data_version.note(&event);
        // Noted first: who attaches from here on reads the log up to this position, or has it queued.
        self.dispatched.0.store(event.position, Ordering::Release);
        self.dispatcher.dispatch(&Arc::new(event));
    }
}
