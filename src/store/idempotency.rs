//! Mutations that were sent with a key: who runs them, and what they answered.

use chrono::{DateTime, Utc};
use entity::idempotent_request::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TryInsertResult};
use uuid::Uuid;

use crate::domain::wrapped_key::WrappedKey;
use crate::store::Result;

/// Which request: whose, by which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Nil where a stranger sent it.
    pub user_id: Uuid,
    pub key: String,
}

/// A request as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub fingerprint: Vec<u8>,
    pub attempt: Uuid,
    pub running_until: DateTime<Utc>,
    /// Whether it has changed something.
    pub acted: bool,
    /// What it answered, sealed.
    pub answer: Option<(WrappedKey, Vec<u8>)>,
    pub expires_at: DateTime<Utc>,
}

/// Keeps a request that nobody runs yet; `false` where its name is taken.
///
/// # Errors
/// Where the database does not answer.
pub async fn insert(tx: &impl ConnectionTrait, name: &Name, kept: &Kept) -> Result<bool> {
    let row = ActiveModel {
        user_id: Set(name.user_id),
        idempotency_key: Set(name.key.clone()),
        fingerprint: Set(kept.fingerprint.clone()),
        attempt: Set(kept.attempt),
        running_until: Set(kept.running_until),
        acted: Set(false),
        answer: Set(None),
        key_id: Set(None),
        wrapped_key: Set(None),
        expires_at: Set(kept.expires_at),
    };
    let inserted = Entity::insert(row).on_conflict_do_nothing_on([Column::UserId, Column::IdempotencyKey]);
    let inserted = inserted.exec_without_returning(tx).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// # Errors
/// Where the database does not answer.
pub async fn find(db: &impl ConnectionTrait, name: &Name) -> Result<Option<Kept>> {
    let row = Entity::find_by_id((name.user_id, name.key.clone())).one(db).await?;
    Ok(row.map(kept))
}

fn kept(row: Model) -> Kept {
    let key = row.key_id.zip(row.wrapped_key).map(|(key_id, bytes)| WrappedKey { key_id, bytes });
    Kept {
        fingerprint: row.fingerprint,
        attempt: row.attempt,
        running_until: row.running_until,
        acted: row.acted,
        answer: key.zip(row.answer),
        expires_at: row.expires_at,
    }
}

/// Takes over what somebody else began, and has neither changed anything nor answered; `false` where that is not so any
/// more.
///
/// # Errors
/// Where the database does not answer.
pub async fn take_over(
    tx: &impl ConnectionTrait,
    name: &Name,
    from: Uuid,
    attempt: Uuid,
    running_until: DateTime<Utc>,
) -> Result<bool> {
    let updated = Entity::update_many()
        .col_expr(Column::Attempt, Expr::value(attempt))
        .col_expr(Column::RunningUntil, Expr::value(running_until))
        .filter(named(name, from))
        .filter(Column::Acted.eq(false))
        .filter(Column::Answer.is_null())
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Notes that the attempt changes something, in the transaction that does; `false` where another has taken over.
///
/// # Errors
/// Where the database does not answer.
pub async fn act(tx: &impl ConnectionTrait, name: &Name, attempt: Uuid) -> Result<bool> {
    let updated = Entity::update_many()
        .col_expr(Column::Acted, Expr::value(true))
        .filter(named(name, attempt))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Keeps what the attempt has answered, sealed by a key of its own.
///
/// # Errors
/// Where the database does not answer.
pub async fn answer(
    tx: &impl ConnectionTrait,
    name: &Name,
    attempt: Uuid,
    key: WrappedKey,
    sealed: Vec<u8>,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Answer, Expr::value(sealed))
        .col_expr(Column::KeyId, Expr::value(key.key_id))
        .col_expr(Column::WrappedKey, Expr::value(key.bytes))
        .filter(named(name, attempt))
        .exec(tx)
        .await?;
    Ok(())
}

/// Nobody runs it any more: what has changed nothing is forgotten, so that it can be sent again.
///
/// # Errors
/// Where the database does not answer.
pub async fn release(
    tx: &impl ConnectionTrait,
    name: &Name,
    attempt: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    Entity::delete_many().filter(named(name, attempt)).filter(Column::Acted.eq(false)).exec(tx).await?;
    Entity::update_many()
        .col_expr(Column::RunningUntil, Expr::value(now))
        .filter(named(name, attempt))
        .exec(tx)
        .await?;
    Ok(())
}

fn named(name: &Name, attempt: Uuid) -> sea_orm::Condition {
    sea_orm::Condition::all()
        .add(Column::UserId.eq(name.user_id))
        .add(Column::IdempotencyKey.eq(name.key.clone()))
        .add(Column::Attempt.eq(attempt))
}

/// Forgets requests that expired before `moment`; how many.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_before(tx: &impl ConnectionTrait, moment: DateTime<Utc>) -> Result<u64> {
    let deleted = Entity::delete_many().filter(Column::ExpiresAt.lte(moment)).exec(tx).await?;
    Ok(deleted.rows_affected)
}

/// Forgets one request that expired before `moment`.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_expired(tx: &impl ConnectionTrait, name: &Name, moment: DateTime<Utc>) -> Result<()> {
    Entity::delete_many()
        .filter(Column::UserId.eq(name.user_id))
        .filter(Column::IdempotencyKey.eq(name.key.clone()))
        .filter(Column::ExpiresAt.lte(moment))
        .exec(tx)
        .await?;
    Ok(())
}

/// Forgets all requests of a person.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_all_of(tx: &impl ConnectionTrait, user_id: Uuid) -> Result<()> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(tx).await?;
    Ok(())
}
