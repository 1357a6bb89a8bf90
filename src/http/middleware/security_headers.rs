//! Security headers of every response. They tell a browser not to guess its type, not to show it in a frame,
//! and not to load anything for it. A handler may set such a header itself: only missing ones are added.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::http::headers::header_name;

/// Which origins may embed a response, for example as an image.
pub const RESOURCE_POLICY: HeaderName = header_name("cross-origin-resource-policy");

/// Adds the headers. `Strict-Transport-Security` is added only if clients reach the gateway over TLS.
pub fn add<S: Clone + Send + Sync + 'static>(router: Router<S>, is_over_tls: bool) -> Router<S> {
    // Two years. Without `includeSubDomains`, because subdomains may belong to other services.
    let strict_transport = is_over_tls.then(|| fixed(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"));
    let layers = ServiceBuilder::new()
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        // A response without its own policy is data: it loads nothing, and no page may frame it.
        .layer(fixed(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(fixed(header_name("cross-origin-opener-policy"), "same-origin"))
        .layer(fixed(header_name("permissions-policy"), "camera=(), geolocation=(), microphone=()"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        // CORS decides which scripts may read a response. Pages of other origins may embed only images.
        .layer(fixed(RESOURCE_POLICY, "same-origin"))
        .layer(option_layer(strict_transport));
    router.layer(layers)
}

fn fixed(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::HeaderMap;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn headers(from_handler: [(HeaderName, &'static str); 2], is_over_tls: bool) -> HeaderMap {
        let router = Router::new().route("/", get(move || async move { from_handler }));
        let request = Request::get("/").body(Body::empty()).unwrap();
        add(router, is_over_tls).oneshot(request).await.unwrap().headers().clone()
    }

    #[tokio::test]
    async fn missing_headers_are_added_and_present_ones_are_kept() {
        let from_handler = [(header::CACHE_CONTROL, "public, max-age=60"), (RESOURCE_POLICY, "cross-origin")];
        let image = headers(from_handler, false).await;
        assert_eq!(image[header::CACHE_CONTROL], "public, max-age=60");
        assert_eq!(image[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(image[RESOURCE_POLICY], "cross-origin");
        assert!(!image.contains_key(header::STRICT_TRANSPORT_SECURITY));
        let other = headers([(header::ETAG, "a"), (header::LOCATION, "b")], true).await;
        assert_eq!(other[header::CACHE_CONTROL], "no-store");
        assert_eq!(other[RESOURCE_POLICY], "same-origin");
        assert_eq!(other[header::STRICT_TRANSPORT_SECURITY], "max-age=63072000");
        assert_eq!(other.len(), other.keys().count(), "each header once");
    }
}
