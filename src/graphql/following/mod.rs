//! One client's subscription under way: what it is told of each event, once and in order.
//!
//! [`prepared`] holds an operation, checked once; [`cohort`] executes it once for all who can be answered alike; a
//! [`Following`] takes the events of its own stream to its cohort's answers.

mod cohort;
mod prepared;

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

pub use self::cohort::{Alike, Cohorts, SharedBy};
pub use self::prepared::{Deposit, Documents, Executor};

use self::cohort::{Answer, Cohort};
use super::answer::{failed, finished, to_json};
use super::context::{Asking, Caller, Origin};
use super::error::Error;
use super::subscription::{Event, RETRY};
use crate::domain::event::Event as Happened;
use crate::live::stream::{Delivery, EventStream, StreamError};
use crate::service::{self, Services};
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

/// One client's subscription.
pub struct Following {
    services: Arc<Services>,
    cohort: Arc<Cohort>,
    stream: EventStream,
    first: Option<Box<(i64, Event)>>,
    identity: Identity,
    address: IpAddr,
    request_id: Arc<str>,
    by_role: bool,
}

impl Following {
    pub(super) fn new(
        services: Arc<Services>,
        cohort: Arc<Cohort>,
        deposit: Deposit,
        identity: Identity,
        origin: Origin,
    ) -> Self {
        let begun = deposit.begun;
        Self {
            services,
            cohort,
            stream: begun.stream,
            first: begun.first.map(Box::new),
            identity,
            address: origin.address,
            request_id: origin.request_id,
            by_role: begun.by_role,
        }
    }

    /// What the client is told next; `None` where the gateway stops, and nothing is told any more.
    pub async fn next(&mut self) -> Option<Told> {
        // What takes more than to wait is boxed, so that an idle subscription does not hold the room for it.
        if let Some(first) = self.first.take() {
            let (position, event) = *first;
            let origin = self.origin();
            let asking = Asking::One(origin.caller.clone());
            let shown = Box::pin(self.cohort.shown(&self.services, &origin, asking, &event)).await;
            if let Some(told) = told(shown, position) {
                return Some(told);
            }
        }
        loop {
            let (delivery, event) = match self.happened().await {
                None => return Some(self.refused(&service::Error::Forbidden.into())),
                Some(Ok(Some(next))) => next,
                Some(Ok(None)) => return None,
                Some(Err(error)) => match self.failed(error).await {
                    Some(told) => return Some(told),
                    None => continue,
                },
            };
            let answer = match self.cohort.known(delivery, event.position) {
                Some(answer) => answer,
                None => self.ask(delivery, &event).await,
            };
            if let Some(told) = told(answer, event.position) {
                return Some(told);
            }
        }
    }

    async fn ask(&self, delivery: Delivery, event: &Arc<Happened>) -> Answer {
        let origin = self.origin();
        Box::pin(self.cohort.answer(&self.services, &origin, delivery, event)).await
    }

    /// What the client is told of a log that cannot be read; `None` where it may be tried again by now.
    async fn failed(&self, error: StreamError) -> Option<Told> {
        if let StreamError::Store(error) = &error
            && store::is_unavailable(error)
        {
            Box::pin(tokio::time::sleep(RETRY)).await;
            return None;
        }
        Some(self.refused(&error.into()))
    }

    fn refused(&self, error: &Error) -> Told {
        Told::Failed(to_json(&finished(failed(error), &self.request_id).errors).into())
    }

    /// The next event; `None` where the client may not have it any more. Whoever sets the client's [`Identity`] polls
    /// this anew.
    async fn happened(&mut self) -> Option<Result<Option<(Delivery, Arc<Happened>)>, StreamError>> {
        let mut next = pin!(self.stream.next());
        poll_fn(|task| {
            if self.by_role && !self.identity.reviews() {
                return Poll::Ready(None);
            }
            next.as_mut().poll(task).map(Some)
        })
        .await
    }

    fn origin(&self) -> Origin {
        Origin {
            caller: self.identity.caller(),
            address: self.address,
            request_id: Arc::clone(&self.request_id),
        }
    }
}

fn told(answer: Answer, position: i64) -> Option<Told> {
    match answer {
        Answer::Next(payload) => Some(Told::Next { payload, position }),
        Answer::Failed(errors) => Some(Told::Failed(errors)),
        Answer::LeftOut | Answer::Differs => None,
    }
}
