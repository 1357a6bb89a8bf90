//! Violations: a user entered or tried something that a rule does not allow. They are data in the payload of
//! a mutation, not GraphQL errors.
//!
//! To add a code: a variant of [`ViolationCode`], the value of the schema's enum in
//! `src/graphql/types/user_error.rs`, and its row in docs/API-DESIGN.md. To add a message: [`message!`], and its
//! parameters in that row.

use serde::{Deserialize, Serialize};

use crate::domain::message::{Message, message};
use crate::domain::text::{find_forbidden, visible_length};

/// The kind of violation, for clients to switch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ViolationCode {
    Required,
    TooShort,
    TooLong,
    OutOfRange,
    TooMany,
    Invalid,
    Duplicate,
    NotFound,
    NotAllowed,
    InvalidTransition,
    StaleVersion,
    AlreadyClaimed,
    ClaimRequired,
    InspectionRequired,
    UnsupportedMedia,
    FileTooLarge,
    VerificationRequired,
    LevelTooLow,
    LimitReached,
    AttemptsExhausted,
    WrongCredentials,
    EmailTaken,
}

/// One violation of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    pub code: ViolationCode,
    /// For the user: names the field, the limit and what to do.
    pub message: Message,
    /// The path of the field within the mutation's input; empty if the violation is not about one field.
    pub field: Vec<String>,
}

impl Violation {
    /// A violation of the field at `path`, with steps separated by dots, such as `links.3`.
    pub fn at(path: &str, code: ViolationCode, message: Message) -> Self {
        Self { code, message, field: path.split('.').map(str::to_owned).collect() }
    }

    /// A violation that is not about one field.
    pub fn general(code: ViolationCode, message: Message) -> Self {
        Self { code, message, field: Vec::new() }
    }

    /// The id at `path` does not exist, or the viewer cannot see it. `object` is what it is the id of.
    pub fn not_found(path: &str, object: &str) -> Self {
        Self::at(path, ViolationCode::NotFound, message!("The {object} does not exist.", object = object))
    }

    /// The version at `path` of `object` is not the newest.
    pub fn stale(path: &str, object: &str) -> Self {
        Self::at(path, ViolationCode::StaleVersion, stale_message(object))
    }

    /// Somebody else has changed `object` meanwhile.
    pub fn changed_meanwhile(object: &str) -> Self {
        Self::general(ViolationCode::StaleVersion, stale_message(object))
    }

    /// The viewer has not claimed the review item, or the claim has expired.
    pub fn claim_required(path: &str) -> Self {
        let message = message!("Claim the review item first.");
        Self::at(path, ViolationCode::ClaimRequired, message)
    }

    /// The status of `object` does not allow `action`. Both status and action are written as in the message
    /// "A gig that is ACTIVE cannot be posted."
    pub fn invalid_transition(object: &str, status: &str, action: &str) -> Self {
        let message = message!(
            "A {object} that is {status} cannot be {action}.",
            object = object,
            status = status,
            action = action
        );
        Self::general(ViolationCode::InvalidTransition, message)
    }

    /// The same violation of the field at `path`.
    pub fn moved_to(self, path: &str) -> Self {
        Self::at(path, self.code, self.message)
    }
}

fn stale_message(object: &str) -> Message {
    message!("The {object} has changed since you read it. Read it again, then try again.", object = object)
}

/// Collects the violations of one form, so that the user sees all of them at once.
#[derive(Debug, Default)]
pub struct Validator {
    violations: Vec<Violation>,
}

impl Validator {
    /// Adds a violation of the field at `path`.
    pub fn add(&mut self, path: &str, code: ViolationCode, message: Message) {
        self.violations.push(Violation::at(path, code, message));
    }

    /// Adds a violation.
    pub fn push(&mut self, violation: Violation) {
        self.violations.push(violation);
    }

    /// Checks that a normalized text has at most `max` characters and at least `min` that can be seen, and none that is
    /// forbidden. `name` starts the messages.
    pub fn check_text(&mut self, path: &str, name: &str, text: &str, min: usize, max: usize) {
        let length = text.chars().count();
        if length == 0 && min > 0 {
            self.add(path, ViolationCode::Required, message!("{field} is required.", field = name));
        } else if let visible = visible_length(text)
            && visible < min
        {
            let (unit, actual) =
                if length < min { ("characters", length) } else { ("visible characters", visible) };
            let message = message!(
                "{field} must have at least {min} {unit}; it has {actual}.",
                field = name,
                min = min,
                unit = unit,
                actual = actual
            );
            self.add(path, ViolationCode::TooShort, message);
        } else if length > max {
            let message = message!(
                "{field} may have at most {max} {unit}; it has {actual}.",
                field = name,
                max = max,
                unit = "characters",
                actual = length
            );
            self.add(path, ViolationCode::TooLong, message);
        }
        self.check_characters(path, name, text);
    }

    /// Checks that a normalized text has no character that is forbidden. `name` starts the message. Returns whether
    /// there is none.
    pub fn check_characters(&mut self, path: &str, name: &str, text: &str) -> bool {
        let Some(found) = find_forbidden(text) else { return true };
        let forbidden = found.description();
        let message = if let Some(word) = &found.word_before {
            message!(
                "{field} must not contain {forbidden}. Remove {character} after \"{word}\".",
                field = name,
                forbidden = forbidden,
                character = found,
                word = word
            )
        } else {
            message!(
                "{field} must not contain {forbidden}. Remove {character} at the beginning.",
                field = name,
                forbidden = forbidden,
                character = found
            )
        };
        self.add(path, ViolationCode::Invalid, message);
        false
    }

    /// Checks a text as [`Self::check_text`] does, and that it is one line without tabs.
    pub fn check_line(&mut self, path: &str, name: &str, text: &str, min: usize, max: usize) {
        self.check_text(path, name, text, min, max);
        if text.contains(['\n', '\r', '\t']) {
            self.forbid(path, name, "line breaks or tabs");
        }
    }

    /// Adds the violation that a text contains something that it must not contain.
    fn forbid(&mut self, path: &str, name: &str, forbidden: &str) {
        let message = message!("{field} must not contain {forbidden}.", field = name, forbidden = forbidden);
        self.add(path, ViolationCode::Invalid, message);
    }

    /// Checks that a number is between `min` and `max`, inclusive.
    pub fn check_range(&mut self, path: &str, name: &str, number: i32, min: i32, max: i32) {
        if !(min..=max).contains(&number) {
            let message = message!(
                "{field} must be between {min} and {max}; it is {actual}.",
                field = name,
                min = min,
                max = max,
                actual = number
            );
            self.add(path, ViolationCode::OutOfRange, message);
        }
    }

    /// Checks that a list has at most `max` items. `name` is their plural.
    pub fn check_count(&mut self, path: &str, name: &str, count: usize, max: usize) {
        if count > max {
            let message = message!(
                "At most {max} {unit} are allowed; there are {actual}.",
                max = max,
                unit = name,
                actual = count
            );
            self.add(path, ViolationCode::TooMany, message);
        }
    }

    /// Ends the validation.
    ///
    /// # Errors
    /// All violations, in the order of the checks, if there are any.
    pub fn finish(self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() { Ok(()) } else { Err(self.violations) }
    }
}
