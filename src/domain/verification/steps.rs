//! The steps of a verification, as the user sees them.

use chrono::{DateTime, Utc};

use crate::domain::limits::Limits;
use crate::domain::verification::{Verification, VerificationStatus};

/// The four steps that the user sees, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationStep {
    PersonalInformation,
    DocumentUpload,
    SubmittedForReview,
    Cleared,
}

impl VerificationStep {
    /// The text that the user sees. Clients compare it: do not change it.
    pub fn label(self) -> &'static str {
        match self {
            Self::PersonalInformation => "Personal Identity Information",
            Self::DocumentUpload => "Identification Document Upload",
            Self::SubmittedForReview => "Submitted for review",
            Self::Cleared => "You have been cleared",
        }
    }
}

impl Verification {
    /// The four steps, in order, and when each was completed; `None` if it is not.
    pub fn steps(&self, limits: &Limits) -> [(VerificationStep, Option<DateTime<Utc>>); 4] {
        use VerificationStatus::{Cleared, InReview, Rejected};
        let form = self.personal_info_at.filter(|_| self.has_personal_info());
        let complete = self.missing_sides(limits.verification.selfie_required).is_empty();
        let uploaded = self.documents.iter().map(|document| document.uploaded_at).max().filter(|_| complete);
        let is_submitted = matches!(self.status, InReview | Cleared | Rejected);
        // After the form and the images are erased, their steps show the time of the submission.
        let or_submitted = |done: Option<DateTime<Utc>>| done.or(self.submitted_at.filter(|_| is_submitted));
        [
            (VerificationStep::PersonalInformation, or_submitted(form)),
            (VerificationStep::DocumentUpload, or_submitted(uploaded)),
            (VerificationStep::SubmittedForReview, self.submitted_at.filter(|_| is_submitted)),
            (VerificationStep::Cleared, self.cleared_at.filter(|_| self.status == Cleared)),
        ]
    }
}
