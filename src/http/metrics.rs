//! The metrics of this gateway, in the OpenMetrics format that Prometheus reads.
//!
//! Every label value comes from a short fixed list, whatever clients send: anything else is counted as
//! `other`.
//!
//! To add a metric: add a field to [`Metrics`] and register it in [`Metrics::new`]. A gauge whose value is
//! read when the metrics are fetched is set in `routes/metrics.rs`.

use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Response as GraphqlResponse, Value};
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
use crate::events::counters::EventCounters;
use crate::graphql::error::ErrorCode;
use crate::service::identity_access::OpeningCounters;
use crate::service::rate_limit::RateLimitKind;

/// The paths that are counted separately.
const ROUTES: [&str; 14] = [
    "/graphql",
    "/livez",
    "/readyz",
    "/metrics",
    // The pages of the console.
    "/",
    "/admin",
    "/dashboard",
    "/graphiql",
    "/review",
    "/sell",
    "/sell/new",
    "/sign-in",
    "/sign-up",
    "/verification",
];

/// Everything below one of these paths is counted under the path. The path itself is counted as `other`.
const PATH_PREFIXES: [&str; 6] =
    ["/media", "/identity-documents", "/data-exports", "/held-versions", "/assets", "/gigs"];

/// The methods that are counted separately.
const METHODS: [&str; 4] = ["GET", "POST", "OPTIONS", "HEAD"];

/// The code of an operation without errors.
const OK: &str = "OK";

/// The label of all other values.
const OTHER: &str = "other";

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The metrics of this gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    request_duration: Family<Labels<1>, Histogram>,
    operations: Family<Labels<2>, Counter>,
    cost: Family<Labels<1>, Counter>,
    limit_errors: Family<Labels<1>, Counter>,
    pub sockets: Gauge,
    pub streams: Gauge,
    pub subscriptions: Gauge,
    pub log_position: Gauge,
    pub redis_subscribed: Gauge,
    pub unreadable_client_addresses: Counter,
    pub cached_responses: Gauge,
    pub cached_bytes: Gauge,
}

