//! What only a program can get wrong, or what went wrong with us: a GraphQL error with a code.
//!
//! The error type does not implement `Display` on purpose: async-graphql shows clients the text of every
//! error that does, and so would leak whatever a database says.

use std::any::Any;
use std::time::Duration;

use async_graphql::{ErrorExtensionValues, Value};

use crate::events::stream::StreamError;
use crate::service;
use crate::service::error::VaultError;
use crate::service::rate_limit::RateLimited;
use crate::store;

/// What every resolver returns.
pub type Result<T> = std::result::Result<T, Error>;

/// `extensions.code` of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// It takes a session, or the session has ended: sign in, or trade the refresh token.
    Unauthenticated,
    /// It takes another role.
    Forbidden,
    /// The viewer sees nothing of that id.
    NotFound,
    /// An argument or variable is not what the schema asks for.
    BadUserInput,
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document does not fit the schema.
    GraphqlValidationFailed,
    /// Too many attempts; `extensions.retryAfterSeconds` says when to try again.
    RateLimited,
    /// A cursor is malformed, or of another list.
    InvalidCursor,
    /// The log no longer keeps what came after the cursor: read everything anew.
    CursorExpired,
    /// The operation asks for more than is done at once.
    QueryTooComplex,
    /// The HTTP request is no GraphQL request.
    BadRequest,
    /// The HTTP method does not do this; the header `Allow` says which does.
    MethodNotAllowed,
    /// The client accepts no media type that the answer could have.
    NotAcceptable,
    /// The request's body is in no form that is read here.
    UnsupportedMediaType,
    /// The request has more bytes than are read here.
    PayloadTooLarge,
    /// The request could have been sent by any web page without its user's knowledge.
    PreflightRequired,
    /// The document was named by a hash or id that is not known here: send the document.
    PersistedQueryNotFound,
    /// Documents cannot be named by hashes here: send the document.
    PersistedQueryNotSupported,
    /// The document is none of those that this gateway runs.
    DocumentNotTrusted,
    /// The mutation with this Idempotency-Key is running.
    IdempotencyKeyInUse,
    /// The Idempotency-Key was used for another request.
    IdempotencyKeyReused,
    /// The mutation with this Idempotency-Key was done, and its answer was lost.
    IdempotentAnswerLost,
    /// The operation took longer than it may.
    TimedOut,
    /// Encrypted data have been altered, and are not shown.
    DataTampered,
    /// A key of this installation is missing, without which encrypted data cannot be shown.
    KeyMissing,
    /// The database is away; try again.
    ServiceUnavailable,
    /// A mistake of ours; `extensions.requestId` names it in our log.
    InternalServerError,
}

/// An error as the client reads it.
#[derive(Debug, Clone)]
pub struct Error {
    code: ErrorCode,
    message: String,
    retry_after: Option<Duration>,
    /// The budget that is spent.
    budget: Option<&'static str>,
}

impl Error {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, budget: None }
    }

    /// Nobody has signed in, or no longer.
    pub fn unauthenticated() -> Self {
        let message = "This takes a session: sign in, or refresh the session.";
        Self::new(ErrorCode::Unauthenticated, message)
    }

    /// An argument is not what it should be.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadUserInput, message)
    }

    /// A mistake of ours: logged, and not shown.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(ErrorCode::InternalServerError, "Something went wrong on our side.")
    }

    /// A panic of ours: logged, and not shown.
    pub fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Self::internal(&format!("panic: {}", text.unwrap_or("without a text")))
    }

    /// Something else is under way that must end first.
    pub fn conflict(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(code, message) }
    }

    fn sealed(error: &VaultError) -> Self {
        tracing::error!(%error, "cannot open what is sealed");
        match error {
            VaultError::Tampered => {
                let message = "The stored data have been altered, and are not shown.";
                Self::new(ErrorCode::DataTampered, message)
            }
            VaultError::MissingKey(_) => {
                let message =
                    "A key of this installation is missing; whoever runs it finds its name in the log.";
                Self::new(ErrorCode::KeyMissing, message)
            }
            VaultError::NoRandomness => Self::internal(error),
        }
    }

    fn unavailable(error: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%error, "the database is away");
        let retry_after = Some(Duration::from_secs(1));
        let message = "The service is not available right now; try again.";
        Self { retry_after, ..Self::new(ErrorCode::ServiceUnavailable, message) }
    }

    /// The code and what goes with it.
    pub fn extensions(&self) -> ErrorExtensionValues {
        let code: &str = self.code.into();
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code);
        if let Some(pause) = self.retry_after {
            // Rounded up: who comes too early would be refused again.
            let whole = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
            extensions.set("retryAfterSeconds", Value::from(whole.max(1)));
        }
        if let Some(budget) = self.budget {
            extensions.set("budget", budget);
        }
        extensions
    }

    /// Whether it may be tried again soon.
    pub fn is_unavailable(&self) -> bool {
        self.code == ErrorCode::ServiceUnavailable
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn code(&self) -> ErrorCode {
        self.code
    }
}

/// A field that may be null, from what it takes to answer it: where that fails, the library makes this field null,
/// as the specification has it, and not the object around it.
pub async fn nullable<T>(answer: impl Future<Output = Result<Option<T>>>) -> Option<Result<T>> {
    answer.await.transpose()
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let extensions = Some(error.extensions());
        Self { message: error.message, source: None, extensions }
    }
}

impl From<service::Error> for Error {
    fn from(error: service::Error) -> Self {
        match error {
            service::Error::Refused(violations) => {
                let messages: Vec<_> = violations.into_iter().map(|violation| violation.message).collect();
                Self::bad_input(messages.join(" "))
            }
            service::Error::Unauthenticated => Self::unauthenticated(),
            service::Error::Forbidden => {
                Self::new(ErrorCode::Forbidden, "This takes the role REVIEWER or ADMIN.")
            }
            service::Error::RateLimited(pause) => {
                let message = "There were too many failed attempts; try again later.";
                let retry_after = Some(pause);
                Self { retry_after, ..Self::new(ErrorCode::RateLimited, message) }
            }
            service::Error::Unavailable(error) => Self::unavailable(&error),
            service::Error::Sealed(error) => Self::sealed(&error),
            service::Error::Internal(error) => Self::internal(&error),
        }
    }
}

impl From<RateLimited> for Error {
    fn from(spent: RateLimited) -> Self {
        let RateLimited { budget, rule, again_in } = spent;
        let message = format!(
            "This is more than you may do at a time: {} points, of which {} run in each minute. Try again later.",
            rule.capacity, rule.per_minute
        );
        let (retry_after, budget) = (Some(again_in), Some(budget.into()));
        Self { retry_after, budget, ..Self::new(ErrorCode::RateLimited, message) }
    }
}

impl From<store::Error> for Error {
    fn from(error: crate::store::Error) -> Self {
        if store::is_unavailable(&error) { Self::unavailable(&error) } else { Self::internal(&error) }
    }
}

impl From<StreamError> for Error {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::InvalidCursor => {
                Self::new(ErrorCode::InvalidCursor, "The cursor `after` is malformed.")
            }
            StreamError::CursorExpired => {
                let message = "The log no longer keeps what came after the cursor; read everything anew.";
                Self::new(ErrorCode::CursorExpired, message)
            }
            StreamError::Store(error) if store::is_unavailable(&error) => Self::unavailable(&error),
            StreamError::Store(error) => Self::internal(&error),
        }
    }
}
