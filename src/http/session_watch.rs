//! Who is at the other end of a connection that lasts, and what becomes of them meanwhile.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, Sleep, sleep};
use uuid::Uuid;

use crate::domain::event::{EventBody, Topic};
use crate::domain::user::Viewer;
use crate::engine::Caller;
use crate::engine::delivery::Identity;
use crate::events::RETRY;
use crate::events::stream::{EventStream, StreamError};
use crate::http::credentials::Credentials;
use crate::http::state::Edge;
use crate::service;
use crate::service::accounts;

/// What has become of whoever is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Their session has ended: nothing more may be told.
    SessionEnded,
    /// They have another role, which their [`Identity`] knows already.
    RoleChanged,
    /// The gateway stops.
    GoingAway,
}

/// Whoever is at the other end of a connection.
pub struct Presence {
    edge: Arc<Edge>,
    identity: Identity,
    sessions: EventStream,
    ends_at: Option<Instant>,
    looking: Looking,
}

/// What it does besides listening.
enum Looking {
    Nowhere,
    /// Whether the session lives, and who that is now.
    Again(BoxFuture<'static, Option<Viewer>>),
    /// The database is away.
    Later(Pin<Box<Sleep>>),
}

impl Presence {
    /// Nobody yet, or a stranger.
    pub fn of_nobody(edge: Arc<Edge>) -> Self {
        // Nobody's: that the gateway stops is heard nevertheless.
        let sessions = edge.services.streams.live(Topic::Sessions(Uuid::nil()));
        let identity = Identity::new(Caller::Anonymous);
        Self { edge, identity, sessions, ends_at: None, looking: Looking::Nowhere }
    }

    /// Whoever they are by now.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When it must end, unless there are new credentials by then.
    pub fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Takes note of who is there, or of their new credentials. Whatever happens to their session from before this call
    /// on is told by [`change`](Self::change): the credentials are to be checked once more behind it.
    pub fn watch(&mut self, credentials: &Credentials) {
        if let Caller::Viewer(viewer) = &credentials.caller {
            self.sessions = self.edge.services.streams.live(Topic::Sessions(viewer.id()));
        }
        self.ends_at = credentials.expire_at.map(|expire_at| {
            let left = (expire_at - self.edge.services.now()).to_std().unwrap_or_default();
            Instant::now() + left + self.edge.limits.token_grace
        });
        self.identity.set(credentials.caller.clone());
        // What was looked up for whoever was there before says nothing of these.
        self.looking = Looking::Nowhere;
    }

    /// Whether it is not known right now who they are: nothing is to be told meanwhile.
    pub fn is_looking(&self) -> bool {
        !matches!(self.looking, Looking::Nowhere)
    }

    /// Waits until something becomes of them.
    pub fn poll_change(&mut self, task: &mut Context<'_>) -> Poll<Change> {
        loop {
            match &mut self.looking {
                Looking::Nowhere => {}
                Looking::Again(viewer) => {
                    let viewer = ready!(viewer.poll_unpin(task));
                    self.looking = Looking::Nowhere;
                    let Some(viewer) = viewer else { return Poll::Ready(Change::SessionEnded) };
                    self.identity.set(Caller::Viewer(Arc::new(viewer)));
                    return Poll::Ready(Change::RoleChanged);
                }
                Looking::Later(pause) => {
                    ready!(pause.as_mut().poll(task));
                    self.looking = Looking::Nowhere;
                }
            }
            let event = match ready!(self.sessions.poll_next_unpin(task)) {
                Some(Ok((_, event))) => event,
                None => return Poll::Ready(Change::GoingAway),
                // Nobody can tell what was missed.
                Some(Err(StreamError::CursorExpired | StreamError::InvalidCursor)) => {
                    return Poll::Ready(Change::SessionEnded);
                }
                Some(Err(StreamError::Store(_))) => {
                    self.looking = Looking::Later(Box::pin(sleep(RETRY)));
                    continue;
                }
            };
            let Caller::Viewer(viewer) = self.identity.caller() else { continue };
            match event.body {
                EventBody::SessionEnded { session_id, .. } if session_id == viewer.session_id => {
                    return Poll::Ready(Change::SessionEnded);
                }
                EventBody::RoleChanged { .. } => {
                    let edge = Arc::clone(&self.edge);
                    let looking = async move { look_again(&edge, &viewer).await };
                    self.looking = Looking::Again(looking.boxed());
                }
                _ => {}
            }
        }
    }
}

/// The viewer as they are now, however long the database is away; `None` where their session has ended.
async fn look_again(edge: &Edge, viewer: &Viewer) -> Option<Viewer> {
    loop {
        match accounts::look_again(&edge.services, viewer).await {
            Ok(viewer) => return Some(viewer),
            Err(service::Error::Unauthenticated) => return None,
            Err(error) => {
                tracing::warn!(%error, "cannot tell what has become of a person; trying again");
                sleep(RETRY).await;
            }
        }
    }
}
