//! Lists of gigs: filtered, searched, ordered and paged by key.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::{gig, gig_tag, user};
use sea_orm::sea_query::{Alias, CaseStatement, Expr, ExprTrait, Order, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, QueryTrait,
};
use uuid::Uuid;

use super::page::{Key, Ordering, Page, PageRequest, Paging, Side};
use super::{Result, gigs};
use crate::domain::gig::{Gig, GigStatus};
use crate::domain::gig_filter::{GigFilter, GigOrder};

/// Whose gigs a list holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// What everybody sees: ACTIVE gigs.
    Listed,
    /// One seller's own, in these statuses, or in all.
    Own { seller_id: Uuid, statuses: Option<Vec<GigStatus>> },
}

/// A list of gigs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GigQuery {
    pub scope: Scope,
    pub filter: GigFilter,
    /// Each must begin a word of the gig; `None` does not search. No words at all find nothing.
    pub words: Option<Vec<String>>,
    pub order: GigOrder,
}

impl GigQuery {
    /// One seller's ACTIVE gigs, newest first.
    pub fn listed_of(seller_id: Uuid) -> Self {
        Self {
            scope: Scope::Listed,
            filter: GigFilter { seller: Some(seller_id), ..GigFilter::default() },
            words: None,
            order: GigOrder::Newest,
        }
    }

    /// The name of the order in cursors, and how many values its keys have.
    pub fn key_shape(&self) -> (&'static str, usize) {
        let values = if self.order == GigOrder::Relevance { 2 } else { 1 };
        (self.order.into(), values)
    }
}

#[derive(Debug, FromQueryResult)]
struct FoundRow {
    #[sea_orm(nested)]
    gig: gig::Model,
    relevance: i32,
}

/// One page of a list.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(db: &impl ConnectionTrait, query: &GigQuery, request: &PageRequest) -> Result<Page<Gig>> {
    let backend = db.get_database_backend();
    let ordering = ordering(query, backend);
    let mut select = select(query, backend);
    bound(&mut select, &ordering, query.order, request);
    order(&mut select, &ordering, request.paging);
    select.limit(request.size + 1);
    let rows = FoundRow::find_by_statement(backend.build(&select)).all(db).await?;
    Ok(Page::of_found(keyed(rows, query.order)?, request))
}

/// For each of the sellers a page of their ACTIVE gigs, newest first, in one statement.
///
/// # Errors
/// Where the database does not answer.
pub async fn pages_of_sellers(
    db: &impl ConnectionTrait,
    sellers: &[Uuid],
    request: &PageRequest,
) -> Result<HashMap<Uuid, Page<Gig>>> {
    let backend = db.get_database_backend();
    let query = GigQuery { filter: GigFilter::default(), ..GigQuery::listed_of(Uuid::nil()) };
    let ordering = ordering(&query, backend);
    let mut numbered = select(&query, backend);
    numbered.and_where(gig::Column::SellerId.is_in(sellers.iter().copied()));
    bound(&mut numbered, &ordering, query.order, request);
    let descending = ordering.fetches_descending(request.paging);
    let direction = if descending { "DESC" } else { "ASC" };
    let number = format!(
        "ROW_NUMBER() OVER (PARTITION BY seller_id ORDER BY published_at {direction}, id {direction})"
    );
    numbered.expr_as(Expr::cust(number), Alias::new("number"));
    let mut select = Query::select();
    select
        .expr(Expr::cust("*"))
        .from_subquery(numbered, "gig")
        .and_where(Expr::col("number").lte(request.size + 1));
    order(&mut select, &ordering, request.paging);
    let rows = FoundRow::find_by_statement(backend.build(&select)).all(db).await?;
    let mut of_sellers: HashMap<Uuid, Vec<(Key, Gig)>> = HashMap::new();
    for (key, gig) in keyed(rows, query.order)? {
        of_sellers.entry(gig.seller_id).or_default().push((key, gig));
    }
    Ok(of_sellers.into_iter().map(|(seller, rows)| (seller, Page::of_found(rows, request))).collect())
}

/// How many gigs the list holds.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(db: &impl ConnectionTrait, query: &GigQuery) -> Result<i32> {
    let backend = db.get_database_backend();
    let mut select = Query::select();
    select.expr(Expr::cust("COUNT(*)")).from("gig").cond_where(conditions(query, backend));
    let row = db.query_one(&select).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// How many ACTIVE gigs each of the sellers has; one who has none is not in the answer.
