//! Decoding of uploaded images, and encoding of the images that are stored.
//!
//! The uploaded file itself is never stored: its pixels are decoded, converted to sRGB, turned upright and encoded
//! again. So what is served is always a JPEG of limited size, without location, comments, previews or anything else
//! that a file can contain.
//!
//! `container` checks a file before a decoder reads it: a header of a few bytes can claim gigapixels. `decode` decodes
//! it, about as large as it will be stored. `color` converts it.
//!
//! All of this is CPU-bound; call it on a blocking thread.

mod color;
mod container;
mod decode;
mod exif;
mod invalid_image;
pub mod perceptual;
pub mod quality;
mod raster;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
pub mod variants;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use image::{DynamicImage, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use self::raster::fit;
use crate::domain::picture_quality::PictureQuality;

pub use crate::media::images::invalid_image::InvalidImage;
use crate::media::images::perceptual::Preview;

/// JPEG qualities to try, best first. Below the last one, a smaller image looks better than a coarser one.
const QUALITIES: [u8; 6] = [85, 78, 70, 60, 50, 40];

/// The longest side of a JPEG.
const JPEG_MAX_SIDE: u32 = 65_535;

/// Everything except pixels, such as profiles and texts, may take one eighth of the decoding memory.
const NON_PIXEL_DIVISOR: u64 = 8;

/// Limits of an image as it is uploaded and as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub max_input_pixels: u64,
    pub max_input_side: u32,
    /// Memory for the decoded pixels and for the working memory of the decoder.
    pub max_decode_bytes: u64,
    pub stored_max_side: u32,
    pub stored_max_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            // Sensors of 108 megapixels write up to 12,032 x 9,024.
            max_input_pixels: 110_000_000,
            max_input_side: 32_768,
            max_decode_bytes: 256 * 1024 * 1024,
            stored_max_side: 2048,
            stored_max_bytes: 1024 * 1024,
        }
    }
}

impl Bounds {
    /// Checks that an image of this size can be decoded.
    fn check_size(&self, width: u32, height: u32) -> Result<(), InvalidImage> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            Err(InvalidImage::Empty)
        } else if width.max(height) > self.max_input_side {
            let max = self.max_input_side;
            Err(InvalidImage::SideTooLong { max, width, height })
        } else if pixels > self.max_input_pixels {
            let max = self.max_input_pixels;
            Err(InvalidImage::TooManyPixels { max, pixels })
        } else {
            Ok(())
        }
    }

    fn too_much_memory(&self) -> InvalidImage {
        InvalidImage::TooMuchMemory { max: self.max_decode_bytes }
    }
}

/// An image to store: a JPEG, upright, without metadata.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    pub bytes: Bytes,
    pub width: u32,
    pub height: u32,
}

/// Decodes an uploaded file and encodes it as it will be stored. What follows the image in the file is ignored.
///
/// # Errors
/// The file does not begin with a complete JPEG, PNG or WebP within `bounds`, or it is damaged.
pub fn reencode(input: &[u8], bounds: &Bounds) -> Result<EncodedImage, InvalidImage> {
    let (encoded, _) = encode_within(decode_upload(input, bounds)?, bounds)?;
    Ok(encoded)
}

/// A picture of an identity document to store, and what was seen in it.
#[derive(Debug)]
pub struct EncodedDocument {
    pub image: EncodedImage,
    /// By which the picture can be recognized.
    pub preview: Preview,
    pub quality: PictureQuality,
}

/// Decodes and encodes a file as [`reencode`] does, makes a preview of it, and measures its quality.
///
/// # Errors
/// Those of [`reencode`].
pub fn reencode_document(input: &[u8], bounds: &Bounds) -> Result<EncodedDocument, InvalidImage> {
    let (image, pixels) = encode_within(decode_upload(input, bounds)?, bounds)?;
    let preview = Preview::of(&pixels).ok_or(InvalidImage::Empty)?;
    Ok(EncodedDocument { image, preview, quality: quality::measure(&pixels) })
}

/// Decodes a file: the pixels as they will be stored.
fn decode_upload(input: &[u8], bounds: &Bounds) -> Result<RgbImage, InvalidImage> {
    let file = container::inspect(input, bounds)?;
    // Some damaged files make a decoder panic (image-webp 0.2.4: frames; png 0.18.1: palettes).
    let decoded = catch_unwind(AssertUnwindSafe(|| decode_to_fit(&file, bounds)));
    decoded.unwrap_or(Err(InvalidImage::Damaged))
}

