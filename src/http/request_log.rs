//! One line in the log for each request, and the id that names it there and to the client.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::OperationType;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::Edge;
use super::refusal::ErrorCodes;

pub(super) const REQUEST_ID: HeaderName = super::header_name("x-request-id");

/// The longest id that is taken over from a client or a proxy.
const ID_MAX_CHARS: usize = 64;

/// The request's name in the log.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub String);

/// What a request asked for, in words that are safe to log: never a variable.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub kind: OperationType,
    pub name: Option<String>,
}

/// Gives the request its id, and logs it once it is answered.
pub(super) async fn log(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = given_id(request.headers()).unwrap_or_else(|| edge.services.new_id().simple().to_string());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }

    let operation = response.extensions().get::<Operation>();
    let codes = response.extensions().get::<ErrorCodes>().map(|codes| codes.0.join(","));
    span.in_scope(|| {
        tracing::info!(
            %method,
            path,
            status = response.status().as_u16(),
            milliseconds = began.elapsed().as_secs_f64() * 1000.0,
            kind = operation.map(|operation| operation.kind.to_string()),
            operation = operation.and_then(|operation| operation.name.as_deref()),
            errors = codes,
            "answered"
        );
    });
    response
}

/// The id that a client or a proxy has given, where it can be one.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=ID_MAX_CHARS).contains(&given.len()) && given.bytes().all(plain);
    fits.then(|| given.to_owned())
}
