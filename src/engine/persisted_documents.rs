//! Documents that a request names instead of sending them: by their SHA-256, once a client has sent one (automatic
//! persisted queries), or by their id in the manifest of trusted documents.

use std::sync::Arc;

use async_graphql::{Request, Value};
use moka::sync::Cache;

use crate::config::{TrustMode, TrustedDocuments, document_hash};
use crate::graphql::error::{Error, ErrorCode};

/// The bytes of documents that are kept by their hashes.
const KEPT_BYTES: u64 = 16 * 1024 * 1024;

/// What a document takes besides its own bytes.
const OVERHEAD_BYTES: usize = 128;

/// The extension that an id of the manifest comes in; over HTTP it may stand beside `query`, too.
pub const DOCUMENT_ID: &str = "documentId";

/// The documents that can be named.
pub struct PersistedDocuments {
    /// `None`: a document cannot be named by its hash alone.
    automatic: Option<Cache<[u8; 32], Arc<str>>>,
    trusted: TrustedDocuments,
    /// A longer document is refused anyway.
    document_max_bytes: usize,
}

impl PersistedDocuments {
    pub fn new(automatic: bool, trusted: TrustedDocuments, document_max_bytes: usize) -> Self {
        let cache = || {
            let weigh = |_: &[u8; 32], document: &Arc<str>| {
                u32::try_from(document.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
            };
            Cache::builder().max_capacity(KEPT_BYTES).weigher(weigh).build()
        };
        Self { automatic: automatic.then(cache), trusted, document_max_bytes }
    }

    /// Puts the document into a request that names it.
    ///
    /// # Errors
    /// PERSISTED_QUERY_NOT_FOUND, PERSISTED_QUERY_NOT_SUPPORTED, DOCUMENT_NOT_TRUSTED, BAD_USER_INPUT.
    pub fn resolve(&self, request: &mut Request) -> Result<(), Error> {
        let id = request.extensions.get(DOCUMENT_ID);
        let hash = request.extensions.get("persistedQuery").and_then(|persisted| match persisted {
            Value::Object(fields) => fields.get("sha256Hash"),
            _ => None,
        });
        if let Some(named) = id.or(hash) {
            let Value::String(named) = named else {
                return Err(Error::bad_input("A document's id or hash is a string."));
            };
            let document = self.trusted.get(named);
            let by_hash = id.is_none();
            match document {
                Some(document) if request.query.is_empty() => {
                    document.as_ref().clone_into(&mut request.query);
                    return Ok(());
                }
                None if by_hash => {
                    let hash = named.clone();
                    self.resolve_hash(&hash, request)?;
                }
                None if request.query.is_empty() => {
                    let message = "No trusted document has this id.";
                    return Err(Error::new(ErrorCode::PersistedQueryNotFound, message));
                }
                // What is sent with it is looked at as what it is.
                Some(_) | None => {}
            }
        }
        self.check_trust(&request.query)
    }

    fn resolve_hash(&self, hash: &str, request: &mut Request) -> Result<(), Error> {
        let Some(automatic) = self.automatic.as_ref().filter(|_| self.trusted.mode != TrustMode::Enforce)
        else {
            if !request.query.is_empty() {
                return Ok(());
            }
            // Clients know this by its very words, and send the document.
            return Err(Error::new(ErrorCode::PersistedQueryNotSupported, "PersistedQueryNotSupported"));
        };
        let Some(hash) = parse_hash(hash) else {
            return Err(Error::bad_input("`sha256Hash` is no SHA-256: 64 hexadecimal digits."));
        };
        if request.query.is_empty() {
            // And this.
            let not_found = || Error::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound");
            automatic.get(&hash).ok_or_else(not_found)?.as_ref().clone_into(&mut request.query);
            return Ok(());
        }
        if request.query.len() > self.document_max_bytes {
            return Ok(());
        }
        if document_hash(&request.query) != hash {
            return Err(Error::bad_input("`sha256Hash` is not the SHA-256 of `query`."));
        }
        automatic.insert(hash, request.query.as_str().into());
        Ok(())
    }

    fn check_trust(&self, document: &str) -> Result<(), Error> {
        match self.trusted.mode {
            TrustMode::Off => Ok(()),
            _ if self.trusted.contains(document) => Ok(()),
            TrustMode::Audit => {
                tracing::warn!(
                    sha256 = hexadecimal(&document_hash(document)),
                    "a document is in no manifest"
                );
                Ok(())
            }
            TrustMode::Enforce => {
                let message =
                    "This gateway runs only the documents that it knows: send one's id as `documentId`.";
                Err(Error::new(ErrorCode::DocumentNotTrusted, message))
            }
        }
    }
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn hexadecimal(hash: &[u8; 32]) -> String {
    hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(query: &str, hash: &str) -> Request {
        let mut request = Request::new(query);
        let persisted = Value::from_json(serde_json::json!({ "version": 1, "sha256Hash": hash })).unwrap();
        request.extensions.insert("persistedQuery".into(), persisted);
        request
    }

    #[test]
    fn a_document_is_known_by_its_hash_once_it_was_sent() {
        let documents = PersistedDocuments::new(true, TrustedDocuments::default(), 100);
        let hash = hexadecimal(&document_hash("{ a }"));
        let code = |mut request: Request| documents.resolve(&mut request).map_err(|error| error.code());
        assert_eq!(code(request("", &hash)), Err(ErrorCode::PersistedQueryNotFound));
        assert_eq!(code(request("{ b }", &hash)), Err(ErrorCode::BadUserInput));
        assert_eq!(code(request("", &hash)), Err(ErrorCode::PersistedQueryNotFound));
        assert_eq!(code(request("{ a }", &hash.to_uppercase())), Ok(()));
        let mut known = request("", &hash);
        documents.resolve(&mut known).expect("it is known");
        assert_eq!(known.query, "{ a }");
        for bad in ["", "abc", &"é".repeat(32), &"g".repeat(64)] {
            assert_eq!(code(request("{ a }", bad)), Err(ErrorCode::BadUserInput), "{bad}");
        }
        let long = " ".repeat(101);
        let hash_of_long = hexadecimal(&document_hash(&long));
        assert_eq!(code(request(&long, &hash_of_long)), Ok(()));
        assert_eq!(code(request("", &hash_of_long)), Err(ErrorCode::PersistedQueryNotFound));
        let without = PersistedDocuments::new(false, TrustedDocuments::default(), 100);
        let refused = without.resolve(&mut request("", &hash)).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::PersistedQueryNotSupported);
        without.resolve(&mut request("{ a }", &hash)).expect("it was sent whole");
    }
}
