//! Decides whether a request can be executed.
//!
//! The checks, cheapest first, so that a rejected request costs little:
//!
//! 1. the size of the document and of the variables ([`limits`](crate::engine::limits));
//! 2. the tokens, the syntax, the shape, the length of lists, and the rules of section 5 of the specification
//!    ([`validation`](crate::engine::validation)). These checks depend only on the document, and run once for
//!    each distinct document ([`DocumentCache`]);
//! 3. the choice of the operation, and its root fields;
//! 4. the values of the variables, which are coerced to their types;
//! 5. the cost.

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql::parser::{Error as ParseError, parse_query};
use async_graphql::{Name, Pos, Positioned, Request, ServerError, Value, Variables};

use crate::config::OperationLimits;
use crate::engine::cache_policy::CachePolicy;
use crate::engine::document_cache::{DocumentCache, PreparedDocument};
use crate::engine::idempotency::IDEMPOTENCY_KEY_EXTENSION;
use crate::engine::limits::cost::{self, CostKind};
use crate::engine::limits::list_lengths::ListLengths;
use crate::engine::limits::schema_index::SchemaIndex;
use crate::engine::limits::{
    LimitExceeded, duplicates, limit_error, request_error, shape, tokens, variables,
};
use crate::engine::operation::{InvalidRequest, SentRequest, ValidatedOperation};
use crate::engine::subscription_root;
use crate::engine::validation::{ErrorKind, ValidationError, Validator, normalize};
use crate::graphql::error::ErrorCode;
use crate::graphql::types::scalar;

/// Checks requests against the schema and the limits.
pub struct RequestValidator {
    limits: OperationLimits,
    schema_index: SchemaIndex,
    validator: Validator,
    documents: DocumentCache,
    /// Whether clients may query the schema itself.
    introspection: bool,
}

impl RequestValidator {
    /// `sdl` is the schema, in the schema definition language.
    pub fn new(limits: OperationLimits, introspection: bool, sdl: &str, list_lengths: &ListLengths) -> Self {
        Self {
            limits,
            schema_index: SchemaIndex::parse(sdl, list_lengths),
            validator: Validator::new(sdl, introspection).with_scalars(is_scalar_value),
            documents: DocumentCache::default(),
            introspection,
        }
    }

    pub fn limits(&self) -> &OperationLimits {
        &self.limits
    }

    /// Checks a request whose document is resolved, and coerces its variables.
    ///
    /// # Errors
    /// GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED, QUERY_TOO_COMPLEX or BAD_USER_INPUT.
    pub fn validate(&self, mut request: Request) -> Result<ValidatedOperation, InvalidRequest> {
        let limits = &self.limits;
        let (bytes, max) = (request.query.len(), limits.document_bytes);
        if bytes > max {
            let message = format!("The document may have at most {max} bytes; it has {bytes}.");
            return Err(limit_error(LimitExceeded::DocumentBytes, max, message, None).into());
        }
        variables::check_size(&request, limits)?;
        let prepared = self.documents.get_or_prepare(&request.query, || self.prepare_document(&request))?;

        let (name, operation) = selected_operation(&prepared.document, request.operation_name.as_deref())?;
        let (name, kind, pos) = (name.map(ToString::to_string), operation.node.ty, operation.pos);
        let root_fields = match prepared.root_fields.get(name.as_deref().unwrap_or_default()) {
            Some(root_fields) => root_fields.clone()?,
            None => Vec::new(),
        };
        if !self.introspection
            && let Some(field) = root_fields.iter().find(|name| cost::is_introspection(name))
        {
            let message = format!("The field `{field}` is not available: introspection is switched off.");
            return Err(request_error(ErrorCode::GraphqlValidationFailed, message, Some(pos)).into());
        }
        // A retry must be recognized by what the client sent, not by the coerced values.
        let sent = (kind == OperationType::Mutation).then(|| SentRequest {
            operation_name: request.operation_name.clone(),
            variables: request.variables.clone(),
        });
        coerce_variables(&prepared, name.as_deref(), &mut request)?;

        let document = selected_document(&prepared.document, name.as_deref());
        let (_, operation) = selected_operation(&document, name.as_deref())?;
        let fields_cost = |cost_kind| {
            cost::fields_cost(cost_kind, &self.schema_index, &document, &operation.node, &request.variables)
        };
        let base_cost = cost::root_cost(kind, &root_fields).saturating_add(fields_cost(CostKind::Work));
        let cost = base_cost.saturating_add(fields_cost(CostKind::Objects));
        if cost > limits.cost {
            let message = format!("An operation may cost at most {}; this one costs {cost}.", limits.cost);
            let max = usize::try_from(limits.cost).unwrap_or(usize::MAX);
            return Err(limit_error(LimitExceeded::Cost, max, message, Some(pos)).into());
        }
        request.operation_name.clone_from(&name);
        request.set_parsed_query(document);
        let cache_policy = CachePolicy::new(kind, &root_fields);
        let idempotency_key = request.extensions.get(IDEMPOTENCY_KEY_EXTENSION).map(|key| match key {
            Value::String(key) => key.clone(),
            // The key is not a string. It becomes the empty key, which is rejected later.
            _ => String::new(),
        });
        Ok(ValidatedOperation {
            request,
            kind,
            name,
            root_fields,
            cost,
            base_cost,
            cache_policy,
            cache_key: None,
            idempotency_key,
            sent,
        })
    }

