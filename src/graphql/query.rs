//! Everything that reads.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use futures_util::future::join_all;
use rust_decimal::Decimal as Number;
use rust_decimal::prelude::ToPrimitive;

use super::account::Viewer;
use super::context::Ask;
use super::error::{Error, Result, nullable};
use super::gig::{Category, Gig};
use super::gig_connection::GigConnection;
use super::limits::Limits;
use super::loader::{CategoryId, GigId, UserId};
use super::node::{self, Node, row_id};
use super::paging::PageArguments;
use super::review::{ReviewKind, ReviewState};
use super::review_connection::ReviewItemConnection;
use super::scalar::Decimal;
use super::user::User;
use crate::domain::gig_filter::{GigFilter as Filter, GigOrder as Order};
use crate::domain::gig_form::tag_key;
use crate::domain::id::IdKind;
use crate::domain::search;
use crate::store::gig_browse::{GigQuery, Scope};
use crate::store::reviews::QueueQuery;
use crate::store::{categories, gig_search};

/// The most entries of a list that something is looked for by.
const LIST_MAX: usize = 100;

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
    pub(super) fn parse(self) -> Result<Filter> {
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

/// A list that is to be looked for may not be endless.
///
/// # Errors
/// BAD_USER_INPUT for one of more than 100.
pub(super) fn bounded<T>(name: &str, list: Option<&[T]>) -> Result<()> {
    match list {
        Some(list) if list.len() > LIST_MAX => {
            let message = format!("`{name}` may have at most {LIST_MAX} entries; it has {}.", list.len());
            Err(Error::bad_input(message))
        }
        _ => Ok(()),
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

/// The gig, where the viewer may see it.
async fn find_gig(ctx: &Context<'_>, id: &ID) -> Result<Option<Gig>> {
    let viewer = ctx.viewer()?;
    let gig = ctx.loader().load_one(GigId(row_id(IdKind::Gig, id))).await?;
    Ok(gig.map(|gig| Gig::seen_by(gig, viewer)))
}

pub struct Query;

/// Everything that reads.
#[Object]
impl Query {
    /// Who is asking; null without a session. A session that has ended is UNAUTHENTICATED.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        nullable(async { Ok(ctx.viewer()?.cloned().map(Viewer::from)) }).await
    }

    /// What has this id; null where nothing that the viewer may see has it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Any id of this API.")] id: ID,
    ) -> Option<Result<Node>> {
        nullable(async { node::load(ctx, &id).await }).await
    }

    /// One entry for each id, in order; null where nothing that the viewer may see has it.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node>>>> {
        bounded("ids", Some(&ids))?;
        Ok(join_all(ids.iter().map(|id| nullable(node::load(ctx, id)))).await)
    }

    /// One gig; null where there is none that the viewer may see.
    async fn gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Begins with `gig_`.")] id: ID,
    ) -> Option<Result<Gig>> {
        nullable(find_gig(ctx, &id)).await
    }

    /// The ACTIVE gigs, page by page.
    #[expect(clippy::too_many_arguments, reason = "each is an argument that clients know")]
    async fn gigs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them.", name = "where")] filter: Option<GigFilter>,
        #[graphql(
            desc = "Up to 10 words, each of which must begin a word of the title, a tag or the description. One of 4 or \
                    more characters that begins no word of any gig stands for the words that are nearest to it."
        )]
        search: Option<String>,
        #[graphql(
            desc = "In which order; the newest first where it is left out.",
            default_with = "Some(GigOrder::Newest)"
        )]
        order_by: Option<GigOrder>,
        #[graphql(desc = "How many from the front, 0 to 100; 20 where neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor.")] before: Option<String>,
    ) -> Result<GigConnection> {
        // A field that holds blanks alone does not search; and without a search all gigs are equally relevant.
        let search = search.filter(|text| !text.trim().is_empty());
        let order = match order_by.unwrap_or(GigOrder::Newest) {
            GigOrder::Relevance if search.is_none() => GigOrder::Newest,
            order => order,
        };
        let terms = match search {
            Some(text) => Some(gig_search::terms(ctx.services().db.read(), search::words(&text)).await?),
            None => None,
        };
        let query = GigQuery {
            scope: Scope::Listed,
            filter: filter.unwrap_or_default().parse()?,
            terms,
            order: order.into(),
        };
        let arguments = PageArguments { first, after, last, before };
        GigConnection::of_query(ctx, ctx.viewer()?, query, arguments).await
    }

    /// The whole catalogue, in its order.
    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<Category>> {
        let all = categories::all(ctx.services().db.read()).await?;
        Ok(all.into_iter().map(Category::from).collect())
    }

    /// Every limit that a form needs, so that no client writes one down.
    async fn limits(&self, ctx: &Context<'_>) -> Limits {
        Limits::from(&ctx.services().limits)
    }

    /// A position in the event log that is not newer than anything else in this answer: read it beside a list,
    /// then subscribe with `after:` it, and miss nothing.
    async fn event_cursor(&self, ctx: &Context<'_>) -> String {
        ctx.cursor().encode()
    }

    /// What waits for a reviewer and what was decided, the first due first. REVIEWER or ADMIN.
    #[expect(clippy::too_many_arguments, reason = "each is an argument that clients know")]
    async fn review_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Items about this; all where it is left out.")] kind: Option<ReviewKind>,
        #[graphql(desc = "Items in this state; all where it is left out.")] state: Option<ReviewState>,
        #[graphql(desc = "How many from the front, 0 to 100; 20 where neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "End in front of this cursor.")] before: Option<String>,
    ) -> Result<ReviewItemConnection> {
        ctx.reviewer()?;
        let query = QueueQuery {
            kind: kind.map(Into::into),
            state: state.map(Into::into),
            now: ctx.services().now(),
        };
        let arguments = PageArguments { first, after, last, before };
        ReviewItemConnection::of_query(ctx, query, arguments).await
    }

    // For a router that puts this schema beside others (Apollo Federation): what they mean by a key of ours. Their docs are
    // the router's.

    #[graphql(entity)]
    async fn find_gig_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Gig>> {
        nullable(find_gig(ctx, &id)).await
    }

    #[graphql(entity)]
    async fn find_user_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<User>> {
        let user = UserId(row_id(IdKind::User, &id));
        nullable(async { Ok(ctx.loader().load_one(user).await?.map(User::from)) }).await
    }

    #[graphql(entity)]
    async fn find_category_by_id(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Category>> {
        let category = CategoryId(row_id(IdKind::Category, &id));
        nullable(async { Ok(ctx.loader().load_one(category).await?.map(Category::from)) }).await
    }
}
