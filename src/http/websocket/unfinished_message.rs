//! Limits how long a client may take to send a message, and how much memory its messages take.
//!
//! The library reports only complete messages. What it has received of an incomplete one follows from the
//! number of bytes that were read from the connection.

use axum::extract::ws::Message;
use tokio::time::Instant;

use crate::http::connection_io::ConnectionHandle;
use crate::http::message_memory::{MemoryPermit, MessageMemory};
use crate::http::websocket::protocol::Close;

/// The size of a control frame of a client without its payload: two bytes of header, and the mask.
const CONTROL_FRAME_BYTES: u64 = 6;

/// The header of the largest frame. A client may also use it for a small one.
const FRAME_HEADER_MAX_BYTES: u64 = 14;

/// The bytes of text for which a client that splits a message is expected to use one more frame, at most. The
/// library does not say how many there were.
const TEXT_BYTES_PER_FRAME: u64 = 64;

/// The bytes of a message besides its text: the headers of its frames.
const FRAMING_BYTES: usize = 1024;

/// The library keeps the buffer of the largest message. Up to this size, which is enough for a document and
/// variables of the default limits, that is not counted.
const RETAINED_UNCOUNTED_BYTES: usize = 160 * 1024;

/// How much is read of a message until its size is checked again.
const STEP_BYTES: u64 = 16 * 1024;

pub struct UnfinishedMessage {
    connection: ConnectionHandle,
    /// How many of the bytes that were read belong to complete messages. It may be too many by a few.
    complete_bytes: u64,
    /// Since when a message is incomplete.
    since: Option<Instant>,
    /// The size of the buffer that complete messages have left behind, if it is counted.
    retained_bytes: usize,
    memory: Option<MemoryPermit>,
}

impl UnfinishedMessage {
    pub fn new(connection: ConnectionHandle) -> Self {
        let complete_bytes = connection.bytes_read();
        connection.allow_bytes(STEP_BYTES);
        Self { connection, complete_bytes, since: None, retained_bytes: 0, memory: None }
    }

    /// Call this before the connection is closed. The rest of an incomplete message takes no memory then.
    pub fn end(&self) {
        self.connection.allow_all_bytes();
        if self.since.is_some() {
            self.connection.discard_input();
        }
    }

    /// Since when a message is incomplete; `None` if none is.
    pub fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Reading continues after a pause: from now on, the rest of an incomplete message must arrive in time.
    pub fn resume(&mut self) {
        self.since = self.since.map(|_| Instant::now());
    }

    /// A message was received completely.
    ///
    /// # Errors
    /// There is too little memory for it.
    pub fn complete(
        &mut self,
        message: &Message,
        new_permit: impl FnOnce() -> MemoryPermit,
    ) -> Result<(), Close> {
        let bytes_read = self.connection.bytes_read();
        self.connection.allow_bytes(STEP_BYTES);
        self.complete_bytes = match message {
            // A control frame can come in the middle of another message.
            Message::Ping(payload) | Message::Pong(payload) => {
                self.complete_bytes.saturating_add(CONTROL_FRAME_BYTES + payload.len() as u64)
            }
            Message::Text(text) => {
                // The next message begins with what was read ahead, if that is more than further frames
                // explain.
                self.since = None;
                let length = text.len() as u64;
                let end = self.complete_bytes.saturating_add(min_message_bytes(length));
                let frames = 2 + length / TEXT_BYTES_PER_FRAME;
                let is_explained = bytes_read.saturating_sub(end) <= frames * FRAME_HEADER_MAX_BYTES;
                if is_explained { bytes_read } else { end }
            }
            Message::Binary(_) | Message::Close(_) => bytes_read,
        };
        if bytes_read <= self.complete_bytes {
            self.since = None;
        }
        let Message::Text(text) = message else { return Ok(()) };
        if text.len() > RETAINED_UNCOUNTED_BYTES {
            self.retained_bytes = self.retained_bytes.max(text.len());
        }
        self.count_memory(0, new_permit)
    }

    /// Call this when no further message is complete. Returns whether a new deadline applies.
    ///
    /// # Errors
    /// The message is too large already, or there is too little memory for it.
    pub fn check(&mut self, max: usize, new_permit: impl FnOnce() -> MemoryPermit) -> Result<bool, Close> {
        let bytes = self.connection.bytes_read().saturating_sub(self.complete_bytes);
        self.connection.allow_bytes(STEP_BYTES);
        if bytes == 0 {
            return Ok(false);
        }
        let is_new = self.since.is_none();
        self.since.get_or_insert_with(Instant::now);
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if bytes > max.saturating_add(FRAMING_BYTES) {
            return Err(Close::TooLarge(max));
        }
        self.count_memory(bytes, new_permit)?;
        Ok(is_new)
    }

