//! Answers as HTTP has them: their status and headers, and whether anybody may keep them.

use async_graphql::{Response as Answer, Value};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::negotiation::MediaType;
use super::refusal::ErrorCodes;
use crate::graphql::answer::{Sent, codes};
use crate::graphql::caching::CachePolicy;

/// What depends on who asks is nobody else's, and what changes is not kept.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// One answer.
pub(super) fn respond(answer: &Answer, media_type: MediaType) -> Response {
    written(answer, media_type, body_of(answer))
}

fn body_of(answer: &Answer) -> Bytes {
    serde_json::to_vec(&Sent::from(answer)).expect("an answer is plain data").into()
}

fn written(answer: &Answer, media_type: MediaType, body: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type.content_type())),
        (header::CACHE_CONTROL, PRIVATE),
    ];
    let mut response = (media_type.status(answer), headers, body).into_response();
    response.headers_mut().extend(answer.http_headers.clone());
    if let Some(seconds) = retry_after(answer) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    let codes: Vec<_> = codes(answer).map(str::to_owned).collect();
    if !codes.is_empty() {
        response.extensions_mut().insert(ErrorCodes(codes));
    }
    response
}

/// The answers to several operations, in their order.
pub(super) fn respond_all(answers: &[Answer]) -> Response {
    let sent: Vec<_> = answers.iter().map(Sent::from).collect();
    let body = serde_json::to_vec(&sent).expect("an answer is plain data");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(MediaType::Json.content_type())),
        (header::CACHE_CONTROL, PRIVATE),
    ];
    let mut response = (StatusCode::OK, headers, body).into_response();
    let codes: Vec<_> = answers.iter().flat_map(codes).map(str::to_owned).collect();
    if !codes.is_empty() {
        response.extensions_mut().insert(ErrorCodes(codes));
    }
    response
}

/// The answer to a stranger's GET, which others may keep where the policy says so; without its body where the client has
/// it.
pub(super) fn respond_cacheable(
    answer: &Answer,
    media_type: MediaType,
    policy: CachePolicy,
    asked: &HeaderMap,
) -> Response {
    let body = body_of(answer);
    let mut response = written(answer, media_type, body.clone());
    let CachePolicy::Public(kept) = policy else { return response };
    if !answer.errors.is_empty() || answer.data == Value::Null || !answer.extensions.is_empty() {
        return response;
    }
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..16]));
    let matches = has_tag(asked, &tag);
    let headers = response.headers_mut();
    let policy = format!("public, max-age={}", kept.as_secs());
    headers.insert(header::CACHE_CONTROL, policy.parse().expect("a number is good in a header"));
    headers.insert(header::ETAG, tag.parse().expect("base64 is good in a header"));
    headers.append(header::VARY, HeaderValue::from_static("authorization, accept"));
    if matches {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::empty();
    }
    response
}

/// Whether the client has what has this tag.
pub(super) fn has_tag(asked: &HeaderMap, tag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|had| had == "*" || had.strip_prefix("W/").unwrap_or(had) == tag)
}

fn retry_after(answer: &Answer) -> Option<u64> {
    answer.errors.iter().find_map(|error| match error.extensions.as_ref()?.get("retryAfterSeconds")? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    })
}
