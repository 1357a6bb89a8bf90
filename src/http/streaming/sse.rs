//! Server-sent events, by the graphql-sse protocol in "distinct connections" mode: `next` events and a final
//! `complete`, one connection for each operation.
//!
//! The id of each event is its cursor: a browser's `EventSource` resumes by itself, with the header
//! `Last-Event-ID`.

use std::time::Duration;

use crate::http::streaming::{Format, StreamItem};

pub const FORMAT: Format = Format {
    content_type: "text/event-stream; charset=utf-8",
    // How long a browser waits before it reconnects, in milliseconds.
    preamble: "retry: 1000\n\n",
    // A comment.
    heartbeat: ":\n\n",
    heartbeat_interval: Duration::from_secs(12),
    write,
};

fn write(item: &StreamItem) -> String {
    match item {
        // Without data this is no event, but a browser sends the id when it reconnects.
        StreamItem::Start { id } => format!("id: {id}\n\n"),
        // The JSON contains no line breaks.
        StreamItem::Next { payload, cursor: Some(cursor) } => {
            format!("event: next\nid: {cursor}\ndata: {payload}\n\n")
        }
        StreamItem::Next { payload, cursor: None } => format!("event: next\ndata: {payload}\n\n"),
        // A browser ignores an event without a `data` line.
        StreamItem::Complete => "event: complete\ndata:\n\n".to_owned(),
    }
}
