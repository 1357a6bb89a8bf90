//! How the gigs of a list are distributed.

use async_graphql::{Context, Object, SimpleObject};
use futures_util::future::BoxFuture;

use crate::domain::gig_filter::{PRICE_RANGES, price_range_end};
use crate::domain::money;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result};
use crate::graphql::loaders::FacetOfSeller;
use crate::graphql::types::gig::{Category, Money, category};
use crate::graphql::types::gig_connection::List;
use crate::store::gigs::facets;
use crate::store::gigs::facets::{Bucket, Facet};

/// How the gigs of a list are distributed. Every gig that the list's filter and search leave is counted, on whatever page
/// it is; each of these is counted only where it is asked for.
pub struct GigFacets<'a>(pub &'a List);

/// A category, and how many gigs of the list are in it.
#[derive(SimpleObject)]
pub struct CategoryCount {
    /// The category.
    category: Category,
    /// At least 1.
    count: i32,
}

/// A range of prices, and how many gigs of the list are in it.
#[derive(SimpleObject)]
pub struct PriceRangeCount {
    /// The least price of the range.
    minimum: Money,
    /// The greatest price of the range; null where it has no end.
    maximum: Option<Money>,
    /// 0 or more.
    count: i32,
}

/// A tag, and how many gigs of the list have it.
#[derive(SimpleObject)]
pub struct TagCount {
    /// In lower case, as `where.tags` takes it.
    tag: String,
    /// At least 1.
    count: i32,
}

impl GigFacets<'_> {
    // Boxed: the futures of all fields are as large as the largest.
    fn counts<'a>(&'a self, ctx: &'a Context<'_>, facet: Facet) -> BoxFuture<'a, Result<Vec<(Bucket, i32)>>> {
        Box::pin(async move {
            let counts = match self.0 {
                List::Query(query) => facets::counts(ctx.services().db.read(), query, facet).await?,
                List::OfSeller(seller_id) => {
                    let key = FacetOfSeller { seller_id: *seller_id, facet };
                    ctx.loader().load_one(key).await?.unwrap_or_default()
                }
            };
            let small = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
            Ok(counts.into_iter().map(|(bucket, count)| (bucket, small(count))).collect())
        })
    }
}

/// How the gigs of a list are distributed. Every gig that the list's filter and search leave is counted, on whatever page
/// it is; each of these is counted only where it is asked for.
#[Object]
impl GigFacets<'_> {
    /// The categories that have any of the list's gigs, the one with the most first. Their counts add up to `totalCount`.
    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<CategoryCount>> {
        let mut categories = Vec::new();
        for (bucket, count) in self.counts(ctx, Facet::Category).await? {
            let Bucket::Category(id) = bucket else { return Err(Error::internal(&"no category")) };
            categories.push(CategoryCount { category: category(ctx, id).await?, count });
        }
        Ok(categories)
    }

    /// Ranges of prices, the cheapest first, also those without a gig. Their counts add up to `totalCount`.
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
        Ok(PRICE_RANGES.into_iter().map(range).collect())
    }

    /// The 20 tags that most of the list's gigs have, the most frequent first. A gig counts for each of its tags.
    async fn tags(&self, ctx: &Context<'_>) -> Result<Vec<TagCount>> {
        let counts = self.counts(ctx, Facet::Tag).await?.into_iter();
        let tag = |(bucket, count)| match bucket {
            Bucket::Tag(tag) => Some(TagCount { tag, count }),
            _ => None,
        };
        Ok(counts.filter_map(tag).collect())
    }
}
