//! One operation of one socket: a query, a mutation, or a subscription for as long as it goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use futures_util::future::{self, BoxFuture};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, Stream, StreamExt};
use uuid::Uuid;

use super::protocol::{Header, ServerMessage};
use crate::graphql::Origin;
use crate::graphql::answer::{Sent, failed, never_executed, to_json};
use crate::graphql::error::Error;
use crate::graphql::following::{Following, Identity, Told};
use crate::http::Edge;
use crate::http::quota::Place;
use crate::http::refusal::panic_text;

/// A message of an operation on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub text: String,
    /// Nothing more comes of it.
    pub last: bool,
}

/// An operation under way; a stream of what it says. Dropped, it says nothing more.
pub(super) enum Operation {
    /// What it says is little, and comes soon.
    Answer(BoxStream<'static, Outgoing>),
    Subscription(Box<Subscription>),
}

/// A subscription under way.
pub(super) struct Subscription {
    id: Arc<str>,
    header: Header,
    state: State,
    /// Free again once this is over.
    _place: Option<Place<Uuid>>,
}

enum State {
    Beginning(BoxFuture<'static, Result<Following, Response>>),
    Following(Following),
    Ended,
}

impl Operation {
    /// Runs an operation of that kind.
    pub fn run(
        edge: &Arc<Edge>,
        id: &Arc<str>,
        kind: Option<OperationType>,
        origin: Origin,
        identity: Identity,
        request: Request,
        place: Option<Place<Uuid>>,
    ) -> Self {
        let engine = Arc::clone(&edge.engine);
        match kind {
            Some(OperationType::Subscription) => {
                let begin = async move { engine.subscribe(identity, origin, request, None).await };
                Self::Subscription(Box::new(Subscription {
                    id: Arc::clone(id),
                    header: Header::of_next(id),
                    state: State::Beginning(begin.boxed()),
                    _place: place,
                }))
            }
            Some(OperationType::Mutation) => {
                let edge = Arc::clone(edge);
                Self::answer(id, async move { edge.act(engine.execute(origin, request)).await })
            }
            Some(OperationType::Query) | None => Self::answer(id, engine.execute(origin, request)),
        }
    }

    /// What is refused before it could begin.
    pub fn refused(id: &str, error: &Error) -> Self {
        let message = self::error(id, &to_json(&failed(error).errors));
        Self::Answer(stream::once(future::ready(message)).boxed())
    }

    /// The one answer to a query or mutation.
    fn answer(id: &Arc<str>, executing: impl Future<Output = Response> + Send + 'static) -> Self {
        let (id, executing) = (Arc::clone(id), AssertUnwindSafe(executing).catch_unwind());
        let said = executing.map(move |executed| {
            let response = executed.unwrap_or_else(|panic| panicked(panic.as_ref()));
            let messages = if never_executed(&response) {
                vec![error(&id, &to_json(&response.errors))]
            } else {
                let next = Header::of_next(&id).with(&to_json(&Sent::from(&response)));
                let complete = ServerMessage::Complete { id: &id }.to_text();
                vec![Outgoing { text: next, last: false }, Outgoing { text: complete, last: true }]
            };
            stream::iter(messages)
        });
        Self::Answer(said.flatten_stream().boxed())
    }
}

impl Stream for Operation {
    type Item = Outgoing;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        match &mut *self {
            Self::Answer(said) => said.poll_next_unpin(task),
            Self::Subscription(subscription) => {
                // A panic ends its operation, and no other.
                let polled = catch_unwind(AssertUnwindSafe(|| subscription.poll_next(task)));
                polled.unwrap_or_else(|panic| {
                    subscription.state = State::Ended;
                    let errors = to_json(&panicked(panic.as_ref()).errors);
                    Poll::Ready(Some(error(&subscription.id, &errors)))
                })
            }
        }
    }
}

impl Subscription {
    fn poll_next(&mut self, task: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        loop {
            match &mut self.state {
                State::Beginning(beginning) => match ready!(beginning.poll_unpin(task)) {
                    Ok(following) => self.state = State::Following(following),
                    Err(response) => {
                        self.state = State::Ended;
                        return Poll::Ready(Some(error(&self.id, &to_json(&response.errors))));
                    }
                },
                State::Following(following) => {
                    return Poll::Ready(ready!(following.poll_next_unpin(task)).map(|told| match told {
                        Told::Next { payload, .. } => {
                            Outgoing { text: self.header.with(&payload), last: false }
                        }
                        Told::Failed(errors) => error(&self.id, &errors),
                    }));
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

fn error(id: &str, errors: &str) -> Outgoing {
    Outgoing { text: Header::of_error(id).with(errors), last: true }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    failed(&Error::internal(&panic_text(panic)))
}
