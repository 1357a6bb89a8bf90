//! One client's subscription under way: what it is told of each event, once and in order.
//!
//! [`compiled_operation`] holds an operation, checked once; [`fanout`] executes it once for all who can be answered alike; a
//! [`Following`] takes the events of its own stream to its cohort's answers.

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

pub use crate::engine::delivery::compiled_operation::{Documents, Executor, HandoffSlot, SourceHandoff};
pub use crate::engine::delivery::fanout::{Alike, Cohorts};

use crate::engine::delivery::fanout::{Answer, Cohort};
use crate::engine::response::{failed, finished, to_json};
use crate::events::RETRY;
use crate::events::stream::{EventStream, StreamError};
use crate::graphql::context::{Caller, Origin};
use crate::graphql::error::Error;
use crate::graphql::subscription::source::SubscriptionSource;
use crate::service;
use crate::service::Services;
use crate::store;

/// Who is at the other end of a connection, as they are by now.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Mutex<Caller>>);

impl Identity {
    pub fn new(caller: Caller) -> Self {
        Self(Arc::new(Mutex::new(caller)))
    }

    pub fn caller(&self) -> Caller {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reviews(&self) -> bool {
        matches!(&*self.0.lock().unwrap_or_else(PoisonError::into_inner), Caller::Viewer(viewer) if viewer.role.reviews())
    }

    /// From now on they are this.
    pub fn set(&self, caller: Caller) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = caller;
    }
}

/// What a subscriber is told.
#[derive(Debug, Clone)]
pub enum Told {
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
pub struct Following {
    services: Arc<Services>,
    cohort: Arc<Cohort>,
    stream: EventStream,
    asker: Asker,
    doing: Doing,
}

/// Who is told, and by which right.
struct Asker {
    identity: Identity,
    address: IpAddr,
    request_id: Arc<str>,
    by_role: bool,
}

/// What it is doing.
enum Doing {
    /// It waits for an event.
    Waiting,
    /// A snapshot, or an event, is being shown.
    Showing(BoxFuture<'static, Answer>, i64),
    /// The database is away.
    Pausing(Pin<Box<Sleep>>),
    Ended,
}

impl Following {
    pub fn new(
        services: Arc<Services>,
        cohort: Arc<Cohort>,
        handoff: SourceHandoff,
        identity: Identity,
        origin: Origin,
    ) -> Self {
        let SubscriptionSource { stream, first, by_role, .. } = handoff.source;
        let asker = Asker { identity, address: origin.address, request_id: origin.request_id, by_role };
        let mut following = Self { services, cohort, stream, asker, doing: Doing::Waiting };
        if let Some((position, event)) = first {
            let (services, cohort) = (Arc::clone(&following.services), Arc::clone(&following.cohort));
            let origin = following.asker.as_origin();
            following.doing = Doing::Showing(cohort.snapshot(services, origin, event), position);
        }
        following
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<Told>> {
        loop {
            let (answer, position) = match &mut self.doing {
                Doing::Ended => return Poll::Ready(None),
                Doing::Showing(answer, position) => (ready!(answer.poll_unpin(task)), *position),
                Doing::Pausing(pause) => {
                    ready!(pause.as_mut().poll(task));
                    self.doing = Doing::Waiting;
                    continue;
                }
                Doing::Waiting => {
                    if self.asker.is_refused() {
                        return Poll::Ready(Some(self.fail(&service::Error::Forbidden.into())));
                    }
                    let (delivery, event) = match ready!(self.stream.poll_next_unpin(task)) {
                        Some(Ok(next)) => next,
                        // The gateway stops.
                        None => {
                            self.doing = Doing::Ended;
                            continue;
                        }
                        Some(Err(StreamError::Store(error))) if store::is_unavailable(&error) => {
                            self.doing = Doing::Pausing(Box::pin(sleep(RETRY)));
                            continue;
                        }
                        Some(Err(error)) => return Poll::Ready(Some(self.fail(&error.into()))),
                    };
                    let Some(answer) = self.cohort.known(delivery, event.position) else {
                        let (origin, position) = (self.asker.as_origin(), event.position);
                        let answer = self.cohort.answer(&self.services, origin, delivery, event);
                        self.doing = Doing::Showing(answer, position);
                        continue;
                    };
                    (answer, event.position)
                }
            };
            self.doing = Doing::Waiting;
            // It may have taken a while.
            if self.asker.is_refused() {
                return Poll::Ready(Some(self.fail(&service::Error::Forbidden.into())));
            }
            match answer {
                Answer::Next(payload) => return Poll::Ready(Some(Told::Next { payload, position })),
                Answer::Failed(errors) => {
                    self.doing = Doing::Ended;
                    return Poll::Ready(Some(Told::Failed(errors)));
                }
                Answer::LeftOut | Answer::Differs => {}
            }
        }
    }

    fn fail(&mut self, error: &Error) -> Told {
        self.doing = Doing::Ended;
        Told::Failed(to_json(&finished(failed(error), &self.asker.request_id).errors).into())
    }
}

/// What the client is told; it ends once nothing is told any more. Whoever sets the client's [`Identity`] polls this
/// anew.
impl Stream for Following {
    type Item = Told;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Told>> {
        self.poll(task)
    }
}

impl Asker {
    /// Whether they may not have it any more.
    fn is_refused(&self) -> bool {
        self.by_role && !self.identity.reviews()
    }

    fn as_origin(&self) -> Origin {
        Origin {
            caller: self.identity.caller(),
            address: self.address,
            request_id: Arc::clone(&self.request_id),
        }
    }
}
