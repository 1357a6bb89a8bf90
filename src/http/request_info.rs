//! The context of a request to `/graphql`: its client and the media type of its response.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;
use tower_http::request_id::RequestId;

use crate::http::media_type::MediaType;
use crate::http::middleware::request_id;
use crate::http::state::AppState;

pub struct RequestInfo {
    pub state: Arc<AppState>,
    /// The address by which the client is counted.
    pub address: IpAddr,
    pub request_id: Arc<str>,
    pub headers: HeaderMap,
    /// The media type that the client accepts.
    pub media_type: MediaType,
}

impl RequestInfo {
    /// `peer` is the other end of the TCP connection: the client, or a proxy.
    pub fn new(
        state: Arc<AppState>,
        peer: SocketAddr,
        id: &RequestId,
        headers: HeaderMap,
        media_type: MediaType,
    ) -> Self {
        let address = state.client_address(&headers, peer.ip());
        Self { state, address, request_id: request_id::text_of(id).into(), headers, media_type }
    }
}
