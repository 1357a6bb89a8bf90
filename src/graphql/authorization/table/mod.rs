//! The table of all fields. Add a new field to the row of its type with the right access.

mod catalogue;
mod payloads;
mod reviews;

use crate::graphql::authorization::Access;

/// The fields of one type.
#[derive(Debug)]
pub struct TypeAccess {
    pub type_name: &'static str,
    /// Which objects of the type a caller can reach.
    pub note: &'static str,
    pub fields: &'static [(Access, &'static [&'static str])],
}

/// A row of the table.
pub(super) const fn type_access(
    type_name: &'static str,
    note: &'static str,
    fields: &'static [(Access, &'static [&'static str])],
) -> TypeAccess {
    TypeAccess { type_name, note, fields }
}

/// The rows of all object types.
pub fn rows() -> impl Iterator<Item = &'static TypeAccess> {
    catalogue::CATALOGUE.iter().chain(reviews::REVIEWS).chain(payloads::PAYLOADS)
}
