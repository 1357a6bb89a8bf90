//! Responses to unknown paths, and to methods that a path does not support.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;

use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;

pub async fn not_found(uri: Uri) -> Response {
    let message = format!("Not found: {}. The API is served at /graphql.", uri.path());
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}

/// The response of every route except `/graphql`.
pub async fn method_not_allowed(method: Method) -> Response {
    let message = format!("Method not allowed: {method}. Use GET.");
    reject_method(message, HeaderValue::from_static("GET, HEAD"))
}

/// The response of `/graphql`.
pub async fn graphql_method_not_allowed(method: Method) -> Response {
    let message = format!("Method not allowed: {method}. Use POST, or GET for queries.");
    reject_method(message, HeaderValue::from_static("GET, POST"))
}

fn reject_method(message: String, allow: HeaderValue) -> Response {
    let mut response = reject(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    response.headers_mut().insert(header::ALLOW, allow);
    response
}
