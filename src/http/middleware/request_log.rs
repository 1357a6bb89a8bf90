//! One line in the log for each request.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use tower_http::request_id::RequestId;
use tracing::{Instrument, Span};

use crate::http::log_fields::{ErrorCodes, Operation};
use crate::http::middleware::request_id;
use crate::http::state::AppState;

/// Logs a request once it is answered, or its client has gone.
pub async fn log(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(request_id::text_of).unwrap_or_default();
    let span = tracing::info_span!("request", id);
    let mut line = Line {
        began: Instant::now(),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        span: span.clone(),
        answered: false,
    };
    let response = next.run(request).instrument(span).await;
    line.answered(&response);
    state.metrics.answered(&line.method, &line.path, response.status(), line.began.elapsed());
    response
}

/// A request's one line.
struct Line {
    began: Instant,
    method: Method,
    path: String,
    span: Span,
    answered: bool,
}

impl Line {
    fn answered(&mut self, response: &Response) {
        self.answered = true;
        let operation = response.extensions().get::<Operation>();
        let codes = response.extensions().get::<ErrorCodes>().map(|codes| codes.0.join(","));
        let _entered = self.span.enter();
        tracing::info!(
            method = %self.method,
            path = self.path,
            status = response.status().as_u16(),
            milliseconds = self.milliseconds(),
            kind = operation.map(|operation| operation.kind.to_string()),
            operation = operation.and_then(|operation| operation.name.as_deref()),
            errors = codes,
            "answered"
        );
    }

    fn milliseconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.answered {
            let _entered = self.span.enter();
            let milliseconds = self.milliseconds();
            tracing::info!(method = %self.method, path = self.path, milliseconds, "the client has gone");
        }
    }
}
