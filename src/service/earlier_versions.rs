//! What earlier versions have left behind, and a gateway cleans up before it serves.
//!
//! They kept the texts and images of the gigs of erased users, did not pause the gigs of blocked users, and did
//! not store e-mails in one form (docs/adr/0020).

use crate::domain::id::UserId;
use crate::service::erasure::erase_gigs_and_images;
use crate::service::gigs::pause_of_blocked;
use crate::service::{Result, Services, blobs, data_keys, review_texts};
use crate::store::users::OldEmail;
use crate::store::{blobs as blob_records, gigs, images, users};

/// Removes what is left of erased users, pauses the gigs of blocked users, and normalizes e-mails.
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
        if users::lock_actor(work.tx(), services, user_id).await?.is_some_and(|account| account.is_blocked) {
            pause_of_blocked(services, &mut work, user_id).await?;
            work.commit().await?;
        }
    }
    for old in users::find_old_emails(db).await? {
        let user_id = old.user_id;
        match normalize_email(services, &old).await {
            Ok(true) => tracing::info!(%user_id, "normalized the e-mail of a user"),
            Ok(false) => tracing::info!(%user_id, "another user has the same e-mail in another form"),
            // Somebody may have signed up with it at this moment.
            Err(error) => tracing::warn!(%user_id, %error, "the e-mail of a user was not normalized"),
        }
    }
    Ok(())
}

async fn normalize_email(services: &Services, old: &OldEmail) -> Result<bool> {
    let work = services.begin().await?;
    if users::lock_exclusively(work.tx(), old.user_id).await? {
        return Ok(false);
    }
    let is_normalized = users::normalize_old_email(work.tx(), old).await?;
    work.commit().await?;
    Ok(is_normalized)
}

/// Removes the texts and images of the gigs of a user who was erased.
async fn erase_remains(services: &Services, user_id: UserId) -> Result<()> {
    let mut work = services.begin().await?;
    users::lock_exclusively(work.tx(), user_id).await?;
    erase_gigs_and_images(services, &mut work, user_id).await?;
    review_texts::destroy(services, &work, user_id).await?;
    let discarded = blob_records::find_of_owner(work.tx(), user_id).await?;
    work.commit().await?;
    data_keys::delete_discarded(services).await?;
    blobs::delete_of_erased_or_log(services, &discarded).await;
    Ok(())
}
