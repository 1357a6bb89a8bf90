//! The filter and the order of lists of gigs.

use std::collections::HashSet;

use async_graphql::{Context, Enum, ID, InputObject};
use chrono::Utc;
use rust_decimal::Decimal as Number;
use rust_decimal::prelude::ToPrimitive;

use crate::domain::category::Category;
use crate::domain::gig_filter::{GigFilter as Filter, GigOrder as Order, PriceRange};
use crate::domain::gig_form::tag_key;
use crate::domain::id::CategoryId;
use crate::domain::limits::points_for_level;
use crate::graphql::error::{Error, Result};
use crate::graphql::inputs::list_length::check_list_length;
use crate::graphql::types::gig::find_categories_by_slug;
use crate::graphql::types::node::parse_id_or_nil;
use crate::graphql::types::scalar::{DateTime, Decimal};

/// A filter for gigs. A gig must match all conditions that are given; null is the same as not given. Bounds are
/// inclusive. Of a list, the gig must match at least one entry, so an empty list matches no gig. Of `tagsAll`, it must
/// match all, so an empty one matches every gig.
#[derive(InputObject, Default)]
pub struct GigFilter {
    /// The gig is in one of these categories. At most 100 ids.
    category: Option<Vec<ID>>,
    /// The gig is in a category with one of these slugs, such as "web-design". At most 100 slugs. A slug that does
    /// not exist matches nothing.
    category_slug: Option<Vec<String>>,
    /// The gig is offered by this user.
    seller: Option<ID>,
    /// The price is at least this.
    min_price: Option<Decimal>,
    /// The price is at most this. If it is below `minPrice`, no gig matches.
    max_price: Option<Decimal>,
    /// The price is in one of these ranges, which may overlap. At most 100 ranges.
    price_ranges: Option<Vec<PriceRangeInput>>,
    /// The number of days from order to delivery is at most this.
    max_delivery_days: Option<i32>,
    /// The gig has at least one of these tags, ignoring case. At most 100 tags.
    tags: Option<Vec<String>>,
    /// The gig has all of these tags, ignoring case. At most 100 tags.
    tags_all: Option<Vec<String>>,
    /// True: the identity of the seller is verified. False: it is not.
    seller_verified: Option<bool>,
    /// The worker level of the seller is at least this. 0 or less matches every gig.
    seller_min_level: Option<i32>,
    /// The gig was first published at this time or later: `Gig.publishedAt` is not before it.
    published_since: Option<DateTime>,
}

/// A range of prices. Without bounds, every price is in it.
#[derive(InputObject)]
pub struct PriceRangeInput {
    /// The price is at least this.
    min: Option<Decimal>,
    /// The price is at most this. Not below `min`.
    max: Option<Decimal>,
}

impl GigFilter {
    /// Converts the filter to that of the domain.
    ///
    /// # Errors
    /// BAD_USER_INPUT if a list has more than 100 entries, or a price range has `min` above `max`.
    pub async fn parse(self, ctx: &Context<'_>) -> Result<Filter> {
        check_list_length("where.category", self.category.as_deref())?;
        check_list_length("where.categorySlug", self.category_slug.as_deref())?;
        check_list_length("where.priceRanges", self.price_ranges.as_deref())?;
        check_list_length("where.tags", self.tags.as_deref())?;
        check_list_length("where.tagsAll", self.tags_all.as_deref())?;
        let of_slugs = match &self.category_slug {
            Some(slugs) => Some(find_categories_by_slug(ctx, slugs).await?),
            None => None,
        };
        Ok(Filter {
            categories: categories(self.category.as_deref(), of_slugs),
            seller: self.seller.as_ref().map(parse_id_or_nil),
            min_price_cents: self.min_price.map(|price| cents(price, Number::ceil)),
            max_price_cents: self.max_price.map(|price| cents(price, Number::floor)),
            price_ranges: self.price_ranges.map(price_ranges).transpose()?,
            max_delivery_days: self.max_delivery_days,
            tags: self.tags.map(|tags| tag_keys(&tags)),
            tags_all: tag_keys(&self.tags_all.unwrap_or_default()),
            seller_verified: self.seller_verified,
            seller_min_points: self.seller_min_level.filter(|level| *level > 0).map(points_for_level),
            published_since: self.published_since.map(whole_microseconds),
        })
    }
}

/// The categories that both lists allow, each once and without malformed ids.
fn categories(ids: Option<&[ID]>, of_slugs: Option<Vec<Category>>) -> Option<Vec<CategoryId>> {
    let ids = ids.map(|ids| ids.iter().map(parse_id_or_nil).filter(|id: &CategoryId| !id.is_nil()).collect());
    let slugs = of_slugs.map(|categories| categories.iter().map(|category| category.id).collect());
    let allowed: HashSet<CategoryId> = match (ids, slugs) {
        (Some(ids), Some(slugs)) => &ids & &slugs,
        (ids, slugs) => ids.or(slugs)?,
    };
    // Sorted, so that equal filters have equal statements.
    let mut allowed: Vec<_> = allowed.into_iter().collect();
    allowed.sort_unstable();
    Some(allowed)
}

