//! Where a picture's file ends, and how large the pictures in it claim to be.
//!
//! Decoders stop as soon as they have their pixels: they neither mind what follows nor, in the case
//! of JPEG, that something is missing (they paint it grey). Whether a file is one whole picture and
//! nothing else, which keeps out both broken uploads and files that are a picture and a program at
//! once, is therefore decided here, from the container alone and before any decoder runs.
//!
//! Sizes are checked wherever a decoder would read one, not only at the top: a WebP of 1 x 1 may
//! hold a frame of 16,383 x 16,383, for which memory would be taken before the two are compared.

use image::ImageFormat;

use crate::media::images::{Bounds, Unreadable};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

// Bytes per pixel that a WebP decoder holds beside its result: planes of luma and chroma; whole
// pixels of lossless coding; the planes and an alpha channel on its way; a canvas under a frame.
const WEBP_LOSSY: u64 = 2;
const WEBP_LOSSLESS: u64 = 4;
const WEBP_LOSSY_ALPHA: u64 = 7;
const WEBP_CANVAS: u64 = 8;

/// What the walk through a file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) format: ImageFormat,
    /// Bytes per pixel that decoding takes beside the decoded pixels.
    pub(super) scratch: u64,
}

/// Walks through the whole file: it must begin, and end, with one picture within bounds.
pub(super) fn walk(input: &[u8], bounds: &Bounds) -> Result<Found, Unreadable> {
    let (format, scratch) = if let Some(rest) = input.strip_prefix(PNG_SIGNATURE) {
        (ImageFormat::Png, png(Rest(rest), bounds)?)
    } else if input.starts_with(b"RIFF") && input.get(8..12) == Some(b"WEBP") {
        (ImageFormat::WebP, webp(Rest(input), bounds)?)
    } else if input.starts_with(&[0xFF, 0xD8, 0xFF]) {
        (ImageFormat::Jpeg, jpegs(Rest(input), bounds)?)
    } else {
        return Err(Unreadable::UnknownFormat);
    };
    Ok(Found { format, scratch })
}

/// The bytes not walked yet; taking more than there are means that the file was cut off.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unreadable::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Unreadable::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn end(&self) -> Result<(), Unreadable> {
        if self.0.is_empty() { Ok(()) } else { Err(Unreadable::Trailing) }
    }
}

/// A length as the file gives it; one that memory cannot address is longer than any file.
fn length(claimed: u32) -> usize {
    usize::try_from(claimed).unwrap_or(usize::MAX)
}

fn png(mut rest: Rest, bounds: &Bounds) -> Result<u64, Unreadable> {
    let mut first = true;
    loop {
        let size = length(u32::from_be_bytes(rest.array()?));
        let kind: [u8; 4] = rest.array()?;
        if first != (&kind == b"IHDR") {
            return Err(Unreadable::Damaged);
        }
        first = false;
        let mut body = Rest(rest.take(size)?);
        // The checksum; the decoder compares it wherever it matters.
        rest.array::<4>()?;
        match &kind {
            b"IHDR" => {
                let width = u32::from_be_bytes(body.array()?);
                let height = u32::from_be_bytes(body.array()?);
                bounds.admit(width, height)?;
            }
            b"IEND" => return rest.end().map(|()| 0),
            _ => {}
        }
    }
}

fn webp(mut rest: Rest, bounds: &Bounds) -> Result<u64, Unreadable> {
    let [_, _, _, _, size @ ..] = rest.array::<8>()?;
    let size = length(u32::from_le_bytes(size));
    let mut content = Rest(rest.take(size)?);
    if size % 2 == 1 && rest.0 == [0] {
        // What is odd is padded, though writers differ on whether the pad counts.
        rest.take(1)?;
    }
    rest.end()?;
    content.take(b"WEBP".len())?;
    webp_chunks(content, bounds, false)
}

