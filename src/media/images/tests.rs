//! Tests of what is stored.

use image::{GenericImageView, GrayAlphaImage, ImageFormat, Luma, LumaA, Rgb, Rgba, RgbaImage};

use super::*;
use crate::media::images::samples::{
    BLUE, LOSSY_WEBP, RED, file, grey_jpeg, jpeg_segment, noise, png_chunk, sample, webp_chunk, webp_extended,
};

/// The pixels of the stored image.
fn stored(file: &[u8]) -> RgbImage {
    let image = reencode(file, &Bounds::default()).unwrap();
    let shown = image::load_from_memory_with_format(&image.bytes, ImageFormat::Jpeg).unwrap();
    assert_eq!(shown.dimensions(), (image.width, image.height));
    shown.into_rgb8()
}

#[track_caller]
fn assert_shows(image: &RgbImage, x: u32, y: u32, color: [u8; 3]) {
    let shown = image.get_pixel(x, y).0;
    let near = shown.iter().zip(color).all(|(shown, color)| shown.abs_diff(color) < 12);
    assert!(near, "{shown:?} is not {color:?}");
}

#[test]
fn the_header_tells_the_number_of_pixels() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        assert_eq!(claimed_pixels(&sample(format)), Some(40 * 24), "{format:?}");
    }
    assert_eq!(claimed_pixels(b"text"), None);
}

#[test]
fn every_format_is_stored_as_the_same_image() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
        let shown = stored(&sample(format));
        assert_eq!(shown.dimensions(), (40, 24));
        assert_shows(&shown, 4, 4, RED);
        assert_shows(&shown, 36, 20, BLUE);
    }
    assert_shows(&stored(LOSSY_WEBP), 0, 0, [255, 0, 0]);
    assert_eq!(stored(&grey_jpeg(0xC2, 8, 3)).dimensions(), (8, 8));
}

#[test]
fn images_are_turned_upright_and_lose_their_metadata() {
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0 SECRET 52N 13E";
    let mut jpeg = sample(ImageFormat::Jpeg);
    let app1 = jpeg_segment(0xE1, &[b"Exif\0\0", &exif[..]].concat());
    jpeg.splice(2..2, [app1, jpeg_segment(0xFE, b"SECRET")].concat());
    let mut png = sample(ImageFormat::Png);
    let text = png_chunk(b"tEXt", b"Comment\0SECRET");
    png.splice(33..33, [png_chunk(b"eXIf", exif), text].concat());
    let image = sample(ImageFormat::WebP)[12..].to_vec();
    let mut webp = webp_extended(0x08, 40, &[image, webp_chunk(b"EXIF", exif)]);
    webp[27] = 23;

    for file in [jpeg, png, webp] {
        let shown = stored(&file);
        assert_eq!(shown.dimensions(), (24, 40));
        assert_shows(&shown, 4, 4, RED);
        assert_shows(&shown, 4, 36, BLUE);
        let bytes = reencode(&file, &Bounds::default()).unwrap().bytes;
        let contains = |bytes: &[u8], word| bytes.windows(6).any(|window| window == word);
        assert!(contains(&file, b"SECRET"));
        assert!(!contains(&bytes, b"SECRET") && !contains(&bytes, b"Exif\0\0"));
    }
}

#[test]
fn every_kind_of_pixel_becomes_rgb_on_white() {
    let half = RgbaImage::from_pixel(9, 9, Rgba([0, 0, 255, 128]));
    let clear = GrayAlphaImage::from_pixel(9, 9, LumaA([0, 0]));
    let deep = image::ImageBuffer::from_pixel(9, 9, Luma([0x4000_u16]));
    // One pixel of one bit, the second of two colours. Its data is stored without compression.
    let header = [0, 0, 0, 1, 0, 0, 0, 1, 1, 3, 0, 0, 0];
    let data = b"\x78\x01\x01\x02\0\xFD\xFF\0\x80\0\x82\0\x81";
    let indexed = [
        &b"\x89PNG\r\n\x1a\n"[..],
        &png_chunk(b"IHDR", &header),
        &png_chunk(b"PLTE", &[9, 9, 9, 200, 100, 50]),
        &png_chunk(b"IDAT", data),
        &png_chunk(b"IEND", b""),
    ]
    .concat();
    for (file, color) in [
        (file(half.clone(), ImageFormat::Png), [127, 127, 255]),
        (file(half, ImageFormat::WebP), [127, 127, 255]),
        (file(clear, ImageFormat::Png), [255; 3]),
        (file(deep, ImageFormat::Png), [0x40; 3]),
        (indexed, [200, 100, 50]),
        // Four inks (CMYK), each at half strength.
        (grey_jpeg(0xC0, 8, 4), [64; 3]),
    ] {
        assert_shows(&stored(&file), 0, 0, color);
    }
}

