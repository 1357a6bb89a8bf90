//! The review queue and the decisions.

use chrono::{DateTime, Utc};
use entity::{review_decision, review_item};
use sea_orm::sea_query::{Expr, LockType, Order};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::domain::reason::ReviewReason;
use crate::domain::review::{Decision, ReviewItem, ReviewState};
use crate::domain::review_kind::ReviewKind;
use crate::store::pagination::{Ordering, Page, PageKey, PageRequest, Side};
use crate::store::{ROWS_AT_ONCE, Result, from_json, parse, to_json};

/// Which part of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueQuery {
    pub kind: Option<ReviewKind>,
    pub state: Option<ReviewState>,
    /// A claim that has run out by now is none.
    pub now: DateTime<Utc>,
}

/// The name of the queue's order in cursors, and how many values its keys have.
pub const KEY_SHAPE: (&str, usize) = ("due", 1);

fn from_row(row: &review_item::Model) -> Result<ReviewItem> {
    Ok(ReviewItem {
        id: row.id,
        kind: parse("review kind", &row.kind)?,
        subject_id: row.subject_id,
        submitted_at: row.submitted_at,
        due_at: row.due_at,
        claimed_by: row.claimed_by,
        claim_expires_at: row.claim_expires_at,
        decided_at: row.decided_at,
    })
}

fn kind_text(kind: ReviewKind) -> &'static str {
    kind.into()
}

