//! Headers that every answer has, so that no browser takes it for more than it is.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::headers::header_name;
use crate::http::state::AppState;

/// What all have.
const ALWAYS: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    // What has no policy of its own is data: it loads nothing, and stands in no frame.
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header_name("cross-origin-opener-policy"), "same-origin"),
    (header_name("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (header::CACHE_CONTROL, "no-store"),
];

const RESOURCE_POLICY: HeaderName = header_name("cross-origin-resource-policy");

/// Where pictures are that the pages of other origins show.
const PICTURES: &str = "/media/";

/// Two years, as browsers want it of those who mean it. Not for subdomains, which are not this installation's.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Adds what a handler has not set itself.
pub async fn add(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let shows_pictures = request.uri().path().starts_with(PICTURES);
    let mut response = next.run(request).await;
    complete(response.headers_mut(), shows_pictures, state.is_over_tls);
    response
}

fn complete(headers: &mut HeaderMap, shows_pictures: bool, is_over_tls: bool) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Pictures of gigs stand in any page. All else is fetched by scripts, whose requests are for CORS to decide: no page
    // of another origin has a reason to load it in any other way.
    let loaded_by = if shows_pictures { "cross-origin" } else { "same-origin" };
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static(loaded_by));
    if is_over_tls {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(ONLY_TLS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_added_and_what_is_there_is_left() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        complete(&mut headers, true, false);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=60");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[RESOURCE_POLICY], "cross-origin");
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
        let mut headers = HeaderMap::new();
        complete(&mut headers, false, true);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(headers[RESOURCE_POLICY], "same-origin");
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], "max-age=63072000");
        assert_eq!(headers.len(), headers.keys().count(), "each once");
    }
}
