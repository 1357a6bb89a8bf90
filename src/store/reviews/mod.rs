//! The review queue and the decisions of reviewers.

pub mod claims;
pub mod records;
pub mod summary;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{review_decision, review_item};
use sea_orm::sea_query::{Expr, LockType, Order};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement,
};

use crate::domain::id::{DecisionId, ReviewItemId, SubjectId, UserId};
use crate::domain::reason::ReviewReason;
use crate::domain::review::{Decision, ReviewItem, ReviewState};
use crate::domain::review_kind::ReviewKind;
use crate::domain::review_record::RecordKind;
use crate::store::pagination::{Ordering, Page, PageKey, PageRequest, Side};
use crate::store::sql::Sql;
use crate::store::{ROWS_PER_INSERT, Result, from_json, parse, to_json};

/// A filter of the review queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueQuery {
    pub kind: Option<ReviewKind>,
    /// Only items in one of these states; `None` for items in every state.
    pub states: Option<Vec<ReviewState>>,
    /// Only items that this reviewer has claimed.
    pub claimed_by: Option<UserId>,
    /// The current time: an item whose claim has expired by then counts as OPEN.
    pub now: DateTime<Utc>,
}

/// What a cursor of the queue contains: the name of the order, and how many values precede the id.
pub const CURSOR_FORMAT: (&str, usize) = ("due", 1);

fn from_row(row: &review_item::Model) -> Result<ReviewItem> {
    Ok(ReviewItem {
        id: ReviewItemId::from_uuid(row.id),
        subject_id: SubjectId::from_uuid(parse("review kind", &row.kind)?, row.subject_id),
        submitted_at: row.submitted_at,
        due_at: row.due_at,
        claimed_by: row.claimed_by.map(UserId::from_uuid),
        claim_expires_at: row.claim_expires_at,
        decided_at: row.decided_at,
    })
}

fn kind_text(kind: ReviewKind) -> &'static str {
    kind.into()
}

