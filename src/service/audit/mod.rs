//! The audit trail: every act of power leaves an entry, in the transaction of the act.
//!
//! A use case calls [`append`]. The entries are written when the transaction commits ([`chain`]): each gets a keyed
//! hash over itself and the one before, so that nobody without the keys can change, remove or reorder entries
//! unnoticed ([`verify`]). [`export`] writes them signed, and [`removal`] ends the part whose retention is over with a
//! signed summary.

pub(super) mod chain;
pub mod export;
pub mod removal;
pub mod signature;
pub mod verify;

use chrono::{DateTime, Utc};

use crate::domain::audit::{AuditEntry, AuditSource, ChainedEntry};
use crate::domain::id::{PublicId, UserId};
use crate::domain::user::Viewer;
use crate::media::vault::Vault;
use crate::service::{Result, Services, UnitOfWork};
use crate::store;
use crate::store::Database;
use crate::store::audit;
use crate::store::audit::TrailQuery;
use crate::store::audit::chain::StoredHead;
use crate::store::pagination::{Page, PageRequest};

/// Who acts: a user in a request, or [`SYSTEM`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Actor<'a> {
    pub id: Option<UserId>,
    pub request_id: &'a str,
}

/// The actor of background jobs and of the command line. [`Services::operator`] says which of them it is.
pub(super) const SYSTEM: Actor<'static> = Actor { id: None, request_id: "" };

/// Appends an entry about the user `subject_id`, or about the installation. It is written when the work is committed.
#[expect(clippy::unused_async, reason = "callers do not depend on when the entry is written")]
pub(super) async fn append(
    services: &Services,
    work: &UnitOfWork<'_>,
    actor: Actor<'_>,
    subject_id: impl Into<Option<UserId>>,
    action: &str,
    detail: &str,
) -> Result<()> {
    work.append_audit_entry(new_entry(services, actor, subject_id.into(), action, detail));
    Ok(())
}

fn new_entry(
    services: &Services,
    actor: Actor<'_>,
    subject_id: Option<UserId>,
    action: &str,
    detail: &str,
) -> AuditEntry {
    let operator = services.operator.clone().filter(|_| actor.id.is_none());
    let source = match (&actor.id, &operator) {
        (Some(_), _) => AuditSource::Api,
        (None, Some(_)) => AuditSource::CommandLine,
        (None, None) => AuditSource::System,
    };
    AuditEntry {
        at: services.now(),
        actor_id: actor.id,
        subject_id,
        source,
        operator,
        action: action.to_owned(),
        detail: detail.to_owned(),
        request_id: actor.request_id.to_owned(),
    }
}

/// Begins the chain, at the first start of a version that has one.
pub async fn begin(db: &Database, vault: &Vault, now: DateTime<Utc>) -> Result<()> {
    chain::begin(db, vault, now).await
}

/// Whether the head was written by a gateway with these keys.
pub fn is_head_genuine(vault: &Vault, stored: &StoredHead) -> bool {
    chain::tag_of(vault, &stored.head) == stored.tag
}

/// One page of the trail for an administrator, newest first. The access is audited before anything is returned; the
/// page does not contain its own entry.
///
/// # Errors
/// [`Error::AdminRequired`](crate::service::Error::AdminRequired) for everybody else.
pub async fn view(
    services: &Services,
    db: &store::Reader,
    viewer: &Viewer,
    query: TrailQuery,
    request: &PageRequest,
    request_id: &str,
) -> Result<Page<ChainedEntry>> {
    let page = audit::page(db, query, request).await?;
    let work = services.begin().await?;
    work.lock_admin(viewer).await?;
    let actor = Actor { id: Some(viewer.id()), request_id };
    // An id that is not one of a user finds nothing.
    let subject_id = query.subject_id.filter(|id| !id.is_nil());
    let detail = query.actor_id.map(|id| format!("acts of {}", id.to_public())).unwrap_or_default();
    append(services, &work, actor, subject_id, "VIEW_AUDIT_TRAIL", &detail).await?;
    work.commit().await?;
    Ok(page)
}
