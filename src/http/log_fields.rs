//! What handlers pass to the request log, in the extensions of a response.

use async_graphql::parser::types::OperationType;

use crate::engine::operation::ValidatedOperation;

/// The maximum number of characters of an operation's name that are logged.
const OPERATION_NAME_MAX_CHARS: usize = 64;

/// The codes of the errors in a response.
#[derive(Debug, Clone)]
pub struct ErrorCodes(pub Vec<String>);

/// The kind and name of an operation. Variables are never logged.
#[derive(Debug, Clone)]
pub struct LoggedOperation {
    pub kind: OperationType,
    pub name: Option<String>,
}

impl LoggedOperation {
    pub fn new(kind: OperationType, name: Option<&str>) -> Self {
        let name = name.map(|name| name.chars().take(OPERATION_NAME_MAX_CHARS).collect());
        Self { kind, name }
    }
}

impl From<&ValidatedOperation> for LoggedOperation {
    fn from(operation: &ValidatedOperation) -> Self {
        Self::new(operation.kind, operation.name.as_deref())
    }
}
