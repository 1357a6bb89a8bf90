//! Identity verification: which act leads from which status to which other, and what is still missing.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::limits::Limits;
use crate::domain::reason::{ATTEMPTS_EXCEEDED, ReasonCategory, ReviewReason};
use crate::domain::user::Viewer;
use crate::domain::violation::{Violation, ViolationCode};

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum VerificationStatus {
    NotStarted,
    InProgress,
    InReview,
    ActionRequired,
    Cleared,
    Rejected,
    Revoked,
}

/// What can be done to a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum VerificationTransition {
    /// The person fills in the form or uploads a document.
    Provide,
    Submit,
    Clear,
    RequestResubmission,
    Reject,
    Revoke,
}

impl VerificationStatus {
    /// The status that `transition` leads to; `None` where it leads nowhere. The whole table.
    fn after(self, transition: VerificationTransition) -> Option<Self> {
        use VerificationStatus::{
            ActionRequired, Cleared, InProgress, InReview, NotStarted, Rejected, Revoked,
        };
        match (self, transition) {
            (NotStarted | InProgress | ActionRequired | Revoked, VerificationTransition::Provide) => {
                Some(InProgress)
            }
            (InProgress, VerificationTransition::Submit) => Some(InReview),
            (InReview, VerificationTransition::Clear) => Some(Cleared),
            (InReview, VerificationTransition::RequestResubmission) => Some(ActionRequired),
            (InReview, VerificationTransition::Reject) => Some(Rejected),
            (Cleared, VerificationTransition::Revoke) => Some(Revoked),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum DocumentType {
    Passport,
    NationalId,
    DrivingLicence,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::EnumIter, strum::IntoStaticStr,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum DocumentSide {
    Front,
    Back,
    Selfie,
}

impl DocumentType {
    /// The sides that must be uploaded.
    pub fn sides(self, selfie_required: bool) -> Vec<DocumentSide> {
        let mut sides = match self {
            Self::Passport => vec![DocumentSide::Front],
            Self::NationalId | Self::DrivingLicence => vec![DocumentSide::Front, DocumentSide::Back],
        };
        if selfie_required {
            sides.push(DocumentSide::Selfie);
        }
        sides
    }
}

/// A picture of one side of an identity document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityDocument {
    pub id: Uuid,
    pub user_id: Uuid,
    pub document_type: DocumentType,
    pub side: DocumentSide,
    /// Knows the same picture again.
    pub picture_hash: Vec<u8>,
    /// Whether it must be uploaded anew.
    pub asked_again: bool,
    pub uploaded_at: DateTime<Utc>,
}

/// One person's verification. Its id is the person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    pub user_id: Uuid,
    pub status: VerificationStatus,
    /// Goes up by one at every change.
    pub version: i32,
    pub attempts_used: i32,
    /// When the form was last filled in.
    pub personal_info_at: Option<DateTime<Utc>>,
    /// Whether the form must be filled in anew.
    pub personal_info_asked: bool,
    pub document_type: Option<DocumentType>,
    pub documents: Vec<IdentityDocument>,
    /// The last decision's reasons.
    pub reasons: Vec<ReviewReason>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub review_due_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
    pub cleared_at: Option<DateTime<Utc>>,
    pub erased_at: Option<DateTime<Utc>>,
}

/// The four steps that an applicant sees, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    PersonalInformation,
    DocumentUpload,
    SubmittedForReview,
    Cleared,
}

impl Step {
    /// As the applicant reads it.
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
    /// Of a person who has not begun.
    pub fn not_started(user_id: Uuid) -> Self {
        Self {
            user_id,
            status: VerificationStatus::NotStarted,
            version: 0,
            attempts_used: 0,
            personal_info_at: None,
            personal_info_asked: false,
            document_type: None,
            documents: Vec::new(),
            reasons: Vec::new(),
            submitted_at: None,
            review_due_at: None,
            decided_at: None,
            cleared_at: None,
            erased_at: None,
        }
    }

    /// The person themselves and reviewers see it.
    pub fn visible_to(&self, viewer: &Viewer) -> bool {
        viewer.role.reviews() || viewer.id() == self.user_id
    }

    pub fn attempts_left(&self, limits: &Limits) -> i32 {
        (limits.verification.attempts_max - self.attempts_used).max(0)
    }

    /// Does `transition`: the status it leads to, the next version, and what goes with it. Of the last attempt nothing
    /// can be asked again: it is rejected.
    ///
    /// # Errors
    /// `INVALID_TRANSITION` where the status does not allow it, `ATTEMPTS_EXHAUSTED` where none is left.
    pub fn apply(
        &mut self,
        transition: VerificationTransition,
        reasons: Vec<ReviewReason>,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        let Some(status) = self.status.after(transition) else {
            let (status, transition): (&str, _) = (self.status.into(), verb(transition));
            let message = format!("A verification that is {status} cannot be {transition}.");
            return Err(Violation::of_act(ViolationCode::InvalidTransition, message));
        };
        let last = self.attempts_left(limits) == 0;
        if transition == VerificationTransition::Submit && last {
            let max = limits.verification.attempts_max;
            let message = format!("All {max} attempts are used.");
            return Err(Violation::of_act(ViolationCode::AttemptsExhausted, message));
        }
        self.status = status;
        self.version += 1;
        match transition {
            VerificationTransition::Provide => {}
            VerificationTransition::Submit => {
                self.attempts_used += 1;
                self.reasons.clear();
                self.submitted_at = Some(now);
                self.review_due_at = Some(limits.review.due_at(now));
            }
            VerificationTransition::Clear => {
                self.decided(reasons, now);
                self.cleared_at = Some(now);
            }
            VerificationTransition::RequestResubmission => {
                self.decided(reasons, now);
                if last {
                    self.status = VerificationStatus::Rejected;
                    self.reasons.push(ATTEMPTS_EXCEEDED.reason());
                } else {
                    self.ask_again();
                }
            }
            VerificationTransition::Reject => self.decided(reasons, now),
            VerificationTransition::Revoke => {
                self.decided(reasons, now);
                self.cleared_at = None;
                // A new beginning.
                self.attempts_used = 0;
                self.ask_again();
            }
        }
        Ok(())
    }

