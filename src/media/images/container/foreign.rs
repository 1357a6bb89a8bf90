//! Formats that are refused, and what their owner can do.

/// A format that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignFormat {
    Heic,
    Avif,
    Gif,
    JpegXl,
    Jpeg2000,
    /// TIFF, and the raw files that are based on it.
    Tiff,
    /// Raw files of Canon.
    Raw,
    Bitmap,
    Photoshop,
    Svg,
    Pdf,
    Video,
}

impl ForeignFormat {
    /// Recognizes a format by the beginning of the file.
    pub fn of(input: &[u8]) -> Option<Self> {
        if let Some(found) = Self::of_brand(input) {
            return Some(found);
        }
        let signatures: [(&[u8], Self); 17] = [
            (b"GIF87a", Self::Gif),
            (b"GIF89a", Self::Gif),
            (b"\xFF\x0A", Self::JpegXl),
            (b"\0\0\0\x0CJXL \r\n\x87\n", Self::JpegXl),
            (b"\0\0\0\x0CjP  \r\n\x87\n", Self::Jpeg2000),
            (b"\xFF\x4F\xFF\x51", Self::Jpeg2000),
            (b"II*\0", Self::Tiff),
            (b"MM\0*", Self::Tiff),
            (b"IIRO", Self::Tiff),
            (b"IIU\0", Self::Tiff),
            (b"FUJIFILMCCD-RAW", Self::Raw),
            (b"BM", Self::Bitmap),
            (b"8BPS", Self::Photoshop),
            (b"%PDF-", Self::Pdf),
            (b"<svg", Self::Svg),
            (b"\x1A\x45\xDF\xA3", Self::Video),
            (b"\0\0\x01\xBA", Self::Video),
        ];
        let found = signatures.into_iter().find(|(signature, _)| input.starts_with(signature));
        found.map(|(_, format)| format).or_else(|| {
            let start = &input[..input.len().min(1024)];
            (input.starts_with(b"<?xml") && start.windows(4).any(|word| word == b"<svg")).then_some(Self::Svg)
        })
    }

    /// Recognizes the files of ISO: the first box names the brands of their content.
    fn of_brand(input: &[u8]) -> Option<Self> {
        if input.get(4..8)? != b"ftyp" {
            return None;
        }
        let size = usize::try_from(u32::from_be_bytes(*input.first_chunk()?)).ok()?;
        let brands = input.get(8..size.min(input.len()).min(256))?;
        // The second group is the version of the first brand.
        let brands =
            brands.chunks_exact(4).enumerate().filter(|(index, _)| *index != 1).map(|(_, brand)| brand);
        let mut format = Self::Video;
        for brand in brands {
            match brand {
                b"avif" | b"avis" => return Some(Self::Avif),
                b"crx " => return Some(Self::Raw),
                b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" | b"mif1"
                | b"mif2" | b"msf1" | b"miaf" => format = Self::Heic,
                _ => {}
            }
        }
        Some(format)
    }

    /// The name of the format in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Gif => "GIF",
            Self::JpegXl => "JPEG XL",
            Self::Jpeg2000 => "JPEG 2000",
            Self::Tiff => "TIFF or a raw format such as DNG",
            Self::Raw => "a raw format",
            Self::Bitmap => "BMP",
            Self::Photoshop => "the format of Photoshop",
            Self::Svg => "SVG",
            Self::Pdf => "PDF",
            Self::Video => "a video format",
        }
    }

    /// What the owner of the file can do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Heic => {
                "Save or share the picture as JPEG. To take pictures as JPEG, set on an iPhone Settings > Camera > \
                 Formats to Most Compatible; on a Samsung phone, turn off High efficiency pictures in the settings of \
                 the camera; on other phones, set the picture format of the camera to JPEG."
            }
            Self::Avif | Self::JpegXl => {
                "Save the picture as JPEG, or set the picture format of the camera to JPEG."
            }
            Self::Gif => "Save the picture as PNG or JPEG. Animations are not supported.",
            Self::Tiff | Self::Raw => {
                "Export the picture as JPEG. To take pictures as JPEG, turn off RAW in the settings of the camera; on \
                 an iPhone, Settings > Camera > Formats > Apple ProRAW."
            }
            Self::Jpeg2000 | Self::Bitmap | Self::Photoshop | Self::Svg => {
                "Export the picture as PNG or JPEG."
            }
            Self::Pdf => "Export the page as JPEG or PNG, or take a photograph of it.",
            Self::Video => {
                "Send a photograph. To get one from a video, pause it and take a screenshot; for a Live Photo, choose \
                 Duplicate as Still Photo."
            }
        }
    }
}
