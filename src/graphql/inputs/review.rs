//! What a reviewer decides.

use async_graphql::{Enum, ID, InputObject};

use crate::domain::reason::ReasonForm;
use crate::domain::review;

/// A reason as a reviewer gives it.
#[derive(InputObject)]
pub struct ReviewReasonInput {
    /// A known code for this kind of review, for example "CONTACT_DETAILS", or "OTHER".
    pub code: String,
    /// The path of what is at fault.
    pub field: Option<Vec<String>>,
    /// For the person; the code's own words where it is left out. "OTHER" needs it. At most 500 characters.
    pub message: Option<String>,
}

impl From<ReviewReasonInput> for ReasonForm {
    fn from(input: ReviewReasonInput) -> Self {
        Self { code: input.code, field: input.field, message: input.message }
    }
}

/// What a reviewer makes of a gig.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::GigDecision")]
pub enum GigDecision {
    /// A gig IN_REVIEW becomes ACTIVE.
    Approve,
    /// A gig IN_REVIEW becomes REJECTED.
    Reject,
    /// A gig that is ACTIVE or PAUSED becomes SUSPENDED.
    Suspend,
}

/// A decision about a gig.
#[derive(InputObject)]
pub struct DecideGigInput {
    /// The gig.
    pub gig_id: ID,
    /// What becomes of it.
    pub decision: GigDecision,
    /// The version that the reviewer has seen; where it is not the newest any more, the answer is
    /// STALE_VERSION.
    pub expected_version: i32,
    /// At least one for REJECT and SUSPEND, none for APPROVE; at most 10.
    pub reasons: Option<Vec<ReviewReasonInput>>,
    /// For reviewers alone, at most 2000 characters.
    pub internal_note: Option<String>,
}

/// What a reviewer makes of a verification.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::VerificationDecision")]
pub enum VerificationDecision {
    /// One that is IN_REVIEW becomes CLEARED.
    Clear,
    /// One that is IN_REVIEW becomes ACTION_REQUIRED, or REJECTED where no attempt is left.
    RequestResubmission,
    /// One that is IN_REVIEW becomes REJECTED, for good.
    Reject,
    /// One that is CLEARED becomes REVOKED.
    Revoke,
}

/// A decision about a verification.
#[derive(InputObject)]
pub struct DecideVerificationInput {
    /// The verification.
    pub verification_id: ID,
    /// What becomes of it.
    pub decision: VerificationDecision,
    /// The version that the reviewer has seen; where it is not the newest any more, the answer is
    /// STALE_VERSION.
    pub expected_version: i32,
    /// At least one for all but CLEAR; at most 10. What their paths name is asked again:
    /// ["personalInfo"], ["documents"] or ["documents", "BACK"].
    pub reasons: Option<Vec<ReviewReasonInput>>,
    /// For reviewers alone, at most 2000 characters.
    pub internal_note: Option<String>,
}
