//! Content negotiation: the encoding of a public response.

use axum::http::{HeaderMap, header};

use crate::engine::compression::{ContentEncoding, MIN_BYTES};
use crate::http::media_type::quality;

/// The encoding for a body of `bytes` that the client prefers; `None` to send the body as it is. Of equally good ones,
/// the one with the smallest result.
pub fn negotiate(headers: &HeaderMap, bytes: usize) -> Option<ContentEncoding> {
    negotiate_among(headers, ContentEncoding::ALL, bytes >= MIN_BYTES)
}

/// The one of these encodings that the client prefers, the first one of equally good ones; `None` to send the body as it
/// is. `is_preferred` says whether the body is compressed if the client says nothing about the body as it is.
pub fn negotiate_among(
    headers: &HeaderMap,
    encodings: impl IntoIterator<Item = ContentEncoding>,
    is_preferred: bool,
) -> Option<ContentEncoding> {
    let accepted = AcceptedEncodings::new(headers);
    let qualities = encodings.into_iter().map(|encoding| (encoding, accepted.quality_of(encoding)));
    let acceptable = qualities.filter(|(_, quality)| *quality > 0.0);
    // `reduce` keeps the first one of equal quality.
    let (best, quality) = acceptable.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    match accepted.identity {
        Some(identity) if identity <= 0.0 => Some(best),
        Some(identity) if identity > quality => None,
        _ => is_preferred.then_some(best),
    }
}

/// The qualities that a client gives to encodings.
struct AcceptedEncodings<'a> {
    named: Vec<(&'a str, f32)>,
    /// The quality of encodings that are not named.
    others: Option<f32>,
    /// The quality of the body as it is. `None`: acceptable, but any encoding is better.
    identity: Option<f32>,
}

impl<'a> AcceptedEncodings<'a> {
    fn new(headers: &'a HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let named: Vec<_> = lines
            .flat_map(|line| line.split(','))
            .map(|entry| {
                let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
                (name.trim(), quality(parameters))
            })
            .collect();
        let find = |name: &str| named.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|it| it.1);
        let others = find("*");
        let identity = find("identity").or(others.filter(|quality| *quality <= 0.0));
        Self { named, others, identity }
    }

    fn quality_of(&self, encoding: ContentEncoding) -> f32 {
        let is_it = |name: &str| {
            name.eq_ignore_ascii_case(encoding.name())
                || (encoding == ContentEncoding::Gzip && name.eq_ignore_ascii_case("x-gzip"))
        };
        let named = self.named.iter().find(|(name, _)| is_it(name)).map(|(_, quality)| *quality);
        named.or(self.others).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(lines: &[&'static str], bytes: usize) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_ENCODING, line.parse().unwrap());
        }
        negotiate(&headers, bytes).map(ContentEncoding::name)
    }

    #[test]
    fn the_preferred_encoding_is_chosen() {
        for (lines, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["gzip"], Some("gzip")),
            (&["GZIP"], Some("gzip")),
            (&["x-gzip"], Some("gzip")),
            (&["gzip, deflate, br, zstd"], Some("br")),
            (&["gzip, deflate", "zstd"], Some("zstd")),
            (&["gzip;q=1.0, br;q=0.8"], Some("gzip")),
            (&["gzip ; Q = 0.5, zstd;q=0.4"], Some("gzip")),
            (&["br;q=0, *"], Some("zstd")),
            (&["*;q=0.5, gzip"], Some("gzip")),
            (&["*"], Some("br")),
            (&["*;q=0"], None),
            (&["*;q=0, gzip"], Some("gzip")),
            (&["identity"], None),
            (&["identity, br"], Some("br")),
            (&["identity;q=1, br;q=0.5"], None),
            (&["identity;q=0.5, br;q=1"], Some("br")),
            (&["deflate, compress, unknown"], None),
            (&["br;q=0"], None),
            (&["br;q=NaN"], None),
            (&["br;q=-1"], None),
            (&["br;q=high"], None),
        ] {
            assert_eq!(negotiated(lines, MIN_BYTES), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_encodings_that_are_available_are_chosen() {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, "gzip, br, zstd".parse().unwrap())]);
        let gzip = [ContentEncoding::Gzip];
        assert_eq!(negotiate_among(&headers, gzip, true), Some(ContentEncoding::Gzip));
        assert_eq!(negotiate_among(&headers, gzip, false), None);
        assert_eq!(negotiate_among(&headers, [], true), None);
    }

    #[test]
    fn small_bodies_are_compressed_only_if_the_client_accepts_nothing_else() {
        assert_eq!(negotiated(&["br, gzip"], MIN_BYTES - 1), None);
        assert_eq!(negotiated(&["br, *;q=0"], MIN_BYTES - 1), Some("br"));
        assert_eq!(negotiated(&["gzip, identity;q=0"], 0), Some("gzip"));
    }
}
