//! `/livez` and `/readyz`: for whoever runs the gateway, and their load balancer.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::state::AppState;
use crate::service::{Services, key_rotation};

/// A dependency that takes longer than this counts as away.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How the gateway is doing.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Readiness {
    Ready,
    /// It serves, and something is slower than it should be.
    Degraded,
    Unavailable,
}

#[derive(Serialize)]
struct Report {
    status: Readiness,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Dependency {
    name: &'static str,
    up: bool,
    /// What it means, where it is away; never the error's own text, which is in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// The process runs.
pub async fn live() -> &'static str {
    "ok\n"
}

/// Whether requests can be answered: 200, or 503 where they cannot.
pub async fn ready(State(state): State<Arc<AppState>>) -> Response {
    let (database, blobs) = tokio::join!(database(&state.services), blobs(&state.services));
    let mut dependencies = vec![
        Dependency {
            name: "database",
            up: database,
            note: (!database).then(|| "nothing can be answered".to_owned()),
        },
        Dependency {
            name: "blobs",
            up: blobs,
            note: (!blobs).then(|| "no picture can be stored or shown".to_owned()),
        },
    ];
    let missing = if database { key_rotation::missing_keys(&state.services).await } else { Vec::new() };
    let mut degraded = !blobs || !missing.is_empty();
    dependencies.push(Dependency {
        name: "keys",
        up: missing.is_empty(),
        note: (!missing.is_empty())
            .then(|| format!("keys that data are sealed by are missing: {}", missing.join(", "))),
    });
    if let Some(redis) = state.services.bus.redis_health() {
        let up = redis.is_subscribed();
        let note = (!up).then(|| "changes made at other gateways are up to a second late".to_owned());
        dependencies.push(Dependency { name: "redis", up, note });
        degraded |= !up;
    }
    let (code, status) = match (database, degraded) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, Readiness::Unavailable),
        (true, true) => (StatusCode::OK, Readiness::Degraded),
        (true, false) => (StatusCode::OK, Readiness::Ready),
    };
    (code, Json(Report { status, dependencies })).into_response()
}

async fn database(services: &Services) -> bool {
    up("database", services.db.ping()).await
}

async fn blobs(services: &Services) -> bool {
    up("blobs", services.media.check()).await
}

async fn up<E: std::fmt::Display>(name: &str, answer: impl Future<Output = Result<(), E>>) -> bool {
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!(name, %error, "a dependency is away"),
        Err(_) => tracing::warn!(name, "a dependency does not answer"),
    }
    false
}
