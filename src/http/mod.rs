//! The HTTP server: the router, its middleware, and the transports of GraphQL.
//!
//! From the outside in, a request passes:
//!
//! 1. [`server`]: accepts the connection, or refuses it ([`refused_connections`]), and limits how long the
//!    headers of a request may take. [`connection_io`] ends it if the client reads nothing, and closes it so
//!    that the client can read the last response; [`unread_body`] announces that it closes.
//! 2. [`middleware::request_id`]: gives the request an id.
//! 3. [`middleware::security_headers`]: adds headers to the response.
//! 4. [`middleware::request_log`]: finds the address of the client, logs one line, and counts the request in
//!    [`metrics`]. [`error_response::catch_panic`] turns a panic into a response with status 500.
//! 5. [`middleware::request_limit`]: counts a request, and says whether its network has sent too many.
//! 6. [`middleware::cors`]: allows requests of other web origins, and answers preflights. Inside of it,
//!    [`middleware::request_limit`] answers what is too much, so that pages can read that.
//! 7. A handler in [`routes`]. `/graphql` is [`routes::graphql`]: it reads the operation ([`request_body`],
//!    [`operation_request`], [`multipart_request`], [`part_stream`]) within limits of memory
//!    ([`message_memory`], [`upload_permits`]), executes it with [`state`], and writes a response
//!    ([`response`], compressed as [`content_encoding`] says, or [`streaming`] for server-sent events and multipart subscriptions). A WebSocket
//!    continues in [`websocket`].
//!
//! To add a route: write the handler in a new file in `routes/`, declare the file in `routes/mod.rs`, add the
//! path in [`request_service`], and add it to `ROUTES` or `PATH_PREFIXES` in `metrics.rs`, so that its requests are
//! counted separately. Routes must not import each other: put what two of them need into a file here.

mod client_address;
mod connection_io;
mod connection_limit;
mod console;
pub mod console_files;
mod content_encoding;
mod credentials;
mod error_response;
mod headers;
mod json;
mod log_fields;
mod media_type;
mod message_memory;
mod metrics;
mod middleware;
mod multipart_request;
mod operation_request;
mod part_stream;
mod refused_connections;
mod request_body;
mod request_info;
mod response;
mod routes;
pub mod server;
mod session_watch;
pub mod state;
mod streaming;
mod ticket_stream;
mod unread_body;
mod upload_permits;
mod websocket;

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderValue;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::http::headers::REQUEST_ID;
use crate::http::middleware::request_id::{self, GenerateRequestId};
use crate::http::middleware::request_limit::Refuse;
use crate::http::middleware::security_headers::{RESOURCE_POLICY, SecurityHeaders};
use crate::http::server::RequestService;
use crate::http::state::AppState;

/// Builds what answers all requests: the router with all routes, and the middleware around it. `/metrics` exists in
/// development or with a token, the console if it is switched on, and `/graphiql` with the console and introspection.
pub fn request_service(state: Arc<AppState>) -> impl RequestService {
    let mut routes = Router::new()
        .route(
            "/graphql",
            get(routes::graphql::get)
                .post(routes::graphql::post)
                .fallback(routes::fallback::graphql_method_not_allowed),
        )
        .route("/held-versions/{version}", get(routes::held_versions::get))
        .route("/identity-documents/{document}", get(routes::identity_documents::get))
        .route("/data-exports/{file}", get(routes::data_exports::get))
        .route("/livez", get(routes::health::live))
        .route("/readyz", get(routes::health::ready));
    if state.is_development || state.metrics_token.is_some() {
        routes = routes.route("/metrics", get(routes::metrics::get));
    }
    if let Some(console) = &state.console {
        routes = routes.merge(routes::console::router(console, state.has_introspection));
    }
    let images = Router::new().route("/media/{file}", get(routes::media::get));
    let cross_origin = HeaderValue::from_static("cross-origin");
    let images = images.layer(SetResponseHeaderLayer::overriding(RESOURCE_POLICY, cross_origin));
    let routes = routes
        .merge(images)
        .fallback(routes::fallback::not_found)
        .method_not_allowed_fallback(routes::fallback::method_not_allowed);
    // Around the router instead of layers of it: each layer of a router copies, for each request, all that are inside.
    ServiceBuilder::new()
        .layer(MapRequestLayer::new(request_id::take_sent))
        .layer(SetRequestIdLayer::new(REQUEST_ID, GenerateRequestId(Arc::clone(&state.services))))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SecurityHeaders::new(state.is_over_tls).layer())
        .layer(from_fn_with_state(Arc::clone(&state), middleware::handle))
        .layer(middleware::cors::cors(&state))
        .service(Refuse(routes.with_state(state)))
}
