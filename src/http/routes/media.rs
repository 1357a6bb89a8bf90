//! `/media`: the images of gigs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tower_http::request_id::RequestId;

use crate::domain::id::{ImageId, PublicId};
use crate::engine::Caller;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::{reject, service_error};
use crate::http::middleware::request_id;
use crate::http::response::matches_if_none_match;
use crate::http::state::AppState;
use crate::service::images;
use crate::service::images::UrlSignature;

/// An image never changes, but its gig may leave the list at any time. So a cache may show a public one for five
/// minutes, and must then ask again, which costs a 304.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=300, must-revalidate");

/// Only the viewer's browser may cache an image that is not public, for an hour.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=3600");

/// An image that does not exist now, or not for this client, may be public a moment later.
const NOT_FOUND: HeaderValue = HeaderValue::from_static("no-store");

/// The signature in the URL of an image that is not public.
#[derive(Deserialize)]
pub struct SignatureQuery {
    expires: Option<i64>,
    signature: Option<String>,
}

pub async fn get(
    State(state): State<Arc<AppState>>,
    Extension(id): Extension<RequestId>,
    file: Result<Path<String>, PathRejection>,
    query: Result<Query<SignatureQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (Ok(Path(file)), Ok(Query(query))) = (file, query) else { return not_found() };
    let Some(name) = file.strip_suffix(".jpg") else { return not_found() };
    let Some(image_id) = ImageId::parse(name) else { return not_found() };
    let signature = query.expires.zip(query.signature);
    let signature = signature.map(|(expires, signature)| UrlSignature { expires, signature });
    let image = async {
        let viewer = match state.caller(&headers).await? {
            Caller::Viewer(viewer) => Some(viewer),
            Caller::Anonymous | Caller::InvalidCredentials { .. } => None,
        };
        images::find(&state.services, viewer.as_deref(), image_id, signature.as_ref()).await
    };
    let image = match image.await {
        Ok(Some(image)) => image,
        Ok(None) => return not_found(),
        Err(error) => return service_error(&error.into(), request_id::text_of(&id)),
    };
    // A signed URL is for one person, and is not purged from a cache together with the public one.
    let is_public = image.is_public && signature.is_none();
    let etag = format!("\"{name}\"");
    let cache_headers = [
        (header::CACHE_CONTROL, if is_public { PUBLIC } else { PRIVATE }),
        (header::ETAG, HeaderValue::from_str(&etag).expect("an id is ASCII")),
    ];
    if matches_if_none_match(&headers, &etag) {
        return (StatusCode::NOT_MODIFIED, cache_headers).into_response();
    }
    let content = match images::open(&state.services, &image).await {
        Ok(Some(content)) => content,
        Ok(None) => return not_found(),
        Err(error) => return service_error(&error.into(), request_id::text_of(&id)),
    };
    let content_headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_LENGTH, content.bytes.into()),
    ];
    // A client that reads slowly, or nothing, holds only a part of the file in memory.
    (cache_headers, content_headers, Body::from_stream(content.parts)).into_response()
}

fn not_found() -> Response {
    let message = "The image does not exist, or you may not see it.";
    let mut response = reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message);
    response.headers_mut().insert(header::CACHE_CONTROL, NOT_FOUND);
    response
}
