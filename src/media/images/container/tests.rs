//! Tests with complete, incomplete, damaged and malicious files.

use image::ImageFormat;
use jpeg_encoder::{ColorType, Encoder};

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

/// What phones and other programs put behind a picture.
const TRAILERS: [&[u8]; 10] = [
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08mdat",
    b"\0\0\x01\x0A\x0E\0\0\0Image_UTC_Data1634112000SEFHk\0\0\0SEFT",
    b"\xFF\xD8\xFF\xE1\0\x08Exif\0\0",
    b"\xFF\xD9",
    b"\xFF",
    b"\r\n",
    b"\0",
    &[0; 4096],
    b"PK\x03\x04",
    b"<script>",
];

#[test]
fn what_follows_an_image_is_ignored() {
    for file in samples() {
        let alone = reencode(&file, &Bounds::default()).expect("an image").bytes;
        for trailer in TRAILERS {
            let with_trailer = reencode(&[&file, trailer].concat(), &Bounds::default()).expect("an image");
            assert_eq!(with_trailer.bytes, alone, "{trailer:?}");
        }
        for other in [&b"PK\x03\x04"[..], b"<script>", b"\n", b"\0\0\0x"] {
            assert_eq!(error_of(&[other, &file].concat()), Some(InvalidImage::UnknownFormat));
        }
    }
}

#[test]
fn a_jpeg_needs_no_end_marker() {
    let [first, progressive, ..] = samples();
    for file in [first, progressive] {
        let alone = reencode(&file, &Bounds::default()).expect("an image").bytes;
        let endless = file.strip_suffix(b"\xFF\xD9").expect("an end marker");
        for trailer in TRAILERS.into_iter().chain([&b""[..]]) {
            let stored = reencode(&[endless, trailer].concat(), &Bounds::default()).expect("an image");
            assert_eq!(stored.bytes, alone, "{trailer:?}");
        }
    }
}

/// The places between the segments of a JPEG, up to its first scan.
fn segment_boundaries(jpeg: &[u8]) -> Vec<usize> {
    let mut places = vec![2];
    loop {
        let start = *places.last().expect("one");
        let size = usize::from(u16::from_be_bytes([jpeg[start + 2], jpeg[start + 3]]));
        if jpeg[start + 1] == 0xDA {
            return places;
        }
        places.push(start + 2 + size);
    }
}

#[test]
fn bytes_between_the_segments_of_a_jpeg_are_skipped() {
    let [first, progressive, ..] = samples();
    for file in [first, progressive] {
        let alone = reencode(&file, &Bounds::default()).expect("an image").bytes;
        for junk in
            [&b"\0"[..], &[0; 300], b"junk", b"\r\n", b"\xFF\x00", b"\xFF\xFF", b"\xFF\xD3", b"\x01\xFF"]
        {
            let mut places = segment_boundaries(&file);
            places.push(file.len() - 2);
            for place in places {
                let with_junk = [&file[..place], junk, &file[place..]].concat();
                let stored = reencode(&with_junk, &Bounds::default())
                    .unwrap_or_else(|e| panic!("{junk:?} at {place}: {e}"));
                assert_eq!(stored.bytes, alone, "{junk:?} at {place}");
            }
        }
    }
}

#[test]
fn fill_bytes_in_front_of_any_marker_are_skipped() {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_restart_interval(1);
    let mut noise = noise(7);
    let pixels: Vec<u8> = (0..48 * 32 * 3).map(|_| noise().to_le_bytes()[0]).collect();
    encoder.encode(&pixels, 48, 32, ColorType::Rgb).expect("encoded");
    let scan = *segment_boundaries(&file).last().expect("one");
    let alone = reencode(&file, &Bounds::default()).expect("an image").bytes;
    for fill in [1, 2, 40] {
        for is_filled in [
            |marker: u8| matches!(marker, 0xD0..=0xD7),
            |marker: u8| marker == 0xD9,
            |marker: u8| matches!(marker, 0xD0..=0xD9),
        ] {
            let mut filled = file[..scan].to_vec();
            let mut count = 0;
            for (index, byte) in file.iter().enumerate().skip(scan) {
                if *byte == 0xFF && file.get(index + 1).is_some_and(|marker| is_filled(*marker)) {
                    filled.resize(filled.len() + fill, 0xFF);
                    count += 1;
                }
                filled.push(*byte);
            }
            assert!(count > 0);
            let stored = reencode(&filled, &Bounds::default()).expect("an image");
            assert_eq!(stored.bytes, alone, "{fill}");
        }
    }
    // The data end in the middle of the scan, and fill bytes follow.
    let cut = [&file[..scan + 60], b"\xFF\xFF\xFF\xD9"].concat();
    assert_eq!(error_of(&cut), Some(InvalidImage::Truncated));
}

