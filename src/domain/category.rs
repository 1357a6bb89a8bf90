//! The categories of gigs.

use std::collections::HashMap;

use crate::domain::id::CategoryId;
use crate::domain::money::Money;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub id: CategoryId,
    /// The name in URLs, such as `logo-design`.
    pub slug: String,
    pub name: String,
    /// The lowest price of a gig in this category.
    pub minimum_price: Money,
}

/// All categories, as read when the gateway started. Only migrations change them. A category that the
/// migration of a newer gateway adds is missing until this gateway restarts.
#[derive(Debug)]
pub struct Catalogue(HashMap<CategoryId, Category>);

impl Catalogue {
    pub fn find(&self, id: CategoryId) -> Option<&Category> {
        self.0.get(&id)
    }

    pub fn find_by_slug(&self, slug: &str) -> Option<&Category> {
        self.0.values().find(|category| category.slug == slug)
    }

    /// The number of categories.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl FromIterator<Category> for Catalogue {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        Self(categories.into_iter().map(|category| (category.id, category)).collect())
    }
}
