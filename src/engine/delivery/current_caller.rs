//! The caller of a long-lived connection, who can change while it is open: the session may end, and the user
//! may get another role.
//!
//! A connection and its subscriptions share one [`CurrentCaller`] and are polled by one task. Before a
//! subscription executes an event, it waits until the caller is up to date
//! ([`CurrentCaller::poll_up_to_date`]). When a stream yields an event, everything before it was dispatched,
//! also to the queue that is read here. So nothing from after the end of a session is sent, and every event
//! from after a change of the role is executed with the new role.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Sleep, sleep};
use tracing::Instrument;

use crate::domain::event::{EventBody, Topic};
use crate::domain::id::UserId;
use crate::domain::user::Viewer;
use crate::events::RETRY_DELAY;
use crate::events::stream::{EventStream, StreamError};
use crate::graphql::context::{Caller, request_span};
use crate::service;
use crate::service::{Services, accounts};

/// A change that concerns the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// The session has ended: nothing more may be sent, and the client must sign in again.
    SessionEnded,
    /// Events about the session may be missing: the client must connect again, so that it is checked.
    Interrupted,
    /// The user has another role. The [`CurrentCaller`] is already updated.
    RoleChanged,
    /// The gateway is shutting down.
    ShuttingDown,
}

/// The current caller of a connection. Clones share it.
#[derive(Clone)]
pub struct CurrentCaller(Arc<Mutex<State>>);

struct State {
    services: Arc<Services>,
    /// Under which failures are logged.
    request_id: Arc<str>,
    caller: Caller,
    /// The events about the user's sessions and role.
    session_events: EventStream,
    recheck: Recheck,
    /// The newest change that the connection has not taken. The end of the session stays here.
    change: Option<SessionEvent>,
}

enum Recheck {
    Idle,
    /// Reads the viewer again. `None`: the session has ended.
    Running(BoxFuture<'static, Option<Viewer>>),
    /// Waits before reading the event log again, because it cannot be read.
    Paused(Pin<Box<Sleep>>),
}

impl CurrentCaller {
    /// An anonymous caller, until [`watch`](Self::watch) is called.
    /// The id is that of the request that opened the connection.
    pub fn anonymous(services: Arc<Services>, request_id: Arc<str>) -> Self {
        // The nil user has no session events, but the end of the stream still announces a shutdown.
        let session_events = services.streams.live(Topic::SessionsAndRole(UserId::nil()));
        let (caller, recheck) = (Caller::Anonymous, Recheck::Idle);
        let state = State { services, request_id, caller, session_events, recheck, change: None };
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn caller(&self) -> Caller {
        self.lock().caller.clone()
    }

    pub fn set(&self, caller: Caller) {
        self.lock().caller = caller;
    }

    /// Sets the caller, and watches its session from now on. The caller of this method must check the
    /// credentials once more afterwards: the session may have changed between the first check and this call.
    pub fn watch(&self, caller: Caller) {
        let mut state = self.lock();
        if let Caller::Viewer(viewer) = &caller {
            state.session_events = state.services.streams.live(Topic::SessionsAndRole(viewer.id()));
        }
        state.caller = caller;
        // What is known or being read is about the previous credentials.
        (state.recheck, state.change) = (Recheck::Idle, None);
    }

    /// Whether the caller's current role or session is unknown. Nothing must be sent until it is known.
    pub fn is_rechecking(&self) -> bool {
        !matches!(self.lock().recheck, Recheck::Idle)
    }

    /// Waits for the next change.
    pub fn poll_event(&self, cx: &mut Context<'_>) -> Poll<SessionEvent> {
        let mut state = self.lock();
        state.advance(cx);
        let Some(change) = state.change else { return Poll::Pending };
        if change == SessionEvent::RoleChanged {
            state.change = None;
        }
        Poll::Ready(change)
    }

    /// Waits until the caller is as the events say that were dispatched until now. Stays pending if the
    /// session has ended or the gateway is shutting down: [`poll_event`](Self::poll_event) reports that.
    pub(super) fn poll_up_to_date(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.advance(cx);
        if state.has_ended() {
            // The task must see the change, even if it has polled for it already.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // A stream that is not live is reading the log.
        let is_up_to_date = matches!(state.recheck, Recheck::Idle) && state.session_events.is_live();
        if is_up_to_date { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(super) fn can_review(&self) -> bool {
        matches!(&self.lock().caller, Caller::Viewer(viewer) if viewer.role.can_review())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether nothing more can be sent.
    fn has_ended(&self) -> bool {
        matches!(
            self.change,
            Some(SessionEvent::SessionEnded | SessionEvent::Interrupted | SessionEvent::ShuttingDown)
        )
    }

    /// Handles the session events that have arrived, as far as possible without waiting.
    fn advance(&mut self, cx: &mut Context<'_>) {
        while !self.has_ended() {
            match self.poll_change(cx) {
                Poll::Ready(change) => self.change = Some(change),
                Poll::Pending => return,
            }
        }
    }

    fn poll_change(&mut self, cx: &mut Context<'_>) -> Poll<SessionEvent> {
        loop {
            match &mut self.recheck {
                Recheck::Idle => {}
                Recheck::Running(viewer) => {
                    let viewer = ready!(viewer.poll_unpin(cx));
                    self.recheck = Recheck::Idle;
                    let Some(viewer) = viewer else { return Poll::Ready(SessionEvent::SessionEnded) };
                    self.caller = Caller::Viewer(Arc::new(viewer));
                    return Poll::Ready(SessionEvent::RoleChanged);
                }
                Recheck::Paused(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.recheck = Recheck::Idle;
                }
            }
            let event = match ready!(self.session_events.poll_next_unpin(cx)) {
                Some(Ok((_, event))) => event,
                None => return Poll::Ready(SessionEvent::ShuttingDown),
                Some(Err(StreamError::CursorExpired | StreamError::InvalidCursor)) => {
                    return Poll::Ready(SessionEvent::Interrupted);
                }
                Some(Err(StreamError::Store(_) | StreamError::Panicked(_))) => {
                    self.recheck = Recheck::Paused(Box::pin(sleep(RETRY_DELAY)));
                    continue;
                }
            };
            let Caller::Viewer(viewer) = &self.caller else { continue };
            match event.body {
                EventBody::SessionEnded { session_id, .. } if session_id == viewer.session_id => {
                    return Poll::Ready(SessionEvent::SessionEnded);
                }
                EventBody::RoleChanged { .. } => {
                    let (services, viewer) = (Arc::clone(&self.services), Arc::clone(viewer));
                    let recheck = async move { refresh_viewer(&services, &viewer).await };
                    let recheck = recheck.instrument(request_span(&self.request_id));
                    self.recheck = Recheck::Running(recheck.boxed());
                }
                _ => {}
            }
        }
    }
}

/// Reads the viewer again, and retries for as long as the database is unavailable. `None`: the session has
/// ended.
async fn refresh_viewer(services: &Services, viewer: &Viewer) -> Option<Viewer> {
    loop {
        match accounts::refresh_viewer(services, viewer).await {
            Ok(viewer) => return Some(viewer),
            Err(service::Error::SessionEnded) => return None,
            Err(error) => {
                tracing::warn!(%error, "session recheck failed; retrying");
                sleep(RETRY_DELAY).await;
            }
        }
    }
}
