//! A category of the catalogue.

use uuid::Uuid;

use crate::domain::money::Money;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub id: Uuid,
    /// Its name in an address, such as `logo-design`.
    pub slug: String,
    pub name: String,
    /// The least a gig in it may cost.
    pub minimum_price: Money,
}
