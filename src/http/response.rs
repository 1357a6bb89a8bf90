//! Writes GraphQL responses as HTTP responses: body, status, headers and caching.

use std::sync::Arc;

use async_graphql::{Response as GraphqlResponse, Value};
use async_graphql_axum::GraphQLResponse;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use crate::engine::cache_policy::CachePolicy;
use crate::engine::compression::{ContentEncoding, compress};
use crate::engine::response::{ResponseBody, error_codes, etag, is_request_error};
use crate::engine::response_cache::CachedResponse;
use crate::http::content_encoding::negotiate;
use crate::http::log_fields::ErrorCodes;
use crate::http::media_type::MediaType;

/// Responses are not cached by default: they may depend on the viewer, and change at any time.
const NO_STORE: HeaderValue = HeaderValue::from_static("private, no-store");

/// More than the headers of a public response, with those of the middleware, so that their map is allocated once.
const HEADERS: usize = 24;

/// Writes one response. async-graphql-axum writes the body, unless nothing was executed: such a response has
/// no `data`, but the library would write `"data": null`.
pub fn respond(response: GraphqlResponse, media_type: MediaType) -> Response {
    let head = ResponseHead::new(&response, media_type);
    let http_response = if is_request_error(&response) {
        json_body(&response).into_response()
    } else {
        GraphQLResponse::from(response).into_response()
    };
    head.apply(http_response)
}

/// Writes one response as `application/json`.
pub fn respond_as_json(response: GraphqlResponse) -> Response {
    respond(response, MediaType::Json)
}

fn json_body(response: &GraphqlResponse) -> Bytes {
    serde_json::to_vec(&ResponseBody::from(response)).expect("a response is plain data").into()
}

/// The status and headers of a response, and the error codes for the log.
struct ResponseHead {
    status: StatusCode,
    content_type: &'static str,
    headers: HeaderMap,
    retry_after: Option<u64>,
    codes: Vec<String>,
}

impl ResponseHead {
    fn new(response: &GraphqlResponse, media_type: MediaType) -> Self {
        Self {
            status: media_type.status(response),
            content_type: media_type.content_type(),
            headers: response.http_headers.clone(),
            retry_after: retry_after(response),
            codes: error_codes(response).map(str::to_owned).collect(),
        }
    }

    fn apply(self, mut response: Response) -> Response {
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, NO_STORE);
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

/// Writes the responses to the operations of a batch, in their order.
pub fn respond_to_batch(responses: &[Arc<GraphqlResponse>]) -> Response {
    let bodies: Vec<_> = responses.iter().map(|response| ResponseBody::from(response.as_ref())).collect();
    let body = serde_json::to_vec(&bodies).expect("a response is plain data");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(MediaType::Json.content_type())),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    let mut http_response = (StatusCode::OK, headers, body).into_response();
    let codes: Vec<_> =
        responses.iter().flat_map(|response| error_codes(response)).map(str::to_owned).collect();
    if !codes.is_empty() {
        http_response.extensions_mut().insert(ErrorCodes(codes));
    }
    http_response
}

/// The body of a public response, as it is or compressed.
pub struct EncodedBody {
    pub bytes: Bytes,
    pub encoding: Option<ContentEncoding>,
}

impl EncodedBody {
    /// Compresses a body if the client accepts that.
    async fn new(body: Bytes, request_headers: &HeaderMap) -> Self {
        if let Some(encoding) = negotiate(request_headers, body.len())
            && let Ok(bytes) = compress(body.clone(), encoding).await
        {
            return Self { bytes, encoding: Some(encoding) };
        }
        Self { bytes: body, encoding: None }
    }

    /// The response, and the `ETag` of this form of the body. `etag` is that of the body as it is.
    fn into_response(self, etag: &str) -> (Response, String) {
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        let Some(encoding) = self.encoding.map(ContentEncoding::name) else {
            return (response, etag.to_owned());
        };
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        (response, format!("{}-{encoding}\"", etag.trim_end_matches('"')))
    }
}

/// Writes a response. It is compressed if it is public (`is_public`), that is, the same for everybody, and nothing
/// failed. HTTP caches may store such a response if `policy` is public, too; that of a POST never is.
pub async fn respond_cacheable(
    response: Arc<GraphqlResponse>,
    media_type: MediaType,
    is_public: bool,
    policy: CachePolicy,
    request_headers: &HeaderMap,
) -> Response {
    let is_complete =
        response.errors.is_empty() && response.data != Value::Null && response.extensions.is_empty();
    if is_complete && is_public {
        let body = json_body(&response);
        let etag = etag(&body);
        let (http_response, etag) = EncodedBody::new(body, request_headers).await.into_response(&etag);
        let http_response = ResponseHead::new(&response, media_type).apply(http_response);
        return with_cache_headers(http_response, &etag, policy, request_headers);
    }
    match Arc::try_unwrap(response) {
        Ok(response) => respond(response, media_type),
        // Other requests share the same response.
        Err(shared) => ResponseHead::new(&shared, media_type).apply(json_body(&shared).into_response()),
    }
}

/// Writes a response from the response cache; `body` is one of its bodies. HTTP caches may store it if `policy` is
/// public.
pub fn respond_from_cache(
    cached: &CachedResponse,
    body: EncodedBody,
    media_type: MediaType,
    policy: CachePolicy,
    request_headers: &HeaderMap,
) -> Response {
    let (mut response, etag) = body.into_response(&cached.etag);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type.content_type()));
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    with_cache_headers(response, &etag, policy, request_headers)
}

/// Adds the headers for HTTP caches if `policy` is public. The response becomes 304 without a body if the
/// client already has it.
fn with_cache_headers(
    mut response: Response,
    etag: &str,
    policy: CachePolicy,
    request_headers: &HeaderMap,
) -> Response {
    let CachePolicy::Public(max_age) = policy else { return response };
    let headers = response.headers_mut();
    let cache_control = format!("public, max-age={}", max_age.as_secs());
    headers.insert(header::CACHE_CONTROL, cache_control.parse().expect("numbers are valid in a header"));
    headers.insert(header::ETAG, etag.parse().expect("base64 is valid in a header"));
    headers.append(header::VARY, HeaderValue::from_static("authorization, accept"));
    if matches_if_none_match(request_headers, etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LENGTH] {
            response.headers_mut().remove(name);
        }
        *response.body_mut() = Body::empty();
    }
    response
}

/// Whether `If-None-Match` lists the ETag: the client already has this response.
pub fn matches_if_none_match(request_headers: &HeaderMap, etag: &str) -> bool {
    let lines = request_headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn retry_after(response: &GraphqlResponse) -> Option<u64> {
    response.errors.iter().find_map(|error| match error.extensions.as_ref()?.get("retryAfterSeconds")? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    })
}
