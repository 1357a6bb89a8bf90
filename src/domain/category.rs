//! A category of the catalogue.

use std::collections::HashMap;

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

/// The categories as the gateway found them when it began. They change with the database's shape alone: one that a newer
/// gateway has added meanwhile is not here.
#[derive(Debug)]
pub struct Catalogue(HashMap<Uuid, Category>);

impl Catalogue {
    pub fn find(&self, id: Uuid) -> Option<&Category> {
        self.0.get(&id)
    }
}

impl FromIterator<Category> for Catalogue {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        Self(categories.into_iter().map(|category| (category.id, category)).collect())
    }
}
