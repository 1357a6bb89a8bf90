//! What people under a legal hold have replaced or deleted.

use entity::held_version;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::domain::held_version::{HeldContent, HeldVersion};
use crate::domain::id::{DataKeyId, DocumentId, GigId, HeldVersionId, ImageId, UserId};
use crate::store::{Result, corrupt, from_json, to_json};

const PERSONAL_INFO: &str = "PERSONAL_INFO";
const IDENTITY_DOCUMENT: &str = "IDENTITY_DOCUMENT";
const GIG: &str = "GIG";
const GIG_IMAGE: &str = "GIG_IMAGE";

fn from_row(row: &held_version::Model) -> Result<HeldVersion> {
    let key = || {
        let key = row.data_key_id.map(DataKeyId::from_uuid);
        key.ok_or_else(|| corrupt("data key of a held version", &row.id.to_string()))
    };
    let content = match row.kind.as_str() {
        PERSONAL_INFO => HeldContent::PersonalInfo {
            key: key()?,
            sealed: row.sealed.clone().unwrap_or_default(),
            version: row.version,
        },
        IDENTITY_DOCUMENT => {
            HeldContent::IdentityDocument { id: DocumentId::from_uuid(row.subject_id), key: key()? }
        }
        GIG => HeldContent::Gig {
            id: GigId::from_uuid(row.subject_id),
            content: from_json("held_version.content", row.content.clone())?,
        },
        GIG_IMAGE => HeldContent::GigImage {
            id: ImageId::from_uuid(row.subject_id),
            alt_text: from_json("held_version.content", row.content.clone())?,
        },
        other => return Err(corrupt("kind of a held version", other)),
    };
    Ok(HeldVersion {
        id: HeldVersionId::from_uuid(row.id),
        user_id: UserId::from_uuid(row.user_id),
        content,
        replaced_at: row.replaced_at,
    })
}

pub async fn insert(tx: &impl ConnectionTrait, held: &HeldVersion) -> Result<()> {
    let (mut version, mut sealed, mut content) = (None, None, serde_json::Value::Null);
    let (kind, subject_id) = match &held.content {
        HeldContent::PersonalInfo { sealed: bytes, version: sealed_version, .. } => {
            (version, sealed) = (*sealed_version, Some(bytes.clone()));
            (PERSONAL_INFO, held.user_id.uuid())
        }
        HeldContent::IdentityDocument { id, .. } => (IDENTITY_DOCUMENT, id.uuid()),
        HeldContent::Gig { id, content: gig } => {
            content = to_json(gig)?;
            (GIG, id.uuid())
        }
        HeldContent::GigImage { id, alt_text } => {
            content = to_json(alt_text)?;
            (GIG_IMAGE, id.uuid())
        }
    };
    let row = held_version::ActiveModel {
        id: Set(held.id.uuid()),
        user_id: Set(held.user_id.uuid()),
        kind: Set(kind.to_owned()),
        subject_id: Set(subject_id),
        version: Set(version),
        data_key_id: Set(held.content.key().map(DataKeyId::uuid)),
        sealed: Set(sealed),
        content: Set(content),
        replaced_at: Set(held.replaced_at),
    };
    held_version::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Everything that is held of a user, the oldest first.
pub async fn find_of_user(db: &impl ConnectionTrait, user_id: UserId) -> Result<Vec<HeldVersion>> {
    let rows = held_version::Entity::find()
        .filter(held_version::Column::UserId.eq(user_id))
        .order_by_asc(held_version::Column::Id)
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

/// Up to `limit` versions of a user, the newest first, starting after `before`.
pub async fn find_page(
    db: &impl ConnectionTrait,
    user_id: UserId,
    before: Option<HeldVersionId>,
    limit: u64,
) -> Result<Vec<HeldVersion>> {
    let older = before.map(|id| held_version::Column::Id.lt(id));
    let rows = held_version::Entity::find()
        .filter(held_version::Column::UserId.eq(user_id))
        .filter(Condition::all().add_option(older))
        .order_by_desc(held_version::Column::Id)
        .limit(limit)
        .all(db)
        .await?;
    rows.iter().map(from_row).collect()
}

pub async fn find(db: &impl ConnectionTrait, id: HeldVersionId) -> Result<Option<HeldVersion>> {
    held_version::Entity::find_by_id(id).one(db).await?.as_ref().map(from_row).transpose()
}

/// Deletes everything that is held of a user.
pub async fn delete_of_user(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    held_version::Entity::delete_many().filter(held_version::Column::UserId.eq(user_id)).exec(tx).await?;
    Ok(())
}
