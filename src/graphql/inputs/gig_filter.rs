//! The filter and the order of lists of gigs.

use async_graphql::{Enum, ID, InputObject};
use rust_decimal::Decimal as Number;
use rust_decimal::prelude::ToPrimitive;

use crate::domain::gig_filter::{GigFilter as Filter, GigOrder as Order};
use crate::domain::gig_form::tag_key;
use crate::graphql::error::Result;
use crate::graphql::inputs::list_length::check_list_length;
use crate::graphql::types::node::parse_id_or_nil;
use crate::graphql::types::scalar::Decimal;

/// A filter for gigs. A gig must match all conditions that are given.
#[derive(InputObject, Default)]
pub struct GigFilter {
    /// The gig is in one of these categories. At most 100 ids.
    category: Option<Vec<ID>>,
    /// The gig is offered by this user.
    seller: Option<ID>,
    /// The price is at least this.
    min_price: Option<Decimal>,
    /// The price is at most this.
    max_price: Option<Decimal>,
    /// The number of days from order to delivery is at most this.
    max_delivery_days: Option<i32>,
    /// The gig has at least one of these tags, ignoring case. At most 100 tags.
    tags: Option<Vec<String>>,
    /// True: the identity of the seller is verified. False: it is not.
    seller_verified: Option<bool>,
}

impl GigFilter {
    /// Converts the filter to that of the domain.
    ///
    /// # Errors
    /// BAD_USER_INPUT if a list has more than 100 entries.
    pub fn parse(self) -> Result<Filter> {
        check_list_length("where.category", self.category.as_deref())?;
        check_list_length("where.tags", self.tags.as_deref())?;
        Ok(Filter {
            categories: self.category.map(|ids| ids.iter().map(parse_id_or_nil).collect()),
            seller: self.seller.as_ref().map(parse_id_or_nil),
            min_price_cents: self.min_price.map(|price| cents(price, Number::ceil)),
            max_price_cents: self.max_price.map(|price| cents(price, Number::floor)),
            max_delivery_days: self.max_delivery_days,
            // No gig has a tag with a control character, and PostgreSQL rejects some of them.
            tags: self.tags.map(|tags| {
                let valid = tags.iter().filter(|tag| !tag.contains(char::is_control));
                valid.map(|tag| tag_key(tag)).collect()
            }),
            seller_verified: self.seller_verified,
        })
    }
}

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
