//! Records of what users have agreed to.

use chrono::{DateTime, Utc};
use entity::consent::{ActiveModel, Column, Entity};
use entity::{user, verification};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::domain::id::UserId;
use crate::domain::rights::Consent;
use crate::store::Result;

pub async fn insert(tx: &impl ConnectionTrait, consent: &Consent) -> Result<()> {
    let row = ActiveModel {
        user_id: Set(consent.user_id.uuid()),
        verification_version: Set(consent.verification_version),
        text_version: Set(consent.text_version.clone()),
        consented_at: Set(consent.consented_at),
    };
    Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The consents of these users, oldest first.
pub async fn find_all(db: &impl ConnectionTrait, user_ids: &[UserId]) -> Result<Vec<Consent>> {
    let rows = Entity::find()
        .filter(Column::UserId.is_in(user_ids.iter().copied()))
        .order_by_asc(Column::VerificationVersion)
        .all(db)
        .await?;
    let consent = |row: entity::consent::Model| Consent {
        user_id: UserId::from_uuid(row.user_id),
        verification_version: row.verification_version,
        text_version: row.text_version,
        consented_at: row.consented_at,
    };
    Ok(rows.into_iter().map(consent).collect())
}

/// Deletes the consents from before `moment` of users who have no identity data any more, except those under a legal
/// hold.
pub async fn delete_without_data(tx: &impl ConnectionTrait, moment: DateTime<Utc>) -> Result<()> {
    let without_data = verification::Entity::find()
        .select_only()
        .column(verification::Column::UserId)
        .filter(verification::Column::KeyId.is_null())
        .into_query();
    let under_legal_hold = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::LegalHold.eq(true))
        .into_query();
    Entity::delete_many()
        .filter(Column::ConsentedAt.lt(moment))
        .filter(Column::UserId.in_subquery(without_data))
        .filter(Column::UserId.not_in_subquery(under_legal_hold))
        .exec(tx)
        .await?;
    Ok(())
}

/// Deletes the consents of the user.
pub async fn delete_all(tx: &impl ConnectionTrait, user_id: UserId) -> Result<()> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(tx).await?;
    Ok(())
}
