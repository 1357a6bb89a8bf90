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
    let entry = AuditEntry {
        at: services.now(),
        actor_id: actor.id,
        subject_id,
        action: action.to_owned(),
        detail: detail.to_owned(),
        request_id: actor.request_id.to_owned(),
    };
    Ok(audit::append(work.tx(), entry).await?)
}
