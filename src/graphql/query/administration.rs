//! Queries of administrators.

use async_graphql::{Context, Object};

use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::inputs::administration::UserAccountKey;
use crate::graphql::types::user_account::UserAccount;
use crate::service::user_accounts;

#[derive(Default)]
pub(super) struct AdministrationQueries;

#[Object]
impl AdministrationQueries {
    /// The account of a user; null if there is none. Reading it is an entry of the audit trail. Requires the role ADMIN:
    /// for everybody else this field is null and has an error, and the other fields have their values.
    async fn user_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The id of the user, or the e-mail address. BAD_USER_INPUT if both or none is given."
        )]
        by: UserAccountKey,
    ) -> Option<Result<UserAccount>> {
        nullable(async {
            let viewer = ctx.require_admin()?;
            let key = by.parse()?;
            let account =
                user_accounts::view(ctx.services(), ctx.db(), viewer, &key, ctx.request_id()).await?;
            Ok(account.map(|account| UserAccount::for_viewer(account, viewer)))
        })
        .await
    }
}
