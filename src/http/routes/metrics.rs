//! `/metrics`: the metrics of this gateway, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::events::redis_channel::RedisHealth;
use crate::graphql::error::ErrorCode;
use crate::http::error_response::reject;
use crate::http::state::AppState;

const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Returns all metrics. If a token is configured, the request must have it.
pub async fn get(State(state): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    if state.metrics_token.as_ref().is_some_and(|token| !has_token(&headers, token.expose_secret())) {
        let message = "Send the token for /metrics in the header Authorization.";
        let mut response = reject(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    let to_i64 = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let metrics = &state.metrics;
    let sockets = state.sockets.len();
    metrics.sockets.set(to_i64(sockets));
    // The permits of WebSockets and streams are counted together. A WebSocket has its permit shortly before
    // it is open.
    metrics.streams.set(to_i64(state.connections.in_use().saturating_sub(sockets)));
    metrics.subscriptions.set(to_i64(state.subscriptions.in_use()));
    metrics.log_position.set(state.services.streams.dispatched_position().current());
    metrics
        .redis_subscribed
        .set(state.services.bus.redis_health().is_some_and(RedisHealth::is_subscribed).into());
    let cache_size = state.engine.cache_size();
    metrics.cached_responses.set(i64::try_from(cache_size.responses).unwrap_or(i64::MAX));
    metrics.cached_bytes.set(i64::try_from(cache_size.bytes).unwrap_or(i64::MAX));
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.to_text()).into_response()
}

/// Whether the request has the token. Hashes are compared, so that the duration of the comparison reveals
/// nothing about the token.
fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let parts = authorization.and_then(|value| value.split_once(' '));
    parts.is_some_and(|(scheme, candidate)| {
        scheme.eq_ignore_ascii_case("bearer") && Sha256::digest(candidate.trim()) == Sha256::digest(token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bearer_token_is_accepted() {
        let is_accepted = |authorization: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(authorization));
            has_token(&headers, "the token")
        };
        assert!(is_accepted("Bearer the token") && is_accepted("bearer the token"));
        for invalid in ["Bearer the toke", "Bearer the token2", "Basic the token", "the token", "Bearer ", ""]
        {
            assert!(!is_accepted(invalid), "{invalid}");
        }
        assert!(!has_token(&HeaderMap::new(), "the token"));
    }
}
