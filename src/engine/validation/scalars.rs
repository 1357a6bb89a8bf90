//! The scalars of the specification, and the error for a value of another scalar.

/// Whether the specification defines the scalar.
pub(super) fn is_built_in(scalar: &str) -> bool {
    matches!(scalar, "Int" | "Float" | "String" | "Boolean" | "ID")
}

/// The error for a value that is invalid for a custom scalar, as a predicate.
pub(super) fn custom_scalar_error(scalar: &str, names_scalar: bool) -> String {
    if names_scalar { format!("must be of type {scalar}") } else { "is not valid for its type".to_owned() }
}
