//! Merges the selections of a subscription's root field.
//!
//! The specification allows the root field in a fragment, and several selections of it with one response
//! name. The library would start a stream for each of them.

use std::collections::HashMap;

use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, OperationDefinition,
    OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value};

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Merges the selections of the root field in each subscription of a valid document. If directives exclude
/// all of them, the operation then selects nothing.
pub fn merge(document: &mut ExecutableDocument) {
    let ExecutableDocument { operations, fragments } = document;
    let operations = match operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        if operation.node.ty == OperationType::Subscription {
            merge_operation(&mut operation.node, fragments);
        }
    }
}

fn merge_operation(operation: &mut OperationDefinition, fragments: &Fragments) {
    let selections = std::mem::take(&mut operation.selection_set.node.items);
    let mut merged: Option<Positioned<Field>> = None;
    merge_selections(&SelectionSet { items: selections }, fragments, &mut merged);
    let merged = merged.map(|field| {
        let pos = field.pos;
        Positioned::new(Selection::Field(field), pos)
    });
    operation.selection_set.node.items = merged.into_iter().collect();
}

fn merge_selections(set: &SelectionSet, fragments: &Fragments, merged: &mut Option<Positioned<Field>>) {
    for selection in &set.items {
        if is_excluded(selection.node.directives()) {
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
                merge_selections(&fragment.node.selection_set.node, fragments, merged);
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    merge_selections(&fragment.node.selection_set.node, fragments, merged);
                }
            }
        }
    }
}

/// Whether `@skip` or `@include` excludes the selection. Validation rejects variables here.
fn is_excluded(directives: &[Positioned<Directive>]) -> bool {
    directives.iter().any(|directive| {
        let excluding = match directive.node.name.node.as_str() {
            "skip" => true,
            "include" => false,
            _ => return false,
        };
        let condition = directive.node.get_argument("if");
        condition
            .is_some_and(|condition| condition.node.clone().into_const() == Some(Value::Boolean(excluding)))
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    /// The names of the fields in the merged root field; `None` if there is no root field.
    fn merged(document: &str) -> Option<Vec<String>> {
        let mut document = parse_query(document).unwrap();
        merge(&mut document);
        let DocumentOperations::Single(operation) = &document.operations else { panic!("one operation") };
        let items = &operation.node.selection_set.node.items;
        assert!(items.len() < 2);
        let Selection::Field(field) = &items.first()?.node else { panic!("a field") };
        let names = field.node.selection_set.node.items.iter().map(|selection| match &selection.node {
            Selection::Field(field) => field.node.name.node.to_string(),
            _ => "...".to_owned(),
        });
        Some(names.collect())
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_root_field_in_fragments_is_merged_with_the_others() {
        let document = "subscription { ...F a { c } ... on S { a { d } } } fragment F on S { a { b } }";
        assert_eq!(merged(document), Some(names(&["b", "c", "d"])));
    }

    #[test]
    fn a_selection_that_directives_exclude_is_left_out() {
        let document = "subscription { a @skip(if: true) { b } ... @include(if: true) { a { c } } }";
        assert_eq!(merged(document), Some(names(&["c"])));
        assert_eq!(merged("subscription { a @include(if: false) { b } }"), None);
    }

    #[test]
    fn queries_keep_their_selections() {
        let mut document = parse_query("query A { a a { b } } subscription B { a { b } a { c } }").unwrap();
        merge(&mut document);
        let DocumentOperations::Multiple(operations) = &document.operations else { panic!("two operations") };
        assert_eq!(operations["A"].node.selection_set.node.items.len(), 2);
        assert_eq!(operations["B"].node.selection_set.node.items.len(), 1);
    }
}
