//! Pictures as people upload them, and as they are stored.
//!
//! Nothing of an upload is ever stored: its pixels are decoded, turned upright and encoded anew. So
//! what is served is always a JPEG of a known size, without the place where it was taken, without
//! comments and previews, and without whatever else a file can carry. Colour profiles go, too:
//! every picture is shown as the sRGB that nearly all of them are.
//!
//! What the decoders are given is checked first, by the walk in `container`: a header of a few
//! bytes can claim gigapixels, and a file can be a picture and something else at once.
//!
//! All of this takes processor time and no waiting; it belongs on a blocking thread.

mod container;
#[cfg(test)]
mod samples;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageReader, Limits, RgbImage};

/// Qualities to try, best first. Below the last a smaller picture looks better than a coarser one.
const QUALITIES: [u8; 6] = [85, 78, 70, 60, 50, 40];

/// The longest side that JPEG can express.
const JPEG_MAX_SIDE: u32 = 65_535;

/// The part of the decoding memory that a profile, texts and rows may take beside the pixels.
const EXTRAS_SHARE: u64 = 8;

/// What a picture may be on the way in, and must be when stored.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub max_input_pixels: u64,
    pub max_input_side: u32,
    /// Memory for the decoded pixels and for what the decoder holds beside them.
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
    /// A picture of this size may be decoded.
    fn admit(&self, width: u32, height: u32) -> Result<(), Unreadable> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            Err(Unreadable::Empty)
        } else if width.max(height) > self.max_input_side {
            let max = self.max_input_side;
            Err(Unreadable::SideTooLong { max, width, height })
        } else if pixels > self.max_input_pixels {
            let max = self.max_input_pixels;
            Err(Unreadable::TooManyPixels { max, pixels })
        } else {
            Ok(())
        }
    }

    fn too_much_memory(&self) -> Unreadable {
        Unreadable::TooMuchMemory { max: self.max_decode_bytes }
    }
}

/// A picture ready to be stored: always JPEG, upright, no metadata.
#[derive(Debug, Clone)]
pub struct Picture {
    pub bytes: Bytes,
    pub width: u32,
    pub height: u32,
}

/// Why a picture was refused, said to the person who sent it.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Unreadable {
    #[error("A picture must be a JPEG, PNG or WebP file.")]
    UnknownFormat,
    #[error("This kind of JPEG, PNG or WebP cannot be read; save the picture as an ordinary one.")]
    Unsupported,
    #[error("The picture has no pixels.")]
    Empty,
    #[error("A picture may be at most {max} pixels wide and high; this one is {width} x {height}.")]
    SideTooLong { max: u32, width: u32, height: u32 },
    #[error("A picture may have at most {max} pixels in all; this one has {pixels}.")]
    TooManyPixels { max: u64, pixels: u64 },
    #[error("Reading this picture takes more than {} MiB of memory; make it smaller.", .max >> 20)]
    TooMuchMemory { max: u64 },
    #[error("The picture is incomplete: its file ends too early.")]
    Truncated,
    #[error("The file goes on after its picture ends; it must hold the picture and nothing else.")]
    Trailing,
    #[error("The picture is damaged and cannot be read.")]
    Damaged,
    #[error("The picture cannot be made to fit into {max} bytes.")]
    TooManyBytes { max: usize },
}

/// Reads an uploaded picture and makes it ready to be stored.
///
/// # Errors
/// The file is not one whole JPEG, PNG or WebP within `bounds` and nothing else, or it is damaged.
pub fn reencode(input: &[u8], bounds: &Bounds) -> Result<Picture, Unreadable> {
    let found = container::walk(input, bounds)?;
    // Some broken files make a decoder panic (image-webp 0.2.4 by frames, png 0.18.1 by palettes):
    // one more way to find damage.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(input, found, bounds)));
    let (picture, orientation) = decoded.unwrap_or(Err(Unreadable::Damaged))?;
    // Turning commutes with fitting into a square, and is far cheaper after it.
    let mut upright = fitted(picture, bounds.stored_max_side);
    upright.apply_orientation(orientation);
    encode_within(upright, bounds)
}

