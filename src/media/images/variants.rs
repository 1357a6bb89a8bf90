//! Smaller copies of a picture for smaller screens, and its placeholder.
//!
//! Each width is made from the next larger one, so that the pixels of the original are read once. Every copy is a JPEG
//! and a WebP: clients that accept WebP load about half of the bytes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use image::{DynamicImage, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::SamplingFactor;
use webp::WebPConfig;

use crate::media::images::raster::fit;
use crate::media::images::{
    Bounds, EncodedImage, InvalidImage, decode_upload, encode_jpeg, encode_within, resized,
};

/// The widths of the copies, and their largest sizes in bytes, whatever the height: twenty cards of 320 pixels have less
/// than a megabyte. A copy of the full width of a picture has the size of the next larger width. There is no copy of
/// the largest width of `WIDTHS` in `src/domain/image.rs`: it is that of the stored picture.
///
/// If you change what the copies are, raise `VARIANTS_VERSION`.
const SIZES: [(u32, usize); 4] = [(1024, 350_000), (640, 150_000), (320, 45_000), (160, 16_000)];

/// The effort of the WebP encoder, from 0 to 6. More than this takes several times as long, and saves little.
const WEBP_METHOD: i32 = 1;

/// The longest side of the picture that a placeholder is made from.
const PLACEHOLDER_SIDE: u32 = 48;

/// The format of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariantFormat {
    Jpeg,
    WebP,
}

impl VariantFormat {
    const ALL: [Self; 2] = [Self::Jpeg, Self::WebP];

    /// The qualities to try, best first.
    fn qualities(self) -> [u8; 5] {
        match self {
            Self::Jpeg => [80, 65, 50, 35, 20],
            Self::WebP => [75, 60, 45, 30, 15],
        }
    }
}

/// The width of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariantWidth {
    Pixels(u32),
    /// That of the stored picture.
    Full,
}

/// Which copy of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VariantKey {
    pub width: VariantWidth,
    pub format: VariantFormat,
}

impl VariantKey {
    /// The copy in `width` pixels of a picture of which `full` pixels are stored. `None` for the JPEG of a large picture
    /// in its full width, which is the stored picture itself.
    pub fn new(width: u32, full: u32, format: VariantFormat) -> Option<Self> {
        if width < full {
            return Some(Self { width: VariantWidth::Pixels(width), format });
        }
        let is_stored = format == VariantFormat::Jpeg && max_bytes(full).is_none();
        (!is_stored).then_some(Self { width: VariantWidth::Full, format })
    }

    /// All copies that a picture can have.
    pub fn all() -> impl Iterator<Item = Self> {
        let smaller = SIZES.iter().map(|(width, _)| VariantWidth::Pixels(*width));
        let widths = smaller.chain([VariantWidth::Full]);
        widths.flat_map(|width| VariantFormat::ALL.map(|format| Self { width, format }))
    }
}

/// The largest size of a copy in bytes, by its width; `None` if it is that of the stored picture.
fn max_bytes(width: u32) -> Option<usize> {
    let size = SIZES.iter().rev().find(|(copy_width, _)| *copy_width >= width);
    size.map(|(_, max_bytes)| *max_bytes)
}

/// The copies of a picture, and its placeholder.
#[derive(Debug, Clone)]
pub struct Variants {
    pub files: Vec<(VariantKey, Bytes)>,
    /// A thumbhash in base64.
    pub placeholder: String,
}

/// Decodes an uploaded file, encodes it as it will be stored, and makes its copies.
///
/// # Errors
/// Those of [`reencode`](super::reencode).
pub fn reencode_with_variants(
    input: &[u8],
    bounds: &Bounds,
) -> Result<(EncodedImage, Variants), InvalidImage> {
    encode_with_variants(decode_upload(input, bounds)?, bounds)
}

/// Encodes pixels as they will be stored, and makes their copies.
///
/// # Errors
/// Those of [`encode`](super::encode).
pub fn encode_with_variants(
    pixels: RgbImage,
    bounds: &Bounds,
) -> Result<(EncodedImage, Variants), InvalidImage> {
    let (encoded, pixels) = encode_within(pixels, bounds)?;
    Ok((encoded, make(pixels, bounds.stored_max_bytes)))
}

/// Makes the copies of a picture that was stored without them.
///
/// # Errors
/// The picture is not one that was stored.
pub fn of_stored(stored: &[u8], bounds: &Bounds) -> Result<Variants, InvalidImage> {
    Ok(make(decode_upload(stored, bounds)?, bounds.stored_max_bytes))
}

