//! Lists of gigs: filtered, searched, ordered and paged by key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use uuid::Uuid;

use crate::store::Result;
use crate::store::gigs::query::GigQuery;
use crate::store::gigs::rows::{ColumnSet, GigRow};
use crate::store::gigs::search::MatchField;
use crate::store::gigs::sql::{
    Bounds, RelevanceTier, Search, WHOLE, bounds, bounds_on, conditions, layout, searches, statement, tiers,
};
use crate::store::pagination::{Direction, Page, PageKey, PageRequest, Side};
use crate::store::sql::Sql;

/// One page of a list, with these parts of each gig.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    db: &impl ConnectionTrait,
    query: &GigQuery,
    request: &PageRequest,
    columns: ColumnSet,
) -> Result<Page<Arc<GigRow>>> {
    let wanted = request.size + 1;
    let mut found = Vec::new();
    for tier in tiers(query, request.paging) {
        let Some(bounds) = bounds(query, tier, request) else { continue };
        let missing = wanted - found.len() as u64;
        found.extend(of_tier(db, query, tier, &bounds, missing, columns).await?);
        if found.len() as u64 == wanted {
            break;
        }
    }
    Ok(Page::of_found(found, request))
}

/// The first so many gigs of a tier within bounds.
async fn of_tier(
    db: &impl ConnectionTrait,
    query: &GigQuery,
    tier: RelevanceTier,
    bounds: &Bounds,
    wanted: u64,
    columns: ColumnSet,
) -> Result<Vec<(PageKey, Arc<GigRow>)>> {
    let backend = db.get_database_backend();
    let mut found = Vec::new();
    for search in searches(query, backend) {
        let statement = statement(backend, query, tier, bounds, wanted, columns, *search);
        found = layout(query, columns).read(&db.query_all_raw(statement).await?)?;
        if found.len() as u64 == wanted {
            break;
        }
    }
    Ok(found)
}

/// The statements that a page may take, in their order: for a look at how the database goes about them.
pub fn statements(
    backend: DbBackend,
    query: &GigQuery,
    request: &PageRequest,
    columns: ColumnSet,
) -> Vec<(Search, Statement)> {
    let mut all = Vec::new();
    for tier in tiers(query, request.paging) {
        let Some(bounds) = bounds(query, tier, request) else { continue };
        for search in searches(query, backend) {
            let statement = statement(backend, query, tier, &bounds, request.size + 1, columns, *search);
            all.push((*search, statement));
        }
    }
    all
}

/// For each of the sellers a page of their ACTIVE gigs, newest first, in one statement.
///
/// # Errors
/// Where the database does not answer.
pub async fn pages_of_sellers(
    db: &impl ConnectionTrait,
    sellers: &[Uuid],
    request: &PageRequest,
    columns: ColumnSet,
) -> Result<HashMap<Uuid, Page<Arc<GigRow>>>> {
    let query = GigQuery::listed();
    let layout = layout(&query, columns);
    let Some(bounds) = bounds(&query, WHOLE, request) else { return Ok(HashMap::new()) };
    let order = bounds.order(query.order);
    let mut sql = Sql::new(db.get_database_backend());
    layout.write(&mut sql, &order, |sql| {
        sql.push("SELECT * FROM (SELECT ").push_list(layout.columns());
        sql.push(", ROW_NUMBER() OVER (PARTITION BY gig.seller_id ORDER BY ").push(&order);
        sql.push(") AS number FROM gig WHERE gig.seller_id IN ")
            .bind_list(sellers.iter().copied())
            .push(" AND ");
        conditions(sql, &query, None);
        bounds.write(sql, query.order);
        sql.push(") AS gig WHERE number <= ").push_number(request.size + 1);
    });
    let mut of_sellers: HashMap<Uuid, Vec<(PageKey, Arc<GigRow>)>> = HashMap::new();
    for (key, listed) in layout.read(&db.query_all_raw(sql.into_statement()).await?)? {
        of_sellers.entry(listed.gig.seller_id).or_default().push((key, listed));
    }
    Ok(of_sellers.into_iter().map(|(seller, rows)| (seller, Page::of_found(rows, request))).collect())
}

/// How many gigs the list holds.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(db: &impl ConnectionTrait, query: &GigQuery) -> Result<i32> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT COUNT(*) FROM gig WHERE ");
    conditions(&mut sql, query, Some(MatchField::Anywhere));
    let row = db.query_one_raw(sql.into_statement()).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// How many ACTIVE gigs each of the sellers has; one who has none is not in the answer.
///
/// # Errors
/// Where the database does not answer.
pub async fn counts_of_sellers(db: &impl ConnectionTrait, sellers: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT gig.seller_id, COUNT(*) FROM gig WHERE gig.seller_id IN ");
    sql.bind_list(sellers.iter().copied()).push(" AND ");
    conditions(&mut sql, &GigQuery::listed(), None);
    sql.push(" GROUP BY gig.seller_id");
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// Whether the list has any row at `key` or on that side of it.
///
/// # Errors
/// Where the database does not answer.
pub async fn exists_on(
    db: &impl ConnectionTrait,
    query: &GigQuery,
    side: Side,
    key: &PageKey,
) -> Result<bool> {
    // As a page of one that is read from the key away.
    let paging = if side == Side::UpTo { Direction::Backward } else { Direction::Forward };
    for tier in tiers(query, paging) {
        let Some(bounds) = bounds_on(query, tier, side, key) else { continue };
        if !of_tier(db, query, tier, &bounds, 1, ColumnSet::new()).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Which of the sellers have an ACTIVE gig at `key` or on that side of it, newest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn sellers_on(
    db: &impl ConnectionTrait,
    sellers: &[Uuid],
    side: Side,
    key: &PageKey,
) -> Result<HashSet<Uuid>> {
    let query = GigQuery::listed();
    let Some(bounds) = bounds_on(&query, WHOLE, side, key) else { return Ok(HashSet::new()) };
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT DISTINCT gig.seller_id FROM gig WHERE gig.seller_id IN ");
    sql.bind_list(sellers.iter().copied()).push(" AND ");
    conditions(&mut sql, &query, None);
    bounds.write(&mut sql, query.order);
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