#[test]
fn images_are_shrunk_to_the_longest_side_and_never_enlarged() {
    let bounds = Bounds { stored_max_side: 100, ..Bounds::default() };
    for (from, to) in [
        ((100, 60), (100, 60)),
        ((7, 3), (7, 3)),
        ((150, 100), (100, 67)),
        ((90, 1000), (9, 100)),
        ((1, 4000), (1, 100)),
    ] {
        let image = encode(&RgbImage::new(from.0, from.1), &bounds).unwrap();
        assert_eq!((image.width, image.height), to);
    }
}

#[test]
fn an_image_of_too_many_bytes_loses_quality_and_then_size() {
    let mut noise = noise(1);
    let noise = RgbImage::from_fn(3000, 3000, |_, _| {
        let [r, g, b, ..] = noise().to_le_bytes();
        Rgb([r, g, b])
    });
    let bounds = Bounds::default();
    let image = encode(&noise, &bounds).unwrap();
    assert!(image.bytes.len() <= bounds.stored_max_bytes);
    assert_eq!((image.width, image.height), (1024, 1024));
    let bounds = Bounds { stored_max_bytes: 10, ..bounds };
    let few = RgbImage::new(40, 24);
    let least = Bounds {
        stored_max_bytes: encode_jpeg(&RgbImage::new(1, 1), QUALITIES[0], SamplingFactor::F_1_1).len(),
        ..bounds
    };
    let image = encode(&few, &least).unwrap();
    assert_eq!((image.width, image.height), (5, 3));
    assert_eq!(encode(&few, &bounds).unwrap_err(), InvalidImage::TooManyBytes { max: 10 });
    let none = RgbImage::new(0, 3000);
    assert_eq!(encode(&none, &bounds).unwrap_err(), InvalidImage::Empty);
}

/// The colour in which a picture of one colour is stored.
#[track_caller]
fn assert_stored_color(file: &[u8], color: [u8; 3]) {
    let shown = stored(file).get_pixel(8, 8).0;
    let near = shown.iter().zip(color).all(|(shown, color)| shown.abs_diff(color) < 4);
    assert!(near, "{shown:?} is not {color:?}");
}

/// The colour 200, 100, 50 of Adobe RGB in sRGB.
const ADOBE: [u8; 3] = [227, 100, 42];

/// Metadata of EXIF for Adobe RGB: an uncalibrated colour space, with the rules `R03`.
const ADOBE_RGB_EXIF: &[u8] = b"II*\0\x08\0\0\0\
    \x01\0\x69\x87\x04\0\x01\0\0\0\x1A\0\0\0\0\0\0\0\
    \x02\0\x01\xA0\x03\0\x01\0\0\0\xFF\xFF\0\0\x05\xA0\x04\0\x01\0\0\0\x38\0\0\0\0\0\0\0\
    \x01\0\x01\0\x02\0\x04\0\0\0R03\0\0\0\0\0";

/// A JPEG of one colour, with a profile and metadata.
fn colored_jpeg(color: [u8; 3], profile: Option<&[u8]>, exif: Option<&[u8]>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 100);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    if let Some(profile) = profile {
        encoder.add_icc_profile(profile).unwrap();
    }
    if let Some(exif) = exif {
        encoder.add_exif_metadata(exif).unwrap();
    }
    encoder.encode(&color.repeat(16 * 16), 16, 16, ColorType::Rgb).unwrap();
    file
}

/// A PNG of one colour, with more chunks.
fn colored_png(color: [u8; 3], chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut file = file(RgbImage::from_pixel(16, 16, Rgb(color)), ImageFormat::Png);
    file.splice(33..33, chunks.concat());
    file
}

