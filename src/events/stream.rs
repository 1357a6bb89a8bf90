//! The stream of one subscriber: every event of one topic, once and in order.
//!
//! A stream has two modes. In replay it reads pages of the log after a position; live it takes events from
//! its queue. It subscribes to the dispatcher first, then replays, then drops by position the queued events
//! that it has already read from the log. If its queue overflows, it returns to replay, so a slow client
//! costs bounded memory and loses nothing.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{FutureExt, Stream};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::domain::event::{Event, Topic};
use crate::events::cursor::Cursor;
use crate::events::dispatcher::{Dispatcher, Next, QueueHandle};
use crate::events::replay_cache::{LogPage, ReplayCache, ReplayError};
use crate::events::selection::Selection;
use crate::events::tailer::DispatchedPosition;
use crate::store::Database;

/// How a message reaches the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// Not an event: the current state of the subject.
    Snapshot,
    /// An event that was read from the log, because the subscriber was disconnected or too slow.
    Replay,
    /// An event from the queue, sent as it happened.
    Live,
}

/// Why a stream cannot begin after a cursor, or cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("the cursor is malformed")]
    InvalidCursor,
    #[error("the events after the cursor are no longer in the log")]
    CursorExpired,
    #[error("the log cannot be read: {0}")]
    Store(Arc<crate::store::Error>),
    #[error("reading the log has panicked: {0}")]
    Panicked(JoinError),
}

impl From<crate::store::Error> for StreamError {
    fn from(error: crate::store::Error) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl From<ReplayError> for StreamError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Pruned => Self::CursorExpired,
            ReplayError::Store(error) => Self::Store(error),
        }
    }
}

/// Opens event streams.
#[derive(Debug, Clone)]
pub struct Streams(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    dispatcher: Arc<Dispatcher>,
    dispatched_position: DispatchedPosition,
    replay_cache: ReplayCache,
    epoch: Uuid,
}

impl Streams {
    /// Opens streams of the log with this epoch.
    pub fn new(db: Database, epoch: Uuid) -> Self {
        let dispatched_position = DispatchedPosition::default();
        let replay_cache = ReplayCache::new(db, dispatched_position.clone());
        Self(Arc::new(Shared { dispatcher: Arc::default(), dispatched_position, replay_cache, epoch }))
    }

    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.0.dispatcher
    }

    /// The position that the tailer advances.
    pub fn dispatched_position(&self) -> &DispatchedPosition {
        &self.0.dispatched_position
    }

    /// The epoch of the log; see [`Cursor`].
    pub fn epoch(&self) -> Uuid {
        self.0.epoch
    }

    /// The cursor of a position in this log.
    pub fn cursor(&self, position: i64) -> Cursor {
        Cursor { epoch: self.0.epoch, position }
    }

    /// A stream of the events from now on.
    pub fn live(&self, topic: Topic) -> EventStream {
        self.live_selected(topic, Selection::default())
    }

    /// A stream of the selected events from now on.
    pub fn live_selected(&self, topic: Topic, selection: Selection) -> EventStream {
        let queue = self.0.dispatcher.subscribe(topic, selection);
        // Read after subscribing: the queue gets every event after this position.
        let delivered_to = self.0.dispatched_position.current();
        EventStream { shared: Arc::clone(&self.0), topic, queue, delivered_to, mode: Mode::Live }
    }

    /// A stream of the events after the cursor `after`.
    ///
    /// # Errors
    /// Those of [`Streams::resume_selected`].
    pub async fn resume(&self, topic: Topic, after: &str) -> Result<EventStream, StreamError> {
        self.resume_selected(topic, Selection::default(), after).await
    }

    /// A stream of the selected events after the cursor `after`.
    ///
    /// # Errors
    /// `InvalidCursor` if `after` is malformed; `CursorExpired` if it belongs to another epoch, or events
    /// after it are no longer in the log; `Store` if the database fails.
    pub async fn resume_selected(
        &self,
        topic: Topic,
        selection: Selection,
        after: &str,
    ) -> Result<EventStream, StreamError> {
        let cursor = Cursor::decode(after).ok_or(StreamError::InvalidCursor)?;
        let mut stream = self.live_selected(topic, selection);
        let (oldest, newest) = self.0.replay_cache.bounds().await?;
        let is_in_log =
            oldest.is_none_or(|oldest| cursor.position >= oldest - 1) && cursor.position <= newest;
        if cursor.epoch != self.0.epoch || !is_in_log {
            return Err(StreamError::CursorExpired);
        }
        // What happened until now is replayed, also what this gateway has not dispatched yet.
        self.0.dispatched_position.wait_for(newest).await;
        stream.replay(newest);
        stream.delivered_to = cursor.position;
        Ok(stream)
    }
}

