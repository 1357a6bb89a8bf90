//! Indexes existing gigs for search again, after a new version of the gateway has changed how it folds words.

use crate::service::{Result, Services};
use crate::store::gigs::index;

/// How many gigs one transaction indexes, so that other writers do not wait long.
const BATCH_SIZE: u64 = 100;

/// How many batches run at a time, so that other background jobs do not wait long.
const BATCHES: usize = 10;

/// Indexes some gigs that are not indexed by this version yet, and returns how many. Each transaction finishes its
/// gigs, so a gateway that restarts continues where it was, and several gateways share the work.
pub async fn update_outdated(services: &Services) -> Result<usize> {
    let mut updated = 0;
    for _ in 0..BATCHES {
        if !index::has_outdated(services.db.read()).await? {
            break;
        }
        let work = services.begin().await?;
        let count = index::update_outdated(work.tx(), BATCH_SIZE).await?;
        work.commit().await?;
        updated += count;
        if count < BATCH_SIZE {
            break;
        }
    }
    Ok(usize::try_from(updated).unwrap_or(usize::MAX))
}
