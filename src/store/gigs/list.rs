//! Lists of gigs: filtered, searched, ordered, and paged by key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::domain::id::UserId;
use crate::store::Result;
use crate::store::gigs::query::GigQuery;
use crate::store::gigs::rows::{ColumnSet, GigRow};
use crate::store::gigs::search::MatchField;
use crate::store::gigs::sql::{
    Bounds, RelevanceTier, SearchStrategy, WHOLE_LIST, bounds, conditions, page_statement, row_layout,
    side_bounds, strategies, tiers,
};
use crate::store::pagination::{Direction, Page, PageKey, PageRequest, Side};
use crate::store::sql::Sql;

/// One page of a list, with these columns of each gig.
pub async fn page(
    db: &impl ConnectionTrait,
    query: &GigQuery,
    request: &PageRequest,
    columns: ColumnSet,
) -> Result<Page<Arc<GigRow>>> {
    let limit = request.size + 1;
    let mut rows = Vec::new();
    for tier in tiers(query, request.direction) {
        let Some(bounds) = bounds(query, tier, request) else { continue };
        let remaining = limit - rows.len() as u64;
        rows.extend(tier_rows(db, query, tier, &bounds, remaining, columns).await?);
        if rows.len() as u64 == limit {
            break;
        }
    }
    Ok(Page::from_rows(rows, request))
}

/// The first `limit` gigs of a tier within bounds.
async fn tier_rows(
    db: &impl ConnectionTrait,
    query: &GigQuery,
    tier: RelevanceTier,
    bounds: &Bounds,
    limit: u64,
    columns: ColumnSet,
) -> Result<Vec<(PageKey, Arc<GigRow>)>> {
    let backend = db.get_database_backend();
    let mut rows = Vec::new();
    for search in strategies(query, backend) {
        let statement = page_statement(backend, query, tier, bounds, limit, columns, *search);
        rows = row_layout(query, columns).read(&db.query_all_raw(statement).await?)?;
        if rows.len() as u64 == limit {
            break;
        }
    }
    Ok(rows)
}

/// The statements that a page may run, in order. For tests of their query plans.
pub fn statements(
    backend: DbBackend,
    query: &GigQuery,
    request: &PageRequest,
    columns: ColumnSet,
) -> Vec<(SearchStrategy, Statement)> {
    let mut statements = Vec::new();
    for tier in tiers(query, request.direction) {
        let Some(bounds) = bounds(query, tier, request) else { continue };
        for search in strategies(query, backend) {
            let statement = page_statement(backend, query, tier, &bounds, request.size + 1, columns, *search);
            statements.push((*search, statement));
        }
    }
    statements
}

/// A page of ACTIVE gigs of each seller, newest first, in one statement.
pub async fn pages_of_sellers(
    db: &impl ConnectionTrait,
    sellers: &[UserId],
    request: &PageRequest,
    columns: ColumnSet,
) -> Result<HashMap<UserId, Page<Arc<GigRow>>>> {
    let query = GigQuery::listed();
    let layout = row_layout(&query, columns);
    let Some(bounds) = bounds(&query, WHOLE_LIST, request) else { return Ok(HashMap::new()) };
    let order = bounds.order(query.order);
    let mut sql = Sql::new(db.get_database_backend());
    layout.write(&mut sql, &order, |sql| {
        sql.push("SELECT * FROM (SELECT ").push_list(layout.gig_columns());
        sql.push(", ROW_NUMBER() OVER (PARTITION BY gig.seller_id ORDER BY ").push(&order);
        sql.push(") AS number FROM gig WHERE gig.seller_id IN ")
            .bind_list(sellers.iter().copied())
            .push(" AND ");
        conditions(sql, &query, None);
        bounds.write(sql, query.order);
        sql.push(") AS gig WHERE number <= ").push_number(request.size + 1);
    });
    let mut rows_by_seller: HashMap<UserId, Vec<(PageKey, Arc<GigRow>)>> = HashMap::new();
    for (key, row) in layout.read(&db.query_all_raw(sql.into_statement()).await?)? {
        rows_by_seller.entry(row.gig.seller_id).or_default().push((key, row));
    }
    Ok(rows_by_seller.into_iter().map(|(seller, rows)| (seller, Page::from_rows(rows, request))).collect())
}

/// The statement of [`count`].
pub fn count_statement(backend: DbBackend, query: &GigQuery) -> Statement {
    let mut sql = Sql::new(backend);
    sql.push("SELECT COUNT(*) FROM gig WHERE ");
    conditions(&mut sql, query, Some(MatchField::Anywhere));
    sql.into_statement()
}

/// How many gigs the list has.
pub async fn count(db: &impl ConnectionTrait, query: &GigQuery) -> Result<i32> {
    let row = db.query_one_raw(count_statement(db.get_database_backend(), query)).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// How many ACTIVE gigs each seller has. A seller without any is missing in the map.
pub async fn counts_of_sellers(
    db: &impl ConnectionTrait,
    sellers: &[UserId],
) -> Result<HashMap<UserId, i64>> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT gig.seller_id, COUNT(*) FROM gig WHERE gig.seller_id IN ");
    sql.bind_list(sellers.iter().copied()).push(" AND ");
    conditions(&mut sql, &GigQuery::listed(), None);
    sql.push(" GROUP BY gig.seller_id");
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// Whether the list has a row on this side of `key`.
pub async fn exists_on_side(
    db: &impl ConnectionTrait,
    query: &GigQuery,
    side: Side,
    key: &PageKey,
) -> Result<bool> {
    // Reads a page of one row, away from the key.
    let direction = if side == Side::UpTo { Direction::Backward } else { Direction::Forward };
    for tier in tiers(query, direction) {
        let Some(bounds) = side_bounds(query, tier, side, key) else { continue };
        if !tier_rows(db, query, tier, &bounds, 1, ColumnSet::new()).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The sellers who have an ACTIVE gig on this side of `key` in the order from newest to oldest.
pub async fn sellers_on_side(
    db: &impl ConnectionTrait,
    sellers: &[UserId],
    side: Side,
    key: &PageKey,
) -> Result<HashSet<UserId>> {
    let query = GigQuery::listed();
    let Some(bounds) = side_bounds(&query, WHOLE_LIST, side, key) else { return Ok(HashSet::new()) };
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT DISTINCT gig.seller_id FROM gig WHERE gig.seller_id IN ");
    sql.bind_list(sellers.iter().copied()).push(" AND ");
    conditions(&mut sql, &query, None);
    bounds.write(&mut sql, query.order);
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
