//! Connections of gigs.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Object, SimpleObject};

use crate::domain::id::UserId;
use crate::domain::user::Viewer;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::loaders::{GigCountOfSeller, GigsOfSeller, SellerGigsOnSide};
use crate::graphql::types::gig::{Gig, column_for};
use crate::graphql::types::gig_facets::GigFacets;
use crate::graphql::types::list::List;
use crate::graphql::types::pagination::{
    PageArguments, PageInfo, opposite_side, opposite_side_field, page_info,
};
use crate::store::gigs::list;
use crate::store::gigs::query::GigQuery;
use crate::store::gigs::rows::{ColumnSet, GigRow};
use crate::store::pagination::{Page, PageRequest};

pub struct GigConnection {
    list: GigList,
    /// The viewer whose permissions apply.
    viewer: Option<Viewer>,
    page: Page<Arc<GigRow>>,
    request: PageRequest,
}

/// The whole list that a connection is a page of.
pub enum GigList {
    Query(Box<GigQuery>),
    /// The ACTIVE gigs of a seller, read together with those of other sellers.
    OfSeller(UserId),
}

/// A gig in a list, with its cursor.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GigEdge {
    /// The position in this list and order, for `after` and `before`.
    cursor: String,
    #[graphql(skip)]
    node: Gig,
}

#[ComplexObject]
impl GigEdge {
    /// The gig.
    async fn node(&self) -> &Gig {
        &self.node
    }
}

impl GigConnection {
    /// A page of the gigs that `query` finds.
    ///
    /// # Errors
    /// BAD_USER_INPUT or INVALID_CURSOR if the page arguments are invalid.
    pub async fn of_query(
        ctx: &Context<'_>,
        viewer: Option<&Viewer>,
        query: GigQuery,
        arguments: PageArguments,
    ) -> Result<Self> {
        let request = arguments.parse(query.key_shape())?;
        let columns = selected_columns(ctx);
        let page = list::page(ctx.db(), &query, &request, columns).await?;
        Ok(Self { list: GigList::Query(Box::new(query)), viewer: viewer.cloned(), page, request })
    }

    /// A page of a seller's ACTIVE gigs.
    ///
    /// # Errors
    /// BAD_USER_INPUT or INVALID_CURSOR if the page arguments are invalid.
    pub async fn of_seller(ctx: &Context<'_>, seller_id: UserId, arguments: PageArguments) -> Result<Self> {
        let viewer = ctx.visibility()?.cloned();
        let request = arguments.parse(GigQuery::listed_by_seller(seller_id).key_shape())?;
        let key = GigsOfSeller { seller_id, request: request.clone(), columns: selected_columns(ctx) };
        let page = ctx.loader().load_one(key).await?.unwrap_or_default();
        Ok(Self { list: GigList::OfSeller(seller_id), viewer, page, request })
    }

    fn gig(&self, row: &Arc<GigRow>) -> Gig {
        Gig::from_row(Arc::clone(row), self.viewer.as_ref())
    }
}

/// The columns of the gigs that the selection of a connection needs.
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
    /// The gigs of the page, each with its cursor.
    async fn edges(&self) -> List<GigEdge> {
        let rows = self.page.rows.iter();
        rows.map(|(key, row)| GigEdge { cursor: key.to_cursor(), node: self.gig(row) }).collect()
    }

    /// The gigs of the page, without cursors.
    async fn nodes(&self) -> List<Gig> {
        self.page.rows.iter().map(|(_, row)| self.gig(row)).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        let is_selected = ctx.look_ahead().field(opposite_side_field(&self.request)).exists();
        let has_opposite = match opposite_side(&self.request).filter(|_| is_selected) {
            None => false,
            Some((side, key)) => match &self.list {
                GigList::Query(query) => list::exists_on_side(ctx.db(), query, side, key).await?,
                GigList::OfSeller(seller_id) => {
                    let on_side = SellerGigsOnSide { seller_id: *seller_id, side, key: key.clone() };
                    ctx.loader().load_one(on_side).await?.is_some()
                }
            },
        };
        Ok(page_info(&self.page, &self.request, has_opposite))
    }

    /// Counts of the gigs in the whole list, by category, price and tag.
    async fn facets(&self) -> GigFacets<'_> {
        GigFacets(&self.list)
    }

    /// The number of gigs in the whole list. It is counted only if it is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        match &self.list {
            GigList::Query(query) => Ok(list::count(ctx.db(), query).await?),
            GigList::OfSeller(seller_id) => {
                let count = ctx.loader().load_one(GigCountOfSeller(*seller_id)).await?;
                Ok(i32::try_from(count.unwrap_or_default()).unwrap_or(i32::MAX))
            }
        }
    }
}
