//! Photographs as phones write them.

use image::ImageFormat;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use moxcms::ColorProfile;

use super::sample_images::sample_image;

/// A photograph that is to be accepted.
pub struct Photograph {
    /// What is special about it.
    pub name: &'static str,
    pub file: Vec<u8>,
    /// The width and height in which it is shown, before it is made smaller.
    pub size: (u32, u32),
    /// The colour at 100, 100.
    pub color: [u8; 3],
}

impl Photograph {
    fn new(name: &'static str, file: Vec<u8>, size: (u32, u32), color: [u8; 3]) -> Self {
        Self { name, file, size, color }
    }

    /// One that shows the sample image of this seed.
    fn of_sample(name: &'static str, seed: u32, file: Vec<u8>) -> Self {
        Self::new(name, file, (900 + seed, 640), SAMPLE_COLOR)
    }

    /// The width and height in which it is stored, with sides of at most `max` pixels.
    pub fn stored_size(&self, max: u32) -> (u32, u32) {
        let (width, height) = self.size;
        let longest = width.max(height).max(max);
        (width * max / longest, height * max / longest)
    }
}

/// The colour of sample images at 100, 100.
const SAMPLE_COLOR: [u8; 3] = [100, 100, 53];

/// What belongs to the video of a motion photo, shortened.
const VIDEO: &[u8] =
    b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2mp41\0\0\0\x18mdat\xFF\xD8\xFF\xE0\0\x01\xFF\xD9..";

const END_MARKER: &[u8] = b"\xFF\xD9";

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(body.len() + 2).expect("a short segment").to_be_bytes();
    [&[0xFF, marker], &size[..], body].concat()
}

/// A JPEG of 900 x 640 pixels. The seed makes it different from others.
fn jpeg(seed: u32) -> Vec<u8> {
    sample_image(900 + seed, 640, ImageFormat::Jpeg)
}

