//! A validated operation.

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, ServerError, Value, Variables};

use crate::engine::cache_key::CacheKey;
use crate::engine::cache_policy::CachePolicy;

/// An operation that [`RequestValidator`](crate::engine::request_validator::RequestValidator) accepted.
pub struct ValidatedOperation {
    /// The request with its parsed document and its coerced variables.
    pub request: Request,
    pub kind: OperationType,
    /// The name of the operation in the document.
    pub name: Option<String>,
    /// The names of the root fields, one for each time that a field is selected.
    pub root_fields: Vec<String>,
    /// The cost that is charged before the execution: an upper bound of the actual cost.
    pub cost: u64,
    /// The part of the cost that does not depend on the objects in the response.
    pub base_cost: u64,
    /// How long the response to an anonymous request can be cached.
    pub cache_policy: CachePolicy,
    /// The key of the response in the response cache, if the response is to be cached.
    pub cache_key: Option<CacheKey>,
    /// The `Idempotency-Key`: a mutation with a key runs once, however often it is sent.
    pub idempotency_key: Option<String>,
    /// What the client sent, for mutations, which a client may retry; `None` for other operations.
    pub sent: Option<SentRequest>,
}

impl ValidatedOperation {
    /// Whether the client asked for the cost, by `extensions.cost`.
    pub fn wants_cost(&self) -> bool {
        self.request.extensions.get("cost") == Some(&Value::Boolean(true))
    }
}

/// A request that must not be executed.
#[derive(Debug)]
pub struct InvalidRequest {
    pub errors: Vec<ServerError>,
    /// The kind of the operation, if the document was parsed but is not valid for the schema.
    pub kind: Option<OperationType>,
}

impl From<ServerError> for InvalidRequest {
    fn from(error: ServerError) -> Self {
        Self { errors: vec![error], kind: None }
    }
}

/// The parts of a request that its validation changes, as the client sent them.
#[derive(Debug)]
pub struct SentRequest {
    pub operation_name: Option<String>,
    pub variables: Variables,
}
