//! The structure of a JPEG: its segments, and what follows from them about the picture.
//!
//! Cameras write files that no standard allows: bytes between segments, no end marker, and whole files behind the
//! picture. So the decoder gets a stream that is built anew from the segments that it needs ([`JpegFile::stream`]).

use std::borrow::Cow;
use std::ops::Range;

use crate::media::images::container::Reader;
use crate::media::images::{Bounds, InvalidImage};

/// The most scans of a progressive JPEG. Usual ones have ten. Each scan costs a pass over the whole picture, and
/// takes only a few bytes of the file.
const SCANS_MAX: usize = 100;

/// Follows the data of each scan in the stream: 32 bytes of ones, each with its stuffed zero. No code consists
/// only of ones, so a decoder that needs more data than there is fails here instead of inventing a grey area.
const PADDING: [u8; 64] = {
    let mut padding = [0; 64];
    let mut index = 0;
    while index < padding.len() {
        padding[index] = 0xFF;
        index += 2;
    }
    padding
};

const END_OF_IMAGE: u8 = 0xD9;

/// One component (colour plane) of the picture.
#[derive(Debug, Clone, Copy)]
struct Component {
    id: u8,
    /// How many blocks it has, horizontally and vertically, in each unit of the picture.
    sampling: (u64, u64),
    /// The coefficients that some scan has brought to full precision, as bits.
    finished: u64,
}

/// A JPEG that is complete as far as its segments tell.
#[derive(Debug)]
pub struct JpegFile<'a> {
    pub width: u32,
    pub height: u32,
    is_progressive: bool,
    components: Vec<Component>,
    has_jfif: bool,
    /// The transform in the segment of Adobe.
    adobe_transform: Option<u8>,
    /// The metadata of EXIF, from its TIFF header.
    pub exif: Option<&'a [u8]>,
    /// The parts of the colour profile with their numbers and the number of all.
    profile_parts: Vec<(u8, u8, &'a [u8])>,
    /// What the decoder needs, in order.
    parts: Vec<Part<'a>>,
}

/// A part of the stream for the decoder.
#[derive(Debug)]
enum Part<'a> {
    /// A segment with its marker.
    Segment(&'a [u8]),
    /// The data of a scan.
    Scan(Cow<'a, [u8]>),
}

/// How the samples of a picture stand for colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleModel {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    /// Four inks, three of them coded as luma and chroma.
    Ycck,
}

/// A JPEG for the decoder.
pub struct JpegStream {
    pub bytes: Vec<u8>,
    /// Where the data of each scan ends, and what the file did not have begins.
    padding: Vec<Range<usize>>,
}

impl JpegStream {
    /// Whether a decoder that has read up to `position` was missing data.
    pub fn is_in_padding(&self, position: usize) -> bool {
        // A decoder reads a few bytes ahead.
        self.padding.iter().any(|range| range.start < position && position <= range.end + 16)
    }
}

/// Reads the segments of a JPEG up to the end of its picture. What follows is ignored, as are pictures that are
/// appended to it (previews, depth, gain maps).
pub fn inspect<'a>(input: &'a [u8], bounds: &Bounds) -> Result<JpegFile<'a>, InvalidImage> {
    let mut rest = Reader(input);
    rest.take(2)?;
    let mut file = JpegFile {
        width: 0,
        height: 0,
        is_progressive: false,
        components: Vec::new(),
        has_jfif: false,
        adobe_transform: None,
        exif: None,
        profile_parts: Vec::new(),
        parts: Vec::new(),
    };
    let mut scans = 0;
    loop {
        let segment = next_segment(&mut rest)?;
        let Some(body) = segment.body else {
            return Err(if scans > 0 { InvalidImage::Truncated } else { InvalidImage::Damaged });
        };
        match segment.marker {
            0xC0..=0xC2 => file.read_frame(segment.marker, Reader(body), bounds)?,
            // Lossless, hierarchical and arithmetic coding. C4, C8 and CC do not start frames.
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return Err(InvalidImage::Unsupported),
            0xE0..=0xEF => {
                file.read_application_data(segment.marker, body);
                continue;
            }
            0xC4 | 0xDA | 0xDB | 0xDD => {}
            // Comments, and what decoders do not need.
            _ => continue,
        }
        file.parts.push(Part::Segment(segment.bytes));
        if segment.marker == 0xDA {
            scans += 1;
            if scans > SCANS_MAX {
                return Err(InvalidImage::Unsupported);
            }
            file.read_scan_header(Reader(body))?;
            file.parts.push(Part::Scan(take_entropy_coded(&mut rest)));
            if file.components.iter().all(|component| component.finished == u64::MAX) {
                return Ok(file);
            }
        }
    }
}

