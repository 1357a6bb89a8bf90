//! What a person got wrong, as data beside the result.

use async_graphql::{Enum, SimpleObject};

use crate::domain::violation::{Violation, ViolationCode};
use crate::graphql::error::Result;
use crate::service;

/// Why something was refused.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ViolationCode")]
pub enum UserErrorCode {
    /// The field must be filled in.
    Required,
    /// The text is shorter than its limit.
    TooShort,
    /// The text is longer than its limit.
    TooLong,
    /// The number lies outside its limits.
    OutOfRange,
    /// The list has more entries than its limit.
    TooMany,
    /// The value is not of the form the field asks for.
    Invalid,
    /// The value is given twice.
    Duplicate,
    /// There is nothing of that id that the viewer may use.
    NotFound,
    /// The viewer may not do this, to this, whatever they change.
    NotAllowed,
    /// The subject's status does not allow it.
    InvalidTransition,
    /// Somebody has changed it meanwhile: read it again.
    StaleVersion,
    /// Another reviewer holds the item.
    AlreadyClaimed,
    /// The file is none of the kinds accepted, or it is damaged.
    UnsupportedMedia,
    /// The file has more bytes than its limit.
    FileTooLarge,
    /// The viewer's identity must be cleared first.
    VerificationRequired,
    /// The viewer's level is too low.
    LevelTooLow,
    /// The viewer has as many as anybody may have.
    LimitReached,
    /// No attempt is left.
    AttemptsExhausted,
    /// The e-mail or the password is wrong, or the refresh token is not good any more.
    WrongCredentials,
    /// There is an account with this e-mail already.
    EmailTaken,
}

/// One thing that a person got wrong, to be shown beside the form. All of a form's are told at once.
#[derive(SimpleObject)]
pub struct UserError {
    /// For programs to switch on.
    code: UserErrorCode,
    /// For the person: names the limit that was broken.
    message: String,
    /// The path of the field within the mutation's input, for example ["links", "3"]; null where no one field
    /// is at fault.
    field: Option<Vec<String>>,
}

impl From<Violation> for UserError {
    fn from(violation: Violation) -> Self {
        Self {
            code: violation.code.into(),
            message: violation.message,
            field: Some(violation.field).filter(|path| !path.is_empty()),
        }
    }
}

/// The two parts of a mutation's payload: what was done, or every mistake.
///
/// # Errors
/// What is no person's mistake.
pub fn payload<T>(done: service::Result<T>) -> Result<(Option<T>, Vec<UserError>)> {
    match done {
        Ok(result) => Ok((Some(result), Vec::new())),
        Err(service::Error::Refused(violations)) => {
            Ok((None, violations.into_iter().map(UserError::from).collect()))
        }
        Err(error) => Err(error.into()),
    }
}
