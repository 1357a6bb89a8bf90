//! What is looked at before the library validates and executes a document: its size once fragments are spread
//! out, its variables, and the shape of a subscription.
//!
//! The library walks a fragment again wherever it is spread: twenty fragments that each spread the next one twice
//! are a million walks. Here each is looked at once.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Request, ServerError};

use super::error::{Error, ErrorCode};

/// The most bytes of a subscription's document, and of its variables: both are kept for as long as it goes on.
const KEPT_MAX_BYTES: usize = 64 * 1024;

/// The most fields and fragments of an operation, each counted as often as it is spread.
const SELECTIONS_MAX: usize = 5_000;

/// Refuses what is too large or not whole, and fills in the defaults of variables that were left out; the kind of
/// operation.
///
/// # Errors
/// GRAPHQL_PARSE_FAILED, QUERY_TOO_COMPLEX, BAD_USER_INPUT, GRAPHQL_VALIDATION_FAILED.
pub(super) fn check(request: &mut Request) -> Result<OperationType, ServerError> {
    let asked = request.operation_name.clone();
    let given: HashSet<String> = request.variables.keys().map(ToString::to_string).collect();
    let document = request.parsed_query().map_err(|error| unreadable(&error))?;
    let selections = selections_of(document);
    if selections > SELECTIONS_MAX {
        let message = format!(
            "An operation may have at most {SELECTIONS_MAX} fields, those of fragments counted at each use."
        );
        return Err(refused(ErrorCode::QueryTooComplex, message, None));
    }
    let Some((_, operation)) = chosen(document, asked.as_deref()) else {
        let message = match &asked {
            Some(name) => format!("The document has no operation named {name:?}."),
            None => "The document has several operations: say which by operationName.".to_owned(),
        };
        return Err(refused(ErrorCode::BadUserInput, message, None));
    };
    let kind = operation.ty;
    if kind == OperationType::Subscription {
        check_subscription(operation)?;
    }
    let mut defaults = Vec::new();
    for variable in &operation.variable_definitions {
        let definition = &variable.node;
        let name = &definition.name.node;
        match &definition.default_value {
            Some(default) => defaults.push((name.clone(), default.node.clone())),
            None if definition.var_type.node.nullable || given.contains(name.as_str()) => {}
            None => {
                let message =
                    format!("The variable ${name} of type {} is missing.", definition.var_type.node);
                return Err(refused(ErrorCode::BadUserInput, message, Some(variable.pos)));
            }
        }
    }
    for (name, default) in defaults {
        request.variables.entry(name).or_insert(default);
    }
    Ok(kind)
}

/// Refuses a subscription where one answer is all that can be given.
///
/// # Errors
/// BAD_USER_INPUT.
pub(super) fn check_single(request: &mut Request) -> Result<(), ServerError> {
    if check(request)? == OperationType::Subscription {
        let message = "A subscription takes a WebSocket, or a stream: Accept: text/event-stream.";
        return Err(refused(ErrorCode::BadUserInput, message, None));
    }
    Ok(())
}

