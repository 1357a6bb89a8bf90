//! `/graphql` over HTTP: POST with JSON or multipart, and GET for queries and streams.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response as Answer, Value};
use axum::body::{Body, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{ConnectInfo, Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::client_address::client_address;
use super::negotiation::MediaType;
use super::refusal::{ErrorCodes, refuse};
use super::request_log::{Operation, RequestId};
use super::{Edge, header_name, multipart, socket, stream};
use crate::graphql::answer::{Sent, codes, failed};
use crate::graphql::error::ErrorCode;
use crate::graphql::{Origin, guard};

/// What `/graphql` answers to.
pub(super) const ALLOW: HeaderValue = HeaderValue::from_static("GET, POST");

/// A web page can send a form anywhere without its user's knowledge, but not with one of these headers
/// unless CORS lets it: so who sends a form sends one of them. Apollo's clients do.
pub(super) const REQUIRE_PREFLIGHT: HeaderName = header_name("apollo-require-preflight");
pub(super) const APOLLO_OPERATION_NAME: HeaderName = header_name("x-apollo-operation-name");

/// The most characters of an operation's name that are logged.
const OPERATION_NAME_MAX_CHARS: usize = 64;

/// How long a request may take to come in.
const READ_WITHIN: Duration = Duration::from_mins(1);

/// The most bytes of a request without files.
pub(super) const DOCUMENT_MAX_BYTES: usize = 1024 * 1024;

pub(super) async fn post(
    State(edge): State<Arc<Edge>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    Extension(RequestId(id)): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(media_type) = MediaType::accepted(&headers) else { return not_acceptable() };
    match tokio::time::timeout(READ_WITHIN, read(&edge, &headers, body)).await {
        Ok(Ok(request)) => execute(&edge, connection, id, &headers, request, media_type).await,
        Ok(Err(refusal)) => refusal,
        Err(_) => {
            let message = format!("A request must have come in within {} seconds.", READ_WITHIN.as_secs());
            refuse(StatusCode::REQUEST_TIMEOUT, ErrorCode::BadRequest, message)
        }
    }
}

pub(super) async fn get(
    State(edge): State<Arc<Edge>>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    Extension(RequestId(id)): Extension<RequestId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if let Ok(upgrade) = upgrade {
        let address = client_address(&headers, connection.ip(), edge.proxies);
        return socket::open(edge, upgrade, &headers, address, id);
    }
    let Some(media_type) = MediaType::accepted(&headers) else { return not_acceptable() };
    let query = query.unwrap_or_default();
    if query.is_empty() {
        let message = "Send a GraphQL request: POST it as JSON, or give ?query=. There is no page here.";
        return refuse(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message);
    }
    let Some(mut request) = parse_parameters(&query) else { return unreadable() };
    let kind = operation(&mut request).map(|operation| operation.kind);
    let streams = matches!(media_type, MediaType::EventStream | MediaType::MultipartSubscription);
    let safe = match kind {
        None | Some(OperationType::Query) => true,
        Some(OperationType::Subscription) => streams,
        Some(OperationType::Mutation) => false,
    };
    if !safe {
        let message = "GET runs queries, and subscriptions as a stream; POST this.";
        let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, message);
        refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return refusal;
    }
    let ticket = parameter(&query, "ticket");
    if streams
        && kind.is_none_or(|kind| kind == OperationType::Subscription)
        && let Some(ticket) = ticket
    {
        let credentials = edge.ticket_holder(&ticket).await;
        return stream::open(edge, connection, id, &headers, request, media_type, credentials).await;
    }
    execute(&edge, connection, id, &headers, request, media_type).await
}

fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut parameters = url::form_urlencoded::parse(parameters.as_bytes());
    parameters.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// One operation, as parameters of an address; `None` where they hold none.
fn parse_parameters(parameters: &str) -> Option<Request> {
    let mut request = Request::new("");
    for (name, value) in url::form_urlencoded::parse(parameters.as_bytes()) {
        match name.as_ref() {
            "query" => request.query = value.into_owned(),
            "operationName" if !value.is_empty() => request.operation_name = Some(value.into_owned()),
            "variables" if !value.is_empty() => request.variables = serde_json::from_str(&value).ok()?,
            "extensions" if !value.is_empty() => request.extensions = serde_json::from_str(&value).ok()?,
            _ => {}
        }
    }
    Some(request)
}

/// The GraphQL request in the body.
async fn read(edge: &Edge, headers: &HeaderMap, body: Body) -> Result<Request, Response> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        let too_large = || {
            let message = format!("A request may have at most {DOCUMENT_MAX_BYTES} bytes.");
            refuse(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge, message)
        };
        let bytes = to_bytes(body, DOCUMENT_MAX_BYTES).await.map_err(|_| too_large())?;
        return parse(&bytes);
    }
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        if ![REQUIRE_PREFLIGHT, APOLLO_OPERATION_NAME].iter().any(|name| headers.contains_key(name)) {
            let message = "A multipart request needs the header Apollo-Require-Preflight: true.";
            return Err(refuse(StatusCode::BAD_REQUEST, ErrorCode::PreflightRequired, message));
        }
        // One byte more than allowed is enough to tell that there are too many.
        let limits = &edge.services.limits;
        let largest = limits.gig.image_upload_max_bytes.max(limits.verification.document_max_bytes);
        let kept = largest + 1;
        return multipart::read(content_type, body, DOCUMENT_MAX_BYTES, kept).await;
    }
    let message = "Send the request as application/json, or with files as multipart/form-data.";
    Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::UnsupportedMediaType, message))
}

