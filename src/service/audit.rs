//! Appends to the audit trail, in the transaction of the action that the entry is about.

use crate::domain::id::UserId;
use crate::service::{Result, Services, UnitOfWork};
use crate::store::audit;
use crate::store::audit::AuditEntry;

/// Who acts: a reviewer in a request, or [`SYSTEM`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Actor<'a> {
    pub id: Option<UserId>,
    pub request_id: &'a str,
}

/// The actor of background jobs and of the command line.
pub(super) const SYSTEM: Actor<'static> = Actor { id: None, request_id: "" };

/// Appends an entry about the user `subject_id`.
pub(super) async fn append(
    services: &Services,
    work: &UnitOfWork<'_>,
    actor: Actor<'_>,
    subject_id: UserId,
    action: &str,
    detail: &str,
) -> Result<()> {
    append_for_all(services, work, actor, &[subject_id], action, detail).await
}

/// Appends the same entry about each of these users.
pub(super) async fn append_for_all(
    services: &Services,
    work: &UnitOfWork<'_>,
    actor: Actor<'_>,
    subject_ids: &[UserId],
    action: &str,
    detail: &str,
) -> Result<()> {
    let at = services.now();
    let entry = |subject_id: &UserId| AuditEntry {
        at,
        actor_id: actor.id,
        subject_id: *subject_id,
        action: action.to_owned(),
        detail: detail.to_owned(),
        request_id: actor.request_id.to_owned(),
    };
    Ok(audit::append(work.tx(), subject_ids.iter().map(entry).collect()).await?)
}
