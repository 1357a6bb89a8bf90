//! The wrapped data keys of people whose identity data are sealed: which key of the installation wraps which.

use entity::verification;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use crate::domain::wrapped_key::WrappedKey;
use crate::store::Result;

/// Up to `limit` people whose data key is wrapped by another key than `newest`, those with ids after `after`.
///
/// # Errors
/// Where the database does not answer.
pub async fn wrapped_by_others(
    db: &impl ConnectionTrait,
    newest: &str,
    after: Uuid,
    limit: u64,
) -> Result<Vec<(Uuid, WrappedKey)>> {
    let rows = verification::Entity::find()
        .filter(verification::Column::KeyId.is_not_null())
        .filter(verification::Column::KeyId.ne(newest))
        .filter(verification::Column::UserId.gt(after))
        .order_by_asc(verification::Column::UserId)
        .limit(limit)
        .all(db)
        .await?;
    let wrapped = rows.into_iter().filter_map(|row| {
        let key = row.key_id.zip(row.wrapped_key)?;
        Some((row.user_id, WrappedKey { key_id: key.0, bytes: key.1 }))
    });
    Ok(wrapped.collect())
}

/// How many data keys are wrapped by another key than `newest`.
///
/// # Errors
/// Where the database does not answer.
pub async fn count_wrapped_by_others(db: &impl ConnectionTrait, newest: &str) -> Result<u64> {
    verification::Entity::find()
        .filter(verification::Column::KeyId.is_not_null())
        .filter(verification::Column::KeyId.ne(newest))
        .count(db)
        .await
}

/// The ids of all keys that any data key is wrapped by.
///
/// # Errors
/// Where the database does not answer.
pub async fn key_ids(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    verification::Entity::find()
        .select_only()
        .column(verification::Column::KeyId)
        .distinct()
        .filter(verification::Column::KeyId.is_not_null())
        .into_tuple()
        .all(db)
        .await
}

/// Puts another wrapping of the same data key in place of `old`; `false` where that was replaced meanwhile.
///
/// # Errors
/// Where the database does not answer.
pub async fn replace_key(
    tx: &impl ConnectionTrait,
    user_id: Uuid,
    old: &WrappedKey,
    new: &WrappedKey,
) -> Result<bool> {
    let updated = verification::Entity::update_many()
        .col_expr(verification::Column::KeyId, Expr::value(new.key_id.clone()))
        .col_expr(verification::Column::WrappedKey, Expr::value(new.bytes.clone()))
        .filter(verification::Column::UserId.eq(user_id))
        .filter(verification::Column::WrappedKey.eq(old.bytes.clone()))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}
