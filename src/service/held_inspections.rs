//! Reading what people under a legal hold have replaced or deleted: for an administrator who inspects the verification,
//! and with an entry in the audit trail before anything is shown.

use bytes::Bytes;
use chrono::TimeDelta;

use crate::domain::held_version::{HeldContent, HeldVersion, PAGE_SIZE};
use crate::domain::id::{HeldVersionId, PublicId, SessionId, UserId};
use crate::domain::personal_info::PersonalInfo;
use crate::domain::user::{Role, Viewer};
use crate::media::vault::VaultError;
use crate::service::audit;
use crate::service::reviews::actor;
use crate::service::verifications::document_context;
use crate::service::{Error, Result, Services, UnitOfWork, data_keys, forms, identity_access};
use crate::store::verifications::SealedForm;
use crate::store::{held_versions, inspections, openings};

/// The lifetime of the URL of a held image.
const URL_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// A held version, with its form if it is one.
#[derive(Debug)]
pub struct OpenedVersion {
    pub version: HeldVersion,
    pub form: Option<std::result::Result<PersonalInfo, VaultError>>,
}

/// Begins the transaction in which the viewer reads what is held of the user. `None` if the viewer does not inspect the
/// user's verification, or the user was erased.
///
/// # Errors
/// [`Error::TooManyPeople`] if the viewer has opened the data of too many others.
async fn begin_opening<'a>(
    services: &'a Services,
    viewer: &Viewer,
    user_id: UserId,
) -> Result<Option<UnitOfWork<'a>>> {
    if viewer.role != Role::Admin {
        return Ok(None);
    }
    let work = services.begin().await?;
    openings::lock_reviewer(work.tx(), viewer.id()).await?;
    if work.lock_viewer_and(viewer, user_id).await? {
        return Ok(None);
    }
    if inspections::find_active(work.tx(), viewer.id(), user_id, services.now()).await?.is_none() {
        return Ok(None);
    }
    identity_access::check_people(services, &work, viewer, user_id).await?;
    Ok(Some(work))
}

/// Appends an entry to the audit trail, counts the opening, and commits: what was opened may be shown then.
async fn commit_opening(
    services: &Services,
    work: UnitOfWork<'_>,
    viewer: &Viewer,
    user_id: UserId,
    request_id: &str,
    detail: &str,
) -> Result<()> {
    audit::append(services, &work, actor(viewer, request_id), user_id, "VIEW_HELD", detail).await?;
    identity_access::record_inspection_opening(services, &work, viewer, user_id).await?;
    work.commit().await
}

/// A page of what is held of the user, the newest first, starting after `before`. Empty for everybody but an
/// administrator who inspects the verification.
pub async fn read(
    services: &Services,
    viewer: &Viewer,
    user_id: UserId,
    before: Option<HeldVersionId>,
    request_id: &str,
) -> Result<Vec<OpenedVersion>> {
    let Some(work) = begin_opening(services, viewer, user_id).await? else { return Ok(Vec::new()) };
    let held = held_versions::find_page(work.tx(), user_id, before, PAGE_SIZE as u64).await?;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let mut opened = Vec::with_capacity(held.len());
    for version in held {
        let form = match &version.content {
            HeldContent::PersonalInfo { key, sealed, version } => {
                let form = SealedForm { bytes: sealed.clone(), version: *version };
                Some(forms::open_held(services, work.tx(), user_id, *key, &form).await?)
            }
            _ => None,
        };
        opened.push(OpenedVersion { version, form });
    }
    let detail = format!("{} versions", opened.len());
    commit_opening(services, work, viewer, user_id, request_id, &detail).await?;
    Ok(opened)
}

/// The signature in the URL of a held image.
#[derive(Debug, Clone)]
pub struct HeldImageSignature {
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// The URL of a held image; `None` for what is no image. It is valid for five minutes and for this session only, and
/// only during the inspection.
pub fn image_url(services: &Services, viewer: &Viewer, version: &HeldVersion) -> Option<String> {
    version.content.blob()?;
    let (id, expires) = (version.id, (services.now() + URL_LIFETIME).timestamp());
    let signature = services.url_signer.sign(&signed_text(id, viewer.session_id, expires));
    let (public_url, id) = (&services.public_url, id.to_public());
    Some(format!("{public_url}/held-versions/{id}?expires={expires}&signature={signature}"))
}

fn signed_text(id: HeldVersionId, session_id: SessionId, expires: i64) -> String {
    format!("held version {id} for session {session_id} until {expires}")
}

/// Opens a held image for the administrator whose session the URL was signed for. `None` if the URL is invalid or
/// expired, the inspection is over, or the image does not exist any more.
///
/// # Errors
/// [`Error::TooManyPeople`]; [`Error::Decryption`] if a key is missing or the image was altered.
pub async fn open_image(
    services: &Services,
    viewer: &Viewer,
    id: HeldVersionId,
    url_signature: &HeldImageSignature,
    request_id: &str,
) -> Result<Option<Bytes>> {
    let text = signed_text(id, viewer.session_id, url_signature.expires);
    let is_valid = services.now().timestamp() < url_signature.expires
        && services.url_signer.is_valid(&text, &url_signature.signature);
    if !is_valid {
        return Ok(None);
    }
    let Some(held) = held_versions::find(services.db.read(), id).await? else { return Ok(None) };
    let Some(blob_id) = held.content.blob() else { return Ok(None) };
    let Some(work) = begin_opening(services, viewer, held.user_id).await? else { return Ok(None) };
    let blob = services.media.get(blob_id).await.map_err(Error::unavailable)?;
    let Some(blob) = blob else { return Ok(None) };
    let image = match held.content {
        HeldContent::IdentityDocument { id, key } => {
            let key = data_keys::open(services, work.tx(), key, held.user_id).await?;
            Bytes::copy_from_slice(&key.decrypt(&document_context(held.user_id, id), &blob)?)
        }
        _ => blob,
    };
    commit_opening(services, work, viewer, held.user_id, request_id, &id.to_public()).await?;
    Ok(Some(image))
}
