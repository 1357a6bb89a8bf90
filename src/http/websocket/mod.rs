//! `/graphql` over WebSocket: the graphql-transport-ws protocol of the graphql-ws project.
//!
//! - [`protocol`]: the messages of the protocol, and its close codes.
//! - [`connection`]: the loop of one WebSocket. It sends messages, watches the session and the timeouts, and
//!   waits for the next message of the client.
//! - [`unfinished_message`]: limits the time and the memory of a message that is being received.
//! - [`inbound`]: handles the client's messages: authenticates the client, starts and stops operations.
//! - [`operation`]: one running operation of a connection: a query, a mutation or a subscription.
//!
//! The library's own handler is not used: its close codes differ from the protocol's, it has no timeouts, and
//! it sends the errors of an operation that was not executed as `next` instead of `error` (docs/adr/0003).

mod connection;
mod inbound;
mod operation;
mod protocol;
mod unfinished_message;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use crate::graphql::error::ErrorCode;
use crate::http::connection_io::ConnectionHandle;
use crate::http::error_response::{reject, too_many_connections};
use crate::http::state::AppState;
use crate::http::websocket::connection::Connection;

/// The bytes that are read at a time. Few, because there are many WebSockets and nearly all of them are idle.
const BUFFER_BYTES: usize = 1024;

/// Up to this size, the client may finish sending a message that is too large; beyond it, nothing more is
/// read.
const MESSAGE_MIN_BYTES: usize = 2 * 1024 * 1024;

/// Upgrades a request to a WebSocket. Rejects it if its web origin is not allowed, or the client has too many
/// connections.
pub fn open(
    state: Arc<AppState>,
    upgrade: WebSocketUpgrade,
    headers: &HeaderMap,
    address: IpAddr,
    request_id: String,
    handle: ConnectionHandle,
) -> Response {
    if !state.origins.allows_websocket(headers) {
        let message = "Pages of this web origin may not open WebSockets.";
        return reject(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
    }
    let Some(permit) = state.connections.try_acquire(address) else {
        return too_many_connections(state.connections.max());
    };
    // A value that is not text is invalid, not missing.
    let authorization =
        headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("invalid").into());
    let mut upgrade = upgrade.protocols([protocol::SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        // A browser fails the handshake if none of its subprotocols is selected, and does not say why. So one
        // of them is selected, and the connection is then closed with a code.
        let offered = upgrade.requested_protocols().find(|offered| !offered.is_empty()).cloned();
        if let Some(offered) = offered {
            upgrade.set_selected_protocol(offered);
        }
    }
    let largest = state.message_max_bytes.saturating_mul(2).max(MESSAGE_MIN_BYTES);
    upgrade
        .max_message_size(largest)
        .max_frame_size(largest)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .on_upgrade(async move |socket| {
            let connection = Connection::new(
                Arc::clone(&state),
                address,
                request_id.into(),
                authorization,
                permit,
                handle,
            );
            // Its own task, which is smaller: this one also holds what the upgrade has needed.
            let sockets = state.sockets.clone();
            sockets.spawn(connection.serve(socket));
        })
}
