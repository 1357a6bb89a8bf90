//! An applicant's verification: the form, the documents and the submission.

use bytes::Bytes;

use crate::domain::blob::BlobId;
use crate::domain::event::EventBody;
use crate::domain::id::{DataKeyId, DocumentId, SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::permission;
use crate::domain::permission::Action;
use crate::domain::personal_info::{PersonalInfo, PersonalInfoForm};
use crate::domain::review::{ReviewItem, ReviewQueueChange};
use crate::domain::rights::{Consent, check_consent};
use crate::domain::user::Viewer;
use crate::domain::verification::{
    DocumentSide, DocumentType, IdentityDocument, Verification, VerificationStatus, VerificationTransition,
};
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::media::Media;
use crate::media::images::EncodedDocument;
use crate::media::images::perceptual::Preview;
use crate::media::vault::{DataKey, VaultError};
use crate::service::flags;
use crate::service::gigs::record_queue_change;
use crate::service::images::{decode, file_too_large};
use crate::service::look_alikes;
use crate::service::look_alikes::{ApplicantPictures, LookAlikes};
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::service::{blobs, data_keys, forms, held_versions, integrity, review_texts};
use crate::store;
use crate::store::verifications::VerificationRecord;
use crate::store::{consents, picture_signatures, reviews, verifications};

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
    held_versions::keep_form(services, &work, &record).await?;
    let key = form_key(services, &work, &mut record).await?;
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
        return Err(file_too_large(limits.document_max_bytes, file.len()).into());
    }
    // Check whether an upload is allowed before the expensive decoding.
    let mut preview = find(services.db.read(), viewer.id()).await?.verification;
    preview.apply(VerificationTransition::ProvideData, Vec::new(), &services.limits, services.now())?;
    let decoded = decode(services, viewer.id(), file, Media::reencode_identity_document).await?;
    let EncodedDocument { image: encoded, preview, quality } = decoded;
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
        quality: Some(quality),
        key: None,
    };
    // Record the blob before it is written, so that it is found again whatever happens next.
    blobs::announce(services, viewer.id(), document.id).await?;
    let document_id = document.id;
    match store_document(services, viewer, document, &encoded.bytes, &preview).await {
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
    preview: &Preview,
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
    let signature = look_alikes::encrypt_preview(services, viewer.id(), id, preview, &key)?;
    picture_signatures::insert(work.tx(), signature).await?;
    let blob = key.encrypt(&document_context(viewer.id(), id), image)?;
    services.media.put(id, blob.into()).await.map_err(Error::not_stored)?;
    work.commit().await?;
    Ok((record.verification, replaced))
}

/// Submits the viewer's verification for review. If the record has the same document or picture, reviewers see flags;
/// nothing else depends on it, so that an applicant does not learn what others have submitted.
///
/// # Errors
/// One violation for each unmet requirement, among them the consent; `INVALID_TRANSITION`, `ATTEMPTS_EXHAUSTED`.
pub async fn submit(
    services: &Services,
    viewer: &Viewer,
    consent_version: Option<&str>,
) -> Result<Verification> {
    let (limits, now) = (&services.limits, services.now());
    let mut validator = Validator::default();
    let consent_version = check_consent(consent_version, services.consent_version.as_deref(), &mut validator);
    let missing_consent = validator.finish().err().unwrap_or_default();
    let (pictures, mut look_alikes) = find_look_alikes(services, viewer).await?;
    // A user who has not begun has no verification to lock, so the user is locked.
    let mut work = services.begin_for(viewer.id()).await?;
    let record = verifications::lock(work.tx(), viewer.id()).await?;
    let mut record = record.unwrap_or_else(|| VerificationRecord::not_started(viewer.id()));
    integrity::require_untampered(services, &record)?;
    let mut violations = permission::unmet_requirements(
        Action::SubmitVerification,
        &viewer.user,
        0,
        &record.verification,
        limits,
    );
    violations.extend(missing_consent);
    if !violations.is_empty() {
        return Err(violations.into());
    }
    let previous = record.verification.status;
    record.verification.apply(VerificationTransition::Submit, Vec::new(), limits, now)?;
    let hashes = document_hashes(services, work.tx(), &record).await?;
    record.identity_hash = Some(hashes.identity);
    verifications::lock_submissions(work.tx()).await?;
    save_change(services, &mut work, &record, previous).await?;
    if let Some(text_version) = consent_version {
        let (user_id, verification_version) = (viewer.id(), record.verification.version);
        let consent = Consent { user_id, verification_version, text_version, consented_at: now };
        consents::insert(work.tx(), &consent).await?;
    }
    let id = services.new_id();
    let item = ReviewItem::new(id, SubjectId::Verification(viewer.id()), &limits.review, now);
    reviews::insert(work.tx(), &item).await?;
    look_alikes.extend(pictures.find_newer(services, work.tx(), now).await?);
    flags::raise(services, &work, &record, item.id, hashes.number, look_alikes).await?;
    record_queue_change(&mut work, &item, ReviewQueueChange::Submitted);
    work.commit().await?;
    Ok(record.verification)
}

