//! Why an act was not done.

use std::time::Duration;

use crate::domain::user::Viewer;
use crate::domain::violation::{Violation, ViolationCode};
pub use crate::media::vault::VaultError;
use crate::store;

/// What every act returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an act was not done. In every case nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A person's mistakes, to be shown beside the form.
    #[error("refused: {0:?}")]
    Refused(Vec<Violation>),
    /// It takes a session.
    #[error("not signed in")]
    Unauthenticated,
    /// It takes another role.
    #[error("not allowed")]
    Forbidden,
    /// Too many attempts.
    #[error("too many attempts; again in {0:?}")]
    RateLimited(Duration),
    /// The database is away.
    #[error("the database is away: {0}")]
    Unavailable(#[source] store::Error),
    /// What is sealed cannot be opened: a key is missing, or it has been altered.
    #[error("cannot open what is sealed: {0}")]
    Sealed(#[from] VaultError),
    /// A mistake of ours; its text is for the log alone.
    #[error(transparent)]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A mistake of ours.
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        if store::is_unavailable(&error) { Self::Unavailable(error) } else { Self::internal(error) }
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Self {
        Self::Refused(vec![violation])
    }
}

impl From<Vec<Violation>> for Error {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Refused(violations)
    }
}

/// The act is for reviewers.
pub(super) fn require_reviewer(viewer: &Viewer) -> Result<()> {
    if viewer.role.reviews() { Ok(()) } else { Err(Error::Forbidden) }
}

/// Wrong e-mail or wrong password: one answer, so that nobody learns who has an account.
pub(super) fn wrong_credentials() -> Error {
    let message = "The e-mail or the password is wrong.";
    Violation::of_act(ViolationCode::WrongCredentials, message).into()
}
