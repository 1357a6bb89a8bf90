//! Server-sent events, as graphql-sse has them: `next` events and a `complete`, one connection for each operation.
//!
//! Every event's id is its cursor, so that a browser's EventSource resumes by itself, by the header Last-Event-ID.

use std::time::Duration;

use crate::http::streaming::{Format, StreamItem};

pub const FORMAT: Format = Format {
    content_type: "text/event-stream; charset=utf-8",
    // How long a browser waits before it opens the stream again.
    first: "retry: 1000\n\n",
    // A comment.
    idle: ":\n\n",
    idle_every: Duration::from_secs(12),
    write,
};

fn write(part: &StreamItem) -> String {
    match part {
        // JSON as it is written here has no line ends.
        StreamItem::Next { payload, cursor: Some(cursor) } => {
            format!("event: next\nid: {cursor}\ndata: {payload}\n\n")
        }
        StreamItem::Next { payload, cursor: None } => format!("event: next\ndata: {payload}\n\n"),
        // An event without a line of data is none to a browser.
        StreamItem::Complete => "event: complete\ndata:\n\n".to_owned(),
    }
}
