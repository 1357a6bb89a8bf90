//! Mutations of administrators.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::administration::{SetUserPointsInput, SetUserRoleInput};
use crate::graphql::mutation::repeatable;
use crate::graphql::types::node::parse_id_or_nil;
use crate::graphql::types::user_account::UserAccount;
use crate::graphql::types::user_error::UserError;
use crate::service::user_accounts;
use crate::service::user_accounts::AccountChange;

/// The result of changing the account of a user.
#[derive(SimpleObject)]
pub struct UserAccountPayload {
    /// The account after the change; null if there are errors.
    account: Option<UserAccount>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

impl UserAccountPayload {
    /// Changes the account of a user, or answers a repetition.
    async fn of(ctx: &Context<'_>, user_id: &ID, change: AccountChange) -> Result<Self> {
        let viewer = ctx.require_admin()?;
        let user_id = parse_id_or_nil(user_id);
        let act = user_accounts::change(ctx.services(), viewer, user_id, change, ctx.request_id());
        let (account, errors) = repeatable::run(ctx, Box::pin(act)).await?;
        Ok(Self { account: account.map(|account| UserAccount::for_viewer(account, viewer)), errors })
    }
}

#[derive(Default)]
pub struct AdministrationMutation;

#[Object]
impl AdministrationMutation {
    /// Changes the role of a user. It applies to their open connections at once. NOT_ALLOWED for the viewer's own
    /// account. Requires the role ADMIN.
    async fn set_user_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the role.")] input: SetUserRoleInput,
    ) -> Result<UserAccountPayload> {
        UserAccountPayload::of(ctx, &input.user_id, AccountChange::SetRole(input.role.into())).await
    }

    /// Sets the points of a user, from which their worker level follows. NOT_ALLOWED for the viewer's own account.
    /// Requires the role ADMIN.
    async fn set_user_points(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the points.")] input: SetUserPointsInput,
    ) -> Result<UserAccountPayload> {
        UserAccountPayload::of(ctx, &input.user_id, AccountChange::SetPoints(input.points.into())).await
    }

    /// Blocks a user: their sessions end, they cannot sign in, and their ACTIVE gigs are paused. A user who is blocked
    /// already stays blocked. NOT_ALLOWED for the viewer's own account. Requires the role ADMIN.
    async fn block_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the user. It starts with `usr_`.")] user_id: ID,
    ) -> Result<UserAccountPayload> {
        UserAccountPayload::of(ctx, &user_id, AccountChange::Block).await
    }

    /// Ends the block of a user. Gigs that it has paused become ACTIVE again. NOT_ALLOWED for the viewer's own account.
    /// Requires the role ADMIN.
    async fn unblock_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the user. It starts with `usr_`.")] user_id: ID,
    ) -> Result<UserAccountPayload> {
        UserAccountPayload::of(ctx, &user_id, AccountChange::Unblock).await
    }

    /// Places a user under a legal hold: their data is not erased, and what they replace or delete is retained. The user
    /// does not see it. NOT_ALLOWED for the viewer's own account. Requires the role ADMIN.
    async fn place_legal_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the user. It starts with `usr_`.")] user_id: ID,
    ) -> Result<UserAccountPayload> {
        UserAccountPayload::of(ctx, &user_id, AccountChange::PlaceLegalHold).await
    }

    /// Lifts the legal hold of a user, and deletes what it has retained. NOT_ALLOWED for the viewer's own account.
    /// Requires the role ADMIN.
    async fn lift_legal_hold(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the user. It starts with `usr_`.")] user_id: ID,
    ) -> Result<UserAccountPayload> {
        UserAccountPayload::of(ctx, &user_id, AccountChange::LiftLegalHold).await
    }
}
