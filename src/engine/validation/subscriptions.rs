//! Checks that a subscription has exactly one root field, which is not an introspection field.
//!
//! Fields are counted as in `graphql-js`: after merging, by response name, and without those that a literal
//! in `@skip` or `@include` excludes. A variable in `@skip` or `@include` of a root field is rejected, as the
//! specification of September 2025 requires: the number of fields would be unknown before the execution.

use std::collections::HashSet;

use apollo_compiler::ast::{DirectiveList, Value};
use apollo_compiler::executable::{Operation, Selection};
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::{ExecutableDocument, Schema};

use crate::engine::validation::errors::Errors;

pub(super) fn check(schema: &Schema, document: &ExecutableDocument, errors: &mut Errors<'_>) {
    for operation in document.operations.iter().filter(|operation| operation.is_subscription()) {
        if let Err(error) = check_operation(schema, document, operation) {
            let name = operation
                .name
                .as_ref()
                .map_or_else(|| "A subscription".to_owned(), |name| format!("Subscription `{name}`"));
            errors.validation(format!("{name} {}", error.message), error.span);
        }
    }
}

/// An error in the selection of root fields.
struct RootError {
    /// The predicate of a sentence whose subject is the subscription.
    message: &'static str,
    span: Option<SourceSpan>,
}

fn check_operation(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
) -> Result<(), RootError> {
    let root = operation.object_type();
    let applies = |condition: &str| condition == root.as_str() || schema.is_subtype(condition, root);
    let mut first = None;
    let mut seen_fragments = HashSet::new();
    // A stack instead of recursion, since fragments can form a long chain.
    let mut stack = vec![operation.selection_set.selections.iter()];
    while let Some(selections) = stack.last_mut() {
        let Some(selection) = selections.next() else {
            stack.pop();
            continue;
        };
        match selection {
            Selection::Field(field) if is_included(&field.directives)? => {
                let span = field.location();
                if field.name.starts_with("__") {
                    let message = "cannot select an introspection field at its root.";
                    return Err(RootError { message, span });
                }
                if *first.get_or_insert(field.response_key()) != field.response_key() {
                    return Err(RootError { message: "must select exactly one root field.", span });
                }
            }
            Selection::InlineFragment(inline) if is_included(&inline.directives)? => {
                if inline.type_condition.as_deref().is_none_or(applies) {
                    stack.push(inline.selection_set.selections.iter());
                }
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.fragment_name;
                if seen_fragments.contains(name) || !is_included(&spread.directives)? {
                    continue;
                }
                seen_fragments.insert(name);
                let fragment = document.fragments.get(name).filter(|it| applies(it.type_condition()));
                stack.extend(fragment.map(|it| it.selection_set.selections.iter()));
            }
            Selection::Field(_) | Selection::InlineFragment(_) => {}
        }
    }
    Ok(())
}

/// Whether `@skip` and `@include` include a selection.
fn is_included(directives: &DirectiveList) -> Result<bool, RootError> {
    for (name, excluding) in [("skip", true), ("include", false)] {
        let Some(directive) = directives.get(name) else { continue };
        match directive.specified_argument_by_name("if").map(AsRef::as_ref) {
            Some(Value::Boolean(condition)) if *condition == excluding => return Ok(false),
            Some(Value::Variable(_)) => {
                let message = "cannot skip or include its root field by a variable.";
                return Err(RootError { message, span: directive.location() });
            }
            // Any other value is rejected because of its type.
            _ => {}
        }
    }
    Ok(true)
}
