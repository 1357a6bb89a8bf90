//! Photographs as phones write them.

use image::ImageFormat;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::sample_images::sample_image;

/// A photograph, and the name of what is special about it.
pub type Photograph = (&'static str, Vec<u8>);

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

/// Photographs that are to be accepted, each of another width.
pub fn accepted() -> Vec<Photograph> {
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
    let mut progressive = Vec::new();
    let mut encoder = Encoder::new(&mut progressive, 80);
    encoder.set_progressive(true);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&[90_u8].repeat(900 * 640 * 3), 900, 640, ColorType::Rgb).expect("encoded");
    progressive.extend_from_slice(VIDEO);
    let mut restarts = Vec::new();
    let mut encoder = Encoder::new(&mut restarts, 80);
    encoder.set_restart_interval(4);
    encoder.encode(&[60_u8].repeat(910 * 640 * 3), 910, 640, ColorType::Rgb).expect("encoded");
    vec![
        ("a motion photo of Samsung", samsung),
        ("a motion photo of Google", [&pixel[..], VIDEO].concat()),
        ("a motion photo of Xiaomi", [&micro_video[..], VIDEO].concat()),
        ("a picture with a gain map and a video", [&ultra_hdr[..], &jpeg(40), VIDEO].concat()),
        ("CR LF at the end", [&jpeg(5)[..], b"\r\n"].concat()),
        ("NUL padding", [jpeg(6), vec![0; 65_536]].concat()),
        ("no end marker", endless(7)),
        ("padding instead of an end marker", [endless(8), vec![0; 4096]].concat()),
        ("a video instead of an end marker", [&endless(18)[..], VIDEO].concat()),
        ("bytes between the segments", between),
        ("a progressive JPEG with a video", progressive),
        ("a JPEG with restart markers", restarts),
        (
            "a PNG with data behind it",
            [&sample_image(901, 641, ImageFormat::Png)[..], b"\r\n\0trailing"].concat(),
        ),
        ("a WebP with data behind it", [&sample_image(902, 642, ImageFormat::WebP)[..], VIDEO].concat()),
        ("an archive behind the picture", [&jpeg(12)[..], b"PK\x03\x04evil.sh"].concat()),
        ("108 megapixels", of_108_megapixels()),
    ]
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

/// A JPEG of one colour in Display P3.
pub fn in_display_p3(color: [u8; 3]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 100);
    let profile = moxcms::ColorProfile::new_display_p3().encode().expect("a profile");
    encoder.add_icc_profile(&profile).expect("a segment");
    encoder.encode(&color.repeat(800 * 700), 800, 700, ColorType::Rgb).expect("encoded");
    file
}
