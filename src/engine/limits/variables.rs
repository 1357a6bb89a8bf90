//! Limits of variables and of lists.

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Pos, Request, ServerError, Value};
use async_graphql_value::Value as Argument;

use crate::config::OperationLimits;
use crate::engine::limits::{LimitExceeded, limit_error};

/// Checks the size of the variables, and the length of their lists.
///
/// # Errors
/// QUERY_TOO_COMPLEX if one is too large.
pub fn check_size(request: &Request, limits: &OperationLimits) -> Result<(), ServerError> {
    let max = limits.variables_bytes;
    let bytes = serde_json::to_vec(&request.variables).map_or(usize::MAX, |json| json.len());
    if bytes > max {
        let message = format!("The variables may have at most {max} bytes as JSON; they have {bytes}.");
        return Err(limit_error(LimitExceeded::VariablesBytes, max, message, None));
    }
    for (name, value) in request.variables.iter() {
        if let Some(length) = longest_list(value).filter(|length| *length > limits.list_length) {
            return Err(list_too_long(&format!("the variable ${name}"), length, limits, None));
        }
    }
    Ok(())
}

/// Checks the length of the lists in a document.
///
/// # Errors
/// QUERY_TOO_COMPLEX if one is too long.
pub fn check_lists(document: &ExecutableDocument, limits: &OperationLimits) -> Result<(), ServerError> {
    for (_, operation) in document.operations.iter() {
        for variable in &operation.node.variable_definitions {
            let default = variable.node.default_value.as_ref();
            let length = default.and_then(|default| longest_list(&default.node));
            if let Some(length) = length.filter(|length| *length > limits.list_length) {
                let owner = format!("the variable ${}", variable.node.name.node);
                return Err(list_too_long(&owner, length, limits, Some(variable.pos)));
            }
        }
        check_selections(&operation.node.selection_set.node, limits)?;
    }
    let mut fragments = document.fragments.values();
    fragments.try_for_each(|fragment| check_selections(&fragment.node.selection_set.node, limits))
}

fn check_selections(set: &SelectionSet, limits: &OperationLimits) -> Result<(), ServerError> {
    set.items.iter().try_for_each(|selection| match &selection.node {
        Selection::Field(field) => {
            for (name, value) in &field.node.arguments {
                let length = longest_list_literal(&value.node).filter(|length| *length > limits.list_length);
                if let Some(length) = length {
                    let owner = format!("the argument `{}`", name.node);
                    return Err(list_too_long(&owner, length, limits, Some(value.pos)));
                }
            }
            check_selections(&field.node.selection_set.node, limits)
        }
        Selection::InlineFragment(fragment) => check_selections(&fragment.node.selection_set.node, limits),
        Selection::FragmentSpread(_) => Ok(()),
    })
}

/// The length of the longest list in a value; `None` without a list.
fn longest_list(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) => items.iter().filter_map(longest_list).chain([items.len()]).max(),
        Value::Object(fields) => fields.values().filter_map(longest_list).max(),
        _ => None,
    }
}

/// The length of the longest list in a literal, which can contain variables; `None` without a list.
fn longest_list_literal(value: &Argument) -> Option<usize> {
    match value {
        Argument::List(items) => items.iter().filter_map(longest_list_literal).chain([items.len()]).max(),
        Argument::Object(fields) => fields.values().filter_map(longest_list_literal).max(),
        _ => None,
    }
}

fn list_too_long(owner: &str, length: usize, limits: &OperationLimits, pos: Option<Pos>) -> ServerError {
    let max = limits.list_length;
    let message = format!("A list may have at most {max} items; one in {owner} has {length}.");
    limit_error(LimitExceeded::ListLength, max, message, pos)
}
