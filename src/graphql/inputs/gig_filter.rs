//! Which gigs to list, and in which order.

use async_graphql::{Enum, ID, InputObject};
use rust_decimal::Decimal as Number;
use rust_decimal::prelude::ToPrimitive;

use crate::domain::gig_filter::{GigFilter as Filter, GigOrder as Order};
use crate::domain::gig_form::tag_key;
use crate::domain::id::IdKind;
use crate::graphql::error::Result;
use crate::graphql::inputs::list_length::bounded;
use crate::graphql::types::node::row_id;
use crate::graphql::types::scalar::Decimal;

/// Which gigs to list. Every condition that is given must hold.
#[derive(InputObject, Default)]
pub struct GigFilter {
    /// In any of these categories, at most 100.
    category: Option<Vec<ID>>,
    /// Offered by this person.
    seller: Option<ID>,
    /// Costs this or more.
    min_price: Option<Decimal>,
    /// Costs this or less.
    max_price: Option<Decimal>,
    /// Is delivered within so many days.
    max_delivery_days: Option<i32>,
    /// Has any of these tags, at most 100, ignoring case.
    tags: Option<Vec<String>>,
    /// Whether the seller's identity is cleared.
    seller_verified: Option<bool>,
}

impl GigFilter {
    /// # Errors
    /// BAD_USER_INPUT for a list of more than 100.
    pub fn parse(self) -> Result<Filter> {
        bounded("where.category", self.category.as_deref())?;
        bounded("where.tags", self.tags.as_deref())?;
        Ok(Filter {
            categories: self.category.map(|ids| ids.iter().map(|id| row_id(IdKind::Category, id)).collect()),
            seller: self.seller.map(|id| row_id(IdKind::User, &id)),
            min_price_cents: self.min_price.map(|price| cents(price, Number::ceil)),
            max_price_cents: self.max_price.map(|price| cents(price, Number::floor)),
            max_delivery_days: self.max_delivery_days,
            // Nothing has a tag with a control character, which not every database takes.
            tags: self.tags.map(|tags| {
                let possible = tags.iter().filter(|tag| !tag.contains(char::is_control));
                possible.map(|tag| tag_key(tag)).collect()
            }),
            seller_verified: self.seller_verified,
        })
    }
}

/// The bound in cents. Prices are whole cents, so one between two of them moves to the next that counts.
fn cents(bound: Decimal, round: impl Fn(&Number) -> Number) -> i64 {
    let beyond_all = if bound.0.is_sign_negative() { i64::MIN } else { i64::MAX };
    let cents = bound.0.checked_mul(Number::ONE_HUNDRED);
    cents.and_then(|cents| round(&cents).to_i64()).unwrap_or(beyond_all)
}

/// The order of a list of gigs.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum GigOrder {
    /// Listed last, first.
    Newest,
    /// Listed first, first.
    Oldest,
    /// Cheapest first.
    PriceLowest,
    /// Dearest first.
    PriceHighest,
    /// Gigs whose title has every word searched for, the newest of them first, and then those that have the words
    /// elsewhere, too; without a search, the newest.
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
