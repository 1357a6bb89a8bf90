//! Pixels as decoders return them, and making them fewer.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

/// What the bytes of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Grey,
    Rgb,
    /// Amounts of ink, 255 for all of it.
    Cmyk,
}

impl Layout {
    /// The bytes of a pixel.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }

    fn pixel_type(self) -> PixelType {
        match self {
            Self::Grey => PixelType::U8,
            Self::Rgb => PixelType::U8x3,
            Self::Cmyk => PixelType::U8x4,
        }
    }
}

/// Pixels without transparency, row by row.
#[derive(Debug, Clone)]
pub struct Raster {
    width: u32,
    height: u32,
    layout: Layout,
    pixels: Vec<u8>,
}

fn to_usize(side: u32) -> usize {
    usize::try_from(side).expect("a side fits into the address space")
}

impl Raster {
    /// # Panics
    /// If the pixels are not as many as the size says.
    pub fn new(width: u32, height: u32, layout: Layout, pixels: Vec<u8>) -> Self {
        assert_eq!(
            pixels.len(),
            to_usize(width) * to_usize(height) * layout.channels(),
            "{width} x {height}"
        );
        Self { width, height, layout, pixels }
    }

    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The pixels in another size.
    pub fn resized(&self, width: u32, height: u32) -> Self {
        let pixels = resize(&self.pixels, self.size(), (width, height), self.layout.pixel_type());
        Self::new(width, height, self.layout, pixels)
    }
}

/// Returns pixels in another size.
fn resize(pixels: &[u8], from: (u32, u32), to: (u32, u32), pixel_type: PixelType) -> Vec<u8> {
    let source =
        ImageRef::new(from.0, from.1, pixels, pixel_type).expect("there are as many pixels as the size says");
    let mut target = Image::new(to.0, to.1, pixel_type);
    let filter = ResizeAlg::Convolution(FilterType::CatmullRom);
    let options = ResizeOptions::new().resize_alg(filter).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).expect("both have the same type of pixels");
    target.into_vec()
}

/// Returns RGB pixels in another size.
pub fn resize_rgb(pixels: &[u8], from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    resize(pixels, from, to, PixelType::U8x3)
}

/// The largest size with these proportions and no side above `max_side`, at most the given one.
pub fn fit((width, height): (u32, u32), max_side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= max_side {
        return (width, height);
    }
    let scaled = |side: u32| {
        let doubled = 2 * u64::from(side) * u64::from(max_side) + u64::from(longest);
        let rounded = u32::try_from(doubled / (2 * u64::from(longest)));
        rounded.expect("no side is longer than the longest").max(1)
    };
    (scaled(width), scaled(height))
}

/// Averages blocks of pixels, of rows that arrive one by one.
pub struct BlockAverage {
    layout: Layout,
    /// The side of a block in pixels.
    block: usize,
    width: usize,
    /// The rows and columns of the result.
    columns: usize,
    rows: usize,
    sums: Vec<u32>,
    rows_in_sums: u32,
    averages: Vec<u8>,
}

impl BlockAverage {
    pub fn new(width: u32, height: u32, layout: Layout, block: u32) -> Self {
        let (columns, rows) = (to_usize(width.div_ceil(block)), to_usize(height.div_ceil(block)));
        Self {
            layout,
            block: to_usize(block),
            width: to_usize(width),
            columns,
            rows,
            sums: vec![0; columns * layout.channels()],
            rows_in_sums: 0,
            averages: Vec::new(),
        }
    }

    /// The memory of the result.
    pub fn bytes(&self) -> u64 {
        (self.columns * self.rows * self.layout.channels()) as u64
    }

    pub fn push_row(&mut self, row: &[u8]) {
        if self.block == 1 {
            self.averages.extend_from_slice(row);
            return;
        }
        let channels = self.layout.channels();
        for (sums, pixels) in self.sums.chunks_exact_mut(channels).zip(row.chunks(self.block * channels)) {
            for pixel in pixels.chunks_exact(channels) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(*value);
                }
            }
        }
        self.rows_in_sums += 1;
        if self.rows_in_sums as usize == self.block {
            self.end_block();
        }
    }

    fn end_block(&mut self) {
        let channels = self.layout.channels();
        for (column, sums) in self.sums.chunks_exact_mut(channels).enumerate() {
            let columns = self.block.min(self.width - column * self.block);
            let count = u32::try_from(columns).unwrap_or(1) * self.rows_in_sums;
            for sum in sums {
                self.averages.push(u8::try_from((*sum + count / 2) / count).unwrap_or(u8::MAX));
                *sum = 0;
            }
        }
        self.rows_in_sums = 0;
    }

    /// The averages of all blocks. Rows that never came are white.
    pub fn finish(mut self) -> Raster {
        if self.rows_in_sums > 0 {
            self.end_block();
        }
        self.averages.resize(self.columns * self.rows * self.layout.channels(), u8::MAX);
        let side =
            |side: usize| u32::try_from(side).expect("a side of the result is at most one of the image");
        Raster::new(side(self.columns), side(self.rows), self.layout, self.averages)
    }
}
