//! What a request to `/graphql` asks for, read from its body or its address.

use std::time::Duration;

use async_graphql::{Extensions, Request, Value, Variables};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use bytes::BytesMut;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::time::timeout;

use super::graphql::answered;
use super::refusal::refuse;
use super::{Edge, header_name, multipart};
use crate::graphql::Caller;
use crate::graphql::answer::failed;
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::persisted::DOCUMENT_ID;

/// A web page can send a form anywhere without its user's knowledge, but not with one of these headers
/// unless CORS lets it: so who sends a form sends one of them. Apollo's clients do.
pub(super) const REQUIRE_PREFLIGHT: HeaderName = header_name("apollo-require-preflight");
pub(super) const APOLLO_OPERATION_NAME: HeaderName = header_name("x-apollo-operation-name");

/// How long a request may take to come in.
const READ_WITHIN: Duration = Duration::from_mins(1);

/// The most bytes of a request without files.
pub(super) const DOCUMENT_MAX_BYTES: usize = 1024 * 1024;

/// The most bytes of a request that is too large which are read nevertheless.
const DROPPED_MAX_BYTES: usize = 16 * DOCUMENT_MAX_BYTES;

/// What a body holds.
pub(super) enum Read {
    One(Box<Request>),
    /// Operations to be run one after the other.
    Many(Vec<Request>),
}

fn one(request: Request) -> Read {
    Read::One(Box::new(request))
}

/// One operation as JSON has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Variables,
    #[serde(default)]
    extensions: Extensions,
    #[serde(default)]
    document_id: Option<String>,
}

impl Written {
    /// The request; `None` where it names no document and has none.
    fn into_request(self) -> Option<Request> {
        let Self { query, operation_name, variables, mut extensions, document_id } = self;
        if let Some(id) = document_id {
            extensions.insert(DOCUMENT_ID.to_owned(), Value::String(id));
        }
        let names_one = ["persistedQuery", DOCUMENT_ID].iter().any(|name| extensions.contains_key(*name));
        let query = if names_one { query.unwrap_or_default() } else { query? };
        let mut request = Request::new(query);
        request.operation_name = operation_name;
        request.variables = variables;
        request.extensions = extensions;
        Some(request)
    }
}

/// What the body asks for.
///
/// # Errors
/// The answer to what asks for nothing, or is too large, or too slow.
pub(super) async fn body(edge: &Edge, headers: &HeaderMap, body: Body) -> Result<Read, Response> {
    timeout(READ_WITHIN, read(edge, headers, body)).await.unwrap_or_else(|_| {
        let message = format!("A request must have come in within {} seconds.", READ_WITHIN.as_secs());
        Err(refuse(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, message))
    })
}

async fn read(edge: &Edge, headers: &HeaderMap, body: Body) -> Result<Read, Response> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        let too_large = || {
            let message = format!("A request may have at most {DOCUMENT_MAX_BYTES} bytes.");
            refuse(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
        };
        let bytes = whole(body).await.ok_or_else(too_large)?;
        return json(&bytes, edge.batch);
    }
    let has_preflight =
        [REQUIRE_PREFLIGHT, APOLLO_OPERATION_NAME].iter().any(|name| headers.contains_key(name));
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        if !has_preflight {
            let message = "A multipart request needs the header Apollo-Require-Preflight: true.";
            return Err(refuse(StatusCode::BAD_REQUEST, ErrorCode::PreflightRequired, message));
        }
        // Only people upload: what a stranger sends is not kept, and not even read.
        let takes_files = matches!(edge.caller_of(headers).await, Ok(Caller::Viewer(_)));
        let _reading = edge.uploads.acquire().await.expect("it is never closed");
        // One byte more than allowed is enough to tell that there are too many.
        let limits = &edge.services.limits;
        let largest = limits.gig.image_upload_max_bytes.max(limits.verification.document_max_bytes);
        let kept = if takes_files { Some(largest + 1) } else { None };
        return multipart::read(content_type, body, DOCUMENT_MAX_BYTES, kept).await.map(one);
    }
    let message = "Send the request as application/json, or with files as multipart/form-data.";
    Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message))
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
fn json(json: &[u8], batch: usize) -> Result<Read, Response> {
    if !json.trim_ascii_start().starts_with(b"[") || batch < 2 {
        return parse(json).map(one);
    }
    let written: Vec<Written> = serde_json::from_slice(json).map_err(|_| unreadable())?;
    if written.is_empty() || written.len() > batch {
        let message = format!("A list may have 1 to {batch} operations; this one has {}.", written.len());
        return Err(refuse(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message));
    }
    let requests: Option<Vec<_>> = written.into_iter().map(Written::into_request).collect();
    requests.map(Read::Many).ok_or_else(unreadable)
}

/// One operation, as JSON.
///
/// # Errors
/// The answer to what is none.
pub(super) fn parse(json: &[u8]) -> Result<Request, Response> {
    // A list would be taken for the values of an object's fields.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable());
    }
    let written: Written = serde_json::from_slice(json).map_err(|_| unreadable())?;
    written.into_request().ok_or_else(unreadable)
}

/// One operation, as JSON that is read already; `None` where it is none.
pub(super) fn request(json: serde_json::Value) -> Option<Request> {
    serde_json::from_value::<Written>(json).ok()?.into_request()
}

/// One operation, as parameters of an address; `None` where they hold none.
pub(super) fn parameters(parameters: &str) -> Option<Request> {
    let mut written = Written {
        query: None,
        operation_name: None,
        variables: Variables::default(),
        extensions: Extensions::default(),
        document_id: None,
    };
    for (name, value) in url::form_urlencoded::parse(parameters.as_bytes()) {
        match name.as_ref() {
            "query" => written.query = Some(value.into_owned()),
            "operationName" if !value.is_empty() => written.operation_name = Some(value.into_owned()),
            "variables" if !value.is_empty() => written.variables = serde_json::from_str(&value).ok()?,
            "extensions" if !value.is_empty() => written.extensions = serde_json::from_str(&value).ok()?,
            "documentId" => written.document_id = Some(value.into_owned()),
            _ => {}
        }
    }
    written.into_request()
}

/// One parameter of an address.
pub(super) fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut parameters = url::form_urlencoded::parse(parameters.as_bytes());
    parameters.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

pub(super) fn unreadable() -> Response {
    let message = "This is no GraphQL request: send one operation, as a JSON object with `query`, and where needed \
                   `variables` (an object) and `operationName` (a string).";
    refuse(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
}

/// The answer to a stranger's file: what the schema would say, had it been read.
pub(super) fn files_take_a_session() -> Response {
    answered(&failed(&Error::unauthenticated()))
}