/// The places between the segments of a JPEG, up to its first scan.
fn boundaries(jpeg: &[u8]) -> Vec<usize> {
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

/// A JPEG with a segment after its start.
fn with_segment(mut jpeg: Vec<u8>, segment: &[u8]) -> Vec<u8> {
    jpeg.splice(2..2, segment.iter().copied());
    jpeg
}

/// Photographs that are to be accepted, each of another size.
pub fn accepted() -> Vec<Photograph> {
    [with_more_data(), with_other_structure(), turned(), in_other_colors()].into_iter().flatten().collect()
}

/// Pictures with data behind them, in front of them or between their segments.
fn with_more_data() -> Vec<Photograph> {
    let motion_xmp =
        |content: &str| segment(0xE1, format!("http://ns.adobe.com/xap/1.0/\0{content}").as_bytes());
    let samsung =
        [&jpeg(1)[..], b"\0\0\x30\x0A\x10\0\0\0MotionPhoto_Data", VIDEO, b"SEFHk\0\0\0\x01\0\0\0SEFT"]
            .concat();
    let pixel = with_segment(jpeg(2), &motion_xmp("<GCamera:MotionPhoto>1</GCamera:MotionPhoto>"));
    let micro_video =
        with_segment(jpeg(3), &motion_xmp("<GCamera:MicroVideoOffset>77</GCamera:MicroVideoOffset>"));
    // Two pictures: the second makes the first brighter.
    let ultra_hdr = with_segment(jpeg(4), &segment(0xE2, b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0"));
    let endless = |seed| jpeg(seed).strip_suffix(END_MARKER).expect("an end marker").to_vec();
    let mut between = jpeg(9);
    for place in boundaries(&between).into_iter().rev() {
        between.splice(place..place, [0, 0, 0x11, 0, b'x']);
    }
    let files = [
        ("a motion photo of Samsung", 1, samsung),
        ("a motion photo of Google", 2, [&pixel[..], VIDEO].concat()),
        ("a motion photo of Xiaomi", 3, [&micro_video[..], VIDEO].concat()),
        ("a picture with a gain map and a video", 4, [&ultra_hdr[..], &jpeg(40), VIDEO].concat()),
        ("CR LF at the end", 5, [&jpeg(5)[..], b"\r\n"].concat()),
        ("NUL padding", 6, [jpeg(6), vec![0; 65_536]].concat()),
        ("no end marker", 7, endless(7)),
        ("padding instead of an end marker", 8, [endless(8), vec![0; 4096]].concat()),
        ("a video instead of an end marker", 18, [&endless(18)[..], VIDEO].concat()),
        ("bytes between the segments", 9, between),
        ("an archive behind the picture", 12, [&jpeg(12)[..], b"PK\x03\x04evil.sh"].concat()),
        (
            "a PNG with data behind it",
            13,
            [&sample_image(913, 640, ImageFormat::Png)[..], b"\r\n\0trailing"].concat(),
        ),
        ("a WebP with data behind it", 14, [&sample_image(914, 640, ImageFormat::WebP)[..], VIDEO].concat()),
    ];
    files.into_iter().map(|(name, seed, file)| Photograph::of_sample(name, seed, file)).collect()
}

/// Progressive ones, some with restart markers, a huge one, and an animation.
fn with_other_structure() -> Vec<Photograph> {
    let flat = |width: u16, grey: u8, is_progressive: bool| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 80);
        if is_progressive {
            encoder.set_progressive(true);
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
        } else {
            encoder.set_restart_interval(4);
        }
        let pixels = [grey].repeat(usize::from(width) * 640 * 3);
        encoder.encode(&pixels, width, 640, ColorType::Rgb).expect("encoded");
        file
    };
    let progressive = [&flat(870, 90, true)[..], VIDEO].concat();
    let filled = with_fill_bytes(&flat(872, 70, false));
    let mut animation = Vec::new();
    let mut encoder = png::Encoder::new(&mut animation, 880, 640);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).expect("an animation");
    let mut writer = encoder.write_header().expect("a header");
    for color in [[200, 40, 40], [40, 40, 200]] {
        writer.write_image_data(&color.repeat(880 * 640)).expect("a frame");
    }
    writer.finish().expect("written");
    vec![
        Photograph::new("a progressive JPEG with a video", progressive, (870, 640), [90; 3]),
        Photograph::new("a JPEG with restart markers", flat(871, 60, false), (871, 640), [60; 3]),
        Photograph::new("fill bytes in front of restart markers", filled, (872, 640), [70; 3]),
        Photograph::new("108 megapixels", of_108_megapixels(), (12_032, 9_024), [128; 3]),
        Photograph::new(
            "an animated PNG, of which the first frame counts",
            animation,
            (880, 640),
            [200, 40, 40],
        ),
    ]
}

/// The JPEG with two more bytes of ones in front of each marker from its scan on.
fn with_fill_bytes(jpeg: &[u8]) -> Vec<u8> {
    let scan = *boundaries(jpeg).last().expect("one");
    let mut filled = jpeg[..scan].to_vec();
    for (index, byte) in jpeg.iter().enumerate().skip(scan) {
        if *byte == 0xFF && matches!(jpeg.get(index + 1), Some(0xD0..=0xD9)) {
            filled.extend([0xFF; 2]);
        }
        filled.push(*byte);
    }
    filled
}

/// Pictures of a camera that was held upright, to the left or upside down.
fn turned() -> Vec<Photograph> {
    let of_orientation = |orientation: u8, seed| {
        let exif =
            [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0]].concat();
        with_segment(jpeg(seed), &segment(0xE1, &exif))
    };
    vec![
        Photograph::new("upside down", of_orientation(3, 23), (923, 640), [54, 27, 125]),
        Photograph::new("turned to the right", of_orientation(6, 24), (640, 924), [100, 27, 140]),
        Photograph::new("turned to the left", of_orientation(8, 25), (640, 925), [56, 100, 38]),
    ]
}

