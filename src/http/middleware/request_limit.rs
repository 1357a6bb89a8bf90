//! Limits how many requests a network sends to this gateway, whatever they ask for. Messages on WebSockets count, too
//! ([`AppState::charge_request`]).

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::engine::response::error_response;
use crate::http::client_address::CountedAddress;
use crate::http::response::respond_as_json;
use crate::http::state::AppState;
use crate::service::rate_limit::RateLimited;

/// Counts a request. If the network of the client has sent too many, [`refuse`] answers it, or this layer if
/// it is a preflight, which gets no further than the layer for CORS.
pub async fn count(
    State(state): State<Arc<AppState>>,
    Extension(CountedAddress(address)): Extension<CountedAddress>,
    mut request: Request,
    next: Next,
) -> Response {
    let Err(limited) = state.charge_request(address) else { return next.run(request).await };
    if request.method() != Method::OPTIONS {
        request.extensions_mut().insert(limited);
        return next.run(request).await;
    }
    let mut headers = std::mem::take(next.run(request).await.headers_mut());
    headers.remove(header::CONTENT_LENGTH);
    let mut response = too_many(limited);
    response.headers_mut().extend(headers);
    response
}

/// Answers 429 if the network of the client has sent too many requests. Nothing of the body is read then.
pub async fn refuse(request: Request, next: Next) -> Response {
    match request.extensions().get::<RateLimited>() {
        Some(limited) => too_many(*limited),
        None => next.run(request).await,
    }
}

fn too_many(limited: RateLimited) -> Response {
    respond_as_json(error_response(&limited.into()))
}
