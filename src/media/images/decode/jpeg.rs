//! JPEG: a large image is decoded at a half, a quarter or an eighth of its size, which its cosine transform allows.

use std::io::Cursor;

use jpeg_decoder::{ColorTransform, Decoder, Error};

use super::{Decoded, apply_metadata};
use crate::media::images::container::jpeg::{JpegFile, SampleModel};
use crate::media::images::raster::{Layout, Raster};
use crate::media::images::{Bounds, InvalidImage, color};

/// The longest side that the decoder can be asked for.
const ANY: u16 = u16::MAX;

pub fn decode(file: &JpegFile, bounds: &Bounds) -> Result<Decoded, InvalidImage> {
    let (width, height) = (file.width, file.height);
    let longest = width.max(height);
    // The largest divisor with which the image is still as large as it will be stored.
    let divisor = [8_u32, 4, 2].into_iter().find(|divisor| longest / divisor >= bounds.stored_max_side);
    let divisor = divisor.unwrap_or(1);
    if file.decode_bytes(u64::from(8 / divisor)) > bounds.max_decode_bytes {
        return Err(bounds.too_much_memory());
    }

    let stream = file.stream();
    let mut reader = Cursor::new(stream.bytes.as_slice());
    let decoded = decode_stream(&mut reader, file.sample_model(), longest, longest == width, divisor);
    let position = usize::try_from(reader.position()).unwrap_or(usize::MAX);
    let raster = decoded.map_err(|error| match error {
        Error::Unsupported(_) => InvalidImage::Unsupported,
        Error::Io(_) => InvalidImage::Truncated,
        Error::Format(_) | Error::Internal(_) if stream.is_in_padding(position) => InvalidImage::Truncated,
        Error::Format(_) | Error::Internal(_) => InvalidImage::Damaged,
    })?;
    let embedded = file.profile().and_then(|profile| color::parse_profile(&profile));
    let (profile, orientation) = apply_metadata(file.exif, embedded);
    Ok(Decoded { raster, size: (width, height), profile, orientation })
}

fn decode_stream(
    reader: &mut Cursor<&[u8]>,
    model: SampleModel,
    longest: u32,
    is_wide: bool,
    divisor: u32,
) -> Result<Raster, Error> {
    let mut decoder = Decoder::new(reader);
    let (layout, transform) = match model {
        SampleModel::Grey => (Layout::Grey, ColorTransform::Grayscale),
        SampleModel::YCbCr => (Layout::Rgb, ColorTransform::YCbCr),
        SampleModel::Rgb => (Layout::Rgb, ColorTransform::RGB),
        SampleModel::Cmyk => (Layout::Cmyk, ColorTransform::CMYK),
        SampleModel::Ycck => (Layout::Cmyk, ColorTransform::YCCK),
    };
    decoder.set_color_transform(transform);
    // The decoder takes the smallest scale with which one of the sides is long enough.
    let side = u16::try_from(longest.div_ceil(divisor)).unwrap_or(ANY);
    let (width, height) = if is_wide { decoder.scale(side, ANY)? } else { decoder.scale(ANY, side)? };
    let pixels = decoder.decode()?;
    Ok(Raster::new(width.into(), height.into(), layout, pixels))
}
