//! Delivers the events of subscriptions: executes each event once, and sends the result to many subscribers.
//!
//! The library would keep a document, variables, a context and a task for each subscriber, and would execute
//! each event once per subscriber. Here subscribers share all of these:
//!
//! - [`CompiledOperation`](compiled_operation::CompiledOperation) is the operation of a document, ready to be
//!   executed for any event. Subscribers that send the same document share one ([`OperationCache`]).
//! - [`FanoutGroup`] is the set of subscribers with the same topic, operation, variables and scope
//!   ([`FanoutKey`]). The first of them that reaches an event starts its execution; the others get the same
//!   bytes.
//! - [`SubscriptionStream`] is one subscriber. It takes the events of its own stream, asks its group for the
//!   result of each, and yields each once and in order.
//! - `registry` holds operations and groups by their keys, as long as subscribers use them.
//!
//! Why this is safe: a shared execution runs with
//! [`ExecutionScope::Shared`](crate::graphql::context::ExecutionScope::Shared), which has only the
//! permissions that all subscribers of the group have. If a resolver needs to know the viewer, or hides
//! something that one of the subscribers might see, it marks the execution as viewer-dependent. The result is
//! then discarded, and the event is executed for each subscriber alone. Subscriptions to one user's own
//! objects share executions only within one session, and run as its user. So a private value cannot be
//! shared, and fields need not declare whether they are private.
//!
//! Permissions are checked at delivery: an event is executed only when the caller is known as of its position
//! ([`CurrentCaller`]).

mod compiled_operation;
mod current_caller;
mod fanout;
mod registry;
mod result_cache;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_graphql::ServerError;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::{Sleep, sleep};

pub use crate::engine::delivery::compiled_operation::{
    ExecutionEnv, HandoffSlot, OperationCache, SourceHandoff,
};
pub use crate::engine::delivery::current_caller::{CurrentCaller, SessionEvent};
pub use crate::engine::delivery::fanout::{FanoutGroup, FanoutGroups, FanoutKey};

use crate::domain::event::Event as LogEvent;
use crate::engine::delivery::result_cache::EventResult;
use crate::engine::operation_log::OperationLog;
use crate::engine::response::{error_response, finalize, to_json};
use crate::events::RETRY_DELAY;
use crate::events::stream::{Delivery, EventStream, StreamError};
use crate::graphql::context::{RequestMeta, request_span};
use crate::graphql::error::Error;
use crate::graphql::subscription::Event;
use crate::graphql::subscription::source::SubscriptionSource;
use crate::service;
use crate::service::Services;
use crate::store;

/// What a subscriber receives.
#[derive(Debug, Clone)]
pub enum Message {
    Next {
        /// The response to send, as JSON.
        payload: Arc<str>,
        /// The position of the event or the snapshot in the log.
        position: i64,
    },
    /// The last message: the errors that end the subscription, as JSON.
    Failed(Arc<str>),
}

/// One client's subscription: each event of its topic once and in order. Ends after [`Message::Failed`], or
/// when the gateway stops. Poll it again after its [`CurrentCaller`] has changed.
///
/// There are many subscriptions, and nearly all are idle. So it is a hand-written state machine, which takes
/// less memory than an async block.
pub struct SubscriptionStream {
    services: Arc<Services>,
    group: Arc<FanoutGroup>,
    stream: EventStream,
    subscriber: Subscriber,
    state: State,
}

/// Who receives the events.
struct Subscriber {
    current_caller: CurrentCaller,
    address: IpAddr,
    request_id: Arc<str>,
    requires_reviewer: bool,
    log: OperationLog,
}

enum State {
    /// Waits for the next event.
    Waiting,
    /// Waits until the caller is known as of the item.
    Checking(Item),
    /// Executes the event or the snapshot at this position.
    Executing(BoxFuture<'static, EventResult>, i64),
    /// Waits before it reads the log again, because the database is unavailable.
    Pausing(Pin<Box<Sleep>>),
    Ended,
}

/// What a subscriber receives next.
#[derive(Clone)]
enum Item {
    /// A snapshot, and its position in the log.
    Snapshot(Arc<(i64, Event)>),
    Event(Delivery, Arc<LogEvent>),
}

impl Item {
    fn position(&self) -> i64 {
        match self {
            Self::Snapshot(snapshot) => snapshot.0,
            Self::Event(_, event) => event.position,
        }
    }
}

impl SubscriptionStream {
    /// The gateway must have dispatched every event up to the position of the snapshot, if the handoff has
    /// one.
    pub fn new(
        services: Arc<Services>,
        group: Arc<FanoutGroup>,
        handoff: SourceHandoff,
        current_caller: CurrentCaller,
        meta: RequestMeta,
        log: OperationLog,
    ) -> Self {
        let SubscriptionSource { stream, first, requires_reviewer, .. } = handoff.source;
        let subscriber = Subscriber {
            current_caller,
            address: meta.address,
            request_id: meta.request_id,
            requires_reviewer,
            log,
        };
        let state = match first {
            Some(first) => State::Checking(Item::Snapshot(Arc::new(first))),
            None => State::Waiting,
        };
        Self { services, group, stream, subscriber, state }
    }

