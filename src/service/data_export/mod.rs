//! An archive of what a person has given to the marketplace, and of what they may see about themselves.
//!
//! [`create`] signs a URL, and [`open`] streams the archive to whoever has it. The archive is a TAR file: JSON, and the
//! pictures as they are stored. It has neither flags nor notes, and the reasons of decisions as the person sees them.
//! It is made while it is sent, one picture at a time, so its size does not matter. What a lost data key has encrypted
//! is left out.

mod content;

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weak_table::WeakValueHashMap;

use crate::domain::id::{GigId, ImageId, PublicId, SessionId, SubjectId, UserId};
use crate::domain::reason::{ReviewReason, for_applicant};
use crate::domain::user::Viewer;
use crate::domain::verification::IdentityDocument;
use crate::media::vault::VaultError;
use crate::service::accounts::find_viewer;
use crate::service::audit::Actor;
use crate::service::review_texts::open_reasons;
use crate::service::verifications::document_context;
use crate::service::{Error, Result, Services, audit, data_keys, forms};
use crate::store::Executor;
use crate::store::verifications::VerificationRecord;
use crate::store::{consents, erasure_requests, gigs, images, verifications};

/// The lifetime of the URL of an archive.
const URL_LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// How many archives a gateway sends at the same time. Each holds one picture in memory, however slowly its client
/// reads.
const EXPORTS_MAX: usize = 32;

/// How many gigs are read at once.
const GIGS_PER_PART: u64 = 50;

/// The URL of an archive.
#[derive(Debug, Clone)]
pub struct DataExport {
    pub url: String,
    pub expires_at: DateTime<Utc>,
}

/// What the URL of an archive has besides the user.
#[derive(Debug, Clone)]
pub struct ExportSignature {
    pub session_id: SessionId,
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// The archives that are being sent: one of each user.
#[derive(Debug)]
pub struct ExportPermits {
    all: Arc<Semaphore>,
    by_user: Mutex<WeakValueHashMap<UserId, std::sync::Weak<()>>>,
}

/// Counts as an archive that is being sent, until it is dropped.
#[derive(Debug)]
struct ExportPermit {
    _of_user: Arc<()>,
    _of_all: OwnedSemaphorePermit,
}

impl Default for ExportPermits {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(EXPORTS_MAX)), by_user: Mutex::new(WeakValueHashMap::new()) }
    }
}

impl ExportPermits {
    /// # Errors
    /// [`Error::Overloaded`] if the user's archive, or the most archives in all, are being sent.
    fn acquire(&self, user_id: UserId) -> Result<ExportPermit> {
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        if by_user.contains_key(&user_id) {
            return Err(Error::Overloaded);
        }
        let of_user = Arc::new(());
        by_user.insert(user_id, Arc::clone(&of_user));
        Ok(ExportPermit { _of_user: of_user, _of_all: of_all })
    }
}

/// Returns the URL of an archive of the viewer's data. It works until it expires or the viewer's session ends.
pub fn create(services: &Services, viewer: &Viewer) -> DataExport {
    let expires_at = services.now() + URL_LIFETIME;
    let (user, session, expires) = (viewer.id(), viewer.session_id, expires_at.timestamp());
    let signature = services.url_signer.sign(&signed_text(user, session, expires));
    let (base, user) = (&services.public_url, user.to_public());
    let url =
        format!("{base}/data-exports/{user}.tar?session={session}&expires={expires}&signature={signature}");
    DataExport { url, expires_at }
}

fn signed_text(user_id: UserId, session_id: SessionId, expires: i64) -> String {
    format!("data export of {user_id} for session {session_id} until {expires}")
}

