//! Which data key seals what reviewers write about a user. [`data_keys`](crate::store::data_keys) has the keys.

use entity::review_key;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::domain::id::{DataKeyId, UserId};
use crate::store::Result;

/// The key of what is written about a user.
#[derive(Debug, Clone, Copy)]
pub struct StoredReviewKey {
    pub user_id: UserId,
    pub key: DataKeyId,
    /// A key that was lost. It has sealed the texts from before.
    pub lost: Option<DataKeyId>,
}

/// The keys of those users who have one, in no particular order.
pub async fn find_all(db: &impl ConnectionTrait, user_ids: &[UserId]) -> Result<Vec<StoredReviewKey>> {
    let ids = user_ids.iter().copied();
    let rows = review_key::Entity::find().filter(review_key::Column::UserId.is_in(ids)).all(db).await?;
    let stored = rows.into_iter().map(|row| StoredReviewKey {
        user_id: UserId::from_uuid(row.user_id),
        key: DataKeyId::from_uuid(row.data_key_id),
        lost: row.lost_key_id.map(DataKeyId::from_uuid),
    });
    Ok(stored.collect())
}

/// Stores the key of a user who has none, or whose key was lost. The caller has locked the user.
pub async fn put(tx: &impl ConnectionTrait, stored: StoredReviewKey) -> Result<()> {
    use review_key::Column::{DataKeyId as Key, LostKeyId, UserId as Id};
    let row = review_key::ActiveModel {
        user_id: Set(stored.user_id.uuid()),
        data_key_id: Set(stored.key.uuid()),
        lost_key_id: Set(stored.lost.map(DataKeyId::uuid)),
    };
    review_key::Entity::insert(row)
        .on_conflict(OnConflict::column(Id).update_columns([Key, LostKeyId]).to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Forgets the key of the user. The caller discards it.
pub async fn delete(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    review_key::Entity::delete_by_id(user_id).exec(tx).await?;
    Ok(())
}