/// The width and height in the header of a JPEG; `None` if there is none.
pub fn claimed_size(input: &[u8]) -> Option<(u32, u32)> {
    let mut rest = Reader(input);
    rest.take(2).ok()?;
    loop {
        let segment = next_segment(&mut rest).ok()?;
        let is_frame = matches!(segment.marker, 0xC0..=0xCF) && !matches!(segment.marker, 0xC4 | 0xC8 | 0xCC);
        match segment.body? {
            [_, h0, h1, w0, w1, ..] if is_frame => {
                return Some((u16::from_be_bytes([*w0, *w1]).into(), u16::from_be_bytes([*h0, *h1]).into()));
            }
            _ if segment.marker == 0xDA => return None,
            _ => {}
        }
    }
}

impl<'a> JpegFile<'a> {
    fn read_frame(&mut self, marker: u8, mut body: Reader<'a>, bounds: &Bounds) -> Result<(), InvalidImage> {
        if !self.components.is_empty() {
            return Err(InvalidImage::Unsupported);
        }
        let [precision, h0, h1, w0, w1, count] = body.array()?;
        let [height, width] = [[h0, h1], [w0, w1]].map(u16::from_be_bytes);
        bounds.check_size(width.into(), height.into())?;
        if precision != 8 || !matches!(count, 1 | 3 | 4) {
            return Err(InvalidImage::Unsupported);
        }
        for _ in 0..count {
            let [id, sampling, _] = body.array()?;
            let sampling = (u64::from(sampling >> 4), u64::from(sampling & 15));
            if !(1..=4).contains(&sampling.0) || !(1..=4).contains(&sampling.1) {
                return Err(InvalidImage::Damaged);
            }
            self.components.push(Component { id, sampling, finished: 0 });
        }
        (self.width, self.height) = (width.into(), height.into());
        self.is_progressive = marker == 0xC2;
        Ok(())
    }

    fn read_scan_header(&mut self, mut body: Reader<'a>) -> Result<(), InvalidImage> {
        let [count] = body.array()?;
        let ids = body.take(2 * usize::from(count))?;
        let [first, last, precision] = body.array()?;
        // The lower half has the number of bits that are still missing after this scan.
        let missing_bits = precision & 0x0F;
        let finished = match (first, last) {
            _ if !self.is_progressive => u64::MAX,
            (0..64, 0..64) if first <= last && missing_bits == 0 => {
                (u64::MAX >> (63 - (last - first))) << first
            }
            _ => 0,
        };
        for id in ids.iter().step_by(2) {
            let component = self.components.iter_mut().find(|component| component.id == *id);
            component.ok_or(InvalidImage::Damaged)?.finished |= finished;
        }
        Ok(())
    }

    fn read_application_data(&mut self, marker: u8, body: &'a [u8]) {
        match marker {
            0xE0 if body.starts_with(b"JFIF\0") => self.has_jfif = true,
            0xE1 if self.exif.is_none() => self.exif = body.strip_prefix(b"Exif\0\0"),
            0xE2 => {
                if let Some([number, count, part @ ..]) = body.strip_prefix(b"ICC_PROFILE\0") {
                    self.profile_parts.push((*number, *count, part));
                }
            }
            0xEE if body.starts_with(b"Adobe") => self.adobe_transform = body.get(11).copied(),
            _ => {}
        }
    }

    /// The embedded colour profile; `None` if there is none, or a part is missing.
    pub fn profile(&self) -> Option<Vec<u8>> {
        let mut parts = self.profile_parts.clone();
        parts.sort_by_key(|(number, ..)| *number);
        let (_, count, _) = *parts.first()?;
        let numbers = parts.iter().map(|(number, of, _)| (*number, *of));
        let is_complete = numbers.eq((1..=count).map(|number| (number, count)));
        is_complete.then(|| parts.iter().flat_map(|(.., part)| *part).copied().collect())
    }

    /// How the samples stand for colours, as libjpeg guesses it.
    pub fn sample_model(&self) -> SampleModel {
        let has_rgb_ids = || self.components.iter().map(|component| component.id).eq(*b"RGB");
        let is_rgb = self.adobe_transform.map_or_else(has_rgb_ids, |transform| transform == 0);
        match self.components.len() {
            1 => SampleModel::Grey,
            4 if self.adobe_transform == Some(2) => SampleModel::Ycck,
            4 => SampleModel::Cmyk,
            _ if is_rgb && !self.has_jfif => SampleModel::Rgb,
            _ => SampleModel::YCbCr,
        }
    }

