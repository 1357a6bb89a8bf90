//! Decodes the image in a file, about as large as it will be stored: a photograph of 108 megapixels is never in memory
//! in full.

mod jpeg;
mod png;
mod webp;

use image::metadata::Orientation;
use moxcms::ColorProfile;

use crate::media::images::container::FileInfo;
use crate::media::images::raster::Raster;
use crate::media::images::{Bounds, InvalidImage, exif};

/// A decoded image, as it is in the file.
pub struct Decoded {
    /// At least as large as the image will be stored, if the file is.
    pub raster: Raster,
    /// The size of the image in the file.
    pub size: (u32, u32),
    /// `None` for sRGB.
    pub profile: Option<ColorProfile>,
    pub orientation: Orientation,
}

/// Decodes the image of a file that was inspected.
pub fn decode(file: &FileInfo, bounds: &Bounds) -> Result<Decoded, InvalidImage> {
    match file {
        FileInfo::Jpeg(file) => jpeg::decode(file, bounds),
        FileInfo::Png(bytes) => png::decode(bytes, bounds),
        FileInfo::WebP { bytes, scratch_bytes_per_pixel } => {
            webp::decode(bytes, *scratch_bytes_per_pixel, bounds)
        }
    }
}

/// What the metadata of EXIF say; if they are invalid, the image is not rotated. An embedded profile takes precedence
/// over the colour space that they name.
fn apply_metadata(
    exif: Option<&[u8]>,
    embedded: Option<ColorProfile>,
) -> (Option<ColorProfile>, Orientation) {
    let Some(metadata) = exif else { return (embedded, Orientation::NoTransforms) };
    let metadata = metadata.strip_prefix(b"Exif\0\0").unwrap_or(metadata);
    let orientation = Orientation::from_exif_chunk(metadata).unwrap_or(Orientation::NoTransforms);
    let profile = embedded.or_else(|| exif::is_adobe_rgb(metadata).then(ColorProfile::new_adobe_rgb));
    (profile, orientation)
}
