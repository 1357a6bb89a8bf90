//! Leaves a line in the audit trail, within the act that it tells of.

use uuid::Uuid;

use crate::service::{Result, Services, UnitOfWork};
use crate::store::audit;
use crate::store::audit::AuditEntry;

/// Who did it: a reviewer by a request, or nobody, where it happened by itself or by the command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Actor<'a> {
    pub id: Option<Uuid>,
    pub request_id: &'a str,
}

/// What happens by itself, or by the command line.
pub(super) const NOBODY: Actor<'static> = Actor { id: None, request_id: "" };

pub(super) async fn leave(
    services: &Services,
    work: &UnitOfWork<'_>,
    actor: Actor<'_>,
    subject_id: Uuid,
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
