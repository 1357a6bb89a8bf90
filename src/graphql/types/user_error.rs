//! Validation errors: what the user can correct, as data in the payload of a mutation.

use async_graphql::{Enum, SimpleObject};

use crate::domain::message::MessageParam;
use crate::domain::violation::{Violation, ViolationCode};
use crate::graphql::error::Result;
use crate::service;

/// The kind of a validation error.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ViolationCode")]
pub enum UserErrorCode {
    /// The field is required.
    Required,
    /// The text has too few characters.
    TooShort,
    /// The text has too many characters.
    TooLong,
    /// The number, the price or the size of the image is outside its limits.
    OutOfRange,
    /// The list has too many entries.
    TooMany,
    /// The value does not have the required form.
    Invalid,
    /// The value occurs twice.
    Duplicate,
    /// The id does not exist, or the viewer may not use it.
    NotFound,
    /// The viewer may not do this, whatever the form contains: for example, review their own gig.
    NotAllowed,
    /// The current status of the object does not allow it.
    InvalidTransition,
    /// The object has a newer version than expected: read it again.
    StaleVersion,
    /// Another reviewer has claimed the item.
    AlreadyClaimed,
    /// The decision needs a claim of the review item: `claimReview`.
    ClaimRequired,
    /// The decision needs an inspection of the verification: `inspectVerification`.
    InspectionRequired,
    /// The file is not a JPEG, PNG or WebP image, is damaged, or has too many pixels.
    UnsupportedMedia,
    /// The file has too many bytes.
    FileTooLarge,
    /// At this worker level, the seller's identity must be verified first.
    VerificationRequired,
    /// The worker level is too low. Reserved: no mutation returns it at present.
    LevelTooLow,
    /// The viewer has as many gigs that are not archived, as many bytes of stored images, or as many claims, as a user
    /// may have.
    LimitReached,
    /// The viewer has used all attempts to submit their verification.
    AttemptsExhausted,
    /// The e-mail or the password is wrong, or the refresh token is invalid, used or expired.
    WrongCredentials,
    /// Another account has this e-mail.
    EmailTaken,
}

/// A validation error, to be shown beside the form. A mutation returns all errors of a form at once.
#[derive(SimpleObject)]
pub struct UserError {
    /// The kind of error, for programs.
    code: UserErrorCode,
    /// What is wrong, for people, in English. It names the limit.
    message: String,
    /// Every number and every name in the message, so that a client can write the message in another language.
    /// docs/API-DESIGN.md lists the parameters of each code.
    params: Vec<UserErrorParam>,
    /// The path of the field in the input of the mutation, for example ["links", "3"]; null if the error is
    /// not about one field.
    field: Option<Vec<String>>,
}

/// A number or a name in the message of a validation error.
#[derive(SimpleObject)]
pub struct UserErrorParam {
    /// What the value means, for example "max".
    name: String,
    /// The value as it is in the message, for example "120".
    value: String,
}

impl From<MessageParam> for UserErrorParam {
    fn from(param: MessageParam) -> Self {
        Self { name: param.name, value: param.value }
    }
}

impl From<Violation> for UserError {
    fn from(violation: Violation) -> Self {
        let (message, params) = violation.message.into_parts();
        Self {
            code: violation.code.into(),
            message,
            params: params.into_iter().map(Into::into).collect(),
            field: Some(violation.field).filter(|path| !path.is_empty()),
        }
    }
}

/// The two parts of a mutation's payload: the result or the validation errors.
///
/// # Errors
/// Every error that is not a validation error.
pub fn payload_parts<T>(result: service::Result<T>) -> Result<(Option<T>, Vec<UserError>)> {
    match result {
        Ok(result) => Ok((Some(result), Vec::new())),
        Err(service::Error::Violations(violations)) => {
            Ok((None, violations.into_iter().map(UserError::from).collect()))
        }
        Err(error) => Err(error.into()),
    }
}
