//! One subscriber's events of one topic: each once and in order.
//!
//! Two modes. Replay reads pages from the log after a position; live takes from the queue. It attaches to
//! the hub first, then replays, then drops by position what both had. A queue that overflowed puts it back
//! to replay, so a slow client costs bounded memory and loses nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::cursor::Cursor;
use super::follower::HandedOn;
use super::hub::{Attachment, Hub, Queued};
use crate::domain::event::{Event, Topic};
use crate::store::{self, Database, event_log};

/// Events read from the log at once.
const PAGE: u64 = 100;

/// How an event came to the subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Not an event: the subject as it stands.
    Snapshot,
    /// Read from the log: the subscriber was away when it happened, or too slow.
    Replay,
    /// As it happened.
    Live,
}

/// Why a stream cannot begin after a cursor.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error("the cursor is malformed")]
    InvalidCursor,
    #[error("the log no longer keeps what came after the cursor")]
    CursorExpired,
    #[error(transparent)]
    Store(#[from] sea_orm::DbErr),
}

/// What streams are made of.
#[derive(Debug, Clone)]
pub struct Streams {
    pub db: Database,
    pub hub: Arc<Hub>,
    pub handed_on: HandedOn,
    pub epoch: Uuid,
}

impl Streams {
    /// The cursor of a position.
    pub fn cursor(&self, position: i64) -> Cursor {
        Cursor { epoch: self.epoch, position }
    }

    /// A stream that begins now.
    pub fn live(&self, topic: Topic) -> EventStream {
        let attachment = self.hub.attach(topic);
        // Read after attaching: what is handed on from here on is in the queue.
        let last = self.handed_on.position();
        EventStream { db: self.db.clone(), topic, attachment, last, mode: Mode::Live }
    }

    /// A stream of everything after `after`.
    ///
    /// # Errors
    /// Where `after` is no cursor of this log, or the log no longer keeps what followed it.
    pub async fn resume(&self, topic: Topic, after: &str) -> Result<EventStream, ResumeError> {
        let cursor = Cursor::decode(after).ok_or(ResumeError::InvalidCursor)?;
        let mut stream = self.live(topic);
        let db = self.db.read();
        let (tail, head) = (event_log::tail(db).await?, event_log::head(db).await?);
        let kept = tail.is_none_or(|tail| cursor.position >= tail - 1) && cursor.position <= head;
        if cursor.epoch != self.epoch || !kept {
            return Err(ResumeError::CursorExpired);
        }
        stream.last = cursor.position;
        stream.mode = Mode::Replay(VecDeque::new());
        Ok(stream)
    }
}

#[derive(Debug)]
enum Mode {
    /// Events read from the log and not yet taken.
    Replay(VecDeque<Event>),
    Live,
}

/// One subscriber's events.
#[derive(Debug)]
pub struct EventStream {
    db: Database,
    topic: Topic,
    attachment: Attachment,
    /// The position of the last event taken, or where the stream began.
    last: i64,
    mode: Mode,
}

impl EventStream {
    /// Leaves out what happened up to `position`: the subscriber has a snapshot as of then.
    pub fn skip_to(&mut self, position: i64) {
        self.last = self.last.max(position);
    }

    /// The next event; waits for it. May be dropped while waiting without losing one.
    ///
    /// # Errors
    /// Where the database does not answer; the next call tries again.
    pub async fn next(&mut self) -> store::Result<(Delivery, Arc<Event>)> {
        loop {
            match &mut self.mode {
                Mode::Replay(page) => match page.pop_front() {
                    Some(event) => {
                        self.last = event.position;
                        return Ok((Delivery::Replay, Arc::new(event)));
                    }
                    None => self.read_page().await?,
                },
                Mode::Live => match self.attachment.next().await {
                    Queued::Event(event) if event.position > self.last => {
                        self.last = event.position;
                        return Ok((Delivery::Live, event));
                    }
                    Queued::Event(_) => {}
                    Queued::Overflow => self.mode = Mode::Replay(VecDeque::new()),
                },
            }
        }
    }

    /// Reads on in the log; at its end, what comes next comes from the queue.
    async fn read_page(&mut self) -> store::Result<()> {
        let page = event_log::page(self.db.read(), Some(self.topic), self.last, PAGE).await?;
        self.mode = if page.is_empty() { Mode::Live } else { Mode::Replay(page.into()) };
        Ok(())
    }
}
