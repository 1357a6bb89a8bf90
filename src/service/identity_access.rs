//! Access of reviewers to identity data. The form and the pictures of an applicant open to the reviewer who has
//! claimed the review item, while the claim lasts, and to an administrator who inspects the decided verification
//! (`service::inspections`). Each opening is audited and counted before anything is shown: a reviewer may open the
//! data of so many people within a day (`limits.review.people_per_day_max`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use prometheus_client::metrics::counter::Counter;

use crate::domain::id::{DocumentId, OpeningId, PublicId, ReviewItemId, SessionId, SubjectId, UserId};
use crate::domain::personal_info::PersonalInfo;
use crate::domain::user::{Role, Viewer};
use crate::domain::verification::{IdentityDocument, VerificationStatus};
use crate::service::audit;
use crate::service::error::{VaultError, require_reviewer};
use crate::service::reviews::actor;
use crate::service::verifications::document_context;
use crate::service::{Error, Result, Services, UnitOfWork, data_keys, forms, integrity, security_log};
use crate::store;
use crate::store::openings::Opening;
use crate::store::{inspections, openings, reviews, users, verifications};

/// The lifetime of the URL of a document's image.
const URL_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// The time in which the people are counted whose data a reviewer opens.
const WINDOW: TimeDelta = TimeDelta::hours(24);

/// How many forms and pictures reviewers of this gateway have opened. Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct OpeningCounters {
    pub forms: Counter,
    pub pictures: Counter,
    /// Openings that were refused because the reviewer has opened the data of too many people.
    pub refused: Counter,
}

/// Why a reviewer may open the identity data of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// They have claimed the review item.
    Claim(ReviewItemId),
    /// They inspect the decided verification.
    Inspection,
}

/// For each of these users whose identity data the viewer may open now: why.
async fn find_grounds(
    services: &Services,
    db: &impl store::Executor,
    viewer: &Viewer,
    user_ids: &[UserId],
) -> Result<HashMap<UserId, Ground>> {
    let now = services.now();
    let mut grounds = HashMap::new();
    if !viewer.role.can_review() {
        return Ok(grounds);
    }
    let others: Vec<_> = user_ids.iter().copied().filter(|user_id| *user_id != viewer.id()).collect();
    let subjects: Vec<_> = others.iter().copied().map(SubjectId::Verification).collect();
    let mut decided: HashSet<_> = others.into_iter().collect();
    for item in reviews::find_undecided(db, &subjects).await? {
        let SubjectId::Verification(user_id) = item.subject_id else { continue };
        decided.remove(&user_id);
        if item.claimant(now) == Some(viewer.id()) {
            grounds.insert(user_id, Ground::Claim(item.id));
        }
    }
    if viewer.role != Role::Admin || decided.is_empty() {
        return Ok(grounds);
    }
    let decided: Vec<_> = decided.into_iter().collect();
    for inspection in inspections::find_all_active(db, viewer.id(), &decided, now).await? {
        if is_open_to_inspection(db, inspection.subject_id).await? {
            grounds.insert(inspection.subject_id, Ground::Inspection);
        }
    }
    Ok(grounds)
}

/// Whether an inspection shows the identity data of this user: the last submission was decided, and the user has
/// changed nothing since. Under a legal hold, an inspection shows it in every status.
pub(super) async fn is_open_to_inspection(db: &impl store::Executor, user_id: UserId) -> Result<bool> {
    use VerificationStatus::{ActionRequired, Cleared, Rejected, Revoked};
    let Some(record) = verifications::find(db, user_id).await? else { return Ok(false) };
    let is_decided = matches!(record.verification.status, ActionRequired | Cleared | Rejected | Revoked);
    Ok(record.key.is_some() && (is_decided || users::has_legal_hold(db, user_id).await?))
}

/// Those of the users whose identity data the viewer may open now.
pub async fn find_open(
    services: &Services,
    db: &store::Reader,
    viewer: &Viewer,
    user_ids: &[UserId],
) -> Result<HashSet<UserId>> {
    Ok(find_grounds(services, db, viewer, user_ids).await?.into_keys().collect())
}

/// The personal information of these users, for the user, or for a reviewer who may open it. Access by a reviewer is
/// audited. A user is missing in the map if the viewer may not open it, if there is no personal information, or if it
/// was erased.
///
/// # Errors
/// Of a single user: [`Error::TooManyPeople`]; [`Error::Decryption`] if a key is missing or the form was altered.
pub async fn personal_info(
    services: &Services,
    db: &store::Reader,
    viewer: &Viewer,
    user_ids: &[UserId],
    request_id: &str,
) -> Result<HashMap<UserId, Result<PersonalInfo>>> {
    let mut opened = HashMap::new();
    if user_ids.contains(&viewer.id())
        && let Some(record) = verifications::find(db, viewer.id()).await?
        && let Some(form) = forms::decrypt(services, db, &record).await.transpose()
    {
        opened.insert(viewer.id(), form);
    }
    for user_id in find_open(services, db, viewer, user_ids).await? {
        if let Some(form) = open_form(services, viewer, user_id, request_id).await.transpose() {
            opened.insert(user_id, form);
        }
    }
    Ok(opened)
}

