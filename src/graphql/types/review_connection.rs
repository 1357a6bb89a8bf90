//! The review queue, page by page.

use async_graphql::{Context, Object, SimpleObject};

use crate::domain::review;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::types::pagination::{PageArguments, PageInfo, other_side, other_side_field, page_info};
use crate::graphql::types::review::ReviewItem;
use crate::store::pagination::{Page, PageRequest};
use crate::store::reviews;
use crate::store::reviews::{KEY_SHAPE, QueueQuery};

pub struct ReviewItemConnection {
    query: QueueQuery,
    page: Page<review::ReviewItem>,
    request: PageRequest,
}

/// An item at its place in the queue.
#[derive(SimpleObject)]
pub struct ReviewItemEdge {
    /// Marks its place in the queue, for `after` and `before`.
    cursor: String,
    /// The item.
    node: ReviewItem,
}

impl ReviewItemConnection {
    /// A page of that part of the queue.
    ///
    /// # Errors
    /// Where the arguments ask for no page of it, or the database is away.
    pub async fn of_query(ctx: &Context<'_>, query: QueueQuery, arguments: PageArguments) -> Result<Self> {
        let request = arguments.parse(KEY_SHAPE)?;
        let page = reviews::page(ctx.services().db.read(), &query, &request).await?;
        Ok(Self { query, page, request })
    }
}

/// One page of the review queue.
#[Object]
impl ReviewItemConnection {
    /// The page's items, each with its cursor.
    async fn edges(&self) -> Vec<ReviewItemEdge> {
        let rows = self.page.rows.iter();
        rows.map(|(key, item)| ReviewItemEdge { cursor: key.to_cursor(), node: item.clone().into() })
            .collect()
    }

    /// The page's items alone.
    async fn nodes(&self) -> Vec<ReviewItem> {
        self.page.rows.iter().map(|(_, item)| item.clone().into()).collect()
    }

    /// Where the page lies in the queue.
    async fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        let asked = ctx.look_ahead().field(other_side_field(&self.request)).exists();
        let other = match other_side(&self.request).filter(|_| asked) {
            None => false,
            Some((side, key)) => reviews::exists_on(ctx.services().db.read(), &self.query, side, key).await?,
        };
        Ok(page_info(&self.page, &self.request, other))
    }

    /// How many items this part of the queue has; counted only where it is asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(reviews::count(ctx.services().db.read(), &self.query).await?)
    }
}
