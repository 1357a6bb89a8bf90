//! What is looked at before the library validates and executes a document, so that what must not run costs nearly
//! nothing: its size, its shape, its variables, and what it would cost.
//!
//! To add a limit: a field in `config/operation_limits.rs`, a value of [`LimitExceeded`], the check in the file here that
//! looks at such things, and a row in docs/API-DESIGN.md.

mod cost;
mod duplicates;
mod schema_index;
mod shape;
mod tokens;
mod variables;

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::parser::{Error as ParseError, parse_query};
use async_graphql::{Name, Pos, Positioned, Request, ServerError, Value};

use crate::config::OperationLimits;
use crate::engine::cache_key::CacheKey;
use crate::engine::cache_policy::CachePolicy;
use crate::engine::idempotency::IDEMPOTENCY_KEY;
use crate::engine::limits::cost::CostKind;
use crate::engine::limits::schema_index::SchemaIndex;
use crate::graphql::error::{Error, ErrorCode};

/// An operation that may be executed, as far as can be told before.
pub struct ValidatedOperation {
    pub request: Request,
    pub kind: OperationType,
    /// As the document has it.
    pub name: Option<String>,
    /// The fields of the operation itself, as often as it has them.
    pub root_fields: Vec<String>,
    /// The points that it may cost.
    pub cost: u64,
    /// The points that it costs besides the objects of its answer.
    pub base_cost: u64,
    /// Whether an answer to a stranger may be kept.
    pub cache: CachePolicy,
    /// Under what the answer is kept, where it is.
    pub key: Option<CacheKey>,
    /// Names this attempt to change something, so that it happens once however often it is sent.
    pub idempotency_key: Option<String>,
}

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

/// Lets operations in.
pub struct LimitChecker {
    limits: OperationLimits,
    schema_index: SchemaIndex,
    /// Whether the schema shows itself.
    introspection: bool,
}

impl LimitChecker {
    /// The guard of the schema of which this is the definition.
    pub fn new(limits: OperationLimits, introspection: bool, sdl: &str) -> Self {
        Self { limits, schema_index: SchemaIndex::of(sdl), introspection }
    }

    pub fn limits(&self) -> &OperationLimits {
        &self.limits
    }

    /// Looks at a request whose document is there, and fills in the defaults of variables that were left out.
    ///
    /// # Errors
    /// GRAPHQL_PARSE_FAILED, QUERY_TOO_COMPLEX, BAD_USER_INPUT, GRAPHQL_VALIDATION_FAILED.
    pub fn admit(&self, mut request: Request) -> Result<ValidatedOperation, ServerError> {
        let limits = &self.limits;
        let (bytes, most) = (request.query.len(), limits.document_bytes);
        if bytes > most {
            let message = format!("The document may have at most {most} bytes; it has {bytes}.");
            return Err(exceeded(LimitExceeded::DocumentBytes, most, message, None));
        }
        variables::check_size(&request, limits)?;
        tokens::check(&request.query, limits.tokens)?;

        let asked = request.operation_name.clone();
        let given: HashSet<String> = request.variables.keys().map(ToString::to_string).collect();
        let mut document = parse_query(&request.query).map_err(|error| unreadable(&error))?;
        shape::check(&document, limits)?;
        variables::check_lists(&document, limits)?;
        variables::check_types(&document, &self.schema_index)?;
        let (name, operation) = selected_operation(&document, asked.as_deref())?;
        let (name, kind, pos) = (name.map(ToString::to_string), operation.node.ty, operation.pos);
        if kind == OperationType::Subscription {
            check_subscription(&operation.node)?;
        }
        let root_fields = shape::root_fields(&document, &operation.node, limits)?;
        if !self.introspection
            && let Some(field) = root_fields.iter().find(|name| cost::is_introspection(name))
        {
            let message = format!("The field `{field}` is not there: introspection is switched off.");
            return Err(refused(ErrorCode::GraphqlValidationFailed, message, Some(pos)));
        }
        for (name, default) in variables::defaults(operation, &given)? {
            request.variables.entry(name).or_insert(default);
        }

        let count = |counted| {
            cost::count(counted, &self.schema_index, &document, &operation.node, &request.variables)
        };
        let base_cost = cost::base(kind, &root_fields).saturating_add(count(CostKind::Work));
        let objects = count(CostKind::Objects);
        let cost = base_cost.saturating_add(objects);
        if cost > limits.cost {
            let most = limits.cost;
            let message = format!("An operation may cost at most {most} points; this one costs {cost}.");
            let allowed = usize::try_from(most).unwrap_or(usize::MAX);
            return Err(exceeded(LimitExceeded::Cost, allowed, message, Some(pos)));
        }
        duplicates::remove(&mut document);
        request.set_parsed_query(document);
        let cache = CachePolicy::of(kind, &root_fields);
        let key = request.extensions.get(IDEMPOTENCY_KEY);
        let idempotency_key = key.map(|key| match key {
            Value::String(key) => key.clone(),
            // No good key, and told so.
            _ => String::new(),
        });
        Ok(ValidatedOperation {
            request,
            kind,
            name,
            root_fields,
            cost,
            base_cost,
            cache,
            key: None,
            idempotency_key,
        })
    }
}