///
/// # Errors
/// Where the database does not answer.
pub async fn counts_of_sellers(db: &impl ConnectionTrait, sellers: &[Uuid]) -> Result<HashMap<Uuid, i64>> {
    let counts: Vec<(Uuid, i64)> = gig::Entity::find()
        .select_only()
        .column(gig::Column::SellerId)
        .column_as(gig::Column::Id.count(), "count")
        .filter(gig::Column::Status.eq(gigs::status_text(GigStatus::Active)))
        .filter(gig::Column::SellerId.is_in(sellers.iter().copied()))
        .group_by(gig::Column::SellerId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(counts.into_iter().collect())
}

/// Whether the list has any row at `key` or on that side of it.
///
/// # Errors
/// Where the database does not answer.
pub async fn exists_on(db: &impl ConnectionTrait, query: &GigQuery, side: Side, key: &Key) -> Result<bool> {
    let backend = db.get_database_backend();
    let beyond = ordering(query, backend).on(side, key_values(query.order, key));
    let mut select = Query::select();
    select.expr(Expr::val(1)).from("gig").cond_where(conditions(query, backend)).and_where(beyond).limit(1);
    Ok(db.query_one(&select).await?.is_some())
}

/// Which of the sellers have an ACTIVE gig at `key` or on that side of it, newest first.
///
/// # Errors
/// Where the database does not answer.
pub async fn sellers_on(
    db: &impl ConnectionTrait,
    sellers: &[Uuid],
    side: Side,
    key: &Key,
) -> Result<HashSet<Uuid>> {
    let query = GigQuery { filter: GigFilter::default(), ..GigQuery::listed_of(Uuid::nil()) };
    let backend = db.get_database_backend();
    let beyond = ordering(&query, backend).on(side, key_values(query.order, key));
    let found: Vec<Uuid> = gig::Entity::find()
        .select_only()
        .column(gig::Column::SellerId)
        .distinct()
        .filter(conditions(&query, backend))
        .filter(gig::Column::SellerId.is_in(sellers.iter().copied()))
        .filter(beyond)
        .into_tuple()
        .all(db)
        .await?;
    Ok(found.into_iter().collect())
}

fn select(query: &GigQuery, backend: DbBackend) -> SelectStatement {
    let relevance = match query.order {
        GigOrder::Relevance => relevance(query, backend),
        _ => Expr::cust("0"),
    };
    gig::Entity::find().expr_as(relevance, "relevance").filter(conditions(query, backend)).into_query()
}

/// Restricts `select` to the bounds that the request names.
fn bound(select: &mut SelectStatement, ordering: &Ordering, order: GigOrder, request: &PageRequest) {
    if let Some(after) = &request.after {
        select.and_where(ordering.behind(key_values(order, after)));
    }
    if let Some(before) = &request.before {
        select.and_where(ordering.in_front_of(key_values(order, before)));
    }
}

fn order(select: &mut SelectStatement, ordering: &Ordering, paging: Paging) {
    let direction = if ordering.fetches_descending(paging) { Order::Desc } else { Order::Asc };
    for column in &ordering.columns {
        select.order_by_expr(column.clone(), direction.clone());
    }
}

fn ordering(query: &GigQuery, backend: DbBackend) -> Ordering {
    let column = |column: gig::Column| Expr::col((gig::Entity, column));
    let id = column(gig::Column::Id);
    let published_at = column(gig::Column::PublishedAt);
    let (columns, descending) = match query.order {
        GigOrder::Newest => (vec![published_at, id], true),
        GigOrder::Oldest => (vec![published_at, id], false),
        GigOrder::PriceLowest => (vec![column(gig::Column::PriceCents), id], false),
        GigOrder::PriceHighest => (vec![column(gig::Column::PriceCents), id], true),
        GigOrder::Relevance => (vec![relevance(query, backend), published_at, id], true),
        GigOrder::Created => (vec![column(gig::Column::CreatedAt), id], true),
    };
    Ordering { columns, descending }
}

/// The key's values as the columns they are compared with hold them.
fn key_values(order: GigOrder, key: &Key) -> Vec<SimpleExpr> {
    let moment = |micros: i64| {
        let moment: DateTime<Utc> = DateTime::from_timestamp_micros(micros).unwrap_or_default();
        Expr::value(moment)
    };
    let mut values: Vec<SimpleExpr> = match (order, key.values.as_slice()) {
        (GigOrder::Newest | GigOrder::Oldest | GigOrder::Created, [micros]) => vec![moment(*micros)],
        (GigOrder::Relevance, [relevance, micros]) => vec![Expr::value(*relevance), moment(*micros)],
        (_, values) => values.iter().copied().map(Expr::value).collect(),
    };
    values.push(Expr::value(key.id));
    values
}

fn keyed(rows: Vec<FoundRow>, order: GigOrder) -> Result<Vec<(Key, Gig)>> {
    let micros = |moment: Option<DateTime<Utc>>| moment.unwrap_or_default().timestamp_micros();
    rows.into_iter()
        .map(|FoundRow { gig, relevance }| {
            let values = match order {
                GigOrder::Newest | GigOrder::Oldest => vec![micros(gig.published_at)],
                GigOrder::Created => vec![micros(Some(gig.created_at))],
                GigOrder::PriceLowest | GigOrder::PriceHighest => vec![gig.price_cents],
                GigOrder::Relevance => vec![i64::from(relevance), micros(gig.published_at)],
            };
            let key = Key { order: order.into(), values, id: gig.id };
            Ok((key, gigs::from_row(gig)?))
        })
        .collect()
}

fn conditions(query: &GigQuery, backend: DbBackend) -> Condition {
    let filter = &query.filter;
    let mut all = match &query.scope {
        Scope::Listed => Condition::all().add(gig::Column::Status.eq(gigs::status_text(GigStatus::Active))),
        Scope::Own { seller_id, statuses } => {
            let statuses = statuses
                .as_ref()
                .map(|of| gig::Column::Status.is_in(of.iter().copied().map(gigs::status_text)));
            Condition::all().add(gig::Column::SellerId.eq(*seller_id)).add_option(statuses)
        }
    };
    all = all
        .add_option(filter.categories.as_ref().map(|ids| gig::Column::CategoryId.is_in(ids.iter().copied())))
        .add_option(filter.seller.map(|id| gig::Column::SellerId.eq(id)))
        .add_option(filter.min_price_cents.map(|cents| gig::Column::PriceCents.gte(cents)))
        .add_option(filter.max_price_cents.map(|cents| gig::Column::PriceCents.lte(cents)))
        .add_option(filter.max_delivery_days.map(|days| gig::Column::DeliveryDays.lte(days)));
    if let Some(tags) = &filter.tags {
        let tagged = gig_tag::Entity::find()
            .select_only()
            .column(gig_tag::Column::GigId)
            .filter(gig_tag::Column::TagKey.is_in(tags.iter().cloned()))
            .into_query();
        all = all.add(gig::Column::Id.in_subquery(tagged));
    }
    if let Some(verified) = filter.seller_verified {
        let people = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(if verified {
                user::Column::VerifiedAt.is_not_null()
            } else {
                user::Column::VerifiedAt.is_null()
            })
            .into_query();
        all = all.add(gig::Column::SellerId.in_subquery(people));
    }
    if let Some(words) = &query.words {
        all = all.add(found_by(words, Part::Whole, backend));
    }
    all
}

/// 1 where the title alone has every word, else 0.
fn relevance(query: &GigQuery, backend: DbBackend) -> SimpleExpr {
    match &query.words {
        Some(words) if !words.is_empty() => CaseStatement::new()
            .case(found_by(words, Part::Title, backend), Expr::cust("1"))
            .finally(Expr::cust("0"))
            .into(),
        // Not a plain 0, which ORDER BY would take for the number of a column.
        _ => Expr::cust("0 + 0"),
    }
}

/// Where the words are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    Whole,
}

/// The gigs in which each of the words begins a word.
fn found_by(words: &[String], part: Part, backend: DbBackend) -> SimpleExpr {
    if words.is_empty() {
        return Expr::cust("1 = 0");
    }
    if backend == DbBackend::Postgres {
        let weight = if part == Part::Title { "A" } else { "" };
        let terms: Vec<_> = words.iter().map(|word| format!("{word}:*{weight}")).collect();
        let sql = "gig.search @@ to_tsquery('simple', $1)";
        Expr::cust_with_values(sql, [terms.join(" & ")])
    } else {
        let column = if part == Part::Title { "{title} : " } else { "" };
        let terms: Vec<_> = words.iter().map(|word| format!("{column}\"{word}\" *")).collect();
        let sql = "gig.id IN (SELECT gig_search_key.gig_id FROM gig_search JOIN gig_search_key \
                   ON gig_search_key.id = gig_search.rowid WHERE gig_search MATCH ?)";
        Expr::cust_with_values(sql, [terms.join(" AND ")])
    }
}
