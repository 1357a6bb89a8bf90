//! What an applicant does: the form, the documents, the submission.

use bytes::Bytes;
use uuid::Uuid;

use crate::domain::event::EventBody;
use crate::domain::permission;
use crate::domain::permission::Action;
use crate::domain::personal_info::PersonalInfo;
use crate::domain::reason::DUPLICATE_IDENTITY;
use crate::domain::review::{ReviewItem, ReviewQueueChange};
use crate::domain::review_kind::ReviewKind;
use crate::domain::user::Viewer;
use crate::domain::verification::{
    DocumentSide, DocumentType, IdentityDocument, Verification, VerificationStatus, VerificationTransition,
};
use crate::domain::violation::{Violation, ViolationCode};
use crate::media::BlobKind;
use crate::media::vault::DataKey;
use crate::service::gigs::record_queue;
use crate::service::images::too_large;
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store;
use crate::store::verifications::Sealed;
use crate::store::{gigs, reviews, users, verifications};

/// Where a form belongs: sealed for it, it opens nowhere else.
pub(super) fn form_place(user_id: Uuid) -> String {
    format!("personal information of {user_id}")
}

/// Where a document's picture belongs.
pub(super) fn document_place(user_id: Uuid, document_id: Uuid) -> String {
    format!("identity document {document_id} of {user_id}")
}

/// The person's verification; one that has not started where they have not begun.
///
/// # Errors
/// Where the database is away.
pub async fn of_person(services: &Services, user_id: Uuid) -> Result<Verification> {
    Ok(find(services.db.read(), user_id).await?.verification)
}

async fn find(db: &impl store::Executor, user_id: Uuid) -> Result<Sealed> {
    Ok(verifications::find(db, user_id).await?.unwrap_or_else(|| Sealed::not_started(user_id)))
}

/// Everything that keeps the viewer from `action` now; nothing where they may.
///
/// # Errors
/// Where the database is away.
pub async fn missing(services: &Services, viewer: &Viewer, action: Action) -> Result<Vec<Violation>> {
    let db = services.db.read();
    let unarchived = gigs::count_unarchived(db, viewer.id()).await?;
    let verification = find(db, viewer.id()).await?.verification;
    Ok(permission::missing(action, &viewer.user, unarchived, &verification, &services.limits))
}

/// Keeps who the viewer says they are, sealed.
///
/// # Errors
/// Every fault of the form; `INVALID_TRANSITION`.
pub async fn save_personal_info(
    services: &Services,
    viewer: &Viewer,
    form: PersonalInfo,
) -> Result<Verification> {
    let now = services.now();
    let form = form.validate(&services.limits.verification, now)?;
    let mut work = services.begin().await?;
    let (mut sealed, previous) = provide(services, &work, viewer).await?;
    let key = data_key(services, &mut sealed)?;
    let text = serde_json::to_vec(&form).map_err(Error::internal)?;
    sealed.personal_info = Some(key.seal(&form_place(viewer.id()), &text)?);
    sealed.verification.personal_info_at = Some(now);
    sealed.verification.personal_info_asked = false;
    write(services, &mut work, &sealed, previous).await?;
    work.commit().await?;
    Ok(sealed.verification)
}

/// Keeps a picture of one side of the viewer's document, sealed; in place of the one before.
///
/// # Errors
/// `FILE_TOO_LARGE`, `UNSUPPORTED_MEDIA`, `OUT_OF_RANGE` where it is too small to read, `DUPLICATE` where it is the
/// picture of another side; `INVALID_TRANSITION`.
pub async fn upload_document(
    services: &Services,
    viewer: &Viewer,
    document_type: DocumentType,
    side: DocumentSide,
    file: Bytes,
) -> Result<Verification> {
    let limits = &services.limits.verification;
    if file.len() > limits.document_max_bytes {
        return Err(too_large(limits.document_max_bytes).into());
    }
    // Before the work of decoding: whether it may be uploaded at all.
    let mut tried = find(services.db.read(), viewer.id()).await?.verification;
    tried.apply(VerificationTransition::Provide, Vec::new(), &services.limits, services.now())?;
    let picture =
        services.media.reencode(BlobKind::IdentityDocuments, file).await.map_err(Error::internal)?;
    let picture = picture.map_err(|unreadable| {
        Violation::at("file", ViolationCode::UnsupportedMedia, unreadable.to_string())
    })?;
    let (width, height, min) = (picture.width, picture.height, limits.document_min_pixels);
    if width.min(height) < min {
        let message = format!(
            "The picture must have at least {min} pixels along its shorter side; it has {width} x {height}."
        );
        return Err(Violation::at("file", ViolationCode::OutOfRange, message).into());
    }

    let now = services.now();
    let mut work = services.begin().await?;
    let (mut sealed, previous) = provide(services, &work, viewer).await?;
    let key = data_key(services, &mut sealed)?;
    let document = IdentityDocument {
        id: services.new_id(),
        user_id: viewer.id(),
        document_type,
        side,
        picture_hash: services.vault.hash("picture", &picture.bytes),
        asked_again: false,
        uploaded_at: now,
    };
    let documents = &mut sealed.verification.documents;
    if documents.iter().any(|other| other.side != side && other.picture_hash == document.picture_hash) {
        let message = "This is the picture of another side; each side needs its own.";
        return Err(Violation::at("file", ViolationCode::Duplicate, message).into());
    }
    // A document of another type begins the pictures anew, but for the person's own.
    let replaced: Vec<_> = documents
        .extract_if(.., |other| {
            other.side == side || (other.document_type != document_type && other.side != DocumentSide::Selfie)
        })
        .collect();
    documents.push(document.clone());
    sealed.verification.document_type = Some(document_type);
    let blob = key.seal(&document_place(viewer.id(), document.id), &picture.bytes)?;
    services
        .media
        .put(BlobKind::IdentityDocuments, document.id, blob.into())
        .await
        .map_err(Error::internal)?;
    let written = async {
        write(services, &mut work, &sealed, previous).await?;
        work.commit().await
    };
    if let Err(error) = written.await {
        // Unless the commit was done and only its answer lost, nobody knows of the picture.
        if let Ok(None) = verifications::find_document(services.db.read(), document.id).await {
            services.media.delete(BlobKind::IdentityDocuments, document.id).await.ok();
        }
        return Err(error);
    }
    for old in replaced {
        if let Err(error) = services.media.delete(BlobKind::IdentityDocuments, old.id).await {
            tracing::warn!(%error, "a replaced picture could not be removed");
        }
    }
    Ok(sealed.verification)
}

