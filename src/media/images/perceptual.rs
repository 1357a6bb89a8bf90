//! Finds out whether two pictures are the same one, although it was encoded again, resized or lightly cropped.
//!
//! It takes two steps. The perceptual hash of the crate `image_hasher` selects pictures that look alike. All cards of
//! one template do, whoever they belong to. So in the second step, one picture is laid on the other, in the crop that
//! fits best, and they are compared cell by cell. The same picture differs nowhere by more than another encoding or a
//! small shift explains. The cards of two people differ in the portrait and in the words.
//!
//! A [`Signature`] is all that is needed of the picture that was there first. It is 48 by 36 grey cells: a portrait of
//! a card has some 150 of them, and no word can be read.

use image::{GrayImage, RgbImage};
use image_hasher::{HashAlg, HasherConfig};

use crate::media::images::raster;

/// The cells of a signature.
const COLUMNS: usize = 48;
const ROWS: usize = 36;

/// The pixels of a preview: four by four for each cell.
const PREVIEW_WIDTH: usize = 4 * COLUMNS;
const PREVIEW_HEIGHT: usize = 4 * ROWS;

/// The bytes of a perceptual hash.
pub const HASH_BYTES: usize = 8;

/// Pictures whose hashes differ in more bits are different.
const HASH_DISTANCE_MAX: u32 = 20;

/// The most that can be cropped from a side, as a part of the width or height.
const CROP_MAX: f32 = 0.08;

/// A crop of the same picture makes the means of columns or rows differ by less than this part of what they differ by
/// without it. For another card of the template, the best crop hardly changes them.
const CROP_GAIN: f32 = 0.75;

/// At least this part of the cells must be in both pictures.
const COMMON_MIN: f32 = 0.7;

/// How much the grey value of a cell may differ, in the range from 0 to 255: by encoding, and for each step of grey
/// between the cell and its neighbours, by a shift of the picture.
const NOISE: f32 = 6.0;
const SHIFT_UNCROPPED: f32 = 0.08;
const SHIFT_CROPPED: f32 = 0.2;

/// The part of the cells that may differ more, in the best crop and in one that is not exact.
const OUTLIERS_MAX: f32 = 0.006;
const OUTLIERS_ROUGH_MAX: f32 = 0.05;

/// The perceptual hash of a picture.
pub type Hash = [u8; HASH_BYTES];

/// The grey cells that a picture is recognized by, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature(Vec<u8>);

/// A small grey copy of a picture, from which it is compared with the signatures of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview(Vec<u8>);

impl Signature {
    /// The signature with these cells; `None` if they are not as many as a signature has.
    pub fn of_cells(cells: Vec<u8>) -> Option<Self> {
        (cells.len() == COLUMNS * ROWS).then_some(Self(cells))
    }

    pub fn cells(&self) -> &[u8] {
        &self.0
    }
}

/// In how many bits the hashes of two pictures differ; `None` if these cannot be the same picture.
pub fn distance(first: Hash, second: Hash) -> Option<u32> {
    let distance = (u64::from_be_bytes(first) ^ u64::from_be_bytes(second)).count_ones();
    (distance <= HASH_DISTANCE_MAX).then_some(distance)
}

/// Whether two pictures with these hashes may be the same.
pub fn look_alike(first: Hash, second: Hash) -> bool {
    distance(first, second).is_some()
}

impl Preview {
    /// The preview of a picture; `None` if it has no pixels.
    pub fn of(pixels: &RgbImage) -> Option<Self> {
        if pixels.is_empty() {
            return None;
        }
        let size = (to_u32(PREVIEW_WIDTH), to_u32(PREVIEW_HEIGHT));
        let rgb = raster::resize_rgb(pixels.as_raw(), pixels.dimensions(), size);
        let (rgb, _) = rgb.as_chunks::<3>();
        Some(Self(rgb.iter().map(|pixel| grey(*pixel)).collect()))
    }