impl Metrics {
    pub fn new(
        started_at: DateTime<Utc>,
        cache_requests: CacheRequests,
        events: &EventCounters,
        openings: &OpeningCounters,
        tag_mismatches: Counter,
    ) -> Self {
        // From a quarter of a millisecond to eight seconds.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let mut metrics = Self {
            registry: Registry::with_prefix("gigway"),
            requests: Family::default(),
            request_duration: Family::new_with_constructor(buckets),
            operations: Family::default(),
            cost: Family::default(),
            limit_errors: Family::default(),
            sockets: Gauge::default(),
            streams: Gauge::default(),
            subscriptions: Gauge::default(),
            log_position: Gauge::default(),
            redis_subscribed: Gauge::default(),
            unreadable_client_addresses: Counter::default(),
            cached_responses: Gauge::default(),
            cached_bytes: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("http_requests", "HTTP requests with a response", metrics.requests.clone());
        let help = "Time from the headers of a request to the headers of its response";
        let request_duration = metrics.request_duration.clone();
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, request_duration);
        let help = "GraphQL operations over all transports, by kind and by the code of the first error";
        registry.register("graphql_operations", help, metrics.operations.clone());
        let help = "Cost that operations were charged, before the unused part was refunded";
        registry.register("graphql_operation_cost", help, metrics.cost.clone());
        let help = "Operations that exceeded a limit or a rate limit";
        registry.register("graphql_refusals", help, metrics.limit_errors.clone());
        registry.register("sockets_open", "Open WebSockets", metrics.sockets.clone());
        registry.register(
            "streams_open",
            "Open streams: server-sent events and multipart subscriptions",
            metrics.streams.clone(),
        );
        registry.register("subscriptions_open", "Running subscriptions", metrics.subscriptions.clone());
        let help = "Position of the last event that was dispatched to subscribers";
        registry.register("log_position", help, metrics.log_position.clone());
        let help =
            "1 if the gateway receives events of other gateways over Redis; 0 if not, or without Redis";
        registry.register("redis_subscribed", help, metrics.redis_subscribed.clone());
        let help = "Requests whose X-Forwarded-For is not an address, counted under the address of the proxy";
        let unreadable = metrics.unreadable_client_addresses.clone();
        registry.register("unreadable_client_addresses", help, unreadable);
        let help = "Events that were skipped because only a newer version understands them";
        registry.register("log_unknown_events", help, events.unknown_events.clone());
        let help = "Messages on the Redis channel that were ignored because they were not authentic";
        registry.register("redis_rejected_messages", help, events.rejected_messages.clone());
        let help =
            "Messages on the Redis channel that were dropped because too many waited; the log was read";
        registry.register("redis_dropped_messages", help, events.dropped_messages.clone());
        let help = "Forms of applicants that reviewers have opened";
        registry.register("identity_forms_opened", help, openings.forms.clone());
        let help = "Pictures of identity documents that reviewers have opened";
        registry.register("identity_pictures_opened", help, openings.pictures.clone());
        let help =
            "Forms and pictures that were refused because the reviewer has opened those of too many people";
        registry.register("identity_openings_refused", help, openings.refused.clone());
        let help = "Roles, verified identities and verifications whose tag did not match";
        registry.register("tag_mismatches", help, tag_mismatches);
        let help = "Cacheable requests, by result: hit, miss, or joined to a running request";
        registry.register("answer_cache_requests", help, cache_requests);
        registry.register("answer_cache_answers", "Cached responses", metrics.cached_responses.clone());
        let help = "Memory used by the response cache";
        registry.register_with_unit("answer_cache_size", help, Unit::Bytes, metrics.cached_bytes.clone());
        let started = Gauge::<i64>::default();
        started.set(started_at.timestamp());
        registry.register_with_unit(
            "start_time",
            "Start time of the gateway, since the Unix epoch",
            Unit::Seconds,
            started,
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of the gateway", build);
        metrics
    }

    /// Counts a request and its response.
    pub fn record_request(&self, method: &Method, path: &str, status: StatusCode, duration: Duration) {
        let route = route_label(path);
        let method = one_of(&METHODS, method.as_str());
        let labels = [("route", route), ("method", method), ("status", status_label(status))];
        self.requests.get_or_create(&labels).inc();
        self.request_duration.get_or_create(&[("route", route)]).observe(duration.as_secs_f64());
    }

    /// Counts a validated operation and its cost. `response` is `None` if a subscription has started, or if
    /// the response came from the cache.
    pub fn record_operation(&self, kind: OperationType, cost: u64, response: Option<&GraphqlResponse>) {
        let kind = kind_label(kind);
        let code = response.map_or(OK, code_label);
        self.operations.get_or_create(&[("kind", kind), ("code", code)]).inc();
        // An operation that exceeds its rate limit is not charged.
        let rate_limited: &str = ErrorCode::RateLimited.into();
        let is_charged = code != rate_limited || !response.is_some_and(is_request_error);
        if is_charged {
            self.cost.get_or_create(&[("kind", kind)]).inc_by(cost);
        }
        self.record_limit_error(response);
    }

    /// Counts an invalid operation. `kind` is `None` if the document could not be parsed.
    pub fn record_invalid(&self, kind: Option<OperationType>, response: &GraphqlResponse) {
        let kind = kind.map_or("unreadable", kind_label);
        self.operations.get_or_create(&[("kind", kind), ("code", code_label(response))]).inc();
        self.record_limit_error(Some(response));
    }

    fn record_limit_error(&self, response: Option<&GraphqlResponse>) {
        if let Some(limit) = response.and_then(limit_label) {
            self.limit_errors.get_or_create(&[("limit", limit)]).inc();
        }
    }

    /// All metrics in the OpenMetrics text format.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string cannot fail");
        text
    }
}

