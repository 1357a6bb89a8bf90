//! Mutations that were sent with an idempotency key: the attempt that runs each, and what it did.

use chrono::{DateTime, Utc};
use entity::idempotent_request::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, TryInsertResult,
};

use crate::domain::id::{AttemptId, UserId};
use crate::domain::wrapped_key::WrappedKey;
use crate::store::Result;

/// Identifies a request by its user and idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    pub user_id: UserId,
    pub key: String,
}

/// A stored request.
#[derive(Debug, Clone)]
pub struct StoredRequest {
    /// A keyed hash of the request, to detect that the key is used for another one.
    pub fingerprint: Vec<u8>,
    /// The last attempt to run it.
    pub attempt: AttemptId,
    /// When the attempt starts to count as abandoned.
    pub running_until: DateTime<Utc>,
    /// Whether the attempt has changed data.
    pub has_changed_data: bool,
    /// What the mutation did, encrypted, with the wrapped key that decrypts it.
    pub outcomes: Option<(WrappedKey, Vec<u8>)>,
    pub expires_at: DateTime<Utc>,
}

/// Inserts a new request. Returns `false` if a request with this key exists already.
pub async fn insert(tx: &impl ConnectionTrait, request: &RequestKey, new: &StoredRequest) -> Result<bool> {
    let row = ActiveModel {
        user_id: Set(request.user_id.uuid()),
        idempotency_key: Set(request.key.clone()),
        fingerprint: Set(new.fingerprint.clone()),
        attempt: Set(new.attempt.uuid()),
        running_until: Set(new.running_until),
        acted: Set(false),
        answer: Set(None),
        key_id: Set(None),
        wrapped_key: Set(None),
        subjects: Set(None),
        expires_at: Set(new.expires_at),
    };
    let inserted = Entity::insert(row).on_conflict_do_nothing_on([Column::UserId, Column::IdempotencyKey]);
    let inserted = inserted.exec_without_returning(tx).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

pub async fn find(db: &impl ConnectionTrait, request: &RequestKey) -> Result<Option<StoredRequest>> {
    let row = Entity::find_by_id((request.user_id.uuid(), request.key.clone())).one(db).await?;
    Ok(row.map(from_row))
}

fn from_row(row: Model) -> StoredRequest {
    let key = row.key_id.zip(row.wrapped_key).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
    StoredRequest {
        fingerprint: row.fingerprint,
        attempt: AttemptId::from_uuid(row.attempt),
        running_until: row.running_until,
        has_changed_data: row.acted,
        outcomes: key.zip(row.answer),
        expires_at: row.expires_at,
    }
}

/// Replaces the attempt `from` by `attempt`. Returns `false` if `from` has changed data or stored what it
/// did, or is no longer the last attempt.
pub async fn take_over(
    tx: &impl ConnectionTrait,
    request: &RequestKey,
    from: AttemptId,
    attempt: AttemptId,
    running_until: DateTime<Utc>,
) -> Result<bool> {
    let updated = Entity::update_many()
        .col_expr(Column::Attempt, Expr::value(attempt))
        .col_expr(Column::RunningUntil, Expr::value(running_until))
        .filter(attempt_condition(request, from))
        .filter(Column::Acted.eq(false))
        .filter(Column::Answer.is_null())
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Records, in the transaction of the change, that the attempt changes data. Returns `false` if another
/// attempt has taken over.
pub async fn mark_data_changed(
    tx: &impl ConnectionTrait,
    request: &RequestKey,
    attempt: AttemptId,
) -> Result<bool> {
    let updated = Entity::update_many()
        .col_expr(Column::Acted, Expr::value(true))
        .filter(attempt_condition(request, attempt))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Stores what the attempt did, encrypted, with the wrapped key that decrypts it, and the users whom it names.
pub async fn store_outcomes(
    tx: &impl ConnectionTrait,
    request: &RequestKey,
    attempt: AttemptId,
    key: WrappedKey,
    encrypted: Vec<u8>,
    subjects: &[UserId],
) -> Result<()> {
    let subjects: Vec<_> = subjects.iter().map(UserId::to_string).collect();
    Entity::update_many()
        .col_expr(Column::Answer, Expr::value(encrypted))
        .col_expr(Column::KeyId, Expr::value(key.key_id))
        .col_expr(Column::WrappedKey, Expr::value(key.bytes))
        .col_expr(Column::Subjects, Expr::value(subjects.join(" ")))
        .filter(attempt_condition(request, attempt))
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends an attempt without storing what it did. If it has not changed data, the request is deleted and can be sent
/// again.
pub async fn release(
    tx: &impl ConnectionTrait,
    request: &RequestKey,
    attempt: AttemptId,
    now: DateTime<Utc>,
) -> Result<()> {
    Entity::delete_many()
        .filter(attempt_condition(request, attempt))
        .filter(Column::Acted.eq(false))
        .exec(tx)
        .await?;
    Entity::update_many()
        .col_expr(Column::RunningUntil, Expr::value(now))
        .filter(attempt_condition(request, attempt))
        .exec(tx)
        .await?;
    Ok(())
}

/// Condition: the request, if this attempt is still the last one.
fn attempt_condition(request: &RequestKey, attempt: AttemptId) -> Condition {
    Condition::all()
        .add(Column::UserId.eq(request.user_id))
        .add(Column::IdempotencyKey.eq(request.key.clone()))
        .add(Column::Attempt.eq(attempt))
}

/// Deletes the requests that have expired at `moment`, and returns their number.
pub async fn delete_expired(tx: &impl ConnectionTrait, moment: DateTime<Utc>) -> Result<u64> {
    let deleted = Entity::delete_many().filter(Column::ExpiresAt.lte(moment)).exec(tx).await?;
    Ok(deleted.rows_affected)
}

/// Deletes the request if it has expired at `moment`.
pub async fn delete_if_expired(
    tx: &impl ConnectionTrait,
    request: &RequestKey,
    moment: DateTime<Utc>,
) -> Result<()> {
    Entity::delete_many()
        .filter(Column::UserId.eq(request.user_id))
        .filter(Column::IdempotencyKey.eq(request.key.clone()))
        .filter(Column::ExpiresAt.lte(moment))
        .exec(tx)
        .await?;
    Ok(())
}

/// Deletes all requests of a user, and what requests of others did to objects of the user. A request that has
/// changed data stays, so that it does not run again. What an earlier version stored names no subjects, and may be
/// about the user.
pub async fn delete_all_about_user(
    tx: &impl ConnectionTrait,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<()> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(tx).await?;
    Entity::update_many()
        .col_expr(Column::Answer, Expr::value(Option::<Vec<u8>>::None))
        .col_expr(Column::KeyId, Expr::value(Option::<String>::None))
        .col_expr(Column::WrappedKey, Expr::value(Option::<Vec<u8>>::None))
        .col_expr(Column::Subjects, Expr::value(Option::<String>::None))
        .col_expr(Column::RunningUntil, Expr::value(now))
        .filter(Column::Answer.is_not_null())
        .filter(
            Condition::any()
                .add(Column::Subjects.is_null())
                .add(Column::Subjects.contains(user_id.to_string())),
        )
        .exec(tx)
        .await?;
    Ok(())
}

/// The number of requests of a user, and when the first of them expires.
pub async fn count_of_user(
    db: &impl ConnectionTrait,
    user_id: UserId,
) -> Result<(i64, Option<DateTime<Utc>>)> {
    let row: Option<(i64, Option<DateTime<Utc>>)> = Entity::find()
        .select_only()
        .column_as(Column::IdempotencyKey.count(), "count")
        .column_as(Column::ExpiresAt.min(), "first")
        .filter(Column::UserId.eq(user_id))
        .into_tuple()
        .one(db)
        .await?;
    Ok(row.unwrap_or_default())
}

/// A wrapped key of a stored request.
#[derive(Debug, Clone)]
pub struct RequestDataKey {
    pub request: RequestKey,
    pub attempt: AttemptId,
    pub key: WrappedKey,
}

/// Up to `limit` requests whose key is wrapped by another key than `newest`, in the order of their keys and
/// starting after `after`.
pub async fn find_wrapped_by_old_keys(
    db: &impl ConnectionTrait,
    newest: &str,
    after: &RequestKey,
    limit: u64,
) -> Result<Vec<RequestDataKey>> {
    let is_after = Condition::any().add(Column::UserId.gt(after.user_id)).add(
        Condition::all()
            .add(Column::UserId.eq(after.user_id))
            .add(Column::IdempotencyKey.gt(after.key.clone())),
    );
    let rows = Entity::find()
        .filter(wrapped_by_old_key(newest))
        .filter(is_after)
        .order_by_asc(Column::UserId)
        .order_by_asc(Column::IdempotencyKey)
        .limit(limit)
        .all(db)
        .await?;
    let keys = rows.into_iter().filter_map(|row| {
        let key = row.key_id.zip(row.wrapped_key)?;
        Some(RequestDataKey {
            request: RequestKey { user_id: UserId::from_uuid(row.user_id), key: row.idempotency_key },
            attempt: AttemptId::from_uuid(row.attempt),
            key: WrappedKey { key_id: key.0, bytes: key.1 },
        })
    });
    Ok(keys.collect())
}

/// The number of requests whose key is wrapped by another key than `newest`.
pub async fn count_wrapped_by_old_keys(db: &impl ConnectionTrait, newest: &str) -> Result<u64> {
    Entity::find().filter(wrapped_by_old_key(newest)).count(db).await
}

fn wrapped_by_old_key(newest: &str) -> Condition {
    Condition::all().add(Column::KeyId.is_not_null()).add(Column::KeyId.ne(newest))
}

/// The ids of all keys that wrap the key of a request.
pub async fn key_ids(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    Entity::find()
        .select_only()
        .column(Column::KeyId)
        .distinct()
        .filter(Column::KeyId.is_not_null())
        .into_tuple()
        .all(db)
        .await
}

/// Replaces the wrapped key of a request by `new`, if it is still the same.
pub async fn replace_key(tx: &impl ConnectionTrait, old: &RequestDataKey, new: &WrappedKey) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::KeyId, Expr::value(new.key_id.clone()))
        .col_expr(Column::WrappedKey, Expr::value(new.bytes.clone()))
        .filter(attempt_condition(&old.request, old.attempt))
        .filter(Column::WrappedKey.eq(old.key.bytes.clone()))
        .exec(tx)
        .await?;
    Ok(())
}
