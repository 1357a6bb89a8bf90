//! GraphQL errors: all errors except validation errors. Each has a code.
//!
//! Validation errors are data instead: see [`user_error`](crate::graphql::types::user_error).
//!
//! [`Error`] does not implement `Display` on purpose. async-graphql sends clients the text of every error
//! that does, which would leak messages of the database.
//!
//! To add a code: a variant of [`ErrorCode`] that says what the client can do, its HTTP status in
//! `http::media_type` if it needs its own, a row in docs/API-DESIGN.md, and one in docs/SUBSCRIPTIONS.md if it can end
//! a subscription.

use std::any::Any;
use std::time::Duration;

use async_graphql::{ErrorExtensionValues, Value};

use crate::events::stream::StreamError;
use crate::service;
use crate::service::error::VaultError;
use crate::service::rate_limit::{RateLimitKind, RateLimited};
use crate::store;

/// When a client should try again if too many requests wait. They are processed within a few seconds.
const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(5);
/// When to try again if the storage is full: somebody has to make room.
const STORAGE_RETRY_DELAY: Duration = Duration::from_secs(30);

/// The result of a resolver.
pub type Result<T> = std::result::Result<T, Error>;

/// `extensions.code` of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// A valid session is required: sign in, or call `refreshSession`.
    Unauthenticated,
    /// The viewer does not have the required role.
    Forbidden,
    /// Nothing that the viewer may see has this id.
    NotFound,
    /// An argument or a variable is invalid.
    BadUserInput,
    /// The GraphQL document has a syntax error.
    GraphqlParseFailed,
    /// The GraphQL document is not valid for this schema.
    GraphqlValidationFailed,
    /// Too many operations or attempts: try again after `extensions.retryAfterSeconds` seconds.
    RateLimited,
    /// A cursor is malformed, or belongs to a list in another order.
    InvalidCursor,
    /// The event log no longer has the events after the cursor: read the current state again.
    CursorExpired,
    /// The operation exceeds a limit, such as its depth or its cost.
    QueryTooComplex,
    /// The HTTP request is not a GraphQL request.
    BadRequest,
    /// The HTTP method is not allowed: use one of the header `Allow`.
    MethodNotAllowed,
    /// The client accepts none of the media types of the response.
    NotAcceptable,
    /// The media type of the request body is not supported.
    UnsupportedMediaType,
    /// The request body has too many bytes.
    PayloadTooLarge,
    /// Any web page could have sent the request without a CORS preflight: send the header
    /// `Apollo-Require-Preflight`.
    PreflightRequired,
    /// The gateway does not know the document with this hash or id: send the document, too.
    PersistedQueryNotFound,
    /// Automatic persisted queries are switched off: send the document.
    PersistedQueryNotSupported,
    /// The gateway runs only trusted documents, and this is not one.
    DocumentNotTrusted,
    /// A mutation with this Idempotency-Key is still running.
    IdempotencyKeyInUse,
    /// The Idempotency-Key was used for a different request.
    IdempotencyKeyReused,
    /// The mutation with this Idempotency-Key was committed, but its response was lost.
    IdempotentAnswerLost,
    /// The operation, or a statement of an anonymous client, exceeded its time limit.
    TimedOut,
    /// Encrypted data failed its integrity check and is not shown.
    DataTampered,
    /// A key is missing that is needed to decrypt data.
    KeyMissing,
    /// The database is unavailable, the storage is full, or too many requests of this kind wait: try again after
    /// `extensions.retryAfterSeconds` seconds.
    ServiceUnavailable,
    /// An internal error. Its cause is logged under `extensions.requestId`.
    InternalServerError,
}

/// An error that is safe to send to a client.
#[derive(Debug, Clone)]
pub struct Error {
    code: ErrorCode,
    message: String,
    retry_after: Option<Duration>,
    /// The rate limit that is exceeded.
    budget: Option<&'static str>,
    /// `extensions.reason`: tells apart errors of the same code that clients handle differently.
    reason: Option<&'static str>,
}

