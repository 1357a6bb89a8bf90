//! Variables: how large, and what stands in for those that were left out.

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Pos, Request, ServerError, Value};
use async_graphql_value::Value as Argument;

use crate::config::OperationLimits;
use crate::engine::limits::{LimitExceeded, exceeded};

/// Refuses variables that are too large.
///
/// # Errors
/// QUERY_TOO_COMPLEX.
pub fn check_size(request: &Request, limits: &OperationLimits) -> Result<(), ServerError> {
    let most = limits.variables_bytes;
    let bytes = serde_json::to_vec(&request.variables).map_or(usize::MAX, |json| json.len());
    if bytes > most {
        let message = format!("The variables may have at most {most} bytes as JSON; they have {bytes}.");
        return Err(exceeded(LimitExceeded::VariablesBytes, most, message, None));
    }
    for (name, value) in request.variables.iter() {
        if let Some(length) = longest(value).filter(|length| *length > limits.list_length) {
            return Err(too_long(&format!("the variable ${name}"), length, limits, None));
        }
    }
    Ok(())
}

/// Refuses a document with a list that is too long.
///
/// # Errors
/// QUERY_TOO_COMPLEX.
pub fn check_lists(document: &ExecutableDocument, limits: &OperationLimits) -> Result<(), ServerError> {
    for (_, operation) in document.operations.iter() {
        for variable in &operation.node.variable_definitions {
            let default = variable.node.default_value.as_ref();
            let length = default.and_then(|default| longest(&default.node));
            if let Some(length) = length.filter(|length| *length > limits.list_length) {
                let name = &variable.node.name.node;
                return Err(too_long(&format!("the variable ${name}"), length, limits, Some(variable.pos)));
            }
        }
        lists_of(&operation.node.selection_set.node, limits)?;
    }
    document.fragments.values().try_for_each(|fragment| lists_of(&fragment.node.selection_set.node, limits))
}

fn lists_of(set: &SelectionSet, limits: &OperationLimits) -> Result<(), ServerError> {
    set.items.iter().try_for_each(|selection| match &selection.node {
        Selection::Field(field) => {
            for (name, value) in &field.node.arguments {
                if let Some(length) =
                    longest_argument(&value.node).filter(|length| *length > limits.list_length)
                {
                    return Err(too_long(
                        &format!("the argument `{}`", name.node),
                        length,
                        limits,
                        Some(value.pos),
                    ));
                }
            }
            lists_of(&field.node.selection_set.node, limits)
        }
        Selection::InlineFragment(fragment) => lists_of(&fragment.node.selection_set.node, limits),
        Selection::FragmentSpread(_) => Ok(()),
    })
}

/// The length of the longest list in it.
fn longest(value: &Value) -> Option<usize> {
    match value {
        Value::List(list) => list.iter().filter_map(longest).chain([list.len()]).max(),
        Value::Object(fields) => fields.values().filter_map(longest).max(),
        _ => None,
    }
}

fn longest_argument(value: &Argument) -> Option<usize> {
    match value {
        Argument::List(list) => list.iter().filter_map(longest_argument).chain([list.len()]).max(),
        Argument::Object(fields) => fields.values().filter_map(longest_argument).max(),
        _ => None,
    }
}

fn too_long(what: &str, length: usize, limits: &OperationLimits, at: Option<Pos>) -> ServerError {
    let most = limits.list_length;
    let message = format!("A list may have at most {most} entries; one in {what} has {length}.");
    exceeded(LimitExceeded::ListLength, most, message, at)
}