    /// The memory to decode the picture, with blocks of `block_side` instead of 8 pixels.
    pub fn decode_bytes(&self, block_side: u64) -> u64 {
        let max = |side: fn((u64, u64)) -> u64| {
            self.components.iter().map(|component| side(component.sampling)).max().unwrap_or(1)
        };
        let units = |side: u32, max: u64| u64::from(side).div_ceil(8 * max);
        let units = units(self.width, max(|(h, _)| h)) * units(self.height, max(|(_, v)| v));
        let blocks_of_unit: u64 =
            self.components.iter().map(|component| component.sampling.0 * component.sampling.1).sum();
        let blocks = units * blocks_of_unit;
        // A progressive JPEG needs all of its coefficients at once, with 16 bits each.
        let coefficients = if self.is_progressive { blocks * 64 * 2 } else { 0 };
        let planes = blocks * block_side * block_side;
        let scaled = |side: u32| (u64::from(side) * block_side).div_ceil(8);
        let pixels = scaled(self.width) * scaled(self.height) * self.components.len() as u64;
        coefficients + planes + pixels
    }

    /// The picture alone, by the standard.
    pub fn stream(&self) -> JpegStream {
        let mut bytes = vec![0xFF, 0xD8];
        let mut padding = Vec::new();
        for part in &self.parts {
            match part {
                Part::Segment(segment) => bytes.extend_from_slice(segment),
                Part::Scan(data) => {
                    bytes.extend_from_slice(data);
                    padding.push(bytes.len()..bytes.len() + PADDING.len());
                    bytes.extend_from_slice(&PADDING);
                }
            }
        }
        bytes.extend_from_slice(&[0xFF, END_OF_IMAGE]);
        JpegStream { bytes, padding }
    }
}

/// A marker, and what belongs to it.
struct Segment<'a> {
    marker: u8,
    /// All of its bytes, from the marker on.
    bytes: &'a [u8],
    /// `None` at the end of the image.
    body: Option<&'a [u8]>,
}

/// Reads the next segment. Bytes in front of its marker are skipped, as libjpeg does: some cameras leave some.
fn next_segment<'a>(rest: &mut Reader<'a>) -> Result<Segment<'a>, InvalidImage> {
    loop {
        let skipped = rest.0.iter().take_while(|byte| **byte != 0xFF).count();
        rest.take(skipped)?;
        // Any number of fill bytes can be in front of a marker.
        let fill = rest.0.iter().take_while(|byte| **byte == 0xFF).count();
        rest.take(fill.saturating_sub(1))?;
        let start = rest.0;
        let [_, marker] = rest.array()?;
        match marker {
            // Stuffed bytes and restart markers have no meaning here.
            0x00 | 0x01 | 0xD0..=0xD7 => {}
            0xD8 => return Err(InvalidImage::Damaged),
            END_OF_IMAGE => return Ok(Segment { marker, bytes: &start[..2], body: None }),
            _ => {
                let size = usize::from(u16::from_be_bytes(rest.array()?));
                let body = rest.take(size.checked_sub(2).ok_or(InvalidImage::Damaged)?)?;
                return Ok(Segment { marker, bytes: &start[..size + 2], body: Some(body) });
            }
        }
    }
}

/// Takes the data of a scan, up to the next marker or the end of the file. Stuffed bytes and restart markers do not
/// end it, and fill bytes in front of these are left out. The decoder finds out whether the data are complete.
fn take_entropy_coded<'a>(rest: &mut Reader<'a>) -> Cow<'a, [u8]> {
    let start = rest.0;
    let mut has_fill = false;
    loop {
        let data = rest.0.iter().take_while(|byte| **byte != 0xFF).count();
        rest.0 = &rest.0[data..];
        let ones = rest.0.iter().take_while(|byte| **byte == 0xFF).count();
        let Some(0x00 | 0xD0..=0xD7) = rest.0.get(ones) else { break };
        has_fill |= ones > 1;
        rest.0 = &rest.0[ones + 1..];
    }
    let taken = &start[..start.len() - rest.0.len()];
    if !has_fill {
        return Cow::Borrowed(taken);
    }
    let is_fill = |index: usize| taken[index] == 0xFF && taken.get(index + 1) == Some(&0xFF);
    Cow::Owned((0..taken.len()).filter(|index| !is_fill(*index)).map(|index| taken[index]).collect())
}
