//! Streamed responses: one operation over one long HTTP response.
//!
//! This file runs the operation; [`sse`] and [`multipart`] format its messages. [`session_guard`] ends the
//! connection of a client that reads nothing when its session has ended. To add a format: write one
//! more file with a [`Format`], add a variant to [`MediaType`], and choose the format in [`open`].

mod multipart;
mod session_guard;
mod sse;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_graphql::Response as GraphqlResponse;
use async_graphql::parser::types::OperationType;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{pending, ready};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::delivery::{Message, SubscriptionStream};
use crate::engine::operation::ValidatedOperation;
use crate::engine::operation_log::log_invalid;
use crate::engine::response::{ResponseBody, error_response, finalize, to_json};
use crate::engine::{Caller, RequestMeta};
use crate::events::cursor::Cursor;
use crate::events::stream::StreamError;
use crate::graphql::error::{Error, ErrorCode};
use crate::http::connection_limit::Permit;
use crate::http::credentials::Credentials;
use crate::http::error_response::too_many_connections;
use crate::http::headers::LAST_EVENT_ID;
use crate::http::log_fields::LoggedOperation;
use crate::http::media_type::MediaType;
use crate::http::request_info::RequestInfo;
use crate::http::response::respond_as_json;
use crate::http::session_watch::{SessionEvent, SessionWatch};
use crate::http::state::{AppState, Subscriber};
use crate::http::ticket_stream::{TicketStream, TicketUse};
use crate::service;
use crate::service::accounts;

/// The id of the beginning of a stream that has a snapshot as its first event: a client that has not received it
/// gets a new one.
const BEFORE_SNAPSHOT: &str = "start";

/// One part of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamItem {
    /// The id of the beginning of the stream, after which a client resumes that has received nothing else. Only
    /// for formats with ids.
    Start { id: String },
    /// A response as JSON, and the cursor after which a new stream resumes.
    Next { payload: Arc<str>, cursor: Option<String> },
    /// The operation is complete. If a stream ends without this item, the client should reconnect.
    Complete,
}

/// Opens a stream for an operation, or for the response to an invalid one. Returns a single error response if
/// the credentials are invalid, or the client has too many connections. `ticket_use` is the ticket that the
/// credentials are from, if any.
pub async fn open(
    info: RequestInfo,
    operation: Result<ValidatedOperation, GraphqlResponse>,
    credentials: service::Result<Credentials>,
    ticket_use: Option<TicketUse>,
) -> Response {
    let RequestInfo { state, address, request_id, headers, media_type, connection } = info;
    let credentials = match credentials {
        Ok(Credentials { caller: Caller::InvalidCredentials { has_session_ended: true }, .. }) => {
            return forbidden(&Error::session_ended());
        }
        Ok(Credentials { caller: Caller::InvalidCredentials { .. }, .. }) => {
            let message = "The credentials are invalid or have expired. Sign in again.";
            return forbidden(&Error::new(ErrorCode::Unauthenticated, message));
        }
        Ok(credentials) => credentials,
        Err(error) => return failed(&error.into(), &request_id),
    };
    let Some(permit) = state.connections.try_acquire(address) else {
        return too_many_connections(state.connections.max());
    };
    let logged_operation = operation.as_ref().ok().map(LoggedOperation::from);
    let last_event_id = LastEventId::from_headers(&headers);
    let operation = match (operation, &last_event_id) {
        // Before the ticket opens the stream: a reconnect that fails must not replace an open one.
        (Ok(operation), Err(error)) if operation.kind == OperationType::Subscription => {
            Err(finalize(error_response(error), &request_id))
        }
        (operation, _) => operation,
    };
    let last_event_id = last_event_id.unwrap_or(LastEventId::None);
    let mut session_guard = None;
    let items = match operation {
        Ok(operation) if operation.kind == OperationType::Subscription => {
            let ticket_stream = match ticket_use {
                Some(ticket_use) => {
                    match TicketStream::open(&state, ticket_use, last_event_id != LastEventId::None).await {
                        Ok(Some(ticket_stream)) => Some(ticket_stream),
                        Ok(None) => return forbidden(&Error::ticket_used()),
                        Err(error) => return failed(&error.into(), &request_id),
                    }
                }
                None => None,
            };
            session_guard = session_guard::start(&state, &credentials, &connection, &request_id);
            let has_ids = media_type != MediaType::MultipartSubscription;
            let client = Client { address, request_id, credentials, ticket_stream, last_event_id, has_ids };
            subscribe(state, client, operation).await
        }
        Ok(operation) => {
            let meta = RequestMeta { caller: credentials.caller, address, request_id };
            single_item(&to_json(&ResponseBody::from(&state.execute(meta, operation).await)))
        }
        Err(response) => {
            log_invalid(&request_id, address, &response.errors);
            single_item(&to_json(&ResponseBody::from(&response)))
        }
    };
    let resources = Resources { _permit: permit, _session_guard: session_guard };
    let format = match media_type {
        MediaType::MultipartSubscription => &multipart::FORMAT,
        _ => &sse::FORMAT,
    };
    let mut response = Body::from_stream(format.body_stream(items, resources)).into_response();
    let headers = [
        (header::CONTENT_TYPE, format.content_type),
        (header::CACHE_CONTROL, "no-cache, no-store"),
        // Keeps nginx and other proxies from buffering the response.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Some(logged_operation) = logged_operation {
        response.extensions_mut().insert(logged_operation);
    }
    response
}

