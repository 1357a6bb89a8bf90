//! Checks the container of an image file, before any decoder reads it: that the file is exactly one complete
//! image, and that the sizes in it are within bounds.
//!
//! Decoders do not check this: they stop as soon as they have their pixels, ignore what follows, and paint
//! missing parts of a JPEG grey. The check rejects incomplete uploads, and files that are an image and a
//! program at the same time.
//!
//! Every size that a decoder would read is checked, not only the first: a WebP of 1 x 1 pixels can contain a
//! frame of 16,383 x 16,383, and the decoder allocates memory for it before it compares the two.
//!
//! To add a format: a case in [`inspect`] and a function that reads its structure; its decoder by a feature
//! of the crate `image`; a sample in `samples.rs`.

use image::ImageFormat;

use crate::media::images::{Bounds, InvalidImage};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

// Working memory of the WebP decoder in bytes per pixel, besides the result: planes of luma and chroma;
// pixels of lossless coding; planes with an alpha channel; the canvas under a frame.
const WEBP_LOSSY: u64 = 2;
const WEBP_LOSSLESS: u64 = 4;
const WEBP_LOSSY_ALPHA: u64 = 7;
const WEBP_CANVAS: u64 = 8;

/// The format of a file, and the memory to decode it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileInfo {
    pub(super) format: ImageFormat,
    /// Working memory of the decoder, besides the decoded pixels.
    pub(super) scratch_bytes_per_pixel: u64,
}

/// Reads the structure of the whole file, which must be exactly one image within bounds.
pub(super) fn inspect(input: &[u8], bounds: &Bounds) -> Result<FileInfo, InvalidImage> {
    let (format, scratch_bytes_per_pixel) = if let Some(rest) = input.strip_prefix(PNG_SIGNATURE) {
        (ImageFormat::Png, inspect_png(Reader(rest), bounds)?)
    } else if input.starts_with(b"RIFF") && input.get(8..12) == Some(b"WEBP") {
        (ImageFormat::WebP, inspect_webp(Reader(input), bounds)?)
    } else if input.starts_with(&[0xFF, 0xD8, 0xFF]) {
        (ImageFormat::Jpeg, inspect_jpegs(Reader(input), bounds)?)
    } else {
        return Err(InvalidImage::UnknownFormat);
    };
    Ok(FileInfo { format, scratch_bytes_per_pixel })
}

/// The bytes that are not read yet. Reading past the end means that the file is truncated.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], InvalidImage> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(InvalidImage::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InvalidImage> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(InvalidImage::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn expect_end(&self) -> Result<(), InvalidImage> {
        if self.0.is_empty() { Ok(()) } else { Err(InvalidImage::Trailing) }
    }
}

/// Converts a length that the file claims. A length that does not fit is longer than any file.
fn to_usize(claimed: u32) -> usize {
    usize::try_from(claimed).unwrap_or(usize::MAX)
}

/// Returns the working memory of the decoder in bytes per pixel, as the functions for the other formats do.
fn inspect_png(mut rest: Reader, bounds: &Bounds) -> Result<u64, InvalidImage> {
    let mut first = true;
    loop {
        let size = to_usize(u32::from_be_bytes(rest.array()?));
        let kind: [u8; 4] = rest.array()?;
        if first != (&kind == b"IHDR") {
            return Err(InvalidImage::Damaged);
        }
        first = false;
        let mut body = Reader(rest.take(size)?);
        // Skip the checksum. The decoder verifies it if it matters.
        rest.array::<4>()?;
        match &kind {
            b"IHDR" => {
                let width = u32::from_be_bytes(body.array()?);
                let height = u32::from_be_bytes(body.array()?);
                bounds.check_size(width, height)?;
            }
            b"IEND" => return rest.expect_end().map(|()| 0),
            _ => {}
        }
    }
}

fn inspect_webp(mut rest: Reader, bounds: &Bounds) -> Result<u64, InvalidImage> {
    let [_, _, _, _, size @ ..] = rest.array::<8>()?;
    let size = to_usize(u32::from_le_bytes(size));
    let mut content = Reader(rest.take(size)?);
    if size % 2 == 1 && rest.0 == [0] {
        // An odd length is padded, but writers disagree whether the padding is part of the length.
        rest.take(1)?;
    }
    rest.expect_end()?;
    content.take(b"WEBP".len())?;
    inspect_webp_chunks(content, bounds, false)
}

