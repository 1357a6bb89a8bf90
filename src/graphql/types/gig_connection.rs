//! Lists of gigs, page by page.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use uuid::Uuid;

use crate::domain::user::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::loaders::{GigCountOfSeller, GigsOfSeller, SellerBeyond};
use crate::graphql::types::gig::{Gig, column_for};
use crate::graphql::types::gig_facets::GigFacets;
use crate::graphql::types::pagination::{PageArguments, PageInfo, other_side, other_side_field, page_info};
use crate::store::gigs::list;
use crate::store::gigs::query::GigQuery;
use crate::store::gigs::rows::{ColumnSet, GigRow};
use crate::store::pagination::{Page, PageRequest};

pub struct GigConnection {
    list: List,
    /// Who looks.
    viewer: Option<Viewer>,
    page: Page<Arc<GigRow>>,
    request: PageRequest,
}

/// Where the rest of the list is.
pub enum List {
    Query(GigQuery),
    /// Asked for together with those of other sellers.
    OfSeller(Uuid),
}

/// A gig at its place in a list.
#[derive(SimpleObject)]
pub struct GigEdge {
    /// Marks its place in this list in this order, for `after` and `before`.
    cursor: String,
    /// The gig.
    node: Gig,
}

impl GigConnection {
    /// A page of what `query` finds.
    ///
    /// # Errors
    /// Where the arguments ask for no page of it, or the database is away.
    pub async fn of_query(
        ctx: &Context<'_>,
        viewer: Option<&Viewer>,
        query: GigQuery,
        arguments: PageArguments,
    ) -> Result<Self> {
        let request = arguments.parse(query.key_shape())?;
        let columns = selected_columns(ctx);
        let page = list::page(ctx.services().db.read(), &query, &request, columns).await?;
        Ok(Self { list: List::Query(query), viewer: viewer.cloned(), page, request })
    }

    /// A page of a seller's ACTIVE gigs.
    ///
    /// # Errors
    /// Where the arguments ask for no page of it, or the database is away.
    pub async fn of_seller(ctx: &Context<'_>, seller_id: Uuid, arguments: PageArguments) -> Result<Self> {
        let viewer = ctx.visibility()?.cloned();
        let request = arguments.parse(GigQuery::listed_of(seller_id).key_shape())?;
        let key = GigsOfSeller { seller_id, request: request.clone(), columns: selected_columns(ctx) };
        let page = ctx.loader().load_one(key).await?.unwrap_or_default();
        Ok(Self { list: List::OfSeller(seller_id), viewer, page, request })
    }

    fn gig(&self, listed: &Arc<GigRow>) -> Gig {
        Gig::listed(Arc::clone(listed), self.viewer.as_ref())
    }
}

/// The parts of its gigs that a field of this type is asked for.
fn selected_columns(ctx: &Context<'_>) -> ColumnSet {
    let mut columns = ColumnSet::new();
    for field in ctx.field().selection_set() {
        match field.name() {
            "nodes" => columns.extend(field.selection_set().filter_map(|field| column_for(field.name()))),
            "edges" => {
                for node in field.selection_set().filter(|field| field.name() == "node") {
                    columns.extend(node.selection_set().filter_map(|field| column_for(field.name())));
                }
            }
            _ => {}
        }
    }
    columns
}

/// One page of a list of gigs.
#[Object]
impl GigConnection {
    /// The page's gigs, each with its cursor.
    async fn edges(&self) -> Vec<GigEdge> {
        let rows = self.page.rows.iter();
        rows.map(|(key, listed)| GigEdge { cursor: key.to_cursor(), node: self.gig(listed) }).collect()
    }

    /// The page's gigs alone.
    async fn nodes(&self) -> Vec<Gig> {
        self.page.rows.iter().map(|(_, listed)| self.gig(listed)).collect()
    }

    /// Where the page lies in the list.
    async fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        let asked = ctx.look_ahead().field(other_side_field(&self.request)).exists();
        let other = match other_side(&self.request).filter(|_| asked) {
            None => false,
            Some((side, key)) => match &self.list {
                List::Query(query) => list::exists_on(ctx.services().db.read(), query, side, key).await?,
                List::OfSeller(seller_id) => {
                    let beyond = SellerBeyond { seller_id: *seller_id, side, key: key.clone() };
                    ctx.loader().load_one(beyond).await?.is_some()
                }
            },
        };
        Ok(page_info(&self.page, &self.request, other))
    }

    /// How the gigs of the whole list are distributed.
    async fn facets(&self) -> GigFacets<'_> {
        GigFacets(&self.list)
    }

    /// How many gigs the whole list has; counted only where it is asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        match &self.list {
            List::Query(query) => Ok(list::count(ctx.services().db.read(), query).await?),
            List::OfSeller(seller_id) => {
                let count = ctx.loader().load_one(GigCountOfSeller(*seller_id)).await?;
                Ok(i32::try_from(count.unwrap_or_default()).unwrap_or(i32::MAX))
            }
        }
    }
}
