//! The layers around all routes. `http/mod.rs` puts them in order.

pub mod cors;
pub mod origins;
pub mod request_id;
pub mod request_limit;
pub mod request_log;
pub mod security_headers;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::error_response::catch_panic;
use crate::http::middleware::request_id::SentRequestId;
use crate::http::state::AppState;

/// Logs a request, turns a panic into a response, counts the request, and repeats the id that the client has sent. One
/// layer instead of four: each allocates, and copies the service inside it, for every request.
pub async fn handle(
    State(state): State<Arc<AppState>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let sent_id = request.extensions().get::<SentRequestId>().cloned();
    let handle = |request, address| {
        let state = &state;
        catch_panic(request, move |request| request_limit::count(state, address, request, next))
    };
    let mut response = request_log::log(&state, peer.ip(), request, handle).await;
    if let Some(sent_id) = sent_id {
        sent_id.repeat(&mut response);
    }
    response
}
