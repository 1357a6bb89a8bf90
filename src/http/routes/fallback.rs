//! What is answered where there is no such route or method.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;

use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;

/// What `/graphql` answers to.
const GRAPHQL_ALLOW: HeaderValue = HeaderValue::from_static("GET, POST");

pub async fn not_found(uri: Uri) -> Response {
    let message = format!("There is nothing at {}; the API is at /graphql.", uri.path());
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
}

pub async fn only_get(method: Method) -> Response {
    let message = format!("{method} does nothing here; use GET.");
    let mut refusal = reject(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    refusal
}

pub async fn method_not_allowed(method: Method) -> Response {
    let message = format!("{method} does nothing here; use POST, or GET for queries.");
    let mut refusal = reject(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
    refusal.headers_mut().insert(header::ALLOW, GRAPHQL_ALLOW);
    refusal
}
