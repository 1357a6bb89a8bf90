//! Removes duplicate scalar fields and fragments, which the library would resolve once for each duplicate, and
//! which a subscription would keep in memory.

use std::collections::HashSet;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, InlineFragment, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned};

/// Removes the duplicates of fields that have a name and nothing else, of fragment spreads without directives,
/// and of inline fragments that have only such fields. The response stays the same. Duplicate objects stay: each
/// can have its own selection, and each is counted in the cost.
pub fn remove(document: &mut ExecutableDocument) {
    let operations = match &mut document.operations {
        DocumentOperations::Single(operation) => vec![operation],
        DocumentOperations::Multiple(operations) => operations.values_mut().collect(),
    };
    for operation in operations {
        remove_from(&mut operation.node.selection_set.node);
    }
    for fragment in document.fragments.values_mut() {
        remove_from(&mut fragment.node.selection_set.node);
    }
}

fn remove_from(set: &mut SelectionSet) {
    let mut seen: HashSet<Name> = HashSet::new();
    let (mut spreads, mut inline_fragments) = (HashSet::new(), HashSet::new());
    set.items.retain_mut(|selection| match &mut selection.node {
        Selection::Field(field) if is_plain(&field.node) => seen.insert(field.node.name.node.clone()),
        Selection::Field(field) => {
            remove_from(&mut field.node.selection_set.node);
            true
        }
        Selection::InlineFragment(fragment) => {
            remove_from(&mut fragment.node.selection_set.node);
            plain_content(&fragment.node).is_none_or(|content| inline_fragments.insert(content))
        }
        Selection::FragmentSpread(spread) => {
            let spread = &spread.node;
            !spread.directives.is_empty() || spreads.insert(spread.fragment_name.node.clone())
        }
    });
    // Unused capacity would stay allocated while the document is cached.
    set.items.shrink_to_fit();
}

/// The type condition and the fields of an inline fragment that has no directives, and only fields with a name
/// and nothing else.
fn plain_content(fragment: &InlineFragment) -> Option<(Option<Name>, Vec<Name>)> {
    let name = |selection: &Positioned<Selection>| match &selection.node {
        Selection::Field(field) if is_plain(&field.node) => Some(field.node.name.node.clone()),
        _ => None,
    };
    let names = fragment.selection_set.node.items.iter().map(name).collect::<Option<_>>()?;
    let condition = fragment.type_condition.as_ref().map(|condition| condition.node.on.node.clone());
    fragment.directives.is_empty().then_some((condition, names))
}

/// Whether the field has a name and nothing else.
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
    fn duplicates_of_a_scalar_are_removed_and_other_selections_stay() {
        let query = "{ a a b a { a a c } a a: a a @skip(if: true) a(x: 1) ... on Q { a a } ...F ...F }
            fragment F on Q { c c ...G ... on Q { c } ...G @skip(if: true) ...G ... on Q { c c } ... { c }
                ... on Q @skip(if: true) { c } ... on Q { x: c } ... on Q { x: c } }
            fragment G on Q { d }";
        let mut document = parse_query(query).unwrap();
        remove(&mut document);
        let items = |set: &SelectionSet| set.items.len();
        let (_, operation) = document.operations.iter().next().unwrap();
        let set = &operation.node.selection_set.node;
        // a, b, the object, the alias, the directive, the argument, the inline fragment, and one spread.
        assert_eq!(items(set), 8);
        let inner = set.items.iter().filter_map(|selection| match &selection.node {
            Selection::Field(field) => Some(items(&field.node.selection_set.node)),
            Selection::InlineFragment(fragment) => Some(items(&fragment.node.selection_set.node)),
            Selection::FragmentSpread(_) => None,
        });
        assert_eq!(inner.collect::<Vec<_>>(), [0, 0, 2, 0, 0, 0, 1]);
        // c, one spread, one inline fragment, the directives, the one without a condition, and both with an alias.
        assert_eq!(items(&document.fragments[&Name::new("F")].node.selection_set.node), 8);
    }
}
