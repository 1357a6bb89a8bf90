//! Tells clients whether the viewer may do something before they try.

use async_graphql::{Enum, SimpleObject};

use crate::domain::permission;
use crate::domain::violation::Violation;
use crate::graphql::types::user_error::UserError;

/// An action that can need more than a session, such as a verified identity. `Viewer.can` says whether the viewer may
/// take it now and, if not, why.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "permission::Action")]
pub enum Action {
    /// Submit a gig for review.
    PostGig,
    /// Accept work from a buyer. This API has no orders and no mutation for it: the check is for a program that has
    /// them.
    TakeOrder,
    /// Submit one's own identity verification.
    SubmitVerification,
}

/// Whether the viewer may do something and, if not, why.
#[derive(SimpleObject)]
pub struct Permission {
    /// Whether the viewer may do it now.
    allowed: bool,
    /// Why not: the validation errors that the action's mutation would return. Empty if `allowed` is true.
    reasons: Vec<UserError>,
}

impl From<Vec<Violation>> for Permission {
    fn from(missing: Vec<Violation>) -> Self {
        Self { allowed: missing.is_empty(), reasons: missing.into_iter().map(UserError::from).collect() }
    }
}