/// Refuses a subscription that would take much to keep.
///
/// # Errors
/// QUERY_TOO_COMPLEX.
pub(super) fn check_kept(request: &Request) -> Result<(), ServerError> {
    let variables = serde_json::to_string(&request.variables).map_or(usize::MAX, |json| json.len());
    if request.query.len() <= KEPT_MAX_BYTES && variables <= KEPT_MAX_BYTES {
        return Ok(());
    }
    let message = format!(
        "A subscription's document may have at most {KEPT_MAX_BYTES} bytes, and so may its variables as JSON."
    );
    Err(refused(ErrorCode::QueryTooComplex, message, None))
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
pub fn chosen<'a>(
    document: &'a ExecutableDocument,
    asked: Option<&str>,
) -> Option<(Option<&'a Name>, &'a OperationDefinition)> {
    match (&document.operations, asked) {
        // It has no name; what the client calls it counts for nothing.
        (DocumentOperations::Single(operation), _) => Some((None, &operation.node)),
        (DocumentOperations::Multiple(operations), Some(name)) => {
            operations.get_key_value(name).map(|(name, operation)| (Some(name), &operation.node))
        }
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.iter().next().map(|(name, operation)| (Some(name), &operation.node))
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}

/// How many selections the largest operation has, with every fragment counted wherever it is spread.
fn selections_of(document: &ExecutableDocument) -> usize {
    let mut known = HashMap::new();
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    operations.map(|set| count(set, document, &mut known)).max().unwrap_or_default()
}

/// Counts a set; of each fragment once, also of one that spreads itself, which validation refuses.
fn count<'a>(
    set: &'a SelectionSet,
    document: &'a ExecutableDocument,
    known: &mut HashMap<&'a Name, usize>,
) -> usize {
    set.items.iter().fold(0, |sum: usize, selection| {
        let inner = match &selection.node {
            Selection::Field(field) => count(&field.node.selection_set.node, document, known),
            Selection::InlineFragment(fragment) => count(&fragment.node.selection_set.node, document, known),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                match (known.get(name), document.fragments.get(name)) {
                    (Some(counted), _) => *counted,
                    (None, None) => 0,
                    (None, Some(fragment)) => {
                        known.insert(name, 0);
                        let counted = count(&fragment.node.selection_set.node, document, known);
                        known.insert(name, counted);
                        counted
                    }
                }
            }
        };
        sum.saturating_add(1).saturating_add(inner)
    })
}

/// The library repeats the document, and speaks of its grammar's rules: what is told is where it went wrong.
fn unreadable(error: &ServerError) -> ServerError {
    let at = error.locations.first().copied();
    let message = match at {
        Some(at) => format!("The document is not GraphQL at line {}, column {}.", at.line, at.column),
        None => "The document is not GraphQL.".to_owned(),
    };
    refused(ErrorCode::GraphqlParseFailed, message, at)
}

fn refused(code: ErrorCode, message: impl Into<String>, at: Option<Pos>) -> ServerError {
    let error = Error::new(code, message);
    let mut shown = ServerError::new(error.message(), at);
    shown.extensions = Some(error.extensions());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(query: &str) -> Option<String> {
        let error = check(&mut Request::new(query)).err()?;
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code")).cloned();
        code.map(|code| code.to_string())
    }

    #[test]
    fn fragments_are_counted_where_they_are_spread_and_looked_at_once() {
        let fragments = |levels: usize| {
            let mut query = "query { ...F0 }".to_owned();
            for level in 0..levels {
                let next = level + 1;
                query = format!("{query} fragment F{level} on Query {{ ...F{next} ...F{next} }}");
            }
            format!("{query} fragment F{levels} on Query {{ __typename }}")
        };
        assert_eq!(code(&fragments(8)), None);
        assert_eq!(code(&fragments(1000)).as_deref(), Some("\"QUERY_TOO_COMPLEX\""));
        assert_eq!(code("{ ...A } fragment A on Query { ...A ...B } fragment B on Query { ...A }"), None);
        assert_eq!(
            code(&format!("{{ {} }}", "__typename ".repeat(5_001))).as_deref(),
            Some("\"QUERY_TOO_COMPLEX\"")
        );
        assert_eq!(code(&format!("{{ {} }}", "__typename ".repeat(5_000))), None);
    }

    #[test]
    fn a_variable_that_is_left_out_has_its_default_or_is_told() {
        let mut request = Request::new("query($a: Int! = 3, $b: Int) { __typename }");
        check(&mut request).unwrap();
        assert_eq!(request.variables.get(&Name::new("a")), Some(&3.into()));
        assert_eq!(request.variables.get(&Name::new("b")), None);
        assert_eq!(code("query($a: Int!) { __typename }").as_deref(), Some("\"BAD_USER_INPUT\""));
    }

    #[test]
    fn a_subscription_has_one_field() {
        assert_eq!(code("subscription { a: gigPublished { gigId } }"), None);
        for bad in [
            "subscription { a: gigPublished { gigId } b: gigPublished { gigId } }",
            "subscription { ...F } fragment F on Subscription { gigPublished { gigId } }",
        ] {
            assert_eq!(code(bad).as_deref(), Some("\"GRAPHQL_VALIDATION_FAILED\""), "{bad}");
        }
    }
}
