//! Reads the body of a POST to `/graphql`: JSON, or a multipart form with files.

use std::time::Duration;

use async_graphql::{BatchRequest, Request};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::engine::Caller;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;
use crate::http::headers::{APOLLO_OPERATION_NAME, REQUIRE_PREFLIGHT};
use crate::http::multipart_request;
use crate::http::operation_request;
use crate::http::state::AppState;

/// How long a client may take to send a body.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// The maximum size of a request without its files, in bytes.
pub const REQUEST_MAX_BYTES: usize = 1024 * 1024;

/// The maximum number of bytes of a too large body that are read and discarded.
const DISCARDED_MAX_BYTES: usize = 16 * REQUEST_MAX_BYTES;

/// The bytes of a body that are allocated before any has arrived: a client may declare more than it sends.
const FIRST_CAPACITY: usize = 64 * 1024;

/// The operations of a body.
pub enum RequestBody {
    Single(Box<Request>),
    /// Operations that are executed one after the other.
    Batch(Vec<Request>),
}

impl From<Request> for RequestBody {
    fn from(request: Request) -> Self {
        Self::Single(Box::new(request))
    }
}

/// Reads and parses a body.
///
/// # Errors
/// The response if the body is invalid, too large, or too slow.
pub async fn read(state: &AppState, headers: &HeaderMap, body: Body) -> Result<RequestBody, Response> {
    timeout(READ_TIMEOUT, read_by_content_type(state, headers, body)).await.unwrap_or_else(|_| {
        let message = format!("The body of a request must arrive within {} seconds.", READ_TIMEOUT.as_secs());
        Err(reject(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, message))
    })
}

async fn read_by_content_type(
    state: &AppState,
    headers: &HeaderMap,
    body: Body,
) -> Result<RequestBody, Response> {
    if !is_unencoded(headers) {
        let message = "Compressed bodies are not supported: send the request without `Content-Encoding`.";
        let mut response =
            reject(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message);
        response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        return Err(response);
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        let too_large = || {
            let message = format!("The request may have at most {REQUEST_MAX_BYTES} bytes.");
            reject(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
        };
        let bytes = read_json(body).await.ok_or_else(too_large)?;
        return parse_json(&bytes, state.batch_max);
    }
    let has_preflight =
        [REQUIRE_PREFLIGHT, APOLLO_OPERATION_NAME].iter().any(|name| headers.contains_key(name));
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        if !has_preflight {
            let message = "A multipart request must have the header `Apollo-Require-Preflight: true`.";
            return Err(reject(StatusCode::BAD_REQUEST, ErrorCode::PreflightRequired, message));
        }
        // Only signed-in users may upload: the files of other clients are not even read.
        let is_signed_in = matches!(state.caller(headers).await, Ok(Caller::Viewer(_)));
        let _permit = state.upload_permits.acquire().await.expect("the semaphore is never closed");
        // The limit and one more byte, by which the mutation recognizes a file that is too large.
        let limits = &state.services.limits;
        let largest = limits.gig.image_upload_max_bytes.max(limits.verification.document_max_bytes);
        let retained_bytes = if is_signed_in { Some(largest + 1) } else { None };
        let request = multipart_request::read(content_type, body, REQUEST_MAX_BYTES, retained_bytes).await;
        return request.map(RequestBody::from);
    }
    let message =
        "The content type must be `application/json`, or `multipart/form-data` for requests with files.";
    Err(reject(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message))
}

/// Whether the body is sent as it is. Decompressing it would let a small request take much memory.
fn is_unencoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().all(|line| {
        let mut codings = line.to_str().unwrap_or("unreadable").split(',').map(str::trim);
        codings.all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"))
    })
}

/// Reads a body. `None` if it is too large or incomplete. The rest of a too large body is read and discarded,
/// up to [`DISCARDED_MAX_BYTES`]: otherwise the connection would close while the client still sends, and the
/// client would not read the error.
async fn read_json(body: Body) -> Option<BytesMut> {
    let declared = usize::try_from(body.size_hint().lower()).ok().filter(|bytes| *bytes <= REQUEST_MAX_BYTES);
    let declared = declared.unwrap_or_default();
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut discarded) = (BytesMut::with_capacity(declared.min(FIRST_CAPACITY)), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        if discarded == 0 && bytes.len() + chunk.len() <= REQUEST_MAX_BYTES {
            if bytes.len() + chunk.len() > bytes.capacity() {
                // Growing in small steps would allocate, all in all, three times as much.
                bytes.reserve(chunk.len().max(declared.saturating_sub(bytes.len())));
            }
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = BytesMut::new();
            discarded += chunk.len();
            if discarded > DISCARDED_MAX_BYTES {
                return None;
            }
        }
    }
    (discarded == 0).then_some(bytes)
}

/// Parses one operation, or a list of up to `batch_max` operations. Lists are invalid if `batch_max` is 1.
fn parse_json(json: &[u8], batch_max: usize) -> Result<RequestBody, Response> {
    match operation_request::from_body(json)? {
        BatchRequest::Single(request) => Ok(request.into()),
        BatchRequest::Batch(requests) if batch_max > 1 && requests.len() <= batch_max => {
            Ok(RequestBody::Batch(requests))
        }
        BatchRequest::Batch(_) if batch_max < 2 => {
            let message = "A request may have only one operation: send a JSON object, not a list.";
            Err(reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message))
        }
        BatchRequest::Batch(requests) => {
            let message =
                format!("A batch may have 1 to {batch_max} operations; this one has {}.", requests.len());
            Err(reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message))
        }
    }
}
