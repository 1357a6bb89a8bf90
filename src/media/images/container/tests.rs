//! Tests with complete, incomplete, damaged and malicious files.

use crate::media::images::container::*;
use crate::media::images::reencode;
use crate::media::images::samples::{
    LOSSY_WEBP, grey_jpeg, jpeg_segment, noise, png_chunk, sample, webp_chunk, webp_extended,
};

fn error_of(file: &[u8]) -> Option<InvalidImage> {
    reencode(file, &Bounds::default()).err()
}

/// One complete file of each format.
fn samples() -> [Vec<u8>; 5] {
    let [jpeg, png, webp] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP].map(sample);
    [jpeg, grey_jpeg(0xC2, 16, 1), png, webp, LOSSY_WEBP.to_vec()]
}

#[test]
fn a_file_must_be_exactly_one_image() {
    for file in samples() {
        assert_eq!(error_of(&file), None);
        for other in [&b"PK\x03\x04"[..], b"<script>", b"\n", b"\0\0\0x", b"\xFF", b"\xFF\xD9"] {
            assert_eq!(error_of(&[&file, other].concat()), Some(InvalidImage::Trailing));
            let late = [other, &file].concat();
            assert_eq!(error_of(&late), Some(InvalidImage::UnknownFormat));
        }
    }
    let [_, _, png, webp, _] = samples();
    assert_eq!(error_of(&[png, vec![0]].concat()), Some(InvalidImage::Trailing));
    assert_eq!(error_of(&[webp, vec![0]].concat()), Some(InvalidImage::Trailing));
    assert_eq!(error_of(b"GIF89a"), Some(InvalidImage::UnknownFormat));
}

#[test]
fn a_file_truncated_anywhere_is_rejected() {
    for file in samples() {
        for end in 0..file.len() {
            assert!(error_of(&file[..end]).is_some(), "{end} of {}", file.len());
        }
        assert_eq!(error_of(&file[..file.len() - 1]), Some(InvalidImage::Truncated));
    }
}

#[test]
fn truncated_image_data_in_a_complete_container_is_rejected() {
    let [_, _, png, webp, _] = samples();
    let data = &png[41..png.len() - 16];
    assert_eq!(&png[37..41], b"IDAT");
    let with = |data| [&png[..33], &png_chunk(b"IDAT", data), &png_chunk(b"IEND", b"")].concat();
    assert_eq!(error_of(&with(data)), None);
    assert_eq!(error_of(&with(&data[..data.len() / 2])), Some(InvalidImage::Damaged));
    let cut = webp_chunk(b"VP8L", &webp[20..webp.len() / 2]);
    let cut = webp_chunk(b"RIFF", &[b"WEBP", &cut[..]].concat());
    assert_eq!(error_of(&cut), Some(InvalidImage::Damaged));
}

#[test]
fn a_header_with_a_too_large_size_is_rejected_before_decoding() {
    let header = |side: u32| {
        let [a, b, c, d] = side.to_be_bytes();
        let header = png_chunk(b"IHDR", &[a, b, c, d, a, b, c, d, 8, 2, 0, 0, 0]);
        [PNG_SIGNATURE, &header].concat()
    };
    let too_long = |side| InvalidImage::SideTooLong { max: 16_384, width: side, height: side };
    assert_eq!(error_of(&header(30_000)), Some(too_long(30_000)));
    let too_many = InvalidImage::TooManyPixels { max: 50_000_000, pixels: 100_000_000 };
    assert_eq!(error_of(&header(10_000)), Some(too_many.clone()));
    assert_eq!(error_of(&header(0)), Some(InvalidImage::Empty));
    assert_eq!(error_of(&header(100)), Some(InvalidImage::Truncated));
    let up_to_the_frame = &grey_jpeg(0xC0, 10_000, 3)[..90];
    assert_eq!(error_of(up_to_the_frame), Some(too_many.clone()));
    assert_eq!(error_of(&webp_extended(0, 10_000, &[])), Some(too_many.clone()));

    // The canvas is small, its content is not.
    let mut lossy = LOSSY_WEBP[12..].to_vec();
    lossy[14..18].copy_from_slice(&[0x10, 0x27, 0x10, 0x27]);
    let lossless = webp_chunk(b"VP8L", &[0x2F, 0x0F, 0xE7, 0xC3, 0x09]);
    let frame = webp_chunk(b"ANMF", &[&[0; 16], &lossy[..]].concat());
    for large in [lossy, lossless, frame] {
        assert_eq!(error_of(&webp_extended(0, 1, &[large])), Some(too_many.clone()));
    }
}

#[test]
fn a_jpeg_can_be_followed_by_other_complete_jpegs() {
    let [first, second, ..] = samples();
    let padding = [0; 5];
    let both = [&first, &padding[..], &second, &padding[..]].concat();
    assert_eq!(error_of(&both), None);
    let cut = &both[..both.len() - padding.len() - 1];
    assert_eq!(error_of(cut), Some(InvalidImage::Truncated));
    let imageless = [&first, &[0xFF, 0xD8, 0xFF, 0xD9][..]].concat();
    assert_eq!(error_of(&imageless), Some(InvalidImage::Damaged));
    let hidden = [&both, &b"PK\x03\x04"[..]].concat();
    assert_eq!(error_of(&hidden), Some(InvalidImage::Trailing));
}

