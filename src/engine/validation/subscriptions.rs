//! A subscription has one root field, and it is not one of introspection.
//!
//! Fields are counted as `graphql-js` counts them: after merging, by the names under which they come back, without
//! what `@skip` or `@include` leave out by a literal. Where a variable decides, the number is not known before
//! execution: `graphql-js` fails then, and the specification of September 2025 forbids it, so it is refused.

use std::collections::HashSet;

use apollo_compiler::ast::{DirectiveList, Value};
use apollo_compiler::executable::{Operation, Selection};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{ExecutableDocument, Schema};

use crate::engine::validation::errors::Errors;

pub(super) fn check(schema: &Schema, document: &ExecutableDocument, errors: &mut Errors<'_>) {
    for operation in document.operations.iter().filter(|operation| operation.is_subscription()) {
        if let Err(refusal) = check_operation(schema, document, operation) {
            let name = operation
                .name
                .as_ref()
                .map_or_else(|| "A subscription".to_owned(), |name| format!("Subscription `{name}`"));
            errors.validation(format!("{name} {}", refusal.what), refusal.span);
        }
    }
}

/// What is wrong with a subscription's root, and where.
struct Refusal {
    what: &'static str,
    span: Option<SourceSpan>,
}

fn check_operation(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
) -> Result<(), Refusal> {
    let root = operation.object_type();
    let applies = |condition: &str| condition == root.as_str() || schema.is_subtype(condition, root);
    let mut first = None;
    let mut seen = HashSet::new();
    // What remains of the selection sets within each other; not a recursion, as fragments may form a long chain.
    let mut open = vec![operation.selection_set.selections.iter()];
    while let Some(innermost) = open.last_mut() {
        let Some(selection) = innermost.next() else {
            open.pop();
            continue;
        };
        match selection {
            Selection::Field(field) if is_included(&field.directives)? => {
                let span = field.location();
                if field.name.starts_with("__") {
                    return Err(Refusal { what: "cannot select introspection at its root.", span });
                }
                if *first.get_or_insert(field.response_key()) != field.response_key() {
                    return Err(Refusal { what: "must select exactly one root field.", span });
                }
            }
            Selection::InlineFragment(inline) if is_included(&inline.directives)? => {
                if inline.type_condition.as_deref().is_none_or(applies) {
                    open.push(inline.selection_set.selections.iter());
                }
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.fragment_name;
                if seen.contains(name) || !is_included(&spread.directives)? {
                    continue;
                }
                seen.insert(name);
                let fragment = document.fragments.get(name).filter(|it| applies(it.type_condition()));
                open.extend(fragment.map(|it| it.selection_set.selections.iter()));
            }
            Selection::Field(_) | Selection::InlineFragment(_) => {}
        }
    }
    Ok(())
}

/// Whether `@skip` and `@include` leave a selection in.
fn is_included(directives: &DirectiveList) -> Result<bool, Refusal> {
    for (name, leaves_out) in [("skip", true), ("include", false)] {
        let Some(directive) = directives.get(name) else { continue };
        match directive.specified_argument_by_name("if").map(AsRef::as_ref) {
            Some(Value::Boolean(condition)) if *condition == leaves_out => return Ok(false),
            Some(Value::Variable(_)) => {
                let what = "cannot have a variable decide about its root field.";
                return Err(Refusal { what, span: directive.location() });
            }
            // Where it is something else, it is refused as a value of the wrong type.
            _ => {}
        }
    }
    Ok(true)
}
