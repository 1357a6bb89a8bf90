//! The SQL of the lists of gigs: relevance tiers, bounds of a page, conditions.

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, Statement, Value};

use crate::domain::gig_filter::{GigFilter, GigOrder};
use crate::store::gigs;
use crate::store::gigs::query::{GigQuery, Scope};
use crate::store::gigs::rows::{ColumnSet, RowLayout};
use crate::store::gigs::search;
use crate::store::gigs::search::MatchField;
use crate::store::pagination::{Direction, PageKey, PageRequest, Side};
use crate::store::sql::Sql;

/// A part of a list that is read by its own statement. A list that is ordered by relevance has two tiers, one
/// after the other. Every other list is one tier.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelevanceTier {
    relevance: i64,
    field: MatchField,
}

pub(super) const WHOLE_LIST: RelevanceTier = RelevanceTier { relevance: 0, field: MatchField::Anywhere };
const RELEVANCE_TIERS: [RelevanceTier; 2] = [
    RelevanceTier { relevance: 1, field: MatchField::Title },
    RelevanceTier { relevance: 0, field: MatchField::Elsewhere },
];

/// How many gigs at the start of a list are searched without the full-text index. For common words, these
/// gigs fill a page. For rare words, reading the index is cheap, since it has few entries.
const WINDOW_SIZE: u64 = 5_000;

/// How a statement finds the gigs that match the search terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchStrategy {
    /// Filters the first `WINDOW_SIZE` gigs of the list.
    Window,
    /// Uses the full-text index.
    Index,
}

/// The tiers of the list, in the order in which a page reads them.
pub(super) fn tiers(query: &GigQuery, direction: Direction) -> Vec<RelevanceTier> {
    let is_ranked =
        query.order == GigOrder::Relevance && query.terms.as_ref().is_some_and(|it| !it.is_empty());
    let mut tiers = if is_ranked { RELEVANCE_TIERS.to_vec() } else { vec![WHOLE_LIST] };
    if direction == Direction::Backward {
        tiers.reverse();
    }
    tiers
}

/// The strategies to try in order until a page is full. SQLite always uses the full-text index.
pub(super) fn strategies(query: &GigQuery, backend: DbBackend) -> &'static [SearchStrategy] {
    match query.terms.as_deref() {
        Some([_, ..]) if backend == DbBackend::Postgres => &[SearchStrategy::Window, SearchStrategy::Index],
        _ => &[SearchStrategy::Index],
    }
}

/// The bounds of a page in a tier, and the direction in which it is read.
pub(super) struct Bounds {
    /// Each is an operator such as `<`, and the values of a key. For a row of the page, `row operator key`
    /// must hold for each.
    comparisons: Vec<(&'static str, Vec<Value>)>,
    reads_descending: bool,
}

/// The bounds of a page in a tier; `None` if the page has no rows of the tier.
pub(super) fn bounds(query: &GigQuery, tier: RelevanceTier, request: &PageRequest) -> Option<Bounds> {
    let descending = is_descending(query.order);
    let (after, before) = if descending { ("<", ">") } else { (">", "<") };
    let keys = [(&request.after, after), (&request.before, before)];
    let keys = keys.into_iter().filter_map(|(key, operator)| Some((key.as_ref()?, operator)));
    let reads_descending = descending == (request.direction == Direction::Forward);
    Bounds::compare(query.order, tier, keys, reads_descending)
}

/// The bounds of all rows on this side of the key, which include the key itself; `None` if the tier has no
/// such row.
pub(super) fn side_bounds(
    query: &GigQuery,
    tier: RelevanceTier,
    side: Side,
    key: &PageKey,
) -> Option<Bounds> {
    let operator = if is_descending(query.order) == (side == Side::UpTo) { ">=" } else { "<=" };
    Bounds::compare(query.order, tier, [(key, operator)].into_iter(), operator == "<=")
}

fn is_descending(order: GigOrder) -> bool {
    match order {
        GigOrder::Newest | GigOrder::PriceHighest | GigOrder::Relevance | GigOrder::CreatedNewest => true,
        GigOrder::Oldest | GigOrder::PriceLowest => false,
    }
}

/// The column by which a list is ordered, before the id.
fn order_column(order: GigOrder) -> &'static str {
    match order {
        GigOrder::Newest | GigOrder::Oldest | GigOrder::Relevance => "gig.published_at",
        GigOrder::PriceLowest | GigOrder::PriceHighest => "gig.price_cents",
        GigOrder::CreatedNewest => "gig.created_at",
    }
}

