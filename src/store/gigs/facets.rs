//! How the gigs of a list are distributed: over categories, prices and tags.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use crate::domain::gig_filter::PRICE_RANGES;
use crate::store::Result;
use crate::store::gigs::query::GigQuery;
use crate::store::gigs::search::MatchField;
use crate::store::gigs::sql::conditions;
use crate::store::sql::Sql;

/// By what the gigs are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Facet {
    Category,
    /// By the least price of the range.
    Price,
    Tag,
}

/// What the gigs that were counted have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bucket {
    Category(Uuid),
    /// In cents; one of [`PRICE_RANGES`].
    PriceFrom(i64),
    /// As [`tag_key`](crate::domain::gig_form::tag_key) makes it.
    Tag(String),
}

/// Tags are as many as people think of: no more than these are counted.
const TAGS_MAX: usize = 20;

/// How many of the list's gigs are in each bucket that has any, most first.
///
/// # Errors
/// Where the database does not answer.
pub async fn counts(db: &impl ConnectionTrait, query: &GigQuery, facet: Facet) -> Result<Vec<(Bucket, i64)>> {
    let mut sql = Sql::new(db.get_database_backend());
    select(&mut sql, facet, "");
    conditions(&mut sql, query, Some(MatchField::Anywhere));
    sql.push(" GROUP BY bucket ORDER BY COUNT(*) DESC, bucket");
    if facet == Facet::Tag {
        sql.push(" LIMIT ").push_number(TAGS_MAX as u64);
    }
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| Ok((bucket(facet, row)?, row.try_get_by_index(1)?))).collect()
}

/// The same of each seller's ACTIVE gigs, in one statement.
///
/// # Errors
/// Where the database does not answer.
pub async fn counts_of_sellers(
    db: &impl ConnectionTrait,
    sellers: &[Uuid],
    facet: Facet,
) -> Result<HashMap<Uuid, Vec<(Bucket, i64)>>> {
    let mut sql = Sql::new(db.get_database_backend());
    select(&mut sql, facet, ", gig.seller_id");
    sql.push("gig.seller_id IN ").bind_list(sellers.iter().copied()).push(" AND ");
    conditions(&mut sql, &GigQuery::listed(), None);
    sql.push(" GROUP BY bucket, gig.seller_id ORDER BY COUNT(*) DESC, bucket");
    let mut of_sellers: HashMap<Uuid, Vec<(Bucket, i64)>> = HashMap::new();
    for row in db.query_all_raw(sql.into_statement()).await? {
        let of_seller = of_sellers.entry(row.try_get_by_index(2)?).or_default();
        if facet != Facet::Tag || of_seller.len() < TAGS_MAX {
            of_seller.push((bucket(facet, &row)?, row.try_get_by_index(1)?));
        }
    }
    Ok(of_sellers)
}

/// Writes a statement up to its conditions.
fn select(sql: &mut Sql, facet: Facet, more: &str) {
    sql.push("SELECT ");
    match facet {
        Facet::Category => drop(sql.push("gig.category_id")),
        Facet::Tag => drop(sql.push("gig_tag.tag_key")),
        Facet::Price => {
            sql.push("CASE");
            for from in PRICE_RANGES.into_iter().rev() {
                let from = from.to_string();
                sql.push(" WHEN gig.price_cents >= ").push(&from).push(" THEN ").push(&from);
            }
            sql.push(" ELSE 0 END");
        }
    }
    sql.push(" AS bucket, COUNT(*)").push(more).push(" FROM gig");
    if facet == Facet::Tag {
        sql.push(" JOIN gig_tag ON gig_tag.gig_id = gig.id");
    }
    sql.push(" WHERE ");
}

fn bucket(facet: Facet, row: &QueryResult) -> Result<Bucket> {
    Ok(match facet {
        Facet::Category => Bucket::Category(row.try_get_by_index(0)?),
        Facet::Tag => Bucket::Tag(row.try_get_by_index(0)?),
        // A number of either size, as the database makes one.
        Facet::Price => {
            let small: std::result::Result<i32, _> = row.try_get_by_index(0);
            Bucket::PriceFrom(small.map(i64::from).or_else(|_| row.try_get_by_index(0))?)
        }
    })
}
