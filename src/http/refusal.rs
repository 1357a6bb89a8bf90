//! Answers to what never reached the schema: an HTTP status, and an error in GraphQL's shape.

use std::any::Any;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::graphql::error::{Error, ErrorCode};

/// The codes of the errors in an answer, for the log.
#[derive(Debug, Clone)]
pub(super) struct ErrorCodes(pub Vec<String>);

/// Refuses a request.
pub(super) fn refuse(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Response {
    let code: &str = code.into();
    let message: String = message.into();
    let errors = json!({ "errors": [{ "message": message, "extensions": { "code": code } }] });
    let mut response = (status, Json(errors)).into_response();
    response.extensions_mut().insert(ErrorCodes(vec![code.to_owned()]));
    response
}

/// What became of a panic: one answer, and the process lives.
#[expect(clippy::needless_pass_by_value, reason = "the layer gives it away")]
pub(super) fn of_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let error = Error::panicked(panic.as_ref());
    refuse(StatusCode::INTERNAL_SERVER_ERROR, error.code(), error.message())
}
