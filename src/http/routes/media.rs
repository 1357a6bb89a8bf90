//! `/media`: the pictures of gigs.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::domain::id::{ImageId, PublicId};
use crate::engine::Caller;
use crate::graphql::error::{Error, ErrorCode};
use crate::http::error_response::reject;
use crate::http::response::has_tag;
use crate::http::state::AppState;
use crate::service::images;
use crate::service::images::UrlSignature;

/// A picture never changes, and everybody may see it.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A picture never changes, but only its viewer's browser may keep it, and not for long.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=3600");

#[derive(Deserialize)]
pub struct Signed {
    expires: Option<i64>,
    signature: Option<String>,
}

pub async fn get(
    State(state): State<Arc<AppState>>,
    file: Result<Path<String>, PathRejection>,
    signed: Result<Query<Signed>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (Ok(Path(file)), Ok(Query(signed))) = (file, signed) else { return nothing() };
    let Some(name) = file.strip_suffix(".jpg") else { return nothing() };
    let Some(image_id) = ImageId::parse(name) else { return nothing() };
    let signature = signed.expires.zip(signed.signature);
    let signature = signature.map(|(expires, signature)| UrlSignature { expires, signature });
    let shown = async {
        let viewer = match state.caller_of(&headers).await? {
            Caller::Viewer(viewer) => Some(viewer),
            Caller::Anonymous | Caller::InvalidCredentials => None,
        };
        images::read(&state.services, viewer.as_deref(), image_id, signature.as_ref()).await
    };
    let shown = match shown.await {
        Ok(Some(shown)) => shown,
        Ok(None) => return nothing(),
        Err(error) => return error_response(&error.into()),
    };
    let tag = format!("\"{name}\"");
    let cached = [
        (header::CACHE_CONTROL, if shown.public { PUBLIC } else { PRIVATE }),
        (header::ETAG, HeaderValue::from_str(&tag).expect("an id is plain text")),
    ];
    if has_tag(&headers, &tag) {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    let plain = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (cached, plain, shown.bytes).into_response()
}

fn nothing() -> Response {
    reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, "There is no such picture that you may see.")
}

pub fn error_response(error: &Error) -> Response {
    let status = match error.code() {
        ErrorCode::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    reject(status, error.code(), error.message())
}