#[test]
fn an_end_marker_within_a_segment_is_ignored() {
    let [preview, file, ..] = samples();
    let mut file = file.clone();
    file.splice(2..2, jpeg_segment(0xE1, &preview));
    // Fill bytes can precede any marker.
    file.splice(2..2, [0xFF; 3]);
    assert_eq!(error_of(&file), None);
    assert_eq!(error_of(&file[..preview.len() + 9]), Some(InvalidImage::Truncated));
}

#[test]
fn unsupported_variants_are_reported_as_unsupported_not_damaged() {
    for frame in [0xC3, 0xC9] {
        assert_eq!(error_of(&grey_jpeg(frame, 8, 3)), Some(InvalidImage::Unsupported));
    }
    let mut deep = grey_jpeg(0xC1, 8, 3);
    assert_eq!(error_of(&deep), None);
    deep[75] = 12;
    assert_eq!(error_of(&deep), Some(InvalidImage::Unsupported));
}

#[test]
fn a_panic_of_a_decoder_is_reported_as_damage() {
    // An alpha channel for fewer pixels than the frame has: image-webp 0.2.4 indexes past it.
    let frame = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let [alpha, lossy] = [webp_chunk(b"ALPH", &[0, 255]), LOSSY_WEBP[12..].to_vec()];
    let animation = webp_chunk(b"ANIM", &[0; 6]);
    let frame = webp_chunk(b"ANMF", &[&frame[..], &alpha, &lossy].concat());
    let file = webp_extended(0x12, 2, &[animation, frame]);
    assert_eq!(error_of(&file), Some(InvalidImage::Damaged));
}

#[test]
fn nested_frames_are_rejected_without_recursion() {
    let mut nested = Vec::new();
    for _ in 0..100_000 {
        let size = u32::try_from(nested.len() + 16).unwrap().to_be_bytes();
        // Building it backwards takes linear time.
        nested.extend([0; 16]);
        nested.extend(size);
        nested.extend(b"FMNA");
    }
    nested.reverse();
    assert!(error_of(&webp_extended(0x02, 2, &[nested])).is_some());
}

#[test]
fn random_files_never_cause_a_panic() {
    let bounds = Bounds { max_input_pixels: 100_000, ..Bounds::default() };
    let mut noise = noise(42);
    let mut random = |below: usize| usize::try_from(noise()).unwrap() % below;
    let samples = samples();
    let mut readable = 0;
    for round in 0..4000 {
        let mut file = samples[round % 5].clone();
        for _ in 0..=random(4) {
            let at = random(file.len());
            file[at] ^= 1 << random(8);
        }
        if round % 10 == 0 {
            let head = random(40);
            file.iter_mut().skip(head).for_each(|byte| *byte = random(256).to_le_bytes()[0]);
        }
        if let Ok(image) = reencode(&file, &bounds) {
            readable += 1;
            assert!(inspect(&image.bytes, &bounds).is_ok());
            assert!(image.bytes.len() <= bounds.stored_max_bytes);
        }
    }
    assert!((100..3900).contains(&readable), "{readable} of 4000 were readable");
}

#[test]
fn the_padding_of_an_odd_webp_is_allowed() {
    let content = [b"WEBP", &LOSSY_WEBP[12..], b"odd \x01\0\0\0x"].concat();
    let padded = webp_chunk(b"RIFF", &content);
    assert_eq!(error_of(&padded), None);
    let (pad, bare) = padded.split_last().unwrap();
    assert_eq!(*pad, 0);
    assert_eq!(error_of(bare), None);
    let not_zero = [bare, b"x"].concat();
    assert_eq!(error_of(&not_zero), Some(InvalidImage::Trailing));
}

#[test]
fn decoding_stays_within_the_memory_limit() {
    let [jpeg, _, _, webp, lossy] = samples();
    let still = lossy[12..].to_vec();
    let alpha = webp_chunk(b"ALPH", &[0, 255, 255, 255, 255]);
    let transparent = webp_extended(0x10, 2, &[alpha, still.clone()]);
    let header = [0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let frame = webp_chunk(b"ANMF", &[&header[..], &still].concat());
    let animated = webp_extended(0x02, 2, &[webp_chunk(b"ANIM", &[0; 6]), frame]);
    // Only one component in the first scan, so the decoder stores coefficients until the others follow.
    let mut apart = grey_jpeg(0xC0, 8, 3);
    apart.truncate(apart.len() - 17);
    apart.extend(jpeg_segment(0xDA, &[1, 1, 0, 0, 63, 0]));
    apart.extend([0, 0xFF, 0xD9]);

    for (file, pixels, bytes_per_pixel) in [
        (jpeg, 40 * 24, 3),
        (grey_jpeg(0xC2, 8, 3), 8 * 8, 3 + 6),
        (apart, 8 * 8, 3 + 6),
        (grey_jpeg(0xC0, 8, 4), 8 * 8, 3),
        (webp, 40 * 24, 3 + 4),
        (lossy, 2 * 2, 3 + 2),
        (transparent, 2 * 2, 4 + 7),
        (animated, 2 * 2, 3 + 8 + 2),
    ] {
        let needed = pixels * bytes_per_pixel;
        for (max, allowed) in [(needed - 1, false), (needed, true)] {
            let bounds = Bounds { max_decode_bytes: max, ..Bounds::default() };
            let error = reencode(&file, &bounds).err();
            let expected = (!allowed).then_some(InvalidImage::TooMuchMemory { max });
            assert_eq!(error, expected, "{pixels} pixels, {bytes_per_pixel} each");
        }
    }
}
