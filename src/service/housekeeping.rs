//! What happens by itself: claims run out, pictures that nobody used go, old sessions are forgotten.

use std::sync::Arc;
use std::time::Duration;

use super::gigs::record_queue;
use super::{Result, Services};
use crate::domain::image::UNATTACHED_LIFETIME;
use crate::domain::review::ReviewQueueChange;
use crate::store::{images, reviews, sessions};

/// How often to look. A claim is over at its time by the clock alone; this only tells the screens.
const EVERY: Duration = Duration::from_secs(1);

/// The slower chores are done once in so many rounds.
const ROUNDS_BETWEEN_CHORES: u64 = 60;

/// Pictures collected at once.
const COLLECT_AT_ONCE: u64 = 100;

/// Keeps house for as long as it is polled. Every gateway does; what one has done the others find done.
pub async fn run(services: Arc<Services>) {
    for round in 0_u64.. {
        let done = async {
            release_run_out_claims(&services).await?;
            if round % ROUNDS_BETWEEN_CHORES == 0 {
                collect_unattached_images(&services).await?;
                forget_old_sessions(&services).await?;
            }
            Result::Ok(())
        };
        if let Err(error) = done.await {
            tracing::warn!(%error, "housekeeping failed; trying again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Gives back every item whose claim has run out, and tells the queue.
///
/// # Errors
/// Where the database is away.
pub async fn release_run_out_claims(services: &Services) -> Result<usize> {
    let run_out = reviews::find_run_out(services.db.read(), services.now()).await?;
    let mut released = 0;
    for before in run_out {
        let mut work = services.begin().await?;
        let mut item = before.clone();
        item.claimed_by = None;
        item.claim_expires_at = None;
        // Renewed, decided or cleared away by another gateway since it was read: nothing to do.
        if reviews::update(&*work, &before, &item).await? {
            record_queue(&mut work, &item, ReviewQueueChange::Released);
            work.commit().await?;
            released += 1;
        }
    }
    Ok(released)
}

/// Removes pictures that have been part of no gig for a day; how many it removed.
///
/// # Errors
/// Where the database or the blobs are away.
pub async fn collect_unattached_images(services: &Services) -> Result<usize> {
    let moment = services.now() - UNATTACHED_LIFETIME;
    let mut collected = 0;
    loop {
        let work = services.begin().await?;
        let ids = images::delete_unattached(&*work, moment, COLLECT_AT_ONCE).await?;
        if ids.is_empty() {
            return Ok(collected);
        }
        // The blob first: a record without a blob is found again, a blob without a record never.
        for id in &ids {
            services.media.delete(*id).await.map_err(super::Error::internal)?;
        }
        work.commit().await?;
        collected += ids.len();
    }
}

/// Forgets sessions that expired, with their tokens; how many it forgot.
///
/// # Errors
/// Where the database is away.
pub async fn forget_old_sessions(services: &Services) -> Result<u64> {
    let work = services.begin().await?;
    let forgotten = sessions::forget_before(&*work, services.now()).await?;
    work.commit().await?;
    Ok(forgotten)
}