fn price_ranges(ranges: Vec<PriceRangeInput>) -> Result<Vec<PriceRange>> {
    let mut parsed = Vec::with_capacity(ranges.len());
    for (index, PriceRangeInput { min, max }) in ranges.into_iter().enumerate() {
        if let (Some(min), Some(max)) = (min, max)
            && min.0 > max.0
        {
            let message = format!(
                "`where.priceRanges.{index}` must have a `min` that is at most its `max`, {}, not {}.",
                max.0, min.0
            );
            return Err(Error::bad_input(message));
        }
        parsed.push(PriceRange {
            min: min.map_or(i64::MIN, |price| cents(price, Number::ceil)),
            max: max.map_or(i64::MAX, |price| cents(price, Number::floor)),
        });
    }
    Ok(PriceRange::merge(parsed))
}

/// The keys of the tags, each once.
fn tag_keys(tags: &[String]) -> Vec<String> {
    // No gig has a tag with a control character, and PostgreSQL rejects some of them. No gig has the empty tag
    // either, which stands for them.
    let valid = |key: String| if key.contains(char::is_control) { String::new() } else { key };
    let mut keys: Vec<_> = tags.iter().map(|tag| valid(tag_key(tag))).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The moment in whole microseconds, rounded up: neither database stores a smaller unit. It is at most the end of
/// the year 9999, since SQLite compares times as text.
fn whole_microseconds(moment: DateTime) -> chrono::DateTime<Utc> {
    let nanoseconds = i64::from(moment.0.timestamp_subsec_nanos() % 1_000);
    let microseconds = moment.0.timestamp_micros() + i64::from(nanoseconds > 0);
    chrono::DateTime::from_timestamp_micros(microseconds.min(LAST_MICROSECOND)).unwrap_or_default()
}

/// 9999-12-31T23:59:59.999999Z.
const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;

/// The bound in cents. `round` rounds it to whole cents, since all prices are whole cents.
fn cents(bound: Decimal, round: impl Fn(&Number) -> Number) -> i64 {
    let out_of_range = if bound.0.is_sign_negative() { i64::MIN } else { i64::MAX };
    let cents = bound.0.checked_mul(Number::ONE_HUNDRED);
    cents.and_then(|cents| round(&cents).to_i64()).unwrap_or(out_of_range)
}

/// The order of a list of gigs.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum GigOrder {
    /// Most recently published first.
    Newest,
    /// Least recently published first.
    Oldest,
    /// Lowest price first.
    PriceLowest,
    /// Highest price first.
    PriceHighest,
    /// First the gigs with all words of the search in their title, then the other matches; within each group,
    /// most recently published first. Without a search, the same as NEWEST.
    Relevance,
}

impl From<GigOrder> for Order {
    fn from(order: GigOrder) -> Self {
        match order {
            GigOrder::Newest => Self::Newest,
            GigOrder::Oldest => Self::Oldest,
            GigOrder::PriceLowest => Self::PriceLowest,
            GigOrder::PriceHighest => Self::PriceHighest,
            GigOrder::Relevance => Self::Relevance,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::category::Category;
    use crate::domain::id::PublicId;
    use crate::domain::money::Money;

    fn id(number: u128) -> CategoryId {
        CategoryId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn ids_and_slugs_of_categories_must_both_match_and_count_once() {
        let category = |number: &u128| Category {
            id: id(*number),
            slug: format!("slug-{number}"),
            name: String::new(),
            minimum_price: Money::from_cents(0),
        };
        let find = |ids: Option<&[u128]>, of_slugs: Option<&[u128]>| {
            let ids: Option<Vec<_>> =
                ids.map(|ids| ids.iter().map(|number| ID(id(*number).to_public())).collect());
            categories(ids.as_deref(), of_slugs.map(|numbers| numbers.iter().map(category).collect()))
        };
        assert_eq!(find(None, None), None);
        assert_eq!(find(Some(&[2, 1, 2]), None), Some(vec![id(1), id(2)]));
        assert_eq!(find(None, Some(&[3, 3])), Some(vec![id(3)]));
        assert_eq!(find(Some(&[1, 2]), Some(&[2, 3])), Some(vec![id(2)]));
        for (ids, slugs) in [(Some(&[][..]), None), (None, Some(&[][..])), (Some(&[1]), Some(&[]))] {
            assert_eq!(find(ids, slugs), Some(Vec::new()), "{ids:?} {slugs:?}");
        }
        let malformed = [ID("nonsense".into()), ID(id(1).to_public())];
        assert_eq!(categories(Some(&malformed), None), Some(vec![id(1)]));
    }

    #[test]
    fn a_time_is_rounded_up_to_microseconds_within_the_year_9999() {
        let rounded = |text: &str| {
            let moment = chrono::DateTime::parse_from_rfc3339(text).expect("a time").to_utc();
            whole_microseconds(DateTime(moment)).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
        };
        for (text, expected) in [
            ("2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456Z"),
            ("2026-01-01T00:00:00.123456001Z", "2026-01-01T00:00:00.123457Z"),
            ("2026-01-01T00:00:00.999999999Z", "2026-01-01T00:00:01Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
            ("1960-01-01T00:00:00.000000001Z", "1960-01-01T00:00:00.000001Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z"),
            ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(rounded(text), expected, "{text}");
        }
    }
}