/// Begins to send the archive of a user; the audit trail records it. `None` if the URL is invalid or expired, or its
/// session has ended.
///
/// # Errors
/// [`Error::Overloaded`] if too many archives are being sent. The stream ends with an error if a picture was altered or
/// cannot be read, and with [`Error::SessionEnded`] if the session ends, or the user is blocked or erased, before the
/// archive is complete.
pub async fn open(
    services: &Arc<Services>,
    user_id: UserId,
    url_signature: &ExportSignature,
    request_id: &str,
) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
    let ExportSignature { session_id, expires, signature } = url_signature;
    let is_valid = services.now().timestamp() < *expires
        && services.url_signer.is_valid(&signed_text(user_id, *session_id, *expires), signature);
    let Some(access_until) = DateTime::from_timestamp(*expires, 0).filter(|_| is_valid) else {
        return Ok(None);
    };
    let viewer = match find_viewer(services, *session_id, access_until).await {
        Err(Error::SessionEnded) => return Ok(None),
        viewer => viewer?,
    };
    if viewer.id() != user_id {
        return Ok(None);
    }
    let permit = services.data_exports.acquire(user_id)?;
    let record = verifications::find(services.db.read(), user_id).await?;
    let work = services.begin_for(user_id).await?;
    let actor = Actor { id: Some(user_id), request_id };
    audit::append(services, &work, actor, user_id, "EXPORT", "").await?;
    work.commit().await?;
    let writer = ArchiveWriter {
        services: Arc::clone(services),
        viewer,
        record,
        archive: tar::Builder::new(Vec::new()),
        next: Some(Part::Account),
        _permit: permit,
    };
    let parts = stream::try_unfold(writer, ArchiveWriter::next_bytes);
    let log = move |error: &Error| match error {
        Error::SessionEnded => tracing::info!(%user_id, "a data export ended with its session"),
        error => tracing::error!(%user_id, %error, "a data export failed"),
    };
    Ok(Some(parts.inspect_err(log).boxed()))
}

/// Opens reasons of decisions about the subject. If their key is lost, they are as they stand in clear.
async fn readable_reasons(
    services: &Services,
    db: &impl Executor,
    user_id: UserId,
    subject: SubjectId,
    reasons: Vec<ReviewReason>,
) -> Result<Vec<ReviewReason>> {
    let in_clear = reasons.iter().cloned().map(|reason| ReviewReason { sealed: None, ..reason }).collect();
    let opened = open_reasons(services, db, user_id, subject, reasons).await;
    Ok(unless_key_is_lost(user_id, opened)?.unwrap_or(in_clear))
}

