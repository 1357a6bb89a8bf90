//! What a person got wrong, said so that they can mend it.

use serde::Serialize;

use crate::domain::text::is_invisible;

/// Why something was refused, as clients switch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr)]
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

/// One thing that is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub code: ViolationCode,
    /// For the person: names the limit that was broken.
    pub message: String,
    /// The path of the faulty field within the mutation's input; empty when no one field is at fault.
    pub field: Vec<String>,
}

impl Violation {
    /// A fault of the field at `path`, its steps separated by dots (`links.3`).
    pub fn at(path: &str, code: ViolationCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: path.split('.').map(str::to_owned).collect() }
    }

    /// A fault of the act as a whole.
    pub fn of_act(code: ViolationCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: Vec::new() }
    }

    /// Nothing the person may use has the id in `path`.
    pub fn not_found(path: &str, what: &str) -> Self {
        Self::at(path, ViolationCode::NotFound, format!("There is no such {what}."))
    }

    /// Somebody changed it meanwhile.
    pub fn stale(path: &str, what: &str) -> Self {
        Self::at(
            path,
            ViolationCode::StaleVersion,
            format!("The {what} has changed meanwhile; read it again before you decide."),
        )
    }
}

/// Checks of one form: collects every fault, so that a person sees all of them at once.
#[derive(Debug, Default)]
pub struct Validator {
    violations: Vec<Violation>,
}

impl Validator {
    /// Notes a fault at `path`.
    pub fn violation(&mut self, path: &str, code: ViolationCode, message: impl Into<String>) {
        self.violations.push(Violation::at(path, code, message));
    }

    /// The text, without blanks around it, must have `min` to `max` characters.
    pub fn text(&mut self, path: &str, name: &str, text: &str, min: usize, max: usize) {
        let length = text.chars().count();
        if length == 0 && min > 0 {
            self.violation(path, ViolationCode::Required, format!("{name} is required."));
        } else if length < min {
            let message = format!("{name} must have at least {min} characters; it has {length}.");
            self.violation(path, ViolationCode::TooShort, message);
        } else if length > max {
            let message = format!("{name} may have at most {max} characters; it has {length}.");
            self.violation(path, ViolationCode::TooLong, message);
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            let message = format!("{name} may not contain control characters.");
            self.violation(path, ViolationCode::Invalid, message);
        } else if text.chars().any(is_invisible) {
            let message = format!("{name} may not contain invisible characters.");
            self.violation(path, ViolationCode::Invalid, message);
        }
    }

    /// As [`Self::text`], and of one line.
    pub fn line(&mut self, path: &str, name: &str, text: &str, min: usize, max: usize) {
        self.text(path, name, text, min, max);
        if text.contains(['\n', '\r', '\t']) {
            self.violation(path, ViolationCode::Invalid, format!("{name} must be one line."));
        }
    }

    /// The number must be within `min` and `max`, both included.
    pub fn range(&mut self, path: &str, name: &str, number: i32, min: i32, max: i32) {
        if !(min..=max).contains(&number) {
            let message = format!("{name} must be from {min} to {max}; it is {number}.");
            self.violation(path, ViolationCode::OutOfRange, message);
        }
    }

    /// A list may have at most `max` entries.
    pub fn count(&mut self, path: &str, name: &str, count: usize, max: usize) {
        if count > max {
            let message = format!("At most {max} {name} are allowed; there are {count}.");
            self.violation(path, ViolationCode::TooMany, message);
        }
    }

    /// # Errors
    /// All faults noted, in the order they were found, if there was any.
    pub fn finish(self) -> Result<(), Vec<Violation>> {
        if self.violations.is_empty() { Ok(()) } else { Err(self.violations) }
    }
}
