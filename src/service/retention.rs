//! Erases identity data whose retention period is over.
//!
//! The periods are in `limits.retention`. `erasure` erases a user on request.

use chrono::{DateTime, Utc};

use crate::domain::id::{SubjectId, UserId};
use crate::domain::review::ReviewQueueChange;
use crate::domain::verification::VerificationTransition;
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::erasure::{destroy_identity_data, discard_documents, forget_deleted};
use crate::service::gigs::record_queue_change;
use crate::service::verifications::write_change;
use crate::service::{Result, Services, UnitOfWork, blobs, data_keys, erasure_requests, integrity};
use crate::store::retention::{RetentionCategory, delete_documents, find_older_than, is_older_than};
use crate::store::reviews::records;
use crate::store::verifications::VerificationRecord;
use crate::store::{consents, fingerprints, reviews, users, verification_seals, verifications};

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
    /// Data keys that were deleted because they encrypted nothing.
    pub data_keys: usize,
}

impl RetentionSummary {
    /// How many erasures there were in all.
    pub fn total(&self) -> usize {
        let Self { documents, abandoned, unreviewed, records, fingerprints, requested, data_keys } = self;
        let fingerprints = usize::try_from(*fingerprints).unwrap_or(usize::MAX);
        documents + abandoned + unreviewed + records + fingerprints + requested + data_keys
    }
}

/// Applies the retention periods to every user who is not under a legal hold, and erases those who have asked for it,
/// after the waiting time. A failure for one user does not stop the erasure for the others.
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
            RetentionCategory::Unreviewed => summary.unreviewed = erased,
            RetentionCategory::Record => summary.records = erased,
            RetentionCategory::Documents => summary.documents = erased,
        }
    }
    match delete_fingerprints(services, rules.fingerprints_cutoff(now)).await {
        Ok(deleted) => summary.fingerprints = deleted,
        Err(error) => last_error = Some(error),
    }
    if let Err(error) = delete_consents(services, rules.records_cutoff(now)).await {
        last_error = Some(error);
    }
    match erasure_requests::erase_due(services).await {
        Ok(erased) => summary.requested = erased,
        Err(error) => last_error = Some(error),
    }
    match data_keys::delete_unreferenced(services).await {
        Ok(deleted) => summary.data_keys = deleted,
        Err(error) => last_error = Some(error),
    }
    forget_deleted(services).await;
    last_error.map_or(Ok(summary), Err)
}

async fn delete_fingerprints(services: &Services, before: DateTime<Utc>) -> Result<u64> {
    let work = services.begin().await?;
    let deleted = fingerprints::delete_older_than(work.tx(), before).await?;
    work.commit().await?;
    Ok(deleted)
}

/// Deletes the consents to submissions whose data were erased without a decision. Those of decided ones are deleted
/// with the record.
async fn delete_consents(services: &Services, before: DateTime<Utc>) -> Result<()> {
    let work = services.begin().await?;
    consents::delete_without_data(work.tx(), before).await?;
    work.commit().await
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
    data_keys::delete_discarded(services).await?;
    blobs::delete(services, &discarded).await?;
    Ok(true)
}

/// Returns a submission that nobody has reviewed in time to the applicant, and takes it out of the queue. `None` if a
/// reviewer has claimed it, and so may decide at any moment, and if the decision of a first reviewer waits for a second
/// one.
async fn return_submission(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    mut record: VerificationRecord,
) -> Result<Option<VerificationRecord>> {
    let now = services.now();
    let user_id = record.verification.user_id;
    let cutoff = services.limits.four_eyes.proposal_cutoff(now);
    if records::find_proposals(work.tx(), &[user_id], cutoff).await?.contains_key(&user_id) {
        return Ok(None);
    }
    let subject = SubjectId::Verification(user_id);
    if let Some(item) = reviews::lock_undecided(work.tx(), subject).await? {
        if item.claimant(now).is_some() {
            return Ok(None);
        }
        reviews::delete(work.tx(), item.id).await?;
        record_queue_change(work, &item, ReviewQueueChange::Withdrawn);
    }
    let previous = record.verification.status;
    record.verification.apply(VerificationTransition::Return, Vec::new(), &services.limits, now)?;
    // Also if its tag is wrong, which then stays wrong: that must not keep the data.
    write_change(services, work, &record, previous).await?;
    Ok(Some(record))
}
