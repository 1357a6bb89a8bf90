//! Decoding of uploaded images, and encoding of the images that are stored.
//!
//! The uploaded file itself is never stored: its pixels are decoded, turned upright and encoded again. So
//! what is served is always a JPEG of limited size, without location, comments, previews or anything else
//! that a file can contain. Colour profiles are dropped too: every image is shown as sRGB, which nearly all
//! of them are.
//!
//! `container` checks a file before a decoder reads it: a header of a few bytes can claim gigapixels, and a
//! file can be an image and something else at the same time.
//!
//! All of this is CPU-bound; call it on a blocking thread.

mod container;
mod invalid_image;
#[cfg(test)]
mod samples;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageReader, Limits, RgbImage};

pub use crate::media::images::invalid_image::InvalidImage;

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
            max_input_pixels: 50_000_000,
            max_input_side: 16_384,
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

/// Decodes an uploaded file and encodes it as it will be stored.
///
/// # Errors
/// The file is not exactly one complete JPEG, PNG or WebP within `bounds`, or it is damaged.
pub fn reencode(input: &[u8], bounds: &Bounds) -> Result<EncodedImage, InvalidImage> {
    let info = container::inspect(input, bounds)?;
    // Some damaged files make a decoder panic (image-webp 0.2.4: frames; png 0.18.1: palettes).
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(input, info, bounds)));
    let (image, orientation) = decoded.unwrap_or(Err(InvalidImage::Damaged))?;
    // Rotating after shrinking gives the same result, and is far cheaper.
    let mut upright = shrink_to_fit(image, bounds.stored_max_side);
    upright.apply_orientation(orientation);
    encode_within(upright, bounds)
}

/// The number of pixels that the header of an upload claims; `None` if it is not an image. Reads only the
/// header, and checks nothing else.
pub fn claimed_pixels(input: &[u8]) -> Option<u64> {
    let read = || ImageReader::new(Cursor::new(input)).with_guessed_format().ok()?.into_dimensions().ok();
    // Some damaged files make a decoder panic.
    let (width, height) = catch_unwind(read).ok()??;
    Some(u64::from(width) * u64::from(height))
}

/// Encodes pixels as they will be stored: with no side above `stored_max_side`, and in the best quality that
/// fits into `stored_max_bytes`. If none fits, the image is made smaller.
///
/// # Errors
/// There are no pixels, or not even one pixel fits into `stored_max_bytes`.
pub fn encode(pixels: &RgbImage, bounds: &Bounds) -> Result<EncodedImage, InvalidImage> {
    if pixels.is_empty() {
        return Err(InvalidImage::Empty);
    }
    encode_within(DynamicImage::ImageRgb8(pixels.clone()), bounds)
}

fn encode_within(mut image: DynamicImage, bounds: &Bounds) -> Result<EncodedImage, InvalidImage> {
    let mut max_side = bounds.stored_max_side;
    loop {
        image = shrink_to_fit(image, max_side);
        let (width, height) = image.dimensions();
        let pixels = image.into_rgb8();
        for quality in QUALITIES {
            let jpeg = encode_jpeg(&pixels, quality);
            if jpeg.len() <= bounds.stored_max_bytes {
                return Ok(EncodedImage { bytes: jpeg.into(), width, height });
            }
        }
        let longest = width.max(height);
        if longest == 1 {
            return Err(InvalidImage::TooManyBytes { max: bounds.stored_max_bytes });
        }
        max_side = longest / 2;
        image = DynamicImage::ImageRgb8(pixels);
    }
}

fn encode_jpeg(pixels: &RgbImage, quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode_image(pixels)
        .expect("the sides are within those of JPEG, and writing to a vector cannot fail");
    jpeg
}

