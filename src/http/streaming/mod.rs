//! Answers that go out as they come: one operation over one HTTP response.
//!
//! [`sse`] and [`multipart`] write them; this is what both have in common.

mod multipart;
mod sse;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_graphql::Response as Answer;
use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{pending, ready};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use crate::engine::delivery::{Following, Told};
use crate::engine::limits::Admitted;
use crate::engine::response::{Sent, failed, to_json};
use crate::engine::{Caller, Origin};
use crate::graphql::error::ErrorCode;
use crate::http::connection_limit::Place;
use crate::http::credentials::Credentials;
use crate::http::error_response::refuse;
use crate::http::error_response::too_many_connections;
use crate::http::headers::LAST_EVENT_ID;
use crate::http::log_fields::Operation;
use crate::http::media_type::MediaType;
use crate::http::request_info::Asking;
use crate::http::response::answered;
use crate::http::session_watch::{Change, Presence};
use crate::http::state::{Edge, Subscriber};
use crate::service;
use crate::service::accounts;

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An answer, as JSON, and the cursor to resume behind it.
    Next { payload: Arc<str>, cursor: Option<String> },
    /// Nothing more comes, and that is as it should be. A stream that ends without it is to be opened again.
    Complete,
}

/// Opens a stream for whoever has these credentials.
pub async fn open(
    asking: Asking,
    admitted: Result<Admitted, Answer>,
    credentials: service::Result<Credentials>,
) -> Response {
    let Asking { edge, address, request_id, headers, media_type } = asking;
    let credentials = match credentials {
        Ok(Credentials { caller: Caller::Rejected, .. }) => {
            let message = "These credentials are not good, or not any more.";
            return refuse(StatusCode::FORBIDDEN, ErrorCode::Unauthenticated, message);
        }
        Ok(credentials) => credentials,
        Err(error) => return answered(&failed(&error.into())),
    };
    let Some(place) = edge.connections.take(address) else {
        return too_many_connections(edge.connections.most());
    };
    let operation = admitted.as_ref().ok().map(Operation::of);
    let last_event_id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let last_event_id = last_event_id.filter(|id| !id.is_empty());
    let parts = match admitted {
        Ok(admitted) if admitted.kind == OperationType::Subscription => {
            follow(edge, address, request_id, credentials, admitted, last_event_id).await
        }
        Ok(admitted) => {
            let origin = Origin { caller: credentials.caller, address, request_id };
            whole(&to_json(&Sent::from(&edge.execute(origin, admitted).await)))
        }
        Err(answer) => whole(&to_json(&Sent::from(&answer))),
    };
    let format = match media_type {
        MediaType::MultipartSubscription => &multipart::FORMAT,
        _ => &sse::FORMAT,
    };
    let mut response = Body::from_stream(format.written(parts, place)).into_response();
    let headers = [
        (header::CONTENT_TYPE, format.content_type),
        (header::CACHE_CONTROL, "no-cache, no-store"),
        // Proxies are to pass on what comes when it comes.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Some(operation) = operation {
        response.extensions_mut().insert(operation);
    }
    response
}

/// One answer, and the end.
fn whole(payload: &str) -> BoxStream<'static, Part> {
    let next = Part::Next { payload: payload.into(), cursor: None };
    stream::iter([next, Part::Complete]).boxed()
}

/// What is told in place of an answer.
fn errors(errors: &str) -> String {
    format!(r#"{{"errors":{errors}}}"#)
}

/// What a subscription tells, for as long as its client may be told.
async fn follow(
    edge: Arc<Edge>,
    address: IpAddr,
    request_id: Arc<str>,
    credentials: Credentials,
    admitted: Admitted,
    last_event_id: Option<String>,
) -> BoxStream<'static, Part> {
    // Nothing was executed: there is no data, not even a null one.
    let refused = |response: &Answer| whole(&errors(&to_json(&response.errors)));
    let place = match edge.subscription_place(&credentials.caller, address) {
        Ok(place) => place,
        Err(error) => return refused(&failed(&error)),
    };
    let mut presence = Presence::of_nobody(Arc::clone(&edge));
    presence.watch(&credentials);
    if let Caller::Viewer(viewer) = &credentials.caller {
        // Once more, now that nothing goes by unheard.
        match accounts::look_again(&edge.services, viewer).await {
            Ok(now) => presence.identity().set(Caller::Viewer(Arc::new(now))),
            Err(error) => return refused(&failed(&error.into())),
        }
    }
    let origin = Origin { caller: presence.identity().caller(), address, request_id };
    let identity = presence.identity().clone();
    match edge.subscribe(identity, origin, admitted, last_event_id).await {
        Ok(following) => {
            let state = State { edge, presence, following, over: Over::GoesOn, _place: place };
            stream::unfold(state, State::next).boxed()
        }
        Err(response) => refused(&response),
    }
}

struct State {
    edge: Arc<Edge>,
    presence: Presence,
    following: Following,
    over: Over,
    _place: Place<Subscriber>,
}

/// How far a subscription has come to its end.
enum Over {
    GoesOn,
    Failed,
    Complete,
}

impl State {
    async fn next(mut self) -> Option<(Part, Self)> {
        match self.over {
            Over::GoesOn => {}
            Over::Failed => {
                self.over = Over::Complete;
                return Some((Part::Complete, self));
            }
            Over::Complete => return None,
        }
        let told = self.told().await?;
        let part = match told {
            Told::Next { payload, position } => {
                let cursor = self.edge.services.streams.cursor(position).encode();
                Part::Next { payload, cursor: Some(cursor) }
            }
            Told::Failed(errors) => {
                self.over = Over::Failed;
                Part::Next { payload: self::errors(&errors).into(), cursor: None }
            }
        };
        Some((part, self))
    }

    /// What the client is told next; `None` where it must not be told any more.
    async fn told(&mut self) -> Option<Told> {
        let ends_at = self.presence.ends_at();
        let mut expired = pin!(async {
            match ends_at {
                Some(ends_at) => sleep_until(ends_at).await,
                None => pending().await,
            }
        });
        poll_fn(|task| {
            // In this order: what has become of the client counts before what it is told.
            while let Poll::Ready(change) = self.presence.poll_change(task) {
                if change != Change::RoleChanged {
                    return Poll::Ready(None);
                }
            }
            if expired.as_mut().poll(task).is_ready() {
                return Poll::Ready(None);
            }
            // Nothing is told to somebody who may not be who they were.
            if self.presence.is_looking() { Poll::Pending } else { self.following.poll_next_unpin(task) }
        })
        .await
    }
}

/// How parts are written.
pub struct Format {
    pub content_type: &'static str,
    /// What a client reads at once, before anything has happened.
    pub first: &'static str,
    /// What is said where there is nothing to say, so that nobody in between takes it for dead.
    pub idle: &'static str,
    pub idle_every: Duration,
    pub write: fn(&Part) -> String,
}

impl Format {
    /// The text of a response that takes `place` for as long as it lasts.
    fn written(
        &'static self,
        parts: BoxStream<'static, Part>,
        place: Place<IpAddr>,
    ) -> impl Stream<Item = Result<String, Infallible>> + Send + 'static {
        let mut idle = interval_at(Instant::now() + self.idle_every, self.idle_every);
        idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let written = stream::unfold((parts, idle, place), |(mut parts, mut idle, place)| async {
            let text = tokio::select! {
                biased;
                part = parts.next() => (self.write)(&part?),
                _ = idle.tick() => self.idle.to_owned(),
            };
            idle.reset();
            Some((text, (parts, idle, place)))
        });
        stream::once(ready(self.first.to_owned())).chain(written).map(Ok)
    }
}
