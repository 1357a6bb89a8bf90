//! Limits of one operation: the size of its document and variables, its shape, and its cost.
//!
//! To add a limit:
//!
//! 1. add its setting to `config/operation_limits.rs`;
//! 2. add a variant to [`LimitExceeded`]; its name is public in `extensions.limit`;
//! 3. write the check in the file here with the same subject: `tokens` for the text of a document, `shape`
//!    for its syntax tree, `variables` for lists and variables, `cost` for what a field costs;
//! 4. call the check in [`request_validator`](crate::engine::request_validator), the cheapest checks first;
//! 5. add a row to docs/API-DESIGN.md, and a case to `tests.rs`, which fails for a variant without a case.

pub mod cost;
pub mod duplicates;
pub mod list_lengths;
pub mod schema_index;
pub mod shape;
pub mod tokens;
pub mod variables;

use async_graphql::{Pos, ServerError, Value};

use crate::graphql::error::{Error, ErrorCode};

/// Which limit an operation exceeds: `extensions.limit` of the error.
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
    /// Known only after the execution.
    ResponseBytes,
}

/// The error for an operation that exceeds `limit`, which allows `max`.
pub fn limit_error(
    limit: LimitExceeded,
    max: usize,
    message: impl Into<String>,
    pos: Option<Pos>,
) -> ServerError {
    let mut error = request_error(ErrorCode::QueryTooComplex, message, pos);
    let extensions = error.extensions.get_or_insert_default();
    let limit: &str = limit.into();
    extensions.set("limit", limit);
    extensions.set("allowed", Value::from(max));
    error
}

/// The error for a request that is rejected before its execution.
pub fn request_error(code: ErrorCode, message: impl Into<String>, pos: Option<Pos>) -> ServerError {
    let error = Error::new(code, message);
    let mut server_error = ServerError::new(error.message(), pos);
    server_error.extensions = Some(error.extensions());
    server_error
}

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod tests;
