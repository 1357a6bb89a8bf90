//! The id of a request: in the log, in the audit trail, and in the errors of the response.
//!
//! The gateway generates it. A client or a proxy can send another one, which the response repeats, and the log has beside
//! the gateway's own: if it were the id of the request, a client could give many requests the same one, or that of
//! somebody else, and the audit trail would say so.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;

use crate::http::headers::REQUEST_ID;
use crate::http::state::AppState;

/// The longest id that is accepted from a client or a proxy.
const MAX_CHARS: usize = 64;

/// The id that a client or a proxy has sent.
#[derive(Debug, Clone)]
pub struct SentRequestId(HeaderValue);

/// Gives the request an id. The response has the one that was sent, if it is valid, and otherwise the gateway's.
pub async fn assign(State(state): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let id = HeaderValue::from_str(&state.services.new_request_id()).expect("a UUID is a valid value");
    let sent = request.headers_mut().remove(REQUEST_ID).filter(is_valid);
    request.extensions_mut().insert(RequestId::new(id.clone()));
    if let Some(sent) = &sent {
        request.extensions_mut().insert(SentRequestId(sent.clone()));
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, sent.unwrap_or(id));
    response
}

fn is_valid(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_CHARS).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

/// Returns the id as text.
pub fn text_of(id: &RequestId) -> &str {
    id.header_value().to_str().unwrap_or_default()
}

impl SentRequestId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}
