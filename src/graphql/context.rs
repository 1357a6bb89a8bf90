//! What every resolver of one request works with, and who is asking.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::DataLoader;

use crate::domain::user::Viewer;
use crate::events::cursor::Cursor;
use crate::graphql::error::{Error, Result};
use crate::graphql::load_spawner::{LoadSpawner, NoDelay};
use crate::graphql::loaders::Loader;
use crate::service;
use crate::service::Services;

/// Whose request it is.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody's: it came without credentials.
    Anonymous,
    /// A person with a session that lives.
    Viewer(Arc<Viewer>),
    /// It came with credentials that are not good (any more). What everybody may do goes on, such as
    /// trading the refresh token; whatever depends on who is asking is refused, not answered as if
    /// to a stranger.
    InvalidCredentials,
}

/// People who are shown the same, as long as it depends on nothing but what they have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    Everyone,
    Reviewers,
}

/// Whom an answer is for.
#[derive(Debug, Clone)]
pub enum ExecutionScope {
    Single(Caller),
    /// Many people at once: the answer goes to each of them, or to none where it would not be the same for all.
    Shared(Audience),
}

/// Where an operation comes from.
#[derive(Debug, Clone)]
pub struct RequestMeta {
    pub caller: Caller,
    /// The client's address.
    pub address: IpAddr,
    /// Names the request in the log and to the client.
    pub request_id: Arc<str>,
}

/// One request, one operation of a socket, or one event of a subscription.
pub struct RequestContext {
    services: Arc<Services>,
    scope: ExecutionScope,
    address: IpAddr,
    request_id: Arc<str>,
    /// As whom to look at what an audience is shown.
    visibility: Option<Arc<Viewer>>,
    cursor: Cursor,
    loader: DataLoader<Loader>,
    /// Set where an audience's answer would not be the same for all of it.
    is_viewer_dependent: AtomicBool,
    /// In place of `after:`, where a client's browser resumes by itself.
    last_event_id: Option<String>,
}

impl RequestContext {
    /// The context of a request that begins now.
    pub fn new(services: Arc<Services>, meta: &RequestMeta, spawner: LoadSpawner) -> Self {
        Self::with_scope(services, ExecutionScope::Single(meta.caller.clone()), meta, spawner)
    }

    /// The same, of an answer that may be for many.
    pub fn with_scope(
        services: Arc<Services>,
        scope: ExecutionScope,
        meta: &RequestMeta,
        spawner: LoadSpawner,
    ) -> Self {
        // Read before anything else of the request, so that nothing it reads is older.
        let cursor = services.streams.cursor(services.streams.dispatched().position());
        let visibility = match &scope {
            ExecutionScope::Single(Caller::Viewer(viewer)) => Some(Arc::clone(viewer)),
            ExecutionScope::Single(Caller::Anonymous | Caller::InvalidCredentials)
            | ExecutionScope::Shared(Audience::Everyone) => None,
            ExecutionScope::Shared(Audience::Reviewers) => Some(Arc::new(Viewer::any_reviewer())),
        };
        // Without a cache: what it shows must be as of now.
        let loader =
            DataLoader::new(Loader::new(Arc::clone(&services), visibility.clone()), spawner, NoDelay);
        Self {
            services,
            scope,
            address: meta.address,
            request_id: Arc::clone(&meta.request_id),
            visibility,
            cursor,
            loader: loader.delay(Duration::ZERO),
            is_viewer_dependent: AtomicBool::new(false),
            last_event_id: None,
        }
    }

    /// The same, for a client that resumes behind this event.
    pub fn resuming(self, last_event_id: Option<String>) -> Self {
        Self { last_event_id, ..self }
    }

    /// Whether an answer to an audience would not be the same for all of it, and must go to none.
    pub fn is_viewer_dependent(&self) -> bool {
        self.is_viewer_dependent.load(Ordering::Relaxed)
    }

    fn mark(&self) {
        self.is_viewer_dependent.store(true, Ordering::Relaxed);
    }
}

/// How resolvers ask.
pub trait ContextExt<'a> {
    fn request(&self) -> &'a RequestContext;

    fn services(&self) -> &'a Services {
        &self.request().services
    }

    fn loader(&self) -> &'a DataLoader<Loader> {
        &self.request().loader
    }

    /// Names the request in the log, in the audit trail, and to the client.
    fn request_id(&self) -> &'a str {
        &self.request().request_id
    }

    /// The client's address.
    fn address(&self) -> IpAddr {
        self.request().address
    }

    /// The position in the log as the request began.
    fn cursor(&self) -> Cursor {
        self.request().cursor
    }

    /// The cursor that a client's browser resumes behind by itself.
    fn last_event_id(&self) -> Option<&'a str> {
        self.request().last_event_id.as_deref()
    }

    /// Who is asking; nobody, where it is a stranger. Whatever comes of it is shared with nobody else.
    ///
    /// # Errors
    /// UNAUTHENTICATED where the credentials are not good.
    fn viewer(&self) -> Result<Option<&'a Viewer>> {
        match &self.request().scope {
            ExecutionScope::Single(Caller::Anonymous) => Ok(None),
            ExecutionScope::Single(Caller::Viewer(viewer)) => Ok(Some(viewer)),
            ExecutionScope::Single(Caller::InvalidCredentials) => Err(Error::unauthenticated()),
            ExecutionScope::Shared(_) => {
                self.request().mark();
                Err(Error::unauthenticated())
            }
        }
    }

    /// As whom to look: who is asking or, for an audience, whoever has no more than its members have in common. What
    /// is not seen by these eyes must be told as [`mark_viewer_dependent`](Self::mark_viewer_dependent).
    ///
    /// # Errors
    /// UNAUTHENTICATED where the credentials are not good.
    fn visibility(&self) -> Result<Option<&'a Viewer>> {
        match &self.request().scope {
            ExecutionScope::Single(Caller::InvalidCredentials) => Err(Error::unauthenticated()),
            _ => Ok(self.request().visibility.as_deref()),
        }
    }

    /// Something is not shown, because of who is asking: one of an audience might see it.
    fn mark_viewer_dependent(&self) {
        if matches!(self.request().scope, ExecutionScope::Shared(_)) {
            self.request().mark();
        }
    }

    /// In place of an error about something that is missing, where an audience may just not see it: each of them is
    /// asked about alone.
    fn hidden_error(&self) -> Option<Error> {
        self.request().is_viewer_dependent().then(Error::unauthenticated)
    }

    /// Who is asking.
    ///
    /// # Errors
    /// UNAUTHENTICATED where nobody has signed in.
    fn require_viewer(&self) -> Result<&'a Viewer> {
        self.viewer()?.ok_or_else(Error::unauthenticated)
    }

    /// The reviewer who is asking.
    ///
    /// # Errors
    /// UNAUTHENTICATED where nobody has signed in, FORBIDDEN where it is a member.
    fn reviewer(&self) -> Result<&'a Viewer> {
        let viewer = self.require_viewer()?;
        if viewer.role.reviews() { Ok(viewer) } else { Err(service::Error::Forbidden.into()) }
    }
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn request(&self) -> &'a RequestContext {
        self.data_unchecked::<Arc<RequestContext>>()
    }
}