impl Error {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, budget: None, reason: None }
    }

    /// There is no session, or it has ended.
    pub fn unauthenticated() -> Self {
        let message = "A valid session is required. Sign in, or call `refreshSession`.";
        Self::new(ErrorCode::Unauthenticated, message)
    }

    /// The session has ended: other than for an expired token, it is of no use to refresh and try again.
    pub fn session_ended() -> Self {
        let error = Self::new(ErrorCode::Unauthenticated, "The session has ended. Sign in again.");
        Self { reason: Some("SESSION_ENDED"), ..error }
    }

    /// A stream ticket opens one stream at a time, of one operation.
    pub fn ticket_used() -> Self {
        let message = "This stream ticket was used for another operation, or its stream is open. Create a new \
                       ticket.";
        Self { reason: Some("TICKET_USED"), ..Self::new(ErrorCode::Unauthenticated, message) }
    }

    /// An argument is invalid.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadUserInput, message)
    }

    /// Logs `error`, and hides it from the client.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(ErrorCode::InternalServerError, "Internal server error.")
    }

    /// Logs a panic, and hides it from the client.
    pub fn from_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Self::internal(&format!("panic: {}", text.unwrap_or("no message")))
    }

    /// A mutation with an idempotency key was executed, but there is no response to it.
    pub fn answer_lost(what: &str) -> Self {
        Self::new(ErrorCode::IdempotentAnswerLost, format!("{what} Read the current state."))
    }

    /// Too many of something: the client can try again after `retry_after`.
    pub fn too_many(message: impl Into<String>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(ErrorCode::RateLimited, message) }
    }

    /// Another operation must finish first: the client can try again after a second.
    pub fn conflict(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { retry_after: Some(Duration::from_secs(1)), ..Self::new(code, message) }
    }

    fn from_vault_error(error: &VaultError) -> Self {
        tracing::error!(%error, "cannot decrypt stored data");
        match error {
            VaultError::Tampered => {
                let message = "The stored data failed its integrity check and is not shown.";
                Self::new(ErrorCode::DataTampered, message)
            }
            VaultError::MissingKey(_) | VaultError::MissingDataKey(_) => {
                let message = "An encryption key is missing. The administrator finds its id in the log.";
                Self::new(ErrorCode::KeyMissing, message)
            }
            VaultError::NoRandomness => Self::internal(error),
        }
    }

    fn unavailable(error: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%error, "database unavailable");
        let retry_after = Some(Duration::from_secs(1));
        let message = "The service is not available right now; try again.";
        Self { retry_after, ..Self::new(ErrorCode::ServiceUnavailable, message) }
    }

    /// Too many passwords or images wait to be processed.
    fn overloaded() -> Self {
        let retry_after = Some(OVERLOAD_RETRY_AFTER);
        let message = "Too many requests of this kind are waiting right now; try again.";
        Self { retry_after, ..Self::new(ErrorCode::ServiceUnavailable, message) }
    }

    fn storage_full(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "nothing can be stored");
        let retry_after = Some(STORAGE_RETRY_DELAY);
        let message = "Nothing can be stored right now; reading still works. Try again later.";
        Self { retry_after, ..Self::new(ErrorCode::ServiceUnavailable, message) }
    }

    fn timed_out(error: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%error, "a statement took too long");
        let message = "Reading the data took too long and was stopped. Ask for less, or sign in.";
        Self::new(ErrorCode::TimedOut, message)
    }

    /// The `extensions` of the error: `code`, and `retryAfterSeconds`, `budget` and `reason` if they are known.
    pub fn extensions(&self) -> ErrorExtensionValues {
        let code: &str = self.code.into();
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", code);
        if let Some(delay) = self.retry_after {
            extensions.set("retryAfterSeconds", Value::from(whole_seconds(delay)));
        }
        if let Some(budget) = self.budget {
            extensions.set("budget", budget);
        }
        if let Some(reason) = self.reason {
            extensions.set("reason", reason);
        }
        extensions
    }

    /// Whether the database is unavailable.
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

