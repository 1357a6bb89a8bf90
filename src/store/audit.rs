//! The audit trail: who has seen or decided what of whom. It is added to, and never changed.

use chrono::{DateTime, Utc};
use entity::audit_entry;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, NotSet, QueryFilter, QueryOrder};
use uuid::Uuid;

use crate::store::Result;

/// One line of the trail.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub at: DateTime<Utc>,
    /// `None` for what happened by itself, or by the command line.
    pub actor_id: Option<Uuid>,
    /// The person it is about.
    pub subject_id: Uuid,
    /// For example `VIEW_DOCUMENT`.
    pub action: String,
    /// What exactly, without personal data.
    pub detail: String,
    pub request_id: String,
}

/// # Errors
/// Where the database does not answer.
pub async fn append(tx: &impl ConnectionTrait, entry: AuditEntry) -> Result<()> {
    let row = audit_entry::ActiveModel {
        number: NotSet,
        at: Set(entry.at),
        actor_id: Set(entry.actor_id),
        subject_id: Set(entry.subject_id),
        action: Set(entry.action),
        detail: Set(entry.detail),
        request_id: Set(entry.request_id),
    };
    audit_entry::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Everything about one person, the first first.
///
/// # Errors
/// Where the database does not answer.
pub async fn of_subject(db: &impl ConnectionTrait, subject_id: Uuid) -> Result<Vec<AuditEntry>> {
    let rows = audit_entry::Entity::find()
        .filter(audit_entry::Column::SubjectId.eq(subject_id))
        .order_by_asc(audit_entry::Column::Number)
        .all(db)
        .await?;
    let entries = rows.into_iter().map(|row| AuditEntry {
        at: row.at,
        actor_id: row.actor_id,
        subject_id: row.subject_id,
        action: row.action,
        detail: row.detail,
        request_id: row.request_id,
    });
    Ok(entries.collect())
}
