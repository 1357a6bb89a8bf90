//! Error responses to requests that never reach the schema: an HTTP status, and a body of the same shape as a
//! GraphQL error.

use std::any::Any;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::graphql::error::{Error, ErrorCode};
use crate::http::log_fields::ErrorCodes;

/// Returns a response with one error.
pub fn reject(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Response {
    let code: &str = code.into();
    let message: String = message.into();
    let errors = json!({ "errors": [{ "message": message, "extensions": { "code": code } }] });
    let mut response = (status, Json(errors)).into_response();
    response.extensions_mut().insert(ErrorCodes(vec![code.to_owned()]));
    response
}

/// The response of a route other than `/graphql` if a service fails: 503 if the database is unavailable,
/// otherwise 500.
pub fn service_error(error: &Error) -> Response {
    let status = match error.code() {
        ErrorCode::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    reject(status, error.code(), error.message())
}

/// The response if a handler panics. The process continues.
#[expect(clippy::needless_pass_by_value, reason = "`CatchPanicLayer` passes the panic by value")]
pub fn panic_response(panic: Box<dyn Any + Send + 'static>) -> Response {
    let error = Error::from_panic(panic.as_ref());
    reject(StatusCode::INTERNAL_SERVER_ERROR, error.code(), error.message())
}

pub fn too_many_connections(max: usize) -> Response {
    let message =
        format!("Too many connections: an address may have at most {max} WebSockets and streams open.");
    reject(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message)
}
