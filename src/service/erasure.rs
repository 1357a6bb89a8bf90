//! Erases a user's personal data on request, and sets the legal hold that prevents it.
//!
//! Erasing destroys the user's data key: copies of the encrypted form and images, wherever they are, can then no longer
//! be decrypted. It also removes the texts and images of the user's gigs, and what reviewers wrote about them. The
//! record stays: status, times, reason codes, and who decided, and the fingerprints of a submission that was rejected
//! or revoked for fraud or sanctions, which then name nobody (`fingerprints`). `retention` erases data whose retention
//! period is over, without a request.
//!
//! Every act of a user, or about one, locks the user first ([`Services::begin_for`]), and so does an erasure.
//! So nothing of an erased user appears after [`erase_user`] has returned.
//!
//! Each erasure is written to a file outside the database ([`erasure_journal`](crate::service::erasure_journal)).
//! A gateway that starts erases again whom a restored backup has brought back ([`replay_journal`]).

use std::mem::take;

use strum::IntoEnumIterator;

use crate::domain::blob::BlobId;
use crate::domain::event::EventBody;
use crate::domain::gig::{GigStatus, GigTransition};
use crate::domain::id::{SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::review::ReviewQueueChange;
use crate::domain::verification::VerificationStatus;
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::gigs::{apply_transition, record_queue_change};
use crate::service::review_texts::Sealer;
use crate::service::user_admin::{end_sessions, lock_not_erased, require_not_erased};
use crate::service::{
    Error, Result, Services, UnitOfWork, blobs, data_keys, held_versions, integrity, review_texts, user_admin,
};
use crate::store::verifications::VerificationRecord;
use crate::store::{
    blobs as blob_records, erasure_requests, fingerprints, flags, gigs, idempotency, images, reviews,
    sessions, users, verification_seals, verifications,
};

/// Erases a user: destroys their identity data and stored idempotency keys, ends their sessions, archives their
/// gigs and removes the content, and anonymises their profile. The record of decisions stays.
///
/// # Errors
/// `NOT_FOUND`; `NOT_ALLOWED` under a legal hold. If only the deletion of an image file fails, the user is
/// erased, nobody can read the file, and the background job deletes it.
pub async fn erase_user(services: &Services, email: &str) -> Result<UserId> {
    let user_id = user_admin::find(services, email).await?;
    let work = services.begin().await?;
    require_not_erased(users::lock_exclusively(work.tx(), user_id).await?)?;
    if users::has_legal_hold(work.tx(), user_id).await? {
        let message = message!("This user is under a legal hold and cannot be erased. Lift the hold first.");
        return Err(Violation::at("email", ViolationCode::NotAllowed, message).into());
    }
    let erased = erase_locked(services, work, user_id).await;
    forget_deleted(services).await;
    erased.map(|()| user_id)
}

/// Erases a user who has asked for it, if the request is still due and there is no legal hold. Returns whether it did.
/// Call [`forget_deleted`] after the last of several.
///
/// # Errors
/// Those of [`erase_user`] about images.
pub(super) async fn erase_requested(services: &Services, user_id: UserId) -> Result<bool> {
    let work = services.begin().await?;
    if users::lock_exclusively(work.tx(), user_id).await? {
        return Ok(false);
    }
    let request = erasure_requests::find(work.tx(), user_id).await?;
    if request.is_none_or(|request| request.due_at > services.now()) {
        return Ok(false);
    }
    if users::has_legal_hold(work.tx(), user_id).await? {
        tracing::warn!(%user_id, "a requested erasure is due, but the user is under a legal hold");
        return Ok(false);
    }
    erase_locked(services, work, user_id).await?;
    Ok(true)
}

/// Erases a user whom the caller has locked and checked.
async fn erase_locked(services: &Services, mut work: UnitOfWork<'_>, user_id: UserId) -> Result<()> {
    let discarded = erase_data(services, &mut work, user_id).await?;
    audit::append(services, &work, SYSTEM, user_id, "ERASE", "").await?;
    // Before the commit, so that no erasure is missing in the journal.
    let journal = &services.erasure_journal;
    journal.append_erased(&[(user_id, services.now())]).await.map_err(Error::internal)?;
    if let Err(error) = work.commit().await {
        // The reply to a commit can get lost. If the user may have been erased, the journal keeps the erasure.
        match is_erased(services, user_id).await {
            Ok(true) => {}
            Ok(false) => {
                journal.append_retracted(user_id, services.now()).await.map_err(Error::internal)?;
                return Err(error);
            }
            Err(_) => return Err(error),
        }
    }
    let keys = data_keys::delete_discarded(services).await;
    let deleted = blobs::delete_of_erased(services, &discarded).await;
    keys.and(deleted)
}

/// Removes what was deleted from the write-ahead log of SQLite, where it would stay until the log is used again. If a
/// reader needs the log for so long that this fails, the retention job tries again.
pub(super) async fn forget_deleted(services: &Services) {
    match services.db.truncate_logs().await {
        Ok(true) => {}
        Ok(false) => tracing::warn!("the write-ahead log was not truncated: it is in use"),
        Err(error) => tracing::warn!(%error, "the write-ahead log was not truncated"),
    }
}

/// Whether the user was erased. Waits for a transaction that is erasing them.
async fn is_erased(services: &Services, user_id: UserId) -> Result<bool> {
    let tx = services.db.begin().await?;
    Ok(users::lock_exclusively(&tx, user_id).await?)
}

/// Makes the database and the journal of erasures equal: erases the users who are erased by the journal and not
/// in the database, because a backup was restored, even if the backup has a legal hold of them; and appends
/// those to the journal that are erased only in the database. Returns how many users it erased.
pub async fn replay_journal(services: &Services) -> Result<usize> {
    let journal = &services.erasure_journal;
    let journalled = journal.read().await.map_err(Error::internal)?;
    let mut count = 0;
    for ids in journalled.chunks(users::IDS_PER_QUERY) {
        let restored = users::find_not_erased(services.db.read(), ids).await?;
        let erased = erase_again(services, &restored, &mut count).await;
        if !restored.is_empty() {
            forget_deleted(services).await;
        }
        erased?;
    }
    let mut missing = users::find_erased(services.db.read()).await?;
    missing.retain(|(user_id, _)| !journalled.contains(user_id));
    journal.append_erased(&missing).await.map_err(Error::internal)?;
    Ok(count)
}

async fn erase_again(services: &Services, user_ids: &[UserId], count: &mut usize) -> Result<()> {
    for user_id in user_ids.iter().copied() {
        let mut work = services.begin().await?;
        if users::lock_exclusively(work.tx(), user_id).await? {
            continue;
        }
        let discarded = erase_data(services, &mut work, user_id).await?;
        audit::append(services, &work, SYSTEM, user_id, "ERASE", "again, by the journal of erasures").await?;
        work.commit().await?;
        data_keys::delete_discarded(services).await?;
        blobs::delete_of_erased_or_log(services, &discarded).await;
        tracing::warn!(%user_id, "erased again: the database was older than the journal of erasures");
        *count += 1;
    }
    Ok(())
}

/// Erases the data of a user whom the caller has locked. Returns the blobs to delete after the commit.
async fn erase_data(services: &Services, work: &mut UnitOfWork<'_>, user_id: UserId) -> Result<Vec<BlobId>> {
    // Of a hold that a restored backup has brought back.
    held_versions::collect(services, work, user_id).await?;
    erase_gigs_and_images(services, work, user_id).await?;
    if let Some(record) = verifications::lock(work.tx(), user_id).await? {
        if record.verification.status == VerificationStatus::InReview
            && let Some(item) = reviews::lock_undecided(work.tx(), SubjectId::Verification(user_id)).await?
        {
            reviews::delete(work.tx(), item.id).await?;
            record_queue_change(work, &item, ReviewQueueChange::Withdrawn);
        }
        destroy_identity_data(services, work, record, "ERASED").await?;
    }
    erasure_requests::delete(work.tx(), user_id).await?;
    review_texts::destroy(services, work, user_id).await?;
    end_sessions(work, user_id, services).await?;
    sessions::forget_networks(work.tx(), user_id).await?;
    idempotency::delete_all_about_user(work.tx(), user_id, services.now()).await?;
    users::anonymise(work.tx(), user_id, services.now()).await?;
    work.record(EventBody::ProfileChanged { user_id });
    // Also those of uploads that did not finish.
    Ok(blob_records::find_of_owner(work.tx(), user_id).await?)
}

/// Removes the texts of the user's gigs, and all images of the user, whom the caller has locked. Delete the blobs
/// after the commit.
pub(super) async fn erase_gigs_and_images(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    user_id: UserId,
) -> Result<()> {
    erase_gigs(services, work, user_id).await?;
    let deleted_images = images::delete_all_of_owner(work.tx(), user_id).await?;
    let deleted_images: Vec<_> = deleted_images.into_iter().map(BlobId::from).collect();
    blobs::discard(services, work, user_id, &deleted_images).await
}

/// Archives the gigs of the user, and removes what the user and reviewers wrote in them.
async fn erase_gigs(services: &Services, work: &mut UnitOfWork<'_>, user_id: UserId) -> Result<()> {
    let all: Vec<_> = GigStatus::iter().collect();
    let found = gigs::lock_all_of_seller(work.tx(), user_id, &all).await?;
    if found.is_empty() {
        return Ok(());
    }
    let subjects: Vec<_> = found.iter().map(|gig| SubjectId::Gig(gig.id)).collect();
    for mut gig in found {
        gig.remove_texts();
        if gig.status == GigStatus::Archived {
            gig.version += 1;
            gigs::update(work.tx(), &gig).await?;
        } else {
            apply_transition(services, work, gig, GigTransition::Archive).await?;
        }
    }
    gigs::delete_tags_of_seller(work.tx(), user_id).await?;
    review_texts::leave_codes(services, work, user_id, &subjects).await?;
    Ok(gigs::words::remove_unused(work.tx()).await?)
}

/// Sets or lifts a legal hold. Nothing of a user under a hold is erased, and what the user replaces or deletes is
/// retained.
/// When the hold is lifted, that is deleted.
///
/// # Errors
/// `NOT_FOUND`. If only the deletion of a file fails, the hold is lifted, and the background job deletes the file.
pub async fn set_legal_hold(services: &Services, email: &str, is_held: bool) -> Result<()> {
    let user_id = user_admin::find(services, email).await?;
    let work = services.begin().await?;
    lock_not_erased(&work, user_id).await?;
    users::set_legal_hold(work.tx(), user_id, is_held).await?;
    let action = if is_held { "HOLD" } else { "LIFT_HOLD" };
    audit::append(services, &work, SYSTEM, user_id, action, "").await?;
    let collected =
        if is_held { Vec::new() } else { held_versions::collect(services, &work, user_id).await? };
    work.commit().await?;
    if !is_held {
        data_keys::delete_discarded(services).await?;
        blobs::delete(services, &collected).await?;
        forget_deleted(services).await;
    }
    Ok(())
}

/// Destroys the identity data of a verification: the data key, the form, the images, the hash that
/// recognises the document, and the messages that reviewers wrote. `audit_action` says why in the audit
/// trail. Returns the blobs to delete after the commit.
pub(super) async fn destroy_identity_data(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    mut record: VerificationRecord,
    audit_action: &'static str,
) -> Result<Vec<BlobId>> {
    let user_id = record.verification.user_id;
    let is_untampered = integrity::require_untampered(services, &record).is_ok();
    let discarded = discard_documents(services, work, &record).await?;
    data_keys::discard(services, work, &record.all_keys()).await?;
    record.key = None;
    record.personal_info = None;
    record.identity_hash = None;
    record.proposal_id = None;
    let subject = SubjectId::Verification(user_id);
    let reasons = take(&mut record.verification.reasons);
    let reasons = review_texts::without_texts(services, work, user_id, subject, reasons).await?;
    let verification = &mut record.verification;
    verification.reasons = Sealer::new(services, work).reasons(user_id, subject, reasons).await?;
    verification.personal_info_at = None;
    verification.documents.clear();
    verification.document_type = None;
    verification.review_due_at = None;
    verification.erased_at = Some(services.now());
    verification.version += 1;
    verifications::write(work.tx(), services, &record, services.now()).await?;
    if !is_untampered {
        verification_seals::remove_tag(work.tx(), user_id).await?;
    }
    fingerprints::make_anonymous(work.tx(), user_id).await?;
    flags::forget_subject(work.tx(), SubjectId::Verification(user_id)).await?;
    review_texts::remove_texts(services, work, user_id, &[subject]).await?;
    let status = record.verification.status;
    work.record(EventBody::verification_status(&record.verification, status));
    audit::append(services, work, SYSTEM, user_id, audit_action, "").await?;
    Ok(discarded)
}

/// Records that the blobs of a verification's images are to be deleted, in the transaction that deletes their
/// rows. Returns the blobs to delete after the commit.
pub(super) async fn discard_documents(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &VerificationRecord,
) -> Result<Vec<BlobId>> {
    let documents = &record.verification.documents;
    let ids: Vec<_> = documents.iter().map(|document| BlobId::from(document.id)).collect();
    blobs::discard(services, work, record.verification.user_id, &ids).await?;
    Ok(ids)
}
