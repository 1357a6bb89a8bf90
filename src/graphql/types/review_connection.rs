//! Connections of the review queue.

use async_graphql::{ComplexObject, Context, Object, SimpleObject};

use crate::domain::review;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::types::list::List;
use crate::graphql::types::pagination::{
    PageArguments, PageInfo, opposite_side, opposite_side_field, page_info,
};
use crate::graphql::types::review::ReviewItem;
use crate::store::pagination::{Page, PageRequest};
use crate::store::reviews;
use crate::store::reviews::{CURSOR_FORMAT, QueueQuery};

pub struct ReviewItemConnection {
    query: QueueQuery,
    page: Page<review::ReviewItem>,
    request: PageRequest,
}

/// An item of the review queue, with its cursor.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ReviewItemEdge {
    /// The position in the queue, for `after` and `before`.
    cursor: String,
    #[graphql(skip)]
    node: ReviewItem,
}

#[ComplexObject]
impl ReviewItemEdge {
    /// The item.
    async fn node(&self) -> &ReviewItem {
        &self.node
    }
}

impl ReviewItemConnection {
    /// A page of the items that `query` finds.
    ///
    /// # Errors
    /// BAD_USER_INPUT or INVALID_CURSOR if the page arguments are invalid.
    pub async fn of_query(ctx: &Context<'_>, query: QueueQuery, arguments: PageArguments) -> Result<Self> {
        let request = arguments.parse(CURSOR_FORMAT)?;
        let page = reviews::page(ctx.db(), &query, &request).await?;
        Ok(Self { query, page, request })
    }
}

/// One page of the review queue.
#[Object]
impl ReviewItemConnection {
    /// The items of the page, each with its cursor.
    async fn edges(&self) -> List<ReviewItemEdge> {
        let rows = self.page.rows.iter();
        rows.map(|(key, item)| ReviewItemEdge { cursor: key.to_cursor(), node: item.clone().into() })
            .collect()
    }

    /// The items of the page, without cursors.
    async fn nodes(&self) -> List<ReviewItem> {
        self.page.rows.iter().map(|(_, item)| item.clone().into()).collect()
    }

    /// The position of the page in the queue.
    async fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        let is_selected = ctx.look_ahead().field(opposite_side_field(&self.request)).exists();
        let has_opposite = match opposite_side(&self.request).filter(|_| is_selected) {
            None => false,
            Some((side, key)) => reviews::exists_on_side(ctx.db(), &self.query, side, key).await?,
        };
        Ok(page_info(&self.page, &self.request, has_opposite))
    }

    /// The number of items that match the arguments, on all pages. It is counted only if it is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(reviews::count(ctx.db(), &self.query).await?)
    }
}
