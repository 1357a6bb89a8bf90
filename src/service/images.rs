//! Images of gigs: uploading them, their URLs, and who can see them.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::id::{ImageId, PublicId, UserId};
use crate::domain::image::GigImage;
use crate::domain::message::message;
use crate::domain::user::Viewer;
use crate::domain::violation::{Violation, ViolationCode};
use crate::media::images::{EncodedImage, claimed_pixels};
use crate::media::{BlobContent, BlobKind};
use crate::service::fair_queue::QueueLimits;
use crate::service::rate_limit::{RateLimitKey, RateLimitKind};
use crate::service::{Error, Result, Services, UnitOfWork, blobs};
use crate::store::images::ImageView;
use crate::store::{DatabaseTime, ReaderKind, images};

/// The minimum lifetime of a signed URL. The maximum is twice as long. The expiry is a multiple of this, so
/// that an image keeps the same URL for a while and browsers can cache it.
const SIGNED_URL_MIN_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// How many images are decoded at the same time, and wait. Each person has one decoding at a time.
pub const DECODE_LIMITS: QueueLimits = QueueLimits { workers: 2, waiting_per_key: 8, waiting: 64 };

/// An upload counts as one for each started number of this many pixels.
const PIXELS_PER_UPLOAD: u64 = 10_000_000;

/// Stores an image that no gig uses yet. It is re-encoded, upright and without metadata.
///
/// # Errors
/// `FILE_TOO_LARGE`, `UNSUPPORTED_MEDIA`, `LIMIT_REACHED`; those of [`decode`].
pub async fn upload(services: &Services, viewer: &Viewer, file: Bytes) -> Result<GigImage> {
    let max = services.limits.gig.image_upload_max_bytes;
    if file.len() > max {
        return Err(file_too_large(max).into());
    }
    // Check before the expensive decoding; `store` checks again, with the size of the stored image.
    let stored = images::stored_bytes(services.db.read(), viewer.id()).await?;
    check_quota(services, stored, 1)?;
    let encoded = decode(services, viewer.id(), BlobKind::GigImages, file).await?;
    store(services, viewer.id(), encoded).await
}

/// Decodes an upload, and encodes it as it will be stored.
///
/// # Errors
/// `UNSUPPORTED_MEDIA`; [`Error::BudgetExceeded`] if the person has uploaded too many pixels,
/// [`Error::Overloaded`] if too many images wait.
pub(super) async fn decode(
    services: &Services,
    user_id: UserId,
    kind: BlobKind,
    file: Bytes,
) -> Result<EncodedImage> {
    // The operation was charged for one upload.
    let uploads = claimed_pixels(&file).unwrap_or_default().div_ceil(PIXELS_PER_UPLOAD);
    let more = uploads.saturating_sub(1);
    if more > 0 {
        let key = RateLimitKey::User(user_id);
        services.rate_limiter.charge(RateLimitKind::Upload, key, more, services.now()).await?;
    }
    let media = services.media.clone();
    let encoded = services.decode_queue.run(user_id, move || media.reencode(kind, &file)).await?;
    encoded
        .map_err(|invalid| Violation::at("file", ViolationCode::UnsupportedMedia, invalid.message()).into())
}

/// `LIMIT_REACHED`: with `added` more bytes, the images of the person would exceed the quota.
fn check_quota(services: &Services, stored: u64, added: u64) -> Result<()> {
    let max = services.limits.account.stored_bytes_max;
    if stored.saturating_add(added) <= max {
        return Ok(());
    }
    let message = message!(
        "All of your images together may have at most {max} {unit} ({mebibytes} MiB); they have {actual}. Remove \
         images from your gigs: what no gig uses is deleted after a day.",
        max = max,
        unit = "bytes",
        mebibytes = max >> 20,
        actual = stored
    );
    Err(Violation::at("file", ViolationCode::LimitReached, message).into())
}

/// Checks the quota. The caller has locked the owner.
async fn require_quota(
    services: &Services,
    work: &UnitOfWork<'_>,
    owner_id: UserId,
    added: usize,
) -> Result<()> {
    let stored = images::stored_bytes(work.tx(), owner_id).await?;
    check_quota(services, stored, added as u64)
}

