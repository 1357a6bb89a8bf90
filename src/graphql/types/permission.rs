//! Tells clients whether the viewer may do something before they try.

use async_graphql::{Enum, SimpleObject};

use crate::domain::permission;
use crate::domain::violation::Violation;
use crate::graphql::types::user_error::UserError;

/// An action that can be refused to a signed-in user. `Viewer.can` says whether and why.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "permission::Action")]
pub enum Action {
    /// Submit a gig for review.
    PostGig,
    /// Accept work from a buyer.
    TakeOrder,
    /// Submit one's own identity verification.
    SubmitVerification,
}

/// Whether the viewer may do something and, if not, why.
#[derive(SimpleObject)]
pub struct Permission {
    /// Whether the viewer may do it now.
    allowed: bool,
    /// The errors that the mutation itself would return; empty if `allowed` is true.
    reasons: Vec<UserError>,
}

impl From<Vec<Violation>> for Permission {
    fn from(missing: Vec<Violation>) -> Self {
        Self { allowed: missing.is_empty(), reasons: missing.into_iter().map(UserError::from).collect() }
    }
}
