//! Removes the entries of the audit trail whose retention is over. The removed part ends with a signed summary, after
//! which the chain continues.

use crate::domain::audit::AuditCheckpoint;
use crate::domain::id::UserId;
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::audit::signature::{TrailSigner, checkpoint_text};
use crate::service::audit::verify::verify_until;
use crate::service::{Error, Result, Services};
use crate::store::audit::{chain, protection};

/// Removes the entries that are older than `retention.auditDays`, up to the first that is about somebody under a legal
/// hold, and returns how many. By default, nothing is ever removed.
///
/// In PostgreSQL, if the tables belong to another role, only that role can remove entries: a gateway then removes
/// nothing, and the operator runs `gigway audit prune` as that role.
///
/// # Errors
/// [`Error::Internal`] if the part to remove was altered: then it is evidence, and stays.
pub async fn remove_expired(services: &Services) -> Result<i64> {
    let Some(before) = services.limits.retention.audit_cutoff(services.now()) else { return Ok(0) };
    let db = services.db.read();
    if chain::last_removable(db, before).await?.is_none() || !protection::can_remove(db).await? {
        return Ok(0);
    }
    let work = services.begin().await?;
    let stored = chain::lock_head(work.tx()).await?;
    let stored = stored.ok_or_else(|| Error::internal("the audit trail has no head; restart the gateway"))?;
    // The last entry stays: the trail never looks as if nothing had happened.
    let last = chain::last_removable(work.tx(), before).await?.map(|last| last.min(stored.head.number - 1));
    let Some(last) = last else { return Ok(0) };
    let Some(removed) = chain::find(work.tx(), last).await? else { return Ok(0) };
    let report = verify_until(work.tx(), &services.vault, last).await?;
    if let Some(problem) = report.problems.first() {
        return Err(Error::internal(format!(
            "the audit trail was altered, and nothing is removed: {problem}"
        )));
    }
    let mut checkpoint = AuditCheckpoint {
        number: last,
        count: stored.head.count - chain::count_after(work.tx(), last).await?,
        last_at: removed.entry.at,
        mac: removed.mac.unwrap_or_default(),
        removed_at: services.now(),
        signature: Vec::new(),
    };
    checkpoint.signature = TrailSigner::new(&services.vault).sign(&checkpoint_text(&checkpoint));
    chain::remove(work.tx(), &checkpoint).await?;
    let detail = format!("{} entries up to {last}", report.checked);
    audit::append(services, &work, SYSTEM, None::<UserId>, "REMOVE_AUDIT_ENTRIES", &detail).await?;
    work.commit().await?;
    Ok(report.checked)
}
