//! Pictures of gigs: uploading, and who may see them.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::domain::id;
use crate::domain::id::IdKind;
use crate::domain::image::GigImage;
use crate::domain::user::Viewer;
use crate::domain::violation::{Violation, ViolationCode};
use crate::media::BlobKind;
use crate::media::images::Unreadable;
use crate::service::{Error, Result, Services};
use crate::store::images;
use crate::store::images::ImageView;

/// How long the address of a picture that is not public works. It is rounded up to this, so that the same
/// picture keeps the same address for a while and a browser need not fetch it again.
const SIGNED_ADDRESS_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// Stores a picture: re-encoded, upright, without metadata, and of no gig yet.
///
/// # Errors
/// `FILE_TOO_LARGE`, `UNSUPPORTED_MEDIA`.
pub async fn upload(services: &Services, viewer: &Viewer, file: Bytes) -> Result<GigImage> {
    let max = services.limits.gig.image_upload_max_bytes;
    if file.len() > max {
        return Err(too_large(max).into());
    }
    let picture = services.media.reencode(BlobKind::GigImages, file).await.map_err(Error::internal)?;
    let picture = picture.map_err(|unreadable: Unreadable| {
        Violation::at("file", ViolationCode::UnsupportedMedia, unreadable.to_string())
    })?;
    store(services, viewer.id(), picture).await
}

/// The file has more than `max` bytes.
pub fn too_large(max: usize) -> Violation {
    let mebibytes = max / (1024 * 1024);
    let message = format!("A picture may have at most {max} bytes ({mebibytes} MiB).");
    Violation::at("file", ViolationCode::FileTooLarge, message)
}

/// Keeps a picture that is ready. The record comes first: where the blob cannot be written, or the process dies
/// in between, the collector finds the record, which nobody was given, and removes it.
pub(crate) async fn store(
    services: &Services,
    owner_id: Uuid,
    picture: crate::media::images::Picture,
) -> Result<GigImage> {
    let whole = |number: u32| i32::try_from(number).map_err(Error::internal);
    let image = GigImage {
        id: services.new_id(),
        owner_id,
        gig_id: None,
        width: whole(picture.width)?,
        height: whole(picture.height)?,
        byte_size: i32::try_from(picture.bytes.len()).map_err(Error::internal)?,
    };
    let work = services.begin().await?;
    images::insert(work.tx(), &image, services.now()).await?;
    work.commit().await?;
    services.media.put(BlobKind::GigImages, image.id, picture.bytes).await.map_err(Error::internal)?;
    Ok(image)
}

/// What makes an address show a picture that is not public.
#[derive(Debug, Clone)]
pub struct AddressSignature {
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// Where the picture is, for whoever may see it: signed, unless everybody may.
pub fn address(services: &Services, seen: &ImageView) -> String {
    let id = seen.image.id;
    let plain = format!("{}/media/{}.jpg", services.public_url, id::encode(IdKind::GigImage, id));
    if seen.public {
        return plain;
    }
    let lifetime = SIGNED_ADDRESS_LIFETIME.num_seconds();
    let expires = (services.now().timestamp() / lifetime + 2) * lifetime;
    let signature = services.secrets.sign(&signed_text(id, expires));
    format!("{plain}?expires={expires}&signature={signature}")
}

fn signed_text(image_id: Uuid, expires: i64) -> String {
    format!("{}?expires={expires}", id::encode(IdKind::GigImage, image_id))
}

/// A picture to be sent.
#[derive(Debug)]
pub struct Shown {
    pub bytes: Bytes,
    /// Everybody may see it, and every cache may keep it.
    pub public: bool,
}

/// The picture, for whoever may see it: everybody while its gig is ACTIVE, else its owner, reviewers, and
/// whoever has a signed address.
///
/// # Errors
/// Where the database or the blobs are away; `None` where there is no such picture for the viewer.
pub async fn show(
    services: &Services,
    viewer: Option<&Viewer>,
    image_id: Uuid,
    signature: Option<&AddressSignature>,
) -> Result<Option<Shown>> {
    let db = services.db.read();
    let signed = signature.is_some_and(|given| is_valid(services, image_id, given, services.now()));
    let seen = if signed {
        images::find_all(db, &[image_id]).await?
    } else {
        images::find_all_visible(db, viewer, &[image_id]).await?
    };
    let Some(seen) = seen.into_iter().next() else { return Ok(None) };
    let bytes = services.media.get(BlobKind::GigImages, image_id).await.map_err(Error::internal)?;
    Ok(bytes.map(|bytes| Shown { bytes, public: seen.public }))
}

fn is_valid(services: &Services, image_id: Uuid, given: &AddressSignature, now: DateTime<Utc>) -> bool {
    now.timestamp() < given.expires
        && services.secrets.is_signed(&signed_text(image_id, given.expires), &given.signature)
}
