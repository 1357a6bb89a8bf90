//! Decides whether a request may be executed, before anything is executed.
//!
//! A request passes, in this order: the size of its document and its variables ([`limits`]), its tokens, the parser, the
//! shape of the document, section 5 of the specification ([`validation`]), the choice of its operation, the coercion of
//! its variables, and the cost. What depends on the document alone is done once for each distinct document
//! ([`DocumentCache`]). Cheap checks come first, so that a request which is refused costs next to nothing.

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
use crate::engine::limits::schema_index::SchemaIndex;
use crate::engine::limits::{LimitExceeded, duplicates, exceeded, refused, shape, tokens, variables};
use crate::engine::operation::ValidatedOperation;
use crate::engine::subscription_root;
use crate::engine::validation::{ErrorKind, ValidationError, Validator, normalize};
use crate::graphql::error::ErrorCode;

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
    /// A validator for the schema with this definition.
    pub fn new(limits: OperationLimits, introspection: bool, sdl: &str) -> Self {
        Self {
            limits,
            schema_index: SchemaIndex::of(sdl),
            validator: Validator::new(sdl, introspection),
            documents: DocumentCache::default(),
            introspection,
        }
    }

    pub fn limits(&self) -> &OperationLimits {
        &self.limits
    }

    /// Checks a request whose document is known, and coerces its variables.
    ///
    /// # Errors
    /// GRAPHQL_PARSE_FAILED, QUERY_TOO_COMPLEX, BAD_USER_INPUT, GRAPHQL_VALIDATION_FAILED.
    pub fn validate(&self, mut request: Request) -> Result<ValidatedOperation, Vec<ServerError>> {
        let limits = &self.limits;
        let (bytes, most) = (request.query.len(), limits.document_bytes);
        if bytes > most {
            let message = format!("The document may have at most {most} bytes; it has {bytes}.");
            return Err(vec![exceeded(LimitExceeded::DocumentBytes, most, message, None)]);
        }
        variables::check_size(&request, limits).map_err(one)?;
        let prepared =
            self.documents.get_or_prepare(&request.query, || self.prepare_document(&request.query))?;

        let (name, operation) =
            selected_operation(&prepared.document, request.operation_name.as_deref()).map_err(one)?;
        let (name, kind, pos) = (name.map(ToString::to_string), operation.node.ty, operation.pos);
        let root_fields = match prepared.root_fields.get(name.as_deref().unwrap_or_default()) {
            Some(root_fields) => root_fields.clone().map_err(one)?,
            None => Vec::new(),
        };
        if !self.introspection
            && let Some(field) = root_fields.iter().find(|name| cost::is_introspection(name))
        {
            let message = format!("The field `{field}` is not available: introspection is switched off.");
            return Err(one(refused(ErrorCode::GraphqlValidationFailed, message, Some(pos))));
        }
        self.coerce_variables(&prepared, name.as_deref(), &mut request).map_err(one)?;

        let mut document = prepared.document.clone();
        if kind == OperationType::Subscription {
            merge_root_field(&prepared.document, &mut document, name.as_deref(), &request.variables);
        }
        let (_, operation) = selected_operation(&document, name.as_deref()).map_err(one)?;
        let count = |counted| {
            cost::count(counted, &self.schema_index, &document, &operation.node, &request.variables)
        };
        let base_cost = cost::base(kind, &root_fields).saturating_add(count(CostKind::Work));
        let cost = base_cost.saturating_add(count(CostKind::Objects));
        if cost > limits.cost {
            let most = limits.cost;
            let message = format!("An operation may cost at most {most}; this one costs {cost}.");
            let allowed = usize::try_from(most).unwrap_or(usize::MAX);
            return Err(one(exceeded(LimitExceeded::Cost, allowed, message, Some(pos))));
        }
        request.operation_name.clone_from(&name);
        request.set_parsed_query(document);
        let cache = CachePolicy::of(kind, &root_fields);
        let idempotency_key = request.extensions.get(IDEMPOTENCY_KEY_EXTENSION).map(|key| match key {
            Value::String(key) => key.clone(),
            // An empty key is refused as an invalid one.
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

    /// Parses and validates a document that is not cached.
    fn prepare_document(&self, text: &str) -> Result<PreparedDocument, Vec<ServerError>> {
        let limits = &self.limits;
        tokens::check(text, limits.tokens).map_err(one)?;
        let mut document = match parse_query(&*normalize(text)) {
            Ok(document) => document,
            // The validator says more precisely what is wrong.
            Err(error) => {
                let errors = self.validator.validate(text).err();
                return Err(errors.map_or_else(|| one(unreadable(&error)), shown));
            }
        };
        shape::check(&document, limits).map_err(one)?;
        variables::check_lists(&document, limits).map_err(one)?;
        let validated = self.validator.validate(text).map_err(shown)?;
        let root_fields = document.operations.iter().map(|(name, operation)| {
            let fields = shape::root_fields(&document, &operation.node, limits);
            (name.map(ToString::to_string).unwrap_or_default(), fields)
        });
        let root_fields = root_fields.collect();
        duplicates::remove(&mut document);
        Ok(PreparedDocument { document, validated, root_fields, text_bytes: text.len() })
    }

    fn coerce_variables(
        &self,
        prepared: &PreparedDocument,
        operation: Option<&str>,
        request: &mut Request,
    ) -> Result<(), ServerError> {
        let given = std::mem::take(&mut request.variables);
        if !prepared.validated.declares_variables(operation) {
            return Ok(());
        }
        let given = match serde_json::to_value(&given) {
            Ok(serde_json::Value::Object(given)) => given,
            _ => serde_json::Map::new(),
        };
        let coerced = prepared.validated.coerce_variables(operation, &given).map_err(shown_error)?;
        request.variables = Variables::from_json(serde_json::Value::Object(coerced));
        Ok(())
    }
}

/// Puts the merged root field into the subscription of this name.
fn merge_root_field(
    prepared: &ExecutableDocument,
    document: &mut ExecutableDocument,
    name: Option<&str>,
    variables: &Variables,
) {
    let operation = match (&mut document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get_mut(name),
        (DocumentOperations::Multiple(_), None) => None,
    };
    if let Some(operation) = operation {
        subscription_root::merge(prepared, &mut operation.node, variables);
    }
}

fn one(error: ServerError) -> Vec<ServerError> {
    vec![error]
}

/// The operation that a request selects.
///
/// # Errors
/// BAD_USER_INPUT.
fn selected_operation<'a>(
    document: &'a ExecutableDocument,
    wanted: Option<&str>,
) -> Result<(Option<&'a Name>, &'a Positioned<OperationDefinition>), ServerError> {
    find_operation(document, wanted).ok_or_else(|| {
        let message = match wanted {
            Some(name) => format!("The document has no operation named {name:?}."),
            None => "The document has several operations: choose one by `operationName`.".to_owned(),
        };
        refused(ErrorCode::BadUserInput, message, None)
    })
}

/// The operation that a request selects, and its name in the document; `None` if there is no such operation, or the
/// document has several and the request names none.
fn find_operation<'a>(
    document: &'a ExecutableDocument,
    wanted: Option<&str>,
) -> Option<(Option<&'a Name>, &'a Positioned<OperationDefinition>)> {
    match (&document.operations, wanted) {
        // The operation has no name; the request's name for it is ignored.
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

/// The library's text of a syntax error repeats the document; a client gets the position only.
fn unreadable(error: &ParseError) -> ServerError {
    let at = error.positions().next();
    let message = match at {
        Some(at) => format!("Syntax error in the document at line {}, column {}.", at.line, at.column),
        None => "Syntax error in the document.".to_owned(),
    };
    refused(ErrorCode::GraphqlParseFailed, message, at)
}

/// Validation errors as the client reads them.
fn shown(errors: Vec<ValidationError>) -> Vec<ServerError> {
    errors.into_iter().map(shown_error).collect()
}

fn shown_error(error: ValidationError) -> ServerError {
    let code = match error.kind {
        ErrorKind::Syntax => ErrorCode::GraphqlParseFailed,
        ErrorKind::Validation => ErrorCode::GraphqlValidationFailed,
        ErrorKind::Variable => ErrorCode::BadUserInput,
    };
    let mut shown = refused(code, error.message, None);
    shown.locations = error.locations.into_iter().map(|(line, column)| Pos { line, column }).collect();
    shown
}
