//! Copies of pictures in smaller widths: a background job makes them for pictures that have none, such as those that an
//! earlier version has stored.
//!
//! Each picture is finished by itself, and its row says so. So the job can stop at any time, and several gateways can
//! run it: they take the pictures in random order, and compare before they write.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::domain::id::{ImageId, UserId};
use crate::domain::image::{NO_VARIANTS, VARIANTS_VERSION};
use crate::service::{Error, Result, Services};
use crate::store::{images, users};

/// The time between two rounds.
const INTERVAL: Duration = Duration::from_mins(1);

/// How many pictures are read at once.
const BATCH: u64 = 100;

/// Runs the job until the task is dropped.
pub async fn run(services: Arc<Services>) {
    loop {
        match make_missing(&services).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "made the missing widths of pictures"),
            Err(error) => tracing::warn!(%error, "making the missing widths of pictures failed"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Makes the widths and placeholders of all pictures that have none, and returns of how many.
///
/// # Errors
/// The last failure, after all were tried. They are tried again in the next round.
pub async fn make_missing(services: &Services) -> Result<usize> {
    let (mut made, mut last_error, mut last_id) = (0, None, ImageId::nil());
    let seed: ImageId = services.new_id();
    let mut random = StdRng::seed_from_u64(seed.uuid().as_u64_pair().1);
    loop {
        let mut found = images::find_without_variants(services.db.read(), last_id, BATCH).await?;
        let Some((id, _)) = found.last() else { break };
        last_id = *id;
        found.shuffle(&mut random);
        for (id, owner_id) in found {
            match make(services, id, owner_id).await {
                Ok(is_made) => made += usize::from(is_made),
                Err(error) => last_error = Some(error),
            }
        }
    }
    last_error.map_or(Ok(made), Err)
}

/// Makes the widths of one picture. Returns `false` if it was deleted, or another gateway has made them.
async fn make(services: &Services, id: ImageId, owner_id: UserId) -> Result<bool> {
    if !images::is_without_variants(services.db.read(), id).await? {
        return Ok(false);
    }
    let stored = services.media.get(id).await.map_err(Error::unavailable)?;
    let variants = match stored {
        Some(stored) => {
            let media = services.media.clone();
            services.decode_queue.run(owner_id, move || media.variants_of(&stored).ok()).await?
        }
        None => None,
    };
    let work = services.begin().await?;
    // From here on, nobody deletes the picture until the commit. Whoever does it later deletes all of its files.
    let is_erased = users::lock(work.tx(), owner_id).await?;
    if is_erased || !images::lock_without_variants(work.tx(), id).await? {
        return Ok(false);
    }
    if let Some(variants) = variants {
        services.media.put_variants(id, &variants).await.map_err(Error::not_stored)?;
        images::set_variants(work.tx(), id, VARIANTS_VERSION, Some(&variants.placeholder)).await?;
    } else {
        tracing::warn!(image_id = %id, "a stored picture is missing or cannot be decoded");
        images::set_variants(work.tx(), id, NO_VARIANTS, None).await?;
    }
    work.commit().await?;
    Ok(true)
}