/// Encodes pixels to be stored: within the longest side, and as well as the bytes allow.
///
/// # Errors
/// There are no pixels, or so few bytes are allowed that not even one pixel fits.
pub fn encode(pixels: &RgbImage, bounds: &Bounds) -> Result<Picture, Unreadable> {
    if pixels.is_empty() {
        return Err(Unreadable::Empty);
    }
    encode_within(DynamicImage::ImageRgb8(pixels.clone()), bounds)
}

fn encode_within(mut picture: DynamicImage, bounds: &Bounds) -> Result<Picture, Unreadable> {
    let mut max_side = bounds.stored_max_side;
    loop {
        picture = fitted(picture, max_side);
        let (width, height) = picture.dimensions();
        let pixels = picture.into_rgb8();
        for quality in QUALITIES {
            let jpeg = jpeg(&pixels, quality);
            if jpeg.len() <= bounds.stored_max_bytes {
                return Ok(Picture { bytes: jpeg.into(), width, height });
            }
        }
        let longest = width.max(height);
        if longest == 1 {
            return Err(Unreadable::TooManyBytes { max: bounds.stored_max_bytes });
        }
        max_side = longest / 2;
        picture = DynamicImage::ImageRgb8(pixels);
    }
}

fn jpeg(pixels: &RgbImage, quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode_image(pixels)
        .expect("the sides are within JPEG's, and a vector takes every byte");
    jpeg
}

/// The pixels on white, and how they are to be turned.
fn decode(
    input: &[u8],
    found: container::Found,
    bounds: &Bounds,
) -> Result<(DynamicImage, Orientation), Unreadable> {
    let unreadable = |error: ImageError| match error {
        ImageError::Limits(_) => bounds.too_much_memory(),
        ImageError::Unsupported(_) => Unreadable::Unsupported,
        _ => Unreadable::Damaged,
    };
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(bounds.max_input_side);
    limits.max_image_height = Some(bounds.max_input_side);
    limits.max_alloc = Some(bounds.max_decode_bytes / EXTRAS_SHARE);
    let mut reader = ImageReader::with_format(Cursor::new(input), found.format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;

    // The decoder may have read another size than the walk, so it is asked again.
    let (width, height) = decoder.dimensions();
    bounds.admit(width, height)?;
    let scratch = (u64::from(width) * u64::from(height)).saturating_mul(found.scratch);
    if decoder.total_bytes().saturating_add(scratch) > bounds.max_decode_bytes {
        return Err(bounds.too_much_memory());
    }
    // A picture whose metadata make no sense is shown as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    Ok((on_white(picture), orientation))
}

/// JPEG knows no transparency; what shines through is white, as on a page.
fn on_white(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8().into();
    }
    let picture = picture.into_rgba8();
    let mut flat = RgbImage::new(picture.width(), picture.height());
    for (to, from) in flat.pixels_mut().zip(picture.pixels()) {
        let [colors @ .., alpha] = from.0;
        let alpha = u16::from(alpha);
        to.0 = colors.map(|color| {
            let mixed = u16::from(color) * alpha + 255 * (255 - alpha);
            u8::try_from((mixed + 127) / 255).unwrap_or(u8::MAX)
        });
    }
    flat.into()
}

