//! Inputs for signing up and signing in.

use async_graphql::InputObject;

/// The form of a new account. The limits in the descriptions are defaults; `Query.limits` has the current
/// ones.
#[derive(InputObject)]
pub struct SignUpInput {
    /// The e-mail address, at most 254 characters. EMAIL_TAKEN if another account has it; case does not
    /// matter.
    pub email: String,
    /// The password, 8 to 128 characters.
    #[graphql(secret)]
    pub password: String,
    /// The name that others see, one line of 2 to 50 characters.
    pub display_name: String,
}

/// The credentials of an account.
#[derive(InputObject)]
pub struct SignInInput {
    /// The e-mail address. Case does not matter.
    pub email: String,
    /// The password.
    #[graphql(secret)]
    pub password: String,
}
