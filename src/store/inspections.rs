//! Inspections of decided verifications by administrators.

use chrono::{DateTime, Utc};
use entity::inspection;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::domain::id::{DecisionId, UserId};
use crate::domain::review_record::Inspection;
use crate::store::Result;

fn from_row(row: &inspection::Model) -> Inspection {
    Inspection {
        id: DecisionId::from_uuid(row.id),
        admin_id: UserId::from_uuid(row.admin_id),
        subject_id: UserId::from_uuid(row.subject_id),
        started_at: row.started_at,
        expires_at: row.expires_at,
    }
}

pub async fn insert(tx: &impl ConnectionTrait, inspection: &Inspection) -> Result<()> {
    let row = inspection::ActiveModel {
        id: Set(inspection.id.uuid()),
        admin_id: Set(inspection.admin_id.uuid()),
        subject_id: Set(inspection.subject_id.uuid()),
        started_at: Set(inspection.started_at),
        expires_at: Set(inspection.expires_at),
    };
    inspection::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The inspection with this id, if it is one of this administrator.
pub async fn find(db: &impl ConnectionTrait, id: DecisionId, admin_id: UserId) -> Result<Option<Inspection>> {
    let select = inspection::Entity::find_by_id(id).filter(inspection::Column::AdminId.eq(admin_id));
    Ok(select.one(db).await?.as_ref().map(from_row))
}

/// The inspection of this user's verification by this administrator that has not expired; of several, the last to
/// expire.
pub async fn find_active(
    db: &impl ConnectionTrait,
    admin_id: UserId,
    subject_id: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Inspection>> {
    Ok(find_all_active(db, admin_id, &[subject_id], now).await?.pop())
}

/// The inspections of these users' verifications by this administrator that have not expired, the last to expire at
/// the end.
pub async fn find_all_active(
    db: &impl ConnectionTrait,
    admin_id: UserId,
    subject_ids: &[UserId],
    now: DateTime<Utc>,
) -> Result<Vec<Inspection>> {
    let rows = inspection::Entity::find()
        .filter(inspection::Column::AdminId.eq(admin_id))
        .filter(inspection::Column::SubjectId.is_in(subject_ids.iter().copied()))
        .filter(inspection::Column::ExpiresAt.gt(now))
        .order_by_asc(inspection::Column::ExpiresAt)
        .all(db)
        .await?;
    Ok(rows.iter().map(from_row).collect())
}

/// Deletes the inspections that have expired before `moment`. Returns how many.
pub async fn delete_older_than(tx: &impl ConnectionTrait, moment: DateTime<Utc>) -> Result<u64> {
    let deleted = inspection::Entity::delete_many()
        .filter(inspection::Column::ExpiresAt.lt(moment))
        .exec(tx)
        .await?;
    Ok(deleted.rows_affected)
}
