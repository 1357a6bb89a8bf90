//! A person, as others see them.

use async_graphql::{ID, Object};

use crate::domain::id::IdKind;
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

/// A person, as everybody sees them.
#[Object]
impl User {
    /// Begins with `usr_`.
    pub async fn id(&self) -> ID {
        public_id(IdKind::User, self.0.id)
    }

    /// The name they chose, 2 to 50 characters.
    async fn display_name(&self) -> &str {
        &self.0.display_name
    }

    /// The worker level, 0 and up; see `Limits.levels`.
    async fn level(&self) -> i32 {
        self.0.level()
    }

    /// Whether their identity is cleared.
    async fn verified(&self) -> bool {
        self.0.verified
    }

    /// When they signed up.
    async fn member_since(&self) -> DateTime {
        self.0.member_since.into()
    }

    /// Their ACTIVE gigs, newest first.
    async fn gigs(
        &self,
        ctx: &async_graphql::Context<'_>,
        #[graphql(desc = "How many from the front, 0 to 100; 20 where neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor.")] before: Option<String>,
    ) -> Result<GigConnection> {
        let arguments = PageArguments { first, after, last, before };
        GigConnection::of_seller(ctx, self.0.id, arguments).await
    }
}