pub async fn insert(tx: &impl ConnectionTrait, item: &ReviewItem) -> Result<()> {
    let row = to_row(item).into_active_model();
    review_item::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Inserts many items.
pub async fn insert_all(tx: &impl ConnectionTrait, items: &[ReviewItem]) -> Result<()> {
    for items in items.chunks(ROWS_PER_INSERT) {
        let row = |item| -> review_item::ActiveModel { to_row(item).into_active_model() };
        let rows: Vec<_> = items.iter().map(row).collect();
        review_item::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn to_row(item: &ReviewItem) -> review_item::Model {
    review_item::Model {
        id: item.id.uuid(),
        kind: kind_text(item.subject_id.kind()).to_owned(),
        subject_id: item.subject_id.uuid(),
        submitted_at: item.submitted_at,
        due_at: item.due_at,
        claimed_by: item.claimed_by.map(UserId::uuid),
        claim_expires_at: item.claim_expires_at,
        decided_at: item.decided_at,
    }
}

/// Replaces the item `before` by `item`. Returns `false` if the stored item was decided in the meantime, or
/// its claim has changed.
pub async fn update(tx: &impl ConnectionTrait, before: &ReviewItem, item: &ReviewItem) -> Result<bool> {
    let unchanged = Condition::all()
        .add(review_item::Column::Id.eq(item.id))
        .add(review_item::Column::DecidedAt.is_null())
        .add(equals(review_item::Column::ClaimedBy, before.claimed_by))
        .add(equals(review_item::Column::ClaimExpiresAt, before.claim_expires_at));
    let updated = review_item::Entity::update_many()
        .set(to_row(item).into_active_model().reset_all())
        .filter(unchanged)
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Condition: the column has this value, or is null for `None`.
fn equals<V: Into<sea_orm::Value>>(column: review_item::Column, value: Option<V>) -> Expr {
    match value {
        Some(value) => column.eq(value),
        None => column.is_null(),
    }
}

/// Locks and returns the item. The row lock lasts until the transaction ends. (SQLite has one writer at a
/// time anyway.)
pub async fn lock(tx: &impl ConnectionTrait, id: ReviewItemId) -> Result<Option<ReviewItem>> {
    let select = review_item::Entity::find_by_id(id).lock(LockType::NoKeyUpdate);
    select.one(tx).await?.as_ref().map(from_row).transpose()
}

/// Those of the items that exist, in no particular order.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[ReviewItemId]) -> Result<Vec<ReviewItem>> {
    let rows = review_item::Entity::find()
        .filter(review_item::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

/// The undecided items of these subjects.
pub async fn find_undecided(db: &impl ConnectionTrait, subjects: &[SubjectId]) -> Result<Vec<ReviewItem>> {
    let rows = review_item::Entity::find()
        .filter(review_item::Column::SubjectId.is_in(subjects.iter().copied()))
        .filter(review_item::Column::DecidedAt.is_null())
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

/// Locks and returns the undecided item of the subject; see [`lock`].
pub async fn lock_undecided(tx: &impl ConnectionTrait, subject_id: SubjectId) -> Result<Option<ReviewItem>> {
    let row = review_item::Entity::find()
        .filter(review_item::Column::SubjectId.eq(subject_id))
        .filter(review_item::Column::DecidedAt.is_null())
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// The positions of these users' verifications in the queue of undecided verifications: 1 is due next. A
/// verification that is not in the queue is missing in the map.
pub async fn verification_positions(
    db: &impl ConnectionTrait,
    user_ids: &[UserId],
) -> Result<HashMap<UserId, i64>> {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("SELECT subject_id, place FROM (SELECT subject_id, ROW_NUMBER() OVER (ORDER BY due_at, id)");
    sql.push(" AS place FROM review_item WHERE decided_at IS NULL AND kind = ");
    sql.bind(kind_text(ReviewKind::Verification)).push(") AS queue WHERE subject_id IN ");
    sql.bind_list(user_ids.iter().copied());
    let rows = db.query_all_raw(sql.into_statement()).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// Deletes an item whose subject was withdrawn.
pub async fn delete(tx: &impl ConnectionTrait, id: ReviewItemId) -> Result<()> {
    review_item::Entity::delete_by_id(id).exec(tx).await?;
    Ok(())
}

/// The undecided items whose claim has expired.
pub async fn find_with_expired_claim(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<Vec<ReviewItem>> {
    let rows = review_item::Entity::find()
        .filter(review_item::Column::DecidedAt.is_null())
        .filter(review_item::Column::ClaimExpiresAt.lte(now))
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

fn page_select(query: &QueueQuery, request: &PageRequest) -> Select<review_item::Entity> {
    let ordering = ordering();
    let mut select = review_item::Entity::find().filter(conditions(query));
    if let Some(after) = &request.after {
        select = select.filter(ordering.after(key_values(after)));
    }
    if let Some(before) = &request.before {
        select = select.filter(ordering.before(key_values(before)));
    }
    let direction = if ordering.reads_descending(request.direction) { Order::Desc } else { Order::Asc };
    for column in ordering.columns {
        select = select.order_by(column, direction.clone());
    }
    select.limit(request.size + 1)
}

/// The statement of [`page`], for tests of its plan.
pub fn page_statement(backend: DbBackend, query: &QueueQuery, request: &PageRequest) -> Statement {
    page_select(query, request).build(backend)
}

/// One page of the queue, in the order of due times.
pub async fn page(
    db: &impl ConnectionTrait,
    query: &QueueQuery,
    request: &PageRequest,
) -> Result<Page<ReviewItem>> {
    let rows = page_select(query, request).all(db).await?;
    let rows = rows
        .into_iter()
        .map(|row| {
            let values = vec![row.due_at.timestamp_micros()];
            Ok((PageKey { order: CURSOR_FORMAT.0, values, id: row.id }, from_row(&row)?))
        })
        .collect::<Result<_>>()?;
    Ok(Page::from_rows(rows, request))
}

/// Whether the queue with this filter has an item on this side of `key`.
pub async fn exists_on_side(
    db: &impl ConnectionTrait,
    query: &QueueQuery,
    side: Side,
    key: &PageKey,
) -> Result<bool> {
    let is_on_side = ordering().on_side(side, key_values(key));
    let select = review_item::Entity::find().filter(conditions(query)).filter(is_on_side);
    Ok(select.one(db).await?.is_some())
}

/// The number of items of the queue with this filter.
pub async fn count(db: &impl ConnectionTrait, query: &QueueQuery) -> Result<i32> {
    let count = review_item::Entity::find().filter(conditions(query)).count(db).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// The number of undecided items that are past their due time. The same rule as [`ReviewItem::is_overdue`].
pub async fn count_overdue(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<i32> {
    let count = review_item::Entity::find()
        .filter(review_item::Column::DecidedAt.is_null())
        .filter(review_item::Column::DueAt.lt(now))
        .count(db)
        .await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

fn ordering() -> Ordering {
    let column = |column: review_item::Column| Expr::col((review_item::Entity, column));
    let columns = vec![column(review_item::Column::DueAt), column(review_item::Column::Id)];
    Ordering { columns, is_descending: false }
}

fn key_values(key: &PageKey) -> Vec<Expr> {
    let micros = key.values.first().copied().unwrap_or_default();
    let due_at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    vec![Expr::value(due_at), Expr::value(key.id)]
}

/// The items that match the filter. The same rule as [`ReviewItem::state`].
fn conditions(query: &QueueQuery) -> Condition {
    use review_item::Column::{ClaimExpiresAt, ClaimedBy, DecidedAt, Kind};
    let is_claimed_by = query.claimed_by.map(|reviewer| {
        let is_valid = Condition::all().add(DecidedAt.is_null()).add(ClaimExpiresAt.gt(query.now));
        is_valid.add(ClaimedBy.eq(reviewer))
    });
    Condition::all()
        .add_option(query.kind.map(|kind| Kind.eq(kind_text(kind))))
        .add_option(query.states.as_deref().and_then(|states| is_in_state(states, query.now)))
        .add_option(is_claimed_by)
}

/// Condition: the item is in one of these states. `None` if every item is.
fn is_in_state(states: &[ReviewState], now: DateTime<Utc>) -> Option<Condition> {
    use review_item::Column::{ClaimExpiresAt, DecidedAt, Id};
    let [open, claimed, decided] =
        [ReviewState::Open, ReviewState::Claimed, ReviewState::Decided].map(|state| states.contains(&state));
    let is_undecided = || Condition::all().add(DecidedAt.is_null());
    let undecided = match (open, claimed) {
        (false, false) => None,
        (false, true) => Some(is_undecided().add(ClaimExpiresAt.gt(now))),
        (true, false) => Some(
            is_undecided().add(Condition::any().add(ClaimExpiresAt.is_null()).add(ClaimExpiresAt.lte(now))),
        ),
        (true, true) => Some(is_undecided()),
    };
    match (undecided, decided) {
        (Some(_), true) if open && claimed => None,
        (Some(undecided), true) => Some(Condition::any().add(undecided).add(DecidedAt.is_not_null())),
        (Some(undecided), false) => Some(undecided),
        (None, true) => Some(Condition::all().add(DecidedAt.is_not_null())),
        // No item is in one of no states.
        (None, false) => Some(Condition::all().add(Id.is_in([] as [ReviewItemId; 0]))),
    }
}

/// Inserts a decision whose texts are sealed. `service::review_texts` seals and inserts one.
pub async fn insert_sealed_decision(tx: &impl ConnectionTrait, decision: &Decision) -> Result<()> {
    let row = decision_row(decision)?;
    review_decision::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Inserts many decisions whose texts are sealed.
pub async fn insert_sealed_decisions(tx: &impl ConnectionTrait, decisions: &[Decision]) -> Result<()> {
    for decisions in decisions.chunks(ROWS_PER_INSERT) {
        let rows: Vec<_> = decisions.iter().map(decision_row).collect::<Result<_>>()?;
        review_decision::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn decision_row(decision: &Decision) -> Result<review_decision::ActiveModel> {
    Ok(review_decision::ActiveModel {
        id: Set(decision.id.uuid()),
        subject_id: Set(decision.subject_id.uuid()),
        item_id: Set(decision.item_id.map(ReviewItemId::uuid)),
        kind: Set(<&str>::from(decision.kind).to_owned()),
        reviewer_id: Set(decision.reviewer_id.uuid()),
        decision: Set(decision.decision.to_owned()),
        reasons: Set(to_json(&decision.reasons)?),
        internal_note: Set(decision.internal_note.clone()),
        version: Set(decision.version),
        decided_at: Set(decision.decided_at),
    })
}

/// Deletes the decisions about this subject.
pub async fn delete_decisions(tx: &impl ConnectionTrait, subject_id: SubjectId) -> Result<()> {
    review_decision::Entity::delete_many()
        .filter(review_decision::Column::SubjectId.eq(subject_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The decisions that created these versions of these subjects, with their reasons. The result can have other versions
/// of the subjects, too.
pub async fn reasons_of_versions(
    db: &impl ConnectionTrait,
    versions: &[(SubjectId, i32)],
) -> Result<Vec<((SubjectId, i32), (DecisionId, Vec<ReviewReason>))>> {
    let subjects = versions.iter().map(|(subject, _)| *subject);
    // The row of a decision does not have the kind of its subject.
    let by_uuid: HashMap<_, _> = subjects.clone().map(|subject| (subject.uuid(), subject)).collect();
    let rows = review_decision::Entity::find()
        .filter(review_decision::Column::SubjectId.is_in(subjects))
        .filter(review_decision::Column::Kind.eq(<&str>::from(RecordKind::Decision)))
        .filter(review_decision::Column::Version.is_in(versions.iter().map(|(_, version)| *version)))
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let reasons = from_json("review_decision.reasons", row.reasons)?;
            Ok(((by_uuid[&row.subject_id], row.version), (DecisionId::from_uuid(row.id), reasons)))
        })
        .collect()
}
