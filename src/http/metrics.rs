//! `/metrics`: what a Prometheus, or whatever else reads OpenMetrics, is told of this gateway.
//!
//! Every label is one of few that are known beforehand, whatever clients send.

use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as Answer, Value};
use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use strum::VariantNames;

use crate::engine::limits::LimitExceeded;
use crate::engine::response::{error_codes, is_request_error};
use crate::engine::response_cache::CacheRequests;
use crate::graphql::error::ErrorCode;
use crate::service::rate_limit::RateLimitKind;

/// The paths that are told apart; there is no telling what else clients ask for.
const ROUTES: [&str; 5] = ["/graphql", "/livez", "/readyz", "/metrics", "/graphiql"];
const FOLDERS: [&str; 2] = ["/media", "/identity-documents"];

/// The methods that are told apart.
const METHODS: [&str; 4] = ["GET", "POST", "OPTIONS", "HEAD"];

/// An operation that went as it should.
const OK: &str = "OK";

/// Whatever has no name of its own.
const OTHER: &str = "other";

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// What this gateway counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    seconds: Family<Labels<1>, Histogram>,
    operations: Family<Labels<2>, Counter>,
    points: Family<Labels<1>, Counter>,
    refusals: Family<Labels<1>, Counter>,
    pub sockets: Gauge,
    pub streams: Gauge,
    pub subscriptions: Gauge,
    pub log_position: Gauge,
    pub hears_redis: Gauge,
    pub cached_responses: Gauge,
    pub cached_bytes: Gauge,
}

impl Metrics {
    pub fn new(started_at: DateTime<Utc>, cache_requests: CacheRequests) -> Self {
        // From a quarter of a millisecond to eight seconds.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let mut metrics = Self {
            registry: Registry::with_prefix("gigway"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            operations: Family::default(),
            points: Family::default(),
            refusals: Family::default(),
            sockets: Gauge::default(),
            streams: Gauge::default(),
            subscriptions: Gauge::default(),
            log_position: Gauge::default(),
            hears_redis: Gauge::default(),
            cached_responses: Gauge::default(),
            cached_bytes: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("http_requests", "Requests that were answered", metrics.requests.clone());
        let help = "Time from a request's headers to its answer's";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, metrics.seconds.clone());
        let help = "Operations, however they came, by the first error's code";
        registry.register("graphql_operations", help, metrics.operations.clone());
        let help = "Points that operations were charged; what they did not need, their budgets got back";
        registry.register("graphql_operation_cost", help, metrics.points.clone());
        let help = "Operations that asked for more than a limit or a budget allows";
        registry.register("graphql_refusals", help, metrics.refusals.clone());
        registry.register("sockets_open", "WebSockets that are open", metrics.sockets.clone());
        registry.register("streams_open", "Answers that go out as they come", metrics.streams.clone());
        let help = "Subscriptions that are under way";
        registry.register("subscriptions_open", help, metrics.subscriptions.clone());
        let help = "The last position of the log that was handed on to subscribers";
        registry.register("log_position", help, metrics.log_position.clone());
        let help = "Whether it hears other gateways; without Redis there are none";
        registry.register("redis_subscribed", help, metrics.hears_redis.clone());
        let help =
            "Requests whose answers are kept: there already, made, or made for another that came before";
        registry.register("answer_cache_requests", help, cache_requests);
        registry.register("answer_cache_answers", "Answers that are kept", metrics.cached_responses.clone());
        let help = "What the answers that are kept take";
        registry.register_with_unit("answer_cache_size", help, Unit::Bytes, metrics.cached_bytes.clone());
        let started = Gauge::<i64>::default();
        started.set(started_at.timestamp());
        registry.register_with_unit("start_time", "When it began, since 1970", Unit::Seconds, started);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What it is", build);
        metrics
    }

    /// Counts an answer.
    pub fn answered(&self, method: &Method, path: &str, status: StatusCode, took: Duration) {
        let route = route_of(path);
        let method = one_of(&METHODS, method.as_str());
        let labels = [("route", route), ("method", method), ("status", class_of(status))];
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&[("route", route)]).observe(took.as_secs_f64());
    }

    /// Counts an operation that was let in with so many points, and what came of it: nothing told of a subscription is one
    /// that has begun.
    pub fn ran(&self, kind: OperationType, points: u64, answer: Option<&Answer>) {
        let kind = match kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        };
        let code = answer.map_or(OK, code_of);
        self.operations.get_or_create(&[("kind", kind), ("code", code)]).inc();
        // Nothing is charged where there is too little.
        let spent: &str = ErrorCode::RateLimited.into();
        let is_charged = code != spent || !answer.is_some_and(is_request_error);
        if is_charged {
            self.points.get_or_create(&[("kind", kind)]).inc_by(points);
        }
        self.note_limit(answer);
    }

    /// Counts an operation that was not let in, so that nobody knows of which kind it is.
    pub fn refused(&self, answer: &Answer) {
        self.operations.get_or_create(&[("kind", "unreadable"), ("code", code_of(answer))]).inc();
        self.note_limit(Some(answer));
    }

    fn note_limit(&self, answer: Option<&Answer>) {
        if let Some(limit) = answer.and_then(limit_of) {
            self.refusals.get_or_create(&[("limit", limit)]).inc();
        }
    }

    pub fn to_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("text takes whatever is written to it");
        text
    }
}

