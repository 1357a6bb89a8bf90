//! Copies of pictures in smaller widths: a background job makes them for pictures that have none, such as those that an
//! earlier version has stored, and again for pictures whose copies have a lower version or are not complete. It also
//! deletes copies of pictures that do not exist any more.
//!
//! Each picture is finished by itself, and its row says so. So the job can stop at any time, and several gateways can
//! run it: they take the pictures in random order, and compare before they write.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::domain::blob::UPLOAD_MAX_DURATION;
use crate::domain::id::{ImageId, UserId};
use crate::domain::image::{GigImage, NO_VARIANTS, VARIANTS_VERSION, outdated_variants};
use crate::service::{Error, Result, Services};
use crate::store::{blobs, images, users};

/// The time between two rounds.
const INTERVAL: Duration = Duration::from_mins(1);

/// The copies of pictures that do not exist any more are deleted at the start, and then about once a day.
const ROUNDS_BETWEEN_SWEEPS: u64 = 24 * 60;

/// How many pictures are read at once.
const BATCH: u64 = 100;

/// How many pictures are looked up at once.
const SWEEP_BATCH: usize = 1_000;

/// What a round of the job has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Pictures that have their copies now, or have none because they are damaged.
    pub made: usize,
    /// Pictures whose files were not found. They are tried again in the next round.
    pub missing: usize,
}

/// What the job did with one picture.
enum Outcome {
    Made,
    /// Its file was not found.
    Missing,
    /// It was deleted, or another gateway has made its copies.
    Done,
}

/// Runs the job until the task is dropped.
pub async fn run(services: Arc<Services>) {
    let mut missing = 0;
    for round in 0_u64.. {
        match make_missing(&services).await {
            Ok(done) => {
                if done.made > 0 {
                    tracing::info!(count = done.made, "made the missing widths of pictures");
                }
                // Only when it changes: a file may be missing for days.
                if done.missing > missing {
                    tracing::warn!(count = done.missing, "the files of pictures are missing");
                }
                missing = done.missing;
            }
            Err(error) => tracing::warn!(%error, "making the missing widths of pictures failed"),
        }
        if round % ROUNDS_BETWEEN_SWEEPS == 0 {
            match delete_orphans(&services).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "deleted the copies of pictures that do not exist"),
                Err(error) => tracing::warn!(%error, "deleting copies of pictures failed"),
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Makes the widths and placeholders of all pictures that have none, or whose widths have a lower version.
///
/// # Errors
/// The last failure, after all were tried. They are tried again in the next round.
pub async fn make_missing(services: &Services) -> Result<Round> {
    let (mut round, mut last_error) = (Round::default(), None);
    let seed: ImageId = services.new_id();
    let mut random = StdRng::seed_from_u64(seed.uuid().as_u64_pair().1);
    for version in outdated_variants() {
        let mut last_id = ImageId::nil();
        loop {
            let mut found = images::find_by_variants(services.db.read(), version, last_id, BATCH).await?;
            let Some((id, _)) = found.last() else { break };
            last_id = *id;
            found.shuffle(&mut random);
            for (id, owner_id) in found {
                match make(services, id, owner_id, version).await {
                    Ok(Outcome::Made) => round.made += 1,
                    Ok(Outcome::Missing) => round.missing += 1,
                    Ok(Outcome::Done) => {}
                    Err(error) => last_error = Some(error),
                }
            }
        }
    }
    last_error.map_or(Ok(round), Err)
}

/// Makes the widths of one picture, if those that it has are still of this version.
async fn make(services: &Services, id: ImageId, owner_id: UserId, version: Option<i32>) -> Result<Outcome> {
    if !images::has_variants(services.db.read(), id, version).await? {
        return Ok(Outcome::Done);
    }
    // It may come back, for example if its volume was not mounted. So nothing says that there are no copies.
    let Some(stored) = services.media.get(id).await.map_err(Error::unavailable)? else {
        return Ok(Outcome::Missing);
    };
    let media = services.media.clone();
    let variants = services.decode_queue.run(owner_id, move || media.variants_of(&stored).ok()).await?;
    let work = services.begin().await?;
    // From here on, nobody deletes the picture until the commit. Whoever does it later deletes all of its files.
    let is_erased = users::lock(work.tx(), owner_id).await?;
    if is_erased || !images::lock_by_variants(work.tx(), id, version).await? {
        return Ok(Outcome::Done);
    }
    if let Some(variants) = variants {
        services.media.put_variants(id, &variants).await.map_err(Error::not_stored)?;
        images::set_variants(work.tx(), id, VARIANTS_VERSION, Some(&variants.placeholder)).await?;
    } else {
        tracing::warn!(image_id = %id, "a stored picture cannot be decoded");
        images::set_variants(work.tx(), id, NO_VARIANTS, None).await?;
    }
    work.commit().await?;
    Ok(Outcome::Made)
}

/// Records that a copy of the picture is lost, so that the job makes its copies again. A failure is only logged.
pub(super) async fn repair_or_log(services: &Services, image: &GigImage) {
    if let Err(error) = repair(services, image).await {
        tracing::warn!(image_id = %image.id, %error, "a lost copy of a picture was not recorded");
    }
}

async fn repair(services: &Services, image: &GigImage) -> Result<()> {
    // The job makes the copies of a lower version again in any case. Without the picture, it cannot make any.
    if image.variants() != Some(VARIANTS_VERSION)
        || !services.media.exists(image.id).await.map_err(Error::unavailable)?
    {
        return Ok(());
    }
    let work = services.begin().await?;
    if images::forget_variants(work.tx(), image.id, VARIANTS_VERSION).await? {
        work.commit().await?;
        tracing::warn!(image_id = %image.id, "a copy of a picture is lost, and is made again");
    }
    Ok(())
}

/// Deletes the copies of pictures that do not exist, and returns of how many. A gateway of a version that has no copies
/// deletes only the picture itself.
///
/// # Errors
/// The last failure, after all were tried.
pub async fn delete_orphans(services: &Services) -> Result<usize> {
    // A file that was just written may be that of a picture whose row is not committed yet.
    let before = services.now() - UPLOAD_MAX_DURATION;
    let found = services.media.find_variants(before).await.map_err(Error::unavailable)?;
    let found: Vec<_> = found.into_iter().collect();
    let (mut deleted, mut last_error) = (0, None);
    for ids in found.chunks(SWEEP_BATCH) {
        // First the records: an upload deletes its record in the transaction that writes the row.
        let db = services.db.read();
        let mut known: HashSet<_> = blobs::find_images(db, ids).await?.into_iter().collect();
        known.extend(images::find_existing(db, ids).await?);
        for id in ids.iter().filter(|id| !known.contains(id)) {
            match services.media.delete_variants(*id).await {
                Ok(()) => deleted += 1,
                Err(error) => last_error = Some(Error::internal(error)),
            }
        }
    }
    last_error.map_or(Ok(deleted), Err)
}
