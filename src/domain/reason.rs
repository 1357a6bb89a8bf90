//! Why a review ended as it did: an open list of codes, each with a category to fall back on.

use serde::{Deserialize, Serialize};

use crate::domain::limits::ReviewLimits;
use crate::domain::review_kind::ReviewKind;
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

/// A code that decisions use.
pub struct KnownReason {
    code: &'static str,
    category: ReasonCategory,
    retryable: bool,
    message: &'static str,
}

impl KnownReason {
    /// As it is kept, in the code's own words.
    pub fn reason(&self) -> ReviewReason {
        ReviewReason {
            code: self.code.to_owned(),
            category: self.category,
            message: self.message.to_owned(),
            field: None,
            retryable: self.retryable,
        }
    }
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

const fn verdict(
    code: &'static str,
    category: ReasonCategory,
    retryable: bool,
    message: &'static str,
) -> KnownReason {
    KnownReason { code, category, retryable, message }
}

/// A person has submitted as often as anybody may. Given by the rules, never by a reviewer.
pub const ATTEMPTS_EXCEEDED: KnownReason =
    verdict("ATTEMPTS_EXCEEDED", ReasonCategory::Other, false, "All attempts are used.");

/// Another person has been cleared, or waits, with the same document.
pub const DUPLICATE_IDENTITY: KnownReason = verdict(
    "DUPLICATE_IDENTITY",
    ReasonCategory::Fraud,
    false,
    "The same document is used by another account.",
);

const OF_VERIFICATIONS: [KnownReason; 13] = {
    use ReasonCategory::{Data, Document, Fraud, ImageQuality};
    [
        verdict("IMAGE_UNREADABLE", ImageQuality, true, "A picture cannot be read."),
        verdict("PAGE_MISSING", ImageQuality, true, "A side of the document is missing."),
        verdict("DOCUMENT_DAMAGED", ImageQuality, true, "The document is damaged."),
        verdict("DIGITAL_COPY", ImageQuality, true, "It is a picture of a copy or of a screen."),
        verdict("DOCUMENT_EXPIRED", Document, true, "The document has expired."),
        verdict("DOCUMENT_TYPE_UNSUPPORTED", Document, true, "This type of document is not accepted."),
        verdict("COUNTRY_UNSUPPORTED", Document, true, "Documents of this country are not accepted."),
        verdict("DATA_MISMATCH", Data, true, "What you wrote is not what the document says."),
        verdict("UNDER_AGE", Data, false, "You are too young."),
        verdict("DOCUMENT_TAMPERED", Fraud, false, "The document has been altered."),
        DUPLICATE_IDENTITY,
        verdict("SANCTIONED", Fraud, false, "The person is on a sanctions list."),
        KnownReason { code: OTHER, category: ReasonCategory::Other, retryable: true, message: "" },
    ]
};

/// What the person themselves never reads.
const NOT_FOR_THE_SUBJECT: [&str; 2] = ["SANCTIONED", "DUPLICATE_IDENTITY"];

impl ReviewReason {
    /// In the code's own words, and without a path: nothing that anybody wrote.
    #[must_use]
    pub fn without_words(self) -> Self {
        let known = OF_GIGS.iter().chain(&OF_VERIFICATIONS).find(|known| known.code == self.code);
        let message = known.map(|known| known.message.to_owned()).unwrap_or_default();
        Self { message, field: None, ..self }
    }

    /// As the person reads it: of some reasons no more than that there is one.
    pub fn for_subject(self) -> Self {
        if !NOT_FOR_THE_SUBJECT.contains(&self.code.as_str()) {
            return self;
        }
        Self {
            code: OTHER.to_owned(),
            category: ReasonCategory::Other,
            message: "Your identity could not be confirmed.".to_owned(),
            field: None,
            retryable: self.retryable,
        }
    }
}

/// The codes for one kind of review.
fn known(kind: ReviewKind) -> &'static [KnownReason] {
    match kind {
        ReviewKind::Gig => &OF_GIGS,
        ReviewKind::Verification => &OF_VERIFICATIONS,
    }
}

/// The reasons as they are kept, with every fault of the forms noted in `validator`.
pub fn resolve(
    forms: Vec<ReasonForm>,
    kind: ReviewKind,
    limits: &ReviewLimits,
    validator: &mut Validator,
) -> Vec<ReviewReason> {
    validator.count("reasons", "reasons", forms.len(), limits.reasons_max);
    let mut reasons = Vec::with_capacity(forms.len());
    for (index, form) in forms.into_iter().enumerate().take(limits.reasons_max) {
        let Some(known) = known(kind).iter().find(|known| known.code == form.code) else {
            let codes: Vec<_> = known(kind).iter().map(|known| known.code).collect();
            let message = format!("There is no reason of that code; use one of {}.", codes.join(", "));
            validator.violation(&format!("reasons.{index}.code"), ViolationCode::Invalid, message);
            continue;
        };
        let words = form.message.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let path = format!("reasons.{index}.message");
        if known.code == OTHER && words.is_none() {
            let message = "The reason OTHER needs a message that says what is wrong.";
            validator.violation(&path, ViolationCode::Required, message);
        }
        if let Some(words) = &words {
            validator.text(&path, "The message", words, 1, limits.reason_message_max_chars);
        }
        let steps = form.field.as_deref().unwrap_or_default();
        let path = format!("reasons.{index}.field");
        validator.count(&path, "steps", steps.len(), FIELD_STEPS_MAX);
        for step in steps.iter().take(FIELD_STEPS_MAX) {
            validator.line(&path, "A step of the path", step, 1, FIELD_STEP_MAX_CHARS);
        }
        let reason = known.reason();
        reasons.push(ReviewReason {
            message: words.unwrap_or_else(|| reason.message.clone()),
            field: form.field,
            ..reason
        });
    }
    reasons
}
