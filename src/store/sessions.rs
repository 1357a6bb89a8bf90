//! Sessions and their refresh tokens. Tokens are kept as hashes alone.

use chrono::{DateTime, Utc};
use entity::{refresh_token, session, user};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};
use uuid::Uuid;

use crate::domain::user::Viewer;
use crate::store::{Result, users};

/// A refresh token as the store knows it.
#[derive(Debug, Clone)]
pub struct KnownToken {
    pub session_id: Uuid,
    pub used: bool,
}

/// # Errors
/// Where the database does not answer.
pub async fn insert(
    tx: &impl ConnectionTrait,
    id: Uuid,
    user_id: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    let row = session::ActiveModel {
        id: Set(id),
        user_id: Set(user_id),
        created_at: Set(created_at),
        expires_at: Set(expires_at),
        ended_at: Set(None),
    };
    session::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// # Errors
/// Where the database does not answer.
pub async fn insert_token(
    tx: &impl ConnectionTrait,
    hash: &[u8],
    session_id: Uuid,
    created_at: DateTime<Utc>,
) -> Result<()> {
    let row = refresh_token::ActiveModel {
        hash: Set(hash.to_vec()),
        session_id: Set(session_id),
        created_at: Set(created_at),
        used_at: Set(None),
    };
    refresh_token::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Who asks with this session; `None` where it has ended or is too old, or its person is blocked.
///
/// # Errors
/// Where the database does not answer.
pub async fn find_viewer(
    db: &impl ConnectionTrait,
    session_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Viewer>> {
    let living = session::Entity::find()
        .select_only()
        .column(session::Column::UserId)
        .filter(session::Column::Id.eq(session_id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .into_query();
    let row = user::Entity::find()
        .filter(user::Column::Id.in_subquery(living))
        .filter(user::Column::BlockedAt.is_null())
        .one(db)
        .await?;
    row.map(|row| {
        Ok(Viewer { user: users::from_row(&row), role: users::role_of(&row)?, email: row.email, session_id })
    })
    .transpose()
}

/// # Errors
/// Where the database does not answer.
pub async fn find_token(tx: &impl ConnectionTrait, hash: &[u8]) -> Result<Option<KnownToken>> {
    let row = refresh_token::Entity::find_by_id(hash.to_vec()).one(tx).await?;
    Ok(row.map(|row| KnownToken { session_id: row.session_id, used: row.used_at.is_some() }))
}

/// Marks the token as traded; `false` where somebody else has just done so.
///
/// # Errors
/// Where the database does not answer.
pub async fn use_token(tx: &impl ConnectionTrait, hash: &[u8], now: DateTime<Utc>) -> Result<bool> {
    let updated = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::UsedAt, Expr::value(now))
        .filter(refresh_token::Column::Hash.eq(hash.to_vec()))
        .filter(refresh_token::Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Lets a living session live until `expires_at`; `false` where it no longer lives.
///
/// # Errors
/// Where the database does not answer.
pub async fn extend(
    tx: &impl ConnectionTrait,
    session_id: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool> {
    let updated = session::Entity::update_many()
        .col_expr(session::Column::ExpiresAt, Expr::value(expires_at))
        .filter(session::Column::Id.eq(session_id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Ends one session; whose it was, or `None` where it had ended already.
///
/// # Errors
/// Where the database does not answer.
pub async fn end(tx: &impl ConnectionTrait, session_id: Uuid, now: DateTime<Utc>) -> Result<Option<Uuid>> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::Id.eq(session_id))
        .filter(session::Column::EndedAt.is_null())
        .exec_with_returning(tx)
        .await?;
    Ok(ended.first().map(|row| row.user_id))
}

/// Ends every session of the person; which those were.
///
/// # Errors
/// Where the database does not answer.
pub async fn end_all(tx: &impl ConnectionTrait, user_id: Uuid, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::EndedAt.is_null())
        .exec_with_returning(tx)
        .await?;
    Ok(ended.iter().filter(|row| row.expires_at > now).map(|row| row.id).collect())
}

/// Forgets sessions that expired before `moment`, with their tokens: (session, person, whether it had been
/// ended before) of each.
///
/// # Errors
/// Where the database does not answer.
pub async fn forget_before(
    tx: &impl ConnectionTrait,
    moment: DateTime<Utc>,
) -> Result<Vec<(Uuid, Uuid, bool)>> {
    let old = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::ExpiresAt.lt(moment))
        .into_query();
    refresh_token::Entity::delete_many()
        .filter(refresh_token::Column::SessionId.in_subquery(old))
        .exec(tx)
        .await?;
    let deleted = session::Entity::delete_many()
        .filter(session::Column::ExpiresAt.lt(moment))
        .exec_with_returning(tx)
        .await?;
    Ok(deleted.into_iter().map(|row| (row.id, row.user_id, row.ended_at.is_some())).collect())
}
