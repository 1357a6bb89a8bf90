//! What a list of gigs is to hold, and in which order.

use uuid::Uuid;

use crate::domain::gig::GigStatus;
use crate::domain::gig_filter::{GigFilter, GigOrder};
use crate::domain::search::Term;

/// Whose gigs a list holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// What everybody sees: ACTIVE gigs.
    GigRow,
    /// One seller's own, in these statuses, or in all.
    Own { seller_id: Uuid, statuses: Option<Vec<GigStatus>> },
}

/// A list of gigs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GigQuery {
    pub scope: Scope,
    pub filter: GigFilter,
    /// What the gig must have, all of it; `None` does not search. No words at all find nothing.
    pub terms: Option<Vec<Term>>,
    pub order: GigOrder,
}

impl GigQuery {
    /// One seller's ACTIVE gigs, newest first.
    pub fn listed_of(seller_id: Uuid) -> Self {
        let filter = GigFilter { seller: Some(seller_id), ..GigFilter::default() };
        Self { filter, ..Self::listed() }
    }

    /// All ACTIVE gigs, newest first.
    pub fn listed() -> Self {
        Self { scope: Scope::GigRow, filter: GigFilter::default(), terms: None, order: GigOrder::Newest }
    }

    /// The name of the order in cursors, and how many values its keys have.
    pub fn key_shape(&self) -> (&'static str, usize) {
        let values = if self.order == GigOrder::Relevance { 2 } else { 1 };
        (self.order.into(), values)
    }
}
