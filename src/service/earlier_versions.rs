//! What earlier versions have left behind, and a gateway cleans up before it serves.
//!
//! They kept the texts and images of the gigs of erased users, and did not pause the gigs of blocked users.

use crate::domain::id::UserId;
use crate::service::erasure::erase_gigs_and_images;
use crate::service::gigs::pause_of_blocked;
use crate::service::{Result, Services, blobs};
use crate::store::{blobs as blob_records, gigs, images, users};

/// Removes what is left of erased users, and pauses the gigs of blocked users.
pub async fn clean_up(services: &Services) -> Result<()> {
    let db = services.db.read();
    let mut erased = gigs::find_erased_sellers_with_texts(db).await?;
    erased.extend(images::find_erased_owners(db).await?);
    erased.sort_unstable();
    erased.dedup();
    for user_id in erased {
        erase_remains(services, user_id).await?;
        tracing::info!(%user_id, "removed gigs of an erased user, which an earlier version has kept");
    }
    for user_id in gigs::find_blocked_sellers_of_active(db).await? {
        let mut work = services.begin().await?;
        if users::lock_actor(work.tx(), user_id).await?.is_some_and(|account| account.is_blocked) {
            pause_of_blocked(services, &mut work, user_id).await?;
            work.commit().await?;
        }
    }
    Ok(())
}

/// Removes the texts and images of the gigs of a user who was erased.
async fn erase_remains(services: &Services, user_id: UserId) -> Result<()> {
    let mut work = services.begin().await?;
    users::lock_exclusively(work.tx(), user_id).await?;
    erase_gigs_and_images(services, &mut work, user_id).await?;
    let discarded = blob_records::find_of_owner(work.tx(), user_id).await?;
    work.commit().await?;
    blobs::delete_of_erased_or_log(services, &discarded).await;
    Ok(())
}
