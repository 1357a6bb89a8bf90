//! Draws the images of the demo, so that no image files are shipped.
//!
//! An image is composed on a small canvas and enlarged by the image library. In debug builds this is much
//! faster than drawing at full size, because dependencies are optimised there and this code is not.

use std::f32::consts::FRAC_1_SQRT_2;

use image::imageops::FilterType;
use image::{DynamicImage, Rgb, RgbImage};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::media::images::variants::{Variants, encode_with_variants};
use crate::media::images::{Bounds, EncodedImage, InvalidImage};

/// How many images each category has.
pub(super) const PER_CATEGORY: u16 = 3;

/// The size of the canvas in pixels.
const WIDTH: u16 = 72;
const HEIGHT: u16 = 48;

/// The factor by which the canvas is enlarged. Most of the time goes into encoding, and grows with the
/// square of this factor.
const SCALE: u16 = 6;

const SEED: u64 = 27;

/// Red, green and blue, from 0 to 1.
type Colour = [f32; 3];
type Point = (f32, f32);

/// Draws and encodes image number `number`.
///
/// # Errors
/// If `bounds` allow too few bytes.
pub(super) fn draw(number: u16, bounds: &Bounds) -> Result<(EncodedImage, Variants), InvalidImage> {
    let (width, height) = (u32::from(WIDTH * SCALE), u32::from(HEIGHT * SCALE));
    let canvas = DynamicImage::ImageRgb8(paint(&compose(number)));
    let enlarged = canvas.resize_exact(width, height, FilterType::CatmullRom);
    encode_with_variants(enlarged.into_rgb8(), bounds)
}

enum Shape {
    /// Centre, radius, and half the line width.
    Ring(Point, f32, f32),
    /// The upper left and the lower right corner.
    Block(Point, Point),
    /// Everything below a wavy line: height, amplitude, wavelength and phase.
    Hill([f32; 4]),
    /// A diagonal stripe: the distance of its centre from the upper left corner, and half its width.
    Stripe(f32, f32),
}

/// A filled circle: a ring of radius 0.
fn disc(middle: Point, radius: f32) -> Shape {
    Shape::Ring(middle, 0.0, radius)
}

impl Shape {
    /// The signed distance of the point from the edge, in pixels of the canvas; negative inside.
    fn distance(&self, (x, y): Point) -> f32 {
        match *self {
            Self::Ring((left, top), radius, half_width) => {
                ((x - left).hypot(y - top) - radius).abs() - half_width
            }
            Self::Block(from, to) => (from.0 - x).max(x - to.0).max(from.1 - y).max(y - to.1),
            Self::Hill([height, amplitude, wavelength, phase]) => {
                let turn = (x + phase) / wavelength;
                height + amplitude * (turn.sin() + 0.4 * (2.3 * turn + phase).sin()) - y
            }
            Self::Stripe(middle, half_width) => ((x + y) * FRAC_1_SQRT_2 - middle).abs() - half_width,
        }
    }
}

/// A background gradient, and shapes on it with their colour and opacity.
struct Scene {
    background: [Colour; 2],
    shapes: Vec<(Shape, Colour, f32)>,
}

impl Scene {
    fn on(from: Colour, to: Colour) -> Self {
        let (background, shapes) = ([from, to], Vec::new());
        Self { background, shapes }
    }

    fn add(&mut self, shape: Shape, colour: Colour, opacity: f32) {
        self.shapes.push((shape, colour, opacity));
    }

    fn colour_at(&self, at: Point) -> Colour {
        let down = (at.1 / f32::from(HEIGHT) + 0.3 * at.0 / f32::from(WIDTH)) / 1.3;
        let mut pixel = mix(self.background[0], self.background[1], down);
        for (shape, colour, opacity) in &self.shapes {
            // Antialiasing: the edge is one pixel wide.
            let cover = (0.5 - shape.distance(at)).clamp(0.0, 1.0);
            if cover > 0.0 {
                pixel = mix(pixel, *colour, cover * opacity);
            }
        }
        pixel
    }
}