#[test]
fn a_file_truncated_anywhere_is_rejected() {
    for file in samples() {
        let end = file.strip_suffix(b"\xFF\xD9").unwrap_or(&file).len();
        for cut in 0..end {
            assert!(error_of(&file[..cut]).is_some(), "{cut} of {}", file.len());
        }
        assert_eq!(error_of(&file[..end - 1]), Some(InvalidImage::Truncated));
    }
}

#[test]
fn a_jpeg_with_too_little_data_is_incomplete_even_if_it_has_an_end_marker() {
    let [file, ..] = samples();
    let scan = *segment_boundaries(&file).last().expect("one");
    for cut in scan + 14..file.len() - 2 {
        let short = [&file[..cut], b"\xFF\xD9"].concat();
        assert_eq!(error_of(&short), Some(InvalidImage::Truncated), "{cut}");
    }
    // Only the means of the blocks.
    let [means, ..] = progressive_scans();
    assert_eq!(error_of(&[&means, &b"\xFF\xD9"[..]].concat()), Some(InvalidImage::Truncated));
}

/// A progressive JPEG up to the end of its first scan, that scan alone, and the rest.
fn progressive_scans() -> [Vec<u8>; 3] {
    let mut file = grey_jpeg(0xC2, 16, 1);
    let scan = *segment_boundaries(&file).last().expect("one");
    let next = file.windows(2).rposition(|marker| marker == b"\xFF\xDA").expect("two scans");
    let rest = file.split_off(next);
    let first = file[scan..].to_vec();
    [file, first, rest]
}

#[test]
fn a_jpeg_of_thousands_of_scans_is_rejected() {
    let [start, scan, end] = progressive_scans();
    assert_eq!(error_of(&[start.clone(), scan.repeat(10), end.clone()].concat()), None);
    assert_eq!(error_of(&[start, scan.repeat(200), end].concat()), Some(InvalidImage::Unsupported));
}

