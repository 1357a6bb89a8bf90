//! How many entries a list argument may have.

use crate::graphql::error::{Error, Result};

/// The most entries of a list that something is looked for by.
const LIST_MAX: usize = 100;

/// A list that is to be looked for may not be endless.
///
/// # Errors
/// BAD_USER_INPUT for one of more than 100.
pub fn bounded<T>(name: &str, list: Option<&[T]>) -> Result<()> {
    match list {
        Some(list) if list.len() > LIST_MAX => {
            let message = format!("`{name}` may have at most {LIST_MAX} entries; it has {}.", list.len());
            Err(Error::bad_input(message))
        }
        _ => Ok(()),
    }
}
