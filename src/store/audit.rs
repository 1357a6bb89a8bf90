//! The audit trail: who saw or decided what about whom. Entries are appended and never changed.

use chrono::{DateTime, Utc};
use entity::audit_entry;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, NotSet, QueryFilter, QueryOrder};

use crate::domain::id::UserId;
use crate::store::{ROWS_PER_INSERT, Result};

/// An entry of the audit trail.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub at: DateTime<Utc>,
    /// The user who acted; `None` for background jobs and the command line.
    pub actor_id: Option<UserId>,
    /// The user whom the entry is about.
    pub subject_id: UserId,
    /// For example `VIEW_DOCUMENT`.
    pub action: String,
    /// Details, without personal data.
    pub detail: String,
    pub request_id: String,
}

pub async fn append(tx: &impl ConnectionTrait, entries: Vec<AuditEntry>) -> Result<()> {
    let rows: Vec<_> = entries.into_iter().map(to_row).collect();
    for rows in rows.chunks(ROWS_PER_INSERT) {
        audit_entry::Entity::insert_many(rows.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

fn to_row(entry: AuditEntry) -> audit_entry::ActiveModel {
    audit_entry::ActiveModel {
        number: NotSet,
        at: Set(entry.at),
        actor_id: Set(entry.actor_id.map(UserId::uuid)),
        subject_id: Set(entry.subject_id.uuid()),
        action: Set(entry.action),
        detail: Set(entry.detail),
        request_id: Set(entry.request_id),
    }
}

/// All entries about one user, oldest first.
pub async fn find_by_subject(db: &impl ConnectionTrait, subject_id: UserId) -> Result<Vec<AuditEntry>> {
    let rows = audit_entry::Entity::find()
        .filter(audit_entry::Column::SubjectId.eq(subject_id))
        .order_by_asc(audit_entry::Column::Number)
        .all(db)
        .await?;
    let entries = rows.into_iter().map(|row| AuditEntry {
        at: row.at,
        actor_id: row.actor_id.map(UserId::from_uuid),
        subject_id: UserId::from_uuid(row.subject_id),
        action: row.action,
        detail: row.detail,
        request_id: row.request_id,
    });
    Ok(entries.collect())
}
