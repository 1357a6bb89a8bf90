//! Validates single documents. `tests/validation_conformance` compares many generated ones with `graphql-js`.

mod messages;
mod rules;
mod syntax;

use std::sync::LazyLock;

use crate::engine::validation::{ValidationError, Validator};
use crate::graphql::Schema;

/// With the fields of Federation, and without suggestions, as in production.
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| Validator::new(&Schema::new(true).sdl(), false));

/// Asserts that a document is valid.
fn accept(document: &str) {
    if let Err(errors) = VALIDATOR.validate(document) {
        panic!("{document}\n{errors:#?}");
    }
}

/// The errors of an invalid document.
fn errors(document: &str) -> Vec<ValidationError> {
    VALIDATOR.validate(document).expect_err(document)
}

/// The message of the first error.
fn first_message(document: &str) -> String {
    errors(document).remove(0).message
}
