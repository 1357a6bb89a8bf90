//! Who sent a request to `/graphql`, from where, and for what kind of answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use tower_http::request_id::RequestId;

use crate::http::client_address::client_address;
use crate::http::media_type::MediaType;
use crate::http::middleware::request_id;
use crate::http::state::AppState;

/// Who asks, from where, and for what kind of answer.
pub struct RequestInfo {
    pub state: Arc<AppState>,
    pub address: IpAddr,
    pub request_id: Arc<str>,
    pub headers: HeaderMap,
    pub media_type: MediaType,
}

impl RequestInfo {
    pub fn new(
        state: Arc<AppState>,
        connection: SocketAddr,
        id: &RequestId,
        headers: HeaderMap,
        media_type: MediaType,
    ) -> Self {
        let address = client_address(&headers, connection.ip(), state.proxies);
        Self { state, address, request_id: request_id::text_of(id).into(), headers, media_type }
    }
}
