//! An applicant's verification: the form, the documents and the submission.

use bytes::Bytes;

use crate::domain::blob::BlobId;
use crate::domain::event::EventBody;
use crate::domain::id::{DataKeyId, DocumentId, SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::permission;
use crate::domain::permission::Action;
use crate::domain::personal_info::PersonalInfoForm;
use crate::domain::reason::DUPLICATE_IDENTITY;
use crate::domain::review::{ReviewItem, ReviewQueueChange};
use crate::domain::user::Viewer;
use crate::domain::verification::{
    DocumentSide, DocumentType, IdentityDocument, Verification, VerificationStatus, VerificationTransition,
};
use crate::domain::violation::{Violation, ViolationCode};
use crate::media::Media;
use crate::media::vault::DataKey;
use crate::service::gigs::record_queue_change;
use crate::service::images::{decode, file_too_large};
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::service::{blobs, data_keys, forms, held_versions, integrity};
use crate::store;
use crate::store::verifications::VerificationRecord;
use crate::store::{reviews, verifications};

/// The encryption context of a document's image: what is encrypted with it can only be decrypted with it. An image that
/// replaces another one has another id.
pub(super) fn document_context(user_id: UserId, document_id: DocumentId) -> String {
    format!("identity document {document_id} of {user_id}")
}

/// Returns the user's verification, in status NOT_STARTED if they have not begun.
pub async fn find_for_user(services: &Services, user_id: UserId) -> Result<Verification> {
    Ok(find(services.db.read(), user_id).await?.verification)
}

async fn find(db: &impl store::Executor, user_id: UserId) -> Result<VerificationRecord> {
    Ok(verifications::find(db, user_id).await?.unwrap_or_else(|| VerificationRecord::not_started(user_id)))
}

/// Stores the viewer's personal information, encrypted.
///
/// # Errors
/// The violations of the form; `INVALID_TRANSITION`.
pub async fn save_personal_info(
    services: &Services,
    viewer: &Viewer,
    form: PersonalInfoForm,
) -> Result<Verification> {
    let now = services.now();
    let form = form.validate(&services.limits.verification, now)?;
    let mut work = services.begin_for(viewer.id()).await?;
    let (mut record, previous) = begin_change(services, &work, viewer).await?;
    let key = form_key(services, &work, &mut record).await?;
    held_versions::keep_form(services, &work, &record).await?;
    record.personal_info = Some(forms::seal(&key, viewer.id(), record.verification.version, &form)?);
    record.verification.personal_info_at = Some(now);
    record.verification.needs_personal_info_resubmission = false;
    save_change(services, &mut work, &record, previous).await?;
    work.commit().await?;
    Ok(record.verification)
}

/// Stores the image of one side of the viewer's document, encrypted. It replaces the previous image of that
/// side.
///
/// # Errors
/// `FILE_TOO_LARGE`, `UNSUPPORTED_MEDIA`, `OUT_OF_RANGE` if it has too few pixels, `DUPLICATE` if it is the
/// image of another side; `INVALID_TRANSITION`.
pub async fn upload_document(
    services: &Services,
    viewer: &Viewer,
    document_type: DocumentType,
    side: DocumentSide,
    file: Bytes,
) -> Result<Verification> {
    let limits = &services.limits.verification;
    if file.len() > limits.document_max_bytes {
        return Err(file_too_large(limits.document_max_bytes).into());
    }
    // Check whether an upload is allowed before the expensive decoding.
    let mut preview = find(services.db.read(), viewer.id()).await?.verification;
    preview.apply(VerificationTransition::ProvideData, Vec::new(), &services.limits, services.now())?;
    let encoded = decode(services, viewer.id(), file, Media::reencode_identity_document).await?;
    let (width, height, min) = (encoded.width, encoded.height, limits.document_min_pixels);
    if width.min(height) < min {
        let message = message!(
            "The image must have at least {min} {unit} along its shorter side; it has {width} x {height}.",
            min = min,
            unit = "pixels",
            width = width,
            height = height
        );
        return Err(Violation::at("file", ViolationCode::OutOfRange, message).into());
    }

    let document = IdentityDocument {
        id: services.new_id(),
        user_id: viewer.id(),
        document_type,
        side,
        image_hash: services.vault.hash("picture", &encoded.bytes),
        needs_resubmission: false,
        uploaded_at: services.now(),
        key: None,
    };
    // Record the blob before it is written, so that it is found again whatever happens next.
    blobs::announce(services, viewer.id(), document.id).await?;
    let document_id = document.id;
    match store_document(services, viewer, document, &encoded.bytes).await {
        Ok((verification, replaced)) => {
            blobs::delete_or_log(services, &replaced).await;
            Ok(verification)
        }
        Err(error) => {
            // This does nothing if the commit succeeded and only its reply was lost.
            blobs::delete_or_log(services, &[document_id.into()]).await;
            Err(error)
        }
    }
}

/// Writes the blob and the record of a document whose blob was announced. The user stays locked from before
/// the blob is written until the commit: an erasure comes before both, or after both. Returns the verification,
/// and the blobs that are to be deleted because the document replaces them.
async fn store_document(
    services: &Services,
    viewer: &Viewer,
    mut document: IdentityDocument,
    image: &[u8],
) -> Result<(Verification, Vec<BlobId>)> {
    let mut work = services.begin_for(viewer.id()).await?;
    let (mut record, previous) = begin_change(services, &work, viewer).await?;
    let (key_id, key) = picture_key(services, &work, &mut record).await?;
    document.key = Some(key_id);
    let (side, document_type) = (document.side, document.document_type);
    let documents = &mut record.verification.documents;
    if documents.iter().any(|other| other.side != side && other.image_hash == document.image_hash) {
        let message = message!("This is the image of another side. Each side needs its own image.");
        return Err(Violation::at("file", ViolationCode::Duplicate, message).into());
    }
    // A document of another type replaces all images except the selfie.
    let replaced: Vec<_> = documents
        .extract_if(.., |other| {
            other.side == side || (other.document_type != document_type && other.side != DocumentSide::Selfie)
        })
        .collect();
    let replaced = held_versions::keep_documents(services, &work, &record, &replaced).await?;
    let id = document.id;
    record.verification.documents.push(document);
    record.verification.document_type = Some(document_type);
    blobs::adopt(&work, id).await?;
    blobs::discard(services, &work, viewer.id(), &replaced).await?;
    save_change(services, &mut work, &record, previous).await?;
    let blob = key.encrypt(&document_context(viewer.id(), id), image)?;
    services.media.put(id, blob.into()).await.map_err(Error::not_stored)?;
    work.commit().await?;
    Ok((record.verification, replaced))
}

/// Submits the viewer's verification for review. If another user's verification with the same document is
/// CLEARED or IN_REVIEW, the submission is sent back at once, or rejected if this was the last attempt.
///
/// # Errors
/// One violation for each unmet requirement; `INVALID_TRANSITION`, `ATTEMPTS_EXHAUSTED`.
pub async fn submit(services: &Services, viewer: &Viewer) -> Result<Verification> {
    let (limits, now) = (&services.limits, services.now());
    // A user who has not begun has no verification to lock, so the user is locked.
    let mut work = services.begin_for(viewer.id()).await?;
    let record = verifications::lock(work.tx(), viewer.id()).await?;
    let mut record = record.unwrap_or_else(|| VerificationRecord::not_started(viewer.id()));
    integrity::require_untampered(services, &record)?;
    let violations = permission::unmet_requirements(
        Action::SubmitVerification,
        &viewer.user,
        0,
        &record.verification,
        limits,
    );
    if !violations.is_empty() {
        return Err(violations.into());
    }
    let previous = record.verification.status;
    record.verification.apply(VerificationTransition::Submit, Vec::new(), limits, now)?;
    let hash = identity_hash(services, &work, &record).await?;
    verifications::lock_submissions(work.tx()).await?;
    let is_taken = verifications::is_identity_taken(work.tx(), &hash, viewer.id()).await?;
    record.identity_hash = Some(hash);
    save_change(services, &mut work, &record, previous).await?;
    if is_taken {
        let previous = record.verification.status;
        let reasons = vec![DUPLICATE_IDENTITY.to_reason()];
        record.verification.apply(VerificationTransition::RequestResubmission, reasons, limits, now)?;
        save_change(services, &mut work, &record, previous).await?;
    } else {
        let id = services.new_id();
        let subject = SubjectId::Verification(viewer.id());
        let item = ReviewItem::new(id, subject, &limits.review, now);
        reviews::insert(work.tx(), &item).await?;
        record_queue_change(&mut work, &item, ReviewQueueChange::Submitted);
    }
    work.commit().await?;
    Ok(record.verification)
}

/// Locks the verification of the viewer, whom the caller has locked, and applies the transition `ProvideData`. Returns the verification with
/// its previous status.
async fn begin_change(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
) -> Result<(VerificationRecord, VerificationStatus)> {
    let record = verifications::lock(work.tx(), viewer.id()).await?;
    let mut record = record.unwrap_or_else(|| VerificationRecord::not_started(viewer.id()));
    integrity::require_untampered(services, &record)?;
    let previous = record.verification.status;
    record.verification.apply(
        VerificationTransition::ProvideData,
        Vec::new(),
        &services.limits,
        services.now(),
    )?;
    Ok((record, previous))
}

/// Returns the data key of the user's form, and generates it if there is none.
async fn form_key(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &mut VerificationRecord,
) -> Result<DataKey> {
    let user_id = record.verification.user_id;
    if let Some(id) = record.key {
        return data_keys::open(services, work.tx(), id, user_id).await;
    }
    let (id, key) = data_keys::create(services, work, user_id).await?;
    record.key = Some(id);
    record.verification.erased_at = None;
    Ok(key)
}

/// Returns the data key of the images, which are erased before the form, and generates it if there are none.
async fn picture_key(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &mut VerificationRecord,
) -> Result<(DataKeyId, DataKey)> {
    let user_id = record.verification.user_id;
    // A verification with data has a key, even if there is no form yet.
    form_key(services, work, record).await?;
    match record.picture_keys().pop() {
        Some(id) => Ok((id, data_keys::open(services, work.tx(), id, user_id).await?)),
        None => data_keys::create(services, work, user_id).await,
    }
}

async fn identity_hash(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &VerificationRecord,
) -> Result<Vec<u8>> {
    let form = forms::decrypt(services, work.tx(), record).await?;
    let form = form.ok_or_else(|| Error::internal("a complete verification has no form"))?;
    let document_type: &str = record
        .verification
        .document_type
        .ok_or_else(|| Error::internal("a complete verification has no document"))?
        .into();
    let text = format!("{document_type}:{}", form.document_key());
    Ok(services.vault.hash("identity document", text.as_bytes()))
}

/// Writes the verification and records its event.
pub(super) async fn save_change(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    record: &VerificationRecord,
    previous: VerificationStatus,
) -> Result<()> {
    if !verifications::write(work.tx(), services, record, services.now()).await? {
        return Err(Error::internal("a verification that was locked has changed"));
    }
    work.record(EventBody::verification_status(&record.verification, previous));
    Ok(())
}
