//! Signing up and in.

use async_graphql::InputObject;

/// What a new person fills in.
#[derive(InputObject)]
pub struct SignUpInput {
    /// Unique, ignoring case; at most 254 characters.
    pub email: String,
    /// 8 to 128 characters.
    #[graphql(secret)]
    pub password: String,
    /// The name that others see, 2 to 50 characters.
    pub display_name: String,
}

/// What a person proves themselves with.
#[derive(InputObject)]
pub struct SignInInput {
    /// Upper and lower case do not matter.
    pub email: String,
    /// The password.
    #[graphql(secret)]
    pub password: String,
}
