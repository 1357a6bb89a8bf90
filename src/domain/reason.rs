//! Reasons of decisions. A client that does not know a code can use its category.
//!
//! To add a reason: a row in `GIG_REASONS` or `VERIFICATION_REASONS`. Nothing else lists the codes. Limits:
//! `ReviewLimits` in `limits.rs`.
//!
//! An applicant who is suspected of fraud, or is on a sanctions list, must not learn of it. So there are two views
//! of the reasons of a verification: that of reviewers, and that of the applicant ([`for_applicant`]). Events have
//! the codes of the second.

use serde::{Deserialize, Serialize};

use crate::domain::limits::ReviewLimits;
use crate::domain::message::message;
use crate::domain::review_kind::ReviewKind;
use crate::domain::text::{normalize_optional_text, normalize_text};
use crate::domain::violation::{Validator, ViolationCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCategory {
    ImageQuality,
    Document,
    Data,
    ContentPolicy,
    Fraud,
    Other,
}

/// A reason of a decision, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewReason {
    pub code: String,
    pub category: ReasonCategory,
    /// For the user: the reviewer's text, or the default text of the code.
    pub message: String,
    /// The path of the field that the reason is about, if it is about one.
    pub field: Option<Vec<String>>,
    /// Whether the user can fix it and submit again.
    pub retryable: bool,
    /// Whether it is a reason of a final decision about a verification: a rejection or a revocation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// The whole reason, encrypted ([`SealedText`](crate::domain::sealed_text::SealedText)), as it is stored. The
    /// other fields are then what may stand in clear; see [`ReviewReason::clear_form`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// A reason as a reviewer enters it.
#[derive(Debug, Clone)]
pub struct ReasonForm {
    pub code: String,
    pub field: Option<Vec<String>>,
    pub message: Option<String>,
}

/// A row in the tables of reasons.
pub struct KnownReason {
    code: &'static str,
    category: ReasonCategory,
    retryable: bool,
    /// The default text for the user.
    message: &'static str,
}

impl KnownReason {
    /// The reason with its default text.
    pub fn to_reason(&self) -> ReviewReason {
        ReviewReason {
            code: self.code.to_owned(),
            category: self.category,
            message: self.message.to_owned(),
            field: None,
            retryable: self.retryable,
            is_final: false,
            sealed: None,
        }
    }
}

/// Limits of the path of a field. Every path in a form is shorter.
const FIELD_STEPS_MAX: usize = 5;
const FIELD_STEP_MAX_CHARS: usize = 50;

/// The only code without a default text: the reviewer must write one.
const OTHER: &str = "OTHER";

/// What an applicant reads instead of a confidential reason, and instead of a final OTHER.
const NOT_CONFIRMED: &str = "Your identity could not be confirmed.";

const fn known(
    code: &'static str,
    category: ReasonCategory,
    retryable: bool,
    message: &'static str,
) -> KnownReason {
    KnownReason { code, category, retryable, message }
}

const fn policy(code: &'static str, retryable: bool, message: &'static str) -> KnownReason {
    known(code, ReasonCategory::ContentPolicy, retryable, message)
}

/// Reasons to reject or suspend a gig: code, whether the seller can fix it, default text.
const GIG_REASONS: [KnownReason; 10] = [
    policy(
        "CONTACT_DETAILS",
        true,
        "The gig contains contact details. Buyers contact you through the marketplace.",
    ),
    policy("PROHIBITED_SERVICE", true, "The gig offers a service that is not allowed here."),
    policy("MISLEADING", true, "The gig promises something that it cannot deliver."),
    policy("DUPLICATE_GIG", true, "You already offer the same gig."),
    policy("WRONG_CATEGORY", true, "The gig belongs in another category."),
    policy("LOW_QUALITY_IMAGE", true, "An image is too small, blurred or unrelated."),
    policy("COPYRIGHT", true, "The gig uses the work of somebody else without permission."),
    policy("LANGUAGE", true, "The language of the gig is offensive or cannot be understood."),
    policy("SPAM", false, "The gig is spam."),
    known(OTHER, ReasonCategory::Other, true, ""),
];

/// Nobody has reviewed the submission in time. Added when it is returned; reviewers cannot use it.
pub const NOT_REVIEWED: KnownReason = known(
    "NOT_REVIEWED",
    ReasonCategory::Other,
    true,
    "The review could not be done in time. Your data were erased, and no attempt was used. Please submit again.",
);

/// Reasons that no reviewer can use. Earlier versions added the first one when the last attempt was sent back.
const SYSTEM_REASONS: [KnownReason; 2] =
    [known("ATTEMPTS_EXCEEDED", ReasonCategory::Other, false, "All attempts are used."), NOT_REVIEWED];

/// Reasons to send back, reject or revoke a verification: code, category, whether the user can fix it,
/// default text.
const VERIFICATION_REASONS: [KnownReason; 13] = {
    use ReasonCategory::{Data, Document, Fraud, ImageQuality};
    [
        known("IMAGE_UNREADABLE", ImageQuality, true, "An image cannot be read."),
        known("PAGE_MISSING", ImageQuality, true, "A side of the document is missing."),
        known("DOCUMENT_DAMAGED", ImageQuality, true, "The document is damaged."),
        known(
            "DIGITAL_COPY",
            ImageQuality,
            true,
            "An image shows a copy or a screen instead of the document.",
        ),
        known("DOCUMENT_EXPIRED", Document, true, "The document has expired."),
        known("DOCUMENT_TYPE_UNSUPPORTED", Document, true, "This type of document is not accepted."),
        known("COUNTRY_UNSUPPORTED", Document, true, "Documents of this country are not accepted."),
        known("DATA_MISMATCH", Data, true, "The form does not match the document."),
        known("UNDER_AGE", Data, false, "You are below the minimum age."),
        known("DOCUMENT_TAMPERED", Fraud, false, "The document has been altered."),
        known("DUPLICATE_IDENTITY", Fraud, false, "The same document is used by another account."),
        known("SANCTIONED", Fraud, false, "The person is on a sanctions list."),
        known(OTHER, ReasonCategory::Other, true, ""),
    ]
};

impl ReviewReason {
    /// The reason without anything that a reviewer wrote: with the default text and without a path.
    #[must_use]
    pub fn without_free_text(self) -> Self {
        let message = find_known(&self.code).map(|known| known.message.to_owned()).unwrap_or_default();
        Self { message, field: None, sealed: None, ..self }
    }

    /// What may stand in clear beside the sealed reason: nothing that a reviewer wrote and, of a verification,
    /// nothing that the applicant must not learn.
    #[must_use]
    pub fn clear_form(self, kind: ReviewKind) -> Self {
        match kind {
            ReviewKind::Gig => self.without_free_text(),
            ReviewKind::Verification => self.without_free_text().redacted_for_user(),
        }
    }

    /// Whether the applicant sees a fixed sentence instead of it; see [`for_applicant`].
    pub fn is_hidden(&self) -> bool {
        self.category == ReasonCategory::Fraud || (self.is_final && self.code == OTHER)
    }

    /// The reason as the applicant may see it; see [`for_applicant`].
    #[must_use]
    pub fn redacted_for_user(self) -> Self {
        if self.is_hidden() {
            return Self {
                code: OTHER.to_owned(),
                category: ReasonCategory::Other,
                message: NOT_CONFIRMED.to_owned(),
                field: None,
                retryable: false,
                is_final: self.is_final,
                sealed: None,
            };
        }
        if self.is_final { self.without_free_text() } else { self }
    }
}

/// The reasons of a verification as the applicant may see them. `is_final` says that they are those of a rejection
/// or a revocation, besides what the reasons themselves say.
///
/// All reasons of the category FRAUD and a final OTHER are the same reason, which occurs once. What reviewers wrote
/// in a final decision is left out, so that it cannot tell what the code hides.
pub fn for_applicant(reasons: &[ReviewReason], is_final: bool) -> Vec<ReviewReason> {
    let mut shown = Vec::with_capacity(reasons.len());
    for reason in reasons.iter().cloned() {
        let is_final = is_final || reason.is_final;
        let reason = ReviewReason { is_final, ..reason }.redacted_for_user();
        if !shown.contains(&reason) {
            shown.push(reason);
        }
    }
    shown
}

/// Whether the applicant must not learn of the reason with this code.
pub fn is_confidential(code: &str) -> bool {
    find_known(code).is_some_and(|known| known.category == ReasonCategory::Fraud)
}

fn find_known(code: &str) -> Option<&'static KnownReason> {
    GIG_REASONS.iter().chain(&VERIFICATION_REASONS).chain(&SYSTEM_REASONS).find(|known| known.code == code)
}

