//! Background jobs: releasing expired claims, indexing gigs for search, sealing what reviewers wrote when an earlier
//! version ran, and deleting what is expired or unused.
//!
//! To add a job: a function that returns how many rows it changed, and a line in [`run`]. Every gateway runs
//! every job, so a job must lock or compare before it changes a row.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::event::EventBody;
use crate::domain::id::ImageId;
use crate::domain::image::UNATTACHED_IMAGE_LIFETIME;
use crate::domain::review::ReviewQueueChange;
use crate::service::gigs::record_queue_change;
use crate::service::{Result, Services, blobs, held_versions};
use crate::store::{images, reviews, sessions, users};

/// The time between two rounds. A claim expires by the clock; a round only clears it and sends the event.
const INTERVAL: Duration = Duration::from_secs(1);

/// Cleanup jobs run once a minute.
const ROUNDS_BETWEEN_CLEANUPS: u64 = 60;

/// The index of pictures is read again once an hour; after a failure, with the next cleanup jobs.
const ROUNDS_BETWEEN_RELOADS: u64 = 60 * 60;

/// Data keys are rewrapped, if it is time, once an hour.
const ROUNDS_BETWEEN_ROTATIONS: u64 = 60 * 60;

/// The retention job runs once a day.
const ROUNDS_BETWEEN_RETENTION: u64 = 24 * 60 * 60;

/// How many images are read at once.
const IMAGE_BATCH: u64 = 100;

/// Runs the jobs until the task is dropped.
pub async fn run(services: Arc<Services>) {
    let (mut is_indexing, mut is_sealing, mut must_reload) = (false, true, true);
    for round in 0_u64.. {
        log_result("release_expired_claims", release_expired_claims(&services).await);
        if is_indexing || round % ROUNDS_BETWEEN_CLEANUPS == 0 {
            let indexed = crate::service::search_index::update_outdated(&services).await;
            is_indexing = indexed.as_ref().is_ok_and(|count| *count > 0);
            log_result("index_gigs", indexed);
        }
        if is_sealing || round % ROUNDS_BETWEEN_RETENTION == 0 {
            let sealed = crate::service::review_texts::seal_old_texts(&services).await;
            is_sealing = sealed.as_ref().is_ok_and(|count| *count > 0);
            log_result("seal_old_texts", sealed);
        }
        if round % ROUNDS_BETWEEN_CLEANUPS == 0 {
            log_result("delete_unattached_images", delete_unattached_images(&services).await);
            log_result("delete_expired_sessions", delete_expired_sessions(&services).await);
            let deleted = crate::service::identity_access::delete_old_openings(&services).await;
            log_result("delete_old_openings", deleted);
            let deleted = crate::service::stream_tickets::delete_expired(&services).await;
            log_result(
                "delete_expired_stream_tickets",
                deleted.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            );
            let deleted = crate::service::idempotency::delete_expired(&services).await;
            log_result(
                "delete_expired_idempotency_keys",
                deleted.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            );
            let deleted = crate::service::data_keys::delete_discarded(&services).await;
            log_result("delete_discarded_data_keys", deleted);
            let pruned = crate::service::event_log::prune(&services).await;
            log_result("prune_event_log", pruned.map(|count| usize::try_from(count).unwrap_or(usize::MAX)));
        }
        must_reload |= round % ROUNDS_BETWEEN_RELOADS == 0;
        if must_reload && round % ROUNDS_BETWEEN_CLEANUPS == 0 {
            let reloaded = services.picture_index.reload(&services).await;
            must_reload = reloaded.is_err();
            log_result("reload_picture_index", reloaded);
        }
        if round % ROUNDS_BETWEEN_ROTATIONS == 0 {
            log_result("rewrap_data_keys", crate::service::key_rotation::rotate_on_schedule(&services).await);
        }
        if round % ROUNDS_BETWEEN_RETENTION == 0 {
            let removed = crate::service::audit::removal::remove_expired(&services).await;
            log_result(
                "remove_audit_entries",
                removed.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            );
            let summary = crate::service::retention::apply(&services).await;
            log_result("retention", summary.map(|erased| erased.total()));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Logs the result of a job. A failed job does not stop the others, and runs again in a later round.
fn log_result(job: &'static str, result: Result<usize>) {
    match result {
        Ok(0) => {}
        Ok(count) => tracing::debug!(job, count, "background job finished"),
        Err(error) => tracing::warn!(job, %error, "background job failed"),
    }
}

/// Releases every item whose claim has expired, and returns how many.
pub async fn release_expired_claims(services: &Services) -> Result<usize> {
    let expired = reviews::find_with_expired_claim(services.db.read(), services.now()).await?;
    let mut released = 0;
    for before in expired {
        let mut work = services.begin().await?;
        let mut item = before.clone();
        item.clear_claim();
        // Does nothing if the item was claimed again, decided or removed since it was read.
        if reviews::update(work.tx(), &before, &item).await? {
            record_queue_change(&mut work, &item, ReviewQueueChange::Released);
            work.commit().await?;
            released += 1;
        }
    }
    Ok(released)
}

/// Deletes images that no gig has used for a day, and all blobs of gig images and identity documents that no row
/// refers to. Returns how many blobs it deleted.
///
/// # Errors
/// The last failure to delete a blob, after all were tried.
pub async fn delete_unattached_images(services: &Services) -> Result<usize> {
    let before = services.now() - UNATTACHED_IMAGE_LIFETIME;
    let mut last_id = ImageId::nil();
    loop {
        let found = images::find_unattached(services.db.read(), before, last_id, IMAGE_BATCH).await?;
        let Some((id, _)) = found.last() else { break };
        last_id = *id;
        for (id, owner_id) in found {
            let work = services.begin().await?;
            users::lock(work.tx(), owner_id).await?;
            // Does nothing if a gig has attached the image since it was read.
            if let Some(image) = images::delete_unattached(work.tx(), id, before).await? {
                let discarded = held_versions::keep_image(services, &work, image).await?;
                blobs::discard(services, &work, owner_id, &discarded).await?;
                work.commit().await?;
            }
        }
    }
    blobs::delete_due(services).await
}

/// Deletes expired sessions with their tokens, ends their connections, and returns how many.
pub async fn delete_expired_sessions(services: &Services) -> Result<usize> {
    let mut work = services.begin().await?;
    let deleted = sessions::delete_expired(work.tx(), services.now()).await?;
    for (session_id, user_id, had_ended) in &deleted {
        if !had_ended {
            work.record(EventBody::SessionEnded { session_id: *session_id, user_id: *user_id });
        }
    }
    work.commit().await?;
    Ok(deleted.len())
}
