//! One operation of a request that may be executed.

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Value};

use crate::engine::cache_key::CacheKey;
use crate::engine::cache_policy::CachePolicy;

/// An operation that passed every check which needs no execution.
pub struct ValidatedOperation {
    /// The request with its parsed document and its coerced variables.
    pub request: Request,
    pub kind: OperationType,
    /// The name of the operation in its document.
    pub name: Option<String>,
    /// The names of the root fields, one for each time that a field is selected.
    pub root_fields: Vec<String>,
    /// The cost that is charged before the execution: an upper bound.
    pub cost: u64,
    /// The part of the cost that does not depend on the objects in the response.
    pub base_cost: u64,
    /// Whether the response to an anonymous request may be cached.
    pub cache: CachePolicy,
    /// The key of the cached response, if the response is cacheable.
    pub key: Option<CacheKey>,
    /// The `Idempotency-Key`: a mutation with a key runs once, however often it is sent.
    pub idempotency_key: Option<String>,
}

impl ValidatedOperation {
    /// Whether the client asked for the cost, by `extensions.cost`.
    pub fn wants_cost(&self) -> bool {
        self.request.extensions.get("cost") == Some(&Value::Boolean(true))
    }
}
