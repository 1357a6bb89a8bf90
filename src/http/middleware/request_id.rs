//! The id of a request: in the log, in the audit trail, and in the response.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{self, HeaderValue};
use tower_http::request_id::{MakeRequestId, RequestId};

use crate::http::headers::REQUEST_ID;
use crate::service::Services;

/// The longest id that is accepted from a client or a proxy.
const MAX_CHARS: usize = 64;

/// Removes an invalid id that a client or a proxy sent, so that the request gets a new one.
pub fn remove_invalid(mut request: Request) -> Request {
    if request.headers().get(REQUEST_ID).is_some_and(|id| !is_valid(id)) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

fn is_valid(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_CHARS).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

/// Generates an id for a request that has none.
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
