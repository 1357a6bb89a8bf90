//! Removes the entries of the audit trail whose retention is over. The removed part ends with a signed summary, after
//! which the chain continues.

use chrono::{DateTime, Utc};

use crate::domain::audit::AuditCheckpoint;
use crate::domain::id::UserId;
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::audit::signature::{TrailSigner, checkpoint_text};
use crate::service::audit::verify::verify_until;
use crate::service::{Error, Result, Services};
use crate::store::audit::{chain, protection};

/// About how many entries are removed in one transaction.
const BATCH_SIZE: i64 = 10_000;

/// Removes the entries that are older than `retention.auditDays`, up to the first that is about somebody under a legal
/// hold, and returns how many. By default, nothing is ever removed.
///
/// In PostgreSQL, if the tables belong to another role, only that role can remove entries: a gateway then removes
/// nothing, and the operator runs `gigway audit prune` as that role.
///
/// # Errors
/// [`Error::Internal`] if the part to remove was altered: then it is evidence, and stays.
pub async fn remove_expired(services: &Services) -> Result<i64> {
    remove_in_batches(services, BATCH_SIZE).await
}

/// Does so in transactions of about so many entries: until each is committed, no entry can be appended.
pub async fn remove_in_batches(services: &Services, batch_size: i64) -> Result<i64> {
    let Some(before) = services.limits.retention.audit_cutoff(services.now()) else { return Ok(0) };
    let db = services.db.read();
    if chain::last_removable(db, before, i64::MAX).await?.is_none() || !protection::can_remove(db).await? {
        return Ok(0);
    }
    let mut total = 0;
    loop {
        let removed = remove_batch(services, before, batch_size).await?;
        total += removed;
        if removed == 0 {
            return Ok(total);
        }
    }
}

async fn remove_batch(services: &Services, before: DateTime<Utc>, batch_size: i64) -> Result<i64> {
    let work = services.begin().await?;
    let stored = chain::lock_head(work.tx()).await?;
    let stored = stored.ok_or_else(|| Error::internal("the audit trail has no head; restart the gateway"))?;
    if !audit::is_head_genuine(&services.vault, &stored) {
        return Err(Error::internal("the head of the audit trail was altered, and nothing is removed"));
    }
    let Some(first) = chain::page_after(work.tx(), 0, 1).await?.pop() else { return Ok(0) };
    // The last entry stays: the trail never looks as if nothing had happened.
    let max_number = (stored.head.number - 1).min(first.number.saturating_add(batch_size - 1));
    let Some(last) = chain::last_removable(work.tx(), before, max_number).await? else { return Ok(0) };
    let Some(removed) = chain::find(work.tx(), last).await? else { return Ok(0) };
    let report = verify_until(work.tx(), &services.vault, last).await?;
    if let Some(problem) = report.problems.first() {
        return Err(Error::internal(format!(
            "the audit trail was altered, and nothing is removed: {problem}"
        )));
    }
    let mut checkpoint = AuditCheckpoint {
        number: last,
        count: report.removed + report.checked,
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
