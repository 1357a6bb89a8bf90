//! What every resolver of one request works with, and who is asking.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::DataLoader;

use super::error::{Error, Result};
use super::execution::Origin;
use super::loader::Loader;
use super::loads::Begin;
use crate::domain::user::Viewer;
use crate::live::cursor::Cursor;
use crate::service::{self, Services};

/// Whose request it is.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody's: it came without credentials.
    Anonymous,
    /// A person with a session that lives.
    Viewer(Box<Viewer>),
    /// It came with credentials that are not good (any more). What everybody may do goes on, such as
    /// trading the refresh token; whatever depends on who is asking is refused, not answered as if
    /// to a stranger.
    Rejected,
}

/// One request, or one operation of a socket.
pub(super) struct RequestContext {
    services: Arc<Services>,
    origin: Origin,
    cursor: Cursor,
    loader: DataLoader<Loader>,
}

impl RequestContext {
    /// The context of a request that begins now.
    pub(super) fn new(services: Arc<Services>, origin: Origin, begin: Begin) -> Self {
        // Read before anything else of the request, so that nothing it reads is older.
        let cursor = services.streams.cursor(services.streams.handed_on.position());
        let viewer = match &origin.caller {
            Caller::Viewer(viewer) => Some((**viewer).clone()),
            Caller::Anonymous | Caller::Rejected => None,
        };
        // Where it cannot be begun, the request has ended, and nobody waits for it.
        let spawn = move |load| begin.send(load).is_ok();
        // Without a cache: a subscription's context lives long, and what it shows must be as of now.
        let loader = DataLoader::new(Loader::new(Arc::clone(&services), viewer), spawn);
        Self { services, origin, cursor, loader: loader.delay(Duration::ZERO) }
    }
}

/// How resolvers ask.
pub(super) trait Ask<'a> {
    fn request(&self) -> &'a RequestContext;

    fn services(&self) -> &'a Services {
        &self.request().services
    }

    fn services_arc(&self) -> Arc<Services> {
        Arc::clone(&self.request().services)
    }

    fn loader(&self) -> &'a DataLoader<Loader> {
        &self.request().loader
    }

    /// Names the request in the log, in the audit trail, and to the client.
    fn request_id(&self) -> &'a str {
        &self.request().origin.request_id
    }

    /// The client's address.
    fn address(&self) -> IpAddr {
        self.request().origin.address
    }

    /// The position in the log as the request began.
    fn cursor(&self) -> Cursor {
        self.request().cursor
    }

    /// Who is asking; nobody, where it is a stranger.
    ///
    /// # Errors
    /// UNAUTHENTICATED where the credentials are not good.
    fn viewer(&self) -> Result<Option<&'a Viewer>> {
        match &self.request().origin.caller {
            Caller::Anonymous => Ok(None),
            Caller::Viewer(viewer) => Ok(Some(viewer)),
            Caller::Rejected => Err(Error::unauthenticated()),
        }
    }

    /// Who is asking.
    ///
    /// # Errors
    /// UNAUTHENTICATED where nobody has signed in.
    fn signed_in(&self) -> Result<&'a Viewer> {
        self.viewer()?.ok_or_else(Error::unauthenticated)
    }

    /// The reviewer who is asking.
    ///
    /// # Errors
    /// UNAUTHENTICATED where nobody has signed in, FORBIDDEN where it is a member.
    fn reviewer(&self) -> Result<&'a Viewer> {
        let viewer = self.signed_in()?;
        if viewer.role.reviews() { Ok(viewer) } else { Err(service::Error::Forbidden.into()) }
    }
}

impl<'a> Ask<'a> for Context<'a> {
    fn request(&self) -> &'a RequestContext {
        self.data_unchecked::<RequestContext>()
    }
}