#[test]
fn colours_of_wide_gamuts_are_converted_to_srgb() {
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let adobe = moxcms::ColorProfile::new_adobe_rgb().encode().unwrap();
    let srgb = moxcms::ColorProfile::new_srgb().encode().unwrap();
    let red = [235, 60, 50];
    assert_stored_color(&colored_jpeg(red, Some(&p3), None), [255, 29, 33]);
    assert_stored_color(&colored_jpeg(red, Some(&srgb), None), red);
    assert_stored_color(&colored_jpeg(red, None, None), red);
    // A large profile is in several segments.
    let long = [p3.clone(), vec![0; 70_000]].concat();
    assert_stored_color(&colored_jpeg(red, Some(&long), None), [255, 29, 33]);

    let brown = [200, 100, 50];
    assert_stored_color(&colored_jpeg(brown, Some(&adobe), None), ADOBE);
    assert_stored_color(&colored_jpeg(brown, None, Some(ADOBE_RGB_EXIF)), ADOBE);
    // The profile is more exact than the metadata.
    assert_stored_color(&colored_jpeg(red, Some(&p3), Some(ADOBE_RGB_EXIF)), [255, 29, 33]);
    let mut in_srgb = ADOBE_RGB_EXIF.to_vec();
    in_srgb[36..38].copy_from_slice(&[1, 0]);
    assert_stored_color(&colored_jpeg(brown, None, Some(&in_srgb)), brown);

    let webp = file(RgbImage::from_pixel(16, 16, Rgb(red)), ImageFormat::WebP)[12..].to_vec();
    assert_stored_color(&webp_extended(0x20, 16, &[webp_chunk(b"ICCP", &p3), webp]), [255, 29, 33]);
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_colour_space_of_a_png_can_be_named_in_four_ways() {
    let red = [235, 60, 50];
    let code_points = png_chunk(b"cICP", &[12, 13, 0, 1]);
    assert_stored_color(&colored_png(red, std::slice::from_ref(&code_points)), [255, 29, 33]);
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let profile = png_chunk(b"iCCP", &[&b"P3\0\0"[..], &compressed(&p3)].concat());
    assert_stored_color(&colored_png(red, std::slice::from_ref(&profile)), [255, 29, 33]);
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>();
    let gamma = png_chunk(b"gAMA", &numbers(&[45_470]));
    let adobe = [31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000];
    let primaries = png_chunk(b"cHRM", &numbers(&adobe));
    assert_stored_color(&colored_png([200, 100, 50], &[gamma.clone(), primaries.clone()]), ADOBE);
    let srgb = png_chunk(b"sRGB", &[0]);
    assert_stored_color(&colored_png(red, &[srgb, gamma, primaries]), red);
}

#[test]
fn profiles_of_grey_images_are_used_and_those_that_do_not_fit_are_ignored() {
    let linear = moxcms::ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let grey = |profile: &[u8]| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 100);
        encoder.add_icc_profile(profile).unwrap();
        encoder.encode(&[55; 16 * 16], 16, 16, ColorType::Luma).unwrap();
        file
    };
    assert_stored_color(&grey(&linear), [128; 3]);
    assert_stored_color(&grey(&p3), [55; 3]);
    let red = [235, 60, 50];
    for ignored in [&linear[..], &p3[..200], b"not a profile"] {
        assert_stored_color(&colored_jpeg(red, Some(ignored), None), red);
    }
    // A part of the profile is missing.
    let mut incomplete = colored_jpeg(red, Some(&[p3, vec![0; 70_000]].concat()), None);
    let first = incomplete.windows(12).position(|bytes| bytes == b"ICC_PROFILE\0").unwrap();
    incomplete[first] = b'X';
    assert_stored_color(&incomplete, red);
}