/// Reads the chunks of a WebP or of one of its frames, which must fill `rest` exactly.
fn inspect_webp_chunks(mut rest: Reader, bounds: &Bounds, in_frame: bool) -> Result<u64, InvalidImage> {
    let mut scratch = 0;
    while !rest.0.is_empty() {
        let kind: [u8; 4] = rest.array()?;
        let size = to_usize(u32::from_le_bytes(rest.array()?));
        let mut body = Reader(rest.take(size)?);
        if size % 2 == 1 && !rest.0.is_empty() {
            rest.take(1)?;
        }
        let needed = match &kind {
            b"VP8X" => {
                let [_, _, _, _, w0, w1, w2, h0, h1, h2] = body.array()?;
                let width = u32::from_le_bytes([w0, w1, w2, 0]) + 1;
                bounds.check_size(width, u32::from_le_bytes([h0, h1, h2, 0]) + 1)?;
                0
            }
            b"VP8 " => {
                let [_, _, _, _, _, _, w0, w1, h0, h1] = body.array()?;
                // The two highest bits are a scale, which decoders ignore.
                let [width, height] = [[w0, w1], [h0, h1]].map(u16::from_le_bytes);
                bounds.check_size((width & 0x3FFF).into(), (height & 0x3FFF).into())?;
                WEBP_LOSSY
            }
            b"VP8L" => {
                let [_, header @ ..] = body.array::<5>()?;
                let sides = u32::from_le_bytes(header);
                bounds.check_size((sides & 0x3FFF) + 1, ((sides >> 14) & 0x3FFF) + 1)?;
                WEBP_LOSSLESS
            }
            b"ALPH" => WEBP_LOSSY_ALPHA,
            // Frames in frames are invalid. Reading them recursively would let a file overflow the stack.
            b"ANMF" if !in_frame => {
                body.take(16)?;
                WEBP_CANVAS + inspect_webp_chunks(body, bounds, true)?
            }
            _ => 0,
        };
        scratch = scratch.max(needed);
    }
    Ok(scratch)
}

/// Reads a JPEG, and complete ones that a camera appended to it (previews, depth, gain maps).
fn inspect_jpegs(mut rest: Reader, bounds: &Bounds) -> Result<u64, InvalidImage> {
    let scratch = inspect_jpeg(&mut rest, bounds)?;
    loop {
        while let [0, after @ ..] = rest.0 {
            rest.0 = after;
        }
        if !rest.0.starts_with(&[0xFF, 0xD8, 0xFF]) {
            return rest.expect_end().map(|()| scratch);
        }
        inspect_jpeg(&mut rest, bounds)?;
    }
}

/// Reads one JPEG, from its start-of-image marker to its end-of-image marker.
fn inspect_jpeg(rest: &mut Reader, bounds: &Bounds) -> Result<u64, InvalidImage> {
    rest.take(2)?;
    let mut components = None;
    let mut has_scan = false;
    let mut scratch = 0;
    loop {
        let marker = next_marker(rest)?;
        if marker == 0xD9 {
            return if has_scan { Ok(scratch) } else { Err(InvalidImage::Damaged) };
        }
        // Stuffed bytes, restart markers and a second start-of-image are invalid between segments.
        if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8) {
            return Err(InvalidImage::Damaged);
        }
        let size = usize::from(u16::from_be_bytes(rest.array()?));
        let mut body = Reader(rest.take(size.checked_sub(2).ok_or(InvalidImage::Damaged)?)?);
        match marker {
            0xC0..=0xC2 => {
                let [precision, h0, h1, w0, w1, count] = body.array()?;
                let [height, width] = [[h0, h1], [w0, w1]].map(u16::from_be_bytes);
                bounds.check_size(width.into(), height.into())?;
                if precision != 8 {
                    return Err(InvalidImage::Unsupported);
                }
                components = Some(count);
                if marker == 0xC2 {
                    scratch = coefficient_bytes(count);
                }
            }
            // Lossless, hierarchical and arithmetic coding. C4, C8 and CC do not start frames.
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return Err(InvalidImage::Unsupported),
            0xDA => {
                let count = components.ok_or(InvalidImage::Damaged)?;
                let [components_in_scan] = body.array()?;
                if components_in_scan < count {
                    scratch = coefficient_bytes(count);
                }
                has_scan = true;
                skip_entropy_coded(rest)?;
            }
            _ => {}
        }
    }
}

/// If a scan has only a part of the image, the decoder stores a coefficient of 16 bits per component and
/// pixel.
fn coefficient_bytes(components: u8) -> u64 {
    2 * u64::from(components)
}

/// Reads the next marker, after any number of fill bytes.
fn next_marker(rest: &mut Reader) -> Result<u8, InvalidImage> {
    let [mut byte] = rest.array()?;
    if byte != 0xFF {
        return Err(InvalidImage::Damaged);
    }
    while byte == 0xFF {
        [byte] = rest.array()?;
    }
    Ok(byte)
}

/// Skips to the marker that ends a scan. Stuffed bytes and restart markers do not end it.
fn skip_entropy_coded(rest: &mut Reader) -> Result<(), InvalidImage> {
    loop {
        let data = rest.0.iter().take_while(|byte| **byte != 0xFF).count();
        rest.take(data)?;
        match rest.0 {
            [0xFF, 0x00 | 0xD0..=0xD7, after @ ..] => rest.0 = after,
            [0xFF, _, ..] => return Ok(()),
            _ => return Err(InvalidImage::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
