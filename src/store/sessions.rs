//! Sessions and their refresh tokens. Only hashes of the tokens are stored.

use chrono::{DateTime, Utc};
use entity::{refresh_token, session, user};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

use crate::domain::authority::Tags;
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::{User, Viewer};
use crate::store::{Result, authority, users};

/// A stored refresh token.
#[derive(Debug, Clone)]
pub struct StoredToken {
    pub session_id: SessionId,
    pub user_id: UserId,
    pub used_at: Option<DateTime<Utc>>,
}

/// A session that has neither ended nor expired.
#[derive(Debug, Clone)]
pub struct ActiveSession {
    pub id: SessionId,
    pub user_id: UserId,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

pub async fn insert(
    tx: &impl ConnectionTrait,
    id: SessionId,
    user_id: UserId,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    network_hash: &[u8],
) -> Result<()> {
    let row = session::ActiveModel {
        id: Set(id.uuid()),
        user_id: Set(user_id.uuid()),
        created_at: Set(created_at),
        expires_at: Set(expires_at),
        ended_at: Set(None),
        network_hash: Set(Some(network_hash.to_vec())),
    };
    session::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

pub async fn insert_token(
    tx: &impl ConnectionTrait,
    hash: &[u8],
    session_id: SessionId,
    created_at: DateTime<Utc>,
) -> Result<()> {
    let row = refresh_token::ActiveModel {
        hash: Set(hash.to_vec()),
        session_id: Set(session_id.uuid()),
        created_at: Set(created_at),
        used_at: Set(None),
    };
    refresh_token::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The viewer of a session, who has an access token until `access_until`; `None` if the session has ended or
/// expired, or its user is blocked or erased.
pub async fn find_viewer(
    db: &impl ConnectionTrait,
    tags: &impl Tags,
    session_id: SessionId,
    access_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Viewer>> {
    let active_session = session::Entity::find()
        .select_only()
        .column(session::Column::UserId)
        .filter(session::Column::Id.eq(session_id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .into_query();
    let row = user::Entity::find()
        .filter(user::Column::Id.in_subquery(active_session))
        .filter(user::Column::BlockedAt.is_null())
        .filter(user::Column::ErasedAt.is_null())
        .one(db)
        .await?;
    row.map(|row| {
        let authority = authority::checked(tags, &row)?;
        let user = User { verified: authority.verified_at.is_some(), ..users::from_row(&row) };
        let role = authority.role;
        Ok(Viewer { user, role, email: row.email, session_id, access_until })
    })
    .transpose()
}

/// Whether there is a session, active or ended, of the user and network of this hash. Expired sessions are
/// deleted after a while, and forgotten then.
pub async fn is_known_network(db: &impl ConnectionTrait, network_hash: &[u8]) -> Result<bool> {
    let row = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::NetworkHash.eq(network_hash.to_vec()))
        .into_tuple::<SessionId>()
        .one(db)
        .await?;
    Ok(row.is_some())
}

/// Forgets from which networks the user signed in.
pub async fn forget_networks(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    session::Entity::update_many()
        .col_expr(session::Column::NetworkHash, Expr::value(None::<Vec<u8>>))
        .filter(session::Column::UserId.eq(user_id))
        .exec(tx)
        .await?;
    Ok(())
}

pub async fn find_token(tx: &impl ConnectionTrait, hash: &[u8]) -> Result<Option<StoredToken>> {
    let Some(row) = refresh_token::Entity::find_by_id(hash.to_vec()).one(tx).await? else { return Ok(None) };
    let session = session::Entity::find_by_id(row.session_id).one(tx).await?;
    Ok(session.map(|session| StoredToken {
        session_id: SessionId::from_uuid(row.session_id),
        user_id: UserId::from_uuid(session.user_id),
        used_at: row.used_at,
    }))
}

/// Marks the refresh token as used. Returns `false` if it was used already.
pub async fn mark_token_used(tx: &impl ConnectionTrait, hash: &[u8], now: DateTime<Utc>) -> Result<bool> {
    let updated = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::UsedAt, Expr::value(now))
        .filter(refresh_token::Column::Hash.eq(hash.to_vec()))
        .filter(refresh_token::Column::UsedAt.is_null())
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

pub async fn find_active(
    db: &impl ConnectionTrait,
    session_id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<ActiveSession>> {
    let row = session::Entity::find_by_id(session_id)
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .one(db)
        .await?;
    Ok(row.as_ref().map(active_session))
}

/// The active sessions of the user, the newest first.
pub async fn find_active_of_user(
    db: &impl ConnectionTrait,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<ActiveSession>> {
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .order_by_desc(session::Column::CreatedAt)
        .order_by_desc(session::Column::Id)
        .all(db)
        .await?;
    Ok(rows.iter().map(active_session).collect())
}

fn active_session(row: &session::Model) -> ActiveSession {
    ActiveSession {
        id: SessionId::from_uuid(row.id),
        user_id: UserId::from_uuid(row.user_id),
        created_at: row.created_at,
        expires_at: row.expires_at,
    }
}

/// Sets when an active session expires. Returns `false` if the session has ended or expired.
pub async fn set_expiry(
    tx: &impl ConnectionTrait,
    session_id: SessionId,
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

/// Ends a session and returns its user; `None` if it had ended already.
pub async fn end(
    tx: &impl ConnectionTrait,
    session_id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<UserId>> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::Id.eq(session_id))
        .filter(session::Column::EndedAt.is_null())
        .exec_with_returning(tx)
        .await?;
    Ok(ended.first().map(|row| UserId::from_uuid(row.user_id)))
}

/// Ends all sessions of the user, and returns those that had not ended or expired before.
pub async fn end_all(
    tx: &impl ConnectionTrait,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::EndedAt.is_null())
        .exec_with_returning(tx)
        .await?;
    Ok(ended.iter().filter(|row| row.expires_at > now).map(|row| SessionId::from_uuid(row.id)).collect())
}

/// Deletes the sessions that expired before `moment`, with their tokens. Returns each session, its user, and
/// whether it had been ended.
pub async fn delete_expired(
    tx: &impl ConnectionTrait,
    moment: DateTime<Utc>,
) -> Result<Vec<(SessionId, UserId, bool)>> {
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
    let deleted_sessions = deleted
        .into_iter()
        .map(|row| (SessionId::from_uuid(row.id), UserId::from_uuid(row.user_id), row.ended_at.is_some()));
    Ok(deleted_sessions.collect())
}
