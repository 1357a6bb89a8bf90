//! Requests of users to be erased.

use chrono::{DateTime, Utc};
use entity::erasure_request::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::id::UserId;
use crate::domain::rights::ErasureRequest;
use crate::store::Result;

fn from_row(row: &Model) -> ErasureRequest {
    ErasureRequest {
        user_id: UserId::from_uuid(row.user_id),
        requested_at: row.requested_at,
        due_at: row.due_at,
    }
}

pub async fn insert(tx: &impl ConnectionTrait, request: &ErasureRequest) -> Result<()> {
    let row = ActiveModel {
        user_id: Set(request.user_id.uuid()),
        requested_at: Set(request.requested_at),
        due_at: Set(request.due_at),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The request of the user, if there is one.
pub async fn find(db: &impl ConnectionTrait, user_id: UserId) -> Result<Option<ErasureRequest>> {
    Ok(Entity::find_by_id(user_id).one(db).await?.as_ref().map(from_row))
}

/// The users whose requests are due.
pub async fn find_due(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Vec<UserId>> {
    Entity::find()
        .select_only()
        .column(Column::UserId)
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .into_tuple()
        .all(db)
        .await
}

/// Deletes the request of the user, if there is one.
pub async fn delete(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    Entity::delete_by_id(user_id).exec(tx).await?;
    Ok(())
}
