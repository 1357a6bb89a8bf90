//! `/graphql` over WebSocket: the graphql-transport-ws protocol of the graphql-ws project.
//!
//! [`protocol`] holds the messages and close codes, [`connection`] one client's socket, [`inbound`] what its client says,
//! [`operation`] one operation on it. The library's own handler is not used: it closes with other codes than the protocol's,
//! knows no time-out, and sends what fails before execution as `next`.

mod connection;
mod inbound;
mod operation;
mod protocol;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::graphql::error::ErrorCode;
use crate::http::error_response::{reject, too_many_connections};
use crate::http::request_body::DOCUMENT_MAX_BYTES;
use crate::http::state::AppState;
use crate::http::websocket::connection::Connection;

/// Small, since there are many sockets and nearly all of them are idle.
const BUFFER_BYTES: usize = 2048;

/// Upgrades the request, where it comes from a page that may open sockets here.
pub fn open(
    state: Arc<AppState>,
    upgrade: WebSocketUpgrade,
    headers: &HeaderMap,
    address: IpAddr,
    request_id: String,
) -> Response {
    if !state.origins.allow_socket(headers) {
        let message = "Pages of this origin may not open sockets here.";
        return reject(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
    }
    let Some(permit) = state.connections.take(address) else {
        return too_many_connections(state.connections.most());
    };
    upgrade
        .protocols([protocol::SUBPROTOCOL])
        // Twice what is read: up to there, a client is told what is wrong; beyond, it is cut off.
        .max_message_size(2 * DOCUMENT_MAX_BYTES)
        .max_frame_size(2 * DOCUMENT_MAX_BYTES)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .on_upgrade(move |socket| {
            let connection = Connection::new(Arc::clone(&state), address, request_id.into(), permit);
            state.sockets.track_future(connection.serve(socket))
        })
}
