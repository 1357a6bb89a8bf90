//! `/metrics`: what a Prometheus, or whatever else reads OpenMetrics, is told of this gateway.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::events::bus::RedisHealth;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;
use crate::http::state::AppState;

const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// What there is to tell, to whoever may read it.
pub async fn get(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    if state.metrics_token.as_ref().is_some_and(|token| !has_token(&headers, token.expose_secret())) {
        let message = "This takes the token for /metrics.";
        let mut refusal = reject(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message);
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refusal;
    }
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let metrics = &state.metrics;
    let sockets = state.sockets.len();
    metrics.sockets.set(count(sockets));
    // A socket has its place a little before it is open.
    metrics.streams.set(count(state.connections.in_use().saturating_sub(sockets)));
    metrics.subscriptions.set(count(state.subscriptions.in_use()));
    metrics.log_position.set(state.services.streams.dispatched().position());
    metrics.hears_redis.set(state.services.bus.redis_health().is_some_and(RedisHealth::is_subscribed).into());
    let cached = state.engine.cache_size();
    metrics.cached_responses.set(i64::try_from(cached.responses).unwrap_or(i64::MAX));
    metrics.cached_bytes.set(i64::try_from(cached.bytes).unwrap_or(i64::MAX));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.to_text()).into_response()
}

/// Whether a request has this token. Of what is compared nobody can choose the first bytes, so that how long it takes
/// tells nothing.
fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
    let given = given.and_then(|given| given.split_once(' '));
    given.is_some_and(|(scheme, given)| {
        scheme.eq_ignore_ascii_case("bearer") && Sha256::digest(given.trim()) == Sha256::digest(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_token_is_told() {
        let has = |given: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(given));
            has_token(&headers, "the token")
        };
        assert!(has("Bearer the token") && has("bearer the token"));
        for bad in ["Bearer the toke", "Bearer the token2", "Basic the token", "the token", "Bearer ", ""] {
            assert!(!has(bad), "{bad}");
        }
        assert!(!has_token(&HeaderMap::new(), "the token"));
    }
}
