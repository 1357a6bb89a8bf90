//! Logs one line for each request. To log one more field, pass it in the extensions of the response, as in
//! [`log_fields`](crate::http::log_fields).

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use tower_http::request_id::RequestId;
use tracing::{Instrument, Span};

use crate::engine::operation_log::shorten;
use crate::http::client_address::CountedAddress;
use crate::http::log_fields::{ErrorCodes, LoggedOperation};
use crate::http::middleware::request_id;
use crate::http::middleware::request_id::SentRequestId;
use crate::http::state::AppState;

/// Finds the address of the client, and passes it on. Logs and counts the request when its response is ready, or logs
/// that the client disconnected before.
pub async fn log<F: Future<Output = Response>>(
    state: &AppState,
    peer: IpAddr,
    mut request: Request,
    handle: impl FnOnce(Request, IpAddr) -> F,
) -> Response {
    let id = request.extensions().get::<RequestId>().map(request_id::text_of).unwrap_or_default();
    // The level is that of errors, so that their lines have the id at every level of the log.
    let sent = request.extensions().get::<SentRequestId>().map(SentRequestId::as_str);
    let span = tracing::error_span!("request", id, sent_id = sent);
    let address = state.client_address(request.headers(), peer);
    request.extensions_mut().insert(CountedAddress(address));
    let mut entry = LogEntry {
        started_at: Instant::now(),
        method: request.method().clone(),
        path: shorten(request.uri().path()).to_owned(),
        address,
        span: span.clone(),
        is_logged: false,
    };
    let response = handle(request, address).instrument(span).await;
    entry.log_response(&response);
    state.metrics.record_request(&entry.method, &entry.path, response.status(), entry.started_at.elapsed());
    response
}

/// The log entry of one request. If it is dropped before the response is ready, the client has disconnected.
struct LogEntry {
    started_at: Instant,
    method: Method,
    path: String,
    address: IpAddr,
    span: Span,
    is_logged: bool,
}

impl LogEntry {
    fn log_response(&mut self, response: &Response) {
        self.is_logged = true;
        let operation = response.extensions().get::<LoggedOperation>();
        let codes = response.extensions().get::<ErrorCodes>().map(|codes| codes.0.join(","));
        let _entered = self.span.enter();
        let (method, path) = (shorten(self.method.as_str()), &self.path);
        let (status, milliseconds) = (response.status().as_u16(), self.milliseconds());
        let address = tracing::field::display(self.address);
        let kind = operation.map(|operation| operation.kind.to_string());
        let operation = operation.and_then(|operation| operation.name.as_deref());
        let errors = codes;
        if response.status().is_server_error() {
            tracing::error!(
                method,
                path,
                status,
                milliseconds,
                address,
                kind,
                operation,
                errors,
                "request failed"
            );
        } else {
            tracing::info!(
                method,
                path,
                status,
                milliseconds,
                address,
                kind,
                operation,
                errors,
                "request completed"
            );
        }
    }

    fn milliseconds(&self) -> f64 {
        self.started_at.elapsed().as_secs_f64() * 1000.0
    }
}

impl Drop for LogEntry {
    fn drop(&mut self) {
        if !self.is_logged {
            let _entered = self.span.enter();
            let milliseconds = self.milliseconds();
            let (method, path) = (shorten(self.method.as_str()), &self.path);
            let address = tracing::field::display(self.address);
            tracing::info!(method, path, milliseconds, address, "client disconnected");
        }
    }
}