/// The header `Last-Event-ID`, which a browser sends when it reconnects.
#[derive(Debug, PartialEq, Eq)]
enum LastEventId {
    None,
    /// The client has received nothing of a stream that begins with a snapshot.
    BeforeSnapshot,
    Cursor(String),
}

impl LastEventId {
    /// # Errors
    /// INVALID_CURSOR if the header is neither empty nor an id that a stream has sent.
    fn from_headers(headers: &HeaderMap) -> Result<Self, Error> {
        let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(Self::None) };
        match value.to_str() {
            Ok("") => Ok(Self::None),
            Ok(BEFORE_SNAPSHOT) => Ok(Self::BeforeSnapshot),
            Ok(id) if Cursor::decode(id).is_some() => Ok(Self::Cursor(id.to_owned())),
            _ => Err(StreamError::InvalidCursor.into()),
        }
    }

    fn into_cursor(self) -> Option<String> {
        match self {
            Self::None | Self::BeforeSnapshot => None,
            Self::Cursor(cursor) => Some(cursor),
        }
    }
}

/// The response instead of a stream if the gateway failed.
fn failed(error: &Error, request_id: &str) -> Response {
    respond_as_json(finalize(error_response(error), request_id))
}

/// The response instead of a stream if the client may not open it.
fn forbidden(error: &Error) -> Response {
    let mut response = respond_as_json(error_response(error));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// What a stream holds until its body is dropped.
struct Resources {
    _permit: Permit<IpAddr>,
    _session_guard: Option<AbortOnDropHandle<()>>,
}

/// A stream of one response.
fn single_item(payload: &str) -> BoxStream<'static, StreamItem> {
    let next = StreamItem::Next { payload: payload.into(), cursor: None };
    stream::iter([next, StreamItem::Complete]).boxed()
}

/// A response body of errors only. `errors` is a JSON list.
fn errors_body(errors: &str) -> String {
    format!(r#"{{"errors":{errors}}}"#)
}

/// The client that starts a subscription.
struct Client {
    address: IpAddr,
    request_id: Arc<str>,
    credentials: Credentials,
    /// If the client has a ticket.
    ticket_stream: Option<TicketStream>,
    last_event_id: LastEventId,
    /// Whether the format of the stream has ids.
    has_ids: bool,
}

/// Starts a subscription. Its stream ends when the session of the client does, with an error, or when its
/// credentials have expired.
async fn subscribe(
    state: Arc<AppState>,
    client: Client,
    operation: ValidatedOperation,
) -> BoxStream<'static, StreamItem> {
    let Client { address, request_id, credentials, ticket_stream, last_event_id, has_ids } = client;
    // Nothing was executed: the body has no `data`, not even null.
    let errors_only = |response: &GraphqlResponse| single_item(&errors_body(&to_json(&response.errors)));
    let rejected = |error: &Error| {
        let response = finalize(error_response(error), &request_id);
        log_invalid(&request_id, address, &response.errors);
        errors_only(&response)
    };
    let permit = match state.subscription_permit(&credentials.caller, address) {
        Ok(permit) => permit,
        Err(error) => return rejected(&error),
    };
    let mut session_watch = SessionWatch::new(Arc::clone(&state), Arc::clone(&request_id));
    session_watch.watch(&credentials);
    if let Caller::Viewer(viewer) = &credentials.caller {
        // Checks the session once more: it may have changed before the watch began.
        match accounts::refresh_viewer(&state.services, viewer).await {
            Ok(viewer) => session_watch.current_caller().set(Caller::Viewer(Arc::new(viewer))),
            Err(error) => return rejected(&error.into()),
        }
    }
    let meta = RequestMeta { caller: session_watch.current_caller().caller(), address, request_id };
    let current_caller = session_watch.current_caller().clone();
    match state.subscribe(current_caller, meta, operation, last_event_id.into_cursor()).await {
        Ok(results) => {
            let subscription = Subscription {
                state,
                session_watch,
                ticket_stream,
                results,
                stream_state: if has_ids { StreamState::Starting } else { StreamState::Active },
                _permit: permit,
            };
            stream::unfold(subscription, Subscription::next).boxed()
        }
        Err(response) => errors_only(&response),
    }
}

