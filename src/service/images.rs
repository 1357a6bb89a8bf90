//! Images of gigs: uploading them, their URLs, and who can see them.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::id::{ImageId, PublicId, UserId};
use crate::domain::image::{GigImage, VARIANTS_VERSION, check_alt_text};
use crate::domain::message::message;
use crate::domain::user::Viewer;
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::media::images::variants::{VariantFormat, VariantKey, Variants, neutral_placeholder};
use crate::media::images::{EncodedImage, InvalidImage, claimed_pixels};
use crate::media::{BlobContent, Media};
use crate::service::fair_queue::QueueLimits;
use crate::service::rate_limit::{RateLimitKey, RateLimitKind};
use crate::service::{Error, Result, Services, UnitOfWork, blobs, image_variants};
use crate::store::images::ImageView;
use crate::store::{DatabaseTime, ReaderKind, images};

/// The minimum lifetime of a signed URL. The maximum is twice as long. The expiry is a multiple of this, so
/// that an image keeps the same URL for a while and browsers can cache it.
const SIGNED_URL_MIN_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// How many images are decoded at the same time, and wait. Each person has one decoding at a time.
pub const DECODE_LIMITS: QueueLimits = QueueLimits { workers: 2, waiting_per_key: 8, waiting: 64 };

/// An upload counts as one for each started number of this many pixels.
const PIXELS_PER_UPLOAD: u64 = 10_000_000;

/// Stores an image that no gig uses yet. It is re-encoded, upright and without metadata, also in smaller widths.
///
/// # Errors
/// `FILE_TOO_LARGE`, `UNSUPPORTED_MEDIA`, `LIMIT_REACHED`, those of the alternative text; those of [`decode`].
pub async fn upload(
    services: &Services,
    viewer: &Viewer,
    file: Bytes,
    alt_text: Option<String>,
) -> Result<GigImage> {
    let mut validator = Validator::default();
    let alt_text = check_alt_text(alt_text, &services.limits.gig, &mut validator);
    // Even if the text is invalid, the file is checked, so that all mistakes are reported at once.
    let decoded = decode_gig_image(services, viewer, file).await;
    let invalid_text = validator.finish().err().unwrap_or_default();
    let (encoded, variants) = match decoded {
        Err(Error::Violations(mut violations)) => {
            violations.extend(invalid_text);
            return Err(violations.into());
        }
        Ok(_) if !invalid_text.is_empty() => return Err(invalid_text.into()),
        decoded => decoded?,
    };
    store(services, viewer.id(), &encoded, &variants, alt_text).await
}

async fn decode_gig_image(
    services: &Services,
    viewer: &Viewer,
    file: Bytes,
) -> Result<(EncodedImage, Variants)> {
    let max = services.limits.gig.image_upload_max_bytes;
    if file.len() > max {
        return Err(file_too_large(max, file.len()).into());
    }
    // Check before the expensive decoding; `store` checks again, with the size of the stored image.
    let stored = images::stored_bytes(services.db.read(), viewer.id()).await?;
    check_quota(services, stored, 1)?;
    decode(services, viewer.id(), file, Media::reencode_gig_image).await
}