enum Mode {
    Live,
    /// Reads the log at least up to `target`. The queue has the events after that.
    Replay {
        /// The current page, and the index of its next event.
        page: Option<(Arc<LogPage>, usize)>,
        target: i64,
    },
    /// Waits for a page. It is read on its own task, since other streams may need the same page and must not
    /// wait for a slow client to poll this stream.
    Loading {
        page: AbortOnDropHandle<Result<Arc<LogPage>, ReplayError>>,
        target: i64,
    },
}

/// The events of one topic for one subscriber, each once and in order.
///
/// It ends when the gateway stops. If the database fails, or reading a page panics, it yields an error and
/// tries again when it is polled again. If the log was pruned before it could be read, it yields
/// `CursorExpired` and makes no progress.
///
/// There are many streams, and nearly all are idle. So it is a hand-written state machine, which needs little
/// memory.
pub struct EventStream {
    shared: Arc<Shared>,
    topic: Topic,
    queue: QueueHandle,
    /// The subscriber has every event up to this position.
    delivered_to: i64,
    mode: Mode,
}

impl EventStream {
    /// Skips the events up to `position`, because the subscriber has a snapshot from that position.
    pub fn skip_to(&mut self, position: i64) {
        self.delivered_to = self.delivered_to.max(position);
    }

    /// The subscriber has every event up to this position.
    pub fn delivered_to(&self) -> i64 {
        self.delivered_to
    }

    /// Whether the stream has yielded every event that was dispatched, if polling it has just returned
    /// `Pending`.
    pub fn is_live(&self) -> bool {
        matches!(self.mode, Mode::Live)
    }

    fn replay(&mut self, target: i64) {
        self.mode = Mode::Replay { page: None, target };
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<<Self as Stream>::Item>> {
        loop {
            match &mut self.mode {
                Mode::Live => match ready!(self.queue.poll_next(task)) {
                    Next::Event(event) if event.position > self.delivered_to => {
                        self.delivered_to = event.position;
                        return Poll::Ready(Some(Ok((Delivery::Live, event))));
                    }
                    Next::Event(_) => {}
                    // The queue accepts events again, so it has those after this position.
                    Next::Overflow => self.replay(self.shared.dispatched_position.current()),
                    Next::Closed => return Poll::Ready(None),
                },
                Mode::Replay { page: Some((page, next_index)), target } => {
                    if let Some(event) = page.events.get(*next_index) {
                        *next_index += 1;
                        self.delivered_to = event.position;
                        if self.queue.selects(event) {
                            return Poll::Ready(Some(Ok((Delivery::Replay, Arc::clone(event)))));
                        }
                        continue;
                    }
                    self.delivered_to = self.delivered_to.max(page.complete_to);
                    let target = *target;
                    if self.delivered_to >= target { self.mode = Mode::Live } else { self.replay(target) }
                }
                Mode::Replay { page: None, target } => {
                    let (shared, target) = (Arc::clone(&self.shared), *target);
                    let (topic, delivered_to) = (self.topic, self.delivered_to);
                    let page =
                        async move { shared.replay_cache.page_after(topic, delivered_to, target).await };
                    self.mode = Mode::Loading { page: AbortOnDropHandle::new(tokio::spawn(page)), target };
                }
                Mode::Loading { page, target } => {
                    let (page, target) = (ready!(page.poll_unpin(task)), *target);
                    self.replay(target);
                    match page {
                        Ok(Ok(page)) => self.mode = Mode::Replay { page: Some((page, 0)), target },
                        Ok(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                        Err(error) if error.is_panic() => {
                            return Poll::Ready(Some(Err(StreamError::Panicked(error))));
                        }
                        // The task was cancelled: the gateway is stopping.
                        Err(_) => return Poll::Ready(None),
                    }
                }
            }
        }
    }
}

impl Stream for EventStream {
    type Item = Result<(Delivery, Arc<Event>), StreamError>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(task)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("topic", &self.topic)
            .field("delivered_to", &self.delivered_to)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_while_a_page_is_read_is_an_error_and_the_stream_can_be_polled_again() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let db = Database::open_sqlite(&dir.path().join("gigway.sqlite")).await.expect("a database");
        db.migrate().await.expect("tables");
        let streams = Streams::new(db, Uuid::nil());
        let cursor = streams.cursor(0).encode();
        let mut stream = streams.resume(Topic::ReviewQueue, &cursor).await.expect("a cursor of this log");
        let page = AbortOnDropHandle::new(tokio::spawn(async { panic!("injected") }));
        stream.mode = Mode::Loading { page, target: 0 };
        let first = stream.next().await;
        assert!(matches!(first, Some(Err(StreamError::Panicked(_)))), "{first:?}");
        // The next page is read without a panic, and the stream is live.
        assert!(stream.next().now_or_never().is_none());
        streams.dispatcher().close();
        assert!(stream.next().await.is_none());
        assert!(stream.is_live());
    }
}
