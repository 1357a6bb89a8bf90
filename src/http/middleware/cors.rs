//! CORS: which web origins may call the API, and with which headers. To allow one more request header, add it
//! to [`API_HEADERS`] if the gateway reads it, otherwise to `CLIENT_HEADERS`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::engine::idempotency::REPLAYED_HEADER;
use crate::http::headers::{self, header_name};
use crate::http::state::AppState;

/// How long a browser may cache a preflight response.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_hours(1);

/// The request headers that the gateway reads.
const API_HEADERS: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::ACCEPT,
    header::IF_NONE_MATCH,
    headers::REQUIRE_PREFLIGHT,
    headers::APOLLO_OPERATION_NAME,
    headers::IDEMPOTENCY_KEY,
    headers::REQUEST_ID,
    headers::LAST_EVENT_ID,
];

pub fn cors(state: &Arc<AppState>) -> CorsLayer {
    let state = Arc::clone(state);
    let configured_headers = state.allowed_headers.iter().cloned();
    let allowed_headers: Vec<_> =
        API_HEADERS.into_iter().chain(headers::CLIENT_HEADERS).chain(configured_headers).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| state.origins.is_allowed(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(allowed_headers)
        .expose_headers([
            headers::REQUEST_ID,
            header::RETRY_AFTER,
            header::ETAG,
            header_name(REPLAYED_HEADER),
        ])
        .max_age(PREFLIGHT_MAX_AGE)
}