/// A running subscription.
struct Subscription {
    state: Arc<AppState>,
    session_watch: SessionWatch,
    ticket_stream: Option<TicketStream>,
    results: SubscriptionStream,
    stream_state: StreamState,
    _permit: Permit<Subscriber>,
}

enum StreamState {
    /// [`StreamItem::Start`] follows.
    Starting,
    Active,
    /// The errors were sent; [`StreamItem::Complete`] follows.
    Failed,
    Complete,
}

impl Subscription {
    async fn next(mut self) -> Option<(StreamItem, Self)> {
        match self.stream_state {
            StreamState::Starting => {
                self.stream_state = StreamState::Active;
                let cursor = |position| self.state.services.streams.cursor(position).encode();
                let id = self.results.start().map_or_else(|| BEFORE_SNAPSHOT.to_owned(), cursor);
                return Some((StreamItem::Start { id }, self));
            }
            StreamState::Active => {}
            StreamState::Failed => {
                self.stream_state = StreamState::Complete;
                return Some((StreamItem::Complete, self));
            }
            StreamState::Complete => return None,
        }
        let item = match self.next_message().await? {
            Message::Next { payload, position } => {
                let cursor = self.state.services.streams.cursor(position).encode();
                StreamItem::Next { payload, cursor: Some(cursor) }
            }
            Message::Failed(errors) => {
                self.stream_state = StreamState::Failed;
                StreamItem::Next { payload: errors_body(&errors).into(), cursor: None }
            }
        };
        Some((item, self))
    }

    /// Waits for the next message. `None` if the client should open the stream again (the credentials have
    /// expired, or the gateway is shutting down), or has done so.
    async fn next_message(&mut self) -> Option<Message> {
        let ends_at = self.session_watch.ends_at();
        let mut expiry = pin!(async {
            match ends_at {
                Some(ends_at) => sleep_until(ends_at).await,
                None => pending().await,
            }
        });
        poll_fn(|cx| {
            // The session is checked before the subscription: nothing is sent after the session has ended.
            while let Poll::Ready(event) = self.session_watch.poll_event(cx) {
                match event {
                    SessionEvent::RoleChanged => {}
                    SessionEvent::SessionEnded => {
                        let errors = to_json(&error_response(&Error::session_ended()).errors);
                        return Poll::Ready(Some(Message::Failed(errors.into())));
                    }
                    SessionEvent::Interrupted | SessionEvent::ShuttingDown => return Poll::Ready(None),
                }
            }
            let is_replaced = self.ticket_stream.as_mut().is_some_and(|it| it.poll_replaced(cx).is_ready());
            if is_replaced || expiry.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            if self.session_watch.is_rechecking() { Poll::Pending } else { self.results.poll_next_unpin(cx) }
        })
        .await
    }
}

/// How the items of a stream are written.
pub struct Format {
    pub content_type: &'static str,
    /// Sent immediately, before the first item.
    pub preamble: &'static str,
    /// Sent if there is no item for `heartbeat_interval`, so that proxies do not close the connection as
    /// idle.
    pub heartbeat: &'static str,
    pub heartbeat_interval: Duration,
    pub write: fn(&StreamItem) -> String,
}

impl Format {
    /// The chunks of the response body. Holds `resources` until the stream is dropped.
    fn body_stream(
        &'static self,
        items: BoxStream<'static, StreamItem>,
        resources: Resources,
    ) -> impl Stream<Item = Result<String, Infallible>> + Send + 'static {
        let mut heartbeat = interval_at(Instant::now() + self.heartbeat_interval, self.heartbeat_interval);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let chunks =
            stream::unfold((items, heartbeat, resources), |(mut items, mut heartbeat, resources)| async {
                let text = tokio::select! {
                    biased;
                    item = items.next() => (self.write)(&item?),
                    _ = heartbeat.tick() => self.heartbeat.to_owned(),
                };
                heartbeat.reset();
                Some((text, (items, heartbeat, resources)))
            });
        stream::once(ready(self.preamble.to_owned())).chain(chunks).map(Ok)
    }
}
