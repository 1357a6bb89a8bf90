//! Legal holds: nothing of a user under a hold is erased, and what the user replaces or deletes is retained
//! (`held_versions`). When the hold is lifted, that is deleted.

use crate::domain::blob::BlobId;
use crate::domain::id::UserId;
use crate::service::administration::{Administrator, UserLock};
use crate::service::{Result, Services, audit, blobs, data_keys, erasure, held_versions};
use crate::store::users;

/// What remains to be deleted after a hold was lifted.
#[derive(Debug)]
#[must_use]
pub(super) struct LiftedHold(Vec<BlobId>);

/// Places a user under a legal hold.
///
/// # Errors
/// Those of [`Administrator::begin`].
pub(super) async fn place(services: &Services, by: Administrator<'_>, user_id: UserId) -> Result<()> {
    let work = by.begin(services, user_id, UserLock::Normal).await?;
    users::set_legal_hold(work.tx(), user_id, true).await?;
    audit::append(services, &work, by.actor(), user_id, "HOLD", "").await?;
    work.commit().await
}

/// Lifts the legal hold of a user. Call [`LiftedHold::delete`] then.
///
/// # Errors
/// Those of [`Administrator::begin`].
pub(super) async fn lift(services: &Services, by: Administrator<'_>, user_id: UserId) -> Result<LiftedHold> {
    let work = by.begin(services, user_id, UserLock::Normal).await?;
    users::set_legal_hold(work.tx(), user_id, false).await?;
    audit::append(services, &work, by.actor(), user_id, "LIFT_HOLD", "").await?;
    let collected = held_versions::collect(services, &work, user_id).await?;
    work.commit().await?;
    Ok(LiftedHold(collected))
}

impl LiftedHold {
    /// Deletes the keys and the files that nothing needs any more. If it fails, the background job deletes them.
    pub(super) async fn delete(self, services: &Services) -> Result<()> {
        data_keys::delete_discarded(services).await?;
        blobs::delete(services, &self.0).await?;
        erasure::forget_deleted(services).await;
        Ok(())
    }
}
