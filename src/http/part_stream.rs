//! The bytes of a multipart body, of which only a limited number may come outside the data of a part.
//!
//! The parser looks for the beginning of a part, and for the end of its headers, from the start of what it
//! has, each time that more has come. So what it has must stay small.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_util::Stream;

/// The maximum number of bytes in front of the data of a part: the boundary, and the headers.
pub const HEADERS_MAX_BYTES: usize = 16 * 1024;

/// Inside the data of a part, the number of bytes is limited elsewhere.
const UNLIMITED: usize = usize::MAX;

/// More than [`HEADERS_MAX_BYTES`] came in front of the data of a part.
#[derive(Debug, thiserror::Error)]
#[error("the headers of a part are too large")]
pub struct HeadersTooLarge;

/// Says whether the parser reads the data of a part.
#[derive(Clone)]
pub struct PartPosition(Arc<AtomicUsize>);

impl PartPosition {
    /// The parser looks for the data of the next part.
    pub fn leave_data(&self) {
        self.0.store(HEADERS_MAX_BYTES, Ordering::Relaxed);
    }

    /// The parser has found the data of a part.
    pub fn enter_data(&self) {
        self.0.store(UNLIMITED, Ordering::Relaxed);
    }
}

/// The bytes of a body.
pub struct PartStream {
    chunks: BodyDataStream,
    /// The rest of a chunk.
    rest: Bytes,
    position: PartPosition,
    /// Whether the parser gets nothing now, so that it looks at what it has.
    pauses: bool,
}

impl PartStream {
    pub fn new(chunks: BodyDataStream) -> (Self, PartPosition) {
        let position = PartPosition(Arc::new(AtomicUsize::new(HEADERS_MAX_BYTES)));
        (Self { chunks, rest: Bytes::new(), position: position.clone(), pauses: false }, position)
    }
}

impl Stream for PartStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pauses) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut chunk = std::mem::take(&mut self.rest);
        if chunk.is_empty() {
            chunk = match ready!(Pin::new(&mut self.chunks).poll_next(cx)) {
                Some(Ok(chunk)) => chunk,
                other => return Poll::Ready(other),
            };
        }
        let remaining = self.position.0.load(Ordering::Relaxed);
        if remaining == 0 {
            return Poll::Ready(Some(Err(Error::new(HeadersTooLarge))));
        }
        self.rest = chunk.split_off(chunk.len().min(remaining));
        if remaining != UNLIMITED {
            self.position.0.store(remaining - chunk.len(), Ordering::Relaxed);
        }
        self.pauses = true;
        Poll::Ready(Some(Ok(chunk)))
    }
}