/// The chunks of a WebP, or of one frame of it. They fill `rest` exactly.
fn webp_chunks(mut rest: Rest, bounds: &Bounds, in_frame: bool) -> Result<u64, Unreadable> {
    let mut scratch = 0;
    while !rest.0.is_empty() {
        let kind: [u8; 4] = rest.array()?;
        let size = length(u32::from_le_bytes(rest.array()?));
        let mut body = Rest(rest.take(size)?);
        if size % 2 == 1 && !rest.0.is_empty() {
            rest.take(1)?;
        }
        let needed = match &kind {
            b"VP8X" => {
                let [_, _, _, _, w0, w1, w2, h0, h1, h2] = body.array()?;
                let width = u32::from_le_bytes([w0, w1, w2, 0]) + 1;
                bounds.admit(width, u32::from_le_bytes([h0, h1, h2, 0]) + 1)?;
                0
            }
            b"VP8 " => {
                let [_, _, _, _, _, _, w0, w1, h0, h1] = body.array()?;
                // The two highest bits ask for a scale, which decoders ignore.
                let [width, height] = [[w0, w1], [h0, h1]].map(u16::from_le_bytes);
                bounds.admit((width & 0x3FFF).into(), (height & 0x3FFF).into())?;
                WEBP_LOSSY
            }
            b"VP8L" => {
                let [_, header @ ..] = body.array::<5>()?;
                let sides = u32::from_le_bytes(header);
                bounds.admit((sides & 0x3FFF) + 1, ((sides >> 14) & 0x3FFF) + 1)?;
                WEBP_LOSSLESS
            }
            b"ALPH" => WEBP_LOSSY_ALPHA,
            // Frames hold no frames: following such would let a file dig through the stack.
            b"ANMF" if !in_frame => {
                body.take(16)?;
                WEBP_CANVAS + webp_chunks(body, bounds, true)?
            }
            _ => 0,
        };
        scratch = scratch.max(needed);
    }
    Ok(scratch)
}

/// One JPEG, and whatever whole ones a camera put behind it (previews, depth, gain maps).
fn jpegs(mut rest: Rest, bounds: &Bounds) -> Result<u64, Unreadable> {
    let scratch = jpeg(&mut rest, bounds)?;
    loop {
        while let [0, after @ ..] = rest.0 {
            rest.0 = after;
        }
        if !rest.0.starts_with(&[0xFF, 0xD8, 0xFF]) {
            return rest.end().map(|()| scratch);
        }
        jpeg(&mut rest, bounds)?;
    }
}

/// From a start-of-image marker up to its end-of-image marker.
fn jpeg(rest: &mut Rest, bounds: &Bounds) -> Result<u64, Unreadable> {
    rest.take(2)?;
    let mut components = None;
    let mut scanned = false;
    let mut scratch = 0;
    loop {
        let marker = marker(rest)?;
        if marker == 0xD9 {
            return if scanned { Ok(scratch) } else { Err(Unreadable::Damaged) };
        }
        // Stuffing, restarts and a second start have no place between segments.
        if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8) {
            return Err(Unreadable::Damaged);
        }
        let size = usize::from(u16::from_be_bytes(rest.array()?));
        let mut body = Rest(rest.take(size.checked_sub(2).ok_or(Unreadable::Damaged)?)?);
        match marker {
            0xC0..=0xC2 => {
                let [precision, h0, h1, w0, w1, count] = body.array()?;
                let [height, width] = [[h0, h1], [w0, w1]].map(u16::from_be_bytes);
                bounds.admit(width.into(), height.into())?;
                if precision != 8 {
                    return Err(Unreadable::Unsupported);
                }
                components = Some(count);
                if marker == 0xC2 {
                    scratch = coefficients(count);
                }
            }
            // Lossless, hierarchical and arithmetic coding (C4, C8 and CC are no frames).
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return Err(Unreadable::Unsupported),
            0xDA => {
                let count = components.ok_or(Unreadable::Damaged)?;
                let [in_scan] = body.array()?;
                if in_scan < count {
                    scratch = coefficients(count);
                }
                scanned = true;
                skip_entropy_coded(rest)?;
            }
            _ => {}
        }
    }
}

/// Scans that hold less than the picture make a decoder keep 16 bits of each component.
fn coefficients(components: u8) -> u64 {
    2 * u64::from(components)
}

/// The next marker; any number of fill bytes may precede it.
fn marker(rest: &mut Rest) -> Result<u8, Unreadable> {
    let [mut byte] = rest.array()?;
    if byte != 0xFF {
        return Err(Unreadable::Damaged);
    }
    while byte == 0xFF {
        [byte] = rest.array()?;
    }
    Ok(byte)
}

/// Goes to the marker that ends a scan: neither a stuffed FF nor a restart does.
fn skip_entropy_coded(rest: &mut Rest) -> Result<(), Unreadable> {
    loop {
        let data = rest.0.iter().take_while(|byte| **byte != 0xFF).count();
        rest.take(data)?;
        match rest.0 {
            [0xFF, 0x00 | 0xD0..=0xD7, after @ ..] => rest.0 = after,
            [0xFF, _, ..] => return Ok(()),
            _ => return Err(Unreadable::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