async fn open_form(
    services: &Services,
    viewer: &Viewer,
    user_id: UserId,
    request_id: &str,
) -> Result<Option<PersonalInfo>> {
    let Some((work, ground)) = begin_opening(services, viewer, user_id).await? else { return Ok(None) };
    let Some(record) = verifications::find(work.tx(), user_id).await? else { return Ok(None) };
    let Some(form) = forms::decrypt(services, work.tx(), &record).await? else { return Ok(None) };
    let actor = actor(viewer, request_id);
    audit::append(services, &work, actor, user_id, "VIEW_PERSONAL_INFO", "").await?;
    record_opening(services, &work, viewer, user_id, ground, None).await?;
    work.commit().await?;
    services.opening_counters.forms.inc();
    Ok(Some(form))
}

/// Begins the transaction in which the viewer opens identity data of the user. Locks both. `None` if the viewer may
/// not open it now, or the user was erased.
///
/// # Errors
/// [`Error::TooManyPeople`] if the viewer has opened the data of too many others.
async fn begin_opening<'a>(
    services: &'a Services,
    viewer: &Viewer,
    user_id: UserId,
) -> Result<Option<(UnitOfWork<'a>, Ground)>> {
    let work = services.begin().await?;
    openings::lock_reviewer(work.tx(), viewer.id()).await?;
    if work.lock_viewer_and(viewer, user_id).await? {
        return Ok(None);
    }
    let ground = find_grounds(services, work.tx(), viewer, &[user_id]).await?.remove(&user_id);
    let Some(ground) = ground else { return Ok(None) };
    check_people(services, &work, viewer, user_id).await?;
    Ok(Some((work, ground)))
}

/// Checks that the viewer may open the data of this user besides those of the last day.
pub(super) async fn check_people(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
    user_id: UserId,
) -> Result<()> {
    let (now, max) = (services.now(), services.limits.review.people_per_day_max);
    let since = now - WINDOW;
    if openings::has_opened(work.tx(), viewer.id(), user_id, since).await? {
        return Ok(());
    }
    let (count, first_opened_at) = openings::count_people(work.tx(), viewer.id(), since).await?;
    if count < max {
        return Ok(());
    }
    services.opening_counters.refused.inc();
    security_log::too_many_people(viewer.id(), max);
    let retry_after = first_opened_at.map_or(Duration::ZERO, |at| duration_until(at + WINDOW, now));
    Err(Error::TooManyPeople { max, retry_after })
}

fn duration_until(end: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (end - now).to_std().unwrap_or_default()
}

async fn record_opening(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
    subject_id: UserId,
    ground: Ground,
    document_id: Option<DocumentId>,
) -> Result<OpeningId> {
    let item_id = match ground {
        Ground::Claim(item_id) => Some(item_id),
        Ground::Inspection => None,
    };
    let (id, reviewer_id, opened_at) = (services.new_id(), viewer.id(), services.now());
    let opening = Opening { id, reviewer_id, subject_id, item_id, document_id, opened_at };
    openings::insert(work.tx(), &opening).await?;
    Ok(id)
}

/// Counts that an administrator has opened data of the user by an inspection.
pub(super) async fn record_inspection_opening(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
    subject_id: UserId,
) -> Result<()> {
    record_opening(services, work, viewer, subject_id, Ground::Inspection, None).await.map(drop)
}