impl Bounds {
    /// The bounds of the rows for which `row operator key` holds for every key; `None` if it holds for no row
    /// of the tier.
    fn compare<'a>(
        order: GigOrder,
        tier: RelevanceTier,
        keys: impl Iterator<Item = (&'a PageKey, &'static str)>,
        reads_descending: bool,
    ) -> Option<Self> {
        let mut comparisons = Vec::new();
        for (key, operator) in keys {
            let value = match (order, key.values.as_slice()) {
                (GigOrder::Relevance, [relevance, _]) if *relevance != tier.relevance => {
                    // The key is in the other tier, so all rows of this tier compare with it in the same way.
                    if operator.starts_with('<') == (tier.relevance < *relevance) {
                        continue;
                    }
                    return None;
                }
                (GigOrder::PriceLowest | GigOrder::PriceHighest, [cents]) => Value::from(*cents),
                (_, [.., micros]) => {
                    Value::from(DateTime::<Utc>::from_timestamp_micros(*micros).unwrap_or_default())
                }
                (_, []) => continue,
            };
            comparisons.push((operator, vec![value, key.id.into()]));
        }
        Some(Self { comparisons, reads_descending })
    }

    /// The terms of the `ORDER BY` in which the rows are read.
    pub fn order(&self, order: GigOrder) -> String {
        let direction = if self.reads_descending { "DESC" } else { "ASC" };
        format!("{} {direction}, gig.id {direction}", order_column(order))
    }

    /// Writes the bounds as conditions, each after an `AND`.
    pub fn write(&self, sql: &mut Sql, order: GigOrder) {
        for (operator, values) in &self.comparisons {
            sql.push(" AND (").push(order_column(order)).push(", gig.id) ").push(operator).push(" ");
            sql.bind_list(values.iter().cloned());
        }
    }
}

/// The statement that reads up to `size` gigs of a tier.
pub(super) fn page_statement(
    backend: DbBackend,
    query: &GigQuery,
    tier: RelevanceTier,
    bounds: &Bounds,
    size: u64,
    columns: ColumnSet,
    search: SearchStrategy,
) -> Statement {
    let layout = row_layout(query, columns);
    let order = bounds.order(query.order);
    let mut sql = Sql::new(backend);
    layout.write(&mut sql, &order, |sql| {
        let terms = query.terms.as_deref().filter(|_| search == SearchStrategy::Window);
        sql.push("SELECT ").push_list(layout.gig_columns());
        if query.order == GigOrder::Relevance {
            sql.push(", ").push(if tier.relevance == 0 { "0" } else { "1" }).push(" AS relevance");
        }
        sql.push(" FROM ");
        match terms {
            None if query.terms.is_none() => {
                sql.push("gig WHERE ");
                conditions(sql, query, None);
                bounds.write(sql, query.order);
            }
            None => {
                // Find all matches first and order them afterwards, so that PostgreSQL uses the full-text
                // index even if LIMIT is small.
                sql.push("(SELECT * FROM gig WHERE ");
                conditions(sql, query, Some(tier.field));
                bounds.write(sql, query.order);
                // OFFSET 0 keeps PostgreSQL from flattening the subquery and scanning the list in its order.
                sql.push(if backend == DbBackend::Postgres { " OFFSET 0) AS gig" } else { ") AS gig" });
            }
            Some(terms) => {
                // The subquery has only the conditions that the list's index covers. So it reads at most
                // WINDOW_SIZE rows, even if few of them match the others.
                sql.push("(SELECT * FROM gig WHERE ");
                index_conditions(sql, query);
                bounds.write(sql, query.order);
                sql.push(" ORDER BY ").push(&order).push(" LIMIT ").push_number(WINDOW_SIZE);
                sql.push(") AS gig WHERE ");
                search::match_conditions(sql, terms, tier.field);
                other_conditions(sql, query);
            }
        }
        sql.push(" ORDER BY ").push(&order).push(" LIMIT ").push_number(size);
    });
    sql.into_statement()
}

/// Writes the conditions on a gig of the list; those of the search only if there is a `field` to search.
pub(super) fn conditions(sql: &mut Sql, query: &GigQuery, field: Option<MatchField>) {
    index_conditions(sql, query);
    other_conditions(sql, query);
    if let (Some(terms), Some(field)) = (&query.terms, field) {
        sql.push(" AND ");
        search::match_conditions(sql, terms, field);
    }
}

/// Writes the conditions that an index of the list covers.
fn index_conditions(sql: &mut Sql, query: &GigQuery) {
    let filter = &query.filter;
    match &query.scope {
        Scope::Listed => {
            sql.push("gig.status = 'ACTIVE'");
        }
        Scope::Own { seller_id, statuses } => {
            sql.push("gig.seller_id = ").bind(*seller_id);
            if let Some(statuses) = statuses {
                let statuses = statuses.iter().copied().map(gigs::status_text);
                sql.push(" AND gig.status IN ").bind_list(statuses);
            }
        }
    }
    if let Some([category]) = filter.categories.as_deref() {
        sql.push(" AND gig.category_id = ").bind(*category);
    }
    if let Some(seller) = filter.seller {
        sql.push(" AND gig.seller_id = ").bind(seller);
    }
    if is_by_price(query.order) {
        price_bounds(sql, filter);
    } else {
        publication_bound(sql, filter);
    }
}

