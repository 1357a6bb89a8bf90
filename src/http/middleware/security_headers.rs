//! Headers of every response, so that a browser takes it for no more than it is. A handler that sets one of them itself
//! keeps its own.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::http::headers::header_name;

/// Which origins may load a response in another way than by a script.
pub const RESOURCE_POLICY: HeaderName = header_name("cross-origin-resource-policy");

/// Adds the headers; those that ask for TLS only if clients reach the gateway over TLS.
pub fn add<S: Clone + Send + Sync + 'static>(router: Router<S>, is_over_tls: bool) -> Router<S> {
    // Two years, as browsers ask for it. Not for subdomains, which are not this installation's.
    let transport = is_over_tls.then(|| fixed(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000"));
    let layers = ServiceBuilder::new()
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        // A response without its own policy is data: it loads nothing, and no page may frame it.
        .layer(fixed(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(fixed(header_name("cross-origin-opener-policy"), "same-origin"))
        .layer(fixed(header_name("permissions-policy"), "camera=(), geolocation=(), microphone=()"))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        // Scripts fetch responses, and CORS decides about them; only images are shown by pages of other origins.
        .layer(fixed(RESOURCE_POLICY, "same-origin"))
        .layer(option_layer(transport));
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

    async fn headers(own: [(HeaderName, &'static str); 2], is_over_tls: bool) -> HeaderMap {
        let router = Router::new().route("/", get(move || async move { own }));
        let request = Request::get("/").body(Body::empty()).unwrap();
        add(router, is_over_tls).oneshot(request).await.unwrap().headers().clone()
    }

    #[tokio::test]
    async fn missing_headers_are_added_and_present_ones_are_kept() {
        let own = [(header::CACHE_CONTROL, "public, max-age=60"), (RESOURCE_POLICY, "cross-origin")];
        let of_image = headers(own, false).await;
        assert_eq!(of_image[header::CACHE_CONTROL], "public, max-age=60");
        assert_eq!(of_image[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(of_image[RESOURCE_POLICY], "cross-origin");
        assert!(!of_image.contains_key(header::STRICT_TRANSPORT_SECURITY));
        let other = headers([(header::ETAG, "a"), (header::LOCATION, "b")], true).await;
        assert_eq!(other[header::CACHE_CONTROL], "no-store");
        assert_eq!(other[RESOURCE_POLICY], "same-origin");
        assert_eq!(other[header::STRICT_TRANSPORT_SECURITY], "max-age=63072000");
        assert_eq!(other.len(), other.keys().count(), "each once");
    }
}