/// A profile of a printer: without ink the paper is half grey, the first ink makes it white, the last one black.
fn ink_profile() -> Vec<u8> {
    let mut lut = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    for index in 0..9 {
        let one_or_zero = i32::from(index % 4 == 0) << 16;
        lut.extend(one_or_zero.to_be_bytes());
    }
    let line = (0..=255).collect::<Vec<u8>>();
    lut.extend(line.repeat(4));
    for inks in 0..16 {
        let lightness = if inks & 1 == 1 {
            0
        } else if inks & 8 == 8 {
            255
        } else {
            128
        };
        lut.extend([lightness, 128, 128]);
    }
    lut.extend(line.repeat(3));
    let size = u32::try_from(128 + 4 + 12 + lut.len()).unwrap();
    let mut profile = vec![0; 128];
    profile[..4].copy_from_slice(&size.to_be_bytes());
    profile[8..12].copy_from_slice(&[2, 0x10, 0, 0]);
    profile[12..24].copy_from_slice(b"prtrCMYKLab ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&[0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D]);
    profile.extend(1_u32.to_be_bytes());
    profile.extend(b"A2B0\0\0\0\x90");
    profile.extend(u32::try_from(lut.len()).unwrap().to_be_bytes());
    profile.extend(lut);
    profile
}

#[test]
fn inks_are_converted_with_their_profile() {
    let printed = |inks: [u8; 4], profile: Option<&[u8]>, color_type| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 100);
        if let Some(profile) = profile {
            encoder.add_icc_profile(profile).unwrap();
        }
        encoder.encode(&inks.repeat(16 * 16), 16, 16, color_type).unwrap();
        file
    };
    let profile = ink_profile();
    for color_type in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        for (inks, plain, with_profile) in [
            ([0, 0, 0, 0], [255, 255, 255], [119; 3]),
            ([255, 0, 0, 0], [0, 255, 255], [255; 3]),
            ([0, 0, 0, 255], [0, 0, 0], [0; 3]),
        ] {
            assert_stored_color(&printed(inks, None, color_type), plain);
            assert_stored_color(&printed(inks, Some(&profile), color_type), with_profile);
        }
    }
}

#[test]
fn deep_pngs_and_large_transparent_ones_are_decoded() {
    let deep = image::ImageBuffer::from_pixel(16, 16, Rgb([0x4000_u16, 0x8000, 0xC000]));
    assert_stored_color(&file(deep, ImageFormat::Png), [0x40, 0x80, 0xC0]);
    let large =
        RgbaImage::from_fn(60, 40, |x, _| if x < 30 { Rgba([220, 30, 30, 255]) } else { Rgba([0; 4]) });
    let bounds = Bounds { stored_max_side: 12, ..Bounds::default() };
    let image = reencode(&file(large, ImageFormat::Png), &bounds).unwrap();
    let shown = image::load_from_memory(&image.bytes).unwrap().into_rgb8();
    assert_eq!(shown.dimensions(), (12, 8));
    assert_shows(&shown, 2, 4, RED);
    assert_shows(&shown, 10, 4, [255; 3]);
}

#[test]
fn an_interlaced_png_is_decoded() {
    let header = [0, 0, 0, 2, 0, 0, 0, 2, 8, 2, 0, 0, 1];
    // The first, sixth and seventh pass: the left pixels are red, the right ones blue.
    let passes = [&[0], &RED[..], &[0], &BLUE, &[0], &RED, &BLUE].concat();
    let file = [
        &b"\x89PNG\r\n\x1a\n"[..],
        &png_chunk(b"IHDR", &header),
        &png_chunk(b"IDAT", &compressed(&passes)),
        &png_chunk(b"IEND", b""),
    ];
    let file = file.concat();
    let decoded =
        decode_to_fit(&container::inspect(&file, &Bounds::default()).unwrap(), &Bounds::default()).unwrap();
    assert_eq!(decoded.into_raw(), [RED, BLUE, RED, BLUE].concat());
    let bounds = Bounds { max_decode_bytes: 12, ..Bounds::default() };
    assert_eq!(reencode(&file, &bounds).unwrap_err(), InvalidImage::TooMuchMemory { max: 12 });
}

#[test]
fn every_orientation_of_a_photograph_is_turned_upright() {
    // Red on the left: after turning, it is where the metadata say.
    for (orientation, size, red) in [
        (1_u8, (40, 24), (4, 12)),
        (2, (40, 24), (36, 12)),
        (3, (40, 24), (36, 12)),
        (4, (40, 24), (4, 12)),
        (5, (24, 40), (12, 4)),
        (6, (24, 40), (12, 4)),
        (7, (24, 40), (12, 36)),
        (8, (24, 40), (12, 36)),
    ] {
        let exif =
            [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0]].concat();
        let mut jpeg = sample(ImageFormat::Jpeg);
        jpeg.splice(2..2, jpeg_segment(0xE1, &exif));
        let shown = stored(&jpeg);
        assert_eq!(shown.dimensions(), size, "{orientation}");
        assert_shows(&shown, red.0, red.1, RED);
    }
}
