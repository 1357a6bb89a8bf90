//! How a list of gigs is written in SQL: its tiers, the bounds of a page, its conditions.

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, Statement, Value};

use crate::domain::gig_filter::GigOrder;
use crate::store::gigs;
use crate::store::gigs::query::{GigQuery, Scope};
use crate::store::gigs::rows::{ColumnSet, RowLayout};
use crate::store::gigs::search;
use crate::store::gigs::search::MatchField;
use crate::store::pagination::{Direction, PageKey, PageRequest, Side};
use crate::store::sql::Sql;

/// A part of a list by itself, one behind the other: of what is searched for by relevance there are two.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelevanceTier {
    relevance: i64,
    place: MatchField,
}

pub(super) const WHOLE: RelevanceTier = RelevanceTier { relevance: 0, place: MatchField::Anywhere };
const BY_RELEVANCE: [RelevanceTier; 2] = [
    RelevanceTier { relevance: 1, place: MatchField::Title },
    RelevanceTier { relevance: 0, place: MatchField::Elsewhere },
];

/// Of a list in its order, so many gigs are looked through for what is searched for, before the index is asked for all
/// that have it: what is common is found there at once, and of what is not there is little to read.
const COMMON_WITHIN: u64 = 5_000;

/// How gigs that have the words are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Among the first [`COMMON_WITHIN`] of the list.
    InWindow,
    /// By the index.
    ByIndex,
}

/// The tiers of the list in the order in which a page is read.
pub(super) fn tiers(query: &GigQuery, paging: Direction) -> Vec<RelevanceTier> {
    let is_ranked =
        query.order == GigOrder::Relevance && query.terms.as_ref().is_some_and(|it| !it.is_empty());
    let mut tiers = if is_ranked { BY_RELEVANCE.to_vec() } else { vec![WHOLE] };
    if paging == Direction::Backward {
        tiers.reverse();
    }
    tiers
}

/// How the list is looked for, in this order. In SQLite the full-text index is asked at once.
pub(super) fn searches(query: &GigQuery, backend: DbBackend) -> &'static [Search] {
    match query.terms.as_deref() {
        Some([_, ..]) if backend == DbBackend::Postgres => &[Search::InWindow, Search::ByIndex],
        _ => &[Search::ByIndex],
    }
}

/// What a page of a tier lies between, and which way it is read.
pub(super) struct Bounds {
    /// A row's place compared with a key's, such as `<`.
    between: Vec<(&'static str, Vec<Value>)>,
    reads_descending: bool,
}

/// The bounds of a page in a tier; `None` where the page has nothing of it.
pub(super) fn bounds(query: &GigQuery, tier: RelevanceTier, request: &PageRequest) -> Option<Bounds> {
    let descending = is_descending(query.order);
    let (behind, in_front) = if descending { ("<", ">") } else { (">", "<") };
    let keys = [(&request.after, behind), (&request.before, in_front)];
    let keys = keys.into_iter().filter_map(|(key, sign)| Some((key.as_ref()?, sign)));
    let reads_descending = descending == (request.paging == Direction::Forward);
    Bounds::between(query.order, tier, keys, reads_descending)
}

/// The same of what is at the key, or on that side of it.
pub(super) fn bounds_on(query: &GigQuery, tier: RelevanceTier, side: Side, key: &PageKey) -> Option<Bounds> {
    let sign = if is_descending(query.order) == (side == Side::UpTo) { ">=" } else { "<=" };
    Bounds::between(query.order, tier, [(key, sign)].into_iter(), sign == "<=")
}

fn is_descending(order: GigOrder) -> bool {
    match order {
        GigOrder::Newest | GigOrder::PriceHighest | GigOrder::Relevance | GigOrder::Created => true,
        GigOrder::Oldest | GigOrder::PriceLowest => false,
    }
}

/// What a list is ordered by, before the id.
fn ordered_by(order: GigOrder) -> &'static str {
    match order {
        GigOrder::Newest | GigOrder::Oldest | GigOrder::Relevance => "gig.published_at",
        GigOrder::PriceLowest | GigOrder::PriceHighest => "gig.price_cents",
        GigOrder::Created => "gig.created_at",
    }
}

