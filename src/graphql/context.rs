//! What a resolver knows about its request: the caller, the services and the loader.
//!
//! # Execution for one viewer, and shared execution
//!
//! Nearly every execution is for one caller ([`ExecutionScope::Single`]): the response goes to the client
//! that sent the operation. An event of `gigPublished` or `reviewQueueChanged`, however, goes to many
//! subscribers. The engine executes such an event once for a whole [`Audience`] ([`ExecutionScope::Shared`])
//! and sends the same bytes to all subscribers that have the same operation and variables. That is correct
//! only if the result is the same for each of them:
//!
//! - [`ContextExt::viewer`], and the methods that use it, ask who the caller is. A shared execution cannot
//!   know: the call fails, and marks the execution as viewer-dependent.
//! - [`ContextExt::visibility`] is the viewer whose permissions decide what can be read. In a shared
//!   execution it has only the permissions that everybody in the audience has: those of a reviewer
//!   who owns nothing for [`Audience::Reviewers`], those of an anonymous client for the others.
//! - A resolver that hides something because of `visibility` must call [`ContextExt::mark_viewer_dependent`]:
//!   somebody in the audience may be allowed to see it.
//!
//! The engine discards the result of a viewer-dependent execution and executes the event again for each
//! subscriber alone. A resolver that forgets the mark hides something from somebody who may see it. It never
//! shows anything to somebody who may not.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, QueryPathNode, QueryPathSegment};
use tracing::Span;

use crate::domain::id::UserId;
use crate::domain::user::{Role, Viewer};
use crate::events::cursor::Cursor;
use crate::graphql::error::{Error, ErrorCode, Result};
use crate::graphql::load_spawner::{LoadSpawner, NoDelay};
use crate::graphql::loaders::Loader;
use crate::graphql::outcomes::OutcomeLog;
use crate::service;
use crate::service::Services;
use crate::store;
use crate::store::{DatabaseTime, ReaderKind};

/// The most objects of one kind that one statement reads. No operation within the default limits needs more,
/// so it takes one statement for each kind. Each key is at most two bound values; SQLite allows 32,766.
const BATCH_MAX: usize = 10_000;

/// Who sent a request.
#[derive(Debug, Clone)]
pub enum Caller {
    /// An anonymous client: the request has no credentials.
    Anonymous,
    /// A user with a valid session.
    Viewer(Arc<Viewer>),
    /// The credentials are invalid, expired or revoked. What does not depend on the caller still works, such
    /// as `refreshSession`. Everything else is UNAUTHENTICATED: the caller is not treated as anonymous.
    InvalidCredentials {
        /// Whether they are genuine, but their session has ended: only signing in again helps.
        has_session_ended: bool,
    },
}

impl Caller {
    /// The error of what needs a valid session, for a caller who has none.
    pub fn unauthenticated(&self) -> Error {
        match self {
            Self::InvalidCredentials { has_session_ended: true } => Error::session_ended(),
            _ => Error::unauthenticated(),
        }
    }
}

/// Subscribers who can share one execution of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    Anonymous,
    /// Users, who may see the same as anonymous clients. They have an execution of their own, because it must
    /// not wait for the reads of anonymous clients.
    SignedIn,
    Reviewers,
}

impl Audience {
    /// Whose connections an execution for this audience uses.
    pub fn reader_kind(self) -> ReaderKind {
        match self {
            Self::Anonymous => ReaderKind::Anonymous,
            Self::SignedIn | Self::Reviewers => ReaderKind::SignedIn,
        }
    }
}

/// Whom an execution is for. The module header explains the difference.
#[derive(Debug, Clone)]
pub enum ExecutionScope {
    Single(Caller),
    /// The result goes to everybody in the audience or, if it is viewer-dependent, to nobody.
    Shared(Audience),
}

/// Who sent an operation, and from where.
#[derive(Debug, Clone)]
pub struct RequestMeta {
    pub caller: Caller,
    /// The client's address.
    pub address: IpAddr,
    /// Identifies the request in logs, in the audit trail and in responses.
    pub request_id: Arc<str>,
}

/// The span of everything that is logged for a request. It has the level of errors, so that their lines have
/// the id at every level of the log.
pub fn request_span(request_id: &str) -> Span {
    tracing::error_span!(parent: None, "request", id = request_id)
}

impl RequestMeta {
    /// The signed-in user.
    pub fn user_id(&self) -> Option<UserId> {
        match &self.caller {
            Caller::Viewer(viewer) => Some(viewer.id()),
            Caller::Anonymous | Caller::InvalidCredentials { .. } => None,
        }
    }
}

