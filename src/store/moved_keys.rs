//! Moves the data keys that earlier versions have stored beside the data to where they are now
//! ([`data_keys`](crate::store::data_keys)).
//!
//! Can be interrupted at any time: a key is in its new place before it leaves the old one.

use chrono::{DateTime, Utc};
use entity::verification;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QuerySelect, Statement,
};

use crate::domain::id::{DataKeyId, UserId};
use crate::domain::wrapped_key::WrappedKey;
use crate::store::Result;
use crate::store::data_keys::{StoredDataKey, insert};
use crate::store::key_database::KeyDatabase;
use crate::store::review_keys::{self, StoredReviewKey};
use crate::store::sql::Sql;

/// How many old rows are moved at once.
const BATCH_SIZE: u64 = 500;

/// Moves all keys of earlier versions.
pub(super) async fn move_all(keys: &KeyDatabase, db: &DatabaseConnection) -> Result<()> {
    move_from_verifications(keys, db).await?;
    move_from_review_keys(keys, db).await
}

/// Such a key has the id of its user.
async fn move_from_verifications(keys: &KeyDatabase, db: &DatabaseConnection) -> Result<()> {
    loop {
        let rows = verification::Entity::find()
            .filter(verification::Column::WrappedKey.is_not_null())
            .filter(verification::Column::KeyId.is_not_null())
            .limit(BATCH_SIZE)
            .all(db)
            .await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let Some((key_id, bytes)) = row.key_id.zip(row.wrapped_key) else { continue };
            let (id, user_id) = (DataKeyId::from_uuid(row.user_id), UserId::from_uuid(row.user_id));
            let key = StoredDataKey { id, user_id, wrapped: WrappedKey { key_id, bytes } };
            let bytes = key.wrapped.bytes.clone();
            insert(keys, db, &key, row.changed_at).await?;
            // A gateway of an earlier version may have erased the user since the row was read: then it has no key, and
            // its reference to the moved one does not count.
            verification::Entity::update_many()
                .col_expr(verification::Column::KeyId, Expr::value(Option::<String>::None))
                .col_expr(verification::Column::WrappedKey, Expr::value(Option::<Vec<u8>>::None))
                .col_expr(verification::Column::DataKeyId, Expr::value(id))
                .filter(verification::Column::UserId.eq(row.user_id))
                .filter(verification::Column::WrappedKey.eq(bytes))
                .exec(db)
                .await?;
        }
    }
}

/// The migration has put these keys aside, in `old_review_key`.
async fn move_from_review_keys(keys: &KeyDatabase, db: &DatabaseConnection) -> Result<()> {
    loop {
        let mut sql = Sql::new(db.get_database_backend());
        sql.push("SELECT user_id, key_id, wrapped_key FROM old_review_key LIMIT ").push_number(BATCH_SIZE);
        let rows = db.query_all_raw(sql.into_statement()).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let user_id = UserId::from_uuid(row.try_get_by_index(0)?);
            let wrapped = WrappedKey { key_id: row.try_get_by_index(1)?, bytes: row.try_get_by_index(2)? };
            let id = DataKeyId::of_earlier_review_key(user_id);
            // When it was created, is not known.
            insert(keys, db, &StoredDataKey { id, user_id, wrapped }, DateTime::<Utc>::UNIX_EPOCH).await?;
            review_keys::put(db, StoredReviewKey { user_id, key: id, lost: None }).await?;
            db.execute_raw(delete_old_review_key(db, user_id)).await?;
        }
    }
}

fn delete_old_review_key(db: &DatabaseConnection, user_id: UserId) -> Statement {
    let mut sql = Sql::new(db.get_database_backend());
    sql.push("DELETE FROM old_review_key WHERE user_id = ").bind(user_id);
    sql.into_statement()
}