fn make(mut pixels: RgbImage, stored_max_bytes: usize) -> Variants {
    let full = pixels.width();
    let smaller = SIZES.iter().map(|(width, _)| *width).filter(|width| *width < full);
    let mut files = Vec::with_capacity(VariantFormat::ALL.len() * (SIZES.len() + 1));
    for width in std::iter::once(full).chain(smaller) {
        if width < full {
            pixels = resized(&pixels, (width, scaled_height(pixels.dimensions(), width)));
        }
        let max_bytes = max_bytes(width).unwrap_or(usize::MAX).min(stored_max_bytes);
        let keys = VariantFormat::ALL.into_iter().filter_map(|format| VariantKey::new(width, full, format));
        files.extend(keys.map(|key| (key, encode_copy(&pixels, key.format, max_bytes))));
    }
    Variants { files, placeholder: placeholder(&pixels) }
}

fn scaled_height(size: (u32, u32), width: u32) -> u32 {
    let rounded = (u64::from(size.1) * u64::from(width) + u64::from(size.0) / 2) / u64::from(size.0);
    u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
}

/// Encodes a copy in the best quality with which it has at most `max_bytes`. A copy is as wide as its name says: if no
/// quality is low enough, as for noise, it loses detail and keeps its size in pixels.
fn encode_copy(pixels: &RgbImage, format: VariantFormat, max_bytes: usize) -> Bytes {
    let size = pixels.dimensions();
    let mut detail = size.0.max(size.1);
    let mut blurred: Option<RgbImage> = None;
    loop {
        let current = blurred.as_ref().unwrap_or(pixels);
        let mut smallest = Vec::new();
        for quality in format.qualities() {
            smallest = match format {
                VariantFormat::Jpeg => encode_jpeg(current, quality, SamplingFactor::F_2_2),
                VariantFormat::WebP => encode_webp(current, quality),
            };
            if smallest.len() <= max_bytes {
                return smallest.into();
            }
        }
        detail /= 2;
        if detail == 0 {
            return smallest.into();
        }
        blurred = Some(resized(&resized(pixels, fit(size, detail)), size));
    }
}

fn encode_webp(pixels: &RgbImage, quality: u8) -> Vec<u8> {
    let mut config = WebPConfig::new().expect("the versions of the library and its header are the same");
    config.quality = f32::from(quality);
    config.method = WEBP_METHOD;
    let encoder = webp::Encoder::from_rgb(pixels.as_raw(), pixels.width(), pixels.height());
    encoder.encode_advanced(&config).expect("the sides are within those of WebP").to_vec()
}

/// A thumbhash of the picture, in base64.
fn placeholder(pixels: &RgbImage) -> String {
    let size = fit(pixels.dimensions(), PLACEHOLDER_SIDE);
    let small = if size == pixels.dimensions() { pixels.clone() } else { resized(pixels, size) };
    thumbhash(&DynamicImage::ImageRgb8(small).into_rgba8())
}

/// The placeholder of a picture whose pixels are not known: grey, with its proportions.
pub fn neutral_placeholder(width: u32, height: u32) -> String {
    let (width, height) = fit((width.max(1), height.max(1)), 8);
    thumbhash(&RgbaImage::from_pixel(width, height, Rgba([128, 128, 128, 255])))
}

