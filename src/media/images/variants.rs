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
    Bounds, EncodedImage, InvalidImage, decode_upload, encode_jpeg, encode_to, encode_within, resized,
};

/// The widths of the copies, and their largest sizes in bytes: twenty cards of 320 pixels have less than a megabyte. Of
/// the largest width of `WIDTHS` in `src/domain/image.rs` there is no copy: it is that of the stored picture.
const SIZES: [(u32, usize); 4] = [(1024, 350_000), (640, 150_000), (320, 45_000), (160, 16_000)];

/// JPEG and WebP qualities to try, best first.
const JPEG_QUALITIES: [u8; 5] = [80, 65, 50, 35, 20];
const WEBP_QUALITIES: [u8; 5] = [75, 60, 45, 30, 15];

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
    /// All copies that a picture can have. The stored picture itself is the JPEG of full width.
    pub fn all() -> impl Iterator<Item = Self> {
        let widths = SIZES.iter().map(|(width, _)| VariantWidth::Pixels(*width));
        let smaller = widths.flat_map(|width| {
            [VariantFormat::Jpeg, VariantFormat::WebP].map(|format| Self { width, format })
        });
        smaller.chain([Self { width: VariantWidth::Full, format: VariantFormat::WebP }])
    }
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
    let variants = make(pixels, bounds.stored_max_bytes)?;
    Ok((encoded, variants))
}

/// Makes the copies of a picture that was stored without them.
///
/// # Errors
/// The picture is not one that was stored.
pub fn of_stored(stored: &[u8], bounds: &Bounds) -> Result<Variants, InvalidImage> {
    make(decode_upload(stored, bounds)?, bounds.stored_max_bytes)
}

fn make(pixels: RgbImage, full_max_bytes: usize) -> Result<Variants, InvalidImage> {
    let width = pixels.width();
    let mut files = Vec::with_capacity(2 * SIZES.len() + 1);
    let full = VariantKey { width: VariantWidth::Full, format: VariantFormat::WebP };
    files.push((full, encode_copy(&pixels, VariantFormat::WebP, full_max_bytes)?));
    let mut pixels = pixels;
    for (copy_width, max_bytes) in SIZES.into_iter().filter(|(copy_width, _)| *copy_width < width) {
        pixels = resized(&pixels, (copy_width, scaled_height(pixels.dimensions(), copy_width)));
        for format in [VariantFormat::Jpeg, VariantFormat::WebP] {
            let key = VariantKey { width: VariantWidth::Pixels(copy_width), format };
            files.push((key, encode_copy(&pixels, format, max_bytes)?));
        }
    }
    Ok(Variants { files, placeholder: placeholder(&pixels) })
}

fn scaled_height(size: (u32, u32), width: u32) -> u32 {
    let rounded = (u64::from(size.1) * u64::from(width) + u64::from(size.0) / 2) / u64::from(size.0);
    u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
}

fn encode_copy(pixels: &RgbImage, format: VariantFormat, max_bytes: usize) -> Result<Bytes, InvalidImage> {
    let (encoded, _) = match format {
        VariantFormat::Jpeg => {
            let encode = |pixels: &RgbImage, quality| encode_jpeg(pixels, quality, SamplingFactor::F_2_2);
            encode_to(pixels, max_bytes, &JPEG_QUALITIES, encode)?
        }
        VariantFormat::WebP => encode_to(pixels, max_bytes, &WEBP_QUALITIES, encode_webp)?,
    };
    Ok(encoded.bytes)
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
            assert_eq!(variants.files.len(), 2 * widths.len() + 1, "{size:?}");
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
    fn copies_of_noise_are_within_their_sizes() {
        let bounds = Bounds::default();
        let (stored, variants) = encode_with_variants(noisy(1500, 1500), &bounds).unwrap();
        for (key, bytes) in &variants.files {
            let max = match key.width {
                VariantWidth::Full => bounds.stored_max_bytes,
                VariantWidth::Pixels(width) => SIZES.iter().find(|(it, _)| *it == width).unwrap().1,
            };
            assert!(bytes.len() <= max, "{key:?}: {}", bytes.len());
        }
        assert!(stored.bytes.len() <= bounds.stored_max_bytes);
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