/// Submits the viewer's verification for review. Where somebody else has been cleared, or waits, with the same
/// document, it comes back at once.
///
/// # Errors
/// One fault for each thing that is missing; `INVALID_TRANSITION`, `ATTEMPTS_EXHAUSTED`.
pub async fn submit(services: &Services, viewer: &Viewer) -> Result<Verification> {
    let (limits, now) = (&services.limits, services.now());
    let mut work = services.begin().await?;
    lock_person(&work, viewer).await?;
    let sealed = verifications::lock(work.tx(), viewer.id()).await?;
    let mut sealed = sealed.unwrap_or_else(|| Sealed::not_started(viewer.id()));
    let violations =
        permission::missing(Action::SubmitVerification, &viewer.user, 0, &sealed.verification, limits);
    if !violations.is_empty() {
        return Err(violations.into());
    }
    let previous = sealed.verification.status;
    sealed.verification.apply(VerificationTransition::Submit, Vec::new(), limits, now)?;
    let hash = identity_hash(services, &sealed)?;
    verifications::lock_submissions(work.tx()).await?;
    let taken = verifications::is_identity_taken(work.tx(), &hash, viewer.id()).await?;
    sealed.identity_hash = Some(hash);
    write(services, &mut work, &sealed, previous).await?;
    if taken {
        let previous = sealed.verification.status;
        let reasons = vec![DUPLICATE_IDENTITY.reason()];
        sealed.verification.apply(VerificationTransition::RequestResubmission, reasons, limits, now)?;
        write(services, &mut work, &sealed, previous).await?;
    } else {
        let id = services.new_id();
        let item = ReviewItem::submitted(id, ReviewKind::Verification, viewer.id(), &limits.review, now);
        reviews::insert(work.tx(), &item).await?;
        record_queue(&mut work, &item, ReviewQueueChange::Submitted);
    }
    work.commit().await?;
    Ok(sealed.verification)
}

/// Begins to change the viewer's verification; and the status that it had.
async fn provide(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
) -> Result<(Sealed, VerificationStatus)> {
    lock_person(work, viewer).await?;
    let sealed = verifications::lock(work.tx(), viewer.id()).await?;
    let mut sealed = sealed.unwrap_or_else(|| Sealed::not_started(viewer.id()));
    let previous = sealed.verification.status;
    sealed.verification.apply(
        VerificationTransition::Provide,
        Vec::new(),
        &services.limits,
        services.now(),
    )?;
    Ok((sealed, previous))
}

/// The person comes before what belongs to them, also the first time, when there is no verification to lock yet.
async fn lock_person(work: &UnitOfWork<'_>, viewer: &Viewer) -> Result<()> {
    users::lock(work.tx(), viewer.id()).await?;
    // Erased since the request came in: nothing of them may come back.
    if users::is_erased(work.tx(), viewer.id()).await? { Err(Error::Unauthenticated) } else { Ok(()) }
}

/// The key of the person's data, made where there is none yet.
fn data_key(services: &Services, sealed: &mut Sealed) -> Result<DataKey> {
    let user_id = sealed.verification.user_id;
    if let Some(wrapped) = &sealed.key {
        return Ok(services.vault.unwrap(wrapped, user_id)?);
    }
    let (key, wrapped) = services.vault.new_data_key(user_id)?;
    sealed.key = Some(wrapped);
    sealed.verification.erased_at = None;
    Ok(key)
}

/// The form, opened.
///
/// # Errors
/// Where a key is missing, or the form has been altered.
pub(super) fn open_form(services: &Services, sealed: &Sealed) -> Result<Option<PersonalInfo>> {
    let (Some(wrapped), Some(text)) = (&sealed.key, &sealed.personal_info) else { return Ok(None) };
    let user_id = sealed.verification.user_id;
    let text = services.vault.unwrap(wrapped, user_id)?.open(&form_place(user_id), text)?;
    serde_json::from_slice(&text).map(Some).map_err(Error::internal)
}

fn identity_hash(services: &Services, sealed: &Sealed) -> Result<Vec<u8>> {
    let form = open_form(services, sealed)?;
    let form = form.ok_or_else(|| Error::internal("a complete verification has no form"))?;
    let document_type: &str = sealed
        .verification
        .document_type
        .ok_or_else(|| Error::internal("a complete verification has no document"))?
        .into();
    let text = format!("{document_type}:{}", form.document_key());
    Ok(services.vault.hash("identity document", text.as_bytes()))
}

/// Writes the verification, and records what the log is to know.
pub(super) async fn write(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    sealed: &Sealed,
    previous: VerificationStatus,
) -> Result<()> {
    if !verifications::write(work.tx(), sealed, services.now()).await? {
        return Err(Error::internal("a verification that was locked has changed"));
    }
    work.record(EventBody::verification_status(&sealed.verification, previous));
    Ok(())
}