/// The picture, made smaller where a side is longer than `max_side`; never larger.
fn fitted(picture: DynamicImage, max_side: u32) -> DynamicImage {
    let max_side = max_side.clamp(1, JPEG_MAX_SIDE);
    let (width, height) = picture.dimensions();
    let longest = width.max(height);
    if longest <= max_side {
        return picture;
    }
    // The good filter needs 16 bytes for every pixel of one direction. Averaging whole blocks first
    // spares most of that, and most of the time, and leaves the filter the last step to do well.
    let block = (longest / max_side).min(64);
    let coarse = if block == 1 {
        picture
    } else {
        picture.thumbnail_exact(width.div_ceil(block), height.div_ceil(block))
    };
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
        BLUE, LOSSY_WEBP, RED, file, jpeg_by_hand, jpeg_segment, noise, png_chunk, sample, webp_chunk,
        webp_extended,
    };

    /// The pixels that are shown, once the file is stored.
    fn stored(file: &[u8]) -> RgbImage {
        let picture = reencode(file, &Bounds::default()).unwrap();
        let shown = image::load_from_memory_with_format(&picture.bytes, ImageFormat::Jpeg).unwrap();
        assert_eq!(shown.dimensions(), (picture.width, picture.height));
        shown.into_rgb8()
    }

    #[track_caller]
    fn assert_shows(picture: &RgbImage, x: u32, y: u32, color: [u8; 3]) {
        let shown = picture.get_pixel(x, y).0;
        let near = shown.iter().zip(color).all(|(shown, color)| shown.abs_diff(color) < 12);
        assert!(near, "{shown:?} is not {color:?}");
    }

    #[test]
    fn each_format_is_stored_as_the_same_picture() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let shown = stored(&sample(format));
            assert_eq!(shown.dimensions(), (40, 24));
            assert_shows(&shown, 4, 4, RED);
            assert_shows(&shown, 36, 20, BLUE);
        }
        assert_shows(&stored(LOSSY_WEBP), 0, 0, [255, 0, 0]);
        assert_eq!(stored(&jpeg_by_hand(0xC2, 8, 3)).dimensions(), (8, 8));
    }

    #[test]
    fn pictures_are_turned_upright_and_lose_their_metadata() {
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
            let holds = |bytes: &[u8], word| bytes.windows(6).any(|found| found == word);
            assert!(holds(&file, b"SECRET"));
            assert!(!holds(&bytes, b"SECRET") && !holds(&bytes, b"Exif\0\0"));
        }
    }

    #[test]
    fn every_kind_of_pixel_becomes_rgb_on_white() {
        let half = RgbaImage::from_pixel(9, 9, Rgba([0, 0, 255, 128]));
        let clear = GrayAlphaImage::from_pixel(9, 9, LumaA([0, 0]));
        let deep = image::ImageBuffer::from_pixel(9, 9, Luma([0x4000_u16]));
        // One pixel of one bit, the second of two colours; its data are stored without compression.
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
            // Four inks, each at half its strength.
            (jpeg_by_hand(0xC0, 8, 4), [64; 3]),
        ] {
            assert_shows(&stored(&file), 0, 0, color);
        }
    }

    #[test]
    fn pictures_shrink_to_the_longest_side_and_are_never_enlarged() {
        let bounds = Bounds { stored_max_side: 100, ..Bounds::default() };
        for (from, to) in [
            ((100, 60), (100, 60)),
            ((7, 3), (7, 3)),
            ((150, 100), (100, 67)),
            ((90, 1000), (9, 100)),
            ((1, 4000), (1, 100)),
        ] {
            let picture = encode(&RgbImage::new(from.0, from.1), &bounds).unwrap();
            assert_eq!((picture.width, picture.height), to);
        }
    }

    #[test]
    fn what_takes_too_many_bytes_is_made_coarser_and_then_smaller() {
        let mut noise = noise(1);
        let noise = RgbImage::from_fn(3000, 3000, |_, _| {
            let [r, g, b, ..] = noise().to_le_bytes();
            Rgb([r, g, b])
        });
        let bounds = Bounds::default();
        let picture = encode(&noise, &bounds).unwrap();
        assert!(picture.bytes.len() <= bounds.stored_max_bytes);
        assert_eq!((picture.width, picture.height), (1024, 1024));
        let bounds = Bounds { stored_max_bytes: 10, ..bounds };
        let few = RgbImage::new(40, 24);
        let least = Bounds { stored_max_bytes: jpeg(&RgbImage::new(1, 1), QUALITIES[0]).len(), ..bounds };
        let picture = encode(&few, &least).unwrap();
        assert_eq!((picture.width, picture.height), (5, 3));
        assert_eq!(encode(&few, &bounds).unwrap_err(), Unreadable::TooManyBytes { max: 10 });
        let none = RgbImage::new(0, 3000);
        assert_eq!(encode(&none, &bounds).unwrap_err(), Unreadable::Empty);
    }
}
