//! Fields that are asked for several times in the same place, which the library would resolve as often.

use std::collections::HashSet;

use async_graphql::Name;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Field, Selection, SelectionSet};

/// Leaves one of each value that is asked for again and again; the answer is the same. Objects are left as they are:
/// each asks for parts of its own, and each is counted by its cost.
pub fn remove(document: &mut ExecutableDocument) {
    let operations = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        of_set(&mut operation.node.selection_set.node);
    }
    for fragment in document.fragments.values_mut() {
        of_set(&mut fragment.node.selection_set.node);
    }
}

fn of_set(set: &mut SelectionSet) {
    let mut known: HashSet<Name> = HashSet::new();
    set.items.retain_mut(|selection| match &mut selection.node {
        Selection::Field(field) if is_plain(&field.node) => known.insert(field.node.name.node.clone()),
        Selection::Field(field) => {
            of_set(&mut field.node.selection_set.node);
            true
        }
        Selection::InlineFragment(fragment) => {
            of_set(&mut fragment.node.selection_set.node);
            true
        }
        Selection::FragmentSpread(_) => true,
    });
}

/// Whether it is a name and nothing else.
fn is_plain(field: &Field) -> bool {
    field.alias.is_none()
        && field.arguments.is_empty()
        && field.directives.is_empty()
        && field.selection_set.node.items.is_empty()
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn a_value_is_left_once_and_what_differs_is_left() {
        let query = "{ a a b a { a a c } a a: a a @skip(if: true) a(x: 1) ... on Q { a a } ...F ...F }
            fragment F on Q { c c }";
        let mut document = parse_query(query).unwrap();
        remove(&mut document);
        let items = |set: &SelectionSet| set.items.len();
        let (_, operation) = document.operations.iter().next().unwrap();
        let set = &operation.node.selection_set.node;
        // a, b, the object, the alias, the directive, the argument, the inline fragment, and both spreads.
        assert_eq!(items(set), 9);
        let inner = set.items.iter().filter_map(|selection| match &selection.node {
            Selection::Field(field) => Some(items(&field.node.selection_set.node)),
            Selection::InlineFragment(fragment) => Some(items(&fragment.node.selection_set.node)),
            Selection::FragmentSpread(_) => None,
        });
        assert_eq!(inner.collect::<Vec<_>>(), [0, 0, 2, 0, 0, 0, 1]);
        assert_eq!(items(&document.fragments[&Name::new("F")].node.selection_set.node), 1);
    }
}
