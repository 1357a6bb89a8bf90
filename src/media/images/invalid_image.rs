//! Why an upload is rejected.

use std::fmt::{Display, Formatter, Result};

use crate::domain::message::{Message, message};
use crate::media::images::container::foreign::ForeignFormat;

/// Why an upload is rejected.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum InvalidImage {
    UnknownFormat,
    Unsupported,
    Empty,
    /// Pixels.
    SideTooLong {
        max: u32,
        width: u32,
        height: u32,
    },
    TooManyPixels {
        max: u64,
        pixels: u64,
    },
    /// Bytes.
    TooMuchMemory {
        max: u64,
    },
    Truncated,
    Foreign(ForeignFormat),
    Damaged,
    /// Bytes.
    TooManyBytes {
        max: usize,
    },
}

/// The formats that are accepted.
const FORMATS: &str = "JPEG, PNG or WebP";
const ACCEPTED_FORMATS: &str = "JPEG, PNG and WebP";

impl InvalidImage {
    /// The message for the user.
    pub fn message(&self) -> Message {
        match self {
            Self::UnknownFormat => message!("The image must be a {formats} file.", formats = FORMATS),
            Self::Unsupported => message!(
                "This variant of {formats} is not supported. Save the image in a common variant.",
                formats = FORMATS
            ),
            Self::Empty => message!("The image has no pixels."),
            Self::SideTooLong { max, width, height } => message!(
                "The image may be at most {max} {unit} wide and high; it is {width} x {height}.",
                max = max,
                unit = "pixels",
                width = width,
                height = height
            ),
            Self::TooManyPixels { max, pixels } => message!(
                "The image may have at most {max} {unit} in total; it has {actual}.",
                max = max,
                unit = "pixels",
                actual = pixels
            ),
            Self::TooMuchMemory { max } => message!(
                "Decoding the image takes more than {max} {unit} of memory. Make it smaller, or save it \
                 without progressive display.",
                max = max >> 20,
                unit = "MiB"
            ),
            Self::Truncated => {
                message!("The image is incomplete: a part of the file is missing. Upload it again.")
            }
            Self::Foreign(format) => message!(
                "The file is in {actual}, which is not accepted: only {formats} are. {advice}",
                actual = format.name(),
                formats = ACCEPTED_FORMATS,
                advice = format.advice()
            ),
            Self::Damaged => message!("The image is damaged and cannot be decoded."),
            Self::TooManyBytes { max } => {
                message!("The image cannot be compressed to {max} {unit}.", max = max, unit = "bytes")
            }
        }
    }
}

impl Display for InvalidImage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.message().fmt(f)
    }
}

impl std::error::Error for InvalidImage {}
