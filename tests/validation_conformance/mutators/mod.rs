//! Mutators: functions that make a valid document break a rule of section 5 of the specification, or come
//! close to it.
//!
//! A mutator returns false if the document has no suitable place. Some of its results are valid, so that
//! documents that just satisfy a rule are compared as well. To add a mutator: write the function in the file
//! of its rule (`operations`, `values` or `fragments`) and add it to [`MUTATORS`]. This changes the generated
//! documents of all mutators after it.

mod fragments;
mod operations;
mod values;

use crate::document::Document;
use crate::generate::Generator;

pub type Mutator = fn(&mut Generator<'_>, &mut Document) -> bool;

/// The mutators, each with the rule that it targets.
pub const MUTATORS: [(&str, Mutator); 29] = [
    ("executable definitions", operations::add_type_system_definition),
    ("operation name uniqueness", operations::duplicate_operation_name),
    ("lone anonymous operation", operations::add_anonymous_operation),
    ("subscription single root field", operations::add_subscription_root_field),
    ("field selections", operations::rename_or_add_field),
    ("field selection merging", operations::add_conflicting_field),
    ("leaf field selections", operations::toggle_field_selections),
    ("argument names", values::rename_or_add_argument),
    ("argument uniqueness", values::duplicate_argument),
    ("required arguments", values::remove_argument),
    ("fragment name uniqueness", fragments::duplicate_fragment),
    ("fragment spread type existence", fragments::add_unknown_type),
    ("fragments on composite types", fragments::change_type_condition),
    ("fragments must be used", fragments::add_unused_fragment),
    ("fragment spread target defined", fragments::undefine_fragment),
    ("fragment spreads must not form cycles", fragments::add_fragment_cycle),
    ("fragment spread is possible", fragments::spread_on_other_type),
    ("values of correct type", values::replace_value),
    ("input object field names", values::rename_or_add_input_field),
    ("input object field uniqueness", values::duplicate_input_field),
    ("input object required fields", values::remove_input_field),
    ("directives are defined, and in valid locations", fragments::add_directive),
    ("directives are unique per location", fragments::duplicate_directive),
    ("variable uniqueness", values::duplicate_variable),
    ("variables are input types", values::replace_variable_type),
    ("all variable uses defined", values::undeclare_variable),
    ("all variables used", values::add_unused_variable),
    ("all variable usages are allowed", values::alter_variable_type_or_default),
    ("syntax", leave_unchanged),
];

/// For syntax errors: [`crate::edit_random_character`] makes them in the printed text.
fn leave_unchanged(_: &mut Generator<'_>, _: &mut Document) -> bool {
    true
}
