//! What every resolver of one request works with, and who is asking.

use std::net::IpAddr;
use std::sync::Arc;

use async_graphql::Context;
use async_graphql::dataloader::DataLoader;
use tracing::Instrument;

use super::error::{Error, ErrorCode, Result};
use super::loader::Loader;
use crate::domain::user::Viewer;
use crate::live::cursor::Cursor;
use crate::service::Services;

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
pub struct RequestContext {
    services: Arc<Services>,
    caller: Caller,
    address: Option<IpAddr>,
    request_id: String,
    cursor: Cursor,
    loader: DataLoader<Loader>,
}

impl RequestContext {
    /// The context of a request that begins now.
    pub fn new(services: Arc<Services>, caller: Caller, address: Option<IpAddr>, request_id: String) -> Self {
        // Read before anything else of the request, so that nothing it reads is older.
        let cursor = services.streams.cursor(services.streams.handed_on.position());
        let viewer = match &caller {
            Caller::Viewer(viewer) => Some((**viewer).clone()),
            Caller::Anonymous | Caller::Rejected => None,
        };
        // Without a cache: a subscription's context lives long, and what it shows must be as of now.
        let spawn = |load| tokio::spawn(Instrument::in_current_span(load));
        let loader = DataLoader::new(Loader::new(Arc::clone(&services), viewer), spawn);
        Self { services, caller, address, request_id, cursor, loader }
    }

    /// Names this request in the log and to the client.
    pub fn request_id(&self) -> &str {
        &self.request_id
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

    /// The client's address, where it is known.
    fn address(&self) -> Option<IpAddr> {
        self.request().address
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
        match &self.request().caller {
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
        if viewer.role.reviews() {
            Ok(viewer)
        } else {
            Err(Error::new(ErrorCode::Forbidden, "This takes the role REVIEWER or ADMIN."))
        }
    }
}

impl<'a> Ask<'a> for Context<'a> {
    fn request(&self) -> &'a RequestContext {
        self.data_unchecked::<RequestContext>()
    }
}
