//! Merges the selections of a subscription's root field.
//!
//! The specification allows the root field in a fragment, and several selections of it with one response
//! name. The library would start a stream for each of them.

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Positioned, Value, Variables};

/// Merges the selections of the root field into one. If directives exclude them all, the operation selects
/// nothing.
pub fn merge(document: &ExecutableDocument, operation: &mut OperationDefinition, variables: &Variables) {
    let mut merged: Option<Positioned<Field>> = None;
    let selections = operation.selection_set.node.clone();
    merge_selections(&selections, document, variables, &mut merged);
    let merged = merged.map(|field| {
        let pos = field.pos;
        Positioned::new(Selection::Field(field), pos)
    });
    operation.selection_set.node.items = merged.into_iter().collect();
}

fn merge_selections(
    set: &SelectionSet,
    document: &ExecutableDocument,
    variables: &Variables,
    merged: &mut Option<Positioned<Field>>,
) {
    for selection in &set.items {
        if is_excluded(selection.node.directives(), variables) {
            continue;
        }
        match &selection.node {
            Selection::Field(field) => match merged {
                Some(merged) => {
                    let items = field.node.selection_set.node.items.iter().cloned();
                    merged.node.selection_set.node.items.extend(items);
                }
                None => *merged = Some(field.clone()),
            },
            Selection::InlineFragment(fragment) => {
                merge_selections(&fragment.node.selection_set.node, document, variables, merged);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    merge_selections(&fragment.node.selection_set.node, document, variables, merged);
                }
            }
        }
    }
}

/// Whether `@skip` or `@include` excludes the selection.
fn is_excluded(directives: &[Positioned<Directive>], variables: &Variables) -> bool {
    directives.iter().any(|directive| {
        let excluding = match directive.node.name.node.as_str() {
            "skip" => true,
            "include" => false,
            _ => return false,
        };
        let condition = directive.node.get_argument("if").map(|condition| condition.node.clone());
        let condition = condition.and_then(|condition| {
            condition.into_const_with(|name| variables.get(&name).cloned().ok_or(())).ok()
        });
        condition == Some(Value::Boolean(excluding))
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::parser::types::DocumentOperations;
    use serde_json::json;

    use super::*;

    /// The names of the fields in the merged root field; `None` if there is no root field.
    fn merged(document: &str, variables: serde_json::Value) -> Option<Vec<String>> {
        let document = parse_query(document).unwrap();
        let DocumentOperations::Single(operation) = &document.operations else { panic!("one operation") };
        let mut operation = operation.node.clone();
        merge(&document, &mut operation, &Variables::from_json(variables));
        assert!(operation.selection_set.node.items.len() < 2);
        let Selection::Field(field) = &operation.selection_set.node.items.first()?.node else {
            panic!("a field")
        };
        let names = field.node.selection_set.node.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => field.node.name.node.to_string(),
            _ => "...".to_owned(),
        });
        Some(names.collect())
    }

    fn names(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn selections_of_the_root_field_are_merged_across_fragments() {
        let document = "subscription { ...F a { c } ... on S { a { d } } } fragment F on S { a { b } }";
        assert_eq!(merged(document, json!({})), names(&["b", "c", "d"]));
    }

    #[test]
    fn a_selection_that_a_directive_excludes_is_dropped() {
        let document =
            "subscription($x: Boolean!) { a @skip(if: $x) { b } ... @include(if: $x) { a { c } } }";
        assert_eq!(merged(document, json!({ "x": true })), names(&["c"]));
        assert_eq!(merged(document, json!({ "x": false })), names(&["b"]));
        assert_eq!(merged("subscription { a @include(if: false) { b } }", json!({})), None);
    }
}