    /// The preview of these bytes; `None` if they are not as many as a preview has.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == PREVIEW_WIDTH * PREVIEW_HEIGHT).then_some(Self(bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The perceptual hash, from the crate `image_hasher`.
    pub fn hash(&self) -> Hash {
        let picture = GrayImage::from_raw(to_u32(PREVIEW_WIDTH), to_u32(PREVIEW_HEIGHT), self.0.clone());
        let picture = picture.expect("a preview has as many pixels as its size says");
        let hasher = HasherConfig::with_bytes_type::<Hash>().hash_alg(HashAlg::Median).preproc_dct();
        hasher.to_hasher().hash_image(&picture).into_inner()
    }

    pub fn signature(&self) -> Signature {
        let average = |cell: usize| {
            let (left, top) = (cell % COLUMNS * 4, cell / COLUMNS * 4);
            let rows = (top..top + 4).map(|y| &self.0[y * PREVIEW_WIDTH + left..][..4]);
            let sum: u32 = rows.flatten().map(|value| u32::from(*value)).sum();
            u8::try_from((sum + 8) / 16).unwrap_or(u8::MAX)
        };
        Signature((0..COLUMNS * ROWS).map(average).collect())
    }
}

fn grey([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from((sum + 500) / 1000).unwrap_or(u8::MAX)
}

/// Where the first and the last edge of another picture are in this one, from 0 to 1 in the direction of one axis. An
/// edge that was cropped from this picture is outside.
type Edges = (f32, f32);

const WHOLE: Edges = (0.0, 1.0);

/// A picture that is compared with others.
pub struct Comparison {
    /// The sums of all pixels above and to the left, with one row and one column more than the preview.
    sums: Vec<f32>,
}

impl Comparison {
    pub fn new(preview: &Preview) -> Self {
        let stride = PREVIEW_WIDTH + 1;
        let mut sums = vec![0.0; stride * (PREVIEW_HEIGHT + 1)];
        for (y, row) in preview.0.chunks_exact(PREVIEW_WIDTH).enumerate() {
            // Below 2^24, so that each sum is exact.
            let mut row_sum = 0.0;
            for (x, value) in row.iter().enumerate() {
                row_sum += f32::from(*value);
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row_sum;
            }
        }
        Self { sums }
    }

    /// Whether this is the picture with that signature.
    pub fn matches(&self, signature: &Signature) -> bool {
        let cells = &signature.0;
        if self.difference(cells, WHOLE, WHOLE, SHIFT_UNCROPPED).is_same() {
            return true;
        }
        let columns = find_crop(&profile(cells, |index| index % COLUMNS, COLUMNS), &self.column_sums());
        let rows = find_crop(&profile(cells, |index| index / COLUMNS, ROWS), &self.row_sums());
        let is_cropped = columns.is_some() || rows.is_some();
        is_cropped && self.refined(cells, columns.unwrap_or(WHOLE), rows.unwrap_or(WHOLE)).is_same()
    }

    /// The sums of the columns from the left, in units in which the sum of all is the number of columns times the mean.
    fn column_sums(&self) -> Vec<f32> {
        let last_row = &self.sums[PREVIEW_HEIGHT * (PREVIEW_WIDTH + 1)..];
        last_row.iter().map(|sum| sum / to_f32(PREVIEW_HEIGHT)).collect()
    }

    fn row_sums(&self) -> Vec<f32> {
        let last_column = self.sums.iter().skip(PREVIEW_WIDTH).step_by(PREVIEW_WIDTH + 1);
        last_column.map(|sum| sum / to_f32(PREVIEW_WIDTH)).collect()
    }

    /// The difference in the best crop that is close to the given one.
    fn refined(&self, cells: &[u8], mut columns: Edges, mut rows: Edges) -> Difference {
        let mut best = self.difference(cells, columns, rows, SHIFT_CROPPED);
        for step in [0.008_f32, 0.004, 0.002, 0.001] {
            let mut is_better = true;
            while std::mem::take(&mut is_better) {
                for (edge, by) in (0..4).flat_map(|edge| [(edge, step), (edge, -step)]) {
                    let (mut columns_tried, mut rows_tried) = (columns, rows);
                    *[&mut columns_tried.0, &mut columns_tried.1, &mut rows_tried.0, &mut rows_tried.1]
                        [edge] += by;
                    let tried = self.difference(cells, columns_tried, rows_tried, SHIFT_CROPPED);
                    if tried.mean < best.mean {
                        (best, columns, rows, is_better) = (tried, columns_tried, rows_tried, true);
                    }
                }
            }
            // The crop is now known to a fifth of a cell.
            if step < 0.005 && best.outliers > OUTLIERS_ROUGH_MAX {
                break;
            }
        }
        best
    }

    /// How much this picture, in that crop, differs from the cells.
    fn difference(&self, cells: &[u8], columns: Edges, rows: Edges, shift: f32) -> Difference {
        let (xs, ys) = (positions(columns, COLUMNS), positions(rows, ROWS));
        let sums: Vec<Vec<f32>> = ys.iter().map(|y| self.sums_at(*y, &xs)).collect();
        let (mut common, mut outliers, mut total) = (0_usize, 0_usize, 0.0);
        for row in (0..ROWS).filter(|row| is_inside(ys[*row], ys[row + 1])) {
            for column in (0..COLUMNS).filter(|column| is_inside(xs[*column], xs[column + 1])) {
                let sum = sums[row + 1][column + 1] - sums[row][column + 1] - sums[row + 1][column]
                    + sums[row][column];
                let area = (xs[column + 1] - xs[column]) * (ys[row + 1] - ys[row]);
                let area = area * to_f32(PREVIEW_WIDTH) * to_f32(PREVIEW_HEIGHT);
                let difference = (sum / area - f32::from(cells[row * COLUMNS + column])).abs();
                common += 1;
                total += difference;
                if difference > NOISE && difference > NOISE + shift * f32::from(steepness(cells, row, column))
                {
                    outliers += 1;
                }
            }
        }
        let is_large_enough = to_f32(common) >= COMMON_MIN * to_f32(COLUMNS * ROWS);
        let mean = if is_large_enough { total / to_f32(common) } else { f32::INFINITY };
        Difference { mean, outliers: to_f32(outliers) / to_f32(common.max(1)) }
    }

    /// The sums of the pixels above `y` and to the left of each of `xs`, interpolated between pixels.
    fn sums_at(&self, y: f32, xs: &[f32]) -> Vec<f32> {
        let stride = PREVIEW_WIDTH + 1;
        let (row, below) = split(y, PREVIEW_HEIGHT);
        let at = |x: usize| {
            let above = self.sums[row * stride + x];
            above + below * (self.sums[(row + 1) * stride + x] - above)
        };
        let interpolate = |x: &f32| {
            let (column, beyond) = split(*x, PREVIEW_WIDTH);
            let left = at(column);
            left + beyond * (at(column + 1) - left)
        };
        xs.iter().map(interpolate).collect()
    }
}

/// How much two pictures differ.
#[derive(Debug, Clone, Copy)]
struct Difference {
    /// The mean of all cells.
    mean: f32,
    /// The part of the cells that differ more than an encoding or a shift explains.
    outliers: f32,
}

impl Difference {
    fn is_same(self) -> bool {
        self.mean <= NOISE && self.outliers <= OUTLIERS_MAX
    }
}

/// The greatest step of grey between a cell and its neighbours.
fn steepness(cells: &[u8], row: usize, column: usize) -> u8 {
    let at = |row: usize, column: usize| cells[row * COLUMNS + column];
    let own = at(row, column);
    let (mut least, mut most) = (own, own);
    for (row, column) in [
        (row.saturating_sub(1), column),
        ((row + 1).min(ROWS - 1), column),
        (row, column.saturating_sub(1)),
        (row, (column + 1).min(COLUMNS - 1)),
    ] {
        least = least.min(at(row, column));
        most = most.max(at(row, column));
    }
    (own - least).max(most - own)
}

/// The means of the columns or rows of cells.
fn profile(cells: &[u8], line_of: impl Fn(usize) -> usize, lines: usize) -> Vec<f32> {
    let mut sums = vec![0.0; lines];
    for (index, cell) in cells.iter().enumerate() {
        sums[line_of(index)] += f32::from(*cell);
    }
    let per_line = to_f32(cells.len() / lines);
    sums.iter().map(|sum| sum / per_line).collect()
}

/// The edges of the other picture with this profile in the picture whose lines have these sums; `None` if no crop fits
/// clearly better than the whole.
fn find_crop(profile: &[f32], sums: &[f32]) -> Option<Edges> {
    let mut best = None;
    let of_whole = profile_difference(profile, sums, WHOLE);
    let mut least = of_whole;
    let mut attempt = |edges: Edges, best: &mut Option<Edges>| {
        let difference = profile_difference(profile, sums, edges);
        // A small improvement is chance.
        if difference < 0.97 * least {
            least = difference;
            *best = Some(edges);
        }
    };
    for (first, last) in pairs(4, CROP_MAX / 4.0) {
        attempt((first, 1.0 + last), &mut best);
    }
    for step in [CROP_MAX / 8.0, CROP_MAX / 16.0, CROP_MAX / 32.0] {
        let around = best.unwrap_or(WHOLE);
        for (first, last) in pairs(1, step) {
            attempt((around.0 + first, around.1 + last), &mut best);
        }
    }
    best.filter(|_| least < CROP_GAIN * of_whole)
}

/// All pairs of multiples of `step` up to `count` times it, of both signs.
fn pairs(count: i8, step: f32) -> impl Iterator<Item = (f32, f32)> {
    let multiples = move || (-count..=count).map(move |number| f32::from(number) * step);
    multiples().flat_map(move |first| multiples().map(move |last| (first, last)))
}

/// The mean difference of two profiles, regardless of their brightness.
fn profile_difference(profile: &[f32], sums: &[f32], edges: Edges) -> f32 {
    let lines = sums.len() - 1;
    let positions = positions(edges, profile.len());
    let sum_at = |at: f32| {
        let (line, beyond) = split(at, lines);
        sums[line] + beyond * (sums[line + 1] - sums[line])
    };
    let mut differences = Vec::with_capacity(profile.len());
    for (ends, mean) in positions.windows(2).zip(profile) {
        if is_inside(ends[0], ends[1]) {
            let width = (ends[1] - ends[0]) * to_f32(lines);
            differences.push((sum_at(ends[1]) - sum_at(ends[0])) / width - mean);
        }
    }
    let count = to_f32(differences.len());
    if count < COMMON_MIN.sqrt() * to_f32(profile.len()) {
        return f32::INFINITY;
    }
    let offset = differences.iter().sum::<f32>() / count;
    differences.iter().map(|difference| (difference - offset).abs()).sum::<f32>() / count
}

/// The borders of `count` equal parts between the edges.
fn positions((first, last): Edges, count: usize) -> Vec<f32> {
    let part = (last - first) / to_f32(count);
    (0..=count).map(|number| first + part * to_f32(number)).collect()
}

fn is_inside(from: f32, to: f32) -> bool {
    const TOLERANCE: f32 = 0.001;
    from >= -TOLERANCE && to <= 1.0 + TOLERANCE
}

/// The line in which a position from 0 to 1 is, and how far in it, from 0 to 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to the lines")]
fn split(position: f32, lines: usize) -> (usize, f32) {
    let scaled = (position * to_f32(lines)).clamp(0.0, to_f32(lines));
    let line = (scaled as usize).min(lines - 1);
    (line, scaled - to_f32(line))
}

#[expect(clippy::cast_precision_loss, reason = "all numbers here are small")]
fn to_f32(number: usize) -> f32 {
    number as f32
}

fn to_u32(side: usize) -> u32 {
    u32::try_from(side).expect("the sides are small")
}
