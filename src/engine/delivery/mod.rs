//! One client's subscription under way: what it is told of each event, once and in order.
//!
//! [`compiled_operation`] holds an operation, checked once; [`fanout`] executes it once for all who can be answered alike; a
//! [`SubscriptionStream`] takes the events of its own stream to its cohort's answers.

mod compiled_operation;
mod fanout;
mod registry;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::time::{Sleep, sleep};

pub use crate::engine::delivery::compiled_operation::{
    ExecutionEnv, HandoffSlot, OperationCache, SourceHandoff,
};
pub use crate::engine::delivery::fanout::{FanoutGroups, FanoutKey};

use crate::engine::delivery::fanout::{EventResult, FanoutGroup};
use crate::engine::response::{error_response, finalize, to_json};
use crate::events::RETRY_DELAY;
use crate::events::stream::{EventStream, StreamError};
use crate::graphql::context::{Caller, RequestMeta};
use crate::graphql::error::Error;
use crate::graphql::subscription::source::SubscriptionSource;
use crate::service;
use crate::service::Services;
use crate::store;

/// Who is at the other end of a connection, as they are by now.
#[derive(Debug, Clone)]
pub struct CurrentCaller(Arc<Mutex<Caller>>);

impl CurrentCaller {
    pub fn new(caller: Caller) -> Self {
        Self(Arc::new(Mutex::new(caller)))
    }

    pub fn caller(&self) -> Caller {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reviews(&self) -> bool {
        matches!(&*self.0.lock().unwrap_or_else(PoisonError::into_inner), Caller::Viewer(viewer) if viewer.role.can_review())
    }

    /// From now on they are this.
    pub fn set(&self, caller: Caller) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = caller;
    }
}

/// What a subscriber is told.
#[derive(Debug, Clone)]
pub enum Message {
    /// An event.
    Next {
        /// What a client reads, as JSON.
        payload: Arc<str>,
        /// The event's place in the log, or the snapshot's.
        position: i64,
    },
    /// The subscription ends: the errors, as JSON.
    Failed(Arc<str>),
}

/// One client's subscription. There are many, nearly all of them idle: it is polled by hand, so that it is no larger
/// than what it must remember.
pub struct SubscriptionStream {
    services: Arc<Services>,
    group: Arc<FanoutGroup>,
    stream: EventStream,
    recipient: Recipient,
    state: State,
}

/// Who is told, and by which right.
struct Recipient {
    current_caller: CurrentCaller,
    address: IpAddr,
    request_id: Arc<str>,
    requires_reviewer: bool,
}

/// What it is doing.
enum State {
    /// It waits for an event.
    Waiting,
    /// A snapshot, or an event, is being shown.
    Showing(BoxFuture<'static, EventResult>, i64),
    /// The database is away.
    Pausing(Pin<Box<Sleep>>),
    Ended,
}

impl SubscriptionStream {
    pub fn new(
        services: Arc<Services>,
        group: Arc<FanoutGroup>,
        handoff: SourceHandoff,
        current_caller: CurrentCaller,
        meta: RequestMeta,
    ) -> Self {
        let SubscriptionSource { stream, first, requires_reviewer, .. } = handoff.source;
        let recipient = Recipient {
            current_caller,
            address: meta.address,
            request_id: meta.request_id,
            requires_reviewer,
        };
        let mut subscription_stream = Self { services, group, stream, recipient, state: State::Waiting };
        if let Some((position, event)) = first {
            let (services, group) =
                (Arc::clone(&subscription_stream.services), Arc::clone(&subscription_stream.group));
            let meta = subscription_stream.recipient.as_origin();
            subscription_stream.state = State::Showing(group.snapshot(services, meta, event), position);
        }
        subscription_stream
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            let (answer, position) = match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Showing(answer, position) => (ready!(answer.poll_unpin(task)), *position),
                State::Pausing(pause) => {
                    ready!(pause.as_mut().poll(task));
                    self.state = State::Waiting;
                    continue;
                }
                State::Waiting => {
                    if self.recipient.is_refused() {
                        return Poll::Ready(Some(self.fail(&service::Error::Forbidden.into())));
                    }
                    let (delivery, event) = match ready!(self.stream.poll_next_unpin(task)) {
                        Some(Ok(next)) => next,
                        // The gateway stops.
                        None => {
                            self.state = State::Ended;
                            continue;
                        }
                        Some(Err(StreamError::Store(error))) if store::is_unavailable(&error) => {
                            self.state = State::Pausing(Box::pin(sleep(RETRY_DELAY)));
                            continue;
                        }
                        Some(Err(error)) => return Poll::Ready(Some(self.fail(&error.into()))),
                    };
                    let Some(answer) = self.group.known(delivery, event.position) else {
                        let (meta, position) = (self.recipient.as_origin(), event.position);
                        let answer = self.group.answer(&self.services, meta, delivery, event);
                        self.state = State::Showing(answer, position);
                        continue;
                    };
                    (answer, event.position)
                }
            };
            self.state = State::Waiting;
            // It may have taken a while.
            if self.recipient.is_refused() {
                return Poll::Ready(Some(self.fail(&service::Error::Forbidden.into())));
            }
            match answer {
                EventResult::Next(payload) => return Poll::Ready(Some(Message::Next { payload, position })),
                EventResult::Failed(errors) => {
                    self.state = State::Ended;
                    return Poll::Ready(Some(Message::Failed(errors)));
                }
                EventResult::Skipped | EventResult::ViewerDependent => {}
            }
        }
    }

    fn fail(&mut self, error: &Error) -> Message {
        self.state = State::Ended;
        Message::Failed(to_json(&finalize(error_response(error), &self.recipient.request_id).errors).into())
    }
}

/// What the client is told; it ends once nothing is told any more. Whoever sets the client's [`CurrentCaller`] polls this
/// anew.
impl Stream for SubscriptionStream {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll(task)
    }
}

impl Recipient {
    /// Whether they may not have it any more.
    fn is_refused(&self) -> bool {
        self.requires_reviewer && !self.current_caller.reviews()
    }

    fn as_origin(&self) -> RequestMeta {
        RequestMeta {
            caller: self.current_caller.caller(),
            address: self.address,
            request_id: Arc::clone(&self.request_id),
        }
    }
}