/// # Errors
/// Where the database does not answer.
pub async fn insert(tx: &impl ConnectionTrait, item: &ReviewItem) -> Result<()> {
    let row = to_row(item).into_active_model();
    review_item::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Adds many items.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_all(tx: &impl ConnectionTrait, items: &[ReviewItem]) -> Result<()> {
    for items in items.chunks(ROWS_AT_ONCE) {
        let row = |item| -> review_item::ActiveModel { to_row(item).into_active_model() };
        let rows: Vec<_> = items.iter().map(row).collect();
        review_item::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn to_row(item: &ReviewItem) -> review_item::Model {
    review_item::Model {
        id: item.id,
        kind: kind_text(item.kind).to_owned(),
        subject_id: item.subject_id,
        submitted_at: item.submitted_at,
        due_at: item.due_at,
        claimed_by: item.claimed_by,
        claim_expires_at: item.claim_expires_at,
        decided_at: item.decided_at,
    }
}

/// Writes `item` over what it was; `false` where somebody else has changed it meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn update(tx: &impl ConnectionTrait, before: &ReviewItem, item: &ReviewItem) -> Result<bool> {
    let unchanged = Condition::all()
        .add(review_item::Column::Id.eq(item.id))
        .add(review_item::Column::DecidedAt.is_null())
        .add(is_or_null(review_item::Column::ClaimedBy, before.claimed_by))
        .add(is_or_null(review_item::Column::ClaimExpiresAt, before.claim_expires_at));
    let updated = review_item::Entity::update_many()
        .set(to_row(item).into_active_model().reset_all())
        .filter(unchanged)
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

fn is_or_null<V: Into<sea_orm::Value>>(column: review_item::Column, value: Option<V>) -> Expr {
    match value {
        Some(value) => column.eq(value),
        None => column.is_null(),
    }
}

/// The item, kept from others' changes until the transaction ends. (SQLite has one writer at a time anyway.)
///
/// # Errors
/// Where the database does not answer.
pub async fn lock(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<ReviewItem>> {
    let select = review_item::Entity::find_by_id(id).lock(LockType::NoKeyUpdate);
    select.one(tx).await?.as_ref().map(from_row).transpose()
}

/// Those of `ids` that exist, in no order.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_all(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<ReviewItem>> {
    let rows = review_item::Entity::find()
        .filter(review_item::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

/// The item about the subject that waits for a decision, kept as [`lock`] does.
///
/// # Errors
/// Where the database does not answer.
pub async fn lock_undecided(tx: &impl ConnectionTrait, subject_id: Uuid) -> Result<Option<ReviewItem>> {
    let row = review_item::Entity::find()
        .filter(review_item::Column::SubjectId.eq(subject_id))
        .filter(review_item::Column::DecidedAt.is_null())
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?;
    row.as_ref().map(from_row).transpose()
}

/// How many undecided verifications are due before this one, and it: 1 is next. `None` where it is not waiting.
///
/// # Errors
/// Where the database does not answer.
pub async fn verification_position(db: &impl ConnectionTrait, subject_id: Uuid) -> Result<Option<i32>> {
    let waiting = review_item::Entity::find()
        .filter(review_item::Column::Kind.eq(kind_text(ReviewKind::Verification)))
        .filter(review_item::Column::DecidedAt.is_null());
    let own = waiting.clone().filter(review_item::Column::SubjectId.eq(subject_id)).one(db).await?;
    let Some(own) = own else { return Ok(None) };
    let values = vec![Expr::value(own.due_at), Expr::value(own.id)];
    let in_front = waiting.filter(ordering().in_front_of(values)).count(db).await?;
    Ok(Some(i32::try_from(in_front + 1).unwrap_or(i32::MAX)))
}

/// Forgets an item whose subject was withdrawn.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete(tx: &impl ConnectionTrait, id: Uuid) -> Result<()> {
    review_item::Entity::delete_by_id(id).exec(tx).await?;
    Ok(())
}

/// Items whose claim ran out at or before `now`.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_run_out(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<ReviewItem>> {
    let rows = review_item::Entity::find()
        .filter(review_item::Column::DecidedAt.is_null())
        .filter(review_item::Column::ClaimExpiresAt.lte(now))
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

/// One page of the queue, the first due first.
///
/// # Errors
/// Where the database does not answer.
pub async fn page(
    db: &impl ConnectionTrait,
    query: &QueueQuery,
    request: &PageRequest,
) -> Result<Page<ReviewItem>> {
    let ordering = ordering();
    let mut select = review_item::Entity::find().filter(conditions(query));
    if let Some(after) = &request.after {
        select = select.filter(ordering.behind(key_values(after)));
    }
    if let Some(before) = &request.before {
        select = select.filter(ordering.in_front_of(key_values(before)));
    }
    let direction = if ordering.fetches_descending(request.paging) { Order::Desc } else { Order::Asc };
    for column in ordering.columns {
        select = select.order_by(column, direction.clone());
    }
    let rows = select.limit(request.size + 1).all(db).await?;
    let rows = rows
        .into_iter()
        .map(|row| {
            let values = vec![row.due_at.timestamp_micros()];
            Ok((PageKey { order: KEY_SHAPE.0, values, id: row.id }, from_row(&row)?))
        })
        .collect::<Result<_>>()?;
    Ok(Page::of_found(rows, request))
}

/// Whether this part of the queue has any item at `key` or on that side of it.
///
/// # Errors
/// Where the database does not answer.
pub async fn exists_on(
    db: &impl ConnectionTrait,
    query: &QueueQuery,
    side: Side,
    key: &PageKey,
) -> Result<bool> {
    let beyond = ordering().on(side, key_values(key));
    let select = review_item::Entity::find().filter(conditions(query)).filter(beyond);
    Ok(select.one(db).await?.is_some())
}

/// How many items this part of the queue has.
///
/// # Errors
/// Where the database does not answer.
pub async fn count(db: &impl ConnectionTrait, query: &QueueQuery) -> Result<i32> {
    let count = review_item::Entity::find().filter(conditions(query)).count(db).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// How many items are not decided and past their time. The same rule as [`ReviewItem::overdue`].
///
/// # Errors
/// Where the database does not answer.
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
    Ordering { columns, descending: false }
}

fn key_values(key: &PageKey) -> Vec<Expr> {
    let micros = key.values.first().copied().unwrap_or_default();
    let due_at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    vec![Expr::value(due_at), Expr::value(key.id)]
}

/// The same rule as [`ReviewItem::state`].
fn conditions(query: &QueueQuery) -> Condition {
    use review_item::Column::{ClaimExpiresAt, DecidedAt, Kind};
    let state = query.state.map(|state| match state {
        ReviewState::Decided => Condition::all().add(DecidedAt.is_not_null()),
        ReviewState::Claimed => Condition::all().add(DecidedAt.is_null()).add(ClaimExpiresAt.gt(query.now)),
        ReviewState::Open => Condition::all()
            .add(DecidedAt.is_null())
            .add(Condition::any().add(ClaimExpiresAt.is_null()).add(ClaimExpiresAt.lte(query.now))),
    });
    Condition::all().add_option(query.kind.map(|kind| Kind.eq(kind_text(kind)))).add_option(state)
}

/// Keeps a decision for good.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_decision(tx: &impl ConnectionTrait, decision: &Decision) -> Result<()> {
    let row = decision_row(decision)?;
    review_decision::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Keeps many decisions for good.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert_decisions(tx: &impl ConnectionTrait, decisions: &[Decision]) -> Result<()> {
    for decisions in decisions.chunks(ROWS_AT_ONCE) {
        let rows: Vec<_> = decisions.iter().map(decision_row).collect::<Result<_>>()?;
        review_decision::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn decision_row(decision: &Decision) -> Result<review_decision::ActiveModel> {
    Ok(review_decision::ActiveModel {
        id: Set(decision.id),
        subject_id: Set(decision.subject_id),
        item_id: Set(decision.item_id),
        reviewer_id: Set(decision.reviewer_id),
        decision: Set(decision.decision.to_owned()),
        reasons: Set(to_json(&decision.reasons)?),
        internal_note: Set(decision.internal_note.clone()),
        version: Set(decision.version),
        decided_at: Set(decision.decided_at),
    })
}

/// Leaves of the decisions about this subject what is nobody's words: codes, times, who decided.
///
/// # Errors
/// Where the database does not answer.
pub async fn strip_decisions(tx: &impl ConnectionTrait, subject_id: Uuid) -> Result<()> {
    let rows = review_decision::Entity::find()
        .filter(review_decision::Column::SubjectId.eq(subject_id))
        .all(tx)
        .await?;
    for row in rows {
        let reasons: Vec<ReviewReason> = from_json("review_decision.reasons", row.reasons)?;
        let stripped: Vec<_> = reasons.into_iter().map(ReviewReason::without_words).collect();
        review_decision::Entity::update_many()
            .col_expr(review_decision::Column::InternalNote, Expr::value(Option::<String>::None))
            .col_expr(review_decision::Column::Reasons, Expr::value(to_json(&stripped)?))
            .filter(review_decision::Column::Id.eq(row.id))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Forgets the decisions about this subject.
///
/// # Errors
/// Where the database does not answer.
pub async fn delete_decisions(tx: &impl ConnectionTrait, subject_id: Uuid) -> Result<()> {
    review_decision::Entity::delete_many()
        .filter(review_decision::Column::SubjectId.eq(subject_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The reasons, as they were given, of the decisions that made these versions of these subjects.
///
/// # Errors
/// Where the database does not answer.
pub async fn reasons_of(
    db: &impl ConnectionTrait,
    versions: &[(Uuid, i32)],
) -> Result<Vec<((Uuid, i32), Vec<ReviewReason>)>> {
    let subjects = versions.iter().map(|(subject, _)| *subject);
    let rows = review_decision::Entity::find()
        .filter(review_decision::Column::SubjectId.is_in(subjects))
        .filter(review_decision::Column::Version.is_in(versions.iter().map(|(_, version)| *version)))
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let reasons = from_json("review_decision.reasons", row.reasons)?;
            Ok(((row.subject_id, row.version), reasons))
        })
        .collect()
}
