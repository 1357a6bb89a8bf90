//! Limits of one operation: how large its document and variables are, which shape it has, and what it costs.
//!
//! To add a limit: a field in `config/operation_limits.rs`, a variant of [`LimitExceeded`], the check in the file here that
//! looks at such things, its call in [`request_validator`](crate::engine::request_validator), and a row in
//! docs/API-DESIGN.md. The test `every_limit_is_enforced` fails for a variant without a case.

pub mod cost;
pub mod duplicates;
pub mod schema_index;
pub mod shape;
pub mod tokens;
pub mod variables;

use async_graphql::{Pos, ServerError, Value};

use crate::graphql::error::{Error, ErrorCode};

/// `extensions.limit` of what asks for too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "camelCase")]
pub enum LimitExceeded {
    DocumentBytes,
    VariablesBytes,
    Tokens,
    Depth,
    Selections,
    Aliases,
    Directives,
    RootFields,
    ListLength,
    IntrospectionLists,
    Cost,
}

/// What is told where one answer is all that can be given.
pub fn no_single_answer() -> Error {
    let message = "A subscription takes a WebSocket, or a stream: Accept: text/event-stream.";
    Error::bad_input(message)
}

/// The refusal of what asks for more than `allowed`.
pub fn exceeded(
    limit: LimitExceeded,
    allowed: usize,
    message: impl Into<String>,
    at: Option<Pos>,
) -> ServerError {
    let mut shown = refused(ErrorCode::QueryTooComplex, message, at);
    let extensions = shown.extensions.get_or_insert_default();
    let limit: &str = limit.into();
    extensions.set("limit", limit);
    extensions.set("allowed", Value::from(allowed));
    shown
}

pub fn refused(code: ErrorCode, message: impl Into<String>, at: Option<Pos>) -> ServerError {
    let error = Error::new(code, message);
    let mut shown = ServerError::new(error.message(), at);
    shown.extensions = Some(error.extensions());
    shown
}

#[cfg(test)]
mod tests;
