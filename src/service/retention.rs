//! Erases identity data whose retention period is over.
//!
//! The periods are in `limits.retention`. `erasure` erases a user on request.

use chrono::{DateTime, Utc};

use crate::domain::id::{SubjectId, UserId};
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::erasure::{destroy_identity_data, discard_documents, forget_deleted};
use crate::service::{Result, Services, blobs, data_keys, integrity};
use crate::store::retention::{RetentionCategory, delete_documents, find_older_than, is_older_than};
use crate::store::{reviews, users, verification_seals, verifications};

/// How many users' data a run has erased, by category.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSummary {
    /// Users whose document images were erased.
    pub documents: usize,
    /// Users who never submitted their verification, and whose data was erased.
    pub abandoned: usize,
    /// Users whose form and decisions were erased.
    pub records: usize,
    /// Data keys that were deleted because they encrypted nothing.
    pub data_keys: usize,
}

/// Applies the retention periods to every user who is not under a legal hold. A failure for one user does not
/// stop the erasure for the others.
///
/// # Errors
/// The last failure, after every user was tried.
pub async fn apply(services: &Services) -> Result<RetentionSummary> {
    let (rules, now) = (&services.limits.retention, services.now());
    let categories = [
        (RetentionCategory::Abandoned, rules.abandoned_cutoff(now)),
        (RetentionCategory::Record, rules.records_cutoff(now)),
        (RetentionCategory::Documents, rules.documents_cutoff(now)),
    ];
    let (mut summary, mut last_error) = (RetentionSummary::default(), None);
    for (category, before) in categories {
        let mut erased = 0;
        for user_id in find_older_than(services.db.read(), category, before).await? {
            match erase_category(services, user_id, category, before).await {
                Ok(is_erased) => erased += usize::from(is_erased),
                Err(error) => {
                    tracing::error!(%user_id, %error, "erasing expired data failed");
                    last_error = Some(error);
                }
            }
        }
        match category {
            RetentionCategory::Abandoned => summary.abandoned = erased,
            RetentionCategory::Record => summary.records = erased,
            RetentionCategory::Documents => summary.documents = erased,
        }
    }
    summary.data_keys = data_keys::delete_unreferenced(services).await?;
    forget_deleted(services).await;
    last_error.map_or(Ok(summary), Err)
}

/// Locks the user, and erases one category of their data if its retention period is still over then. Returns
/// whether it erased anything.
async fn erase_category(
    services: &Services,
    user_id: UserId,
    category: RetentionCategory,
    before: DateTime<Utc>,
) -> Result<bool> {
    let mut work = services.begin().await?;
    users::lock(work.tx(), user_id).await?;
    let Some(mut record) = verifications::lock(work.tx(), user_id).await? else { return Ok(false) };
    if !is_older_than(work.tx(), user_id, category, before).await? {
        return Ok(false);
    }
    let discarded = match category {
        RetentionCategory::Documents => {
            let is_untampered = integrity::require_untampered(services, &record).is_ok();
            delete_documents(work.tx(), user_id).await?;
            audit::append(services, &work, SYSTEM, user_id, "ERASE_PICTURES", "").await?;
            data_keys::discard(services, &work, &record.picture_keys()).await?;
            let discarded = discard_documents(services, &work, &record).await?;
            record.verification.documents.clear();
            // A wrong tag stays wrong.
            if is_untampered {
                verification_seals::tag(work.tx(), services, &record).await?;
            }
            discarded
        }
        RetentionCategory::Abandoned => {
            destroy_identity_data(services, &mut work, record, "ABANDONED").await?
        }
        RetentionCategory::Record => {
            let discarded = destroy_identity_data(services, &mut work, record, "RECORD_EXPIRED").await?;
            reviews::delete_decisions(work.tx(), SubjectId::Verification(user_id)).await?;
            discarded
        }
    };
    work.commit().await?;
    data_keys::delete_discarded(services).await?;
    blobs::delete(services, &discarded).await?;
    Ok(true)
}
