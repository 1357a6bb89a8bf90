//! Logs how each operation ends, on every transport: with which errors, after how long, for whom, and from where.
//! A subscription ends when the client or an error ends it.
//!
//! Each line is in the span `request` and so has the id of the request. The cause of an internal error is logged
//! under the id that the client gets, also if the client got the result of an execution for somebody else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use async_graphql::parser::types::OperationType;
use async_graphql::{ServerError, Value};

use crate::domain::id::{PublicId, UserId};
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::codes_of;
use crate::graphql::context::{RequestMeta, request_span};
use crate::graphql::error::ErrorCode;
use crate::service::security_log;

/// The longest text of a client that is logged.
const TEXT_MAX_CHARS: usize = 256;

/// An operation that has started. If it is dropped before [`OperationLog::finish`], the client has ended it.
pub struct OperationLog {
    kind: OperationType,
    name: Option<Box<str>>,
    user_id: Option<UserId>,
    address: IpAddr,
    request_id: Arc<str>,
    started_at: Instant,
    is_finished: bool,
}

impl OperationLog {
    pub fn start(meta: &RequestMeta, operation: &ValidatedOperation) -> Self {
        Self {
            kind: operation.kind,
            name: operation.name.as_deref().map(|name| shorten(name).into()),
            user_id: meta.user_id(),
            address: meta.address,
            request_id: Arc::clone(&meta.request_id),
            started_at: Instant::now(),
            is_finished: false,
        }
    }

    /// A query of an anonymous client whose response is cached.
    pub fn start_cached(request_id: &Arc<str>, address: IpAddr, name: Option<&str>) -> Self {
        Self {
            kind: OperationType::Query,
            name: name.map(|name| shorten(name).into()),
            user_id: None,
            address,
            request_id: Arc::clone(request_id),
            started_at: Instant::now(),
            is_finished: false,
        }
    }

    /// Logs the end of the operation, with its errors.
    pub fn finish(&mut self, errors: &[ServerError]) {
        self.is_finished = true;
        let codes = codes_of(errors).collect::<Vec<_>>().join(",");
        let status = if errors.is_empty() { "OK" } else { &codes };
        // It may be the id of another request, whose execution was shared.
        let mut causes = errors.iter().filter_map(|error| error.extensions.as_ref()?.get("requestId"));
        let cause = causes.next().and_then(|id| match id {
            Value::String(id) if **id != *self.request_id => Some(id.as_str()),
            _ => None,
        });
        self.log(has_failed(errors), status, cause);
        let forbidden: &str = ErrorCode::Forbidden.into();
        if codes_of(errors).any(|code| code == forbidden) {
            let span = request_span(&self.request_id);
            span.in_scope(|| security_log::role_refused(self.user_id, Some(self.address)));
        }
    }

    fn log(&self, has_failed: bool, status: &str, cause: Option<&str>) {
        let Self { address, request_id, .. } = self;
        let (kind, operation) = (self.kind.to_string(), self.name.as_deref());
        let milliseconds = self.started_at.elapsed().as_secs_f64() * 1000.0;
        let user = self.user_id.map(PublicId::to_public);
        request_span(request_id).in_scope(|| {
            if has_failed {
                tracing::error!(
                    kind, operation, status, milliseconds, user, %address, cause, "operation failed"
                );
            } else {
                tracing::info!(kind, operation, status, milliseconds, user, %address, "operation completed");
            }
        });
    }
}

impl Drop for OperationLog {
    fn drop(&mut self) {
        if !self.is_finished {
            let status = if self.kind == OperationType::Subscription { "OK" } else { "CANCELLED" };
            self.log(false, status, None);
        }
    }
}

/// Logs that a request cannot be executed.
pub fn log_invalid(request_id: &str, address: IpAddr, errors: &[ServerError]) {
    let status = codes_of(errors).collect::<Vec<_>>().join(",");
    request_span(request_id).in_scope(|| tracing::info!(status, %address, "operation rejected"));
}

/// Whether the gateway failed, not the client.
fn has_failed(errors: &[ServerError]) -> bool {
    let failures: [&str; 5] = [
        ErrorCode::InternalServerError.into(),
        ErrorCode::ServiceUnavailable.into(),
        ErrorCode::TimedOut.into(),
        ErrorCode::DataTampered.into(),
        ErrorCode::KeyMissing.into(),
    ];
    codes_of(errors).any(|code| failures.contains(&code))
}

/// The beginning of a text of a client, as much as is logged.
pub fn shorten(text: &str) -> &str {
    text.char_indices().nth(TEXT_MAX_CHARS).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten(&"a".repeat(256)), "a".repeat(256));
        assert_eq!(shorten(&"\u{e9}".repeat(300)), "\u{e9}".repeat(256));
    }
}
