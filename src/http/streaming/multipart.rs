//! Subscriptions over multipart HTTP responses, as Apollo's clients take them.

use std::time::Duration;

use crate::http::streaming::{Format, StreamItem};

/// Every part is followed by the boundary in front of the next one: so a client need not wait for what comes after it
/// to know that it is whole.
pub const FORMAT: Format = Format {
    content_type: "multipart/mixed; boundary=graphql; subscriptionSpec=1.0",
    first: "\r\n--graphql",
    // A heartbeat.
    idle: "\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql",
    idle_every: Duration::from_secs(5),
    write,
};

fn write(part: &StreamItem) -> String {
    match part {
        StreamItem::Next { payload, .. } => {
            format!("\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{payload}}}\r\n--graphql")
        }
        StreamItem::Complete => "--\r\n".to_owned(),
    }
}
