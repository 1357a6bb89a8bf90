//! Erases identity data whose retention period is over.
//!
//! The periods are in `limits.retention`. `erasure` erases a user on request.

use chrono::{DateTime, Utc};

use crate::domain::id::{SubjectId, UserId};
use crate::domain::review::ReviewQueueChange;
use crate::domain::verification::VerificationTransition;
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::erasure::{destroy_identity_data, discard_documents};
use crate::service::gigs::record_queue_change;
use crate::service::verifications::save_change;
use crate::service::{Result, Services, UnitOfWork, blobs, erasure_requests};
use crate::store::verifications::{RetentionCategory, VerificationRecord};
use crate::store::{consents, fingerprints, reviews, users, verifications};

/// How many users' data a run has erased, by category.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSummary {
    /// Users whose document images were erased.
    pub documents: usize,
    /// Users who never submitted their verification, and whose data was erased.
    pub abandoned: usize,
    /// Users whose submission nobody has reviewed, and whose data was erased.
    pub unreviewed: usize,
    /// Users whose form and decisions were erased.
    pub records: usize,
    /// Fingerprints that were deleted.
    pub fingerprints: u64,
    /// Users who were erased because they had asked for it.
    pub requested: usize,
}

impl RetentionSummary {
    /// How many erasures there were in all.
    pub fn total(&self) -> usize {
        let Self { documents, abandoned, unreviewed, records, fingerprints, requested } = self;
        let fingerprints = usize::try_from(*fingerprints).unwrap_or(usize::MAX);
        documents + abandoned + unreviewed + records + fingerprints + requested
    }
}

/// Applies the retention periods to every user who is not under a legal hold, and erases those who have asked for it,
/// after the waiting time. A failure for one user does not
/// stop the erasure for the others.
///
/// # Errors
/// The last failure, after every user was tried.
pub async fn apply(services: &Services) -> Result<RetentionSummary> {
    let (rules, now) = (&services.limits.retention, services.now());
    let categories = [
        (RetentionCategory::Abandoned, rules.abandoned_cutoff(now)),
        (RetentionCategory::Unreviewed, rules.unreviewed_cutoff(now)),
        (RetentionCategory::Record, rules.records_cutoff(now)),
        (RetentionCategory::Documents, rules.documents_cutoff(now)),
    ];
    let (mut summary, mut last_error) = (RetentionSummary::default(), None);
    for (category, before) in categories {
        let mut erased = 0;
        for user_id in verifications::find_older_than(services.db.read(), category, before).await? {
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
            RetentionCategory::Unreviewed => summary.unreviewed = erased,
            RetentionCategory::Record => summary.records = erased,
            RetentionCategory::Documents => summary.documents = erased,
        }
    }
    match delete_fingerprints(services, rules.fingerprints_cutoff(now)).await {
        Ok(deleted) => summary.fingerprints = deleted,
        Err(error) => last_error = Some(error),
    }
    match erasure_requests::erase_due(services).await {
        Ok(erased) => summary.requested = erased,
        Err(error) => last_error = Some(error),
    }
    last_error.map_or(Ok(summary), Err)
}

async fn delete_fingerprints(services: &Services, before: DateTime<Utc>) -> Result<u64> {
    let work = services.begin().await?;
    let deleted = fingerprints::delete_older_than(work.tx(), before).await?;
    work.commit().await?;
    Ok(deleted)
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
    let Some(record) = verifications::lock(work.tx(), user_id).await? else { return Ok(false) };
    if !verifications::is_older_than(work.tx(), user_id, category, before).await? {
        return Ok(false);
    }
    let discarded = match category {
        RetentionCategory::Documents => {
            verifications::delete_documents(work.tx(), user_id).await?;
            audit::append(services, &work, SYSTEM, user_id, "ERASE_PICTURES", "").await?;
            discard_documents(services, &work, &record).await?
        }
        RetentionCategory::Abandoned => {
            destroy_identity_data(services, &mut work, record, "ABANDONED").await?
        }
        RetentionCategory::Unreviewed => {
            let Some(record) = return_submission(services, &mut work, record).await? else {
                return Ok(false);
            };
            destroy_identity_data(services, &mut work, record, "NOT_REVIEWED").await?
        }
        RetentionCategory::Record => {
            let discarded = destroy_identity_data(services, &mut work, record, "RECORD_EXPIRED").await?;
            reviews::delete_decisions(work.tx(), SubjectId::Verification(user_id)).await?;
            consents::delete_all(work.tx(), user_id).await?;
            discarded
        }
    };
    work.commit().await?;
    blobs::delete(services, &discarded).await?;
    Ok(true)
}

/// Returns a submission that nobody has reviewed in time to the applicant, and takes it out of the queue. `None` if a
/// reviewer has claimed it, and so may decide at any moment.
async fn return_submission(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    mut record: VerificationRecord,
) -> Result<Option<VerificationRecord>> {
    let now = services.now();
    let subject = SubjectId::Verification(record.verification.user_id);
    if let Some(item) = reviews::lock_undecided(work.tx(), subject).await? {
        if item.claimant(now).is_some() {
            return Ok(None);
        }
        reviews::delete(work.tx(), item.id).await?;
        record_queue_change(work, &item, ReviewQueueChange::Withdrawn);
    }
    let previous = record.verification.status;
    record.verification.apply(VerificationTransition::Return, Vec::new(), &services.limits, now)?;
    save_change(services, work, &record, previous).await?;
    Ok(Some(record))
}
