//! Reads the body of a POST to `/graphql`: JSON, or a multipart form with files.
//!
//! A body that is refused is not read to its end here: the server receives the rest when it closes the
//! connection ([`connection_io`](crate::http::connection_io)).

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::{BatchRequest, Request};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::BytesMut;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::{sleep, timeout};

use crate::domain::id::UserId;
use crate::engine::Caller;
use crate::engine::response::{error_response, finalize};
use crate::graphql::error::{Error, ErrorCode};
use crate::http::error_response::reject;
use crate::http::headers::{APOLLO_OPERATION_NAME, REQUIRE_PREFLIGHT};
use crate::http::message_memory::{MemoryPermit, MessageMemory};
use crate::http::multipart_request;
use crate::http::operation_request;
use crate::http::response::respond_as_json;
use crate::http::state::AppState;

/// How long the body of an upload may take, as a multiple of the time for JSON.
const UPLOAD_TIMEOUT_FACTOR: u32 = 3;

/// How long an upload waits until others are done. Some clients give up after sending nothing for 30 seconds.
const UPLOAD_WAIT_TIMEOUT: Duration = Duration::from_secs(20);

/// While others wait, an upload must send so many bytes in each of these intervals.
const PROGRESS_MIN_BYTES: usize = 64 * 1024;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// After how many seconds a client that has waited in vain should try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

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

/// Reads and parses a body. `address` is that of the client.
///
/// # Errors
/// The response if the body is invalid, too large, or too slow, or the client may not send it.
pub async fn read(
    state: &AppState,
    address: IpAddr,
    request_id: &str,
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
        let new_permit = || state.message_memory.permit(state.sender(headers, address), address);
        let json = read_json(body, state.request_max_bytes, new_permit);
        return parse_json(&within(state.limits.message_timeout, json).await??, state.batch_max);
    }
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        if ![REQUIRE_PREFLIGHT, APOLLO_OPERATION_NAME].iter().any(|name| headers.contains_key(name)) {
            let message = "A multipart request must have the header `Apollo-Require-Preflight: true`.";
            return Err(reject(StatusCode::BAD_REQUEST, ErrorCode::PreflightRequired, message));
        }
        return read_multipart(state, headers, request_id, content_type, body).await.map(RequestBody::from);
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

/// Reads a request with files. Only signed-in clients may send one: nothing is read from others, and they do
/// not take part in the wait for permits.
async fn read_multipart(
    state: &AppState,
    headers: &HeaderMap,
    request_id: &str,
    content_type: &str,
    body: Body,
) -> Result<Request, Response> {
    let person = uploader(state, headers)
        .await
        .map_err(|error| respond_as_json(finalize(error_response(&error), request_id)))?;
    let declared = body.size_hint().upper().unwrap_or(multipart_request::BODY_MAX_BYTES);
    if declared > multipart_request::BODY_MAX_BYTES {
        return Err(multipart_request::too_large());
    }
    let bytes = usize::try_from(declared).unwrap_or(usize::MAX);
    let permit = timeout(UPLOAD_WAIT_TIMEOUT, state.upload_permits.acquire(person, bytes)).await;
    let permit = Arc::new(permit.map_err(|_| {
        let message = "Too many uploads are in progress. Try again in 5 seconds.";
        retry_later(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::ServiceUnavailable, message)
    })?);
    // The limit and one more byte, by which the mutation recognizes a file that is too large.
    let limits = &state.services.limits;
    let retained_bytes = limits.gig.image_upload_max_bytes.max(limits.verification.document_max_bytes) + 1;
    let received = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&received);
    let chunks = body.into_data_stream().inspect_ok(move |chunk| {
        count.fetch_add(chunk.len(), Ordering::Relaxed);
    });
    let body = Body::from_stream(chunks);
    let request =
        multipart_request::read(content_type, body, state.request_max_bytes, retained_bytes, &permit);
    let request = within(state.limits.message_timeout * UPLOAD_TIMEOUT_FACTOR, request);
    if bytes <= PROGRESS_MIN_BYTES {
        return request.await?;
    }
    tokio::select! {
        request = request => request?,
        response = watch_progress(state, &received) => Err(response),
    }
}

/// Waits until an upload has sent too little while others wait, and returns the response to it.
async fn watch_progress(state: &AppState, received: &AtomicUsize) -> Response {
    let mut before = 0;
    loop {
        sleep(PROGRESS_INTERVAL).await;
        let now = received.load(Ordering::Relaxed);
        if now - before < PROGRESS_MIN_BYTES && state.upload_permits.has_waiting() {
            break;
        }
        before = now;
    }
    let seconds = PROGRESS_INTERVAL.as_secs();
    let message = format!(
        "An upload must send at least {PROGRESS_MIN_BYTES} bytes in {seconds} seconds while others wait."
    );
    reject(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, message)
}

/// The signed-in person who sends files.
async fn uploader(state: &AppState, headers: &HeaderMap) -> Result<UserId, Error> {
    match state.caller(headers).await? {
        Caller::Viewer(viewer) => Ok(viewer.id()),
        caller => Err(caller.unauthenticated()),
    }
}

/// Limits how long a body may take.
async fn within<T>(max_duration: Duration, body: impl Future<Output = T>) -> Result<T, Response> {
    timeout(max_duration, body).await.map_err(|_| {
        let message = format!("The body of a request must arrive within {} seconds.", max_duration.as_secs());
        reject(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, message)
    })
}

fn incomplete() -> Response {
    reject(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, "The body of the request is incomplete.")
}

fn retry_later(status: StatusCode, code: ErrorCode, message: &str) -> Response {
    let mut response = reject(status, code, message);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// Reads a body of up to `max` bytes. A large one needs a permit for its memory.
async fn read_json(
    body: Body,
    max: usize,
    new_permit: impl Fn() -> MemoryPermit,
) -> Result<BytesMut, Response> {
    let too_large = || {
        let message = format!("The request may have at most {max} bytes.");
        reject(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
    };
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > max {
        return Err(too_large());
    }
    let mut chunks = body.into_data_stream();
    let mut permit = None;
    let mut bytes = BytesMut::with_capacity(declared.min(FIRST_CAPACITY));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| incomplete())?;
        let length = bytes.len() + chunk.len();
        if length > max {
            return Err(too_large());
        }
        if length > bytes.capacity() {
            // Growing in small steps would allocate, all in all, three times as much.
            bytes.reserve(chunk.len().max(declared.saturating_sub(bytes.len())));
        }
        if !MessageMemory::resize(&mut permit, &new_permit, bytes.capacity().max(length)) {
            let message =
                "Too many large requests of this client are being received. Try again in 5 seconds.";
            return Err(retry_later(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
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