/// Pictures of one colour in other colour spaces than sRGB.
fn in_other_colors() -> Vec<Photograph> {
    let exif = b"II*\0\x08\0\0\0\
        \x01\0\x69\x87\x04\0\x01\0\0\0\x1A\0\0\0\0\0\0\0\
        \x02\0\x01\xA0\x03\0\x01\0\0\0\xFF\xFF\0\0\x05\xA0\x04\0\x01\0\0\0\x38\0\0\0\0\0\0\0\
        \x01\0\x01\0\x02\0\x04\0\0\0R03\0\0\0\0\0";
    let colored =
        |color: &[u8], width: u16, color_type, profile: Option<ColorProfile>, exif: Option<&[u8]>| {
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, 100);
            if let Some(profile) = profile {
                encoder.add_icc_profile(&profile.encode().expect("a profile")).expect("a segment");
            }
            if let Some(exif) = exif {
                encoder.add_exif_metadata(exif).expect("a segment");
            }
            encoder.encode(&color.repeat(usize::from(width) * 700), width, 700, color_type).expect("encoded");
            file
        };
    let (brown, in_srgb) = ([200, 100, 50], [227, 100, 42]);
    let (p3, adobe) = (ColorProfile::new_display_p3(), ColorProfile::new_adobe_rgb());
    let (rgb, inks) = (ColorType::Rgb, [255, 0, 0, 0]);
    let files = [
        ("Display P3", 801, colored(&[235, 60, 50], 801, rgb, Some(p3), None), [255, 29, 33]),
        ("Adobe RGB by its profile", 802, colored(&brown, 802, rgb, Some(adobe), None), in_srgb),
        ("Adobe RGB by its metadata", 803, colored(&brown, 803, rgb, None, Some(exif)), in_srgb),
        ("CMYK", 804, colored(&inks, 804, ColorType::Cmyk, None, None), [0, 255, 255]),
        ("YCCK", 805, colored(&inks, 805, ColorType::CmykAsYcck, None, None), [0, 255, 255]),
        ("grey", 806, colored(&[77], 806, ColorType::Luma, None, None), [77; 3]),
    ];
    files
        .into_iter()
        .map(|(name, width, file, color)| Photograph::new(name, file, (width, 700), color))
        .collect()
}

/// Pictures that are to be refused, with a word of the message.
pub fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let whole = jpeg(20);
    let middle = whole.len() / 2;
    let ended = [&whole[..middle], END_MARKER].concat();
    vec![
        ("incomplete", whole[..middle].to_vec()),
        ("incomplete", ended),
        ("incomplete", whole[..300].to_vec()),
        ("HEIC", b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHBMiHEmiafheicctmi".to_vec()),
        ("Most Compatible", b"\0\0\0\x18ftypheix\0\0\0\0mif1heix".to_vec()),
        ("AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf".to_vec()),
        ("GIF", b"GIF89a\x01\0\x01\0\x80\0\0".to_vec()),
        ("JPEG, PNG or WebP", b"just text".to_vec()),
    ]
}

/// A grey JPEG of 12,032 x 9,024 pixels, as sensors of 108 megapixels write them. Each block takes two bits.
pub fn of_108_megapixels() -> Vec<u8> {
    let (width, height) = (12_032_u16, 9_024_u16);
    let one_code = |class| [vec![class, 1], vec![0; 16]].concat();
    let frame = [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat();
    let blocks = usize::from(width / 8) * usize::from(height / 8);
    [
        b"\xFF\xD8".to_vec(),
        segment(0xDB, &[vec![0], vec![16; 64]].concat()),
        segment(0xC0, &frame),
        segment(0xC4, &one_code(0x00)),
        segment(0xC4, &one_code(0x10)),
        segment(0xDA, &[1, 1, 0, 0, 63, 0]),
        vec![0; blocks.div_ceil(4)],
        END_MARKER.to_vec(),
    ]
    .concat()
}
