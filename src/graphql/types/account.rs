//! The viewer's own account.

use async_graphql::{Context, Enum, Object, SimpleObject};
use secrecy::ExposeSecret;

use crate::domain::gig_filter::{GigFilter, GigOrder};
use crate::domain::user;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::list_length::bounded;
use crate::graphql::types::gig::GigStatus;
use crate::graphql::types::gig_connection::GigConnection;
use crate::graphql::types::pagination::PageArguments;
use crate::graphql::types::permission::{Action, Permission};
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user::User;
use crate::graphql::types::verification::Verification;
use crate::service::{accounts, verifications};
use crate::store::gigs::query::{GigQuery, Scope};

/// What a person may do beyond their own things.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "user::Role")]
pub enum Role {
    /// Posts gigs.
    Member,
    /// Decides what others post.
    Reviewer,
    /// Whatever a reviewer may do, and runs the marketplace.
    Admin,
}

pub struct Viewer(user::Viewer);

impl From<user::Viewer> for Viewer {
    fn from(viewer: user::Viewer) -> Self {
        Self(viewer)
    }
}

/// Who is asking, with what they alone see of themselves.
#[Object]
impl Viewer {
    /// The viewer as others see them.
    async fn user(&self) -> User {
        self.0.user.clone().into()
    }

    /// As it was written at sign-up.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// What the viewer may do.
    async fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The viewer's own gigs in every status, newest first.
    async fn gigs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those in any of these statuses; all where it is left out.")] status: Option<
            Vec<GigStatus>,
        >,
        #[graphql(desc = "How many from the front, 0 to 100; 20 where neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor.")] before: Option<String>,
    ) -> Result<GigConnection> {
        bounded("status", status.as_deref())?;
        let statuses = status.map(|of| of.into_iter().map(Into::into).collect());
        let query = GigQuery {
            scope: Scope::Own { seller_id: self.0.id(), statuses },
            filter: GigFilter::default(),
            terms: None,
            order: GigOrder::Created,
        };
        let arguments = PageArguments { first, after, last, before };
        GigConnection::of_query(ctx, Some(&self.0), query, arguments).await
    }

    /// The viewer's identity verification; NOT_STARTED before they begin.
    async fn verification(&self, ctx: &Context<'_>) -> Result<Verification> {
        let verification = verifications::of_person(ctx.services(), self.0.id()).await?;
        Ok(Verification::seen_by(verification, &self.0))
    }

    /// Whether the viewer may do this now, and if not, what is missing: as the act itself would answer.
    async fn can(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the viewer has in mind.")] action: Action,
    ) -> Result<Permission> {
        Ok(verifications::missing(ctx.services(), &self.0, action.into()).await?.into())
    }
}

/// What a person who has just signed in holds.
#[derive(SimpleObject)]
pub struct Session {
    /// Goes into the header `Authorization: Bearer ..`, and lives 15 minutes.
    access_token: String,
    /// When the access token ends.
    access_token_expires_at: DateTime,
    /// Trades for a new pair, once; the session lives 30 days from its last trade.
    refresh_token: String,
    /// Whose session it is.
    viewer: Viewer,
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
