//! Inputs for decisions of reviewers.

use async_graphql::{Enum, ID, InputObject};

use crate::domain::reason::ReasonForm;
use crate::domain::review;

/// A reason of a decision.
#[derive(InputObject)]
pub struct ReviewReasonInput {
    /// A code for this kind of review, for example "CONTACT_DETAILS", or "OTHER". INVALID names all codes if
    /// it is unknown.
    pub code: String,
    /// The path of the field that is wrong, for example ["description"]: at most 5 steps of at most 50
    /// characters.
    pub field: Option<Vec<String>>,
    /// What is wrong, in words for the user, by default at most 500 characters. Required for "OTHER"; for
    /// every other code, the default is the standard message of the code.
    pub message: Option<String>,
}

impl From<ReviewReasonInput> for ReasonForm {
    fn from(input: ReviewReasonInput) -> Self {
        Self { code: input.code, field: input.field, message: input.message }
    }
}

/// A reviewer's decision about a gig.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::GigDecision")]
pub enum GigDecision {
    /// A gig IN_REVIEW becomes ACTIVE.
    Approve,
    /// A gig IN_REVIEW becomes REJECTED.
    Reject,
    /// An ACTIVE or PAUSED gig becomes SUSPENDED.
    Suspend,
}

/// A decision about a gig, with its reasons.
#[derive(InputObject)]
pub struct DecideGigInput {
    /// The id of the gig.
    pub gig_id: ID,
    /// The decision.
    pub decision: GigDecision,
    /// The version that the reviewer has seen. STALE_VERSION if it is not the current one.
    pub expected_version: i32,
    /// The reasons, by default at most 10. REJECT and SUSPEND need at least one, APPROVE must have none.
    pub reasons: Option<Vec<ReviewReasonInput>>,
    /// A note that only reviewers can read, by default at most 2000 characters.
    pub internal_note: Option<String>,
}

/// A reviewer's decision about a verification.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::VerificationDecision")]
pub enum VerificationDecision {
    /// A verification IN_REVIEW becomes CLEARED.
    Clear,
    /// A verification IN_REVIEW becomes ACTION_REQUIRED. ATTEMPTS_EXHAUSTED if the user has no attempts left: the
    /// reviewer must decide CLEAR or REJECT.
    RequestResubmission,
    /// A verification IN_REVIEW becomes REJECTED. This is final, unless an administrator reopens it.
    Reject,
    /// A CLEARED verification becomes REVOKED.
    Revoke,
}

/// A decision about a verification, with its reasons.
#[derive(InputObject)]
pub struct DecideVerificationInput {
    /// The id of the verification.
    pub verification_id: ID,
    /// The decision.
    pub decision: VerificationDecision,
    /// The version that the reviewer has seen. STALE_VERSION if it is not the current one.
    pub expected_version: i32,
    /// The reasons, by default at most 10. CLEAR must have none, every other decision needs at least one.
    /// The `field` of each reason says what the user must provide again: ["personalInfo"], ["documents"] or,
    /// for example, ["documents", "BACK"]. Of REJECT and REVOKE, the applicant reads neither the messages nor the
    /// fields, and sees reasons of the category FRAUD as "OTHER". REQUEST_RESUBMISSION must not have such reasons.
    pub reasons: Option<Vec<ReviewReasonInput>>,
    /// A note that only reviewers can read, by default at most 2000 characters.
    pub internal_note: Option<String>,
}

/// Which verification is reopened, and why.
#[derive(InputObject)]
pub struct ReopenVerificationInput {
    /// The id of the verification.
    pub verification_id: ID,
    /// The version that the administrator has seen. STALE_VERSION if it is not the current one.
    pub expected_version: i32,
    /// Why it is reopened, by default at most 2000 characters. Only reviewers can read it.
    pub reason: String,
}

/// A verification to inspect, and why.
#[derive(InputObject)]
pub struct InspectVerificationInput {
    /// The id of the verification.
    pub verification_id: ID,
    /// Why it is inspected, for reviewers, by default at most 2000 characters. REQUIRED if it is blank.
    pub reason: String,
}
