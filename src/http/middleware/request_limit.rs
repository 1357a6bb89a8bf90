//! Limits how many requests a network sends to this gateway, whatever they ask for. Messages on WebSockets count, too
//! ([`AppState::charge_request`]).

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::engine::response::error_response;
use crate::http::client_address::CountedAddress;
use crate::http::response::respond_as_json;
use crate::http::state::AppState;

/// Answers 429 if the network of the client has sent too many requests. Nothing of the body is read then.
pub async fn limit(
    State(state): State<Arc<AppState>>,
    Extension(CountedAddress(address)): Extension<CountedAddress>,
    request: Request,
    next: Next,
) -> Response {
    match state.charge_request(address) {
        Ok(()) => next.run(request).await,
        Err(limited) => respond_as_json(error_response(&limited.into())),
    }
}