/// The `route` label of a path.
fn route_label(path: &str) -> &'static str {
    let exact = ROUTES.into_iter().find(|route| *route == path);
    let is_below = |prefix: &&str| path.strip_prefix(*prefix).is_some_and(|rest| rest.starts_with('/'));
    exact.or_else(|| PATH_PREFIXES.into_iter().find(is_below)).unwrap_or(OTHER)
}

/// The `status` label of a status.
fn status_label(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => OTHER,
    }
}

/// The code of the first error in a response.
fn code_label(response: &GraphqlResponse) -> &'static str {
    if response.errors.is_empty() {
        return OK;
    }
    error_codes(response).next().map_or(OTHER, |code| one_of(ErrorCode::VARIANTS, code))
}

/// The limit or the rate limit that the first error of a response names.
fn limit_label(response: &GraphqlResponse) -> Option<&'static str> {
    let extensions = response.errors.first()?.extensions.as_ref()?;
    match (extensions.get("limit"), extensions.get("budget")) {
        (Some(Value::String(limit)), _) => Some(one_of(LimitExceeded::VARIANTS, limit)),
        (None, Some(Value::String(budget))) => Some(one_of(RateLimitKind::VARIANTS, budget)),
        _ => None,
    }
}

/// Returns the listed name that equals `name`, or [`OTHER`].
fn one_of(names: &[&'static str], name: &str) -> &'static str {
    names.iter().copied().find(|listed| *listed == name).unwrap_or(OTHER)
}

fn kind_label(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::response::error_response;
    use crate::graphql::error::Error;
    use crate::http::console::PAGES;

    fn metrics() -> Metrics {
        let (events, openings) = (EventCounters::default(), OpeningCounters::default());
        let tag_mismatches = Counter::default();
        Metrics::new(DateTime::UNIX_EPOCH, CacheRequests::default(), &events, &openings, tag_mismatches)
    }

    fn assert_contains(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.to_text();
        for line in lines {
            assert!(text.lines().any(|metric| metric == *line), "{line}\n{text}");
        }
    }

    #[test]
    fn clients_cannot_create_labels() {
        assert_eq!(route_label("/graphql"), "/graphql");
        assert_eq!(route_label("/media/img_1.jpg"), "/media");
        for other in ["/graphql/", "/mediaother", "/media", "/a?b", ""] {
            assert_eq!(route_label(other), "other", "{other}");
        }
        for page in PAGES {
            assert_ne!(route_label(page), "other", "{page}");
        }
        let metrics = metrics();
        for number in 0..1000 {
            let method = Method::from_bytes(format!("ODD{number}").as_bytes()).unwrap();
            metrics.record_request(&method, &format!("/{number}"), StatusCode::NOT_FOUND, Duration::ZERO);
        }
        let line = r#"gigway_http_requests_total{route="other",method="other",status="4xx"} 1000"#;
        assert_contains(&metrics, &[line]);
        assert!(metrics.to_text().lines().count() < 100);
    }

    #[test]
    fn requests_and_operations_are_counted_by_label() {
        let metrics = metrics();
        metrics.record_request(&Method::POST, "/graphql", StatusCode::OK, Duration::from_millis(3));
        metrics.record_operation(OperationType::Query, 7, Some(&GraphqlResponse::default()));
        metrics.record_operation(OperationType::Subscription, 2, None);
        let mut response = error_response(&Error::new(ErrorCode::RateLimited, "Later."));
        let extensions = response.errors[0].extensions.get_or_insert_default();
        extensions.set("budget", "signIn");
        metrics.record_operation(OperationType::Mutation, 10, Some(&response));
        let mut response = error_response(&Error::new(ErrorCode::QueryTooComplex, "Less."));
        response.errors[0].extensions.get_or_insert_default().set("limit", "depth");
        metrics.record_invalid(None, &response);
        let version = format!(r#"gigway_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION"));
        assert_contains(
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
        assert!(
            !metrics.to_text().contains(r#"cost_total{kind="mutation"}"#),
            "a rate-limited operation is not charged"
        );
    }
}