    fn decided(&mut self, reasons: Vec<ReviewReason>, now: DateTime<Utc>) {
        self.reasons = reasons;
        self.review_due_at = None;
        self.decided_at = Some(now);
    }

    /// Asks for what the reasons name, and for nothing that was accepted: by their paths, where they have one,
    /// else by their categories; for everything where they name nothing.
    fn ask_again(&mut self) {
        let (mut form, mut sides) = (false, Vec::new());
        let all = self.documents.iter().map(|document| document.side);
        for reason in &self.reasons {
            let path = reason.field.as_deref().unwrap_or_default();
            match (path.first().map(String::as_str), reason.category) {
                (Some("personalInfo"), _) | (None, ReasonCategory::Data) => form = true,
                (Some("documents"), _) | (None, ReasonCategory::ImageQuality | ReasonCategory::Document) => {
                    match path.get(1).and_then(|side| side.parse().ok()) {
                        Some(side) => sides.push(side),
                        None => sides.extend(all.clone()),
                    }
                }
                _ => {}
            }
        }
        // A side that was never uploaded cannot be asked for again.
        sides.retain(|side| all.clone().any(|uploaded| uploaded == *side));
        if !form && sides.is_empty() {
            form = true;
            sides.extend(all);
        }
        self.personal_info_asked = form;
        for document in &mut self.documents {
            document.asked_again = sides.contains(&document.side);
        }
    }

    /// The sides that are still to be uploaded.
    fn missing_sides(&self, selfie_required: bool) -> Vec<DocumentSide> {
        let mut wanted = self.document_type.unwrap_or(DocumentType::Passport).sides(selfie_required);
        // What was not needed, but given and refused, must be mended, too.
        let refused = self.documents.iter().filter(|document| document.asked_again);
        wanted.extend(
            refused.map(|document| document.side).filter(|side| !wanted.contains(side)).collect::<Vec<_>>(),
        );
        let has = |side: &DocumentSide| {
            self.documents.iter().any(|document| document.side == *side && !document.asked_again)
        };
        wanted.into_iter().filter(|side| !has(side)).collect()
    }

    fn has_personal_info(&self) -> bool {
        self.personal_info_at.is_some() && !self.personal_info_asked
    }

    /// One fault for each thing that is missing before it can be submitted.
    pub fn missing(&self, limits: &Limits) -> Vec<Violation> {
        let mut missing = Vec::new();
        if !self.has_personal_info() {
            let message = "Fill in your personal identity information first.";
            missing.push(Violation::at("personalInfo", ViolationCode::Required, message));
        }
        for side in self.missing_sides(limits.verification.selfie_required) {
            let name: &str = side.into();
            let message = format!("Upload a picture first: {name}.");
            missing.push(Violation::at(&format!("documents.{name}"), ViolationCode::Required, message));
        }
        missing
    }

    /// The four steps, in order, and when each was done; `None` while it is not.
    pub fn steps(&self, limits: &Limits) -> [(Step, Option<DateTime<Utc>>); 4] {
        use VerificationStatus::{Cleared, InReview, Rejected};
        let form = self.personal_info_at.filter(|_| self.has_personal_info());
        let complete = self.missing_sides(limits.verification.selfie_required).is_empty();
        let uploaded = self.documents.iter().map(|document| document.uploaded_at).max().filter(|_| complete);
        let handed_in = matches!(self.status, InReview | Cleared | Rejected);
        // Once the pictures are erased, what was submitted was complete.
        let erased = |done: Option<DateTime<Utc>>| done.or(self.submitted_at.filter(|_| handed_in));
        [
            (Step::PersonalInformation, erased(form)),
            (Step::DocumentUpload, erased(uploaded)),
            (Step::SubmittedForReview, self.submitted_at.filter(|_| handed_in)),
            (Step::Cleared, self.cleared_at.filter(|_| self.status == Cleared)),
        ]
    }
}

fn verb(transition: VerificationTransition) -> &'static str {
    match transition {
        VerificationTransition::Provide => "changed",
        VerificationTransition::Submit => "submitted",
        VerificationTransition::Clear => "cleared",
        VerificationTransition::RequestResubmission => "sent back",
        VerificationTransition::Reject => "rejected",
        VerificationTransition::Revoke => "revoked",
    }
}

#[cfg(test)]
mod tests;
