//! One operation of one socket: a query, a mutation, or a subscription for as long as it goes on.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_graphql::Response;
use futures_util::future;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::delivery::{CurrentCaller, Message, SubscriptionStream};
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::{ResponseBody, error_response, is_request_error, to_json};
use crate::engine::{Caller, RequestMeta};
use crate::graphql::error::Error;
use crate::http::connection_limit::Permit;
use crate::http::state::{AppState, Subscriber};
use crate::http::websocket::protocol::{Close, Header, SESSION_ENDED, ServerMessage};
use crate::service;
use crate::service::accounts;

/// What an operation says.
#[derive(Debug)]
pub enum Outbound {
    Next(String),
    /// Nothing more comes of it.
    Last(String),
    /// Whoever began it must not be here any more.
    Close(Close),
}

/// Who begins an operation, and from where.
pub struct Requester {
    pub current_caller: CurrentCaller,
    pub address: IpAddr,
    pub request_id: Arc<str>,
}

/// An operation under way; a stream of what it says. Dropped, it says nothing more. Whatever it waits for runs on a task
/// of its own: the client may be slow, and must not keep what others need, such as a connection to the database.
pub enum Operation {
    /// What it says is little, and comes soon.
    Answer(BoxStream<'static, Outbound>),
    Subscription(Box<Subscription>),
}

/// A subscription under way.
pub struct Subscription {
    id: Arc<str>,
    header: Header,
    state: State,
    /// Free again once this is over.
    _permit: Permit<Subscriber>,
}

#[expect(clippy::large_enum_variant, reason = "it is boxed, and nearly all of them are following")]
enum State {
    Beginning(AbortOnDropHandle<Result<Result<SubscriptionStream, Response>, Close>>),
    SubscriptionStream(SubscriptionStream),
    Ended,
}

impl Operation {
    /// Runs a query or mutation.
    pub fn run(
        state: &Arc<AppState>,
        id: &Arc<str>,
        requester: Requester,
        admitted: ValidatedOperation,
    ) -> Self {
        let state = Arc::clone(state);
        let running = async move {
            let meta = requester.meta(&state).await?;
            Ok(state.execute(meta, admitted).await)
        };
        let id = Arc::clone(id);
        let said = AbortOnDropHandle::new(tokio::spawn(running)).map(move |ran| {
            let response = match ran {
                Ok(Ok(response)) => response,
                Ok(Err(close)) => return stream::iter(vec![Outbound::Close(close)]),
                Err(ended) => broken(&ended),
            };
            if is_request_error(&response) {
                return stream::iter(vec![error(&id, &to_json(&response.errors))]);
            }
            let next = Header::of_next(&id).with(&to_json(&ResponseBody::from(&response)));
            let complete = ServerMessage::Complete { id: &id }.to_text();
            stream::iter(vec![Outbound::Next(next), Outbound::Last(complete)])
        });
        Self::Answer(said.flatten_stream().boxed())
    }

    /// Begins a subscription.
    pub fn follow(
        state: &Arc<AppState>,
        id: &Arc<str>,
        requester: Requester,
        admitted: ValidatedOperation,
        permit: Permit<Subscriber>,
    ) -> Self {
        let state = Arc::clone(state);
        let begin = async move {
            let meta = requester.meta(&state).await?;
            Ok(state.subscribe(requester.current_caller, meta, admitted, None).await)
        };
        Self::Subscription(Box::new(Subscription {
            id: Arc::clone(id),
            header: Header::of_next(id),
            state: State::Beginning(AbortOnDropHandle::new(tokio::spawn(begin))),
            _permit: permit,
        }))
    }

    /// What is refused before it could begin.
    pub fn refused(id: &str, answer: &Response) -> Self {
        let message = self::error(id, &to_json(&answer.errors));
        Self::Answer(stream::once(future::ready(message)).boxed())
    }
}

impl Requester {
    /// Who asks, as they are now: the session may have ended, or the person may have another role.
    async fn meta(&self, state: &AppState) -> Result<RequestMeta, Close> {
        let caller = match self.current_caller.caller() {
            Caller::Viewer(viewer) => match accounts::refresh_viewer(&state.services, &viewer).await {
                Ok(now) => Caller::Viewer(Arc::new(now)),
                Err(service::Error::Unauthenticated) => return Err(Close::Forbidden(SESSION_ENDED)),
                Err(_) => return Err(Close::TryAgainLater),
            },
            other => other,
        };
        Ok(RequestMeta { caller, address: self.address, request_id: Arc::clone(&self.request_id) })
    }
}

impl Stream for Operation {
    type Item = Outbound;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Outbound>> {
        match &mut *self {
            Self::Answer(said) => said.poll_next_unpin(task),
            Self::Subscription(subscription) => subscription.poll(task),
        }
    }
}

impl Subscription {
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<Outbound>> {
        loop {
            let last = match &mut self.state {
                State::Beginning(beginning) => match ready!(beginning.poll_unpin(task)) {
                    Ok(Ok(Ok(subscription_stream))) => {
                        self.state = State::SubscriptionStream(subscription_stream);
                        continue;
                    }
                    Ok(Ok(Err(response))) => error(&self.id, &to_json(&response.errors)),
                    Ok(Err(close)) => Outbound::Close(close),
                    Err(ended) => error(&self.id, &to_json(&broken(&ended).errors)),
                },
                State::SubscriptionStream(subscription_stream) => {
                    match ready!(subscription_stream.poll_next_unpin(task)) {
                        Some(Message::Next { payload, .. }) => {
                            return Poll::Ready(Some(Outbound::Next(self.header.with(&payload))));
                        }
                        Some(Message::Failed(errors)) => error(&self.id, &errors),
                        // The gateway stops, and the socket closes with that.
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

fn error(id: &str, errors: &str) -> Outbound {
    Outbound::Last(Header::of_error(id).with(errors))
}

/// The answer of a task that has panicked: it ends its operation, and no other.
fn broken(ended: &JoinError) -> Response {
    error_response(&Error::internal(ended))
}
