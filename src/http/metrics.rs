//! `/metrics`: what a Prometheus, or whatever else reads OpenMetrics, is told of this gateway.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::refusal::refuse;
use super::request_log::Operation;
use super::{Edge, not_found};
use crate::graphql::error::ErrorCode;

const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The paths that are told apart; there is no telling what else clients ask for.
const ROUTES: [&str; 5] = ["/graphql", "/livez", "/readyz", "/metrics", "/graphiql"];
const FOLDERS: [&str; 2] = ["/media", "/identity-documents"];

/// The methods that are told apart.
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::OPTIONS, Method::HEAD];

type Label<V> = (&'static str, V);

/// What this gateway counts.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<[Label<String>; 3], Counter>,
    seconds: Family<[Label<&'static str>; 1], Histogram>,
    operations: Family<[Label<String>; 2], Counter>,
    socket_operations: Family<[Label<String>; 2], Counter>,
    connections: Gauge,
    subscriptions: Gauge,
    log_position: Gauge,
    hears_redis: Gauge,
}

impl Metrics {
    pub fn new() -> Self {
        // From a quarter of a millisecond to eight seconds.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let mut metrics = Self {
            registry: Registry::with_prefix("gigway"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            operations: Family::default(),
            socket_operations: Family::default(),
            connections: Gauge::default(),
            subscriptions: Gauge::default(),
            log_position: Gauge::default(),
            hears_redis: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("http_requests", "Requests that were answered", metrics.requests.clone());
        let help = "Time from a request's headers to its answer's";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, metrics.seconds.clone());
        let help = "Operations over HTTP, by the first error's code";
        registry.register("graphql_operations", help, metrics.operations.clone());
        let help = "Operations over WebSockets, by why they were refused";
        registry.register("socket_operations", help, metrics.socket_operations.clone());
        registry.register("connections", "Sockets and streams that are open", metrics.connections.clone());
        registry.register("subscriptions", "Subscriptions that are under way", metrics.subscriptions.clone());
        let help = "The last position of the log that was handed on to subscribers";
        registry.register("log_position", help, metrics.log_position.clone());
        let help = "Whether it hears other gateways; without Redis there are none";
        registry.register("redis_subscribed", help, metrics.hears_redis.clone());
        metrics
    }

    /// Counts an answer.
    pub fn count(
        &self,
        method: &Method,
        path: &str,
        status: StatusCode,
        took: Duration,
        operation: Option<&Operation>,
        codes: &[String],
    ) {
        let route = route_of(path);
        let method = if METHODS.contains(method) { method.as_str() } else { "other" };
        let labels = [("route", route), ("method", method), ("status", status.as_str())];
        self.requests.get_or_create(&labels.map(|(name, value)| (name, value.to_owned()))).inc();
        self.seconds.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
        if route == "/graphql" && method != "OPTIONS" {
            let kind = operation.map_or_else(|| "none".to_owned(), |operation| operation.kind.to_string());
            let code = codes.first().map_or_else(|| "OK".to_owned(), Clone::clone);
            self.operations.get_or_create(&[("kind", kind), ("code", code)]).inc();
        }
    }

    /// Counts an operation of a socket; `code` where it was refused.
    pub fn count_of_socket(&self, operation: Option<&Operation>, code: Option<&str>) {
        let kind = operation.map_or_else(|| "none".to_owned(), |operation| operation.kind.to_string());
        self.socket_operations
            .get_or_create(&[("kind", kind), ("code", code.unwrap_or("OK").to_owned())])
            .inc();
    }
}

/// What a path counts as.
fn route_of(path: &str) -> &'static str {
    let whole = ROUTES.into_iter().find(|route| *route == path);
    let inside = |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.starts_with('/'));
    whole.or_else(|| FOLDERS.into_iter().find(inside)).unwrap_or("other")
}

/// What there is to tell, to whoever may read it.
pub(super) async fn get(State(edge): State<Arc<Edge>>, uri: Uri, headers: HeaderMap) -> Response {
    match &edge.metrics_token {
        Some(token) => {
            let given = headers.get(header::AUTHORIZATION).and_then(|given| given.to_str().ok());
            let given = given.and_then(|given| given.strip_prefix("Bearer ")).unwrap_or_default();
            // Of what is compared nobody can choose the first bytes, so that how long it takes tells nothing.
            if Sha256::digest(given) != Sha256::digest(token.expose_secret()) {
                let message = "This takes the token for /metrics.";
                return refuse(StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated, message);
            }
        }
        None if edge.development => {}
        None => return not_found(uri).await,
    }
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let metrics = &edge.metrics;
    metrics.connections.set(count(edge.connections.in_use()));
    metrics.subscriptions.set(count(edge.subscriptions.in_use()));
    metrics.log_position.set(edge.services.streams.handed_on().position());
    let hears = edge.services.bus.redis().is_some_and(crate::live::bus::RedisHealth::is_subscribed);
    metrics.hears_redis.set(hears.into());
    let mut text = String::new();
    encode(&mut text, &metrics.registry).unwrap_or_else(|error| {
        text.clear();
        writeln!(text, "# {error}").ok();
    });
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_clients_ask_for_there_are_few_routes() {
        assert_eq!(route_of("/graphql"), "/graphql");
        assert_eq!(route_of("/media/img_1.jpg"), "/media");
        for other in ["/", "/graphql/", "/mediaother", "/media", "/a?b", ""] {
            assert_eq!(route_of(other), "other", "{other}");
        }
    }

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::new();
        let took = Duration::from_millis(3);
        metrics.count(&Method::POST, "/graphql", StatusCode::OK, took, None, &["BAD_REQUEST".to_owned()]);
        metrics.count(&Method::from_bytes(b"ODD").unwrap(), "/x", StatusCode::NOT_FOUND, took, None, &[]);
        let mut text = String::new();
        encode(&mut text, &metrics.registry).unwrap();
        for line in [
            r#"gigway_http_requests_total{route="/graphql",method="POST",status="200"} 1"#,
            r#"gigway_http_requests_total{route="other",method="other",status="404"} 1"#,
            r#"gigway_graphql_operations_total{kind="none",code="BAD_REQUEST"} 1"#,
            r#"gigway_http_request_duration_seconds_count{route="/graphql"} 1"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
