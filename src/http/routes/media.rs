//! `/media`: the images of gigs, as they are stored (`<id>.jpg`) and in smaller widths (`<id>-v<version>-<width>.jpg`).

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
use crate::http::media_type::accepts_webp;
use crate::http::middleware::request_id;
use crate::http::response::matches_if_none_match;
use crate::http::state::AppState;
use crate::service::images;
use crate::service::images::{ImageFile, ImageFormat, UrlSignature};

/// An image never changes, but its gig may leave the list at any time. So a cache may show a public one for five
/// minutes, and must then ask again, which costs a 304.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=300, must-revalidate");

/// Only the viewer's browser may cache an image that is not public, for an hour.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=3600");

/// The same for what is sent in place of a copy that a background job will make again.
const PUBLIC_SUBSTITUTE: HeaderValue = HeaderValue::from_static("public, max-age=10, must-revalidate");
const PRIVATE_SUBSTITUTE: HeaderValue = HeaderValue::from_static("private, max-age=10");

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
    let Some(name) = ImageName::parse(&file) else { return not_found() };
    let signature = query.expires.zip(query.signature);
    let signature = signature.map(|(expires, signature)| UrlSignature { expires, signature });
    let visible = async {
        let viewer = match state.caller(&headers).await? {
            Caller::Viewer(viewer) => Some(viewer),
            Caller::Anonymous | Caller::InvalidCredentials { .. } => None,
        };
        images::find(&state.services, viewer.as_deref(), name.id, signature.as_ref()).await
    };
    let visible = match visible.await {
        Ok(Some(visible)) => visible,
        Ok(None) => return not_found(),
        Err(error) => return service_error(&error.into(), request_id::text_of(&id)),
    };
    // A signed URL is for one person, and is not purged from a cache together with the public one.
    let is_public = visible.is_public && signature.is_none();
    // A client that has the stored image does not cause its file to be read.
    let stored_tag = format!("\"{}\"", name.id.to_public());
    if name.width.is_none() && matches_if_none_match(&headers, &stored_tag) {
        let caching = if is_public { PUBLIC } else { PRIVATE };
        return with_headers(StatusCode::NOT_MODIFIED.into_response(), &name, &stored_tag, caching);
    }
    let opened = match name.width {
        None => images::open(&state.services, &visible.image).await,
        Some(width) => {
            let format = if accepts_webp(&headers) { ImageFormat::WebP } else { ImageFormat::Jpeg };
            images::open_width(&state.services, &visible.image, width, format).await
        }
    };
    match opened {
        Ok(Some(file)) => respond(&name, file, is_public, &headers),
        Ok(None) => not_found(),
        Err(error) => service_error(&error.into(), request_id::text_of(&id)),
    }
}

/// The image that a path names.
struct ImageName {
    id: ImageId,
    /// `None` for the image as it is stored.
    width: Option<i32>,
}

impl ImageName {
    /// The version in the path only keeps the URL from staying the same when the content changes. So a page that is
    /// older than the newest copies still shows its images.
    fn parse(file: &str) -> Option<Self> {
        let name = file.strip_suffix(".jpg")?;
        let Some((id, variant)) = name.split_once('-') else {
            return Some(Self { id: ImageId::parse(name)?, width: None });
        };
        let (version, width) = variant.strip_prefix('v')?.split_once('-')?;
        // Each width has one spelling.
        let is_number = |text: &str| !text.starts_with(['+', '-', '0']);
        let (version, width) =
            (Some(version).filter(|it| is_number(it))?, Some(width).filter(|it| is_number(it))?);
        version.parse::<i32>().ok()?;
        Some(Self { id: ImageId::parse(id)?, width: Some(width.parse().ok()?) })
    }
}

/// The response with a file of an image.
fn respond(name: &ImageName, file: ImageFile, is_public: bool, headers: &HeaderMap) -> Response {
    let (content_type, extension) = match file.format {
        ImageFormat::Jpeg => (HeaderValue::from_static("image/jpeg"), "jpg"),
        ImageFormat::WebP => (HeaderValue::from_static("image/webp"), "webp"),
    };
    let id = name.id.to_public();
    // The tag names what is sent, which may not be what the path names.
    let etag = match name.width.zip(file.version) {
        Some((width, version)) => format!("\"{id}-v{version}-{width}.{extension}\""),
        None => format!("\"{id}\""),
    };
    let response = if matches_if_none_match(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_headers = [
            (header::CONTENT_TYPE, content_type),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::CONTENT_LENGTH, file.content.bytes.into()),
        ];
        // A client that reads slowly, or nothing, holds only a part of the file in memory.
        (content_headers, Body::from_stream(file.content.parts)).into_response()
    };
    let cache_control = match (is_public, file.is_substitute) {
        (true, false) => PUBLIC,
        (true, true) => PUBLIC_SUBSTITUTE,
        (false, false) => PRIVATE,
        (false, true) => PRIVATE_SUBSTITUTE,
    };
    with_headers(response, name, &etag, cache_control)
}

/// Adds the headers that a response has with and without a body.
fn with_headers(
    mut response: Response,
    name: &ImageName,
    etag: &str,
    cache_control: HeaderValue,
) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, cache_control);
    headers.insert(header::ETAG, HeaderValue::from_str(etag).expect("an id is ASCII"));
    if name.width.is_some() {
        headers.append(header::VARY, HeaderValue::from_static("accept"));
    }
    response
}

fn not_found() -> Response {
    let message = "The image does not exist, or you may not see it.";
    let mut response = reject(StatusCode::NOT_FOUND, ErrorCode::NotFound, message);
    response.headers_mut().insert(header::CACHE_CONTROL, NOT_FOUND);
    response
}