/// The value of a nullable field. If it fails, the field is null and has an error, as the GraphQL
/// specification requires. A resolver that returns `Result<Option<T>>` would make the parent null.
pub async fn nullable<T>(value: impl Future<Output = Result<Option<T>>>) -> Option<Result<T>> {
    value.await.transpose()
}

/// The delay in seconds, rounded up and at least 1: a client that retries too early is refused again.
fn whole_seconds(delay: Duration) -> u64 {
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    seconds.max(1)
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
            service::Error::Violations(violations) => {
                let messages: Vec<_> = violations.iter().map(|violation| violation.message.text()).collect();
                Self::bad_input(messages.join(" "))
            }
            service::Error::Unauthenticated => Self::unauthenticated(),
            service::Error::SessionEnded => Self::session_ended(),
            service::Error::Forbidden => {
                Self::new(ErrorCode::Forbidden, "The role REVIEWER or ADMIN is required.")
            }
            service::Error::AdminRequired => Self::new(ErrorCode::Forbidden, "The role ADMIN is required."),
            service::Error::TooManyPeople { max, retry_after } => {
                let seconds = whole_seconds(retry_after);
                let message = format!(
                    "You may open the identity data of at most {max} people in 24 hours. Try again in {seconds} s."
                );
                let (retry_after, budget) = (Some(retry_after), Some("identityData"));
                Self { retry_after, budget, ..Self::new(ErrorCode::RateLimited, message) }
            }
            service::Error::RateLimited(delay) => {
                let seconds = whole_seconds(delay);
                let message = format!("Too many failed sign-in attempts. Try again in {seconds} s.");
                let retry_after = Some(delay);
                Self { retry_after, ..Self::new(ErrorCode::RateLimited, message) }
            }
            service::Error::BudgetExceeded(limited) => limited.into(),
            service::Error::Overloaded => Self::overloaded(),
            service::Error::Unavailable(error) => Self::unavailable(&error),
            service::Error::StorageFull(error) => Self::storage_full(&error),
            service::Error::TimedOut(error) => Self::timed_out(&error),
            service::Error::Decryption(error) => Self::from_vault_error(&error),
            service::Error::Internal(error) => Self::internal(&error),
        }
    }
}

impl From<RateLimited> for Error {
    fn from(limited: RateLimited) -> Self {
        let RateLimited { kind, rule, retry_after } = limited;
        let unit = if kind == RateLimitKind::Requests { "requests of your network" } else { "points" };
        let message = format!(
            "Rate limit exceeded: {} {unit}, refilled at {} per minute. Try again in {} s.",
            rule.capacity,
            rule.per_minute,
            whole_seconds(retry_after)
        );
        let (retry_after, budget) = (Some(retry_after), Some(kind.into()));
        Self { retry_after, budget, ..Self::new(ErrorCode::RateLimited, message) }
    }
}

impl From<store::Error> for Error {
    fn from(error: crate::store::Error) -> Self {
        service::Error::from(error).into()
    }
}

impl From<StreamError> for Error {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::InvalidCursor => {
                Self::new(ErrorCode::InvalidCursor, "The cursor in `after` or `Last-Event-ID` is malformed.")
            }
            StreamError::CursorExpired => {
                let message =
                    "The event log no longer has the events after this cursor. Read the current state again.";
                Self::new(ErrorCode::CursorExpired, message)
            }
            StreamError::Store(error) if store::is_unavailable(&error) => Self::unavailable(&error),
            StreamError::Store(error) => Self::internal(&error),
            StreamError::Panicked(error) => Self::internal(&error),
        }
    }
}