#[test]
fn foreign_formats_are_named_with_advice() {
    for (file, name, advice) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC", "Most Compatible"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", "Most Compatible"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", "AVIF", "JPEG"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF", "JPEG"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video", "photograph"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video", "photograph"),
        (b"GIF89a\x01\0\x01\0", "GIF", "PNG"),
        (b"II*\0\x08\0\0\0", "TIFF", "RAW"),
        (b"\xFF\x0A\xFA", "JPEG XL", "JPEG"),
        (b"BM\x36\0", "BMP", "PNG"),
        (b"%PDF-1.7", "PDF", "JPEG"),
        (b"<?xml version=\"1.0\"?><svg xmlns=\"\"/>", "SVG", "PNG"),
    ] {
        let message = error_of(file).expect("an error").to_string();
        assert!(message.contains(name) && message.contains(advice), "{message}");
        assert!(message.contains("only JPEG, PNG and WebP"), "{message}");
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
    let too_long = |side| InvalidImage::SideTooLong { max: 32_768, width: side, height: side };
    assert_eq!(error_of(&header(40_000)), Some(too_long(40_000)));
    let too_many = InvalidImage::TooManyPixels { max: 110_000_000, pixels: 121_000_000 };
    assert_eq!(error_of(&header(11_000)), Some(too_many.clone()));
    assert_eq!(error_of(&header(0)), Some(InvalidImage::Empty));
    assert_eq!(error_of(&header(100)), Some(InvalidImage::Truncated));
    let up_to_the_frame = &grey_jpeg(0xC0, 11_000, 3)[..90];
    assert_eq!(error_of(up_to_the_frame), Some(too_many.clone()));
    assert_eq!(error_of(&webp_extended(0, 11_000, &[])), Some(too_many.clone()));

    // The canvas is small, its content is not.
    let mut lossy = LOSSY_WEBP[12..].to_vec();
    lossy[14..18].copy_from_slice(&[0xF8, 0x2A, 0xF8, 0x2A]);
    let lossless = webp_chunk(b"VP8L", &[0x2F, 0xF7, 0xEA, 0xBD, 0x0A]);
    let frame = webp_chunk(b"ANMF", &[&[0; 16], &lossy[..]].concat());
    for large in [lossy, lossless, frame] {
        assert_eq!(error_of(&webp_extended(0, 1, &[large])), Some(too_many.clone()));
    }
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
    // Each component in its own scan.
    let mut apart = grey_jpeg(0xC0, 8, 3);
    apart.truncate(apart.len() - 17);
    for component in 1..=3 {
        apart.extend(jpeg_segment(0xDA, &[1, component, 0, 0, 63, 0]));
        apart.push(0);
    }
    apart.extend([0xFF, 0xD9]);

    // A JPEG needs its planes, its pixels, and if it is progressive its coefficients.
    for (file, needed) in [
        (jpeg, 2 * 40 * 24 * 3),
        (grey_jpeg(0xC2, 8, 3), 8 * 8 * (3 + 3 + 6)),
        (apart, 8 * 8 * (3 + 3)),
        (grey_jpeg(0xC0, 8, 4), 8 * 8 * (4 + 4)),
        (webp, 40 * 24 * (3 + 4)),
        (lossy, 2 * 2 * (3 + 2)),
        (transparent, 2 * 2 * (4 + 7)),
        (animated, 2 * 2 * (3 + 8 + 2)),
    ] {
        for (max, allowed) in [(needed - 1, false), (needed, true)] {
            let bounds = Bounds { max_decode_bytes: max, ..Bounds::default() };
            let error = reencode(&file, &bounds).err();
            let expected = (!allowed).then_some(InvalidImage::TooMuchMemory { max });
            assert_eq!(error, expected, "{needed} bytes");
        }
    }
}

#[test]
fn photographs_of_108_megapixels_are_decoded_within_the_memory_limit() {
    let photograph = |frame, width: u16, height: u16| {
        let mut file = grey_jpeg(frame, 8, 1);
        let sides = [height.to_be_bytes(), width.to_be_bytes()].concat();
        let frame = file.windows(2).position(|marker| marker == [0xFF, frame]).expect("a frame");
        file[frame + 5..frame + 9].copy_from_slice(&sides);
        let blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8));
        let end = file.split_off(file.len() - 2);
        // Two bits for each block.
        file.resize(file.len() + blocks.div_ceil(4), 0);
        [file, end].concat()
    };
    let stored = reencode(&photograph(0xC0, 12_032, 9_024), &Bounds::default()).expect("an image");
    assert_eq!((stored.width, stored.height), (2048, 1536));
    let identity = Bounds { stored_max_side: 3000, ..Bounds::default() };
    let stored = reencode(&photograph(0xC0, 9_000, 12_000), &identity).expect("an image");
    assert_eq!((stored.width, stored.height), (2250, 3000));
    let progressive = reencode(&photograph(0xC2, 12_000, 12_000), &Bounds::default()).err();
    assert!(matches!(progressive, Some(InvalidImage::TooManyPixels { .. })), "{progressive:?}");
    let progressive =
        reencode(&photograph(0xC2, 12_000, 9_000), &Bounds { max_decode_bytes: 200 << 20, ..identity });
    assert_eq!(progressive.err(), Some(InvalidImage::TooMuchMemory { max: 200 << 20 }));

    // A PNG of one bit for each pixel: a white half and a black one.
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 12_000, 9_000);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().expect("a header");
    let row = [[0xFF; 750], [0; 750]].concat();
    writer.write_image_data(&row.repeat(9_000)).expect("written");
    writer.finish().expect("written");
    let stored = reencode(&file, &Bounds::default()).expect("an image");
    let shown = image::load_from_memory(&stored.bytes).expect("a JPEG").into_rgb8();
    assert_eq!(shown.dimensions(), (2048, 1536));
    assert_eq!((shown.get_pixel(100, 700).0, shown.get_pixel(1900, 700).0), ([255; 3], [0; 3]));
}
