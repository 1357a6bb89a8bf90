//! Compresses public responses.
//!
//! Responses that depend on a viewer or contain a token are never compressed: the length of a compressed response
//! that contains both a secret and text of an attacker reveals the secret step by step (the BREACH attack).

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;

/// Smaller bodies are sent as they are: compression would save less than a packet.
pub const MIN_BYTES: usize = 1024;

/// Of 0 to 11. Higher ones take several times as long for a few per cent.
const BROTLI_QUALITY: i32 = 5;

/// The logarithm of the window, in bytes: 4 MiB, as the command line tool has by default.
const BROTLI_WINDOW: i32 = 22;

/// Of 1 to 22; 3 is the default.
const ZSTD_LEVEL: i32 = 3;

/// A content encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentEncoding {
    Brotli,
    Zstd,
    Gzip,
}

impl ContentEncoding {
    /// All encodings, the smallest results first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// The name in HTTP headers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// Compresses a body, on a thread for blocking work.
///
/// # Errors
/// If the work could not be completed, because the process is stopping.
pub async fn compress(body: Bytes, encoding: ContentEncoding) -> io::Result<Bytes> {
    let compressed = tokio::task::spawn_blocking(move || encode(&body, encoding)).await??;
    Ok(compressed.into())
}

fn encode(body: &[u8], encoding: ContentEncoding) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::with_capacity(body.len() / 4);
    match encoding {
        ContentEncoding::Brotli => {
            let params = brotli::enc::BrotliEncoderParams {
                quality: BROTLI_QUALITY,
                lgwin: BROTLI_WINDOW,
                size_hint: body.len(),
                ..Default::default()
            };
            brotli::BrotliCompress(&mut io::Cursor::new(body), &mut compressed, &params)?;
        }
        ContentEncoding::Zstd => zstd::stream::copy_encode(body, &mut compressed, ZSTD_LEVEL)?,
        ContentEncoding::Gzip => {
            let mut encoder = GzEncoder::new(&mut compressed, flate2::Compression::default());
            encoder.write_all(body)?;
            encoder.finish()?;
        }
    }
    // Unused capacity would stay allocated as long as a cached response.
    compressed.shrink_to_fit();
    Ok(compressed)
}
