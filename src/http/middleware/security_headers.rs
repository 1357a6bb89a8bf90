//! Security headers of every response. They tell a browser not to guess its type, not to show it in a frame,
//! and not to load anything for it. A handler may set such a header itself: only missing ones are added.

use std::sync::Arc;

use axum::http::header::Entry;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use tower::util::MapResponseLayer;

use crate::http::headers::header_name;

/// Which origins may embed a response, for example as an image.
pub const RESOURCE_POLICY: HeaderName = header_name("cross-origin-resource-policy");

/// The headers that are added.
#[derive(Clone)]
pub struct SecurityHeaders(Arc<[(HeaderName, HeaderValue)]>);

impl SecurityHeaders {
    /// `Strict-Transport-Security` is added only if clients reach the gateway over TLS.
    pub fn new(is_over_tls: bool) -> Self {
        // Two years. Without `includeSubDomains`, because subdomains may belong to other services.
        let strict_transport = is_over_tls.then_some((header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"));
        let headers = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::REFERRER_POLICY, "no-referrer"),
            // A response without its own policy is data: it loads nothing, and no page may frame it.
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
            (header_name("cross-origin-opener-policy"), "same-origin"),
            (header_name("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
            (header::CACHE_CONTROL, "no-store"),
            // CORS decides which scripts may read a response. Pages of other origins may embed only images.
            (RESOURCE_POLICY, "same-origin"),
        ];
        let headers = headers.into_iter().chain(strict_transport);
        Self(headers.map(|(name, value)| (name, HeaderValue::from_static(value))).collect())
    }

    pub fn layer(self) -> MapResponseLayer<impl Fn(Response) -> Response + Clone> {
        MapResponseLayer::new(move |response| self.add(response))
    }

    fn add(&self, mut response: Response) -> Response {
        let present = response.headers_mut();
        present.reserve(self.0.len());
        for (name, value) in self.0.iter() {
            if let Entry::Vacant(missing) = present.entry(name) {
                missing.insert(value.clone());
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::response::IntoResponse;

    use super::*;

    fn headers(from_handler: [(HeaderName, &'static str); 2], is_over_tls: bool) -> HeaderMap {
        SecurityHeaders::new(is_over_tls).add(from_handler.into_response()).headers().clone()
    }

    #[test]
    fn missing_headers_are_added_and_present_ones_are_kept() {
        let from_handler = [(header::CACHE_CONTROL, "public, max-age=60"), (RESOURCE_POLICY, "cross-origin")];
        let image = headers(from_handler, false);
        assert_eq!(image[header::CACHE_CONTROL], "public, max-age=60");
        assert_eq!(image[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(image[RESOURCE_POLICY], "cross-origin");
        assert!(!image.contains_key(header::STRICT_TRANSPORT_SECURITY));
        let other = headers([(header::ETAG, "a"), (header::LOCATION, "b")], true);
        assert_eq!(other[header::CACHE_CONTROL], "no-store");
        assert_eq!(other[RESOURCE_POLICY], "same-origin");
        assert_eq!(other[header::STRICT_TRANSPORT_SECURITY], "max-age=63072000");
        assert_eq!(other.len(), other.keys().count(), "each header once");
    }
}
