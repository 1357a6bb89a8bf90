//! One running operation of a WebSocket: a query, a mutation, or a subscription until it ends.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_graphql::Response;
use futures_util::future;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::delivery::{CurrentCaller, Message, SubscriptionStream};
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::{ResponseBody, internal_error, is_request_error, to_json};
use crate::engine::{Caller, RequestMeta, request_span};
use crate::http::connection_limit::Permit;
use crate::http::state::{AppState, Subscriber};
use crate::http::websocket::protocol::{Close, MessagePrefix, ServerMessage};
use crate::service;
use crate::service::accounts;

/// What an operation yields to its connection.
#[derive(Debug)]
pub enum Outbound {
    /// A message for the client.
    Message(String),
    /// The last message of the operation.
    FinalMessage(String),
    /// The connection must be closed.
    CloseConnection(Close),
}

/// The client that starts an operation.
pub struct Requester {
    pub current_caller: CurrentCaller,
    pub address: IpAddr,
    pub request_id: Arc<str>,
}

/// A running operation: a stream of messages for the client. Dropping it stops the operation.
///
/// Execution runs on its own task. A client that reads slowly delays only its own connection, while the task
/// still finishes and gives back what others need, such as a database connection.
pub enum Operation {
    /// A query, a mutation or an error: a few messages.
    Response(BoxStream<'static, Outbound>),
    Subscription(Box<Subscription>),
}

pub struct Subscription {
    id: Arc<str>,
    request_id: Arc<str>,
    next_prefix: MessagePrefix,
    state: State,
    _permit: Permit<Subscriber>,
}

#[expect(clippy::large_enum_variant, reason = "it is boxed, and nearly always `Active`")]
enum State {
    Starting(AbortOnDropHandle<Result<Result<SubscriptionStream, Response>, Close>>),
    Active(SubscriptionStream),
    Ended,
}

impl Operation {
    /// Executes a query or mutation.
    pub fn execute(
        state: &Arc<AppState>,
        id: &Arc<str>,
        requester: Requester,
        operation: ValidatedOperation,
    ) -> Self {
        let state = Arc::clone(state);
        let (id, request_id) = (Arc::clone(id), Arc::clone(&requester.request_id));
        let execution = async move {
            let meta = requester.meta(&state).await?;
            Ok(state.execute(meta, operation).await)
        };
        let messages = AbortOnDropHandle::new(tokio::spawn(execution)).map(move |result| {
            let response = match result {
                Ok(Ok(response)) => response,
                Ok(Err(close)) => return stream::iter(vec![Outbound::CloseConnection(close)]),
                Err(error) => internal_error(&error, &request_id),
            };
            if is_request_error(&response) {
                return stream::iter(vec![error_message(&id, &to_json(&response.errors))]);
            }
            let next = MessagePrefix::next(&id).with_payload(&to_json(&ResponseBody::from(&response)));
            let complete = ServerMessage::Complete { id: &id }.to_text();
            stream::iter(vec![Outbound::Message(next), Outbound::FinalMessage(complete)])
        });
        Self::Response(messages.flatten_stream().boxed())
    }

    /// Starts a subscription.
    pub fn subscribe(
        state: &Arc<AppState>,
        id: &Arc<str>,
        requester: Requester,
        operation: ValidatedOperation,
        permit: Permit<Subscriber>,
    ) -> Self {
        let (state, request_id) = (Arc::clone(state), Arc::clone(&requester.request_id));
        let start = async move {
            let meta = requester.meta(&state).await?;
            Ok(state.subscribe(requester.current_caller, meta, operation, None).await)
        };
        Self::Subscription(Box::new(Subscription {
            id: Arc::clone(id),
            request_id,
            next_prefix: MessagePrefix::next(id),
            state: State::Starting(AbortOnDropHandle::new(tokio::spawn(start))),
            _permit: permit,
        }))
    }

    /// An operation that is not executed: it only sends the errors of `response`.
    pub fn rejected(id: &str, response: &Response) -> Self {
        let message = error_message(id, &to_json(&response.errors));
        Self::Response(stream::once(future::ready(message)).boxed())
    }
}

impl Requester {
    /// Reads the viewer again: since the connection was authenticated, the session may have ended, or the
    /// role changed.
    async fn meta(&self, state: &AppState) -> Result<RequestMeta, Close> {
        let caller = match self.current_caller.caller() {
            Caller::Viewer(viewer) => match accounts::refresh_viewer(&state.services, &viewer).await {
                Ok(viewer) => Caller::Viewer(Arc::new(viewer)),
                Err(service::Error::SessionEnded) => return Err(Close::SessionEnded),
                Err(error) => {
                    let span = request_span(&self.request_id);
                    span.in_scope(|| tracing::warn!(%error, "viewer of an operation not read"));
                    return Err(Close::TryAgainLater);
                }
            },
            other => other,
        };
        Ok(RequestMeta { caller, address: self.address, request_id: Arc::clone(&self.request_id) })
    }
}

impl Stream for Operation {
    type Item = Outbound;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outbound>> {
        match &mut *self {
            Self::Response(messages) => messages.poll_next_unpin(cx),
            Self::Subscription(subscription) => subscription.poll(cx),
        }
    }
}

impl Subscription {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outbound>> {
        loop {
            let last = match &mut self.state {
                State::Starting(start) => match ready!(start.poll_unpin(cx)) {
                    Ok(Ok(Ok(subscription_stream))) => {
                        self.state = State::Active(subscription_stream);
                        continue;
                    }
                    Ok(Ok(Err(response))) => error_message(&self.id, &to_json(&response.errors)),
                    Ok(Err(close)) => Outbound::CloseConnection(close),
                    Err(error) => {
                        error_message(&self.id, &to_json(&internal_error(&error, &self.request_id).errors))
                    }
                },
                State::Active(subscription_stream) => {
                    match ready!(subscription_stream.poll_next_unpin(cx)) {
                        Some(Message::Next { payload, .. }) => {
                            let message = self.next_prefix.with_payload(&payload);
                            return Poll::Ready(Some(Outbound::Message(message)));
                        }
                        Some(Message::Failed(errors)) => error_message(&self.id, &errors),
                        // The gateway is shutting down: the connection closes, too.
                        None => return Poll::Ready(None),
                    }
                }
                State::Ended => return Poll::Ready(None),
            };
            self.state = State::Ended;
            return Poll::Ready(Some(last));
        }
    }
}

/// An `error` message, which ends the operation. `errors` is a JSON list.
fn error_message(id: &str, errors: &str) -> Outbound {
    Outbound::FinalMessage(MessagePrefix::error(id).with_payload(errors))
}
