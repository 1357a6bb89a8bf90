//! Conversion to sRGB. Everything is stored and shown as sRGB, without a profile.

use image::RgbImage;
use moxcms::{ColorProfile, DataColorSpace, Layout as ProfileLayout, TransformOptions};

use crate::media::images::raster::{Layout, Raster};

/// Parses an embedded colour profile. An invalid one is ignored, as browsers do.
pub fn parse_profile(bytes: &[u8]) -> Option<ColorProfile> {
    ColorProfile::new_from_slice(bytes).ok()
}

/// A colour with this opacity on a white background.
pub fn on_white(color: u8, alpha: u8) -> u8 {
    let (color, alpha) = (u16::from(color), u16::from(alpha));
    let mixed = color * alpha + 255 * (255 - alpha);
    u8::try_from((mixed + 127) / 255).unwrap_or(u8::MAX)
}

/// Converts pixels to sRGB. A profile that does not fit the pixels is ignored; `None` stands for sRGB.
pub fn to_srgb(raster: Raster, profile: Option<&ColorProfile>) -> RgbImage {
    let (width, height) = raster.size();
    let converted = profile.and_then(|profile| convert(&raster, profile));
    let pixels = converted.unwrap_or_else(|| match raster.layout() {
        Layout::Rgb => raster.into_pixels(),
        Layout::Grey => grey_to_rgb(raster.pixels()),
        Layout::Cmyk => raster.pixels().chunks_exact(4).flat_map(cmyk_to_rgb).collect(),
    });
    RgbImage::from_raw(width, height, pixels).expect("there are three bytes for each pixel")
}

fn convert(raster: &Raster, profile: &ColorProfile) -> Option<Vec<u8>> {
    let expanded;
    let (pixels, layout) = match (raster.layout(), profile.color_space) {
        (Layout::Rgb, DataColorSpace::Rgb) => (raster.pixels(), ProfileLayout::Rgb),
        (Layout::Grey, DataColorSpace::Gray) => (raster.pixels(), ProfileLayout::Gray),
        (Layout::Cmyk, DataColorSpace::Cmyk) => (raster.pixels(), ProfileLayout::Rgba),
        (Layout::Grey, DataColorSpace::Rgb) => {
            expanded = grey_to_rgb(raster.pixels());
            (expanded.as_slice(), ProfileLayout::Rgb)
        }
        _ => return None,
    };
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let transform = profile.create_transform_8bit(layout, &srgb, ProfileLayout::Rgb, options).ok()?;
    let (width, height) = raster.size();
    let mut converted = vec![0; 3 * usize::try_from(u64::from(width) * u64::from(height)).ok()?];
    transform.transform(pixels, &mut converted).ok()?;
    Some(converted)
}

fn grey_to_rgb(pixels: &[u8]) -> Vec<u8> {
    pixels.iter().flat_map(|grey| [*grey; 3]).collect()
}

/// Inks without a profile: each takes its part of the light.
fn cmyk_to_rgb(inks: &[u8]) -> [u8; 3] {
    let light = |index: usize| u16::from(255 - inks[index]);
    [0, 1, 2].map(|ink| u8::try_from((light(ink) * light(3) + 127) / 255).unwrap_or(u8::MAX))
}
