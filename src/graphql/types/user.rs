//! The public profile of a user.

use async_graphql::{ID, Object};

use crate::domain::user;
use crate::graphql::error::Result;
use crate::graphql::types::gig_connection::GigConnection;
use crate::graphql::types::node::public_id;
use crate::graphql::types::pagination::PageArguments;
use crate::graphql::types::scalar::DateTime;

pub struct User(user::User);

impl From<user::User> for User {
    fn from(user: user::User) -> Self {
        Self(user)
    }
}

/// The public profile of a user. Everybody can read it.
#[Object]
impl User {
    /// Global id that starts with `usr_`.
    pub async fn id(&self) -> ID {
        public_id(self.0.id)
    }

    /// The name that others see. `Limits.account` has the lengths it can have.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// The worker level, 0 to 10,000. It follows from the user's points, which the operator of the marketplace sets.
    /// `Limits.levels` has the points that each level needs.
    async fn level(&self) -> i32 {
        self.0.level()
    }

    /// Whether the user's identity is verified: their verification is CLEARED.
    async fn verified(&self) -> bool {
        self.0.verified
    }

    /// When the user signed up.
    async fn member_since(&self) -> DateTime {
        self.0.member_since.into()
    }

    /// The user's ACTIVE gigs, most recently published first.
    async fn gigs(
        &self,
        ctx: &async_graphql::Context<'_>,
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
        let arguments = PageArguments { first, after, last, before };
        GigConnection::of_seller(ctx, self.0.id, arguments).await
    }
}
