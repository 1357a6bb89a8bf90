//! Erases a user's personal data on request, and sets the legal hold that prevents it.
//!
//! Erasing destroys the user's data key: copies of the encrypted form and images, wherever they are, can then
//! no longer be decrypted. The record stays: status, times, reason codes, and who decided. `retention` erases
//! data whose retention period is over, without a request.

use std::mem::take;

use strum::IntoEnumIterator;

use crate::domain::event::EventBody;
use crate::domain::gig::{GigStatus, GigTransition};
use crate::domain::id::{SubjectId, UserId};
use crate::domain::reason::ReviewReason;
use crate::domain::review::ReviewQueueChange;
use crate::domain::verification::VerificationStatus;
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::gigs::{apply_transition, record_queue_change};
use crate::service::{Result, Services, UnitOfWork, user_admin};
use crate::store::verifications::VerificationRecord;
use crate::store::{gigs, idempotency, reviews, users, verifications};

/// Erases a user: destroys their identity data and stored responses, ends their sessions, archives their
/// gigs, and anonymises their profile. The record of decisions stays.
///
/// # Errors
/// `NOT_FOUND`; `NOT_ALLOWED` under a legal hold.
pub async fn erase_user(services: &Services, email: &str) -> Result<UserId> {
    let user_id = user_admin::find(services, email).await?;
    let mut work = services.begin().await?;
    users::lock(work.tx(), user_id).await?;
    if users::has_legal_hold(work.tx(), user_id).await? {
        let message = "This user is under a legal hold and cannot be erased. Lift the hold first.";
        return Err(Violation::at("email", ViolationCode::NotAllowed, message).into());
    }
    let unarchived: Vec<_> = GigStatus::iter().filter(|status| *status != GigStatus::Archived).collect();
    for gig in gigs::lock_all_of_seller(work.tx(), user_id, &unarchived).await? {
        apply_transition(services, &mut work, gig, GigTransition::Archive).await?;
    }
    if let Some(record) = verifications::lock(work.tx(), user_id).await? {
        if record.verification.status == VerificationStatus::InReview
            && let Some(item) = reviews::lock_undecided(work.tx(), SubjectId::Verification(user_id)).await?
        {
            reviews::delete(work.tx(), item.id).await?;
            record_queue_change(&mut work, &item, ReviewQueueChange::Withdrawn);
        }
        destroy_identity_data(services, &mut work, record, "ERASED").await?;
    }
    let now = services.now();
    user_admin::end_sessions(&mut work, user_id, services).await?;
    idempotency::delete_all_of_user(work.tx(), user_id).await?;
    users::anonymise(work.tx(), user_id, now).await?;
    work.record(EventBody::ProfileChanged { user_id });
    work.commit().await?;
    Ok(user_id)
}

/// Sets or lifts a legal hold. Nothing of a user under a hold is erased.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn set_legal_hold(services: &Services, email: &str, is_held: bool) -> Result<()> {
    let user_id = user_admin::find(services, email).await?;
    let work = services.begin().await?;
    users::set_legal_hold(work.tx(), user_id, is_held).await?;
    let action = if is_held { "HOLD" } else { "LIFT_HOLD" };
    audit::append(services, &work, SYSTEM, user_id, action, "").await?;
    work.commit().await
}

/// Destroys the identity data of a verification: the data key, the form, the images, the hash that
/// recognises the document, and the messages that reviewers wrote. `audit_action` says why in the audit
/// trail.
pub(super) async fn destroy_identity_data(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    mut record: VerificationRecord,
    audit_action: &'static str,
) -> Result<()> {
    let user_id = record.verification.user_id;
    delete_document_blobs(services, &record).await?;
    record.key = None;
    record.personal_info = None;
    record.identity_hash = None;
    record.proposal = None;
    let verification = &mut record.verification;
    verification.personal_info_at = None;
    verification.documents.clear();
    verification.document_type = None;
    verification.review_due_at = None;
    verification.reasons =
        take(&mut verification.reasons).into_iter().map(ReviewReason::without_free_text).collect();
    verification.erased_at = Some(services.now());
    verification.version += 1;
    verifications::write(work.tx(), &record, services.now()).await?;
    reviews::strip_free_text(work.tx(), SubjectId::Verification(user_id)).await?;
    let status = record.verification.status;
    work.record(EventBody::verification_status(&record.verification, status));
    audit::append(services, work, SYSTEM, user_id, audit_action, "").await
}

/// Deletes the images of a verification. Call it before the commit that deletes their rows: a blob without
/// a row is never found again.
pub(super) async fn delete_document_blobs(services: &Services, record: &VerificationRecord) -> Result<()> {
    for document in &record.verification.documents {
        let deleted = services.media.delete(document.id).await;
        deleted.map_err(crate::service::Error::internal)?;
    }
    Ok(())
}
