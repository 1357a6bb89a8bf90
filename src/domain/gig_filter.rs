//! Filters and orders of lists of gigs.

use crate::domain::gig::Gig;
use crate::domain::gig_form::tag_key;
use crate::domain::id::{CategoryId, UserId};
use crate::domain::money::Money;
use crate::domain::user::User;

/// Conditions on a gig; `None` means any. All conditions must hold. Bounds are inclusive. A list of
/// categories or tags needs one match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GigFilter {
    pub categories: Option<Vec<CategoryId>>,
    pub seller: Option<UserId>,
    pub min_price_cents: Option<i64>,
    pub max_price_cents: Option<i64>,
    pub max_delivery_days: Option<i32>,
    /// In the form of [`tag_key`].
    pub tags: Option<Vec<String>>,
    pub seller_verified: Option<bool>,
}

/// The order of a list of gigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum GigOrder {
    /// Last published first.
    Newest,
    /// First published first.
    Oldest,
    PriceLowest,
    PriceHighest,
    /// Best match of the search words first, then the newest: see docs/adr/0017.
    Relevance,
    /// Last created first. Used for a seller's own list, which includes drafts.
    #[strum(serialize = "created")]
    CreatedNewest,
}

/// The lower bounds of the price ranges in facets, in cents.
pub const PRICE_RANGE_STARTS: [i64; 7] = [0, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000];

/// The upper bound, inclusive, of the price range that starts at `start`; `None` for the last range.
pub fn price_range_end(start: i64) -> Option<i64> {
    PRICE_RANGE_STARTS.into_iter().find(|next| *next > start).map(|next| next - 1)
}

impl GigFilter {
    /// Whether `gig`, offered by `seller`, meets the filter. `src/store/gigs/sql.rs` has the same conditions
    /// in SQL.
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
