//! The wrapped data keys of users with encrypted identity data, for key rotation. `review_keys` and `idempotency`
//! have the other wrapped keys.

use std::collections::BTreeSet;

use entity::verification;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};

use crate::domain::id::UserId;
use crate::domain::wrapped_key::WrappedKey;
use crate::store::{Result, idempotency, review_keys};

/// Up to `limit` users whose data key is wrapped by another key than `newest`, ordered by id and starting
/// after `after`.
pub async fn find_wrapped_by_old_keys(
    db: &impl ConnectionTrait,
    newest: &str,
    after: UserId,
    limit: u64,
) -> Result<Vec<(UserId, WrappedKey)>> {
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
        Some((UserId::from_uuid(row.user_id), WrappedKey { key_id: key.0, bytes: key.1 }))
    });
    Ok(wrapped.collect())
}

/// The number of data keys that are wrapped by another key than `newest`.
pub async fn count_wrapped_by_old_keys(db: &impl ConnectionTrait, newest: &str) -> Result<u64> {
    verification::Entity::find()
        .filter(verification::Column::KeyId.is_not_null())
        .filter(verification::Column::KeyId.ne(newest))
        .count(db)
        .await
}

/// Finds one key after the other in the index. `DISTINCT` would read the entry of every user, to find a few
/// keys.
pub const KEY_IDS: &str = "WITH RECURSIVE used (key_id) AS (
SELECT (SELECT key_id FROM verification WHERE key_id IS NOT NULL ORDER BY key_id LIMIT 1)
UNION ALL
SELECT (SELECT key_id FROM verification WHERE key_id > used.key_id ORDER BY key_id LIMIT 1)
FROM used WHERE used.key_id IS NOT NULL
) SELECT key_id FROM used WHERE key_id IS NOT NULL";

/// The ids of all keys that wrap anything: a key of a user, or the key of a stored idempotent request.
pub async fn key_ids(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), KEY_IDS)).await?;
    let of_users = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>>>()?;
    let mut ids: BTreeSet<_> = idempotency::key_ids(db).await?.into_iter().collect();
    ids.extend(of_users);
    ids.extend(review_keys::key_ids(db).await?);
    Ok(ids.into_iter().collect())
}

/// Replaces the wrapped data key `old` by `new`. Returns `false` if the stored one is no longer `old`.
pub async fn replace_key(
    tx: &impl ConnectionTrait,
    user_id: UserId,
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