/// Writes the conditions of the filter that no index covers, each after an `AND`.
fn other_conditions(sql: &mut Sql, query: &GigQuery) {
    let filter = &query.filter;
    if let Some(categories) = filter.categories.as_deref().filter(|categories| categories.len() != 1) {
        sql.push(" AND gig.category_id IN ").bind_list(categories.iter().copied());
    }
    if is_by_price(query.order) {
        publication_bound(sql, filter);
    } else {
        price_bounds(sql, filter);
    }
    match filter.price_ranges.as_deref() {
        // The bounds are the range.
        None | Some([_]) => {}
        Some([]) => drop(sql.push(" AND 1 = 0")),
        Some(ranges) => {
            for (number, range) in ranges.iter().enumerate() {
                sql.push(if number == 0 { " AND (" } else { " OR " });
                sql.push("gig.price_cents BETWEEN ").bind(range.min).push(" AND ").bind(range.max);
            }
            sql.push(")");
        }
    }
    if let Some(days) = filter.max_delivery_days {
        sql.push(" AND gig.delivery_days <= ").bind(days);
    }
    if let Some(tags) = &filter.tags {
        sql.push(" AND gig.id IN (SELECT gig_id FROM gig_tag WHERE tag_key IN ");
        sql.bind_list(tags.iter().map(String::as_str)).push(")");
    }
    all_tags_condition(sql, &filter.tags_all);
    seller_conditions(sql, filter);
}

/// The most tags of `tagsAll` that are a condition each.
const TAG_CONDITIONS_MAX: usize = 3;

/// Writes the condition that a gig has all of these tags, which differ. The first tags are a condition each, so that the
/// database can begin with the rarest. To plan a statement takes PostgreSQL longer with each of them, so the other tags
/// are counted.
fn all_tags_condition(sql: &mut Sql, tags: &[String]) {
    let (first, others) = tags.split_at(tags.len().min(TAG_CONDITIONS_MAX));
    for tag in first {
        sql.push(" AND gig.id IN (SELECT gig_id FROM gig_tag WHERE tag_key = ");
        sql.bind(tag.as_str()).push(")");
    }
    if others.is_empty() {
        return;
    }
    sql.push(" AND (SELECT COUNT(*) FROM gig_tag WHERE gig_id = gig.id AND tag_key IN ");
    sql.bind_list(others.iter().map(String::as_str)).push(") = ").push_number(others.len() as u64);
}

/// Whether the index of the list is by price. Otherwise, it is by time.
fn is_by_price(order: GigOrder) -> bool {
    matches!(order, GigOrder::PriceLowest | GigOrder::PriceHighest)
}

/// Writes the lowest and the highest price of the filter.
fn price_bounds(sql: &mut Sql, filter: &GigFilter) {
    let ranges = filter.price_ranges.as_deref();
    let lowest = ranges.and_then(<[_]>::first).map(|range| range.min).filter(|cents| *cents > i64::MIN);
    let highest = ranges.and_then(<[_]>::last).map(|range| range.max).filter(|cents| *cents < i64::MAX);
    if let Some(cents) = filter.min_price_cents.max(lowest) {
        sql.push(" AND gig.price_cents >= ").bind(cents);
    }
    if let Some(cents) = filter.max_price_cents.into_iter().chain(highest).min() {
        sql.push(" AND gig.price_cents <= ").bind(cents);
    }
}

fn publication_bound(sql: &mut Sql, filter: &GigFilter) {
    if let Some(since) = filter.published_since {
        sql.push(" AND gig.published_at >= ").bind(since);
    }
}

fn seller_conditions(sql: &mut Sql, filter: &GigFilter) {
    if filter.seller_verified.is_none() && filter.seller_min_points.is_none() {
        return;
    }
    sql.push(" AND EXISTS (SELECT 1 FROM \"user\" AS seller WHERE seller.id = gig.seller_id");
    if let Some(verified) = filter.seller_verified {
        sql.push(if verified { " AND verified_at IS NOT NULL" } else { " AND verified_at IS NULL" });
    }
    if let Some(points) = filter.seller_min_points {
        sql.push(" AND points >= ").bind(points);
    }
    sql.push(")");
}

/// The layout of the rows of the list.
pub(super) fn row_layout(query: &GigQuery, columns: ColumnSet) -> RowLayout {
    RowLayout::new(columns, query.order, query.scope == Scope::Listed)
}
