//! The context of a request to `/graphql`: its client and the media type of its response.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use tower_http::request_id::RequestId;

use crate::http::connection_io::ConnectionHandle;
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
    /// The connection of the request.
    pub connection: ConnectionHandle,
}

impl RequestInfo {
    /// `address` is that by which the client is counted.
    pub fn new(
        state: Arc<AppState>,
        address: IpAddr,
        id: &RequestId,
        headers: HeaderMap,
        media_type: MediaType,
        connection: ConnectionHandle,
    ) -> Self {
        Self { state, address, request_id: request_id::text_of(id).into(), headers, media_type, connection }
    }
}