    /// Counts the memory if this many bytes of a message have arrived.
    ///
    /// # Errors
    /// There is too little memory.
    fn count_memory(&mut self, bytes: usize, new_permit: impl FnOnce() -> MemoryPermit) -> Result<(), Close> {
        let bytes = bytes.max(self.retained_bytes);
        let is_allowed = MessageMemory::resize(&mut self.memory, new_permit, bytes);
        if is_allowed { Ok(()) } else { Err(Close::TryAgainLater) }
    }
}

/// The size of a message with a text of this length: its text, and the smallest header and mask of a frame.
fn min_message_bytes(length: u64) -> u64 {
    length
        + match length {
            0..126 => 6,
            126..65_536 => 8,
            _ => FRAME_HEADER_MAX_BYTES,
        }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use axum::body::Bytes;

    use super::*;
    use crate::http::message_memory::Sender;

    const MAX: usize = 100_000;

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// The state of a connection that has read these bytes so far.
    struct Received {
        handle: ConnectionHandle,
        message: UnfinishedMessage,
        memory: MessageMemory,
    }

    impl Received {
        fn new() -> Self {
            let handle = ConnectionHandle::default();
            let message = UnfinishedMessage::new(handle.clone());
            Self { handle, message, memory: MessageMemory::default() }
        }

        fn read(&mut self, bytes: u64) -> Result<bool, Close> {
            self.handle.add_bytes_read(bytes);
            let new_permit = || self.memory.permit(Sender::Anonymous(LOCALHOST), LOCALHOST);
            self.message.check(MAX, new_permit)
        }

        fn complete(&mut self, message: &Message) {
            let new_permit = || self.memory.permit(Sender::Anonymous(LOCALHOST), LOCALHOST);
            self.message.complete(message, new_permit).expect("enough memory");
        }
    }

    #[test]
    fn only_an_incomplete_message_has_a_deadline() {
        let mut received = Received::new();
        assert_eq!(received.read(0), Ok(false));
        assert_eq!(received.read(20), Ok(true));
        let since = received.message.since();
        assert!(since.is_some());
        // A ping in the middle of the message changes nothing, however often it comes.
        for _ in 0..3 {
            received.handle.add_bytes_read(10);
            received.complete(&Message::Ping(Bytes::from_static(b"ping")));
            assert_eq!((received.read(20), received.message.since()), (Ok(false), since));
        }
        received.handle.add_bytes_read(7);
        received.complete(&Message::text("x".repeat(81)));
        assert_eq!((received.read(0), received.message.since()), (Ok(false), None));
        received.handle.add_bytes_read(6);
        received.complete(&Message::Pong(Bytes::new()));
        assert_eq!((received.read(0), received.message.since()), (Ok(false), None));
    }

    #[test]
    fn what_was_read_ahead_of_an_incomplete_message_has_a_deadline() {
        let mut received = Received::new();
        // Two messages and a part of a third one, which arrive together.
        received.handle.add_bytes_read(106 + 208 + 1000);
        received.complete(&Message::text("x".repeat(100)));
        received.complete(&Message::text("x".repeat(200)));
        assert_eq!((received.read(0), received.message.since().is_some()), (Ok(true), true));
        received.handle.add_bytes_read(5008);
        received.complete(&Message::text("x".repeat(6000)));
        assert_eq!((received.read(0), received.message.since()), (Ok(false), None));
        // Frames with large headers, and a message in several frames, are not the beginning of another
        // message.
        for (bytes, text) in [(14 + 20, 20), (3 * 6 + 20, 20), (8 * 10 + 6000, 6000), (94 * 8 + 6000, 6000)] {
            received.handle.add_bytes_read(bytes);
            received.complete(&Message::text("x".repeat(text)));
            assert_eq!((received.read(0), received.message.since()), (Ok(false), None), "{bytes}");
        }
    }

    #[test]
    fn a_message_is_limited_before_it_is_complete() {
        let mut received = Received::new();
        assert_eq!(received.read(MAX as u64), Ok(true));
        assert_eq!(received.read(2000), Err(Close::TooLarge(MAX)));
        let mut others = Vec::new();
        let closed = loop {
            let mut other = Received { memory: std::mem::take(&mut received.memory), ..Received::new() };
            let result = other.read(MAX as u64);
            received.memory = std::mem::take(&mut other.memory);
            match result {
                Ok(_) => others.push(other),
                Err(close) => break close,
            }
        };
        // Those of one network together may hold 16 MiB.
        assert_eq!((closed, others.len()), (Close::TryAgainLater, 166));
    }
}
