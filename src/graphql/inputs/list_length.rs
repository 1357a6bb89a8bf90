//! The maximum length of list arguments.

use crate::graphql::error::{Error, Result};

/// The maximum number of entries of a list argument.
const LIST_MAX: usize = 100;

/// Checks the length of the argument `name`.
///
/// # Errors
/// BAD_USER_INPUT if the list has more than 100 entries.
pub fn check_list_length<T>(name: &str, list: Option<&[T]>) -> Result<()> {
    match list {
        Some(list) if list.len() > LIST_MAX => {
            let message = format!("`{name}` must have at most {LIST_MAX} entries, not {}.", list.len());
            Err(Error::bad_input(message))
        }
        _ => Ok(()),
    }
}
