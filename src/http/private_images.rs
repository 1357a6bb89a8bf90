//! What the routes of images have in common that only one session may load: the signature in the URL, the caller, and
//! the headers of the response.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use crate::domain::user::Viewer;
use crate::engine::Caller;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::{reject, service_error};
use crate::http::state::AppState;

/// The query of a signed URL.
#[derive(Deserialize)]
pub struct SignatureQuery {
    pub expires: i64,
    pub signature: String,
}

/// The user who sends a request, or the response that refuses it.
pub async fn signed_in_viewer(
    state: &AppState,
    headers: &HeaderMap,
    request_id: &str,
) -> Result<Arc<Viewer>, Response> {
    match state.caller(headers).await {
        Ok(Caller::Viewer(viewer)) => Ok(viewer),
        Ok(Caller::Anonymous | Caller::InvalidCredentials { .. }) => {
            let message = "Send the access token of the session that this URL was created for.";
            Err(reject(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message))
        }
        Err(error) => Err(service_error(&error.into(), request_id)),
    }
}

/// No cache may store these images.
pub fn response_headers() -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}
