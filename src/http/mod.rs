//! The edge: one router, and what every request passes through.
//!
//! `/graphql` takes POST, GET, WebSockets and streams; `/media` serves pictures; `/livez` and `/readyz` tell how it
//! is doing, `/metrics` by numbers; `/graphiql` is there in development. From the outside in, a request passes
//! [`request_log`] (its id, its one line in the log), [`security_headers`], a layer that turns a panic into an answer,
//! and CORS.

mod client_address;
mod connection_limit;
mod credentials;
mod error_response;
mod headers;
mod log_fields;
mod media_type;
mod metrics;
mod middleware;
mod multipart_request;
mod operation_request;
mod request_body;
mod request_info;
mod response;
mod routes;
pub mod server;
mod session_watch;
pub mod state;
mod streaming;
mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::http::headers::REQUEST_ID;
use crate::http::middleware::request_id::{self, GenerateRequestId};
use crate::http::middleware::security_headers::RESOURCE_POLICY;
use crate::http::state::AppState;

/// Everything that is served.
pub fn router(state: Arc<AppState>) -> Router {
    let mut routes = Router::new()
        .route(
            "/graphql",
            get(routes::graphql::get)
                .post(routes::graphql::post)
                .fallback(routes::fallback::method_not_allowed),
        )
        .route("/identity-documents/{document}", get(routes::identity_documents::get))
        .route("/livez", get(routes::health::live))
        .route("/readyz", get(routes::health::ready));
    if state.development || state.metrics_token.is_some() {
        routes = routes.route("/metrics", get(routes::metrics::get));
    }
    if state.development {
        routes = routes.route("/graphiql", get(routes::graphiql::get));
    }
    let images = Router::new().route("/media/{file}", get(routes::media::get));
    let cross_origin = HeaderValue::from_static("cross-origin");
    let images = images.layer(SetResponseHeaderLayer::overriding(RESOURCE_POLICY, cross_origin));
    let routes = routes
        .merge(images)
        .fallback(routes::fallback::not_found)
        .method_not_allowed_fallback(routes::fallback::only_get)
        .layer(middleware::cors::cors(&state))
        .layer(CatchPanicLayer::custom(error_response::of_panic));
    let request_ids = ServiceBuilder::new()
        .layer(MapRequestLayer::new(request_id::remove_invalid))
        .layer(SetRequestIdLayer::new(REQUEST_ID, GenerateRequestId(Arc::clone(&state.services))))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID));
    middleware::security_headers::add(routes, state.is_over_tls)
        .layer(from_fn_with_state(Arc::clone(&state), middleware::request_log::log))
        .layer(request_ids)
        .with_state(state)
}