/// Compares the viewer's pictures with all others, before the transaction of the submission, because it can take a
/// while. Compares nothing if the submission cannot succeed.
async fn find_look_alikes(services: &Services, viewer: &Viewer) -> Result<(ApplicantPictures, LookAlikes)> {
    let (db, user_id) = (services.db.read(), viewer.id());
    let record = find(db, user_id).await?;
    let verification = &record.verification;
    let can_submit = verification.check(VerificationTransition::Submit, &services.limits).is_ok()
        && verification.missing_parts(&services.limits).is_empty();
    let previews = if can_submit { look_alikes::previews(services, db, &record).await? } else { Vec::new() };
    let pictures = ApplicantPictures::new(user_id, &previews);
    let found = pictures.find(services, db).await?;
    Ok((pictures, found))
}

/// Locks the verification of the viewer, whom the caller has locked, and applies the transition `ProvideData`. Returns
/// the verification with its previous status.
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

/// Returns the data key for a new form of the user, and generates it if there is none.
async fn form_key(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &mut VerificationRecord,
) -> Result<DataKey> {
    // A gateway of an earlier version erases the data without their key.
    if record.verification.erased_at.is_none()
        && let Some(id) = record.key
        && let Some(key) = open_if_stored(services, work, id, record.verification.user_id).await?
    {
        return Ok(key);
    }
    add_form_key(services, work, record).await
}

async fn add_form_key(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &mut VerificationRecord,
) -> Result<DataKey> {
    let (id, key) = data_keys::create(services, work.tx(), record.verification.user_id).await?;
    record.key = Some(id);
    record.verification.erased_at = None;
    Ok(key)
}

/// `None` if the data key was lost, as after a backup was restored without the data keys. What it encrypts cannot be
/// read any more, but the user can provide it again.
async fn open_if_stored(
    services: &Services,
    work: &UnitOfWork<'_>,
    id: DataKeyId,
    user_id: UserId,
) -> Result<Option<DataKey>> {
    match data_keys::open(services, work.tx(), id, user_id).await {
        Err(Error::Decryption(VaultError::MissingDataKey(_))) => Ok(None),
        key => key.map(Some),
    }
}

/// Returns the data key of the images, which are erased before the form, and generates it if there are none.
async fn picture_key(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &mut VerificationRecord,
) -> Result<(DataKeyId, DataKey)> {
    let user_id = record.verification.user_id;
    // A verification with data has a key, even if there is no form yet.
    if record.key.is_none() || record.verification.erased_at.is_some() {
        add_form_key(services, work, record).await?;
    }
    if let Some(id) = record.picture_keys().pop()
        && let Some(key) = open_if_stored(services, work, id, user_id).await?
    {
        return Ok((id, key));
    }
    data_keys::create(services, work.tx(), user_id).await
}

/// Keyed hashes of a document.
struct DocumentHashes {
    /// Of the type, the country and the number.
    identity: Vec<u8>,
    /// Of the number alone.
    number: Vec<u8>,
}

async fn document_hashes(
    services: &Services,
    db: &impl store::Executor,
    record: &VerificationRecord,
) -> Result<DocumentHashes> {
    let form = forms::decrypt(services, db, record).await?;
    let form = form.ok_or_else(|| Error::internal("a complete verification has no form"))?;
    let document_type: &str = record
        .verification
        .document_type
        .ok_or_else(|| Error::internal("a complete verification has no document"))?
        .into();
    let text = format!("{document_type}:{}", form.document_key());
    let identity = services.vault.hash("identity document", text.as_bytes());
    Ok(DocumentHashes { identity, number: number_hash(services, &form) })
}

fn number_hash(services: &Services, form: &PersonalInfo) -> Vec<u8> {
    services.vault.hash("document number", form.number_key().as_bytes())
}

/// The keyed hash of the document number alone; `None` if there is no form, or it cannot be decrypted: a decision must
/// not fail because of that.
pub(super) async fn readable_number_hash(
    services: &Services,
    db: &impl store::Executor,
    record: &VerificationRecord,
) -> Option<Vec<u8>> {
    match forms::decrypt(services, db, record).await {
        Ok(form) => form.map(|form| number_hash(services, &form)),
        Err(error) => {
            tracing::error!(user_id = %record.verification.user_id, %error, "a document number cannot be read");
            None
        }
    }
}

/// Writes the verification, with its reasons sealed, and records its event. The caller has locked the user.
pub(super) async fn save_change(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    record: &VerificationRecord,
    previous: VerificationStatus,
) -> Result<()> {
    // Writing it makes a new tag, which would be right.
    integrity::require_untampered(services, record)?;
    write_change(services, work, record, previous).await
}

/// As [`save_change`], without a look at the tag. For a change that erases the data, and then leaves a wrong tag wrong.
pub(super) async fn write_change(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    record: &VerificationRecord,
    previous: VerificationStatus,
) -> Result<()> {
    let mut sealed = record.clone();
    sealed.verification.reasons = review_texts::seal_reasons_of(services, work, &record.verification).await?;
    if !verifications::write(work.tx(), services, &sealed, services.now()).await? {
        return Err(Error::internal("a verification that was locked has changed"));
    }
    // Without the codes that the applicant must not learn.
    work.record(EventBody::verification_status(&sealed.verification, previous));
    Ok(())
}
