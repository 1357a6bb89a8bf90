//! Facets: how many gigs of a list are in each category and each price range, and how many have each tag.

use async_graphql::{Context, Object, SimpleObject};
use futures_util::future::BoxFuture;

use crate::domain::gig_filter::{PRICE_RANGE_STARTS, price_range_end};
use crate::domain::money;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result};
use crate::graphql::loaders::FacetOfSeller;
use crate::graphql::types::gig::{Category, Money, load_category};
use crate::graphql::types::gig_connection::GigList;
use crate::store::gigs::facets;
use crate::store::gigs::facets::{Bucket, Facet};

/// The facets of this list.
pub struct GigFacets<'a>(pub &'a GigList);

/// The number of gigs in a category.
#[derive(SimpleObject)]
pub struct CategoryCount {
    /// The category.
    category: Category,
    /// The number of gigs, at least 1.
    count: i32,
}

/// The number of gigs in a price range.
#[derive(SimpleObject)]
pub struct PriceRangeCount {
    /// The lowest price of the range.
    minimum: Money,
    /// The highest price of the range; null if the range has no upper bound.
    maximum: Option<Money>,
    /// The number of gigs, 0 or more.
    count: i32,
}

/// The number of gigs with a tag.
#[derive(SimpleObject)]
pub struct TagCount {
    /// The tag in lower case. `where.tags` accepts it.
    tag: String,
    /// The number of gigs, at least 1.
    count: i32,
}

impl GigFacets<'_> {
    /// Counts a facet. Boxed, because the future of every field is as large as the largest of them.
    fn counts<'a>(&'a self, ctx: &'a Context<'_>, facet: Facet) -> BoxFuture<'a, Result<Vec<(Bucket, i32)>>> {
        Box::pin(async move {
            let counts = match self.0 {
                GigList::Query(query) => facets::counts(ctx.db(), query, facet).await?,
                GigList::OfSeller(seller_id) => {
                    let key = FacetOfSeller { seller_id: *seller_id, facet };
                    ctx.loader().load_one(key).await?.unwrap_or_default()
                }
            };
            let to_int = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
            Ok(counts.into_iter().map(|(bucket, count)| (bucket, to_int(count))).collect())
        })
    }
}

/// Counts of the gigs in a list. They include all gigs that match the filter and the search, on every page.
/// Each facet is counted only if it is selected.
#[Object]
impl GigFacets<'_> {
    /// The categories with at least one gig, the one with the most gigs first. The counts add up to
    /// `totalCount`.
    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<CategoryCount>> {
        let mut categories = Vec::new();
        for (bucket, count) in self.counts(ctx, Facet::Category).await? {
            let Bucket::Category(id) = bucket else {
                return Err(Error::internal(&"a category facet has another kind of bucket"));
            };
            categories.push(CategoryCount { category: load_category(ctx, id).await?, count });
        }
        Ok(categories)
    }

    /// All price ranges, the cheapest first, including those without a gig. The counts add up to
    /// `totalCount`.
    async fn price_ranges(&self, ctx: &Context<'_>) -> Result<Vec<PriceRangeCount>> {
        let counts = self.counts(ctx, Facet::Price).await?;
        let money = |cents| Money::from(money::Money::from_cents(cents));
        let range = |from: i64| {
            let count = counts.iter().find(|(bucket, _)| *bucket == Bucket::PriceFrom(from));
            PriceRangeCount {
                minimum: money(from),
                maximum: price_range_end(from).map(money),
                count: count.map_or(0, |(_, count)| *count),
            }
        };
        Ok(PRICE_RANGE_STARTS.into_iter().map(range).collect())
    }

    /// The 20 most frequent tags, the most frequent first. A gig counts once for each of its tags.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<TagCount>> {
        let counts = self.counts(ctx, Facet::Tag).await?.into_iter();
        let tag = |(bucket, count)| match bucket {
            Bucket::Tag(tag) => Some(TagCount { tag, count }),
            _ => None,
        };
        Ok(counts.filter_map(tag).collect())
    }
}
