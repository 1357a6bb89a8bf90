//! Violations: a user entered or tried something that a rule does not allow. They are data in the payload of
//! a mutation, not GraphQL errors.
//!
//! To add a code: a variant of [`ViolationCode`] and the value of the schema's enum in
//! `src/graphql/types/user_error.rs`.

use serde::{Deserialize, Serialize};

use crate::domain::text::is_invisible;

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
    pub message: String,
    /// The path of the field within the mutation's input; empty if the violation is not about one field.
    pub field: Vec<String>,
}

impl Violation {
    /// A violation of the field at `path`, with steps separated by dots, such as `links.3`.
    pub fn at(path: &str, code: ViolationCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: path.split('.').map(str::to_owned).collect() }
    }

    /// A violation that is not about one field.
    pub fn general(code: ViolationCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: Vec::new() }
    }

    /// The id at `path` does not exist, or the viewer cannot see it.
    pub fn not_found(path: &str, what: &str) -> Self {
        Self::at(path, ViolationCode::NotFound, format!("The {what} does not exist."))
    }

    /// The version at `path` is not the newest.
    pub fn stale(path: &str, what: &str) -> Self {
        Self::at(
            path,
            ViolationCode::StaleVersion,
            format!("The {what} has changed since you read it. Read it again, then try again."),
        )
    }
}

/// Collects the violations of one form, so that the user sees all of them at once.
#[derive(Debug, Default)]
pub struct Validator {
    violations: Vec<Violation>,
}

impl Validator {
    /// Adds a violation of the field at `path`.
    pub fn add(&mut self, path: &str, code: ViolationCode, message: impl Into<String>) {
        self.violations.push(Violation::at(path, code, message));
    }

    /// Checks that a text has `min` to `max` characters, and no invisible or control characters except line
    /// breaks and tabs. `name` starts the messages.
    pub fn check_text(&mut self, path: &str, name: &str, text: &str, min: usize, max: usize) {
        let length = text.chars().count();
        if length == 0 && min > 0 {
            self.add(path, ViolationCode::Required, format!("{name} is required."));
        } else if length < min {
            let message = format!("{name} must have at least {min} characters; it has {length}.");
            self.add(path, ViolationCode::TooShort, message);
        } else if length > max {
            let message = format!("{name} may have at most {max} characters; it has {length}.");
            self.add(path, ViolationCode::TooLong, message);
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            let message = format!("{name} must not contain control characters.");
            self.add(path, ViolationCode::Invalid, message);
        } else if text.chars().any(is_invisible) {
            let message = format!("{name} must not contain invisible characters.");
            self.add(path, ViolationCode::Invalid, message);
        }
    }

    /// Checks a text as [`Self::check_text`] does, and that it is one line without tabs.
    pub fn check_line(&mut self, path: &str, name: &str, text: &str, min: usize, max: usize) {
        self.check_text(path, name, text, min, max);
        if text.contains(['\n', '\r', '\t']) {
            self.add(path, ViolationCode::Invalid, format!("{name} must be one line."));
        }
    }

    /// Checks that a number is between `min` and `max`, inclusive.
    pub fn check_range(&mut self, path: &str, name: &str, number: i32, min: i32, max: i32) {
        if !(min..=max).contains(&number) {
            let message = format!("{name} must be between {min} and {max}; it is {number}.");
            self.add(path, ViolationCode::OutOfRange, message);
        }
    }

    /// Checks that a list has at most `max` items. `name` is their plural.
    pub fn check_count(&mut self, path: &str, name: &str, count: usize, max: usize) {
        if count > max {
            let message = format!("At most {max} {name} are allowed; there are {count}.");
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