impl ValidatedOperation {
    /// Whether the client has asked what this costs.
    pub fn asks_for_cost(&self) -> bool {
        self.request.extensions.get("cost") == Some(&Value::Boolean(true))
    }
}

/// The operation that a request means.
///
/// # Errors
/// BAD_USER_INPUT.
fn selected_operation<'a>(
    document: &'a ExecutableDocument,
    asked: Option<&str>,
) -> Result<(Option<&'a Name>, &'a Positioned<OperationDefinition>), ServerError> {
    find_operation(document, asked).ok_or_else(|| {
        let message = match asked {
            Some(name) => format!("The document has no operation named {name:?}."),
            None => "The document has several operations: say which by operationName.".to_owned(),
        };
        refused(ErrorCode::BadUserInput, message, None)
    })
}

/// What is told where one answer is all that can be given.
pub fn no_single_answer() -> Error {
    let message = "A subscription takes a WebSocket, or a stream: Accept: text/event-stream.";
    Error::bad_input(message)
}

/// A subscription is about one thing, and its one field stands in the operation itself.
fn check_subscription(operation: &OperationDefinition) -> Result<(), ServerError> {
    let selections = &operation.selection_set.node.items;
    if let [selection] = selections.as_slice()
        && matches!(selection.node, Selection::Field(_))
    {
        return Ok(());
    }
    let message = "A subscription has one field, which stands in the operation itself and in no fragment.";
    Err(refused(ErrorCode::GraphqlValidationFailed, message, Some(operation.selection_set.pos)))
}

/// The operation that a request means, and its name in the document; `None` where there is no such, or no telling
/// which.
fn find_operation<'a>(
    document: &'a ExecutableDocument,
    asked: Option<&str>,
) -> Option<(Option<&'a Name>, &'a Positioned<OperationDefinition>)> {
    match (&document.operations, asked) {
        // It has no name; what the client calls it counts for nothing.
        (DocumentOperations::Single(operation), _) => Some((None, operation)),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get_key_value(name).map(|(name, operation)| (Some(name), operation))
        }
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.iter().next().map(|(name, operation)| (Some(name), operation))
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}

/// The library repeats the document, and speaks of its grammar's rules: what is told is where it went wrong.
fn unreadable(error: &ParseError) -> ServerError {
    let at = error.positions().next();
    let message = match at {
        Some(at) => format!("The document is not GraphQL at line {}, column {}.", at.line, at.column),
        None => "The document is not GraphQL.".to_owned(),
    };
    refused(ErrorCode::GraphqlParseFailed, message, at)
}

/// The refusal of what asks for more than `allowed`.
fn exceeded(
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

fn refused(code: ErrorCode, message: impl Into<String>, at: Option<Pos>) -> ServerError {
    let error = Error::new(code, message);
    let mut shown = ServerError::new(error.message(), at);
    shown.extensions = Some(error.extensions());
    shown
}

#[cfg(test)]
mod tests;
