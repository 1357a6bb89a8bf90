//! Measures how well a picture of a document can be read: blur, glare and darkness.
//!
//! All is measured at one size, at which the text of an identity card is still legible, so that pictures of different
//! cameras can be compared.

use image::RgbImage;

use crate::domain::picture_quality::PictureQuality;
use crate::media::images::raster;

/// The longest side of the picture that is measured.
const MEASURED_SIDE: u32 = 1024;

/// A pixel shows nothing but light if none of its values is below this.
const BLOWN_OUT: u8 = 250;

/// A picture is not made brighter than by this factor before its sharpness is measured: beyond, its noise would count.
const GAIN_MAX: u32 = 8;

/// Grey values, row by row.
struct Grey {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Grey {
    /// The value that this many thousandths of the pixels do not exceed.
    fn percentile(&self, permille: usize) -> u8 {
        let mut counts = [0_usize; 256];
        for value in &self.values {
            counts[usize::from(*value)] += 1;
        }
        let wanted = (self.values.len() * permille / 1000).max(1);
        let mut seen = 0;
        let found = (0..=u8::MAX).find(|value| {
            seen += counts[usize::from(*value)];
            seen >= wanted
        });
        found.unwrap_or(u8::MAX)
    }

    /// The variance of the Laplacian, of the values as they are with the best exposure.
    fn sharpness(&self) -> i32 {
        if self.width < 3 || self.height < 3 {
            return 0;
        }
        let (mut sum, mut squares, mut count) = (0_i128, 0_i128, 0_i128);
        for rows in self.values.chunks_exact(self.width).collect::<Vec<_>>().windows(3) {
            let (mut row_sum, mut row_squares) = (0_i32, 0_i64);
            for x in 1..self.width - 1 {
                let around = [rows[0][x], rows[2][x], rows[1][x - 1], rows[1][x + 1]];
                let around: i32 = around.into_iter().map(i32::from).sum();
                let laplacian = around - 4 * i32::from(rows[1][x]);
                row_sum += laplacian;
                row_squares += i64::from(laplacian * laplacian);
            }
            sum += i128::from(row_sum);
            squares += i128::from(row_squares);
            count += self.width as i128 - 2;
        }
        let white = u32::from(self.percentile(990)).max(u32::from(u8::MAX) / GAIN_MAX);
        let (full, white) = (i128::from(u8::MAX), i128::from(white));
        let variance = (count * squares - sum * sum) * full * full / (count * count * white * white);
        i32::try_from(variance).unwrap_or(i32::MAX)
    }
}

/// Measures a picture, upright or not. An empty one is blurred and dark.
pub fn measure(pixels: &RgbImage) -> PictureQuality {
    let size = raster::fit(pixels.dimensions(), MEASURED_SIDE);
    let smaller =
        (size != pixels.dimensions()).then(|| raster::resize_rgb(pixels.as_raw(), pixels.dimensions(), size));
    let rgb: &[u8] = smaller.as_deref().unwrap_or(pixels.as_raw());
    let to_usize = |side: u32| usize::try_from(side).expect("a side fits into the address space");
    let (width, height) = (to_usize(size.0), to_usize(size.1));
    let (rgb, _) = rgb.as_chunks::<3>();
    if rgb.is_empty() {
        return PictureQuality { sharpness: 0, glare_permille: 0, brightness_permille: 0 };
    }
    let grey = Grey { width, height, values: rgb.iter().map(|pixel| grey_value(*pixel)).collect() };
    let blown_out: Vec<bool> =
        rgb.iter().map(|pixel| pixel.iter().all(|value| *value >= BLOWN_OUT)).collect();
    let glare = enclosed(blown_out, width, height);
    let permille = |part: usize, all: usize| i32::try_from(part * 1000 / all).unwrap_or(i32::MAX);
    PictureQuality {
        sharpness: grey.sharpness(),
        glare_permille: permille(glare, rgb.len()),
        // The bright parts: a document on a black table is not dark.
        brightness_permille: permille(usize::from(grey.percentile(900)), usize::from(u8::MAX)),
    }
}

fn grey_value([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from((sum + 500) / 1000).unwrap_or(u8::MAX)
}

/// The number of marked pixels that are not connected with the edge of the picture. What is connected is the white
/// background of a scan, not a reflection on the document.
fn enclosed(mut marks: Vec<bool>, width: usize, height: usize) -> usize {
    /// Removes a mark, and remembers to look at what is around it.
    fn visit(marks: &mut [bool], pending: &mut Vec<usize>, index: usize) {
        if std::mem::take(&mut marks[index]) {
            pending.push(index);
        }
    }
    let mut pending = Vec::new();
    for x in 0..width {
        visit(&mut marks, &mut pending, x);
        visit(&mut marks, &mut pending, (height - 1) * width + x);
    }
    for y in 0..height {
        visit(&mut marks, &mut pending, y * width);
        visit(&mut marks, &mut pending, y * width + width - 1);
    }
    while let Some(index) = pending.pop() {
        let (x, y) = (index % width, index / width);
        if x > 0 {
            visit(&mut marks, &mut pending, index - 1);
        }
        if x + 1 < width {
            visit(&mut marks, &mut pending, index + 1);
        }
        if y > 0 {
            visit(&mut marks, &mut pending, index - width);
        }
        if y + 1 < height {
            visit(&mut marks, &mut pending, index + width);
        }
    }
    marks.into_iter().filter(|is_marked| *is_marked).count()
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// Squares of two shades, of 8 by 8 pixels.
    fn squares(width: u32, height: u32, shades: [u8; 2]) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([shades[((x / 8 + y / 8) % 2) as usize]; 3]))
    }

    #[test]
    fn the_exposure_does_not_change_the_sharpness() {
        let (bright, dark) = (measure(&squares(320, 240, [40, 240])), measure(&squares(320, 240, [16, 96])));
        assert!(bright.sharpness > 1000, "{bright:?}");
        assert!((bright.sharpness - dark.sharpness).abs() < bright.sharpness / 20, "{bright:?} {dark:?}");
        assert!(bright.brightness_permille > 900 && dark.brightness_permille < 400, "{bright:?} {dark:?}");
    }

    #[test]
    fn a_reflection_is_measured_and_the_white_around_a_document_is_not() {
        let page = |glare: std::ops::Range<u32>| {
            RgbImage::from_fn(200, 100, |x, y| {
                let is_background = !(20..180).contains(&x) || !(20..80).contains(&y);
                Rgb([if is_background || (glare.contains(&x) && (40..60).contains(&y)) { 255 } else { 120 };
                    3])
            })
        };
        assert_eq!(measure(&page(0..0)).glare_permille, 0);
        assert_eq!(measure(&page(50..100)).glare_permille, 50);
    }

    #[test]
    fn a_picture_of_any_size_and_content_can_be_measured() {
        for (width, height) in [(0, 0), (1, 1), (2, 5), (3, 3), (3000, 2)] {
            let quality = measure(&RgbImage::from_pixel(width, height, Rgb([255; 3])));
            assert_eq!((quality.sharpness, quality.glare_permille), (0, 0), "{width} x {height}");
        }
        assert_eq!(measure(&RgbImage::new(50, 50)).brightness_permille, 0);
    }
}
