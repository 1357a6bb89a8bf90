//! Headers that every answer has, so that no browser takes it for more than it is.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::Edge;

/// What all have.
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    // The pages of other origins show gigs and their pictures; which of them may read answers, CORS says.
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// What has no policy of its own is data: it loads nothing, and stands in no frame.
const DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Two years, as browsers want it of those who mean it. Not for subdomains, which are not this installation's.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=63072000");

const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// Adds what a handler has not set itself.
pub(super) async fn add(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(DATA);
    headers.entry(header::CACHE_CONTROL).or_insert(NOT_KEPT);
    if edge.is_over_tls {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(ONLY_TLS);
    }
    response
}
