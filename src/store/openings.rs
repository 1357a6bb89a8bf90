//! Openings: each time that a reviewer opened the form or a picture of an applicant.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{identity_opening, review_item};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait,
    QueryFilter, QuerySelect, QueryTrait,
};

use crate::domain::id::{DocumentId, OpeningId, ReviewItemId, UserId};
use crate::domain::verification_decision::Delivery;
use crate::store::Result;
use crate::store::sql::Sql;

/// A reviewer opened the form or a picture of an applicant.
#[derive(Debug, Clone)]
pub struct Opening {
    pub id: OpeningId,
    pub reviewer_id: UserId,
    /// The user whose data it is.
    pub subject_id: UserId,
    /// The claimed review item; `None` in an inspection.
    pub item_id: Option<ReviewItemId>,
    /// The picture; `None` for the form.
    pub document_id: Option<DocumentId>,
    pub opened_at: DateTime<Utc>,
}

/// Lets only one transaction at a time count and add what this reviewer may have only so many of. Call it before
/// anything else is locked. (SQLite has one writer at a time anyway.)
pub async fn lock_reviewer(tx: &impl ConnectionTrait, reviewer_id: UserId) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let mut sql = Sql::new(DbBackend::Postgres);
        sql.push("SELECT pg_advisory_xact_lock(hashtextextended(")
            .bind(reviewer_id.to_string())
            .push(", 7))");
        tx.execute_raw(sql.into_statement()).await?;
    }
    Ok(())
}

pub async fn insert(tx: &impl ConnectionTrait, opening: &Opening) -> Result<()> {
    let row = identity_opening::ActiveModel {
        id: Set(opening.id.uuid()),
        reviewer_id: Set(opening.reviewer_id.uuid()),
        subject_id: Set(opening.subject_id.uuid()),
        item_id: Set(opening.item_id.map(ReviewItemId::uuid)),
        document_id: Set(opening.document_id.map(DocumentId::uuid)),
        opened_at: Set(opening.opened_at),
        delivered_at: Set(None),
    };
    identity_opening::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Records that the whole picture was sent.
pub async fn set_delivered(tx: &impl ConnectionTrait, id: OpeningId, now: DateTime<Utc>) -> Result<()> {
    identity_opening::Entity::update_many()
        .col_expr(identity_opening::Column::DeliveredAt, Expr::value(now))
        .filter(identity_opening::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Whether the reviewer has opened data of this user since then.
pub async fn has_opened(
    tx: &impl ConnectionTrait,
    reviewer_id: UserId,
    subject_id: UserId,
    since: DateTime<Utc>,
) -> Result<bool> {
    let count = identity_opening::Entity::find()
        .filter(identity_opening::Column::ReviewerId.eq(reviewer_id))
        .filter(identity_opening::Column::SubjectId.eq(subject_id))
        .filter(identity_opening::Column::OpenedAt.gt(since))
        .count(tx)
        .await?;
    Ok(count > 0)
}

/// How many people's data the reviewer has opened since then, and when the first of them will not count any more, if
/// nothing of theirs is opened again: the time of the last opening.
pub async fn count_people(
    tx: &impl ConnectionTrait,
    reviewer_id: UserId,
    since: DateTime<Utc>,
) -> Result<(u64, Option<DateTime<Utc>>)> {
    let mut last_openings: Vec<DateTime<Utc>> = identity_opening::Entity::find()
        .select_only()
        .column_as(identity_opening::Column::OpenedAt.max(), "last_opening")
        .filter(identity_opening::Column::ReviewerId.eq(reviewer_id))
        .filter(identity_opening::Column::OpenedAt.gt(since))
        .group_by(identity_opening::Column::SubjectId)
        .into_tuple()
        .all(tx)
        .await?;
    last_openings.sort_unstable();
    Ok((last_openings.len() as u64, last_openings.first().copied()))
}

/// The pictures that were sent in full in the review of each of these items.
pub async fn deliveries_of(
    db: &impl ConnectionTrait,
    items: &[ReviewItemId],
) -> Result<HashMap<ReviewItemId, Vec<Delivery>>> {
    use identity_opening::Column::{DeliveredAt, DocumentId as Document, ItemId, ReviewerId};
    let rows: Vec<(ReviewItemId, DocumentId, UserId)> = identity_opening::Entity::find()
        .select_only()
        .columns([ItemId, Document, ReviewerId])
        .distinct()
        .filter(ItemId.is_in(items.iter().copied()))
        .filter(Document.is_not_null())
        .filter(DeliveredAt.is_not_null())
        .into_tuple()
        .all(db)
        .await?;
    let mut deliveries: HashMap<ReviewItemId, Vec<Delivery>> = HashMap::new();
    for (item_id, document_id, reviewer_id) in rows {
        deliveries.entry(item_id).or_default().push(Delivery { document_id, reviewer_id });
    }
    Ok(deliveries)
}

/// Deletes the openings from before `moment`, except those of undecided items. Returns how many.
pub async fn delete_older_than(tx: &impl ConnectionTrait, moment: DateTime<Utc>) -> Result<u64> {
    let undecided = review_item::Entity::find()
        .select_only()
        .column(review_item::Column::Id)
        .filter(review_item::Column::DecidedAt.is_null())
        .into_query();
    let is_over = Condition::any()
        .add(identity_opening::Column::ItemId.is_null())
        .add(identity_opening::Column::ItemId.not_in_subquery(undecided));
    let deleted = identity_opening::Entity::delete_many()
        .filter(identity_opening::Column::OpenedAt.lt(moment))
        .filter(is_over)
        .exec(tx)
        .await?;
    Ok(deleted.rows_affected)
}
