//! Identity verifications: statuses, transitions, what a transition changes, and what is missing before a
//! submission. Limits: `VerificationLimits` in `limits.rs`, and `ReviewLimits` for the due time.
//!
//! To add a status: a variant of [`VerificationStatus`], its transitions in `VerificationStatus::next`, the
//! expected ones in `is_allowed` in `tests.rs`, and the value of the schema's enum in
//! `src/graphql/types/verification.rs`. To add a transition: a variant of [`VerificationTransition`] with the
//! word for error messages, its rows in `VerificationStatus::next`, what it changes in
//! [`Verification::apply`], the action of clients in `viewer_actions.rs`, and, if reviewers do it, a
//! `VerificationDecision` in `review.rs`.

mod steps;

use chrono::{DateTime, Utc};

use crate::domain::id::{DataKeyId, DocumentId, UserId};
use crate::domain::limits::{Limits, VerificationLimits};
use crate::domain::message::message;
use crate::domain::picture_quality::{PictureQuality, PictureWarning};
use crate::domain::reason;
use crate::domain::reason::{NOT_REVIEWED, ReasonCategory, ReviewReason};
use crate::domain::user::Viewer;
use crate::domain::violation::{Violation, ViolationCode};

pub use self::steps::VerificationStep;

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

/// What can be done to a verification. The text completes the message "A verification that is CLEARED cannot
/// be ..".
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
pub enum VerificationTransition {
    /// The user fills in the form or uploads a document.
    #[strum(serialize = "changed")]
    ProvideData,
    #[strum(serialize = "submitted")]
    Submit,
    #[strum(serialize = "cleared")]
    Clear,
    #[strum(serialize = "sent back")]
    RequestResubmission,
    #[strum(serialize = "rejected")]
    Reject,
    #[strum(serialize = "revoked")]
    Revoke,
    /// An administrator lets the user of a rejected verification try again.
    #[strum(serialize = "reopened")]
    Reopen,
    /// The gateway returns a submission that nobody has reviewed in time.
    #[strum(serialize = "returned")]
    Return,
}

impl VerificationStatus {
    /// The status after `transition`; `None` if the transition is not allowed. All transitions are in this
    /// table.
    fn next(self, transition: VerificationTransition) -> Option<Self> {
        use VerificationStatus::{
            ActionRequired, Cleared, InProgress, InReview, NotStarted, Rejected, Revoked,
        };
        match (self, transition) {
            (NotStarted | InProgress | ActionRequired | Revoked, VerificationTransition::ProvideData) => {
                Some(InProgress)
            }
            (InProgress, VerificationTransition::Submit) => Some(InReview),
            (InReview, VerificationTransition::Clear) => Some(Cleared),
            (InReview, VerificationTransition::RequestResubmission | VerificationTransition::Return) => {
                Some(ActionRequired)
            }
            (InReview, VerificationTransition::Reject) => Some(Rejected),
            (Cleared, VerificationTransition::Revoke) => Some(Revoked),
            (Rejected, VerificationTransition::Reopen) => Some(InProgress),
            _ => None,
        }
    }

    /// Whether a decision that leads to this status asks for no correction. What its reasons say to the applicant is
    /// limited: see [`reason::for_applicant`].
    pub fn is_final_decision(self) -> bool {
        matches!(self, Self::Rejected | Self::Revoked)
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
    /// The sides of the document that the user must upload.
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

/// The image of one side of an identity document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityDocument {
    pub id: DocumentId,
    pub user_id: UserId,
    pub document_type: DocumentType,
    pub side: DocumentSide,
    /// Keyed hash of the image, to detect that the same image is used twice.
    pub image_hash: Vec<u8>,
    /// Whether the user must upload this side again.
    pub needs_resubmission: bool,
    pub uploaded_at: DateTime<Utc>,
    /// What was measured in the image; `None` if an earlier version has stored it.
    pub quality: Option<PictureQuality>,
    /// The data key that encrypts the image; `None` if an earlier version has stored it, with the key of the form.
    pub key: Option<DataKeyId>,
}

impl IdentityDocument {
    /// What is wrong with the image, by the limits of now.
    pub fn warnings(&self, limits: &VerificationLimits) -> Vec<PictureWarning> {
        let is_selfie = self.side == DocumentSide::Selfie;
        self.quality.map(|quality| quality.warnings(is_selfie, limits)).unwrap_or_default()
    }
}

/// The identity verification of a user. Its id is the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    pub user_id: UserId,
    pub status: VerificationStatus,
    /// Increases by one with every change.
    pub version: i32,
    pub attempts_used: i32,
    /// When the user last filled in the form.
    pub personal_info_at: Option<DateTime<Utc>>,
    /// Whether the user must fill in the form again.
    pub needs_personal_info_resubmission: bool,
    pub document_type: Option<DocumentType>,
    pub documents: Vec<IdentityDocument>,
    /// The reasons of the last decision.
    pub reasons: Vec<ReviewReason>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub review_due_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
    pub cleared_at: Option<DateTime<Utc>>,
    pub erased_at: Option<DateTime<Utc>>,
}

/// Whether `viewer` can see the verification and the documents of this user: the user and reviewers can.
pub fn is_visible_to(user_id: UserId, viewer: &Viewer) -> bool {
    viewer.role.can_review() || viewer.id() == user_id
}

