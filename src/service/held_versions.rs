//! Keeps what people under a legal hold replace or delete, until the hold is lifted (docs/adr/0041).
//!
//! The caller has locked the user, as whoever sets or lifts a hold does.

use crate::domain::blob::BlobId;
use crate::domain::gig::{Gig, GigContent};
use crate::domain::held_version::{HeldContent, HeldGig, HeldVersion};
use crate::domain::id::{ImageId, UserId};
use crate::domain::image::GigImage;
use crate::domain::verification::IdentityDocument;
use crate::service::{Result, Services, UnitOfWork, blobs, data_keys};
use crate::store::verifications::VerificationRecord;
use crate::store::{held_versions, images, picture_signatures, users, verifications};

/// Keeps something that the user replaces or deletes.
async fn keep(
    services: &Services,
    work: &UnitOfWork<'_>,
    user_id: UserId,
    content: HeldContent,
) -> Result<()> {
    let held = HeldVersion { id: services.new_id(), user_id, content, replaced_at: services.now() };
    Ok(held_versions::insert(work.tx(), &held).await?)
}

/// Keeps the form of a verification, if there is one and its user is under a legal hold.
pub(super) async fn keep_form(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &VerificationRecord,
) -> Result<()> {
    let user_id = record.verification.user_id;
    let (Some(key), Some(form)) = (record.key, &record.personal_info) else { return Ok(()) };
    if !users::has_legal_hold(work.tx(), user_id).await? {
        return Ok(());
    }
    let content = HeldContent::PersonalInfo { key, sealed: form.bytes.clone(), version: form.version };
    keep(services, work, user_id, content).await
}

/// Keeps images of identity documents that are replaced, if their user is under a legal hold. Returns the blobs that
/// are to be deleted.
pub(super) async fn keep_documents(
    services: &Services,
    work: &UnitOfWork<'_>,
    record: &VerificationRecord,
    replaced: &[IdentityDocument],
) -> Result<Vec<BlobId>> {
    let user_id = record.verification.user_id;
    if replaced.is_empty() || !users::has_legal_hold(work.tx(), user_id).await? {
        return Ok(replaced.iter().map(|document| document.id.into()).collect());
    }
    let ids: Vec<_> = replaced.iter().map(|document| document.id).collect();
    // Nothing is compared with what was replaced.
    picture_signatures::delete_all(work.tx(), &ids).await?;
    for document in replaced {
        // An earlier version has encrypted it with the key of the form.
        if let Some(key) = document.key.or(record.key) {
            let content = HeldContent::IdentityDocument { id: document.id, key };
            keep(services, work, user_id, content).await?;
        }
    }
    Ok(Vec::new())
}

/// Keeps the content that a gig had, if it is another one now and its seller is under a legal hold. `images` are those
/// that the gig gets; `None` if they stay.
pub(super) async fn keep_gig(
    services: &Services,
    work: &UnitOfWork<'_>,
    gig: &Gig,
    before: &GigContent,
    images: Option<&[ImageId]>,
) -> Result<()> {
    if !users::has_legal_hold(work.tx(), gig.seller_id).await? {
        return Ok(());
    }
    let had = images::find_by_gigs(work.tx(), &[gig.id]).await?;
    let had: Vec<_> = had.into_iter().map(|(_, image)| image.id).collect();
    if *before == gig.content && images.is_none_or(|images| *images == *had) {
        return Ok(());
    }
    let content = HeldContent::Gig { id: gig.id, content: HeldGig::new(before, had) };
    keep(services, work, gig.seller_id, content).await
}

/// Keeps an image that no gig uses any more, if its owner is under a legal hold. Returns the blobs that are to be
/// deleted.
pub(super) async fn keep_image(
    services: &Services,
    work: &UnitOfWork<'_>,
    image: GigImage,
) -> Result<Vec<BlobId>> {
    let GigImage { id, owner_id, alt_text, .. } = image;
    if !users::has_legal_hold(work.tx(), owner_id).await? {
        return Ok(vec![id.into()]);
    }
    keep(services, work, owner_id, HeldContent::GigImage { id, alt_text }).await?;
    Ok(Vec::new())
}

/// Deletes what was held of the user. Returns the blobs to delete after the commit; call
/// [`data_keys::delete_discarded`] then, too.
pub(super) async fn collect(
    services: &Services,
    work: &UnitOfWork<'_>,
    user_id: UserId,
) -> Result<Vec<BlobId>> {
    let held = held_versions::find_of_user(work.tx(), user_id).await?;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    held_versions::delete_of_user(work.tx(), user_id).await?;
    let discarded: Vec<_> = held.iter().filter_map(|held| held.content.blob()).collect();
    blobs::discard(services, work, user_id, &discarded).await?;
    let record = verifications::find(work.tx(), user_id).await?;
    let in_use = record.map(|record| record.all_keys()).unwrap_or_default();
    let mut keys: Vec<_> = held.iter().filter_map(|held| held.content.key()).collect();
    keys.retain(|key| !in_use.contains(key));
    data_keys::discard(services, work, &keys).await?;
    Ok(discarded)
}
