//! Server-sent events, as graphql-sse has them: `next` events and a `complete`, one connection for each operation.
//!
//! Every event's id is its cursor, so that a browser's EventSource resumes by itself, by the header Last-Event-ID.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::future::ready;
use futures_util::stream::{self, Stream, StreamExt};

use super::stream::Part;

/// How often to say something where there is nothing to say, so that nobody in between takes it for dead.
const COMMENT_EVERY: Duration = Duration::from_secs(12);

/// How long a browser waits before it opens the stream again.
const RETRY: Duration = Duration::from_secs(1);

pub(super) fn respond(parts: impl Stream<Item = Part> + Send + 'static) -> impl IntoResponse {
    let first = stream::once(ready(Event::default().retry(RETRY)));
    let events = first.chain(parts.map(event)).map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY))
}

fn event(part: Part) -> Event {
    match part {
        Part::Next { payload, cursor } => {
            let event = Event::default().event("next").data(&payload);
            match cursor {
                Some(cursor) => event.id(cursor),
                None => event,
            }
        }
        // An event without data is none to a browser.
        Part::Complete => Event::default().event("complete").data(""),
    }
}
