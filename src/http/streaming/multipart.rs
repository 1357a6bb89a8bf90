//! Subscriptions over multipart HTTP responses: the protocol of Apollo's clients.

use std::time::Duration;

use crate::http::streaming::{Format, StreamItem};

/// Each part is written together with the boundary after it, so that the client need not wait for the next
/// part to know where this one ends.
pub const FORMAT: Format = Format {
    content_type: "multipart/mixed; boundary=graphql; subscriptionSpec=1.0",
    preamble: "\r\n--graphql",
    heartbeat: "\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql",
    heartbeat_interval: Duration::from_secs(5),
    write,
};

fn write(item: &StreamItem) -> String {
    match item {
        StreamItem::Next { payload, .. } => {
            format!("\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{payload}}}\r\n--graphql")
        }
        // It has no ids.
        StreamItem::Start { .. } => String::new(),
        StreamItem::Complete => "--\r\n".to_owned(),
    }
}
