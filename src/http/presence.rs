//! Who is at the other end of a connection that lasts, and what becomes of them meanwhile.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::Edge;
use crate::domain::event::{EventBody, Topic};
use crate::domain::user::Viewer;
use crate::graphql::Caller;
use crate::graphql::following::Identity;
use crate::live::stream::{EventStream, StreamError};
use crate::service::{self, accounts};

/// How long to wait before looking again, while the database is away.
const RETRY: Duration = Duration::from_millis(500);

/// What has become of whoever is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Their session has ended: nothing more may be told.
    SessionEnded,
    /// They have another role, which their [`Identity`] knows already.
    RoleChanged,
    /// The gateway stops.
    GoingAway,
}

/// Good credentials: whose, and until when.
#[derive(Debug)]
pub(super) struct Credentials {
    pub caller: Caller,
    /// `None`: as long as the session lives.
    pub expire_at: Option<DateTime<Utc>>,
}

/// Whoever is at the other end of a connection.
pub(super) struct Presence {
    edge: Arc<Edge>,
    identity: Identity,
    sessions: EventStream,
    ends_at: Option<Instant>,
}

impl Presence {
    /// Nobody yet, or a stranger.
    pub fn of_nobody(edge: Arc<Edge>) -> Self {
        // Nobody's: that the gateway stops is heard nevertheless.
        let sessions = edge.services.streams.live(Topic::Sessions(Uuid::nil()));
        Self { edge, identity: Identity::new(Caller::Anonymous), sessions, ends_at: None }
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
    }

    /// Waits until something becomes of them. May be dropped while waiting without missing it.
    pub async fn change(&mut self) -> Change {
        loop {
            let event = match self.sessions.next().await {
                Ok(Some((_, event))) => event,
                Ok(None) => return Change::GoingAway,
                // Nobody can tell what was missed.
                Err(StreamError::CursorExpired | StreamError::InvalidCursor) => return Change::SessionEnded,
                Err(StreamError::Store(_)) => {
                    Box::pin(tokio::time::sleep(RETRY)).await;
                    continue;
                }
            };
            let Caller::Viewer(viewer) = self.identity.caller() else { continue };
            match event.body {
                EventBody::SessionEnded { session_id, .. } if session_id == viewer.session_id => {
                    return Change::SessionEnded;
                }
                EventBody::RoleChanged { .. } => match Box::pin(self.look_again(&viewer)).await {
                    Some(now) => {
                        self.identity.set(Caller::Viewer(Arc::new(now)));
                        return Change::RoleChanged;
                    }
                    None => return Change::SessionEnded,
                },
                _ => {}
            }
        }
    }

    /// The viewer as they are now, however long the database is away; `None` where their session has ended.
    async fn look_again(&self, viewer: &Viewer) -> Option<Viewer> {
        loop {
            match accounts::look_again(&self.edge.services, viewer).await {
                Ok(viewer) => return Some(viewer),
                Err(service::Error::Unauthenticated) => return None,
                Err(error) => {
                    tracing::warn!(%error, "cannot tell what has become of a person; trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}