fn thumbhash(pixels: &RgbaImage) -> String {
    let side = |side: u32| usize::try_from(side).expect("a short side");
    let (width, height) = (side(pixels.width()), side(pixels.height()));
    BASE64_STANDARD.encode(thumbhash::rgba_to_thumb_hash(width, height, pixels.as_raw()))
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb};

    use super::*;
    use crate::media::images::samples::noise;

    fn noisy(width: u32, height: u32) -> RgbImage {
        let mut noise = noise(7);
        RgbImage::from_fn(width, height, |_, _| {
            let [r, g, b, ..] = noise().to_le_bytes();
            Rgb([r, g, b])
        })
    }

    fn format_of(key: VariantKey) -> ImageFormat {
        match key.format {
            VariantFormat::Jpeg => ImageFormat::Jpeg,
            VariantFormat::WebP => ImageFormat::WebP,
        }
    }

    #[test]
    fn each_width_below_that_of_the_picture_is_made_in_both_formats() {
        let bounds = Bounds::default();
        for (size, widths) in [
            ((2048, 1024), &[1024, 640, 320, 160][..]),
            ((1024, 40), &[640, 320, 160]),
            ((700, 2048), &[640, 320, 160]),
            ((321, 5), &[320, 160]),
            ((160, 160), &[]),
            ((1, 1), &[]),
        ] {
            let pixels =
                RgbImage::from_fn(size.0, size.1, |x, _| Rgb([if 2 * x < size.0 { 220 } else { 30 }; 3]));
            let (stored, variants) = encode_with_variants(pixels, &bounds).unwrap();
            assert_eq!((stored.width, stored.height), size);
            let full = if size.0 > 1024 { 1 } else { 2 };
            assert_eq!(variants.files.len(), 2 * widths.len() + full, "{size:?}");
            for (key, bytes) in &variants.files {
                let shown = image::load_from_memory_with_format(bytes, format_of(*key)).unwrap().into_rgb8();
                let expected = match key.width {
                    VariantWidth::Pixels(width) => width,
                    VariantWidth::Full => size.0,
                };
                assert!(key.width == VariantWidth::Full || widths.contains(&expected));
                assert_eq!(shown.width(), expected);
                let height = f64::from(size.1) * f64::from(expected) / f64::from(size.0);
                assert!((f64::from(shown.height()) - height.max(1.0)).abs() <= 1.0, "{size:?} {key:?}");
                assert!(VariantKey::all().any(|known| known == *key));
            }
        }
    }

    #[test]
    fn copies_of_noise_have_their_widths_and_are_within_their_sizes() {
        let bounds = Bounds::default();
        for size in [
            (1500, 1500),
            (1024, 2048),
            (1023, 2048),
            (641, 2048),
            (330, 2048),
            (320, 320),
            (300, 2000),
            (170, 2048),
            (160, 2048),
            (3, 2048),
            (2048, 3),
        ] {
            let variants = make(noisy(size.0, size.1), bounds.stored_max_bytes);
            for (key, bytes) in &variants.files {
                let width = match key.width {
                    VariantWidth::Full => size.0,
                    VariantWidth::Pixels(width) => width,
                };
                let max = max_bytes(width).unwrap_or(bounds.stored_max_bytes);
                assert!(bytes.len() <= max, "{size:?} {key:?}: {}", bytes.len());
                let shown = image::load_from_memory_with_format(bytes, format_of(*key)).unwrap();
                assert_eq!(shown.width(), width, "{size:?} {key:?}");
                assert_eq!(VariantKey::new(width, size.0, key.format), Some(*key));
            }
        }
    }

    #[test]
    fn a_copy_keeps_its_size_in_pixels_even_if_nothing_fits() {
        for format in VariantFormat::ALL {
            let bytes = encode_copy(&noisy(40, 30), format, 1);
            let key = VariantKey { width: VariantWidth::Full, format };
            let shown = image::load_from_memory_with_format(&bytes, format_of(key)).unwrap();
            assert_eq!((shown.width(), shown.height()), (40, 30));
        }
    }

    #[test]
    fn stored_pictures_get_the_same_copies_later() {
        let (stored, variants) = encode_with_variants(noisy(400, 300), &Bounds::default()).unwrap();
        let later = of_stored(&stored.bytes, &Bounds::default()).unwrap();
        let keys = |variants: &Variants| variants.files.iter().map(|(key, _)| *key).collect::<Vec<_>>();
        assert_eq!(keys(&variants), keys(&later));
        assert!(of_stored(b"text", &Bounds::default()).is_err());
    }

    #[test]
    fn a_placeholder_has_the_colour_and_the_proportions_of_the_picture() {
        let decode = |hash: &str| {
            let bytes = BASE64_STANDARD.decode(hash).unwrap();
            let [r, g, b, a] = thumbhash::thumb_hash_to_average_rgba(&bytes).unwrap().into();
            let ratio = thumbhash::thumb_hash_to_approximate_aspect_ratio(&bytes).unwrap();
            ([r, g, b, a], ratio)
        };
        let red = RgbImage::from_pixel(400, 200, Rgb([220, 30, 30]));
        let ([r, g, b, a], ratio) = decode(&placeholder(&red));
        assert!(
            r > 0.8 && g < 0.2 && b < 0.2 && a > 0.99 && (1.5..2.5).contains(&ratio),
            "{r} {g} {b} {ratio}"
        );
        let ([r, g, b, a], ratio) = decode(&neutral_placeholder(100, 400));
        assert!(
            (r - g).abs() < 0.05 && (g - b).abs() < 0.05 && a > 0.99 && ratio < 0.5,
            "{r} {g} {b} {ratio}"
        );
        assert!(placeholder(&noisy(2048, 3)).len() < 50);
    }
}
