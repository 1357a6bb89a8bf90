//! The files of the console, which `npm run build` writes to web/console/dist: pages, and what they load.
//!
//! A file may have compressed forms beside it, with `.br` or `.gz` after its name. They are not files of their own, but
//! sent to clients that accept them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::engine::compression::ContentEncoding;

/// How many bytes of the hash of a file are in its `ETag`.
const ETAG_BYTES: usize = 18;

/// The compressed forms of a file, the preferred one first, with the endings of their names.
const ENCODINGS: [(ContentEncoding, &str); 2] =
    [(ContentEncoding::Brotli, ".br"), (ContentEncoding::Gzip, ".gz")];

/// The files, by their path without a slash in front. None if the console was not built.
#[derive(Debug, Clone, Default)]
pub struct ConsoleFiles(HashMap<String, ConsoleFile>);

/// A file.
#[derive(Debug, Clone)]
pub struct ConsoleFile {
    pub content_type: String,
    /// What tells versions of the file apart.
    pub hash: String,
    pub content: Bytes,
    compressed: Vec<(ContentEncoding, Bytes)>,
}

impl ConsoleFile {
    /// The encodings in which the file can be sent.
    pub fn encodings(&self) -> impl Iterator<Item = ContentEncoding> {
        self.compressed.iter().map(|(encoding, _)| *encoding)
    }

    /// The content in this encoding.
    pub fn compressed(&self, encoding: ContentEncoding) -> Option<&Bytes> {
        self.compressed.iter().find(|(other, _)| *other == encoding).map(|(_, content)| content)
    }
}

impl ConsoleFiles {
    /// The files that were built into this program; none without the cargo feature `console`, or if the console was not
    /// built before the program.
    pub fn embedded() -> Self {
        Self::new(embedded::files())
    }

    /// These files, by their path without a slash in front.
    pub fn new(files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let mut contents: HashMap<String, Bytes> = files.into_iter().collect();
        let is_compressed = |name: &str| {
            let original = ENCODINGS.iter().find_map(|(_, ending)| name.strip_suffix(ending));
            original.is_some_and(|original| contents.contains_key(original))
        };
        let names: Vec<String> = contents.keys().filter(|name| !is_compressed(name)).cloned().collect();
        let file = |name: String| {
            let content = contents.remove(&name)?;
            let compressed = ENCODINGS.into_iter().filter_map(|(encoding, ending)| {
                Some((encoding, contents.remove(&format!("{name}{ending}"))?))
            });
            let file = ConsoleFile {
                content_type: content_type(&name),
                hash: BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&content)[..ETAG_BYTES]),
                compressed: compressed.collect(),
                content,
            };
            Some((name, file))
        };
        Self(names.into_iter().filter_map(file).collect())
    }

    pub fn get(&self, path: &str) -> Option<&ConsoleFile> {
        self.0.get(path)
    }

    /// The names of files that are in no directory, except pages: an icon of the page, for example.
    pub fn root_files(&self) -> impl Iterator<Item = &str> {
        let is_plain = |name: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            let ending = name.rsplit_once('.').map(|(_, ending)| ending);
            ending.is_some_and(|ending| ending != "html") && name.bytes().all(is_allowed)
        };
        self.0.keys().map(String::as_str).filter(move |name| is_plain(name))
    }
}

fn content_type(name: &str) -> String {
    let media_type = mime_guess::from_path(name).first_or_octet_stream();
    let is_text = media_type.type_() == mime_guess::mime::TEXT
        || media_type == mime_guess::mime::APPLICATION_JAVASCRIPT
        || media_type == mime_guess::mime::APPLICATION_JSON;
    if is_text { format!("{media_type}; charset=utf-8") } else { media_type.to_string() }
}

#[cfg(feature = "console")]
mod embedded {
    use std::borrow::Cow;

    use bytes::Bytes;
    use rust_embed::Embed;

    /// In a release build, the files are in the program. In a debug build, they are read when it starts, so that a new
    /// console needs no new program.
    #[derive(Embed)]
    #[folder = "web/console/dist"]
    #[allow_missing = true]
    struct Dist;

    pub fn files() -> impl Iterator<Item = (String, Bytes)> {
        Dist::iter().filter_map(|name| {
            let content = match Dist::get(&name)?.data {
                Cow::Borrowed(content) => Bytes::from_static(content),
                Cow::Owned(content) => Bytes::from(content),
            };
            Some((name.into_owned(), content))
        })
    }
}

#[cfg(not(feature = "console"))]
mod embedded {
    use bytes::Bytes;

    pub fn files() -> impl Iterator<Item = (String, Bytes)> {
        std::iter::empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_forms_belong_to_their_files() {
        let files = [
            ("index.html", "page"),
            ("index.html.br", "br"),
            ("assets/app.js", "script"),
            ("assets/app.js.gz", "gz"),
            ("assets/app.js.br", "br"),
            ("archive.gz", "an archive"),
            ("icon.svg", "icon"),
        ];
        let files = files.map(|(name, content)| (name.to_owned(), Bytes::from_static(content.as_bytes())));
        let files = ConsoleFiles::new(files);
        let page = files.get("index.html").unwrap();
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert_eq!(page.encodings().collect::<Vec<_>>(), [ContentEncoding::Brotli]);
        let script = files.get("assets/app.js").unwrap();
        assert_eq!(script.content_type, "text/javascript; charset=utf-8");
        assert_eq!(script.encodings().count(), 2);
        assert_eq!(script.compressed(ContentEncoding::Gzip).map(Bytes::as_ref), Some(&b"gz"[..]));
        assert_ne!(script.hash, page.hash);
        assert!(files.get("assets/app.js.br").is_none() && files.get("archive.gz").is_some());
        let mut root: Vec<_> = files.root_files().collect();
        root.sort_unstable();
        assert_eq!(root, ["archive.gz", "icon.svg"]);
    }
}
