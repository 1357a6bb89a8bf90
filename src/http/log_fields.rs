//! What handlers tell the request log, in the extensions of a request or a response.

use async_graphql::parser::types::OperationType;

use crate::engine::operation::ValidatedOperation;

/// The most characters of an operation's name that are logged.
const OPERATION_NAME_MAX_CHARS: usize = 64;

/// The codes of the errors in an answer, for the log.
#[derive(Debug, Clone)]
pub struct ErrorCodes(pub Vec<String>);

/// What a request asked for, in words that are safe to log: never a variable.
#[derive(Debug, Clone)]
pub struct Operation {
    pub kind: OperationType,
    pub name: Option<String>,
}

impl Operation {
    pub fn of(operation: &ValidatedOperation) -> Self {
        Self::named(operation.kind, operation.name.as_deref())
    }

    pub fn named(kind: OperationType, name: Option<&str>) -> Self {
        let name = name.map(|name| name.chars().take(OPERATION_NAME_MAX_CHARS).collect());
        Self { kind, name }
    }
}
