//! One operation of one socket: a query, a mutation, or a subscription for as long as it goes on.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use futures_util::future::{BoxFuture, ready};
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

/// What an operation says. Dropped, it says nothing more.
pub(super) type Operation = BoxStream<'static, Outgoing>;

/// Runs an operation of that kind.
pub(super) fn run(
    edge: Arc<Edge>,
    id: &str,
    kind: Option<OperationType>,
    origin: Origin,
    identity: Identity,
    request: Request,
    place: Option<Place<Uuid>>,
) -> Operation {
    match kind {
        Some(OperationType::Subscription) => {
            follow(edge, id, origin, identity, request, place)
        }
        Some(OperationType::Mutation) => {
            let executing = Arc::clone(&edge.engine).execute(origin, request);
            answer(id, async move { edge.act(executing).await })
        }
        Some(OperationType::Query) | None => answer(id, Arc::clone(&edge.engine).execute(origin, request)),
    }
}

/// The one answer to a query or mutation.
fn answer(id: &str, executing: impl Future<Output = Response> + Send + 'static) -> Operation {
    let id: Arc<str> = id.into();
    let said = {
        let id = Arc::clone(&id);
        executing.map(move |response| {
            let messages = if never_executed(&response) {
                vec![error(&id, &to_json(&response.errors))]
            } else {
                vec![next(&Header::of_next(&id), &to_json(&Sent::from(&response))), complete(&id)]
            };
            stream::iter(messages)
        })
    };
    whole(id, said.flatten_stream())
}

/// What a subscription tells, once it could begin.
fn follow(
    edge: Arc<Edge>,
    id: &str,
    origin: Origin,
    identity: Identity,
    request: Request,
    place: Option<Place<Uuid>>,
) -> Operation {
    enum State {
        Beginning(BoxFuture<'static, Result<Following, Response>>),
        Following(Box<Following>),
        Ended,
    }
    let id: Arc<str> = id.into();
    let beginning = async move { edge.engine.subscribe(identity, origin, request, None).await };
    let state = State::Beginning(beginning.boxed());
    // The place is free again once this is over.
    let kept = (Header::of_next(&id), Arc::clone(&id), place);
    let said = stream::unfold((state, kept), |(state, kept)| async move {
        let (header, id, _) = &kept;
        let mut following = match state {
            State::Beginning(beginning) => match beginning.await {
                Ok(following) => Box::new(following),
                Err(response) => {
                    return Some((error(id, &to_json(&response.errors)), (State::Ended, kept)));
                }
            },
            State::Following(following) => following,
            State::Ended => return None,
        };
        match following.next().await {
            Some(Told::Next { payload, .. }) => {
                Some((next(header, &payload), (State::Following(following), kept)))
            }
            Some(Told::Failed(errors)) => Some((error(id, &errors), (State::Ended, kept))),
            // The gateway stops, and the socket closes with that.
            None => None,
        }
    });
    whole(id, said)
}

/// A panic ends its operation, and no other.
fn whole(id: Arc<str>, said: impl Stream<Item = Outgoing> + Send + 'static) -> Operation {
    let said = AssertUnwindSafe(said).catch_unwind().map(move |said| {
        said.unwrap_or_else(|panic| {
            let response = failed(&Error::internal(&panic_text(panic.as_ref())));
            error(&id, &to_json(&response.errors))
        })
    });
    said.boxed()
}

/// What is refused before it could begin.
pub(super) fn refused(id: &str, error: &Error) -> Operation {
    let message = self::error(id, &to_json(&failed(error).errors));
    stream::once(ready(message)).boxed()
}

fn next(header: &Header, payload: &str) -> Outgoing {
    Outgoing { text: header.with(payload), last: false }
}

fn error(id: &str, errors: &str) -> Outgoing {
    Outgoing { text: Header::of_error(id).with(errors), last: true }
}

fn complete(id: &str) -> Outgoing {
    Outgoing { text: ServerMessage::Complete { id }.to_text(), last: true }
}
