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

use crate::engine::delivery::{Message, SubscriptionStream};
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::{ResponseBody, error_response, to_json};
use crate::engine::{Caller, RequestMeta};
use crate::graphql::error::ErrorCode;
use crate::http::connection_limit::Permit;
use crate::http::credentials::Credentials;
use crate::http::error_response::reject;
use crate::http::error_response::too_many_connections;
use crate::http::headers::LAST_EVENT_ID;
use crate::http::log_fields::Operation;
use crate::http::media_type::MediaType;
use crate::http::request_info::RequestInfo;
use crate::http::response::answered;
use crate::http::session_watch::{SessionEvent, SessionWatch};
use crate::http::state::{AppState, Subscriber};
use crate::service;
use crate::service::accounts;

/// What goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamItem {
    /// An answer, as JSON, and the cursor to resume behind it.
    Next { payload: Arc<str>, cursor: Option<String> },
    /// Nothing more comes, and that is as it should be. A stream that ends without it is to be opened again.
    Complete,
}

/// Opens a stream for whoever has these credentials.
pub async fn open(
    info: RequestInfo,
    admitted: Result<ValidatedOperation, Answer>,
    credentials: service::Result<Credentials>,
) -> Response {
    let RequestInfo { state, address, request_id, headers, media_type } = info;
    let credentials = match credentials {
        Ok(Credentials { caller: Caller::InvalidCredentials, .. }) => {
            let message = "These credentials are not good, or not any more.";
            return reject(StatusCode::FORBIDDEN, ErrorCode::Unauthenticated, message);
        }
        Ok(credentials) => credentials,
        Err(error) => return answered(error_response(&error.into())),
    };
    let Some(permit) = state.connections.take(address) else {
        return too_many_connections(state.connections.most());
    };
    let operation = admitted.as_ref().ok().map(Operation::of);
    let last_event_id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let last_event_id = last_event_id.filter(|id| !id.is_empty());
    let parts = match admitted {
        Ok(admitted) if admitted.kind == OperationType::Subscription => {
            follow(state, address, request_id, credentials, admitted, last_event_id).await
        }
        Ok(admitted) => {
            let meta = RequestMeta { caller: credentials.caller, address, request_id };
            whole(&to_json(&ResponseBody::from(&state.execute(meta, admitted).await)))
        }
        Err(answer) => whole(&to_json(&ResponseBody::from(&answer))),
    };
    let format = match media_type {
        MediaType::MultipartSubscription => &multipart::FORMAT,
        _ => &sse::FORMAT,
    };
    let mut response = Body::from_stream(format.written(parts, permit)).into_response();
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
fn whole(payload: &str) -> BoxStream<'static, StreamItem> {
    let next = StreamItem::Next { payload: payload.into(), cursor: None };
    stream::iter([next, StreamItem::Complete]).boxed()
}

/// What is told in place of an answer.
fn errors(errors: &str) -> String {
    format!(r#"{{"errors":{errors}}}"#)
}

/// What a subscription tells, for as long as its client may be told.
async fn follow(
    state: Arc<AppState>,
    address: IpAddr,
    request_id: Arc<str>,
    credentials: Credentials,
    admitted: ValidatedOperation,
    last_event_id: Option<String>,
) -> BoxStream<'static, StreamItem> {
    // Nothing was executed: there is no data, not even a null one.
    let refused = |response: &Answer| whole(&errors(&to_json(&response.errors)));
    let permit = match state.subscription_permit(&credentials.caller, address) {
        Ok(permit) => permit,
        Err(error) => return refused(&error_response(&error)),
    };
    let mut session_watch = SessionWatch::of_nobody(Arc::clone(&state));
    session_watch.watch(&credentials);
    if let Caller::Viewer(viewer) = &credentials.caller {
        // Once more, now that nothing goes by unheard.
        match accounts::refresh_viewer(&state.services, viewer).await {
            Ok(now) => session_watch.current_caller().set(Caller::Viewer(Arc::new(now))),
            Err(error) => return refused(&error_response(&error.into())),
        }
    }
    let meta = RequestMeta { caller: session_watch.current_caller().caller(), address, request_id };
    let current_caller = session_watch.current_caller().clone();
    match state.subscribe(current_caller, meta, admitted, last_event_id).await {
        Ok(subscription_stream) => {
            let state = SubscriptionState {
                state,
                session_watch,
                subscription_stream,
                progress: Progress::GoesOn,
                _permit: permit,
            };
            stream::unfold(state, SubscriptionState::next).boxed()
        }
        Err(response) => refused(&response),
    }
}

struct SubscriptionState {
    state: Arc<AppState>,
    session_watch: SessionWatch,
    subscription_stream: SubscriptionStream,
    progress: Progress,
    _permit: Permit<Subscriber>,
}

/// How far a subscription has come to its end.
enum Progress {
    GoesOn,
    Failed,
    Complete,
}

impl SubscriptionState {
    async fn next(mut self) -> Option<(StreamItem, Self)> {
        match self.progress {
            Progress::GoesOn => {}
            Progress::Failed => {
                self.progress = Progress::Complete;
                return Some((StreamItem::Complete, self));
            }
            Progress::Complete => return None,
        }
        let told = self.told().await?;
        let part = match told {
            Message::Next { payload, position } => {
                let cursor = self.state.services.streams.cursor(position).encode();
                StreamItem::Next { payload, cursor: Some(cursor) }
            }
            Message::Failed(errors) => {
                self.progress = Progress::Failed;
                StreamItem::Next { payload: self::errors(&errors).into(), cursor: None }
            }
        };
        Some((part, self))
    }

    /// What the client is told next; `None` where it must not be told any more.
    async fn told(&mut self) -> Option<Message> {
        let ends_at = self.session_watch.ends_at();
        let mut expired = pin!(async {
            match ends_at {
                Some(ends_at) => sleep_until(ends_at).await,
                None => pending().await,
            }
        });
        poll_fn(|task| {
            // In this order: what has become of the client counts before what it is told.
            while let Poll::Ready(change) = self.session_watch.poll_event(task) {
                if change != SessionEvent::RoleChanged {
                    return Poll::Ready(None);
                }
            }
            if expired.as_mut().poll(task).is_ready() {
                return Poll::Ready(None);
            }
            // Nothing is told to somebody who may not be who they were.
            if self.session_watch.is_rechecking() {
                Poll::Pending
            } else {
                self.subscription_stream.poll_next_unpin(task)
            }
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
    pub write: fn(&StreamItem) -> String,
}

impl Format {
    /// The text of a response that takes `permit` for as long as it lasts.
    fn written(
        &'static self,
        parts: BoxStream<'static, StreamItem>,
        permit: Permit<IpAddr>,
    ) -> impl Stream<Item = Result<String, Infallible>> + Send + 'static {
        let mut idle = interval_at(Instant::now() + self.idle_every, self.idle_every);
        idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let written = stream::unfold((parts, idle, permit), |(mut parts, mut idle, permit)| async {
            let text = tokio::select! {
                biased;
                part = parts.next() => (self.write)(&part?),
                _ = idle.tick() => self.idle.to_owned(),
            };
            idle.reset();
            Some((text, (parts, idle, permit)))
        });
        stream::once(ready(self.first.to_owned())).chain(written).map(Ok)
    }
}
