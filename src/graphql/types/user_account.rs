//! The account of a user, for administrators.

use async_graphql::{Context, ID, Object};

use crate::domain::id::{UserAccountId, VerificationId};
use crate::domain::{user, user_account, verification};
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::types::account::Role;
use crate::graphql::types::node::public_id;
use crate::graphql::types::rights::ErasureRequest;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user::User;
use crate::graphql::types::verification::Verification;

/// The account of a user, as administrators see it.
pub struct UserAccount {
    account: user_account::UserAccount,
    viewer: user::Viewer,
}

impl UserAccount {
    /// The account, for this administrator.
    pub fn for_viewer(account: user_account::UserAccount, viewer: &user::Viewer) -> Self {
        Self { account, viewer: viewer.clone() }
    }
}

/// The account of a user, as administrators see it.
#[Object]
impl UserAccount {
    /// An id that starts with `acc_`, under which a client can cache the account. It is not the id of a `Node`:
    /// `Query.userAccount` returns the account, and `user` has the id that others see.
    async fn id(&self) -> ID {
        public_id(UserAccountId::from(self.account.user.id))
    }

    /// The user's public profile.
    async fn user(&self) -> User {
        self.account.user.clone().into()
    }

    /// The e-mail address, as it was entered at sign-up; null if the user was erased.
    async fn email(&self) -> Option<&str> {
        self.account.email.as_deref()
    }

    /// The user's role.
    async fn role(&self) -> Role {
        self.account.role.into()
    }

    /// The user's points, from which their worker level follows. `Limits.levels` has the points that each level needs.
    async fn points(&self) -> i32 {
        i32::try_from(self.account.user.points).unwrap_or(i32::MAX)
    }

    /// Since when the user is blocked; null if they are not. A blocked user cannot sign in, and nobody finds their
    /// gigs.
    async fn blocked_since(&self) -> Option<DateTime> {
        self.account.blocked_at.map(Into::into)
    }

    /// Whether the user is under a legal hold: their data is not erased, and what they replace or delete is retained.
    /// The user does not see it.
    async fn legal_hold(&self) -> bool {
        self.account.is_held
    }

    /// When the user was erased; null if they were not.
    async fn erased_at(&self) -> Option<DateTime> {
        self.account.erased_at.map(Into::into)
    }

    /// The user's request to be erased; null if there is none.
    async fn erasure_request(&self) -> Option<ErasureRequest> {
        self.account.erasure_request.clone().map(Into::into)
    }

    /// How many sessions of the user have neither ended nor expired.
    async fn session_count(&self) -> i32 {
        i32::try_from(self.account.session_count).unwrap_or(i32::MAX)
    }

    /// The user's identity verification. It has the status NOT_STARTED until they begin.
    async fn verification(&self, ctx: &Context<'_>) -> Result<Verification> {
        let user_id = self.account.user.id;
        let stored = ctx.loader().load_one(VerificationId::from(user_id)).await?;
        let verification = stored.unwrap_or_else(|| verification::Verification::not_started(user_id));
        Ok(Verification::for_viewer(verification, &self.viewer))
    }

    /// Whether the viewer may change the account: false for their own, and for that of a user who was erased.
    async fn viewer_can_administer(&self) -> bool {
        self.account.can_be_administered_by(self.viewer.id())
    }
}
