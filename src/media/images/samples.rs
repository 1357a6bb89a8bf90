//! Files for the tests: complete ones of every format, and parts to build invalid ones.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

pub(super) const RED: [u8; 3] = [220, 30, 30];
pub(super) const BLUE: [u8; 3] = [30, 30, 220];

/// A lossy WebP of 2 x 2 red pixels. The crate `image` cannot encode this format.
pub(super) const LOSSY_WEBP: &[u8] =
    b"RIFF\x3c\0\0\0WEBPVP8 \x30\0\0\0\xd0\x01\0\x9d\x01\x2a\x02\0\x02\0\x02\0\x34\x25\xa0\
    \x02\x74\xba\x01\xf8\0\x03\xb0\0\xfe\xf0\xc4\x0b\xff\x20\xb9\x61\x75\xc8\xd7\xff\x20\x3f\
    \xe4\x07\xfc\x80\xff\xf8\xf2\0\0\0";

/// A file of 40 x 24 pixels with a red half on the left and a blue one on the right.
pub(super) fn sample(format: ImageFormat) -> Vec<u8> {
    let halves = RgbImage::from_fn(40, 24, |x, _| Rgb(if x < 20 { RED } else { BLUE }));
    file(halves, format)
}

pub(super) fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

pub(super) fn noise(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed >> 33
    }
}

pub(super) fn jpeg_segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &size[..], body].concat()
}

pub(super) fn png_chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let content = [kind, body].concat();
    let checksum = content.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 })
    });
    let size = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&size[..], &content, &(!checksum).to_be_bytes()].concat()
}

pub(super) fn webp_chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len()).unwrap().to_le_bytes();
    [kind, &size, body, &vec![0; body.len() % 2]].concat()
}

/// A WebP of these chunks, after a header that claims `side` as width and height.
pub(super) fn webp_extended(flags: u8, side: u16, chunks: &[Vec<u8>]) -> Vec<u8> {
    let [low, high] = (side - 1).to_le_bytes();
    let header = [flags, 0, 0, 0, low, high, 0, low, high, 0];
    let content = [b"WEBP", &webp_chunk(b"VP8X", &header)[..], &chunks.concat()].concat();
    webp_chunk(b"RIFF", &content)
}

/// A JPEG whose blocks are all mid-grey, each coded as two zero bits.
pub(super) fn grey_jpeg(frame: u8, side: u16, components: u8) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let mut start = vec![8, high, low, high, low, components];
    let mut scan = vec![components];
    for id in 1..=components {
        start.extend([id, 0x11, 0]);
        scan.extend([id, 0]);
    }
    // In a progressive JPEG, this scan contains only the mean of each block, which takes one bit. So does the rest of
    // each block, in a scan for each component.
    scan.extend([0, if frame == 0xC2 { 0 } else { 63 }, 0]);
    let one_code = |class| [vec![class, 1], vec![0; 16]].concat();
    let mut jpeg = vec![0xFF, 0xD8];
    jpeg.extend(jpeg_segment(0xDB, &[vec![0], vec![16; 64]].concat()));
    jpeg.extend(jpeg_segment(frame, &start));
    jpeg.extend(jpeg_segment(0xC4, &one_code(0x00)));
    jpeg.extend(jpeg_segment(0xC4, &one_code(0x10)));
    jpeg.extend(jpeg_segment(0xDA, &scan));
    jpeg.push(0);
    if frame == 0xC2 {
        for id in 1..=components {
            jpeg.extend(jpeg_segment(0xDA, &[1, id, 0, 1, 63, 0]));
            jpeg.push(0);
        }
    }
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}
