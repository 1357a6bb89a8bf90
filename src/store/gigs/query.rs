//! The query of a list of gigs: its scope, filter, search terms and order.

use crate::domain::gig::GigStatus;
use crate::domain::gig_filter::{GigFilter, GigOrder};
use crate::domain::id::UserId;
use crate::domain::search::Term;

/// Which gigs a list can contain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// ACTIVE gigs, which are public.
    Listed,
    /// All gigs of one seller, or those in these statuses. For the seller's own list.
    Own { seller_id: UserId, statuses: Option<Vec<GigStatus>> },
}

/// The query of a list of gigs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GigQuery {
    pub scope: Scope,
    pub filter: GigFilter,
    /// The gig must match every term. `None` does not search; an empty list matches nothing.
    pub terms: Option<Vec<Term>>,
    pub order: GigOrder,
}

impl GigQuery {
    /// One seller's ACTIVE gigs, newest first.
    pub fn listed_by_seller(seller_id: UserId) -> Self {
        let filter = GigFilter { seller: Some(seller_id), ..GigFilter::default() };
        Self { filter, ..Self::listed() }
    }

    /// All ACTIVE gigs, newest first.
    pub fn listed() -> Self {
        Self { scope: Scope::Listed, filter: GigFilter::default(), terms: None, order: GigOrder::Newest }
    }

    /// The name of the order in cursors, and the number of values of its page keys.
    pub fn key_shape(&self) -> (&'static str, usize) {
        let values = if self.order == GigOrder::Relevance { 2 } else { 1 };
        (self.order.into(), values)
    }
}
