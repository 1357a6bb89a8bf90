//! Checks the container of an image file, before any decoder reads it: that the image in it is complete, and that the
//! sizes in it are within bounds.
//!
//! Decoders do not check this: they paint missing parts of a JPEG grey. What follows the image is ignored: phones append
//! videos, depth maps and brighter versions of a picture. It is never stored, so it does not matter what it is.
//!
//! Every size that a decoder would read is checked, not only the first: a WebP of 1 x 1 pixels can contain a
//! frame of 16,383 x 16,383, and the decoder allocates memory for it before it compares the two.
//!
//! To add a format: a case in [`inspect`] and a function that reads its structure; its decoder in
//! `src/media/images/decode`; a sample in `samples.rs`.

pub mod foreign;
pub mod jpeg;

use std::io::Cursor;

use image::ImageReader;

use self::foreign::ForeignFormat;
use self::jpeg::JpegFile;
use crate::media::images::{Bounds, InvalidImage};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

// Working memory of the WebP decoder in bytes per pixel, besides the result: planes of luma and chroma;
// pixels of lossless coding; planes with an alpha channel; the canvas under a frame.
const WEBP_LOSSY: u64 = 2;
const WEBP_LOSSLESS: u64 = 4;
const WEBP_LOSSY_ALPHA: u64 = 7;
const WEBP_CANVAS: u64 = 8;

/// The image in a file, by its format.
#[derive(Debug)]
pub(super) enum FileInfo<'a> {
    Jpeg(JpegFile<'a>),
    /// The bytes of the image.
    Png(&'a [u8]),
    WebP {
        /// The bytes of the image.
        bytes: &'a [u8],
        /// Working memory of the decoder, besides the decoded pixels.
        scratch_bytes_per_pixel: u64,
    },
}

/// Reads the structure of the image at the beginning of a file. It must be complete and within bounds.
pub(super) fn inspect<'a>(input: &'a [u8], bounds: &Bounds) -> Result<FileInfo<'a>, InvalidImage> {
    if input.starts_with(PNG_SIGNATURE) {
        Ok(FileInfo::Png(inspect_png(input, bounds)?))
    } else if is_webp(input) {
        let (bytes, scratch_bytes_per_pixel) = inspect_webp(Reader(input), bounds)?;
        Ok(FileInfo::WebP { bytes, scratch_bytes_per_pixel })
    } else if is_jpeg(input) {
        Ok(FileInfo::Jpeg(jpeg::inspect(input, bounds)?))
    } else {
        Err(ForeignFormat::of(input).map_or(InvalidImage::UnknownFormat, InvalidImage::Foreign))
    }
}

/// The width and height that the header of a file claims; `None` if it is not an image. Reads only the header.
pub(super) fn claimed_size(input: &[u8]) -> Option<(u32, u32)> {
    if is_jpeg(input) {
        return jpeg::claimed_size(input);
    }
    ImageReader::new(Cursor::new(input)).with_guessed_format().ok()?.into_dimensions().ok()
}

fn is_jpeg(input: &[u8]) -> bool {
    input.starts_with(&[0xFF, 0xD8])
}

fn is_webp(input: &[u8]) -> bool {
    input.starts_with(b"RIFF") && input.get(8..12) == Some(b"WEBP")
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
}

/// Converts a length that the file claims. A length that does not fit is longer than any file.
fn to_usize(claimed: u32) -> usize {
    usize::try_from(claimed).unwrap_or(usize::MAX)
}

/// Returns the bytes of the image.
fn inspect_png<'a>(input: &'a [u8], bounds: &Bounds) -> Result<&'a [u8], InvalidImage> {
    let mut rest = Reader(input);
    rest.take(PNG_SIGNATURE.len())?;
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
            b"IEND" => return Ok(&input[..input.len() - rest.0.len()]),
            _ => {}
        }
    }
}

/// Returns the bytes of the image, and the working memory of the decoder in bytes per pixel.
fn inspect_webp<'a>(mut rest: Reader<'a>, bounds: &Bounds) -> Result<(&'a [u8], u64), InvalidImage> {
    let input = rest.0;
    let [_, _, _, _, size @ ..] = rest.array::<8>()?;
    let mut content = Reader(rest.take(to_usize(u32::from_le_bytes(size)))?);
    let bytes = &input[..input.len() - rest.0.len()];
    content.take(b"WEBP".len())?;
    Ok((bytes, inspect_webp_chunks(content, bounds, false)?))
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

#[cfg(test)]
mod tests;