/// One operation, as JSON.
///
/// # Errors
/// The answer to what is none.
pub(super) fn parse(json: &[u8]) -> Result<Request, Response> {
    // The library would take a list for an operation without a document.
    if !json.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable());
    }
    serde_json::from_slice(json).map_err(|_| unreadable())
}

fn unreadable() -> Response {
    let message = "This is no GraphQL request: send one operation, as a JSON object with `query`, and where needed \
                   `variables` (an object) and `operationName` (a string).";
    refuse(StatusCode::BAD_REQUEST, ErrorCode::BadRequest, message)
}

pub(super) fn too_many_connections(edge: &Edge) -> Response {
    let most = edge.connections.most();
    let message = format!("An address may have at most {most} sockets and streams open at a time.");
    refuse(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, message)
}

fn not_acceptable() -> Response {
    let message = "Answers are application/graphql-response+json, application/json, text/event-stream or, of \
                   subscriptions, multipart/mixed with subscriptionSpec=1.0.";
    refuse(StatusCode::NOT_ACCEPTABLE, ErrorCode::NotAcceptable, message)
}

/// What the request asks for; `None` where its document cannot be read, or names no such operation.
pub(super) fn operation(request: &mut Request) -> Option<Operation> {
    let asked = request.operation_name.clone();
    let document = request.parsed_query().ok()?;
    let (name, operation) = guard::chosen(document, asked.as_deref())?;
    let name = name.map(|name| name.chars().take(OPERATION_NAME_MAX_CHARS).collect());
    Some(Operation { kind: operation.ty, name })
}

async fn execute(
    edge: &Arc<Edge>,
    connection: SocketAddr,
    id: String,
    headers: &HeaderMap,
    mut request: Request,
    media_type: MediaType,
) -> Response {
    let operation = operation(&mut request);
    let kind = operation.as_ref().map(|operation| operation.kind);
    let streams = match media_type {
        MediaType::EventStream => true,
        MediaType::MultipartSubscription => kind == Some(OperationType::Subscription),
        MediaType::GraphqlResponse | MediaType::Json => false,
    };
    if streams {
        let credentials = edge.credentials_of(headers).await;
        let edge = Arc::clone(edge);
        return stream::open(edge, connection, id, headers, request, media_type, credentials).await;
    }
    let answer = match edge.caller_of(headers).await {
        Ok(caller) => {
            let address = client_address(headers, connection.ip(), edge.proxies);
            let origin = Origin { caller, address, request_id: id.as_str().into() };
            let executing = Arc::clone(&edge.engine).execute(origin, request);
            match kind {
                Some(OperationType::Mutation) => edge.act(executing).await,
                _ => executing.await,
            }
        }
        Err(error) => failed(&error.into()),
    };
    let mut response = respond(&answer, media_type);
    if let Some(operation) = operation {
        response.extensions_mut().insert(operation);
    }
    response
}

pub(super) fn respond(answer: &Answer, media_type: MediaType) -> Response {
    let body = serde_json::to_vec(&Sent::from(answer)).expect("an answer is plain data");
    let status = media_type.status(answer);
    let content_type = [(header::CONTENT_TYPE, media_type.content_type())];
    let mut response = (status, content_type, body).into_response();
    if let Some(seconds) = retry_after(answer) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    let codes: Vec<_> = codes(answer).map(str::to_owned).collect();
    if !codes.is_empty() {
        response.extensions_mut().insert(ErrorCodes(codes));
    }
    response
}

fn retry_after(answer: &Answer) -> Option<u64> {
    answer.errors.iter().find_map(|error| match error.extensions.as_ref()?.get("retryAfterSeconds")? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    })
}
