//! PNG: decoded row by row. Of a large image, blocks of pixels are averaged at once.

use std::io::Cursor;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, MatrixCoefficients,
    ToneReprCurve, TransferCharacteristics,
};
use png::{ColorType, Decoder, DecodingError, Info, Limits, Transformations};

use super::{Decoded, apply_metadata};
use crate::media::images::raster::{BlockAverage, Layout};
use crate::media::images::{Bounds, InvalidImage, NON_PIXEL_DIVISOR, color};

pub fn decode(bytes: &[u8], bounds: &Bounds) -> Result<Decoded, InvalidImage> {
    let invalid = |error: DecodingError| match error {
        DecodingError::LimitsExceeded => bounds.too_much_memory(),
        _ => InvalidImage::Damaged,
    };
    let max = usize::try_from(bounds.max_decode_bytes / NON_PIXEL_DIVISOR).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: max });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let mut reader = decoder.read_info().map_err(invalid)?;
    let info = reader.info();
    let (width, height) = info.size();
    bounds.check_size(width, height)?;
    let embedded = profile_of(info);
    let (profile, orientation) = apply_metadata(info.exif_metadata.as_deref(), embedded);
    let is_interlaced = info.interlaced;

    let (layout, has_alpha) = match reader.output_color_type().0 {
        ColorType::Grayscale => (Layout::Grey, false),
        ColorType::GrayscaleAlpha => (Layout::Grey, true),
        ColorType::Rgb => (Layout::Rgb, false),
        ColorType::Rgba => (Layout::Rgb, true),
        ColorType::Indexed => return Err(InvalidImage::Unsupported),
    };
    let block = (width.max(height) / bounds.stored_max_side).max(1);
    let mut average = BlockAverage::new(width, height, layout, block);
    let line_bytes = reader.output_line_size(width).ok_or_else(|| bounds.too_much_memory())?;
    let whole = if is_interlaced { line_bytes as u64 * u64::from(height) } else { 0 };
    if average.bytes().saturating_add(whole) > bounds.max_decode_bytes {
        return Err(bounds.too_much_memory());
    }
    let mut flat = Vec::new();
    let mut push = |row: &[u8]| {
        if has_alpha {
            flatten_onto_white(row, layout.channels(), &mut flat);
            average.push_row(&flat);
        } else {
            average.push_row(row);
        }
    };
    if is_interlaced {
        let mut pixels = vec![0; line_bytes * usize::try_from(height).unwrap_or_default()];
        reader.next_frame(&mut pixels).map_err(invalid)?;
        pixels.chunks_exact(line_bytes).for_each(&mut push);
    } else {
        while let Some(row) = reader.next_row().map_err(invalid)? {
            push(row.data());
        }
    }
    Ok(Decoded { raster: average.finish(), size: (width, height), profile, orientation })
}

/// Replaces transparency, which JPEG does not have, by a white background. The last channel of each pixel is its
/// opacity.
fn flatten_onto_white(row: &[u8], channels: usize, flat: &mut Vec<u8>) {
    flat.clear();
    for pixel in row.chunks_exact(channels + 1) {
        let (colors, alpha) = pixel.split_at(channels);
        flat.extend(colors.iter().map(|color| color::on_white(*color, alpha[0])));
    }
}

/// The colour space that a PNG names in one of four ways, by the precedence of its standard. `None` for sRGB.
fn profile_of(info: &Info) -> Option<ColorProfile> {
    if let Some(code_points) = info.coding_independent_code_points {
        let profile = CicpProfile {
            color_primaries: CicpColorPrimaries::try_from(code_points.color_primaries).ok()?,
            transfer_characteristics: TransferCharacteristics::try_from(code_points.transfer_function)
                .ok()?,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        };
        return Some(ColorProfile::new_from_cicp(profile));
    }
    if let Some(profile) = &info.icc_profile {
        return color::parse_profile(profile);
    }
    if info.srgb.is_some() {
        return None;
    }
    let (gamma, primaries) = (info.gama_chunk?, info.chrm_chunk?);
    let exponent = 1.0 / gamma.into_value();
    let point =
        |(x, y): (png::ScaledFloat, png::ScaledFloat)| Chromaticity::new(x.into_value(), y.into_value());
    let [white, red, green, blue] =
        [primaries.white, primaries.red, primaries.green, primaries.blue].map(point);
    let is_valid =
        (0.5..5.0).contains(&exponent) && [white, red, green, blue].iter().all(|point| point.y > 0.0);
    if !is_valid {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    let curve = ToneReprCurve::Parametric(vec![exponent]);
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    Some(profile)
}
