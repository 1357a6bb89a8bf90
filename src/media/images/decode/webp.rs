//! WebP: decoded in full, so that the memory limits its size.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};

use super::{Decoded, apply_metadata};
use crate::media::images::raster::{Layout, Raster};
use crate::media::images::{Bounds, InvalidImage, NON_PIXEL_DIVISOR, color};

pub fn decode(bytes: &[u8], scratch_bytes_per_pixel: u64, bounds: &Bounds) -> Result<Decoded, InvalidImage> {
    let invalid = |error: ImageError| match error {
        ImageError::Limits(_) => bounds.too_much_memory(),
        ImageError::Unsupported(_) => InvalidImage::Unsupported,
        _ => InvalidImage::Damaged,
    };
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(invalid)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(bounds.max_decode_bytes / NON_PIXEL_DIVISOR);
    decoder.set_limits(limits).map_err(invalid)?;
    // The decoder may have found another size than `container`, so check it again.
    let (width, height) = decoder.dimensions();
    bounds.check_size(width, height)?;
    let scratch = (u64::from(width) * u64::from(height)).saturating_mul(scratch_bytes_per_pixel);
    if decoder.total_bytes().saturating_add(scratch) > bounds.max_decode_bytes {
        return Err(bounds.too_much_memory());
    }
    let embedded = decoder.icc_profile().ok().flatten().and_then(|profile| color::parse_profile(&profile));
    let exif = decoder.exif_metadata().ok().flatten();
    let (profile, orientation) = apply_metadata(exif.as_deref(), embedded);
    let image = DynamicImage::from_decoder(decoder).map_err(invalid)?;
    let pixels = match image {
        DynamicImage::ImageRgba8(image) => {
            let colors = image.pixels().flat_map(|pixel| {
                let [colors @ .., alpha] = pixel.0;
                colors.map(|color| color::on_white(color, alpha))
            });
            colors.collect()
        }
        image => image.into_rgb8().into_raw(),
    };
    Ok(Decoded {
        raster: Raster::new(width, height, Layout::Rgb, pixels),
        size: (width, height),
        profile,
        orientation,
    })
}
