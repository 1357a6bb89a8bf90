//! Error responses to requests that never reach the schema: an HTTP status, and a body of the same shape as a
//! GraphQL error.

use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde_json::json;
use tower_http::request_id::RequestId;

use crate::engine::response::{error_response, finalize};
use crate::graphql::error::{Error, ErrorCode};
use crate::http::log_fields::ErrorCodes;
use crate::http::middleware::request_id;
use crate::http::response::respond_as_json;

/// Returns a response with one error.
pub fn reject(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Response {
    let code: &str = code.into();
    let message: String = message.into();
    let errors = json!({ "errors": [{ "message": message, "extensions": { "code": code } }] });
    let mut response = (status, Json(errors)).into_response();
    response.extensions_mut().insert(ErrorCodes(vec![code.to_owned()]));
    response
}

/// The response of a route other than `/graphql` if a service fails: 503 if the database is unavailable, 504 if it
/// takes too long, 429 if a limit of the user is exceeded, otherwise 500.
pub fn service_error(error: &Error, request_id: &str) -> Response {
    let status = match error.code() {
        ErrorCode::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = respond_as_json(finalize(error_response(error), request_id));
    *response.status_mut() = status;
    response
}

/// Turns a panic of a handler into a response. The process continues.
pub async fn catch_panic<F: Future<Output = Response>>(
    request: Request,
    handle: impl FnOnce(Request) -> F,
) -> Response {
    let request_id = request.extensions().get::<RequestId>().cloned();
    let response = AssertUnwindSafe(async { handle(request).await }).catch_unwind().await;
    response.unwrap_or_else(|panic| {
        let request_id = request_id.as_ref().map(request_id::text_of).unwrap_or_default();
        service_error(&Error::from_panic(panic.as_ref()), request_id)
    })
}

pub fn too_many_connections(max: usize) -> Response {
    let message =
        format!("Too many connections: an address may have at most {max} WebSockets and streams open.");
    reject(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_response_with_the_request_id() {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(RequestId::new(HeaderValue::from_static("request-7")));
        let response = catch_panic(request, async |_| panic!("injected")).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), 10_000).await.expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let extensions = json!({ "code": "INTERNAL_SERVER_ERROR", "requestId": "request-7" });
        assert_eq!(body["errors"][0]["extensions"], extensions);
        assert!(!body.to_string().contains("injected") && body.get("data").is_none(), "{body}");
    }
}