/// The pixels, on white if transparent, and the orientation to apply.
fn decode(
    input: &[u8],
    info: container::FileInfo,
    bounds: &Bounds,
) -> Result<(DynamicImage, Orientation), InvalidImage> {
    let to_invalid_image = |error: ImageError| match error {
        ImageError::Limits(_) => bounds.too_much_memory(),
        ImageError::Unsupported(_) => InvalidImage::Unsupported,
        _ => InvalidImage::Damaged,
    };
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(bounds.max_input_side);
    limits.max_image_height = Some(bounds.max_input_side);
    limits.max_alloc = Some(bounds.max_decode_bytes / NON_PIXEL_DIVISOR);
    let mut reader = ImageReader::with_format(Cursor::new(input), info.format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(to_invalid_image)?;

    // The decoder may have found another size than `container`, so check it again.
    let (width, height) = decoder.dimensions();
    bounds.check_size(width, height)?;
    let scratch = (u64::from(width) * u64::from(height)).saturating_mul(info.scratch_bytes_per_pixel);
    if decoder.total_bytes().saturating_add(scratch) > bounds.max_decode_bytes {
        return Err(bounds.too_much_memory());
    }
    // If the metadata is invalid, the image is not rotated.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(to_invalid_image)?;
    Ok((flatten_onto_white(image), orientation))
}

/// Replaces transparency, which JPEG does not have, by a white background.
fn flatten_onto_white(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return image.into_rgb8().into();
    }
    let image = image.into_rgba8();
    let mut flat = RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        let [colors @ .., alpha] = from.0;
        let alpha = u16::from(alpha);
        to.0 = colors.map(|color| {
            let mixed = u16::from(color) * alpha + 255 * (255 - alpha);
            u8::try_from((mixed + 127) / 255).unwrap_or(u8::MAX)
        });
    }
    flat.into()
}

/// The image, shrunk if a side is longer than `max_side`.
fn shrink_to_fit(image: DynamicImage, max_side: u32) -> DynamicImage {
    let max_side = max_side.clamp(1, JPEG_MAX_SIDE);
    let (width, height) = image.dimensions();
    let longest = width.max(height);
    if longest <= max_side {
        return image;
    }
    // CatmullRom gives good quality, but needs 16 bytes per pixel after its first pass. Averaging whole
    // blocks before it saves most of this memory and time.
    let block = (longest / max_side).min(64);
    let coarse =
        if block == 1 { image } else { image.thumbnail_exact(width.div_ceil(block), height.div_ceil(block)) };
    let scaled = |side: u32| {
        let rounded = u64::from(side) * u64::from(max_side) + u64::from(longest) / 2;
        let side = u32::try_from(rounded / u64::from(longest));
        side.expect("no side is longer than the longest").max(1)
    };
    coarse.resize_exact(scaled(width), scaled(height), FilterType::CatmullRom)
}

#[cfg(test)]
mod tests {
    use image::{GrayAlphaImage, ImageFormat, Luma, LumaA, Rgb, Rgba, RgbaImage};

    use super::*;
    use crate::media::images::samples::{
        BLUE, LOSSY_WEBP, RED, file, grey_jpeg, jpeg_segment, noise, png_chunk, sample, webp_chunk,
        webp_extended,
    };

    /// The pixels of the stored image.
    fn stored(file: &[u8]) -> RgbImage {
        let image = reencode(file, &Bounds::default()).unwrap();
        let shown = image::load_from_memory_with_format(&image.bytes, ImageFormat::Jpeg).unwrap();
        assert_eq!(shown.dimensions(), (image.width, image.height));
        shown.into_rgb8()
    }

    #[track_caller]
    fn assert_shows(image: &RgbImage, x: u32, y: u32, color: [u8; 3]) {
        let shown = image.get_pixel(x, y).0;
        let near = shown.iter().zip(color).all(|(shown, color)| shown.abs_diff(color) < 12);
        assert!(near, "{shown:?} is not {color:?}");
    }

