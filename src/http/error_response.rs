//! Answers to what never reached the schema: an HTTP status, and an error in GraphQL's shape.

use std::any::Any;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::graphql::error::{Error, ErrorCode};
use crate::http::log_fields::ErrorCodes;

/// Refuses a request.
pub fn reject(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Response {
    let code: &str = code.into();
    let message: String = message.into();
    let errors = json!({ "errors": [{ "message": message, "extensions": { "code": code } }] });
    let mut response = (status, Json(errors)).into_response();
    response.extensions_mut().insert(ErrorCodes(vec![code.to_owned()]));
    response
}

/// What became of a panic: one answer, and the process lives.
#[expect(clippy::needless_pass_by_value, reason = "the layer gives it away")]
pub fn of_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let error = Error::from_panic(panic.as_ref());
    reject(StatusCode::INTERNAL_SERVER_ERROR, error.code(), error.message())
}

pub fn too_many_connections(most: usize) -> Response {
    let message = format!("An address may have at most {most} sockets and streams open at a time.");
    reject(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message)
}
