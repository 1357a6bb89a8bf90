//! Stream tickets that were used: the operation that each may open, and its open stream.

use chrono::{DateTime, Utc};
use entity::stream_ticket::{ActiveModel, Column, Entity};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, TryInsertResult};

use crate::domain::id::{StreamId, TicketId};
use crate::store::Result;

/// Records the first use of a ticket. Returns `false` if it was used before.
pub async fn insert(
    tx: &impl ConnectionTrait,
    id: TicketId,
    fingerprint: &[u8],
    stream_id: StreamId,
    expires_at: DateTime<Utc>,
) -> Result<bool> {
    let row = ActiveModel {
        id: Set(id.uuid()),
        fingerprint: Set(fingerprint.to_vec()),
        stream_id: Set(Some(stream_id.uuid())),
        expires_at: Set(expires_at),
    };
    let inserted = Entity::insert(row).on_conflict_do_nothing_on([Column::Id]);
    let inserted = inserted.exec_without_returning(tx).await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

/// Records a further use of a ticket. Returns `false` if the ticket is bound to another operation, or if it has
/// an open stream that must not be replaced.
pub async fn open_again(
    tx: &impl ConnectionTrait,
    id: TicketId,
    fingerprint: &[u8],
    stream_id: StreamId,
    may_replace: bool,
) -> Result<bool> {
    let mut update = Entity::update_many()
        .col_expr(Column::StreamId, Expr::value(stream_id))
        .filter(Column::Id.eq(id))
        .filter(Column::Fingerprint.eq(fingerprint.to_vec()));
    if !may_replace {
        update = update.filter(Column::StreamId.is_null());
    }
    Ok(update.exec(tx).await?.rows_affected == 1)
}

/// Whether another stream of the ticket has replaced this one.
pub async fn is_replaced(db: &impl ConnectionTrait, id: TicketId, stream_id: StreamId) -> Result<bool> {
    let row = Entity::find_by_id(id).one(db).await?;
    Ok(row.is_some_and(|row| row.stream_id != Some(stream_id.uuid())))
}

/// Records that the stream is closed, unless another one has replaced it.
pub async fn close(tx: &impl ConnectionTrait, id: TicketId, stream_id: StreamId) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::StreamId, Expr::value(Option::<StreamId>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::StreamId.eq(stream_id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Deletes the tickets that expired before `moment`.
pub async fn delete_expired(tx: &impl ConnectionTrait, moment: DateTime<Utc>) -> Result<u64> {
    let deleted = Entity::delete_many().filter(Column::ExpiresAt.lt(moment)).exec(tx).await?;
    Ok(deleted.rows_affected)
}
