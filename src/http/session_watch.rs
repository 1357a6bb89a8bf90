//! Watches the session of the client of a long-lived connection. The session may end, and the user may get
//! another role, while the connection is open.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, Sleep, sleep};

use crate::domain::event::{EventBody, Topic};
use crate::domain::id::UserId;
use crate::domain::user::Viewer;
use crate::engine::Caller;
use crate::engine::delivery::CurrentCaller;
use crate::events::RETRY_DELAY;
use crate::events::stream::{EventStream, StreamError};
use crate::http::credentials::Credentials;
use crate::http::state::AppState;
use crate::service;
use crate::service::accounts;

/// A change that concerns the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// The session has ended: nothing more may be sent.
    SessionEnded,
    /// The user has another role. The [`CurrentCaller`] is already updated.
    RoleChanged,
    /// The gateway is shutting down.
    ShuttingDown,
}

/// Watches the session of one connection.
pub struct SessionWatch {
    state: Arc<AppState>,
    current_caller: CurrentCaller,
    /// The events about the user's sessions.
    session_events: EventStream,
    ends_at: Option<Instant>,
    recheck: Recheck,
}

enum Recheck {
    Idle,
    /// Reads the viewer again. `None`: the session has ended.
    Running(BoxFuture<'static, Option<Viewer>>),
    /// Waits before reading the event log again, because the database is unavailable.
    Paused(Pin<Box<Sleep>>),
}

impl SessionWatch {
    /// Starts without a session: the client is anonymous until [`watch`](Self::watch) is called.
    pub fn new(state: Arc<AppState>) -> Self {
        // The nil user has no session events, but the end of the stream still announces a shutdown.
        let session_events = state.services.streams.live(Topic::SessionsAndRole(UserId::nil()));
        let current_caller = CurrentCaller::new(Caller::Anonymous);
        Self { state, current_caller, session_events, ends_at: None, recheck: Recheck::Idle }
    }

    /// The caller with its current role.
    pub fn current_caller(&self) -> &CurrentCaller {
        &self.current_caller
    }

    /// When the connection must end, unless the client sends new credentials first.
    pub fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Watches the session of these credentials from now on. The caller of this method must check the
    /// credentials once more afterwards: [`poll_event`](Self::poll_event) reports only changes after this
    /// call, and the session may have changed between the first check and this call.
    pub fn watch(&mut self, credentials: &Credentials) {
        if let Caller::Viewer(viewer) = &credentials.caller {
            self.session_events = self.state.services.streams.live(Topic::SessionsAndRole(viewer.id()));
        }
        self.ends_at = credentials.expires_at.map(|expires_at| {
            let remaining = (expires_at - self.state.services.now()).to_std().unwrap_or_default();
            Instant::now() + remaining + self.state.limits.token_grace
        });
        self.current_caller.set(credentials.caller.clone());
        // A running recheck is about the previous credentials.
        self.recheck = Recheck::Idle;
    }

    /// Whether the caller's current role or session is unknown. Nothing must be sent until it is known.
    pub fn is_rechecking(&self) -> bool {
        !matches!(self.recheck, Recheck::Idle)
    }

    /// Waits for the next change.
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<SessionEvent> {
        loop {
            match &mut self.recheck {
                Recheck::Idle => {}
                Recheck::Running(viewer) => {
                    let viewer = ready!(viewer.poll_unpin(cx));
                    self.recheck = Recheck::Idle;
                    let Some(viewer) = viewer else { return Poll::Ready(SessionEvent::SessionEnded) };
                    self.current_caller.set(Caller::Viewer(Arc::new(viewer)));
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
                // Events may be missing, among them the end of the session.
                Some(Err(StreamError::CursorExpired | StreamError::InvalidCursor)) => {
                    return Poll::Ready(SessionEvent::SessionEnded);
                }
                Some(Err(StreamError::Store(_))) => {
                    self.recheck = Recheck::Paused(Box::pin(sleep(RETRY_DELAY)));
                    continue;
                }
            };
            let Caller::Viewer(viewer) = self.current_caller.caller() else { continue };
            match event.body {
                EventBody::SessionEnded { session_id, .. } if session_id == viewer.session_id => {
                    return Poll::Ready(SessionEvent::SessionEnded);
                }
                EventBody::RoleChanged { .. } => {
                    let state = Arc::clone(&self.state);
                    let recheck = async move { refresh_viewer(&state, &viewer).await };
                    self.recheck = Recheck::Running(recheck.boxed());
                }
                _ => {}
            }
        }
    }
}

/// Reads the viewer again, and retries for as long as the database is unavailable. `None`: the session has
/// ended.
async fn refresh_viewer(state: &AppState, viewer: &Viewer) -> Option<Viewer> {
    loop {
        match accounts::refresh_viewer(&state.services, viewer).await {
            Ok(viewer) => return Some(viewer),
            Err(service::Error::Unauthenticated) => return None,
            Err(error) => {
                tracing::warn!(%error, "session recheck failed; retrying");
                sleep(RETRY_DELAY).await;
            }
        }
    }
}
