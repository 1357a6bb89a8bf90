//! Why a review ended as it did: an open list of codes, each with a category to fall back on.

use serde::{Deserialize, Serialize};

use crate::domain::fault::{Check, FaultCode};
use crate::domain::limits::ReviewLimits;
use crate::domain::review::ReviewKind;

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

/// One reason of a decision, as it was kept and as the person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewReason {
    pub code: String,
    pub category: ReasonCategory,
    /// For the person: the reviewer's words, or the code's own.
    pub message: String,
    /// The path of what is at fault, where one thing is.
    pub field: Option<Vec<String>>,
    /// May the person mend it and try again?
    pub retryable: bool,
}

/// A reason as a reviewer gives it.
#[derive(Debug, Clone)]
pub struct ReasonForm {
    pub code: String,
    pub field: Option<Vec<String>>,
    pub message: Option<String>,
}

/// A code that reviewers may use.
struct KnownReason {
    code: &'static str,
    category: ReasonCategory,
    retryable: bool,
    message: &'static str,
}

/// The most steps of a path, and characters of a step: more than any form has.
const FIELD_STEPS_MAX: usize = 5;
const FIELD_STEP_MAX_CHARS: usize = 50;

/// The one code that says nothing itself: it needs the reviewer's words.
const OTHER: &str = "OTHER";

const fn policy(code: &'static str, retryable: bool, message: &'static str) -> KnownReason {
    let category = ReasonCategory::ContentPolicy;
    KnownReason { code, category, retryable, message }
}

const OF_GIGS: [KnownReason; 10] = [
    policy("CONTACT_DETAILS", true, "It contains contact details; people reach you through the marketplace."),
    policy("PROHIBITED_SERVICE", true, "It offers a service that is not allowed here."),
    policy("MISLEADING", true, "It promises what it cannot deliver."),
    policy("DUPLICATE_GIG", true, "You already offer the same gig."),
    policy("WRONG_CATEGORY", true, "It belongs to another category."),
    policy("LOW_QUALITY_IMAGE", true, "A picture is too small, blurred or unrelated."),
    policy("COPYRIGHT", true, "It uses work that belongs to somebody else."),
    policy("LANGUAGE", true, "Its language is offensive or cannot be understood."),
    policy("SPAM", false, "It is spam."),
    KnownReason { code: OTHER, category: ReasonCategory::Other, retryable: true, message: "" },
];

/// The codes for one kind of review.
fn known(kind: ReviewKind) -> &'static [KnownReason] {
    match kind {
        ReviewKind::Gig => &OF_GIGS,
        ReviewKind::Verification => &[],
    }
}

/// The reasons as they are kept, with every fault of the forms noted in `check`.
pub fn resolve(
    forms: Vec<ReasonForm>,
    kind: ReviewKind,
    limits: &ReviewLimits,
    check: &mut Check,
) -> Vec<ReviewReason> {
    check.count("reasons", "reasons", forms.len(), limits.reasons_max);
    let mut reasons = Vec::with_capacity(forms.len());
    for (index, form) in forms.into_iter().enumerate().take(limits.reasons_max) {
        let Some(known) = known(kind).iter().find(|known| known.code == form.code) else {
            let codes: Vec<_> = known(kind).iter().map(|known| known.code).collect();
            let message = format!("There is no reason of that code; use one of {}.", codes.join(", "));
            check.fault(&format!("reasons.{index}.code"), FaultCode::Invalid, message);
            continue;
        };
        let words = form.message.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let path = format!("reasons.{index}.message");
        if known.code == OTHER && words.is_none() {
            let message = "The reason OTHER needs a message that says what is wrong.";
            check.fault(&path, FaultCode::Required, message);
        }
        if let Some(words) = &words {
            check.text(&path, "The message", words, 1, limits.reason_message_max_chars);
        }
        let steps = form.field.as_deref().unwrap_or_default();
        let path = format!("reasons.{index}.field");
        check.count(&path, "steps", steps.len(), FIELD_STEPS_MAX);
        for step in steps.iter().take(FIELD_STEPS_MAX) {
            check.line(&path, "A step of the path", step, 1, FIELD_STEP_MAX_CHARS);
        }
        reasons.push(ReviewReason {
            code: known.code.to_owned(),
            category: known.category,
            message: words.unwrap_or_else(|| known.message.to_owned()),
            field: form.field,
            retryable: known.retryable,
        });
    }
    reasons
}