    /// The position after which the events begin, of a stream that has not been polled. `None` if a snapshot is
    /// the first.
    pub fn start(&self) -> Option<i64> {
        matches!(self.state, State::Waiting).then(|| self.stream.delivered_to())
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            let (result, position) = match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Executing(execution, position) => (ready!(execution.poll_unpin(task)), *position),
                State::Pausing(pause) => {
                    ready!(pause.as_mut().poll(task));
                    self.state = State::Waiting;
                    continue;
                }
                State::Waiting => {
                    if self.subscriber.is_forbidden() {
                        return Poll::Ready(Some(self.fail(&service::Error::Forbidden.into())));
                    }
                    let (delivery, event) = match ready!(self.stream.poll_next_unpin(task)) {
                        Some(Ok(next)) => next,
                        // The gateway is stopping.
                        None => {
                            self.state = State::Ended;
                            continue;
                        }
                        Some(Err(StreamError::Store(error))) if store::is_unavailable(&error) => {
                            self.state = State::Pausing(Box::pin(sleep(RETRY_DELAY)));
                            continue;
                        }
                        Some(Err(error)) => {
                            let error = request_span(&self.subscriber.request_id).in_scope(|| error.into());
                            return Poll::Ready(Some(self.fail(&error)));
                        }
                    };
                    self.state = State::Checking(Item::Event(delivery, event));
                    continue;
                }
                State::Checking(item) => {
                    ready!(self.subscriber.current_caller.poll_up_to_date(task));
                    let item = item.clone();
                    // The caller may have changed since the last check.
                    if self.subscriber.is_forbidden() {
                        return Poll::Ready(Some(self.fail(&service::Error::Forbidden.into())));
                    }
                    let position = item.position();
                    let Some(result) = self.cached_result(&item) else {
                        self.state = State::Executing(self.execute(item), position);
                        continue;
                    };
                    (result, position)
                }
            };
            self.state = State::Waiting;
            // The caller may have changed during the execution.
            if self.subscriber.is_forbidden() {
                return Poll::Ready(Some(self.fail(&service::Error::Forbidden.into())));
            }
            match result {
                EventResult::Next(payload) => return Poll::Ready(Some(Message::Next { payload, position })),
                EventResult::Failed(errors) => return Poll::Ready(Some(self.end_with(&errors))),
                EventResult::Skipped | EventResult::ViewerDependent => {}
            }
        }
    }

    fn cached_result(&self, item: &Item) -> Option<EventResult> {
        match item {
            Item::Snapshot(_) => None,
            Item::Event(delivery, event) => self.group.cached_result(*delivery, event.position),
        }
    }

    fn execute(&self, item: Item) -> BoxFuture<'static, EventResult> {
        let meta = self.subscriber.meta();
        match item {
            Item::Snapshot(snapshot) => {
                Arc::clone(&self.group).execute_snapshot(Arc::clone(&self.services), meta, snapshot)
            }
            Item::Event(delivery, event) => self.group.result(&self.services, meta, delivery, event),
        }
    }

    fn fail(&mut self, error: &Error) -> Message {
        self.end_with(&finalize(error_response(error), &self.subscriber.request_id).errors)
    }

    fn end_with(&mut self, errors: &[ServerError]) -> Message {
        self.state = State::Ended;
        self.subscriber.log.finish(errors);
        Message::Failed(to_json(&errors).into())
    }
}

impl Stream for SubscriptionStream {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll(task)
    }
}

impl Subscriber {
    /// Whether the caller has lost the permission to receive the events.
    fn is_forbidden(&self) -> bool {
        self.requires_reviewer && !self.current_caller.can_review()
    }

    fn meta(&self) -> RequestMeta {
        RequestMeta {
            caller: self.current_caller.caller(),
            address: self.address,
            request_id: Arc::clone(&self.request_id),
        }
    }
}
