//! One subscriber's events of one topic: each once and in order.
//!
//! Two modes. Replay reads pages from the log after a position; live takes from the queue. It attaches to
//! the hub first, then replays, then drops by position what both had. A queue that overflowed puts it back
//! to replay, so a slow client costs bounded memory and loses nothing.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{FutureExt, Stream};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::domain::event::{Event, Topic};
use crate::events::cursor::Cursor;
use crate::events::dispatcher::{Dispatcher, Next, QueueHandle};
use crate::events::public_data_version::PublicDataVersion;
use crate::events::replay_cache::{LogPage, ReplayCache, ReplayError};
use crate::events::tailer::DispatchedPosition;
use crate::store::{Database, event_log};

/// How an event came to the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// Not an event: the subject as it stands.
    Snapshot,
    /// Read from the log: the subscriber was away when it happened, or too slow.
    Replay,
    /// As it happened.
    Live,
}

/// Why a stream cannot begin after a cursor, or go on.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    #[error("the cursor is malformed")]
    InvalidCursor,
    #[error("the log no longer keeps what came after the cursor")]
    CursorExpired,
    #[error("the database does not answer: {0}")]
    Store(Arc<crate::store::Error>),
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

/// What streams are made of.
#[derive(Debug, Clone)]
pub struct Streams(Arc<Source>);

#[derive(Debug)]
struct Source {
    db: Database,
    dispatcher: Arc<Dispatcher>,
    dispatched: DispatchedPosition,
    pages: ReplayCache,
    epoch: Uuid,
}

impl Streams {
    /// The streams of the log that is named `epoch`.
    pub fn new(db: Database, epoch: Uuid, public_data_version: PublicDataVersion) -> Self {
        let dispatched = DispatchedPosition::default();
        let pages = ReplayCache::new(db.clone(), dispatched.clone(), public_data_version);
        Self(Arc::new(Source { db, dispatcher: Arc::default(), dispatched, pages, epoch }))
    }

    pub fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.0.dispatcher
    }

    pub fn dispatched(&self) -> &DispatchedPosition {
        &self.0.dispatched
    }

    /// The log's random name.
    pub fn epoch(&self) -> Uuid {
        self.0.epoch
    }

    /// The cursor of a position.
    pub fn cursor(&self, position: i64) -> Cursor {
        Cursor { epoch: self.0.epoch, position }
    }

    /// A stream that begins now.
    pub fn live(&self, topic: Topic) -> EventStream {
        let attachment = self.0.dispatcher.attach(topic);
        // Read after attaching: what is handed on from here on is in the queue.
        let last = self.0.dispatched.position();
        EventStream { source: Arc::clone(&self.0), topic, attachment, last, mode: Mode::Live }
    }

    /// A stream of everything after `after`.
    ///
    /// # Errors
    /// Where `after` is no cursor of this log, or the log no longer keeps what followed it.
    pub async fn resume(&self, topic: Topic, after: &str) -> Result<EventStream, StreamError> {
        let cursor = Cursor::decode(after).ok_or(StreamError::InvalidCursor)?;
        let mut stream = self.live(topic);
        let db = self.0.db.read();
        let (tail, head) = (event_log::tail(db).await?, event_log::head(db).await?);
        let kept = tail.is_none_or(|tail| cursor.position >= tail - 1) && cursor.position <= head;
        if cursor.epoch != self.0.epoch || !kept {
            return Err(StreamError::CursorExpired);
        }
        stream.replay(stream.last);
        stream.last = cursor.position;
        Ok(stream)
    }
}

enum Mode {
    Live,
    /// From the log, up to `target` at least: what comes behind that is in the queue.
    Replay {
        page: Option<(Arc<LogPage>, usize)>,
        target: i64,
    },
    /// A page is being read, on a task of its own: others may want the same, and must not wait for a client that is slow.
    Reading {
        page: AbortOnDropHandle<Result<Arc<LogPage>, ReplayError>>,
        target: i64,
    },
}

/// One subscriber's events.
pub struct EventStream {
    source: Arc<Source>,
    topic: Topic,
    attachment: QueueHandle,
    /// Up to here the subscriber has everything.
    last: i64,
    mode: Mode,
}

impl EventStream {
    /// Leaves out what happened up to `position`: the subscriber has a snapshot as of then.
    pub fn skip_to(&mut self, position: i64) {
        self.last = self.last.max(position);
    }

    fn replay(&mut self, target: i64) {
        self.mode = Mode::Replay { page: None, target };
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<<Self as Stream>::Item>> {
        loop {
            match &mut self.mode {
                Mode::Live => match ready!(self.attachment.poll_next(task)) {
                    Next::Event(event) if event.position > self.last => {
                        self.last = event.position;
                        return Poll::Ready(Some(Ok((Delivery::Live, event))));
                    }
                    Next::Event(_) => {}
                    // From the log: the queue, which is open again by now, has the rest.
                    Next::Overflow => self.replay(self.source.dispatched.position()),
                    Next::Closed => return Poll::Ready(None),
                },
                Mode::Replay { page: Some((page, taken)), target } => {
                    if let Some(event) = page.events.get(*taken) {
                        *taken += 1;
                        self.last = event.position;
                        return Poll::Ready(Some(Ok((Delivery::Replay, Arc::clone(event)))));
                    }
                    self.last = self.last.max(page.covers);
                    let target = *target;
                    if self.last >= target { self.mode = Mode::Live } else { self.replay(target) }
                }
                Mode::Replay { page: None, target } => {
                    let (source, target) = (Arc::clone(&self.source), *target);
                    let (topic, last) = (self.topic, self.last);
                    let page = async move { source.pages.behind(topic, last, target).await };
                    self.mode = Mode::Reading { page: AbortOnDropHandle::new(tokio::spawn(page)), target };
                }
                Mode::Reading { page, target } => {
                    let (page, target) = (ready!(page.poll_unpin(task)), *target);
                    self.replay(target);
                    match page {
                        Ok(Ok(page)) => self.mode = Mode::Replay { page: Some((page, 0)), target },
                        Ok(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                        // The gateway ends.
                        Err(_) => return Poll::Ready(None),
                    }
                }
            }
        }
    }
}

/// Each event once and in order; it ends where the gateway stops, and nothing comes any more. Polled by hand: there are
/// many streams, nearly all of them idle, and each is no larger than it must be. Where the database does not answer it
/// gives an error, and tries again when it is polled again; where the log has been pruned before it could be read, it
/// goes no further.
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
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
