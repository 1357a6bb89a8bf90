//! Makes `apollo-compiler` see that lists of different lengths are different arguments.
//!
//! `apollo-compiler` checks whether fields with the same response name can be merged, but compares two lists
//! only up to the length of the shorter one. So it gets a copy of the document in which each list starts with
//! its length. The additional item does not cause an error, since its diagnostics about values are ignored
//! (see `apollo`).

use apollo_compiler::Node;
use apollo_compiler::ast::{Argument, Definition, Document, IntValue, Selection, Value};

/// A copy of the document with the length in front of each list in the arguments of fields; `None` if there
/// is no such list.
pub(super) fn with_list_lengths(document: &Document) -> Option<Document> {
    let has_lists = document.definitions.iter().any(|definition| match definition {
        Definition::OperationDefinition(it) => it.selection_set.iter().any(selection_has_lists),
        Definition::FragmentDefinition(it) => it.selection_set.iter().any(selection_has_lists),
        _ => false,
    });
    has_lists.then(|| {
        let mut copy = document.clone();
        for definition in &mut copy.definitions {
            match definition {
                Definition::OperationDefinition(it) => mark_selections(&mut it.make_mut().selection_set),
                Definition::FragmentDefinition(it) => mark_selections(&mut it.make_mut().selection_set),
                _ => {}
            }
        }
        copy
    })
}

fn selection_has_lists(selection: &Selection) -> bool {
    match selection {
        Selection::Field(field) => {
            field.arguments.iter().any(|argument| value_has_lists(&argument.value))
                || field.selection_set.iter().any(selection_has_lists)
        }
        Selection::InlineFragment(inline) => inline.selection_set.iter().any(selection_has_lists),
        Selection::FragmentSpread(_) => false,
    }
}

fn value_has_lists(value: &Value) -> bool {
    match value {
        Value::List(_) => true,
        Value::Object(fields) => fields.iter().any(|(_, value)| value_has_lists(value)),
        _ => false,
    }
}

fn mark_selections(selections: &mut [Selection]) {
    for selection in selections {
        match selection {
            Selection::Field(field) => {
                let field = field.make_mut();
                field.arguments.iter_mut().for_each(mark_argument);
                mark_selections(&mut field.selection_set);
            }
            Selection::InlineFragment(inline) => mark_selections(&mut inline.make_mut().selection_set),
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn mark_argument(argument: &mut Node<Argument>) {
    if value_has_lists(&argument.value) {
        mark_value(&mut argument.make_mut().value);
    }
}

fn mark_value(value: &mut Node<Value>) {
    match value.make_mut() {
        Value::List(items) => {
            items.iter_mut().for_each(mark_value);
            let length = IntValue::new_parsed(&items.len().to_string());
            items.insert(0, Node::new(Value::Int(length)));
        }
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| mark_value(value)),
        _ => {}
    }
}