fn paint(scene: &Scene) -> RgbImage {
    let mut canvas = RgbImage::new(u32::from(WIDTH), u32::from(HEIGHT));
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let colour = scene.colour_at((f32::from(x) + 0.5, f32::from(y) + 0.5));
            canvas.put_pixel(u32::from(x), u32::from(y), Rgb(colour.map(byte)));
        }
    }
    canvas
}

/// The colours of one category, and the random numbers of one image.
struct Composer {
    deep: Colour,
    strong: Colour,
    bright: Colour,
    contrast: Colour,
    pale: Colour,
    rng: StdRng,
}

/// Each category uses three of the six kinds of image. The next category uses the other three.
fn compose(number: u16) -> Scene {
    let (category, variant) = (number / PER_CATEGORY, number % PER_CATEGORY);
    // Steps of the golden angle give neighbouring categories very different hues, and never the same twice.
    let hue = f32::from(category) * 137.5 % 360.0;
    let mut composer = Composer {
        deep: hsl(hue, 0.50, 0.20),
        strong: hsl(hue, 0.48, 0.38),
        bright: hsl(hue + 18.0, 0.52, 0.60),
        contrast: hsl(hue + 160.0, 0.62, 0.64),
        pale: hsl(hue + 8.0, 0.42, 0.93),
        rng: StdRng::seed_from_u64(SEED + u64::from(number)),
    };
    match (category + 2 * variant) % 6 {
        0 => composer.hills(),
        1 => composer.bars(),
        2 => composer.arcs(),
        3 => composer.bubbles(),
        4 => composer.stripes(),
        _ => composer.tiles(),
    }
}

impl Composer {
    fn random_between(&mut self, low: f32, high: f32) -> f32 {
        self.rng.random_range(low..high)
    }

    fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())]
    }

    /// A sun above four rows of hills, each darker than the one behind.
    fn hills(&mut self) -> Scene {
        let mut scene = Scene::on(self.pale, mix(self.pale, self.bright, 0.55));
        let middle = (self.random_between(14.0, 58.0), self.random_between(10.0, 20.0));
        scene.add(disc(middle, 12.0), self.contrast, 0.25);
        scene.add(disc(middle, 7.0), self.contrast, 1.0);
        for step in 0..4_u8 {
            let height = 22.0 + 6.5 * f32::from(step);
            let (amplitude, wavelength) = (self.random_between(1.5, 4.5), self.random_between(7.0, 13.0));
            let hill = Shape::Hill([height, amplitude, wavelength, self.random_between(0.0, 60.0)]);
            let colour = mix(self.bright, self.deep, f32::from(step) / 3.0);
            scene.add(hill, colour, 1.0);
        }
        scene
    }

    /// A bar chart with one bar in a contrasting colour.
    fn bars(&mut self) -> Scene {
        let mut scene = Scene::on(self.deep, self.strong);
        let count = self.rng.random_range(6..10_u8);
        let step = f32::from(WIDTH) / f32::from(count);
        for number in 0..count {
            let left = f32::from(number) * step;
            let from = (left + 1.2, self.random_between(8.0, 36.0));
            let bar = Shape::Block(from, (left + step - 1.2, f32::from(HEIGHT) + 1.0));
            let paler = self.random_between(0.0, 0.8);
            let colour = if number == count / 2 { self.contrast } else { mix(self.bright, self.pale, paler) };
            scene.add(bar, colour, 0.95);
        }
        scene
    }

    /// Concentric rings around a corner.
    fn arcs(&mut self) -> Scene {
        let mut scene = Scene::on(self.pale, self.pale);
        let colours = [self.strong, self.bright, self.contrast];
        let left = self.choose(&[0.0, f32::from(WIDTH)]);
        let top = self.choose(&[0.0, f32::from(HEIGHT)]);
        let mut edge = self.random_between(5.0, 9.0);
        for colour in colours.into_iter().cycle().take(14) {
            let half_width = self.random_between(1.6, 4.2);
            let ring = Shape::Ring((left, top), edge + half_width, half_width);
            scene.add(ring, colour, 1.0);
            edge += 2.0 * half_width + self.random_between(1.2, 3.0);
        }
        scene
    }

    /// Translucent discs.
    fn bubbles(&mut self) -> Scene {
        let mut scene = Scene::on(self.strong, self.deep);
        let colours = [self.bright, self.contrast, self.pale];
        for colour in colours.into_iter().cycle().take(8) {
            let middle =
                (self.random_between(0.0, f32::from(WIDTH)), self.random_between(0.0, f32::from(HEIGHT)));
            let bubble = disc(middle, self.random_between(4.0, 15.0));
            scene.add(bubble, colour, self.random_between(0.45, 0.95));
        }
        scene
    }

    /// Diagonal stripes behind a disc.
    fn stripes(&mut self) -> Scene {
        let mut scene = Scene::on(self.bright, self.strong);
        let colours = [self.deep, self.pale, self.contrast, self.bright];
        let mut edge = self.random_between(-2.0, 4.0);
        for colour in colours.into_iter().cycle().take(12) {
            let half_width = self.random_between(1.5, 5.0);
            scene.add(Shape::Stripe(edge + half_width, half_width), colour, 0.9);
            edge += 2.0 * half_width + self.random_between(1.5, 6.0);
        }
        let middle = (self.random_between(24.0, 48.0), self.random_between(16.0, 32.0));
        scene.add(disc(middle, self.random_between(9.0, 14.0)), self.pale, 1.0);
        scene
    }

    /// Tiles with a small shape on each.
    fn tiles(&mut self) -> Scene {
        let mut scene = Scene::on(self.deep, self.deep);
        let backgrounds = [self.deep, self.strong, self.bright, self.pale];
        let colours = [self.strong, self.bright, self.contrast, self.pale];
        for tile in 0..24_u8 {
            let (x, y) = (f32::from(tile % 6) * 12.0, f32::from(tile / 6) * 12.0);
            let background = Shape::Block((x, y), (x + 12.0, y + 12.0));
            scene.add(background, self.choose(&backgrounds), 1.0);
            let mark = match self.rng.random_range(0..3_u8) {
                0 => disc((x + 6.0, y + 6.0), 4.0),
                1 => Shape::Ring((x + 6.0, y + 6.0), 3.4, 1.1),
                _ => Shape::Block((x + 3.0, y + 3.0), (x + 9.0, y + 9.0)),
            };
            scene.add(mark, self.choose(&colours), 1.0);
        }
        scene
    }
}

fn mix(from: Colour, to: Colour, part: f32) -> Colour {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * part)
}

/// Converts HSL to RGB. The hue is in degrees; saturation and lightness are from 0 to 1.
fn hsl(hue: f32, saturation: f32, lightness: f32) -> Colour {
    let reach = saturation * lightness.min(1.0 - lightness);
    [0.0_f32, 8.0, 4.0].map(|start| {
        let turn = (start + hue / 30.0) % 12.0;
        lightness - reach * (turn - 3.0).min(9.0 - turn).clamp(-1.0, 1.0)
    })
}

#[expect(clippy::cast_possible_truncation, reason = "the value is at most 255")]
#[expect(clippy::cast_sign_loss, reason = "the value is not negative")]
fn byte(part: f32) -> u8 {
    (part.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_drawing_is_deterministic_and_unique() {
        let mut seen = HashSet::new();
        for number in 0..27 * PER_CATEGORY {
            let pixels = paint(&compose(number)).into_raw();
            assert!(pixels == paint(&compose(number)).into_raw(), "{number}");
            assert!(seen.insert(pixels), "{number} occurs twice");
        }
        let (drawing, _) = draw(1, &Bounds::default()).unwrap();
        assert_eq!((drawing.width, drawing.height), (432, 288));
    }
}