    #[test]
    fn the_header_tells_the_number_of_pixels() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            assert_eq!(claimed_pixels(&sample(format)), Some(40 * 24), "{format:?}");
        }
        assert_eq!(claimed_pixels(b"text"), None);
    }

    #[test]
    fn every_format_is_stored_as_the_same_image() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let shown = stored(&sample(format));
            assert_eq!(shown.dimensions(), (40, 24));
            assert_shows(&shown, 4, 4, RED);
            assert_shows(&shown, 36, 20, BLUE);
        }
        assert_shows(&stored(LOSSY_WEBP), 0, 0, [255, 0, 0]);
        assert_eq!(stored(&grey_jpeg(0xC2, 8, 3)).dimensions(), (8, 8));
    }

    #[test]
    fn images_are_turned_upright_and_lose_their_metadata() {
        let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0 SECRET 52N 13E";
        let mut jpeg = sample(ImageFormat::Jpeg);
        let app1 = jpeg_segment(0xE1, &[b"Exif\0\0", &exif[..]].concat());
        jpeg.splice(2..2, [app1, jpeg_segment(0xFE, b"SECRET")].concat());
        let mut png = sample(ImageFormat::Png);
        let text = png_chunk(b"tEXt", b"Comment\0SECRET");
        png.splice(33..33, [png_chunk(b"eXIf", exif), text].concat());
        let image = sample(ImageFormat::WebP)[12..].to_vec();
        let mut webp = webp_extended(0x08, 40, &[image, webp_chunk(b"EXIF", exif)]);
        webp[27] = 23;

        for file in [jpeg, png, webp] {
            let shown = stored(&file);
            assert_eq!(shown.dimensions(), (24, 40));
            assert_shows(&shown, 4, 4, RED);
            assert_shows(&shown, 4, 36, BLUE);
            let bytes = reencode(&file, &Bounds::default()).unwrap().bytes;
            let contains = |bytes: &[u8], word| bytes.windows(6).any(|window| window == word);
            assert!(contains(&file, b"SECRET"));
            assert!(!contains(&bytes, b"SECRET") && !contains(&bytes, b"Exif\0\0"));
        }
    }

    #[test]
    fn every_kind_of_pixel_becomes_rgb_on_white() {
        let half = RgbaImage::from_pixel(9, 9, Rgba([0, 0, 255, 128]));
        let clear = GrayAlphaImage::from_pixel(9, 9, LumaA([0, 0]));
        let deep = image::ImageBuffer::from_pixel(9, 9, Luma([0x4000_u16]));
        // One pixel of one bit, the second of two colours. Its data is stored without compression.
        let header = [0, 0, 0, 1, 0, 0, 0, 1, 1, 3, 0, 0, 0];
        let data = b"\x78\x01\x01\x02\0\xFD\xFF\0\x80\0\x82\0\x81";
        let indexed = [
            &b"\x89PNG\r\n\x1a\n"[..],
            &png_chunk(b"IHDR", &header),
            &png_chunk(b"PLTE", &[9, 9, 9, 200, 100, 50]),
            &png_chunk(b"IDAT", data),
            &png_chunk(b"IEND", b""),
        ]
        .concat();
        for (file, color) in [
            (file(half.clone(), ImageFormat::Png), [127, 127, 255]),
            (file(half, ImageFormat::WebP), [127, 127, 255]),
            (file(clear, ImageFormat::Png), [255; 3]),
            (file(deep, ImageFormat::Png), [0x40; 3]),
            (indexed, [200, 100, 50]),
            // Four inks (CMYK), each at half strength.
            (grey_jpeg(0xC0, 8, 4), [64; 3]),
        ] {
            assert_shows(&stored(&file), 0, 0, color);
        }
    }

    #[test]
    fn images_are_shrunk_to_the_longest_side_and_never_enlarged() {
        let bounds = Bounds { stored_max_side: 100, ..Bounds::default() };
        for (from, to) in [
            ((100, 60), (100, 60)),
            ((7, 3), (7, 3)),
            ((150, 100), (100, 67)),
            ((90, 1000), (9, 100)),
            ((1, 4000), (1, 100)),
        ] {
            let image = encode(&RgbImage::new(from.0, from.1), &bounds).unwrap();
            assert_eq!((image.width, image.height), to);
        }
    }

    #[test]
    fn an_image_of_too_many_bytes_loses_quality_and_then_size() {
        let mut noise = noise(1);
        let noise = RgbImage::from_fn(3000, 3000, |_, _| {
            let [r, g, b, ..] = noise().to_le_bytes();
            Rgb([r, g, b])
        });
        let bounds = Bounds::default();
        let image = encode(&noise, &bounds).unwrap();
        assert!(image.bytes.len() <= bounds.stored_max_bytes);
        assert_eq!((image.width, image.height), (1024, 1024));
        let bounds = Bounds { stored_max_bytes: 10, ..bounds };
        let few = RgbImage::new(40, 24);
        let least =
            Bounds { stored_max_bytes: encode_jpeg(&RgbImage::new(1, 1), QUALITIES[0]).len(), ..bounds };
        let image = encode(&few, &least).unwrap();
        assert_eq!((image.width, image.height), (5, 3));
        assert_eq!(encode(&few, &bounds).unwrap_err(), InvalidImage::TooManyBytes { max: 10 });
        let none = RgbImage::new(0, 3000);
        assert_eq!(encode(&none, &bounds).unwrap_err(), InvalidImage::Empty);
    }
}
