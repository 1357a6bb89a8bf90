//! Whole files, and all the ways in which one can be less, or more, than a picture.

use crate::media::images::container::*;
use crate::media::images::reencode;
use crate::media::images::samples::{
    LOSSY_WEBP, jpeg_by_hand, jpeg_segment, noise, png_chunk, sample, webp_chunk, webp_extended,
};

fn refusal(file: &[u8]) -> Option<Unreadable> {
    reencode(file, &Bounds::default()).err()
}

/// One whole file of each kind.
fn samples() -> [Vec<u8>; 5] {
    let [jpeg, png, webp] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP].map(sample);
    [jpeg, jpeg_by_hand(0xC2, 16, 1), png, webp, LOSSY_WEBP.to_vec()]
}

#[test]
fn a_file_begins_and_ends_with_its_picture() {
    for file in samples() {
        assert_eq!(refusal(&file), None);
        for other in [&b"PK\x03\x04"[..], b"<script>", b"\n", b"\0\0\0x", b"\xFF", b"\xFF\xD9"] {
            assert_eq!(refusal(&[&file, other].concat()), Some(Unreadable::Trailing));
            let late = [other, &file].concat();
            assert_eq!(refusal(&late), Some(Unreadable::UnknownFormat));
        }
    }
    let [_, _, png, webp, _] = samples();
    assert_eq!(refusal(&[png, vec![0]].concat()), Some(Unreadable::Trailing));
    assert_eq!(refusal(&[webp, vec![0]].concat()), Some(Unreadable::Trailing));
    assert_eq!(refusal(b"GIF89a"), Some(Unreadable::UnknownFormat));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for file in samples() {
        for end in 0..file.len() {
            assert!(refusal(&file[..end]).is_some(), "{end} of {}", file.len());
        }
        assert_eq!(refusal(&file[..file.len() - 1]), Some(Unreadable::Truncated));
    }
}

#[test]
fn a_picture_cut_off_within_a_whole_container_is_refused() {
    let [_, _, png, webp, _] = samples();
    let data = &png[41..png.len() - 16];
    assert_eq!(&png[37..41], b"IDAT");
    let with = |data| [&png[..33], &png_chunk(b"IDAT", data), &png_chunk(b"IEND", b"")].concat();
    assert_eq!(refusal(&with(data)), None);
    assert_eq!(refusal(&with(&data[..data.len() / 2])), Some(Unreadable::Damaged));
    let cut = webp_chunk(b"VP8L", &webp[20..webp.len() / 2]);
    let cut = webp_chunk(b"RIFF", &[b"WEBP", &cut[..]].concat());
    assert_eq!(refusal(&cut), Some(Unreadable::Damaged));
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_anything_is_decoded() {
    let header = |side: u32| {
        let [a, b, c, d] = side.to_be_bytes();
        let header = png_chunk(b"IHDR", &[a, b, c, d, a, b, c, d, 8, 2, 0, 0, 0]);
        [PNG_SIGNATURE, &header].concat()
    };
    let too_long = |side| Unreadable::SideTooLong { max: 16_384, width: side, height: side };
    assert_eq!(refusal(&header(30_000)), Some(too_long(30_000)));
    let too_many = Unreadable::TooManyPixels { max: 50_000_000, pixels: 100_000_000 };
    assert_eq!(refusal(&header(10_000)), Some(too_many.clone()));
    assert_eq!(refusal(&header(0)), Some(Unreadable::Empty));
    assert_eq!(refusal(&header(100)), Some(Unreadable::Truncated));
    let up_to_the_frame = &jpeg_by_hand(0xC0, 10_000, 3)[..90];
    assert_eq!(refusal(up_to_the_frame), Some(too_many.clone()));
    assert_eq!(refusal(&webp_extended(0, 10_000, &[])), Some(too_many.clone()));

    // A small canvas hides the size of what lies on it.
    let mut lossy = LOSSY_WEBP[12..].to_vec();
    lossy[14..18].copy_from_slice(&[0x10, 0x27, 0x10, 0x27]);
    let lossless = webp_chunk(b"VP8L", &[0x2F, 0x0F, 0xE7, 0xC3, 0x09]);
    let frame = webp_chunk(b"ANMF", &[&[0; 16], &lossy[..]].concat());
    for large in [lossy, lossless, frame] {
        assert_eq!(refusal(&webp_extended(0, 1, &[large])), Some(too_many.clone()));
    }
}

#[test]
fn a_jpeg_may_be_followed_by_more_of_them() {
    let [first, second, ..] = samples();
    let padding = [0; 5];
    let both = [&first, &padding[..], &second, &padding[..]].concat();
    assert_eq!(refusal(&both), None);
    let cut = &both[..both.len() - padding.len() - 1];
    assert_eq!(refusal(cut), Some(Unreadable::Truncated));
    let pictureless = [&first, &[0xFF, 0xD8, 0xFF, 0xD9][..]].concat();
    assert_eq!(refusal(&pictureless), Some(Unreadable::Damaged));
    let hidden = [&both, &b"PK\x03\x04"[..]].concat();
    assert_eq!(refusal(&hidden), Some(Unreadable::Trailing));
}

#[test]
fn an_end_within_a_segment_is_not_the_end() {
    let [preview, file, ..] = samples();
    let mut file = file.clone();
    file.splice(2..2, jpeg_segment(0xE1, &preview));
    // Any marker may be preceded by fill bytes.
    file.splice(2..2, [0xFF; 3]);
    assert_eq!(refusal(&file), None);
    assert_eq!(refusal(&file[..preview.len() + 9]), Some(Unreadable::Truncated));
}

#[test]
fn kinds_that_no_decoder_here_reads_are_told_apart_from_damage() {
    for frame in [0xC3, 0xC9] {
        assert_eq!(refusal(&jpeg_by_hand(frame, 8, 3)), Some(Unreadable::Unsupported));
    }
    let mut deep = jpeg_by_hand(0xC1, 8, 3);
    assert_eq!(refusal(&deep), None);
    deep[75] = 12;
    assert_eq!(refusal(&deep), Some(Unreadable::Unsupported));
}

#[test]
fn a_decoder_that_panics_has_found_damage() {
    // An alpha channel for fewer pixels than the frame has: image-webp 0.2.4 indexes past it.
    let frame = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let [alpha, lossy] = [webp_chunk(b"ALPH", &[0, 255]), LOSSY_WEBP[12..].to_vec()];
    let animation = webp_chunk(b"ANIM", &[0; 6]);
    let frame = webp_chunk(b"ANMF", &[&frame[..], &alpha, &lossy].concat());
    let file = webp_extended(0x12, 2, &[animation, frame]);
    assert_eq!(refusal(&file), Some(Unreadable::Damaged));
}

#[test]
fn frames_within_frames_are_not_followed() {
    let mut nested = Vec::new();
    for _ in 0..100_000 {
        let size = u32::try_from(nested.len() + 16).unwrap().to_be_bytes();
        // Built backwards, which takes linear time.
        nested.extend([0; 16]);
        nested.extend(size);
        nested.extend(b"FMNA");
    }
    nested.reverse();
    assert!(refusal(&webp_extended(0x02, 2, &[nested])).is_some());
}

#[test]
fn nothing_that_is_sent_makes_it_panic() {
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
        if let Ok(picture) = reencode(&file, &bounds) {
            readable += 1;
            assert!(walk(&picture.bytes, &bounds).is_ok());
            assert!(picture.bytes.len() <= bounds.stored_max_bytes);
        }
    }
    assert!((100..3900).contains(&readable), "{readable} of 4000 were readable");
}