/// The state of one execution: of a request, of an operation on a WebSocket, or of an event of a
/// subscription.
pub struct RequestContext {
    services: Arc<Services>,
    scope: ExecutionScope,
    address: IpAddr,
    request_id: Arc<str>,
    /// The viewer whose permissions decide what can be read; `None` if they are those of an anonymous client.
    visibility: Option<Arc<Viewer>>,
    cursor: Cursor,
    db: store::Reader,
    /// Created with the first load. Most events of subscriptions need none.
    loader: OnceLock<DataLoader<Loader>>,
    spawner: LoadSpawner,
    /// Whether the result of a shared execution depends on who receives it.
    is_viewer_dependent: AtomicBool,
    /// What a mutation with an idempotency key did, or does.
    outcomes: Option<Arc<OutcomeLog>>,
    /// The header `Last-Event-ID`, which a browser's `EventSource` sends when it reconnects. Takes precedence
    /// over `after`.
    last_event_id: Option<String>,
    /// The bytes of long texts that the response may still have.
    remaining_text: AtomicUsize,
    /// Whether the response has more.
    has_too_much_text: AtomicBool,
}

impl RequestContext {
    /// The context of an execution for one caller that starts now. The time of its reads is added to `time`.
    pub fn new(
        services: Arc<Services>,
        meta: &RequestMeta,
        spawner: LoadSpawner,
        time: DatabaseTime,
    ) -> Self {
        Self::with_scope(services, ExecutionScope::Single(meta.caller.clone()), meta, spawner, time)
    }

    /// The context of an execution with this scope that starts now.
    pub fn with_scope(
        services: Arc<Services>,
        scope: ExecutionScope,
        meta: &RequestMeta,
        spawner: LoadSpawner,
        time: DatabaseTime,
    ) -> Self {
        // Read first, so that everything else that the request reads is at least as new.
        let cursor = services.streams.cursor(services.streams.dispatched_position().current());
        let visibility = match &scope {
            ExecutionScope::Single(Caller::Viewer(viewer)) => Some(Arc::clone(viewer)),
            ExecutionScope::Single(Caller::Anonymous | Caller::InvalidCredentials { .. })
            | ExecutionScope::Shared(Audience::Anonymous | Audience::SignedIn) => None,
            ExecutionScope::Shared(Audience::Reviewers) => Some(Arc::new(Viewer::any_reviewer())),
        };
        let reader_kind = match &scope {
            ExecutionScope::Single(Caller::Viewer(_)) => ReaderKind::SignedIn,
            ExecutionScope::Single(Caller::Anonymous | Caller::InvalidCredentials { .. }) => {
                ReaderKind::Anonymous
            }
            ExecutionScope::Shared(audience) => audience.reader_kind(),
        };
        let db = services.db.reader(reader_kind, time);
        Self {
            services,
            scope,
            address: meta.address,
            request_id: Arc::clone(&meta.request_id),
            visibility,
            cursor,
            db,
            loader: OnceLock::new(),
            spawner,
            is_viewer_dependent: AtomicBool::new(false),
            outcomes: None,
            last_event_id: None,
            remaining_text: AtomicUsize::new(usize::MAX),
            has_too_much_text: AtomicBool::new(false),
        }
    }

    /// Sets the maximum size of the response in bytes.
    pub fn with_response_max(self, max: usize) -> Self {
        Self { remaining_text: AtomicUsize::new(max), ..self }
    }

    /// Whether long texts alone make the response too large. Then it is incomplete, and must be discarded.
    pub fn has_too_much_text(&self) -> bool {
        self.has_too_much_text.load(Ordering::Relaxed)
    }

    /// Sets the `Last-Event-ID` of the request.
    pub fn with_last_event_id(self, last_event_id: Option<String>) -> Self {
        Self { last_event_id, ..self }
    }

    /// Sets the log of a mutation with an idempotency key.
    pub fn with_outcomes(self, outcomes: Option<Arc<OutcomeLog>>) -> Self {
        Self { outcomes, ..self }
    }

    fn new_loader(&self) -> DataLoader<Loader> {
        let (services, request_id) = (Arc::clone(&self.services), Arc::clone(&self.request_id));
        let loader = Loader::new(services, self.db.clone(), self.visibility.clone(), request_id);
        // Without a cache: a resolver must see the current state.
        let loader = DataLoader::new(loader, self.spawner.clone(), NoDelay);
        loader.max_batch_size(BATCH_MAX).delay(Duration::ZERO)
    }

    /// Whether the result of this shared execution depends on the viewer, and must be discarded.
    pub fn is_viewer_dependent(&self) -> bool {
        self.is_viewer_dependent.load(Ordering::Relaxed)
    }

    fn set_viewer_dependent(&self) {
        self.is_viewer_dependent.store(true, Ordering::Relaxed);
    }
}