/// `FILE_TOO_LARGE`: the file has more than `max` bytes.
pub fn file_too_large(max: usize) -> Violation {
    let message = message!(
        "An image may have at most {max} {unit} ({mebibytes} MiB).",
        max = max,
        unit = "bytes",
        mebibytes = max >> 20
    );
    Violation::at("file", ViolationCode::FileTooLarge, message)
}

/// Stores an encoded image. The blob is recorded before it is written: if the gateway dies meanwhile, the
/// background job that deletes unattached images finds the record.
pub(crate) async fn store(services: &Services, owner_id: UserId, encoded: EncodedImage) -> Result<GigImage> {
    let to_i32 = |number: u32| i32::try_from(number).map_err(Error::internal);
    let image = GigImage {
        id: services.new_id(),
        owner_id,
        gig_id: None,
        width: to_i32(encoded.width)?,
        height: to_i32(encoded.height)?,
        byte_size: i32::try_from(encoded.bytes.len()).map_err(Error::internal)?,
    };
    blobs::announce(services, owner_id, image.id).await?;
    let stored = store_announced(services, &image, encoded.bytes).await;
    if stored.is_err() {
        // This does nothing if the commit succeeded and only its reply was lost.
        blobs::delete_or_log(services, &[image.id.into()]).await;
    }
    stored.map(|()| image)
}

/// Writes the blob and the row of an image whose blob was announced. The owner stays locked from before the
/// blob is written until the commit: an erasure comes before both, or after both.
async fn store_announced(services: &Services, image: &GigImage, bytes: Bytes) -> Result<()> {
    let work = services.begin_for(image.owner_id).await?;
    require_quota(services, &work, image.owner_id, bytes.len()).await?;
    images::insert(work.tx(), image, services.now()).await?;
    blobs::adopt(&work, image.id).await?;
    services.media.put(image.id, bytes).await.map_err(Error::not_stored)?;
    work.commit().await
}

/// The signature in the URL of an image that is not public.
#[derive(Debug, Clone)]
pub struct UrlSignature {
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// Returns the URL of an image for a client that can see it. It is signed unless the image is public.
pub fn image_url(services: &Services, image_view: &ImageView) -> String {
    let id = image_view.image.id;
    let plain = format!("{}/media/{}.jpg", services.public_url, id.to_public());
    if image_view.is_public {
        return plain;
    }
    let lifetime = SIGNED_URL_MIN_LIFETIME.num_seconds();
    let expires = (services.now().timestamp() / lifetime + 2) * lifetime;
    let signature = services.url_signer.sign(&signed_text(id, expires));
    format!("{plain}?expires={expires}&signature={signature}")
}

fn signed_text(image_id: ImageId, expires: i64) -> String {
    format!("{}?expires={expires}", image_id.to_public())
}

/// An image that a client can see.
#[derive(Debug)]
pub struct VisibleImage {
    id: ImageId,
    /// Whether everybody can see it, and shared caches can store it.
    pub is_public: bool,
}

/// Finds an image. Returns `None` if it does not exist or the client cannot see it. While its gig is ACTIVE,
/// everybody can see it; otherwise its owner, reviewers, and clients with a signed URL.
pub async fn find(
    services: &Services,
    viewer: Option<&Viewer>,
    image_id: ImageId,
    signature: Option<&UrlSignature>,
) -> Result<Option<VisibleImage>> {
    let kind = if viewer.is_some() { ReaderKind::SignedIn } else { ReaderKind::Anonymous };
    let db = &services.db.reader(kind, DatabaseTime::default());
    let is_signed =
        signature.is_some_and(|url_signature| is_valid(services, image_id, url_signature, services.now()));
    let image_view = if is_signed {
        images::find_all(db, &[image_id]).await?
    } else {
        images::find_all_visible(db, viewer, &[image_id]).await?
    };
    let image_view = image_view.into_iter().next();
    Ok(image_view.map(|image_view| VisibleImage { id: image_id, is_public: image_view.is_public }))
}

/// Opens the file of an image; `None` if it was deleted meanwhile.
pub async fn open(services: &Services, image: &VisibleImage) -> Result<Option<BlobContent>> {
    services.media.open(image.id).await.map_err(Error::unavailable)
}

fn is_valid(
    services: &Services,
    image_id: ImageId,
    url_signature: &UrlSignature,
    now: DateTime<Utc>,
) -> bool {
    now.timestamp() < url_signature.expires
        && services
            .url_signer
            .is_valid(&signed_text(image_id, url_signature.expires), &url_signature.signature)
}
