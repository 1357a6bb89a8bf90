//! What a request to `/graphql` asks for, read from its body or its address.

use std::time::Duration;

use async_graphql::{BatchRequest, Request};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::engine::Caller;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;
use crate::http::headers::{APOLLO_OPERATION_NAME, REQUIRE_PREFLIGHT};
use crate::http::multipart_request;
use crate::http::operation_request::{self, invalid_request};
use crate::http::state::AppState;

/// How long a request may take to come in.
const READ_WITHIN: Duration = Duration::from_mins(1);

/// The most bytes of a request without files.
pub const DOCUMENT_MAX_BYTES: usize = 1024 * 1024;

/// The most bytes of a request that is too large which are read nevertheless.
const DROPPED_MAX_BYTES: usize = 16 * DOCUMENT_MAX_BYTES;

/// What a body holds.
pub enum RequestBody {
    One(Box<Request>),
    /// Operations to be run one after the other.
    Many(Vec<Request>),
}

fn one(request: Request) -> RequestBody {
    RequestBody::One(Box::new(request))
}

/// What the body asks for.
///
/// # Errors
/// The answer to what asks for nothing, or is too large, or too slow.
pub async fn body(state: &AppState, headers: &HeaderMap, body: Body) -> Result<RequestBody, Response> {
    timeout(READ_WITHIN, read(state, headers, body)).await.unwrap_or_else(|_| {
        let message = format!("A request must have come in within {} seconds.", READ_WITHIN.as_secs());
        Err(reject(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, message))
    })
}

async fn read(state: &AppState, headers: &HeaderMap, body: Body) -> Result<RequestBody, Response> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        let too_large = || {
            let message = format!("A request may have at most {DOCUMENT_MAX_BYTES} bytes.");
            reject(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
        };
        let bytes = whole(body).await.ok_or_else(too_large)?;
        return json(bytes.freeze(), state.batch).await;
    }
    let has_preflight =
        [REQUIRE_PREFLIGHT, APOLLO_OPERATION_NAME].iter().any(|name| headers.contains_key(name));
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        if !has_preflight {
            let message = "A multipart request needs the header Apollo-Require-Preflight: true.";
            return Err(reject(StatusCode::BAD_REQUEST, ErrorCode::PreflightRequired, message));
        }
        // Only people upload: what a stranger sends is not kept, and not even read.
        let takes_files = matches!(state.caller_of(headers).await, Ok(Caller::Viewer(_)));
        let _reading = state.uploads.acquire().await.expect("it is never closed");
        // One byte more than allowed is enough to tell that there are too many.
        let limits = &state.services.limits;
        let largest = limits.gig.image_upload_max_bytes.max(limits.verification.document_max_bytes);
        let cached = if takes_files { Some(largest + 1) } else { None };
        return multipart_request::read(content_type, body, DOCUMENT_MAX_BYTES, cached).await.map(one);
    }
    let message = "Send the request as application/json, or with files as multipart/form-data.";
    Err(reject(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message))
}

/// All bytes of a body; `None` where there are too many, or it breaks off. What is too much is read and dropped, up to a
/// bound: the client would find its connection closed while it sends, and never read why.
async fn whole(body: Body) -> Option<BytesMut> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut dropped) = (BytesMut::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        if dropped == 0 && bytes.len() + chunk.len() <= DOCUMENT_MAX_BYTES {
            bytes.extend_from_slice(&chunk);
        } else {
            bytes = BytesMut::new();
            dropped += chunk.len();
            if dropped > DROPPED_MAX_BYTES {
                return None;
            }
        }
    }
    (dropped == 0).then_some(bytes)
}

/// One operation as JSON, or up to `batch` of them.
async fn json(json: Bytes, batch: usize) -> Result<RequestBody, Response> {
    match operation_request::from_body(json).await? {
        BatchRequest::Single(request) => Ok(one(request)),
        BatchRequest::Batch(requests) if batch > 1 && requests.len() <= batch => {
            Ok(RequestBody::Many(requests))
        }
        BatchRequest::Batch(_) if batch < 2 => Err(invalid_request()),
        BatchRequest::Batch(requests) => {
            let message =
                format!("A list may have 1 to {batch} operations; this one has {}.", requests.len());
            Err(reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message))
        }
    }
}