    /// Parses and validates a document.
    fn prepare_document(&self, request: &Request) -> Result<PreparedDocument, InvalidRequest> {
        let (limits, text) = (&self.limits, request.query.as_str());
        tokens::check(text, limits.tokens)?;
        let mut document = parse_query(&*normalize(text)).map_err(|error| self.parse_error(text, &error))?;
        shape::check(&document, limits)?;
        variables::check_lists(&document, limits)?;
        let validated = self.validator.validate(text).map_err(|errors| {
            let operation = find_operation(&document, request.operation_name.as_deref());
            let kind = operation.map(|(_, operation)| operation.node.ty);
            InvalidRequest { errors: server_errors(errors), kind }
        })?;
        let root_fields = document.operations.iter().map(|(name, operation)| {
            let fields = shape::root_fields(&document, &operation.node, limits);
            (name.map(ToString::to_string).unwrap_or_default(), fields)
        });
        let root_fields = root_fields.collect();
        subscription_root::merge(&mut document);
        duplicates::remove(&mut document);
        Ok(PreparedDocument { document, validated, root_fields, text_bytes: text.len() })
    }

    /// The error of a document that the library cannot parse. The rules of the schema are not checked: since
    /// the shape of the document is unknown, that could take very long.
    fn parse_error(&self, text: &str, error: &ParseError) -> ServerError {
        let (message, position) = match error {
            ParseError::OperationDuplicated { operation, second, .. } => {
                (format!("There is more than one operation `{operation}`."), *second)
            }
            ParseError::FragmentDuplicated { fragment, second, .. } => {
                (format!("There is more than one fragment `{fragment}`."), *second)
            }
            ParseError::MultipleOperations { operation, .. } => {
                ("An operation without a name must be the only operation.".to_owned(), *operation)
            }
            // The message of the validator is more precise.
            _ => return self.validator.syntax_error(text).map_or_else(|| syntax_error(error), server_error),
        };
        request_error(ErrorCode::GraphqlValidationFailed, message, Some(position))
    }
}

/// Replaces the variables of the request by their coerced values. Values that the operation does not declare
/// are dropped.
fn coerce_variables(
    prepared: &PreparedDocument,
    operation_name: Option<&str>,
    request: &mut Request,
) -> Result<(), ServerError> {
    let variables = std::mem::take(&mut request.variables);
    if !prepared.validated.declares_variables(operation_name) {
        return Ok(());
    }
    let variables = match serde_json::to_value(&variables) {
        Ok(serde_json::Value::Object(variables)) => variables,
        _ => serde_json::Map::new(),
    };
    let coerced = prepared.validated.coerce_variables(operation_name, &variables).map_err(server_error)?;
    request.variables = Variables::from_json(serde_json::Value::Object(coerced));
    Ok(())
}

/// The document with only the selected operation, since the library visits every operation of a document.
fn selected_document(document: &ExecutableDocument, name: Option<&str>) -> ExecutableDocument {
    let operations = match (&document.operations, name) {
        (DocumentOperations::Multiple(operations), Some(name)) if operations.len() > 1 => {
            let selected = operations.get_key_value(name);
            let selected = selected.map(|(name, operation)| (name.clone(), operation.clone()));
            DocumentOperations::Multiple(selected.into_iter().collect())
        }
        (operations, _) => operations.clone(),
    };
    ExecutableDocument { operations, fragments: document.fragments.clone() }
}

/// The operation that a request selects, and its name in the document.
///
/// # Errors
/// BAD_USER_INPUT if the document has no such operation, or several and the request names none.
fn selected_operation<'a>(
    document: &'a ExecutableDocument,
    operation_name: Option<&str>,
) -> Result<(Option<&'a Name>, &'a Positioned<OperationDefinition>), ServerError> {
    find_operation(document, operation_name).ok_or_else(|| {
        let message = match operation_name {
            Some(name) => format!("The document has no operation named {name:?}."),
            None => "The document has several operations: select one with `operationName`.".to_owned(),
        };
        request_error(ErrorCode::BadUserInput, message, None)
    })
}

/// Like [`selected_operation`]; `None` if there is no such operation.
fn find_operation<'a>(
    document: &'a ExecutableDocument,
    operation_name: Option<&str>,
) -> Option<(Option<&'a Name>, &'a Positioned<OperationDefinition>)> {
    match (&document.operations, operation_name) {
        // An anonymous operation. A name in the request is ignored.
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

/// The error for a document that the library cannot parse. It does not contain the library's message, which
/// repeats parts of the document.
fn syntax_error(error: &ParseError) -> ServerError {
    let pos = error.positions().next();
    let message = match pos {
        Some(pos) => format!("Syntax error in the document at line {}, column {}.", pos.line, pos.column),
        None => "Syntax error in the document.".to_owned(),
    };
    request_error(ErrorCode::GraphqlParseFailed, message, pos)
}

fn server_errors(errors: Vec<ValidationError>) -> Vec<ServerError> {
    errors.into_iter().map(server_error).collect()
}

fn server_error(error: ValidationError) -> ServerError {
    let code = match error.kind {
        ErrorKind::Syntax => ErrorCode::GraphqlParseFailed,
        ErrorKind::Validation | ErrorKind::Variable => ErrorCode::GraphqlValidationFailed,
        ErrorKind::MissingVariable => ErrorCode::BadUserInput,
    };
    let mut server_error = request_error(code, error.message, None);
    let positions = error.locations.into_iter().map(|(line, column)| Pos { line, column });
    server_error.locations = positions.collect();
    server_error
}

/// Whether a value is valid for the custom scalar with this name.
fn is_scalar_value(scalar: &str, value: &serde_json::Value, in_mutation: bool) -> bool {
    Value::from_json(value.clone()).is_ok_and(|value| scalar::is_valid(scalar, &value, in_mutation))
}