/// `None` if the data key was lost, as after a restore without the data keys. The archive has the rest.
fn unless_key_is_lost<T>(user_id: UserId, result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::Decryption(error @ VaultError::MissingDataKey(_))) => {
            tracing::warn!(%user_id, %error, "a data export leaves out what cannot be decrypted");
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// A part of the archive that is still to be written.
#[derive(Debug, Clone, Copy)]
enum Part {
    Account,
    Verification,
    /// The picture of the document at this index.
    Document(usize),
    /// The gigs after this one.
    Gigs(GigId),
    /// The picture after this one.
    Images(ImageId),
    End,
}

/// Writes an archive part by part.
struct ArchiveWriter {
    services: Arc<Services>,
    viewer: Viewer,
    record: Option<VerificationRecord>,
    /// Has the bytes that were not sent yet.
    archive: tar::Builder<Vec<u8>>,
    next: Option<Part>,
    _permit: ExportPermit,
}

impl ArchiveWriter {
    /// The next bytes of the archive; `None` at its end.
    async fn next_bytes(mut self) -> Result<Option<(Bytes, Self)>> {
        while let Some(part) = self.next {
            self.next = self.write(part).await?;
            let bytes = take(self.archive.get_mut());
            if !bytes.is_empty() {
                return Ok(Some((bytes.into(), self)));
            }
        }
        Ok(None)
    }

    /// Writes a part, and returns the next one. A client can read slowly, so each part is written only if the session
    /// has not ended: nothing of a user who was erased is sent.
    async fn write(&mut self, part: Part) -> Result<Option<Part>> {
        let (services, user_id) = (Arc::clone(&self.services), self.viewer.id());
        self.viewer = find_viewer(&services, self.viewer.session_id, self.viewer.access_until).await?;
        let db = services.db.read();
        Ok(Some(match part {
            Part::Account => {
                let request = erasure_requests::find(db, user_id).await?;
                self.append_json("account.json", &content::account(&self.viewer, request.as_ref()))?;
                Part::Verification
            }
            Part::Verification => {
                if let Some(record) = &self.record {
                    let consents = consents::find_all(db, &[user_id]).await?;
                    let verification = &record.verification;
                    let subject = SubjectId::Verification(user_id);
                    let reasons = verification.reasons.clone();
                    let reasons = readable_reasons(&services, db, user_id, subject, reasons).await?;
                    let reasons = for_applicant(&reasons, verification.status.is_final_decision());
                    let form = unless_key_is_lost(user_id, forms::decrypt(&services, db, record).await)?;
                    let json =
                        content::verification(&services.limits, record, form.flatten(), &reasons, &consents);
                    self.append_json("verification.json", &json)?;
                }
                Part::Document(0)
            }
            Part::Document(index) => match self.document(index) {
                None => Part::Gigs(GigId::nil()),
                Some(document) => {
                    self.append_document(&document).await?;
                    Part::Document(index + 1)
                }
            },
            Part::Gigs(after) => {
                let page = gigs::find_of_seller(db, user_id, after, GIGS_PER_PART).await?;
                let ids: Vec<_> = page.iter().map(|gig| gig.id).collect();
                let images = images::find_by_gigs(db, &ids).await?;
                for gig in &page {
                    let own = images.iter().filter(|(gig_id, _)| *gig_id == gig.id).map(|(_, image)| image);
                    let (subject, reasons) = (SubjectId::Gig(gig.id), gig.review_reasons.clone());
                    let reasons = readable_reasons(&services, db, user_id, subject, reasons).await?;
                    let category = services.catalogue.find(gig.content.category_id);
                    let json = content::gig(gig, category, &reasons, own);
                    self.append_json(&format!("gigs/{}.json", gig.id.to_public()), &json)?;
                }
                page.last().map_or(Part::Images(ImageId::nil()), |gig| Part::Gigs(gig.id))
            }
            Part::Images(after) => match images::find_of_owner(db, user_id, after, 1).await?.pop() {
                None => Part::End,
                Some(id) => {
                    // An image that was deleted meanwhile is left out.
                    if let Some(image) = services.media.get(id).await.map_err(Error::unavailable)? {
                        self.append(&content::image_path(id), &image)?;
                    }
                    Part::Images(id)
                }
            },
            Part::End => {
                self.archive.finish().map_err(Error::internal)?;
                return Ok(None);
            }
        }))
    }

    fn document(&self, index: usize) -> Option<IdentityDocument> {
        self.record.as_ref()?.verification.documents.get(index).cloned()
    }

    /// Appends the picture of a document. One that was replaced or erased since the archive was begun is left out, and
    /// so is one whose key is lost.
    async fn append_document(&mut self, document: &IdentityDocument) -> Result<()> {
        let key_id = self.record.as_ref().and_then(|record| record.key_of(document.id));
        let blob = self.services.media.get(document.id).await.map_err(Error::unavailable)?;
        let (Some(key_id), Some(blob)) = (key_id, blob) else { return Ok(()) };
        let (services, user_id) = (&self.services, document.user_id);
        let key = data_keys::open(services, services.db.read(), key_id, user_id).await;
        let Some(key) = unless_key_is_lost(user_id, key)? else { return Ok(()) };
        let image = key.decrypt(&document_context(user_id, document.id), &blob)?;
        self.append(&content::document_path(document), &image)
    }

    fn append_json(&mut self, name: &str, json: &Value) -> Result<()> {
        let text = serde_json::to_vec_pretty(json).map_err(Error::internal)?;
        self.append(name, &text)
    }

    fn append(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.services.now().timestamp()).unwrap_or_default());
        self.archive.append_data(&mut header, name, content).map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_user_has_one_archive_at_a_time_and_all_have_a_limited_number() {
        let permits = ExportPermits::default();
        let user = |number| UserId::from_uuid(Uuid::from_u128(number));
        let first = permits.acquire(user(0)).expect("nobody has one");
        assert!(matches!(permits.acquire(user(0)), Err(Error::Overloaded)));
        let others: Vec<_> = (1..EXPORTS_MAX as u128).map(|number| permits.acquire(user(number))).collect();
        assert!(others.iter().all(Result::is_ok));
        assert!(matches!(permits.acquire(user(99)), Err(Error::Overloaded)));
        drop(first);
        permits.acquire(user(0)).expect("the first is finished");
    }
}
