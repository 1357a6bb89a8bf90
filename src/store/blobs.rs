//! The records of blobs that no row refers to: those that are being written, and those that must be deleted.

use chrono::{DateTime, Utc};
use entity::unreferenced_blob::{ActiveModel, Column, Entity, Model};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::domain::blob::BlobId;
use crate::domain::id::{DocumentId, ImageId, UserId};
use crate::store::{ROWS_PER_INSERT, Result, corrupt};

const GIG_IMAGE: &str = "GIG_IMAGE";
const IDENTITY_DOCUMENT: &str = "IDENTITY_DOCUMENT";

fn kind_text(id: BlobId) -> &'static str {
    match id {
        BlobId::GigImage(_) => GIG_IMAGE,
        BlobId::IdentityDocument(_) => IDENTITY_DOCUMENT,
    }
}

fn from_row(row: &Model) -> Result<BlobId> {
    match row.kind.as_str() {
        GIG_IMAGE => Ok(ImageId::from_uuid(row.id).into()),
        IDENTITY_DOCUMENT => Ok(DocumentId::from_uuid(row.id).into()),
        other => Err(corrupt("kind of blob", other)),
    }
}

/// Records blobs that no row refers to. They are to be deleted from `delete_after` on.
pub async fn insert(
    tx: &impl ConnectionTrait,
    owner_id: UserId,
    ids: &[BlobId],
    delete_after: DateTime<Utc>,
) -> Result<()> {
    for ids in ids.chunks(ROWS_PER_INSERT) {
        let rows = ids.iter().map(|id| ActiveModel {
            id: Set(id.uuid()),
            kind: Set(kind_text(*id).to_owned()),
            owner_id: Set(owner_id.uuid()),
            delete_after: Set(delete_after),
        });
        Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Deletes the record of a blob. Returns `false` if there is none.
pub async fn delete(tx: &impl ConnectionTrait, id: BlobId) -> Result<bool> {
    let deleted = Entity::delete_by_id(id.uuid()).exec(tx).await?;
    Ok(deleted.rows_affected == 1)
}

/// Deletes the record of a blob that is due for deletion at `now`. Returns `false` if there is none.
pub async fn delete_due(tx: &impl ConnectionTrait, id: BlobId, now: DateTime<Utc>) -> Result<bool> {
    let delete = Entity::delete_by_id(id.uuid()).filter(Column::DeleteAfter.lte(now));
    Ok(delete.exec(tx).await?.rows_affected == 1)
}

/// Those of the images that have a record.
pub async fn find_images(db: &impl ConnectionTrait, ids: &[ImageId]) -> Result<Vec<ImageId>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let select = Entity::find().select_only().column(Column::Id).filter(Column::Id.is_in(ids));
    let found: Vec<Uuid> = select.into_tuple().all(db).await?;
    Ok(found.into_iter().map(ImageId::from_uuid).collect())
}

/// All blobs of a user that no row refers to.
pub async fn find_of_owner(tx: &impl ConnectionTrait, owner_id: UserId) -> Result<Vec<BlobId>> {
    let rows = Entity::find().filter(Column::OwnerId.eq(owner_id)).all(tx).await?;
    rows.iter().map(from_row).collect()
}

/// Up to `limit` blobs that are due for deletion at `now`, ordered by id and starting after `after`.
pub async fn find_due(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<BlobId>> {
    let rows = Entity::find()
        .filter(Column::DeleteAfter.lte(now))
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}
