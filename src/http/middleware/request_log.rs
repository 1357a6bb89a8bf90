//! One line in the log for each request, and the id that names it there and to the client.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span};

use crate::http::headers::REQUEST_ID;
use crate::http::log_fields::{ErrorCodes, Operation, RequestId};
use crate::http::state::AppState;

/// The longest id that is taken over from a client or a proxy.
const ID_MAX_CHARS: usize = 64;

/// Gives the request its id, and logs it once it is answered, or its client has gone.
pub async fn log(State(state): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(|| state.services.new_request_id());
    let span = tracing::info_span!("request", id);
    let mut line = Line {
        began: Instant::now(),
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        span: span.clone(),
        answered: false,
    };
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
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

/// The id that a client or a proxy has given, where it can be one.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=ID_MAX_CHARS).contains(&given.len()) && given.bytes().all(plain);
    fits.then(|| given.to_owned())
}
