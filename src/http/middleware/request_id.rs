//! The id of a request: in the log, in the audit trail, and in the errors of the response.
//!
//! The gateway generates it. A client or a proxy can send another one, which the response repeats, and the log has beside
//! the gateway's own: if it were the id of the request, a client could give many requests the same one, or that of
//! somebody else, and the audit trail would say so.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{self, HeaderValue};
use axum::response::Response;
use tower_http::request_id::{MakeRequestId, RequestId};

use crate::http::headers::REQUEST_ID;
use crate::service::Services;

/// The longest id that is accepted from a client or a proxy.
const MAX_CHARS: usize = 64;

/// The id that a client or a proxy has sent.
#[derive(Debug, Clone)]
pub struct SentRequestId(HeaderValue);

/// Removes the id that a client or a proxy has sent, and remembers it if it is valid. So every request gets a new one.
pub fn take_sent(mut request: Request) -> Request {
    if let Some(sent) = request.headers_mut().remove(REQUEST_ID).filter(is_valid) {
        request.extensions_mut().insert(SentRequestId(sent));
    }
    request
}

fn is_valid(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_CHARS).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

/// Generates the id of each request.
#[derive(Clone)]
pub struct GenerateRequestId(pub Arc<Services>);

impl MakeRequestId for GenerateRequestId {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        let id = self.0.new_request_id();
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
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

    /// Lets the response repeat the id, instead of the gateway's own.
    pub fn repeat(self, response: &mut Response) {
        response.headers_mut().insert(REQUEST_ID, self.0);
    }
}
