//! How long the log keeps what happened, and when it gets another name.

use crate::service::{Result, Services};
use crate::store::event_log;

/// Events removed at once: nobody who writes waits long.
const AT_ONCE: u64 = 1_000;

/// Removes what the log has kept long enough; how many events that were. The newest always stays: the next position
/// follows from it.
///
/// # Errors
/// Where the database is away.
pub async fn prune(services: &Services) -> Result<u64> {
    let moment = services.now() - services.events_kept;
    let mut pruned = 0;
    loop {
        let work = services.begin().await?;
        let count = event_log::prune(work.tx(), moment, AT_ONCE).await?;
        work.commit().await?;
        pruned += count;
        if count < AT_ONCE {
            return Ok(pruned);
        }
    }
}

/// Gives the log another name, so that every cursor from before is expired: for a database that was restored from a
/// backup, whose positions will be given to other events.
///
/// # Errors
/// Where the database is away.
pub async fn renew_epoch(services: &Services) -> Result<()> {
    let work = services.begin().await?;
    event_log::set_epoch(work.tx(), services.new_id()).await?;
    work.commit().await
}
