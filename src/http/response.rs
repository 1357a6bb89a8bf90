//! Answers as HTTP has them: their status and headers, and whether anybody may keep them.

use std::sync::Arc;

use async_graphql::{Response as Answer, Value};
use async_graphql_axum::GraphQLResponse;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::engine::cache_policy::CachePolicy;
use crate::engine::response::{ResponseBody, error_codes, is_request_error, etag};
use crate::engine::response_cache::CachedResponse;
use crate::http::log_fields::ErrorCodes;
use crate::http::media_type::MediaType;

/// What depends on who asks is nobody else's, and what changes is not kept.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// One response. async-graphql-axum writes it, unless nothing was executed: then it has no `data`, and the library would
/// write a null one.
pub fn respond(answer: Answer, media_type: MediaType) -> Response {
    let head = ResponseHead::of(&answer, media_type);
    let response = if is_request_error(&answer) {
        body_of(&answer).into_response()
    } else {
        GraphQLResponse::from(answer).into_response()
    };
    head.apply(response)
}

fn body_of(answer: &Answer) -> Bytes {
    serde_json::to_vec(&ResponseBody::from(answer)).expect("a response is plain data").into()
}

/// What the status, the headers and the log say of a response.
struct ResponseHead {
    status: StatusCode,
    content_type: &'static str,
    headers: HeaderMap,
    retry_after: Option<u64>,
    codes: Vec<String>,
}

impl ResponseHead {
    fn of(answer: &Answer, media_type: MediaType) -> Self {
        Self {
            status: media_type.status(answer),
            content_type: media_type.content_type(),
            headers: answer.http_headers.clone(),
            retry_after: retry_after(answer),
            codes: error_codes(answer).map(str::to_owned).collect(),
        }
    }

    fn apply(self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, PRIVATE);
        headers.extend(self.headers);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if !self.codes.is_empty() {
            response.extensions_mut().insert(ErrorCodes(self.codes));
        }
        response
    }
}

/// The answers to several operations, in their order.
pub fn respond_all(answers: &[Arc<Answer>]) -> Response {
    let sent: Vec<_> = answers.iter().map(|answer| ResponseBody::from(answer.as_ref())).collect();
    let body = serde_json::to_vec(&sent).expect("an answer is plain data");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(MediaType::Json.content_type())),
        (header::CACHE_CONTROL, PRIVATE),
    ];
    let mut response = (StatusCode::OK, headers, body).into_response();
    let codes: Vec<_> = answers.iter().flat_map(|answer| error_codes(answer)).map(str::to_owned).collect();
    if !codes.is_empty() {
        response.extensions_mut().insert(ErrorCodes(codes));
    }
    response
}

/// The response to an anonymous GET, which others may cache if the policy says so; without its body if the client has it.
pub fn respond_cacheable(
    answer: Arc<Answer>,
    media_type: MediaType,
    policy: CachePolicy,
    asked: &HeaderMap,
) -> Response {
    let is_complete = answer.errors.is_empty() && answer.data != Value::Null && answer.extensions.is_empty();
    if is_complete && policy != CachePolicy::Private {
        // Its tag is made of its bytes.
        let body = body_of(&answer);
        let tag = etag(&body);
        let response = ResponseHead::of(&answer, media_type).apply(body.into_response());
        return cacheable(response, &tag, policy, asked);
    }
    match Arc::try_unwrap(answer) {
        Ok(answer) => respond(answer, media_type),
        // Other requests get the same response.
        Err(answer) => ResponseHead::of(&answer, media_type).apply(body_of(&answer).into_response()),
    }
}

/// The answer to a stranger that is there already, which others may keep where the policy says so.
pub fn respond_kept(
    cached: &CachedResponse,
    media_type: MediaType,
    policy: CachePolicy,
    asked: &HeaderMap,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type.content_type())),
        (header::CACHE_CONTROL, PRIVATE),
    ];
    let response = (headers, cached.body.clone()).into_response();
    cacheable(response, &cached.etag, policy, asked)
}

/// The same, for others to keep where the policy says so; without its body where the client has it.
fn cacheable(mut response: Response, tag: &str, policy: CachePolicy, asked: &HeaderMap) -> Response {
    let CachePolicy::Public(cached) = policy else { return response };
    let headers = response.headers_mut();
    let policy = format!("public, max-age={}", cached.as_secs());
    headers.insert(header::CACHE_CONTROL, policy.parse().expect("a number is good in a header"));
    headers.insert(header::ETAG, tag.parse().expect("base64 is good in a header"));
    headers.append(header::VARY, HeaderValue::from_static("authorization, accept"));
    if has_tag(asked, tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::empty();
    }
    response
}

/// Whether the client has what has this tag.
pub fn has_tag(asked: &HeaderMap, tag: &str) -> bool {
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

/// One answer that nobody keeps.
pub fn answered(answer: Answer) -> Response {
    respond(answer, MediaType::Json)
}
