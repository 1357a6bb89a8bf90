//! What a person browses for.

use uuid::Uuid;

use crate::domain::gig::Gig;
use crate::domain::gig_form::tag_key;
use crate::domain::money::Money;
use crate::domain::user::User;

/// Every given condition must hold; bounds are inclusive; of categories and tags, any of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GigFilter {
    pub categories: Option<Vec<Uuid>>,
    pub seller: Option<Uuid>,
    pub min_price_cents: Option<i64>,
    pub max_price_cents: Option<i64>,
    pub max_delivery_days: Option<i32>,
    /// As [`tag_key`] makes them.
    pub tags: Option<Vec<String>>,
    pub seller_verified: Option<bool>,
}

/// The order of a list of gigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum GigOrder {
    Newest,
    Oldest,
    PriceLowest,
    PriceHighest,
    /// Gigs with every word in their title first, then the newest.
    Relevance,
    /// By the time of the first draft, newest first: a seller's own list.
    Created,
}

/// Where ranges of prices begin, in cents.
pub const PRICE_RANGES: [i64; 7] = [0, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];

/// The last cent of the range that begins there; `None` where it has no end.
pub fn price_range_end(from: i64) -> Option<i64> {
    PRICE_RANGES.into_iter().find(|begin| *begin > from).map(|next| next - 1)
}

impl GigFilter {
    /// Whether `gig`, offered by `seller`, is one of those browsed for. (The store asks the same in SQL.)
    pub fn matches(&self, gig: &Gig, seller: &User) -> bool {
        let content = &gig.content;
        let has_tag = |tags: &Vec<String>| content.tags.iter().any(|tag| tags.contains(&tag_key(tag)));
        self.categories.as_ref().is_none_or(|ids| ids.contains(&content.category_id))
            && self.seller.is_none_or(|id| id == gig.seller_id)
            && self.min_price_cents.is_none_or(|min| content.price >= Money::from_cents(min))
            && self.max_price_cents.is_none_or(|max| content.price <= Money::from_cents(max))
            && self.max_delivery_days.is_none_or(|max| content.delivery_days <= max)
            && self.tags.as_ref().is_none_or(has_tag)
            && self.seller_verified.is_none_or(|verified| verified == seller.verified)
    }
}