/// Decodes an upload with `decode`, and encodes it as it will be stored.
///
/// # Errors
/// `UNSUPPORTED_MEDIA`; [`Error::BudgetExceeded`] if the person has uploaded too many pixels,
/// [`Error::Overloaded`] if too many images wait.
pub(super) async fn decode<T: Send + 'static>(
    services: &Services,
    user_id: UserId,
    file: Bytes,
    decode: fn(&Media, &[u8]) -> std::result::Result<T, InvalidImage>,
) -> Result<T> {
    // The operation was charged for one upload.
    let uploads = claimed_pixels(&file).unwrap_or_default().div_ceil(PIXELS_PER_UPLOAD);
    let more = uploads.saturating_sub(1);
    if more > 0 {
        let key = RateLimitKey::User(user_id);
        services.rate_limiter.charge(RateLimitKind::Upload, key, more, services.now()).await?;
    }
    let media = services.media.clone();
    let decoded = services.decode_queue.run(user_id, move || decode(&media, &file)).await?;
    decoded
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

/// `FILE_TOO_LARGE`: the file has `actual` bytes, which is more than `max`.
pub fn file_too_large(max: usize, actual: usize) -> Violation {
    let message = message!(
        "An image may have at most {max} {unit} ({mebibytes} MiB); it has {actual}.",
        max = max,
        unit = "bytes",
        mebibytes = max >> 20,
        actual = actual
    );
    Violation::at("file", ViolationCode::FileTooLarge, message)
}

/// Stores an encoded image. The blob is recorded before it is written: if the gateway dies meanwhile, the
/// background job that deletes unattached images finds the record.
async fn store(
    services: &Services,
    owner_id: UserId,
    encoded: &EncodedImage,
    variants: &Variants,
    alt_text: Option<String>,
) -> Result<GigImage> {
    let to_i32 = |number: u32| i32::try_from(number).map_err(Error::internal);
    let image = GigImage {
        id: services.new_id(),
        owner_id,
        gig_id: None,
        width: to_i32(encoded.width)?,
        height: to_i32(encoded.height)?,
        byte_size: i32::try_from(encoded.bytes.len()).map_err(Error::internal)?,
        alt_text,
        placeholder: Some(variants.placeholder.clone()),
        variants_version: Some(VARIANTS_VERSION),
    };
    blobs::announce(services, owner_id, image.id).await?;
    let stored = store_announced(services, &image, encoded.bytes.clone(), variants).await;
    if stored.is_err() {
        // This does nothing if the commit succeeded and only its reply was lost.
        blobs::delete_or_log(services, &[image.id.into()]).await;
    }
    stored.map(|()| image)
}

/// Writes the blob, the copies and the row of an image whose blob was announced. The owner stays locked from before the
/// blob is written until the commit: an erasure comes before both, or after both.
async fn store_announced(
    services: &Services,
    image: &GigImage,
    bytes: Bytes,
    variants: &Variants,
) -> Result<()> {
    let work = services.begin_for(image.owner_id).await?;
    require_quota(services, &work, image.owner_id, bytes.len()).await?;
    images::insert(work.tx(), image, services.now()).await?;
    blobs::adopt(&work, image.id).await?;
    services.media.put(image.id, bytes).await.map_err(Error::not_stored)?;
    services.media.put_variants(image.id, variants).await.map_err(Error::not_stored)?;
    work.commit().await
}

/// The signature in the URL of an image that is not public.
#[derive(Debug, Clone)]
pub struct UrlSignature {
    /// Seconds since 1970.
    pub expires: i64,
    pub signature: String,
}

/// Returns the URL of an image for a client that can see it, in the smallest width that is at least `width`, or as it
/// is stored. It is signed unless the image is public.
pub fn image_url(services: &Services, image_view: &ImageView, width: Option<i32>) -> String {
    let image = &image_view.image;
    let id = image.id;
    let name = match width.zip(image.variants()) {
        Some((width, version)) => format!("{}-v{version}-{}", id.to_public(), image.nearest_width(width)),
        None => id.to_public(),
    };
    let plain = format!("{}/media/{name}.jpg", services.public_url);
    if image_view.is_public {
        return plain;
    }
    let lifetime = SIGNED_URL_MIN_LIFETIME.num_seconds();
    let expires = (services.now().timestamp() / lifetime + 2) * lifetime;
    // The signature is one for all widths of the image.
    let signature = services.url_signer.sign(&signed_text(id, expires));
    format!("{plain}?expires={expires}&signature={signature}")
}

/// The placeholder of an image: grey as long as it was not made.
pub fn placeholder(image: &GigImage) -> String {
    let side = |side: i32| u32::try_from(side).unwrap_or(1);
    image.placeholder.clone().unwrap_or_else(|| neutral_placeholder(side(image.width), side(image.height)))
}

fn signed_text(image_id: ImageId, expires: i64) -> String {
    format!("{}?expires={expires}", image_id.to_public())
}

/// An image that a client can see.
#[derive(Debug)]
pub struct VisibleImage {
    pub image: GigImage,
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
    Ok(image_view.map(|ImageView { image, is_public }| VisibleImage { image, is_public }))
}

/// The format of an image that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    Jpeg,
    WebP,
}

/// A file of an image.
pub struct ImageFile {
    pub content: BlobContent,
    pub format: ImageFormat,
    /// The version of the copies that the file is one of; `None` if it is the image as it is stored.
    pub version: Option<i32>,
    /// Whether it is sent in place of a copy that does not exist now, and will soon.
    pub is_substitute: bool,
}

impl ImageFile {
    /// The image as it is stored.
    fn stored(content: BlobContent, is_substitute: bool) -> Self {
        Self { content, format: ImageFormat::Jpeg, version: None, is_substitute }
    }
}

/// Opens the file of an image as it is stored; `None` if it does not exist.
pub async fn open(services: &Services, image: &GigImage) -> Result<Option<ImageFile>> {
    let content = services.media.open(image.id).await.map_err(Error::unavailable)?;
    Ok(content.map(|content| ImageFile::stored(content, false)))
}

/// Opens the file of an image in one of its widths; `None` if it does not have this width, or does not exist. In place of
/// a copy that does not exist now, it opens the JPEG of the same width, or else the image as it is stored.
pub async fn open_width(
    services: &Services,
    image: &GigImage,
    width: i32,
    format: ImageFormat,
) -> Result<Option<ImageFile>> {
    if !image.has_width(width) {
        return Ok(None);
    }
    let mut is_substitute = image.variants().is_none();
    if let Some(version) = image.variants() {
        for (format, key) in copies(image, width, format)? {
            let content = services.media.open_variant(image.id, key).await.map_err(Error::unavailable)?;
            if let Some(content) = content {
                if is_substitute {
                    image_variants::repair_or_log(services, image).await;
                }
                return Ok(Some(ImageFile { content, format, version: Some(version), is_substitute }));
            }
            is_substitute = true;
        }
    }
    let Some(content) = services.media.open(image.id).await.map_err(Error::unavailable)? else {
        return Ok(None);
    };
    if is_substitute {
        image_variants::repair_or_log(services, image).await;
    }
    Ok(Some(ImageFile::stored(content, is_substitute)))
}

/// The copies of an image that can be sent in this width and format, best first.
fn copies(image: &GigImage, width: i32, format: ImageFormat) -> Result<Vec<(ImageFormat, VariantKey)>> {
    let pixels = |side: i32| u32::try_from(side).map_err(Error::internal);
    let (width, full) = (pixels(width)?, pixels(image.width)?);
    let formats: &[_] = match format {
        ImageFormat::WebP => &[(format, VariantFormat::WebP), (ImageFormat::Jpeg, VariantFormat::Jpeg)],
        ImageFormat::Jpeg => &[(format, VariantFormat::Jpeg)],
    };
    let keys = formats.iter().map(|(format, of_copy)| (*format, VariantKey::new(width, full, *of_copy)));
    Ok(keys.filter_map(|(format, key)| key.map(|key| (format, key))).collect())
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
