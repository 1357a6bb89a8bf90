//! Drawn identity cards of made-up people. All have one template; the portrait and the words differ.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage, imageops};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const SIZE: (u32, u32) = (1000, 630);
const INK: Rgb<u8> = Rgb([40, 42, 60]);

/// Parts of made-up names.
const SYLLABLES: [&str; 20] = [
    "AN", "BEL", "CAR", "DO", "EL", "FI", "GRE", "HAN", "IS", "JO", "KA", "LE", "MAR", "NI", "OL", "PE",
    "RO", "SA", "TI", "VIN",
];

/// The card of the person with this number.
pub fn draw_card(person: u32) -> RgbImage {
    let mut rng = StdRng::seed_from_u64(u64::from(person));
    let mut card = RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        // The waves of a security print.
        let wave = u8::from((x / 3 + y / 2 + (x / 40 * y / 25) % 7) % 9 < 2);
        Rgb([236 - 14 * wave, 233 - 6 * wave, 216 + 4 * wave])
    });
    fill(&mut card, (0, 0), (1000, 90), Rgb([45, 70, 130]));
    write(&mut card, (40, 30), 5, "IDENTITY CARD", Rgb([240, 240, 245]));
    draw_portrait(&mut card, &mut rng);
    let mut name =
        || (0..rng.random_range(2..4)).map(|_| SYLLABLES[rng.random_range(0..20)]).collect::<String>();
    let (surname, given) = (name(), name());
    let (year, month, day) = (rng.random_range(1940..2006), rng.random_range(1..13), rng.random_range(1..29));
    let number: u32 = rng.random_range(10_000_000..99_999_999);
    let born = format!("{day:02} {month:02} {year}");
    let number = format!("C{number}");
    let rows =
        [("SURNAME", &surname), ("GIVEN NAMES", &given), ("DATE OF BIRTH", &born), ("CARD NO", &number)];
    for (row, (label, value)) in (0_u32..).zip(rows) {
        write(&mut card, (360, 130 + row * 88), 2, label, Rgb([110, 110, 130]));
        write(&mut card, (360, 156 + row * 88), 5, value, INK);
    }
    let machine_readable = format!("IDXXX{number}<<<<<<<<<<<<<<");
    write(&mut card, (40, 530), 4, &machine_readable, INK);
    let machine_readable = format!("{surname}<<{given}<<<<<<<<<<<<<<<<<<<<<<");
    write(&mut card, (40, 578), 4, &machine_readable[..28], INK);
    card
}

fn draw_portrait(card: &mut RgbImage, rng: &mut StdRng) {
    fill(card, (40, 120), (280, 360), Rgb([196, 206, 216]));
    let tone = rng.random_range(90..225_u8);
    let skin = Rgb([tone, tone / 4 * 3, tone / 8 * 5]);
    let hair = rng.random_range(20..150_u8);
    let hair = Rgb([hair, hair / 3 * 2, hair / 2]);
    let shirt = Rgb([rng.random_range(20..220), rng.random_range(20..220), rng.random_range(20..220)]);
    let (width, height) = (rng.random_range(62..92), rng.random_range(86..118));
    let middle = (180 + rng.random_range(-8..9), 290 + rng.random_range(-10..11));
    ellipse(card, (180, 480), (rng.random_range(100..136), rng.random_range(70..100)), shirt);
    ellipse(card, (middle.0, middle.1 - 22), (width + 14, height + rng.random_range(2..22)), hair);
    ellipse(card, middle, (width, height), skin);
    let (apart, eye) = (width / 2 + rng.random_range(-6..7), middle.1 - rng.random_range(8..26));
    for x in [middle.0 - apart, middle.0 + apart] {
        ellipse(card, (x, eye), (rng.random_range(8..15), rng.random_range(5..10)), Rgb([245, 245, 245]));
        ellipse(card, (x, eye), (5, 5), INK);
    }
    let mouth = middle.1 + height / 2 + rng.random_range(-8..9);
    ellipse(card, (middle.0, mouth), (rng.random_range(18..40), rng.random_range(4..11)), Rgb([160, 60, 70]));
    // What hangs below the picture.
    fill(card, (40, 480), (280, 2), Rgb([120, 125, 135]));
}

fn fill(card: &mut RgbImage, (left, top): (u32, u32), (width, height): (u32, u32), color: Rgb<u8>) {
    for y in top..(top + height).min(SIZE.1) {
        for x in left..(left + width).min(SIZE.0) {
            card.put_pixel(x, y, color);
        }
    }
}

/// An ellipse, within the portrait.
fn ellipse(card: &mut RgbImage, middle: (i32, i32), radius: (i32, i32), color: Rgb<u8>) {
    for y in 120..480_u32 {
        for x in 40..320_u32 {
            let across = (i64::from(x) - i64::from(middle.0)) * i64::from(radius.1);
            let down = (i64::from(y) - i64::from(middle.1)) * i64::from(radius.0);
            let edge = i64::from(radius.0) * i64::from(radius.1);
            if across * across + down * down <= edge * edge {
                card.put_pixel(x, y, color);
            }
        }
    }
}

/// Writes letters, digits, spaces and `<`, each of five by seven squares.
fn write(card: &mut RgbImage, (left, top): (u32, u32), scale: u32, text: &str, color: Rgb<u8>) {
    for (column, letter) in (0_u32..).zip(text.chars()) {
        for (row, bits) in (0_u32..).zip(glyph(letter)) {
            for bit in (0..5).filter(|bit| bits & (0b10000 >> bit) != 0) {
                let at = (left + (column * 6 + bit) * scale, top + row * scale);
                fill(card, at, (scale, scale), color);
            }
        }
    }
}

/// A made-up letter form: the same for each letter, with strokes at the sides as letters have.
fn glyph(letter: char) -> [u8; 7] {
    if letter == ' ' {
        return [0; 7];
    }
    let mut rng = StdRng::seed_from_u64(1000 + u64::from(letter));
    let inner: [u8; 7] = std::array::from_fn(|_| rng.random_range(0..32));
    let stroke = [0b10000, 0b00001, 0b10001, 0b00100][rng.random_range(0..4)];
    inner.map(|bits| stroke | (bits & inner[0]))
}

/// A JPEG file of the picture, in this quality from 1 to 100.
pub fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut file, quality).encode_image(picture).expect("an image");
    file.into_inner()
}

/// The picture without these thousandths of its width or height, from the left, the top, the right and the bottom.
pub fn crop(picture: &RgbImage, [left, top, right, bottom]: [u32; 4]) -> RgbImage {
    let (width, height) = picture.dimensions();
    let (x, y) = (width * left / 1000, height * top / 1000);
    let size = (width - x - width * right / 1000, height - y - height * bottom / 1000);
    imageops::crop_imm(picture, x, y, size.0, size.1).to_image()
}

/// The picture in another size, in hundredths.
pub fn resize(picture: &RgbImage, percent: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let picture = DynamicImage::ImageRgb8(picture.clone());
    picture.resize_exact(width * percent / 100, height * percent / 100, FilterType::Lanczos3).into_rgb8()
}