/// What a path counts as.
fn route_of(path: &str) -> &'static str {
    let whole = ROUTES.into_iter().find(|route| *route == path);
    let inside = |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.starts_with('/'));
    whole.or_else(|| FOLDERS.into_iter().find(inside)).unwrap_or(OTHER)
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => OTHER,
    }
}

/// The code of an answer's first error.
fn code_of(answer: &Answer) -> &'static str {
    if answer.errors.is_empty() {
        return OK;
    }
    error_codes(answer).next().map_or(OTHER, |code| one_of(ErrorCode::VARIANTS, code))
}

/// The limit or the budget that an answer's first error is about.
fn limit_of(answer: &Answer) -> Option<&'static str> {
    let told = answer.errors.first()?.extensions.as_ref()?;
    match (told.get("limit"), told.get("budget")) {
        (Some(Value::String(limit)), _) => Some(one_of(LimitExceeded::VARIANTS, limit)),
        (None, Some(Value::String(budget))) => Some(one_of(RateLimitKind::VARIANTS, budget)),
        _ => None,
    }
}

fn one_of(names: &[&'static str], name: &str) -> &'static str {
    names.iter().copied().find(|known| *known == name).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::response::error_response;
    use crate::graphql::error::Error;

    fn metrics() -> Metrics {
        Metrics::new(DateTime::UNIX_EPOCH, CacheRequests::default())
    }

    fn assert_tells(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.to_text();
        for line in lines {
            assert!(text.lines().any(|told| told == *line), "{line}\n{text}");
        }
    }

    #[test]
    fn whatever_clients_send_there_are_few_labels() {
        assert_eq!(route_of("/graphql"), "/graphql");
        assert_eq!(route_of("/media/img_1.jpg"), "/media");
        for other in ["/", "/graphql/", "/mediaother", "/media", "/a?b", ""] {
            assert_eq!(route_of(other), "other", "{other}");
        }
        let metrics = metrics();
        for number in 0..1000 {
            let method = Method::from_bytes(format!("ODD{number}").as_bytes()).unwrap();
            metrics.answered(&method, &format!("/{number}"), StatusCode::NOT_FOUND, Duration::ZERO);
        }
        let line = r#"gigway_http_requests_total{route="other",method="other",status="4xx"} 1000"#;
        assert_tells(&metrics, &[line]);
        assert!(metrics.to_text().lines().count() < 100);
    }

    #[test]
    fn what_is_counted_is_told() {
        let metrics = metrics();
        metrics.answered(&Method::POST, "/graphql", StatusCode::OK, Duration::from_millis(3));
        metrics.ran(OperationType::Query, 7, Some(&Answer::default()));
        metrics.ran(OperationType::Subscription, 2, None);
        let mut answer = error_response(&Error::new(ErrorCode::RateLimited, "Later."));
        let told = answer.errors[0].extensions.get_or_insert_default();
        told.set("budget", "signIn");
        metrics.ran(OperationType::Mutation, 10, Some(&answer));
        let mut answer = error_response(&Error::new(ErrorCode::QueryTooComplex, "Less."));
        answer.errors[0].extensions.get_or_insert_default().set("limit", "depth");
        metrics.refused(&answer);
        let version = format!(r#"gigway_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION"));
        assert_tells(
            &metrics,
            &[
                r#"gigway_http_requests_total{route="/graphql",method="POST",status="2xx"} 1"#,
                r#"gigway_http_request_duration_seconds_count{route="/graphql"} 1"#,
                r#"gigway_graphql_operations_total{kind="query",code="OK"} 1"#,
                r#"gigway_graphql_operations_total{kind="subscription",code="OK"} 1"#,
                r#"gigway_graphql_operations_total{kind="mutation",code="RATE_LIMITED"} 1"#,
                r#"gigway_graphql_operations_total{kind="unreadable",code="QUERY_TOO_COMPLEX"} 1"#,
                r#"gigway_graphql_operation_cost_total{kind="query"} 7"#,
                r#"gigway_graphql_operation_cost_total{kind="subscription"} 2"#,
                r#"gigway_graphql_refusals_total{limit="depth"} 1"#,
                r#"gigway_graphql_refusals_total{limit="signIn"} 1"#,
                "gigway_start_time_seconds 0",
                "# EOF",
                &version,
            ],
        );
        assert!(!metrics.to_text().contains(r#"cost_total{kind="mutation"}"#), "nothing was charged");
    }
}