/// What resolvers can ask their [`Context`] for.
pub trait ContextExt<'a> {
    fn request(&self) -> &'a RequestContext;

    fn services(&self) -> &'a Services {
        &self.request().services
    }

    fn loader(&self) -> &'a DataLoader<Loader> {
        let request = self.request();
        request.loader.get_or_init(|| request.new_loader())
    }

    /// The connections for the reads of this operation.
    fn db(&self) -> &'a store::Reader {
        &self.request().db
    }

    /// Identifies the request in logs, in the audit trail and in responses.
    fn request_id(&self) -> &'a str {
        &self.request().request_id
    }

    /// The client's address.
    fn address(&self) -> IpAddr {
        self.request().address
    }

    /// The position in the event log when the request started.
    fn cursor(&self) -> Cursor {
        self.request().cursor
    }

    /// The log of a mutation with an idempotency key.
    fn outcomes(&self) -> Option<&'a OutcomeLog> {
        self.request().outcomes.as_deref()
    }

    /// The header `Last-Event-ID`.
    fn last_event_id(&self) -> Option<&'a str> {
        self.request().last_event_id.as_deref()
    }

    /// The signed-in user; `None` for an anonymous client. Marks a shared execution as viewer-dependent.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the credentials are invalid, or the execution is shared.
    fn viewer(&self) -> Result<Option<&'a Viewer>> {
        match &self.request().scope {
            ExecutionScope::Single(Caller::Anonymous) => Ok(None),
            ExecutionScope::Single(Caller::Viewer(viewer)) => Ok(Some(viewer)),
            ExecutionScope::Single(caller @ Caller::InvalidCredentials { .. }) => {
                Err(caller.unauthenticated())
            }
            ExecutionScope::Shared(_) => {
                self.request().set_viewer_dependent();
                Err(Error::unauthenticated())
            }
        }
    }

    /// The viewer whose permissions decide what can be read: the signed-in user or, in a shared execution, a
    /// viewer with only the permissions that everybody in the audience has. A resolver that hides something
    /// from this viewer must call [`mark_viewer_dependent`](Self::mark_viewer_dependent).
    ///
    /// # Errors
    /// UNAUTHENTICATED if the credentials are invalid.
    fn visibility(&self) -> Result<Option<&'a Viewer>> {
        match &self.request().scope {
            ExecutionScope::Single(caller @ Caller::InvalidCredentials { .. }) => {
                Err(caller.unauthenticated())
            }
            _ => Ok(self.request().visibility.as_deref()),
        }
    }

    /// Records that something is hidden from [`visibility`](Self::visibility). In a shared execution,
    /// somebody in the audience may be allowed to see it, so the result cannot be shared.
    fn mark_viewer_dependent(&self) {
        if matches!(self.request().scope, ExecutionScope::Shared(_)) {
            self.request().set_viewer_dependent();
        }
    }

    /// Counts a long text of the response, so that an execution ends when its response is too large to be
    /// sent, rather than with gigabytes in memory.
    ///
    /// # Errors
    /// The response is too large.
    fn count_text(&self, text: &str) -> Result<()> {
        let take = |remaining: usize| remaining.checked_sub(text.len());
        let request = self.request();
        if request.remaining_text.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            return Ok(());
        }
        request.has_too_much_text.store(true, Ordering::Relaxed);
        Err(Error::new(ErrorCode::QueryTooComplex, "The response is too large."))
    }

    /// How many lists the field is in: 0 for that of a single object.
    fn list_depth(&self) -> usize;

    /// The error to return if an object that must exist is not found, in a viewer-dependent shared execution:
    /// the object may be hidden. `None` in any other execution: the object is missing, which is an internal
    /// error.
    fn hidden_error(&self) -> Option<Error> {
        self.request().is_viewer_dependent().then(Error::unauthenticated)
    }

    /// The signed-in user.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a valid session.
    fn require_viewer(&self) -> Result<&'a Viewer> {
        self.viewer()?.ok_or_else(Error::unauthenticated)
    }

    /// The signed-in user, who must be a reviewer or an administrator.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a valid session, FORBIDDEN for a member.
    fn require_reviewer(&self) -> Result<&'a Viewer> {
        let viewer = self.require_viewer()?;
        if viewer.role.can_review() { Ok(viewer) } else { Err(service::Error::Forbidden.into()) }
    }

    /// The signed-in user, who must be an administrator.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a valid session, FORBIDDEN for everybody else.
    fn require_admin(&self) -> Result<&'a Viewer> {
        let viewer = self.require_viewer()?;
        if viewer.role == Role::Admin { Ok(viewer) } else { Err(service::Error::AdminRequired.into()) }
    }
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn request(&self) -> &'a RequestContext {
        self.data_unchecked::<Arc<RequestContext>>()
    }

    fn list_depth(&self) -> usize {
        let mut depth = 0;
        let mut node = self.path_node.as_ref();
        while let Some(QueryPathNode { parent, segment }) = node {
            depth += usize::from(matches!(segment, QueryPathSegment::Index(_)));
            node = *parent;
        }
        depth
    }
}
