//! Inputs of administrators.

use async_graphql::{ID, InputObject};

use crate::domain::user_account::AccountKey;
use crate::graphql::error::{Error, Result};
use crate::graphql::types::account::Role;
use crate::graphql::types::node::parse_id_or_nil;

/// What identifies an account: the id of the user, or the e-mail address. Exactly one must be given.
#[derive(InputObject)]
pub struct UserAccountKey {
    /// The id of the user. It starts with `usr_`.
    pub id: Option<ID>,
    /// The e-mail address. Case does not matter.
    pub email: Option<String>,
}

impl UserAccountKey {
    /// The key.
    ///
    /// # Errors
    /// BAD_USER_INPUT unless exactly one field is given.
    pub fn parse(self) -> Result<AccountKey> {
        match (self.id, self.email) {
            (Some(id), None) => Ok(AccountKey::Id(parse_id_or_nil(&id))),
            (None, Some(email)) => Ok(AccountKey::Email(email)),
            _ => Err(Error::bad_input("Use either `id` or `email` in `by`, and not both.")),
        }
    }
}

/// The new role of a user.
#[derive(InputObject)]
pub struct SetUserRoleInput {
    /// The id of the user. It starts with `usr_`.
    pub user_id: ID,
    /// The new role.
    pub role: Role,
}

/// The new points of a user.
#[derive(InputObject)]
pub struct SetUserPointsInput {
    /// The id of the user. It starts with `usr_`.
    pub user_id: ID,
    /// The new number of points, 0 to 1,000,000,000.
    pub points: i32,
}
