//! Who is at the other end of a connection that lasts, and what becomes of them meanwhile.

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

/// What has become of whoever is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    /// Their session has ended: nothing more may be told.
    SessionEnded,
    /// They have another role, which their [`CurrentCaller`] knows already.
    RoleChanged,
    /// The gateway stops.
    GoingAway,
}

/// Whoever is at the other end of a connection.
pub struct SessionWatch {
    state: Arc<AppState>,
    current_caller: CurrentCaller,
    sessions: EventStream,
    ends_at: Option<Instant>,
    recheck: Recheck,
}

/// What it does besides listening.
enum Recheck {
    Nowhere,
    /// Whether the session lives, and who that is now.
    Again(BoxFuture<'static, Option<Viewer>>),
    /// The database is away.
    Later(Pin<Box<Sleep>>),
}

impl SessionWatch {
    /// Nobody yet, or a stranger.
    pub fn of_nobody(state: Arc<AppState>) -> Self {
        // Nobody's: that the gateway stops is heard nevertheless.
        let sessions = state.services.streams.live(Topic::Sessions(UserId::nil()));
        let current_caller = CurrentCaller::new(Caller::Anonymous);
        Self { state, current_caller, sessions, ends_at: None, recheck: Recheck::Nowhere }
    }

    /// Whoever they are by now.
    pub fn current_caller(&self) -> &CurrentCaller {
        &self.current_caller
    }

    /// When it must end, unless there are new credentials by then.
    pub fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Takes note of who is there, or of their new credentials. Whatever happens to their session from before this call
    /// on is told by [`event`](Self::event): the credentials are to be checked once more behind it.
    pub fn watch(&mut self, credentials: &Credentials) {
        if let Caller::Viewer(viewer) = &credentials.caller {
            self.sessions = self.state.services.streams.live(Topic::Sessions(viewer.id()));
        }
        self.ends_at = credentials.expire_at.map(|expire_at| {
            let left = (expire_at - self.state.services.now()).to_std().unwrap_or_default();
            Instant::now() + left + self.state.limits.token_grace
        });
        self.current_caller.set(credentials.caller.clone());
        // What was looked up for whoever was there before says nothing of these.
        self.recheck = Recheck::Nowhere;
    }

    /// Whether it is not known right now who they are: nothing is to be told meanwhile.
    pub fn is_rechecking(&self) -> bool {
        !matches!(self.recheck, Recheck::Nowhere)
    }

    /// Waits until something becomes of them.
    pub fn poll_event(&mut self, task: &mut Context<'_>) -> Poll<SessionEvent> {
        loop {
            match &mut self.recheck {
                Recheck::Nowhere => {}
                Recheck::Again(viewer) => {
                    let viewer = ready!(viewer.poll_unpin(task));
                    self.recheck = Recheck::Nowhere;
                    let Some(viewer) = viewer else { return Poll::Ready(SessionEvent::SessionEnded) };
                    self.current_caller.set(Caller::Viewer(Arc::new(viewer)));
                    return Poll::Ready(SessionEvent::RoleChanged);
                }
                Recheck::Later(pause) => {
                    ready!(pause.as_mut().poll(task));
                    self.recheck = Recheck::Nowhere;
                }
            }
            let event = match ready!(self.sessions.poll_next_unpin(task)) {
                Some(Ok((_, event))) => event,
                None => return Poll::Ready(SessionEvent::GoingAway),
                // Nobody can tell what was missed.
                Some(Err(StreamError::CursorExpired | StreamError::InvalidCursor)) => {
                    return Poll::Ready(SessionEvent::SessionEnded);
                }
                Some(Err(StreamError::Store(_))) => {
                    self.recheck = Recheck::Later(Box::pin(sleep(RETRY_DELAY)));
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
                    self.recheck = Recheck::Again(recheck.boxed());
                }
                _ => {}
            }
        }
    }
}

/// The viewer as they are now, however long the database is away; `None` where their session has ended.
async fn refresh_viewer(state: &AppState, viewer: &Viewer) -> Option<Viewer> {
    loop {
        match accounts::refresh_viewer(&state.services, viewer).await {
            Ok(viewer) => return Some(viewer),
            Err(service::Error::Unauthenticated) => return None,
            Err(error) => {
                tracing::warn!(%error, "cannot tell what has become of a person; trying again");
                sleep(RETRY_DELAY).await;
            }
        }
    }
}
