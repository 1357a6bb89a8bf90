//! Maintenance of the event log: deleting old events, and starting a new epoch.

use crate::domain::id::UserId;
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::{Result, Services};
use crate::store::event_log;

/// How many events one transaction deletes, so that other writers do not wait long.
const BATCH_SIZE: u64 = 1_000;

/// Deletes the events whose retention is over, and returns how many. The newest event always stays: the next
/// position is computed from it.
pub async fn prune(services: &Services) -> Result<u64> {
    let before = services.now() - services.event_retention;
    let mut pruned = 0;
    loop {
        let work = services.begin().await?;
        let count = event_log::prune(work.tx(), before, BATCH_SIZE).await?;
        work.commit().await?;
        pruned += count;
        if count < BATCH_SIZE {
            return Ok(pruned);
        }
    }
}

/// Starts a new epoch of the log, which makes every existing cursor expire. Needed after a database was
/// restored from a backup: positions after the backup will be used again by other events.
pub async fn start_new_epoch(services: &Services) -> Result<()> {
    let work = services.begin().await?;
    event_log::set_epoch(work.tx(), services.new_id()).await?;
    audit::append(services, &work, SYSTEM, None::<UserId>, "NEW_EPOCH", "").await?;
    work.commit().await
}