/// The signature in the URL of a document's image.
#[derive(Debug, Clone)]
pub struct DocumentSignature {
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// Returns the URL of a document's image, for a viewer who may open it (see [`find_open`]). It is valid for five
/// minutes and for this reviewer's session only, and only as long as they may open the image.
///
/// # Errors
/// [`Error::Forbidden`] for everybody but reviewers.
pub fn document_url(services: &Services, viewer: &Viewer, document_id: DocumentId) -> Result<String> {
    let DocumentSignature { expires, signature } = sign_document(services, viewer, document_id)?;
    let (public_url, id) = (&services.public_url, document_id.to_public());
    Ok(format!("{public_url}/identity-documents/{id}?expires={expires}&signature={signature}"))
}

/// Returns the signature of such a URL.
///
/// # Errors
/// [`Error::Forbidden`] for everybody but reviewers.
pub fn sign_document(
    services: &Services,
    viewer: &Viewer,
    document_id: DocumentId,
) -> Result<DocumentSignature> {
    require_reviewer(viewer)?;
    let expires = (services.now() + URL_LIFETIME).timestamp();
    let signature = services.url_signer.sign(&signed_text(document_id, viewer.session_id, expires));
    Ok(DocumentSignature { expires, signature })
}

fn signed_text(document_id: DocumentId, session_id: SessionId, expires: i64) -> String {
    format!("identity document {document_id} for session {session_id} until {expires}")
}

/// An image that a reviewer has opened. Without `Debug`, so that no log has its bytes.
pub struct OpenedDocument {
    pub image: Bytes,
    opening_id: OpeningId,
}

/// Opens a document's image for the reviewer whose session the URL was signed for; the access is audited. `None` if
/// the URL is invalid or expired, the reviewer may not open the image any more, or it does not exist any more.
///
/// # Errors
/// [`Error::TooManyPeople`]; [`Error::Decryption`] if a key is missing or the image was altered.
pub async fn open_document(
    services: &Services,
    viewer: &Viewer,
    document_id: DocumentId,
    url_signature: &DocumentSignature,
    request_id: &str,
) -> Result<Option<OpenedDocument>> {
    let text = signed_text(document_id, viewer.session_id, url_signature.expires);
    let is_valid = services.now().timestamp() < url_signature.expires
        && services.url_signer.is_valid(&text, &url_signature.signature);
    if is_valid && !viewer.role.can_review() {
        security_log::role_refused(Some(viewer.id()), None);
    }
    if !is_valid || !viewer.role.can_review() {
        return Ok(None);
    }
    let db = services.db.read();
    let Some(document) = verifications::find_document(db, document_id).await? else { return Ok(None) };
    let user_id = document.user_id;
    if !find_grounds(services, db, viewer, &[user_id]).await?.contains_key(&user_id) {
        return Ok(None);
    }
    // Before the transaction: reading and decrypting take time.
    let Some(image) = decrypt_image(services, &document).await? else { return Ok(None) };
    let Some((work, ground)) = begin_opening(services, viewer, user_id).await? else { return Ok(None) };
    if verifications::find_document(work.tx(), document_id).await?.is_none() {
        // The image was replaced or erased since it was read.
        return Ok(None);
    }
    let side: &str = document.side.into();
    let detail = format!("{side} {}", document_id.to_public());
    let actor = actor(viewer, request_id);
    audit::append(services, &work, actor, user_id, "VIEW_DOCUMENT", &detail).await?;
    let opening_id = record_opening(services, &work, viewer, user_id, ground, Some(document_id)).await?;
    work.commit().await?;
    services.opening_counters.pictures.inc();
    Ok(Some(OpenedDocument { image, opening_id }))
}

/// The decrypted image; `None` if it does not exist any more.
async fn decrypt_image(services: &Services, document: &IdentityDocument) -> Result<Option<Bytes>> {
    let user_id = document.user_id;
    let record = integrity::find_untampered(services, services.db.read(), user_id).await?;
    let Some(key_id) = record.and_then(|record| record.key_of(document.id)) else { return Ok(None) };
    let blob = services.media.get(document.id).await.map_err(Error::unavailable)?;
    let Some(blob) = blob else { return Ok(None) };
    let key = match data_keys::open(services, services.db.read(), key_id, user_id).await {
        // The image was erased since its record was read.
        Err(Error::Decryption(VaultError::MissingDataKey(_)))
            if verifications::find_document(services.db.read(), document.id).await?.is_none() =>
        {
            return Ok(None);
        }
        key => key?,
    };
    let image = key.decrypt(&document_context(user_id, document.id), &blob)?;
    Ok(Some(Bytes::copy_from_slice(&image)))
}

/// Records that an opened image was sent in full. CLEAR needs it.
pub async fn record_delivery(services: &Services, document: &OpenedDocument) -> Result<()> {
    let work = services.begin().await?;
    openings::set_delivered(work.tx(), document.opening_id, services.now()).await?;
    work.commit().await
}

/// Deletes openings that neither the limit of people nor a review needs any more, and inspections that are over. The
/// audit trail has all of them. Returns how many.
pub async fn delete_old_openings(services: &Services) -> Result<usize> {
    let (work, moment) = (services.begin().await?, services.now() - WINDOW);
    let deleted = openings::delete_older_than(work.tx(), moment).await?
        + inspections::delete_older_than(work.tx(), moment).await?;
    work.commit().await?;
    Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
}