impl Bounds {
    /// What is on these sides of the keys; `None` where nothing of the tier is.
    fn between<'a>(
        order: GigOrder,
        tier: RelevanceTier,
        keys: impl Iterator<Item = (&'a PageKey, &'static str)>,
        reads_descending: bool,
    ) -> Option<Self> {
        let mut between = Vec::new();
        for (key, sign) in keys {
            let place = match (order, key.values.as_slice()) {
                (GigOrder::Relevance, [relevance, _]) if *relevance != tier.relevance => {
                    // The tier is on one side of the key as a whole.
                    if sign.starts_with('<') == (tier.relevance < *relevance) {
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
            between.push((sign, vec![place, key.id.into()]));
        }
        Some(Self { between, reads_descending })
    }

    /// The order in which the rows are read.
    pub fn order(&self, order: GigOrder) -> String {
        let direction = if self.reads_descending { "DESC" } else { "ASC" };
        format!("{} {direction}, gig.id {direction}", ordered_by(order))
    }

    /// Writes further conditions.
    pub fn write(&self, sql: &mut Sql, order: GigOrder) {
        for (sign, values) in &self.between {
            sql.push(" AND (").push(ordered_by(order)).push(", gig.id) ").push(sign).push(" ");
            sql.bind_list(values.iter().cloned());
        }
    }
}

/// The statement for so many gigs of a tier.
pub(super) fn statement(
    backend: DbBackend,
    query: &GigQuery,
    tier: RelevanceTier,
    bounds: &Bounds,
    size: u64,
    parts: ColumnSet,
    search: Search,
) -> Statement {
    let layout = layout(query, parts);
    let order = bounds.order(query.order);
    let mut sql = Sql::new(backend);
    layout.write(&mut sql, &order, |sql| {
        let terms = query.terms.as_deref().filter(|_| search == Search::InWindow);
        sql.push("SELECT ").push_list(layout.columns());
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
                // Found first, and ordered then: what finds them must not depend on how few are wanted.
                sql.push("(SELECT * FROM gig WHERE ");
                conditions(sql, query, Some(tier.place));
                bounds.write(sql, query.order);
                // Without this PostgreSQL might walk the list instead.
                sql.push(if backend == DbBackend::Postgres { " OFFSET 0) AS gig" } else { ") AS gig" });
            }
            Some(terms) => {
                // Only by what the list's index is ordered by: however little of it fits, no more is looked at.
                sql.push("(SELECT * FROM gig WHERE ");
                within_index(sql, query);
                bounds.write(sql, query.order);
                sql.push(" ORDER BY ").push(&order).push(" LIMIT ").push_number(COMMON_WITHIN);
                sql.push(") AS gig WHERE ");
                search::matches(sql, terms, tier.place);
                further(sql, query);
            }
        }
        sql.push(" ORDER BY ").push(&order).push(" LIMIT ").push_number(size);
    });
    sql.into_statement()
}

/// Writes what a gig of the list must fulfil; of the search only where it says in which place.
pub(super) fn conditions(sql: &mut Sql, query: &GigQuery, place: Option<MatchField>) {
    within_index(sql, query);
    further(sql, query);
    if let (Some(terms), Some(place)) = (&query.terms, place) {
        sql.push(" AND ");
        search::matches(sql, terms, place);
    }
}

/// Writes the conditions by which indexes are made.
fn within_index(sql: &mut Sql, query: &GigQuery) {
    let filter = &query.filter;
    match &query.scope {
        Scope::GigRow => {
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
}

/// Writes the other conditions.
fn further(sql: &mut Sql, query: &GigQuery) {
    let filter = &query.filter;
    if let Some(categories) = filter.categories.as_deref().filter(|them| them.len() != 1) {
        sql.push(" AND gig.category_id IN ").bind_list(categories.iter().copied());
    }
    if let Some(cents) = filter.min_price_cents {
        sql.push(" AND gig.price_cents >= ").bind(cents);
    }
    if let Some(cents) = filter.max_price_cents {
        sql.push(" AND gig.price_cents <= ").bind(cents);
    }
    if let Some(days) = filter.max_delivery_days {
        sql.push(" AND gig.delivery_days <= ").bind(days);
    }
    if let Some(tags) = &filter.tags {
        sql.push(" AND gig.id IN (SELECT gig_id FROM gig_tag WHERE tag_key IN ");
        sql.bind_list(tags.iter().map(String::as_str)).push(")");
    }
    if let Some(verified) = filter.seller_verified {
        sql.push(" AND EXISTS (SELECT 1 FROM \"user\" AS person WHERE person.id = gig.seller_id AND verified_at IS ");
        sql.push(if verified { "NOT NULL)" } else { "NULL)" });
    }
}

/// How the rows of the list look.
pub(super) fn layout(query: &GigQuery, parts: ColumnSet) -> RowLayout {
    RowLayout::new(parts, query.order, query.scope == Scope::GigRow)
}
