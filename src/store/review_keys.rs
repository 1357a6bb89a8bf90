//! The wrapped keys that seal what reviewers write about users.

use entity::review_key;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement,
};

use crate::domain::id::UserId;
use crate::domain::wrapped_key::WrappedKey;
use crate::store::Result;

fn from_row(row: review_key::Model) -> (UserId, WrappedKey) {
    (UserId::from_uuid(row.user_id), WrappedKey { key_id: row.key_id, bytes: row.wrapped_key })
}

/// The keys of those users who have one, in no particular order.
pub async fn find_all(db: &impl ConnectionTrait, user_ids: &[UserId]) -> Result<Vec<(UserId, WrappedKey)>> {
    let ids = user_ids.iter().copied();
    let rows = review_key::Entity::find().filter(review_key::Column::UserId.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Inserts the key of a user who has none. The caller has locked the user.
pub async fn insert(tx: &impl ConnectionTrait, user_id: UserId, key: &WrappedKey) -> Result<()> {
    let row = review_key::ActiveModel {
        user_id: Set(user_id.uuid()),
        key_id: Set(key.key_id.clone()),
        wrapped_key: Set(key.bytes.clone()),
    };
    review_key::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Destroys the key of the user.
pub async fn delete(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    review_key::Entity::delete_by_id(user_id).exec(tx).await?;
    Ok(())
}

/// Up to `limit` users whose key is wrapped by another key than `newest`, ordered by id and starting after `after`.
pub async fn find_wrapped_by_old_keys(
    db: &impl ConnectionTrait,
    newest: &str,
    after: UserId,
    limit: u64,
) -> Result<Vec<(UserId, WrappedKey)>> {
    let rows = review_key::Entity::find()
        .filter(review_key::Column::KeyId.ne(newest))
        .filter(review_key::Column::UserId.gt(after))
        .order_by_asc(review_key::Column::UserId)
        .limit(limit)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// The number of keys that are wrapped by another key than `newest`.
pub async fn count_wrapped_by_old_keys(db: &impl ConnectionTrait, newest: &str) -> Result<u64> {
    review_key::Entity::find().filter(review_key::Column::KeyId.ne(newest)).count(db).await
}

/// Replaces the wrapped key `old` by `new`. Returns `false` if the stored one is no longer `old`.
pub async fn replace_key(
    tx: &impl ConnectionTrait,
    user_id: UserId,
    old: &WrappedKey,
    new: &WrappedKey,
) -> Result<bool> {
    let updated = review_key::Entity::update_many()
        .col_expr(review_key::Column::KeyId, Expr::value(new.key_id.clone()))
        .col_expr(review_key::Column::WrappedKey, Expr::value(new.bytes.clone()))
        .filter(review_key::Column::UserId.eq(user_id))
        .filter(review_key::Column::WrappedKey.eq(old.bytes.clone()))
        .exec(tx)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Finds one key after the other in the index, as [`KEY_IDS`](crate::store::data_keys::KEY_IDS).
const KEY_IDS: &str = "WITH RECURSIVE used (key_id) AS (
SELECT (SELECT key_id FROM review_key ORDER BY key_id LIMIT 1)
UNION ALL
SELECT (SELECT key_id FROM review_key WHERE key_id > used.key_id ORDER BY key_id LIMIT 1)
FROM used WHERE used.key_id IS NOT NULL
) SELECT key_id FROM used WHERE key_id IS NOT NULL";

/// The ids of the keys of the installation that wrap any of the keys.
pub async fn key_ids(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), KEY_IDS)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
