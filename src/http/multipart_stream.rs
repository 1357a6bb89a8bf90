//! Subscriptions over multipart HTTP responses, as Apollo's clients take them.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::negotiation::MediaType;
use super::stream::Part;

/// How often to send an empty part where there is nothing to say, so that nobody in between takes it for dead.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(5);

/// What stands in front of every part, and alone in front of the first, so that a client knows it at once.
const BOUNDARY: &str = "\r\n--graphql";

pub(super) fn respond(parts: impl Stream<Item = Part> + Send + 'static) -> Response {
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT_EVERY, HEARTBEAT_EVERY);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = Some((Box::pin(parts), heartbeat));
    let written = stream::unfold(state, |state| async {
        let (mut parts, mut heartbeat) = state?;
        tokio::select! {
            biased;
            part = parts.next() => match part? {
                Part::Next { payload, .. } => {
                    Some((written(&format!(r#"{{"payload":{payload}}}"#)), Some((parts, heartbeat))))
                }
                Part::Complete => Some((String::from("--\r\n"), None)),
            },
            _ = heartbeat.tick() => Some((written("{}"), Some((parts, heartbeat)))),
        }
    });
    let first = stream::iter([String::from(BOUNDARY)]);
    let body = Body::from_stream(first.chain(written).map(Ok::<_, Infallible>));
    let content_type = HeaderValue::from_static(MediaType::MultipartSubscription.content_type());
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// One part, behind its boundary, and in front of the next one's: so a client need not wait for what comes after it.
fn written(json: &str) -> String {
    format!("\r\ncontent-type: application/json\r\n\r\n{json}{BOUNDARY}")
}
