//! Images to upload.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

/// An image file of this size and format.
pub fn sample_image(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let shade = |number: u32| u8::try_from(number % 256).expect("a byte");
    let pixels = RgbImage::from_fn(width, height, |x, y| Rgb([shade(x), shade(y), shade(x / 3 + y / 5)]));
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, format).expect("an image");
    file.into_inner()
}

/// A small PNG.
pub fn small_png() -> Vec<u8> {
    sample_image(64, 48, ImageFormat::Png)
}
