//! Processor time of storing a photograph of 12 megapixels, with and without its copies in smaller widths.

use gigway::media::images::variants::reencode_with_variants;
use gigway::media::images::{Bounds, InvalidImage, encode, reencode};
use image::{Rgb, RgbImage};
use serde_json::json;

use crate::Result;
use crate::process::own_processor_time;
use crate::table::{Bound, Report, Row, median};

const WIDTH: u32 = 4_000;
const HEIGHT: u32 = 3_000;

/// The size of the photograph, just below the limit of uploads.
const FILE_MAX_BYTES: usize = 3 * 1024 * 1024;

/// The original and the widths take turns.
const ROUNDS: usize = 9;

/// Photographs of one turn. The clock of processor time ticks a hundred times per second.
const PHOTOGRAPHS: u32 = 5;

pub fn run() -> Result<Report> {
    let large = Bounds { stored_max_side: WIDTH, stored_max_bytes: FILE_MAX_BYTES, ..Bounds::default() };
    let photograph = encode(&photograph(), &large)?.bytes;
    let bounds = Bounds::default();
    let (mut with_widths, mut alone) = (Vec::new(), Vec::new());
    let mut bytes = 0_usize;
    for _ in 0..ROUNDS {
        alone.push(milliseconds(|| reencode(&photograph, &bounds).map(drop))?);
        with_widths.push(milliseconds(|| {
            let (_, variants) = reencode_with_variants(&photograph, &bounds)?;
            bytes = variants.files.iter().map(|(_, file)| file.len()).sum();
            Ok(())
        })?);
    }
    let rows = vec![Row {
        name: "a photograph of 12 megapixels, in all widths",
        unit: "ms",
        gigway: median(with_widths),
        other: median(alone),
        bound: Bound::AtMostTimes(2.0),
    }];
    let settings = json!({ "fileBytes": photograph.len(), "widthsBytes": bytes, "rounds": ROUNDS });
    Ok(Report { name: "images", other: "original", settings, rows })
}

/// The mean processor time of this process during `action`, so that threads of libraries count, too.
fn milliseconds(mut action: impl FnMut() -> std::result::Result<(), InvalidImage>) -> Result<f64> {
    let before = own_processor_time()?;
    for _ in 0..PHOTOGRAPHS {
        action()?;
    }
    let spent = own_processor_time()?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1000.0 / f64::from(PHOTOGRAPHS))
}

/// Clouds of six sizes with a little noise: as hard to encode as a photograph.
fn photograph() -> RgbImage {
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [byte, ..] = state.to_be_bytes();
        f32::from(byte) / 255.0 - 0.5
    };
    let mut clouds: Vec<(usize, Vec<f32>, f32)> = Vec::new();
    let side = |side: u32| usize::try_from(side).expect("a side");
    for octave in 0..6 {
        let cell = 256_usize >> octave;
        let (columns, rows) = (side(WIDTH) / cell + 2, side(HEIGHT) / cell + 2);
        let points = (0..columns * rows * 3).map(|_| random()).collect();
        clouds.push((cell, points, 60.0 / 1.6_f32.powi(octave)));
    }
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let mut color = [128.0 + 12.0 * random(); 3];
        for (cell, points, amplitude) in &clouds {
            let columns = side(WIDTH) / cell + 2;
            let (column, row) = (side(x) / cell, side(y) / cell);
            let fraction = |side: usize| {
                f32::from(u16::try_from(side % cell).unwrap_or(0))
                    / f32::from(u16::try_from(*cell).unwrap_or(1))
            };
            let (right, below) = (fraction(side(x)), fraction(side(y)));
            for (channel, value) in color.iter_mut().enumerate() {
                let at = |column: usize, row: usize| points[(row * columns + column) * 3 + channel];
                let above = at(column, row) * (1.0 - right) + at(column + 1, row) * right;
                let under = at(column, row + 1) * (1.0 - right) + at(column + 1, row + 1) * right;
                *value += amplitude * (above * (1.0 - below) + under * below);
            }
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
        Rgb(color.map(|value| value.clamp(0.0, 255.0) as u8))
    })
}