impl Verification {
    /// The verification of a user who has not started one.
    pub fn not_started(user_id: UserId) -> Self {
        Self {
            user_id,
            status: VerificationStatus::NotStarted,
            version: 0,
            attempts_used: 0,
            personal_info_at: None,
            needs_personal_info_resubmission: false,
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

    pub fn attempts_left(&self, limits: &Limits) -> i32 {
        (limits.verification.attempts_max - self.attempts_used).max(0)
    }

    /// The status after `transition`.
    ///
    /// # Errors
    /// `INVALID_TRANSITION` if the status does not allow it; `ATTEMPTS_EXHAUSTED` for a submission without
    /// attempts left, and for a request for resubmission after the last attempt: the reviewer must clear or reject
    /// the verification, so that nobody is rejected by a count.
    pub fn check(
        &self,
        transition: VerificationTransition,
        limits: &Limits,
    ) -> Result<VerificationStatus, Violation> {
        let Some(status) = self.status.next(transition) else {
            return Err(Violation::invalid_transition("verification", self.status.into(), transition.into()));
        };
        let has_no_attempts_left = self.attempts_left(limits) == 0;
        if transition == VerificationTransition::Submit && has_no_attempts_left {
            let max = limits.verification.attempts_max;
            let message = message!("All {max} attempts are used.", max = max);
            return Err(Violation::general(ViolationCode::AttemptsExhausted, message));
        }
        if transition == VerificationTransition::RequestResubmission && has_no_attempts_left {
            let message = message!(
                "This was the last of {max} attempts: the user could not submit again. Decide {clear} or {reject}.",
                max = limits.verification.attempts_max,
                clear = "CLEAR",
                reject = "REJECT"
            );
            return Err(Violation::at("decision", ViolationCode::AttemptsExhausted, message));
        }
        Ok(status)
    }

    /// Applies `transition`: sets the status, the version and everything that depends on it.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn apply(
        &mut self,
        transition: VerificationTransition,
        reasons: Vec<ReviewReason>,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        self.status = self.check(transition, limits)?;
        self.version += 1;
        match transition {
            VerificationTransition::ProvideData => {}
            VerificationTransition::Submit => {
                self.attempts_used += 1;
                self.reasons.clear();
                self.submitted_at = Some(now);
                self.review_due_at = Some(limits.review.due_at(now));
            }
            VerificationTransition::Clear => {
                self.record_decision(reasons, now);
                self.cleared_at = Some(now);
            }
            VerificationTransition::RequestResubmission => {
                self.record_decision(reasons, now);
                self.mark_resubmissions();
            }
            VerificationTransition::Reject => self.record_decision(reasons, now),
            VerificationTransition::Revoke => {
                self.record_decision(reasons, now);
                self.cleared_at = None;
                // The user starts again, with all attempts.
                self.attempts_used = 0;
                self.mark_resubmissions();
            }
            // The reasons stay until the user submits again, with all attempts.
            VerificationTransition::Reopen => self.attempts_used = 0,
            VerificationTransition::Return => {
                self.reasons = vec![NOT_REVIEWED.to_reason()];
                self.review_due_at = None;
                // The submission uses no attempt.
                self.attempts_used = (self.attempts_used - 1).max(0);
                self.mark_resubmissions();
            }
        }
        Ok(())
    }

    fn record_decision(&mut self, reasons: Vec<ReviewReason>, now: DateTime<Utc>) {
        let is_final = self.status.is_final_decision();
        self.reasons = reasons.into_iter().map(|reason| ReviewReason { is_final, ..reason }).collect();
        self.review_due_at = None;
        self.decided_at = Some(now);
    }

    /// Marks what the user must resubmit: the parts that the paths of the reasons name and, for reasons
    /// without a path, the parts that their category is about. If there are no such parts, everything. A reason that
    /// the applicant must not learn names no part: what is missing would tell of it.
    fn mark_resubmissions(&mut self) {
        let (mut form, mut sides) = (false, Vec::new());
        let all = self.documents.iter().map(|document| document.side);
        for reason in self.reasons.iter().filter(|reason| !reason.is_hidden()) {
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
        // A side that was never uploaded cannot be resubmitted.
        sides.retain(|side| all.clone().any(|uploaded| uploaded == *side));
        if !form && sides.is_empty() {
            form = true;
            sides.extend(all);
        }
        self.needs_personal_info_resubmission = form;
        for document in &mut self.documents {
            document.needs_resubmission = sides.contains(&document.side);
        }
    }

    /// The sides that the user must still upload.
    fn missing_sides(&self, selfie_required: bool) -> Vec<DocumentSide> {
        let mut required = self.document_type.unwrap_or(DocumentType::Passport).sides(selfie_required);
        // A side that is optional must be uploaded again if it was not accepted.
        let not_accepted = self.documents.iter().filter(|document| document.needs_resubmission);
        required.extend(
            not_accepted
                .map(|document| document.side)
                .filter(|side| !required.contains(side))
                .collect::<Vec<_>>(),
        );
        let has_side = |side: &DocumentSide| {
            self.documents.iter().any(|document| document.side == *side && !document.needs_resubmission)
        };
        required.into_iter().filter(|side| !has_side(side)).collect()
    }

    fn has_personal_info(&self) -> bool {
        self.personal_info_at.is_some() && !self.needs_personal_info_resubmission
    }

    /// The reasons of the last decision, as the applicant may see them.
    pub fn reasons_for_applicant(&self) -> Vec<ReviewReason> {
        reason::for_applicant(&self.reasons, self.status.is_final_decision())
    }

    /// One violation for each part that is missing before the verification can be submitted.
    pub fn missing_parts(&self, limits: &Limits) -> Vec<Violation> {
        let mut missing = Vec::new();
        if !self.has_personal_info() {
            let message = message!("Fill in your personal identity information first.");
            missing.push(Violation::at("personalInfo", ViolationCode::Required, message));
        }
        for side in self.missing_sides(limits.verification.selfie_required) {
            let name: &str = side.into();
            let message = message!("Upload an image first: {side}.", side = name);
            missing.push(Violation::at(&format!("documents.{name}"), ViolationCode::Required, message));
        }
        missing
    }
}

#[cfg(test)]
mod tests;
