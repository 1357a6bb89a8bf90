//! The viewer's own account, and sessions.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};
use secrecy::ExposeSecret;

use crate::clock::seconds_until;
use crate::domain::gig_filter::{GigFilter, GigOrder};
use crate::domain::id::{UserId, ViewerId};
use crate::domain::permission::unmet_requirements;
use crate::domain::user;
use crate::domain::verification as domain;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::inputs::list_length::check_list_length;
use crate::graphql::loaders::{OwnGigCount, OwnVerification};
use crate::graphql::types::gig::GigStatus;
use crate::graphql::types::gig_connection::GigConnection;
use crate::graphql::types::node::public_id;
use crate::graphql::types::pagination::PageArguments;
use crate::graphql::types::permission::{Action, Permission};
use crate::graphql::types::rights::ErasureRequest;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user::User;
use crate::graphql::types::verification::Verification;
use crate::service::accounts;
use crate::store::erasure_requests;
use crate::store::gigs::query::{GigQuery, Scope};

/// The role of a user, which decides what they may do.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "user::Role")]
pub enum Role {
    /// May sell gigs.
    Member,
    /// May also decide about the gigs and verifications of others.
    Reviewer,
    /// Runs the marketplace. May do everything that a reviewer may do.
    Admin,
}

pub struct Viewer(user::Viewer);

impl From<user::Viewer> for Viewer {
    fn from(viewer: user::Viewer) -> Self {
        Self(viewer)
    }
}

/// The viewer's verification, in status NOT_STARTED if they have not begun.
async fn own_verification(ctx: &Context<'_>, user_id: UserId) -> Result<domain::Verification> {
    let stored = ctx.loader().load_one(OwnVerification(user_id)).await?;
    Ok(stored.unwrap_or_else(|| domain::Verification::not_started(user_id)))
}

/// The signed-in user, with what only they can see of their account.
#[Object]
impl Viewer {
    /// An id that starts with `vwr_`, under which a client can cache the viewer. It is not the id of a `Node`:
    /// `Query.viewer` returns the viewer, and `user` has the id that others see.
    async fn id(&self) -> ID {
        public_id(ViewerId::from(self.0.id()))
    }

    /// The viewer's public profile.
    async fn user(&self) -> User {
        self.0.user.clone().into()
    }

    /// The e-mail address, as it was entered at sign-up.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// The viewer's role.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The viewer's own gigs in every status, most recently created first.
    async fn gigs(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only gigs in one of these statuses, at most 100. Without it, gigs in every status."
        )]
        status: Option<Vec<GigStatus>>,
        #[graphql(desc = "How many entries from the start: 0 to 100. 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(
            desc = "Only entries after this cursor. INVALID_CURSOR if it is malformed, or of a list in another order."
        )]
        after: Option<String>,
        #[graphql(desc = "How many entries from the end: 0 to 100. Not with `first`.")] last: Option<i32>,
        #[graphql(
            desc = "Only entries before this cursor. INVALID_CURSOR if it is malformed, or of a list in another order."
        )]
        before: Option<String>,
    ) -> Result<GigConnection> {
        check_list_length("status", status.as_deref())?;
        let statuses = status.map(|statuses| statuses.into_iter().map(Into::into).collect());
        let query = GigQuery {
            scope: Scope::Own { seller_id: self.0.id(), statuses },
            filter: GigFilter::default(),
            terms: None,
            order: GigOrder::CreatedNewest,
        };
        let arguments = PageArguments { first, after, last, before };
        GigConnection::of_query(ctx, Some(&self.0), query, arguments).await
    }

    /// The viewer's identity verification. It has the status NOT_STARTED until they begin.
    async fn verification(&self, ctx: &Context<'_>) -> Result<Verification> {
        Ok(Verification::for_viewer(own_verification(ctx, self.0.id()).await?, &self.0))
    }

    /// The viewer's request to be erased; null if there is none.
    async fn erasure_request(&self, ctx: &Context<'_>) -> Option<Result<ErasureRequest>> {
        nullable(async {
            let request = erasure_requests::find(ctx.db(), self.0.id()).await?;
            Ok(request.map(ErasureRequest::from))
        })
        .await
    }

    /// Whether the viewer may take this action now and, if not, why.
    async fn can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The action.")] action: Action,
    ) -> Result<Permission> {
        let (user, limits) = (&self.0.user, &ctx.services().limits);
        let unarchived = ctx.loader().load_one(OwnGigCount(user.id)).await?.unwrap_or_default();
        let verification = own_verification(ctx, user.id).await?;
        Ok(unmet_requirements(action.into(), user, unarchived, &verification, limits).into())
    }
}

/// The tokens of a session.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Session {
    /// For the header `Authorization: Bearer <token>`. Valid for 15 minutes by default.
    access_token: String,
    /// When the access token expires.
    access_token_expires_at: DateTime,
    /// For `refreshSession`. By default, the session ends if it is not refreshed for 30 days, and 90 days after the
    /// sign-in; for the roles REVIEWER and ADMIN, after 12 hours without a refresh, and 7 days after the sign-in.
    refresh_token: String,
    #[graphql(skip)]
    viewer: Viewer,
}

#[ComplexObject]
impl Session {
    /// Seconds from this response until the access token expires, for clients whose clock is wrong.
    async fn access_token_expires_in(&self, ctx: &Context<'_>) -> i32 {
        seconds_until(self.access_token_expires_at.0, ctx.services().now())
    }

    /// The signed-in user.
    async fn viewer(&self) -> &Viewer {
        &self.viewer
    }
}

impl From<accounts::Session> for Session {
    fn from(session: accounts::Session) -> Self {
        Self {
            access_token: session.access_token,
            access_token_expires_at: session.access_token_expires_at.into(),
            refresh_token: session.refresh_token.expose_secret().to_owned(),
            viewer: session.viewer.into(),
        }
    }
}
