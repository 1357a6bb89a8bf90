//! `/livez` and `/readyz`: health checks for operators and load balancers.
//!
//! To report one more dependency, add a [`Dependency`] in [`ready`].

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::state::AppState;
use crate::service::Services;

/// A dependency that takes longer than this to answer counts as unavailable.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether the gateway can serve requests.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Readiness {
    Ready,
    /// Requests are served, but some fail or are slow.
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
    /// What does not work while the dependency is down. The error itself is only logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Always 200 while the process runs.
pub async fn live() -> &'static str {
    "ok\n"
}

/// Returns 200 if requests can be served, or 503 if the database is unavailable.
pub async fn ready(State(state): State<Arc<AppState>>) -> Response {
    let (database_up, blobs_up) = tokio::join!(check_database(&state.services), check_blobs(&state.services));
    let mut dependencies = vec![
        Dependency {
            name: "database",
            up: database_up,
            note: (!database_up).then(|| "no request can be served".to_owned()),
        },
        Dependency {
            name: "blobs",
            up: blobs_up,
            note: (!blobs_up).then(|| "images cannot be uploaded or served".to_owned()),
        },
    ];
    let keys_note = if database_up { check_keys(&state).await } else { None };
    let mut is_degraded = !blobs_up || keys_note.is_some();
    dependencies.push(Dependency { name: "keys", up: keys_note.is_none(), note: keys_note });
    if let Some(redis) = state.services.bus.redis_health() {
        let up = redis.is_subscribed();
        let note = (!up).then(|| "events of other gateways arrive up to a second late".to_owned());
        dependencies.push(Dependency { name: "redis", up, note });
        is_degraded |= !up;
    }
    let (code, status) = match (database_up, is_degraded) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, Readiness::Unavailable),
        (true, true) => (StatusCode::OK, Readiness::Degraded),
        (true, false) => (StatusCode::OK, Readiness::Ready),
    };
    (code, Json(Report { status, dependencies })).into_response()
}

async fn check_database(services: &Services) -> bool {
    check("database", services.db.ping()).await.is_some()
}

async fn check_blobs(services: &Services) -> bool {
    check("blobs", services.media.check()).await.is_some()
}

/// What is wrong with the encryption keys, if anything.
async fn check_keys(state: &AppState) -> Option<String> {
    match check("keys", state.missing_keys.get(&state.services)).await {
        Some(missing) if missing.is_empty() => None,
        Some(missing) => Some(format!("keys of encrypted data are missing: {}", missing.join(", "))),
        None => Some("it is not known whether keys of encrypted data are missing".to_owned()),
    }
}

/// The result; `None` if the check failed or took too long.
async fn check<T, E: std::fmt::Display>(name: &str, result: impl Future<Output = Result<T, E>>) -> Option<T> {
    match tokio::time::timeout(CHECK_TIMEOUT, result).await {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => tracing::warn!(name, %error, "health check failed"),
        Err(_) => tracing::warn!(name, "health check timed out"),
    }
    None
}
