//! What the viewer may do, asked beforehand.

use async_graphql::{Enum, SimpleObject};

use crate::domain::permission;
use crate::domain::violation::Violation;
use crate::graphql::types::user_error::UserError;

/// Something that takes more than a session.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "permission::Action")]
pub enum Action {
    /// Sending a gig for approval.
    PostGig,
    /// Taking work from a buyer.
    TakeOrder,
    /// Submitting one's identity verification.
    SubmitVerification,
}

/// Whether the viewer may, and what is missing where they may not.
#[derive(SimpleObject)]
pub struct Permission {
    /// Whether the viewer may do it now.
    allowed: bool,
    /// The errors that the act itself would answer with; empty where it is allowed.
    reasons: Vec<UserError>,
}

impl From<Vec<Violation>> for Permission {
    fn from(missing: Vec<Violation>) -> Self {
        Self { allowed: missing.is_empty(), reasons: missing.into_iter().map(UserError::from).collect() }
    }
}