/// The reasons that reviewers can use.
fn available_reasons(kind: ReviewKind) -> &'static [KnownReason] {
    match kind {
        ReviewKind::Gig => &GIG_REASONS,
        ReviewKind::Verification => &VERIFICATION_REASONS,
    }
}

/// Turns the forms into reasons to store; violations go to `validator`.
pub fn resolve(
    forms: Vec<ReasonForm>,
    kind: ReviewKind,
    limits: &ReviewLimits,
    validator: &mut Validator,
) -> Vec<ReviewReason> {
    validator.check_count("reasons", "reasons", forms.len(), limits.reasons_max);
    let mut reasons = Vec::with_capacity(forms.len());
    for (index, form) in forms.into_iter().enumerate().take(limits.reasons_max) {
        let Some(known) = available_reasons(kind).iter().find(|known| known.code == form.code) else {
            let codes: Vec<_> = available_reasons(kind).iter().map(|known| known.code).collect();
            let message = message!("The code must be in this list: {allowed}.", allowed = codes.join(", "));
            validator.add(&format!("reasons.{index}.code"), ViolationCode::Invalid, message);
            continue;
        };
        let text = normalize_optional_text(form.message.as_deref());
        let path = format!("reasons.{index}.message");
        if known.code == OTHER && text.is_none() {
            let message = message!("The reason {code} needs a message.", code = OTHER);
            validator.add(&path, ViolationCode::Required, message);
        }
        if let Some(text) = &text {
            validator.check_text(&path, "The message", text, 1, limits.reason_message_max_chars);
        }
        let field: Option<Vec<_>> =
            form.field.map(|steps| steps.iter().map(|step| normalize_text(step)).collect());
        let steps = field.as_deref().unwrap_or_default();
        let path = format!("reasons.{index}.field");
        validator.check_count(&path, "steps", steps.len(), FIELD_STEPS_MAX);
        for step in steps.iter().take(FIELD_STEPS_MAX) {
            validator.check_line(&path, "A step of the path", step, 1, FIELD_STEP_MAX_CHARS);
        }
        let reason = known.to_reason();
        reasons.push(ReviewReason {
            message: text.unwrap_or_else(|| reason.message.clone()),
            field,
            ..reason
        });
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<ReviewReason> {
        let reason = |code: &&str| ReviewReason {
            message: format!("words about {code}"),
            field: Some(vec!["personalInfo".to_owned()]),
            ..find_known(code).expect("a code").to_reason()
        };
        codes.iter().map(reason).collect()
    }

    #[test]
    fn confidential_reasons_and_a_final_other_are_one_reason_for_the_applicant() {
        let expected = ReviewReason {
            code: "OTHER".into(),
            category: ReasonCategory::Other,
            message: "Your identity could not be confirmed.".into(),
            field: None,
            retryable: false,
            is_final: true,
            sealed: None,
        };
        let fraud = ["DOCUMENT_TAMPERED", "DUPLICATE_IDENTITY", "SANCTIONED"];
        let confidential: Vec<_> = VERIFICATION_REASONS
            .iter()
            .map(|known| known.code)
            .filter(|code| is_confidential(code))
            .collect();
        assert_eq!(confidential, fraud);
        for code in fraud.into_iter().chain(["OTHER"]) {
            let expected = std::slice::from_ref(&expected);
            assert_eq!(for_applicant(&reasons(&[code]), true), expected, "{code}");
        }
        assert_eq!(for_applicant(&reasons(&fraud), true), [expected]);
        // Before the decision is final, a confidential reason says as little.
        let shown = for_applicant(&reasons(&["SANCTIONED"]), false).remove(0);
        assert_eq!((shown.code.as_str(), shown.retryable, shown.field), ("OTHER", false, None));
    }

    #[test]
    fn the_applicant_reads_what_reviewers_wrote_only_if_the_decision_is_not_final() {
        let given = reasons(&["IMAGE_UNREADABLE", "OTHER"]);
        assert_eq!(for_applicant(&given, false), given);
        let shown = for_applicant(&given, true);
        assert_eq!(shown[0].message, "An image cannot be read.");
        assert_eq!((&shown[0].field, shown[0].retryable), (&None, true));
        assert_eq!(shown[1].message, NOT_CONFIRMED);
        // Reasons remember that they are final, also if the status has changed since.
        let given: Vec<_> =
            given.into_iter().map(|reason| ReviewReason { is_final: true, ..reason }).collect();
        assert_eq!(for_applicant(&given, false)[1].message, NOT_CONFIRMED);
    }
}