#[test]
fn the_pad_of_an_odd_webp_is_no_trailer() {
    let content = [b"WEBP", &LOSSY_WEBP[12..], b"odd \x01\0\0\0x"].concat();
    let padded = webp_chunk(b"RIFF", &content);
    assert_eq!(refusal(&padded), None);
    let (pad, bare) = padded.split_last().unwrap();
    assert_eq!(*pad, 0);
    assert_eq!(refusal(bare), None);
    let not_zero = [bare, b"x"].concat();
    assert_eq!(refusal(&not_zero), Some(Unreadable::Trailing));
}

#[test]
fn decoding_may_take_no_more_memory_than_allowed() {
    let [jpeg, _, _, webp, lossy] = samples();
    let still = lossy[12..].to_vec();
    let alpha = webp_chunk(b"ALPH", &[0, 255, 255, 255, 255]);
    let transparent = webp_extended(0x10, 2, &[alpha, still.clone()]);
    let header = [0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let frame = webp_chunk(b"ANMF", &[&header[..], &still].concat());
    let animated = webp_extended(0x02, 2, &[webp_chunk(b"ANIM", &[0; 6]), frame]);
    // One component in the first scan, so that the others must wait for theirs.
    let mut apart = jpeg_by_hand(0xC0, 8, 3);
    apart.truncate(apart.len() - 17);
    apart.extend(jpeg_segment(0xDA, &[1, 1, 0, 0, 63, 0]));
    apart.extend([0, 0xFF, 0xD9]);

    for (file, pixels, bytes_per_pixel) in [
        (jpeg, 40 * 24, 3),
        (jpeg_by_hand(0xC2, 8, 3), 8 * 8, 3 + 6),
        (apart, 8 * 8, 3 + 6),
        (jpeg_by_hand(0xC0, 8, 4), 8 * 8, 3),
        (webp, 40 * 24, 3 + 4),
        (lossy, 2 * 2, 3 + 2),
        (transparent, 2 * 2, 4 + 7),
        (animated, 2 * 2, 3 + 8 + 2),
    ] {
        let needed = pixels * bytes_per_pixel;
        for (max, allowed) in [(needed - 1, false), (needed, true)] {
            let bounds = Bounds { max_decode_bytes: max, ..Bounds::default() };
            let refusal = reencode(&file, &bounds).err();
            let refused = (!allowed).then_some(Unreadable::TooMuchMemory { max });
            assert_eq!(refusal, refused, "{pixels} pixels, {bytes_per_pixel} each");
        }
    }
}
