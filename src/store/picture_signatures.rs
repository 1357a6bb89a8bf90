//! What the pictures of identity documents are recognized by. Everything arrives here encrypted.

use entity::picture_signature::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::domain::id::{DocumentId, UserId};
use crate::store::Result;

/// The signature of a picture.
#[derive(Debug, Clone)]
pub struct StoredSignature {
    pub document_id: DocumentId,
    pub user_id: UserId,
    /// The perceptual hash and the cells, encrypted with a key of the installation.
    pub hash: Vec<u8>,
    pub cells: Vec<u8>,
    /// The preview, encrypted with the data key of the user.
    pub preview: Vec<u8>,
}

fn from_row(row: Model) -> StoredSignature {
    StoredSignature {
        document_id: DocumentId::from_uuid(row.document_id),
        user_id: UserId::from_uuid(row.user_id),
        hash: row.hash,
        cells: row.cells,
        preview: row.preview,
    }
}

pub async fn insert(tx: &impl ConnectionTrait, signature: StoredSignature) -> Result<()> {
    let row = ActiveModel {
        document_id: Set(signature.document_id.uuid()),
        user_id: Set(signature.user_id.uuid()),
        hash: Set(signature.hash),
        cells: Set(signature.cells),
        preview: Set(signature.preview),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The signatures of all pictures of a user.
pub async fn of_user(db: &impl ConnectionTrait, user_id: UserId) -> Result<Vec<StoredSignature>> {
    let rows = Entity::find().filter(Column::UserId.eq(user_id)).all(db).await?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// Up to `limit` encrypted hashes of pictures with an id above `after`, by id.
pub async fn hashes_after(
    db: &impl ConnectionTrait,
    after: DocumentId,
    limit: u64,
) -> Result<Vec<(DocumentId, Vec<u8>)>> {
    Entity::find()
        .select_only()
        .columns([Column::DocumentId, Column::Hash])
        .filter(Column::DocumentId.gt(after))
        .order_by_asc(Column::DocumentId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// The encrypted hashes of the newest pictures of other users with an id above `after`, at most `limit`.
pub async fn newest_hashes(
    db: &impl ConnectionTrait,
    after: DocumentId,
    except: UserId,
    limit: u64,
) -> Result<Vec<(DocumentId, Vec<u8>)>> {
    Entity::find()
        .select_only()
        .columns([Column::DocumentId, Column::Hash])
        .filter(Column::DocumentId.gt(after))
        .filter(Column::UserId.ne(except))
        .order_by_desc(Column::DocumentId)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// The owners and the encrypted cells of these pictures, in no particular order.
pub async fn cells(
    db: &impl ConnectionTrait,
    ids: &[DocumentId],
) -> Result<Vec<(DocumentId, UserId, Vec<u8>)>> {
    Entity::find()
        .select_only()
        .columns([Column::DocumentId, Column::UserId, Column::Cells])
        .filter(Column::DocumentId.is_in(ids.iter().copied()))
        .into_tuple()
        .all(db)
        .await
}

pub async fn delete_all(tx: &impl ConnectionTrait, ids: &[DocumentId]) -> Result<()> {
    Entity::delete_many().filter(Column::DocumentId.is_in(ids.iter().copied())).exec(tx).await?;
    Ok(())
}
