//! What happens by itself: claims run out, pictures that nobody used go, old sessions are forgotten.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::event::EventBody;
use crate::domain::image::UNATTACHED_LIFETIME;
use crate::domain::review::ReviewQueueChange;
use crate::media::BlobKind;
use crate::service::gigs::record_queue;
use crate::service::{Result, Services};
use crate::store::{images, reviews, sessions};

/// How often to look. A claim is over at its time by the clock alone; this only tells the screens.
const EVERY: Duration = Duration::from_secs(1);

/// The slower chores are done once in so many rounds.
const ROUNDS_BETWEEN_CHORES: u64 = 60;

/// Once a day.
const ROUNDS_BETWEEN_RETENTION: u64 = 24 * 60 * 60;

/// Pictures collected at once.
const COLLECT_AT_ONCE: u64 = 100;

/// Keeps house for as long as it is polled. Every gateway does; what one has done the others find done.
pub async fn run(services: Arc<Services>) {
    for round in 0_u64.. {
        told("giving back claims", release_run_out_claims(&services).await);
        if round % ROUNDS_BETWEEN_CHORES == 0 {
            told("collecting pictures", collect_unattached_images(&services).await);
            told("forgetting sessions", forget_old_sessions(&services).await);
            let forgotten = crate::service::idempotency::forget_old(&services).await;
            told("forgetting answers", forgotten.map(|count| usize::try_from(count).unwrap_or(usize::MAX)));
            let pruned = crate::service::event_log::prune(&services).await;
            told("pruning the log", pruned.map(|count| usize::try_from(count).unwrap_or(usize::MAX)));
        }
        if round % ROUNDS_BETWEEN_RETENTION == 0 {
            let retained = crate::service::retention::retain(&services).await;
            told("retention", retained.map(|done| done.pictures + done.abandoned + done.records));
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// A chore that fails is done in a later round, and keeps no other from being done.
fn told(chore: &'static str, done: Result<usize>) {
    match done {
        Ok(0) => {}
        Ok(count) => tracing::debug!(chore, count, "done"),
        Err(error) => tracing::warn!(chore, %error, "failed; trying again later"),
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
        item.run_out();
        // Renewed, decided or cleared away by another gateway since it was read: nothing to do.
        if reviews::update(work.tx(), &before, &item).await? {
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
/// Where the database is away, or, once all were tried, where a blob could not be removed.
pub async fn collect_unattached_images(services: &Services) -> Result<usize> {
    let moment = services.now() - UNATTACHED_LIFETIME;
    let (mut collected, mut failed, mut last) = (0, None, Uuid::nil());
    loop {
        let ids = images::find_unattached(services.db.read(), moment, last, COLLECT_AT_ONCE).await?;
        let Some(id) = ids.last() else { break };
        last = *id;
        for id in ids {
            match collect(services, id, moment).await {
                Ok(true) => collected += 1,
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
    }
    failed.map_or(Ok(collected), Err)
}

async fn collect(services: &Services, id: Uuid, moment: DateTime<Utc>) -> Result<bool> {
    let work = services.begin().await?;
    // Nobody else may take the picture from here on.
    if !images::delete_unattached(work.tx(), id, moment).await? {
        return Ok(false);
    }
    // The blob first: a record without a blob is found again, a blob without a record never.
    services.media.delete(BlobKind::GigImages, id).await.map_err(crate::service::Error::internal)?;
    work.commit().await?;
    Ok(true)
}

/// Forgets sessions that expired, with their tokens, and lets their sockets end; how many it forgot.
///
/// # Errors
/// Where the database is away.
pub async fn forget_old_sessions(services: &Services) -> Result<usize> {
    let mut work = services.begin().await?;
    let forgotten = sessions::forget_before(work.tx(), services.now()).await?;
    for (session_id, user_id, had_ended) in &forgotten {
        if !had_ended {
            work.record(EventBody::SessionEnded { session_id: *session_id, user_id: *user_id });
        }
    }
    work.commit().await?;
    Ok(forgotten.len())
}
