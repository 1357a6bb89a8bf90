//! Mutations that were sent with an idempotency key: the attempt that runs each, and its response.

use chrono::{DateTime, Utc};
use entity::idempotent_request::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TryInsertResult};

use crate::domain::id::{AttemptId, UserId};
use crate::domain::wrapped_key::WrappedKey;
use crate::store::Result;

/// Identifies a request by its user and idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Nil for anonymous clients.
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
    /// The encrypted response, with the wrapped key that decrypts it.
    pub response: Option<(WrappedKey, Vec<u8>)>,
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
        response: key.zip(row.answer),
        expires_at: row.expires_at,
    }
}

/// Replaces the attempt `from` by `attempt`. Returns `false` if `from` has changed data or stored a response,
/// or is no longer the last attempt.
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

/// Stores the encrypted response of the attempt, and the wrapped key that decrypts it.
pub async fn store_response(
    tx: &impl ConnectionTrait,
    request: &RequestKey,
    attempt: AttemptId,
    key: WrappedKey,
    encrypted: Vec<u8>,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Answer, Expr::value(encrypted))
        .col_expr(Column::KeyId, Expr::value(key.key_id))
        .col_expr(Column::WrappedKey, Expr::value(key.bytes))
        .filter(attempt_condition(request, attempt))
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends an attempt without a response. If it has not changed data, the request is deleted and can be sent
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
fn attempt_condition(request: &RequestKey, attempt: AttemptId) -> sea_orm::Condition {
    sea_orm::Condition::all()
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

/// Deletes all requests of a user.
pub async fn delete_all_of_user(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(tx).await?;
    Ok(())
}
