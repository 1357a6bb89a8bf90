//! Filters and orders of lists of gigs.

use chrono::{DateTime, Utc};

use crate::domain::gig::Gig;
use crate::domain::gig_form::tag_key;
use crate::domain::id::{CategoryId, UserId};
use crate::domain::money::Money;
use crate::domain::user::User;

/// Conditions on a gig; `None` means any. All conditions must hold. Bounds are inclusive. A list of
/// categories, tags or price ranges needs one match, so an empty list matches nothing.
///
/// To add a condition: a field here, its line in [`GigFilter::matches_content`] or, if it depends on what can change
/// while a gig stays ACTIVE, in [`GigFilter::matches_seller`], its SQL in `src/store/gigs/sql.rs`, its
/// field and its conversion in `src/graphql/inputs/gig_filter.rs`, and its rows in `tests/api/query_plans.rs` and
/// `tests/api/gig_filter.rs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GigFilter {
    pub categories: Option<Vec<CategoryId>>,
    pub seller: Option<UserId>,
    pub min_price_cents: Option<i64>,
    pub max_price_cents: Option<i64>,
    /// As [`PriceRange::merge`] returns them.
    pub price_ranges: Option<Vec<PriceRange>>,
    pub max_delivery_days: Option<i32>,
    /// In the form of [`tag_key`].
    pub tags: Option<Vec<String>>,
    /// The gig must have all of these, so an empty list matches every gig. In the form of [`tag_key`].
    pub tags_all: Vec<String>,
    pub seller_verified: Option<bool>,
    /// The points of the lowest level that the seller may have.
    pub seller_min_points: Option<i64>,
    pub published_since: Option<DateTime<Utc>>,
}

/// Prices from `min` to `max`, both inclusive, in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PriceRange {
    pub min: i64,
    pub max: i64,
}

impl PriceRange {
    /// The same prices as ranges that do not overlap or adjoin, in ascending order and without empty ones.
    pub fn merge(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.retain(|range| range.min <= range.max);
        ranges.sort_unstable();
        let mut merged: Vec<Self> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.min <= last.max.saturating_add(1) => last.max = last.max.max(range.max),
                _ => merged.push(range),
            }
        }
        merged
    }

    fn contains(self, cents: i64) -> bool {
        (self.min..=self.max).contains(&cents)
    }
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
        self.matches_content(gig) && self.matches_seller(seller)
    }

    /// Whether the gig meets the conditions on what changes only while it is not ACTIVE.
    pub fn matches_content(&self, gig: &Gig) -> bool {
        // Without `..`, so that no condition is forgotten.
        let Self {
            categories,
            seller,
            min_price_cents,
            max_price_cents,
            price_ranges,
            max_delivery_days,
            tags,
            tags_all,
            published_since,
            seller_verified: _,
            seller_min_points: _,
        } = self;
        let content = &gig.content;
        let keys: Vec<_> = content.tags.iter().map(|tag| tag_key(tag)).collect();
        let is_in = |ranges: &Vec<PriceRange>| ranges.iter().any(|range| range.contains(content.price.cents));
        categories.as_ref().is_none_or(|ids| ids.contains(&content.category_id))
            && seller.is_none_or(|id| id == gig.seller_id)
            && min_price_cents.is_none_or(|min| content.price >= Money::from_cents(min))
            && max_price_cents.is_none_or(|max| content.price <= Money::from_cents(max))
            && price_ranges.as_ref().is_none_or(is_in)
            && max_delivery_days.is_none_or(|max| content.delivery_days <= max)
            && tags.as_ref().is_none_or(|any| any.iter().any(|tag| keys.contains(tag)))
            && tags_all.iter().all(|tag| keys.contains(tag))
            && published_since.is_none_or(|since| gig.published_at.is_some_and(|at| at >= since))
    }

    /// Whether the seller meets the conditions on what can change while the gig stays ACTIVE.
    pub fn matches_seller(&self, seller: &User) -> bool {
        let Self {
            categories: _,
            seller: _,
            min_price_cents: _,
            max_price_cents: _,
            price_ranges: _,
            max_delivery_days: _,
            tags: _,
            tags_all: _,
            published_since: _,
            seller_verified,
            seller_min_points,
        } = self;
        seller_verified.is_none_or(|verified| verified == seller.verified)
            && seller_min_points.is_none_or(|min| seller.points >= min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_price_ranges_contain_the_same_prices_without_overlaps() {
        let range = |min, max| PriceRange { min, max };
        let merged = |ranges: &[(i64, i64)]| {
            PriceRange::merge(ranges.iter().map(|(min, max)| range(*min, *max)).collect())
        };
        assert_eq!(merged(&[]), []);
        assert_eq!(merged(&[(5, 4)]), []);
        assert_eq!(merged(&[(7, 9), (1, 3), (7, 9)]), [range(1, 3), range(7, 9)]);
        assert_eq!(merged(&[(1, 3), (4, 5), (2, 2)]), [range(1, 5)]);
        assert_eq!(merged(&[(8, i64::MAX), (i64::MIN, 9)]), [range(i64::MIN, i64::MAX)]);
        assert_eq!(merged(&[(i64::MAX, i64::MAX), (3, i64::MAX)]), [range(3, i64::MAX)]);
    }
}
