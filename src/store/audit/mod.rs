//! The audit trail: who saw, decided or changed what, and about whom. Entries are appended and never changed.
//! `service::audit` computes their hashes.

pub mod chain;
pub mod protection;

use entity::audit_entry;
use sea_orm::sea_query::{Expr, Order};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::domain::audit::{AuditEntry, ChainedEntry};
use crate::domain::id::UserId;
use crate::store::pagination::{Ordering, Page, PageKey, PageRequest, Side};
use crate::store::{Result, parse};

/// What a cursor of the trail contains: the name of the order, and how many values precede the id.
pub const CURSOR_FORMAT: (&str, usize) = ("audit", 1);

/// A filter of the trail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrailQuery {
    /// Only entries about this user.
    pub subject_id: Option<UserId>,
    /// Only acts of this user.
    pub actor_id: Option<UserId>,
}

fn from_row(row: audit_entry::Model) -> Result<ChainedEntry> {
    let entry = AuditEntry {
        at: row.at,
        actor_id: row.actor_id.map(UserId::from_uuid),
        subject_id: row.subject_id.map(UserId::from_uuid),
        source: parse("source of an audit entry", &row.source)?,
        operator: row.operator,
        action: row.action,
        detail: row.detail,
        request_id: row.request_id,
    };
    Ok(ChainedEntry { number: row.number, entry, mac: row.mac })
}

/// All entries about one user, oldest first.
pub async fn find_by_subject(db: &impl ConnectionTrait, subject_id: UserId) -> Result<Vec<AuditEntry>> {
    let query = TrailQuery { subject_id: Some(subject_id), actor_id: None };
    Ok(find_all(db, query).await?.into_iter().map(|found| found.entry).collect())
}

/// All entries that match the filter, oldest first.
pub async fn find_all(db: &impl ConnectionTrait, query: TrailQuery) -> Result<Vec<ChainedEntry>> {
    let select = audit_entry::Entity::find().filter(conditions(query));
    let rows = select.order_by_asc(audit_entry::Column::Number).all(db).await?;
    rows.into_iter().map(from_row).collect()
}

/// One page of the trail, newest first.
pub async fn page(
    db: &impl ConnectionTrait,
    query: TrailQuery,
    request: &PageRequest,
) -> Result<Page<ChainedEntry>> {
    let ordering = ordering();
    let mut select = audit_entry::Entity::find().filter(conditions(query));
    if let Some(after) = &request.after {
        select = select.filter(ordering.after(key_values(after)));
    }
    if let Some(before) = &request.before {
        select = select.filter(ordering.before(key_values(before)));
    }
    let direction = if ordering.reads_descending(request.direction) { Order::Desc } else { Order::Asc };
    let select = select.order_by(audit_entry::Column::Number, direction).limit(request.size + 1);
    let rows = select.all(db).await?.into_iter().map(|row| {
        let key = PageKey { order: CURSOR_FORMAT.0, values: vec![row.number], id: Uuid::nil() };
        Ok((key, from_row(row)?))
    });
    Ok(Page::from_rows(rows.collect::<Result<_>>()?, request))
}

/// Whether the trail with this filter has an entry on this side of `key`.
pub async fn exists_on_side(
    db: &impl ConnectionTrait,
    query: TrailQuery,
    side: Side,
    key: &PageKey,
) -> Result<bool> {
    let is_on_side = ordering().on_side(side, key_values(key));
    let select = audit_entry::Entity::find().filter(conditions(query)).filter(is_on_side);
    Ok(select.one(db).await?.is_some())
}

/// Whether there is an entry of this action. Reads the whole trail if there is none.
pub async fn has_action(db: &impl ConnectionTrait, action: &str) -> Result<bool> {
    let select = audit_entry::Entity::find().filter(audit_entry::Column::Action.eq(action)).limit(1);
    Ok(select.one(db).await?.is_some())
}

/// The number of entries that match the filter.
pub async fn count(db: &impl ConnectionTrait, query: TrailQuery) -> Result<i32> {
    let count = audit_entry::Entity::find().filter(conditions(query)).count(db).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

fn ordering() -> Ordering {
    Ordering {
        columns: vec![Expr::col((audit_entry::Entity, audit_entry::Column::Number))],
        is_descending: true,
    }
}

fn key_values(key: &PageKey) -> Vec<Expr> {
    vec![Expr::value(key.values.first().copied().unwrap_or_default())]
}

fn conditions(query: TrailQuery) -> Condition {
    Condition::all()
        .add_option(query.subject_id.map(|id| audit_entry::Column::SubjectId.eq(id)))
        .add_option(query.actor_id.map(|id| audit_entry::Column::ActorId.eq(id)))
}
