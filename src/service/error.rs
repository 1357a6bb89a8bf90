//! The errors of use cases.

use std::time::Duration;

use crate::domain::message::message;
use crate::domain::user::Viewer;
use crate::domain::violation::{Violation, ViolationCode};
pub use crate::media::vault::VaultError;
use crate::service::rate_limit::RateLimited;
use crate::store;
use crate::store::FailureKind;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case failed. Nothing was changed, unless the use case says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Expected failures, to be shown beside the form.
    #[error("invalid request: {0:?}")]
    Violations(Vec<Violation>),
    /// A valid session is required.
    #[error("not signed in")]
    Unauthenticated,
    /// The credentials are genuine, but their session has ended: only signing in again helps.
    #[error("the session has ended")]
    SessionEnded,
    /// The role REVIEWER or ADMIN is required.
    #[error("not allowed")]
    Forbidden,
    /// The role ADMIN is required.
    #[error("not allowed without the role ADMIN")]
    AdminRequired,
    /// The reviewer has opened the identity data of too many people within 24 hours.
    #[error("identity data of {max} people was opened; try again in {retry_after:?}")]
    TooManyPeople { max: u64, retry_after: Duration },
    /// Too many failed sign-ins; how long to wait.
    #[error("too many failed attempts; try again in {0:?}")]
    RateLimited(Duration),
    /// A rate limit of uploads or refreshes is exceeded.
    #[error("rate limit exceeded: {0:?}")]
    BudgetExceeded(RateLimited),
    /// Too many passwords or images wait to be processed.
    #[error("too many jobs wait")]
    Overloaded,
    #[error("the database or the storage of images is unavailable: {0}")]
    Unavailable(Cause),
    /// Nothing can be stored. Reading still works.
    #[error("the storage is full: {0}")]
    StorageFull(Cause),
    /// The database took too long.
    #[error("a statement took too long: {0}")]
    TimedOut(Cause),
    /// Encrypted data cannot be decrypted: a key is missing, or the data were altered.
    #[error("decryption failed: {0}")]
    Decryption(#[from] VaultError),
    /// An unexpected failure. Its text is logged and never sent to clients.
    #[error(transparent)]
    Internal(Cause),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// A blob could not be written.
    pub fn not_stored(error: impl Into<Cause>) -> Self {
        Self::StorageFull(error.into())
    }

    /// A blob could not be read.
    pub fn unavailable(error: impl Into<Cause>) -> Self {
        Self::Unavailable(error.into())
    }

    pub fn internal(error: impl Into<Cause>) -> Self {
        Self::Internal(error.into())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match store::failure_kind(&error) {
            FailureKind::Unavailable => Self::Unavailable(error.into()),
            FailureKind::StorageFull => Self::StorageFull(error.into()),
            FailureKind::TimedOut => Self::TimedOut(error.into()),
            FailureKind::Other => Self::internal(error),
        }
    }
}

impl From<RateLimited> for Error {
    fn from(limited: RateLimited) -> Self {
        Self::BudgetExceeded(limited)
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Violations(vec![violation])
    }
}

impl From<Vec<Violation>> for Error {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Violations(violations)
    }
}

/// Returns `Forbidden` unless the viewer can review.
pub(super) fn require_reviewer(viewer: &Viewer) -> Result<()> {
    if viewer.role.can_review() { Ok(()) } else { Err(Error::Forbidden) }
}

/// The same error for a wrong e-mail and a wrong password, so that nobody learns which e-mails have an
/// account.
pub(super) fn wrong_credentials() -> Error {
    let message = message!("The e-mail or the password is wrong.");
    Violation::general(ViolationCode::WrongCredentials, message).into()
}