/// The pixels as they will be stored: no larger than allowed, in sRGB, upright.
fn decode_to_fit(file: &container::FileInfo, bounds: &Bounds) -> Result<RgbImage, InvalidImage> {
    let decode::Decoded { raster, size, profile, orientation } = decode::decode(file, bounds)?;
    let (width, height) = fit(size, bounds.stored_max_side);
    let is_larger = raster.size().0 > width || raster.size().1 > height;
    let raster = if is_larger { raster.resized(width, height) } else { raster };
    // Converting and rotating after shrinking gives the same result, and is far cheaper.
    let mut upright = DynamicImage::ImageRgb8(color::to_srgb(raster, profile.as_ref()));
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

/// The number of pixels that the header of an upload claims; `None` if it is not an image. Reads only the
/// header, and checks nothing else.
pub fn claimed_pixels(input: &[u8]) -> Option<u64> {
    // Some damaged files make a decoder panic.
    let (width, height) = catch_unwind(|| container::claimed_size(input)).ok()??;
    Some(u64::from(width) * u64::from(height))
}

/// Encodes pixels as they will be stored: with no side above `stored_max_side`, and in the best quality that
/// fits into `stored_max_bytes`. If none fits, the image is made smaller.
///
/// # Errors
/// There are no pixels, or not even one pixel fits into `stored_max_bytes`.
pub fn encode(pixels: &RgbImage, bounds: &Bounds) -> Result<EncodedImage, InvalidImage> {
    let (encoded, _) = encode_within(pixels.clone(), bounds)?;
    Ok(encoded)
}

/// Encodes pixels as [`encode`] does. Also returns the pixels that were encoded.
fn encode_within(mut pixels: RgbImage, bounds: &Bounds) -> Result<(EncodedImage, RgbImage), InvalidImage> {
    if pixels.is_empty() {
        return Err(InvalidImage::Empty);
    }
    if let Some(smaller) = shrink(&pixels, bounds.stored_max_side) {
        pixels = smaller;
    }
    let encode = |pixels: &RgbImage, quality| encode_jpeg(pixels, quality, SamplingFactor::F_1_1);
    let (encoded, smaller) = encode_to(&pixels, bounds.stored_max_bytes, &QUALITIES, encode)?;
    Ok((encoded, smaller.unwrap_or(pixels)))
}

/// Encodes pixels in the first of the qualities with which they have at most `max_bytes`. If none fits, they are made
/// smaller, and returned, too.
fn encode_to(
    pixels: &RgbImage,
    max_bytes: usize,
    qualities: &[u8],
    encode: impl Fn(&RgbImage, u8) -> Vec<u8>,
) -> Result<(EncodedImage, Option<RgbImage>), InvalidImage> {
    let mut smaller: Option<RgbImage> = None;
    loop {
        let current = smaller.as_ref().unwrap_or(pixels);
        let (width, height) = current.dimensions();
        for quality in qualities {
            let bytes = encode(current, *quality);
            if bytes.len() <= max_bytes {
                return Ok((EncodedImage { bytes: bytes.into(), width, height }, smaller));
            }
        }
        let too_many = InvalidImage::TooManyBytes { max: max_bytes };
        smaller = Some(shrink(current, width.max(height) / 2).ok_or(too_many)?);
    }
}

fn encode_jpeg(pixels: &RgbImage, quality: u8, sampling: SamplingFactor) -> Vec<u8> {
    let side = |side: u32| u16::try_from(side).expect("the sides are within those of JPEG");
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, quality);
    encoder.set_sampling_factor(sampling);
    encoder
        .encode(pixels.as_raw(), side(pixels.width()), side(pixels.height()), ColorType::Rgb)
        .expect("there are pixels, and writing to a vector cannot fail");
    jpeg
}

/// The image with no side above `max_side`; `None` if it has none, or if not even one pixel is allowed.
fn shrink(pixels: &RgbImage, max_side: u32) -> Option<RgbImage> {
    let size = fit(pixels.dimensions(), max_side.min(JPEG_MAX_SIDE));
    (max_side > 0 && size != pixels.dimensions()).then(|| resized(pixels, size))
}

/// The image in another size.
fn resized(pixels: &RgbImage, size: (u32, u32)) -> RgbImage {
    let resized = raster::resize_rgb(pixels.as_raw(), pixels.dimensions(), size);
    RgbImage::from_raw(size.0, size.1, resized).expect("there are three bytes for each pixel")
}
