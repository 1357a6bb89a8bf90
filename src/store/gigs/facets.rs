//! Facets: how many gigs of a list are in each category and each price range, and how many have each tag.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use crate::domain::gig_filter::PRICE_RANGE_STARTS;
use crate::domain::id::{CategoryId, UserId};
use crate::store::Result;
use crate::store::gigs::query::GigQuery;
use crate::store::gigs::search::MatchField;
use crate::store::gigs::sql::conditions;
use crate::store::sql::Sql;

/// What the gigs are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Facet {
    Category,
    Price,
    Tag,
}

/// One group of a facet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bucket {
    Category(CategoryId),
    /// The lowest price of a range in cents; one of [`PRICE_RANGE_STARTS`].
    PriceFrom(i64),
    /// The normalized tag; see [`tag_key`](crate::domain::gig_form::tag_key).
    Tag(String),
}

/// The most tags that a facet has. Sellers can invent any number of tags.
const MAX_TAGS: usize = 20;

/// The statement of [`counts`].
pub fn statement(backend: DbBackend, query: &GigQuery, facet: Facet) -> Statement {
    let mut sql = Sql::new(backend);
    select(&mut sql, facet, "");
    conditions(&mut sql, query, Some(MatchField::Anywhere));
    sql.push(" GROUP BY bucket ORDER BY COUNT(*) DESC, bucket");
    if facet == Facet::Tag {
        sql.push(" LIMIT ").push_number(MAX_TAGS as u64);
    }
    sql.into_statement()
}

/// The buckets of the list that are not empty, with their number of gigs, largest first.
pub async fn counts(db: &impl ConnectionTrait, query: &GigQuery, facet: Facet) -> Result<Vec<(Bucket, i64)>> {
    let rows = db.query_all_raw(statement(db.get_database_backend(), query, facet)).await?;
    rows.iter().map(|row| Ok((bucket(facet, row)?, row.try_get_by_index(1)?))).collect()
}

/// Like [`counts`], for the ACTIVE gigs of each seller, in one statement.
pub async fn counts_of_sellers(
    db: &impl ConnectionTrait,
    sellers: &[UserId],
    facet: Facet,
) -> Result<HashMap<UserId, Vec<(Bucket, i64)>>> {
    let mut sql = Sql::new(db.get_database_backend());
    select(&mut sql, facet, ", gig.seller_id");
    sql.push("gig.seller_id IN ").bind_list(sellers.iter().copied()).push(" AND ");
    conditions(&mut sql, &GigQuery::listed(), None);
    sql.push(" GROUP BY bucket, gig.seller_id ORDER BY COUNT(*) DESC, bucket");
    let mut counts_by_seller: HashMap<UserId, Vec<(Bucket, i64)>> = HashMap::new();
    for row in db.query_all_raw(sql.into_statement()).await? {
        let of_seller = counts_by_seller.entry(row.try_get_by_index(2)?).or_default();
        if facet != Facet::Tag || of_seller.len() < MAX_TAGS {
            of_seller.push((bucket(facet, &row)?, row.try_get_by_index(1)?));
        }
    }
    Ok(counts_by_seller)
}

/// Writes a statement up to and including `WHERE`. `extra` is appended to its columns.
fn select(sql: &mut Sql, facet: Facet, extra: &str) {
    sql.push("SELECT ");
    match facet {
        Facet::Category => drop(sql.push("gig.category_id")),
        Facet::Tag => drop(sql.push("gig_tag.tag_key")),
        Facet::Price => {
            sql.push("CASE");
            for from in PRICE_RANGE_STARTS.into_iter().rev() {
                let from = from.to_string();
                sql.push(" WHEN gig.price_cents >= ").push(&from).push(" THEN ").push(&from);
            }
            sql.push(" ELSE 0 END");
        }
    }
    sql.push(" AS bucket, COUNT(*)").push(extra).push(" FROM gig");
    if facet == Facet::Tag {
        sql.push(" JOIN gig_tag ON gig_tag.gig_id = gig.id");
    }
    sql.push(" WHERE ");
}

fn bucket(facet: Facet, row: &QueryResult) -> Result<Bucket> {
    Ok(match facet {
        Facet::Category => Bucket::Category(row.try_get_by_index(0)?),
        Facet::Tag => Bucket::Tag(row.try_get_by_index(0)?),
        // The databases return integers of different sizes here.
        Facet::Price => {
            let cents: std::result::Result<i32, _> = row.try_get_by_index(0);
            Bucket::PriceFrom(cents.map(i64::from).or_else(|_| row.try_get_by_index(0))?)
        }
    })
}
