//! Documents that a request names instead of sending them.
//!
//! - Automatic persisted queries: the request has the SHA-256 of a document that a client has sent before.
//! - Trusted documents: the request has an id of the manifest. In the mode `enforce`, the gateway executes no
//!   other documents.

use std::sync::Arc;

use async_graphql::{Request, Value};
use moka::sync::Cache;

use crate::config::{TrustMode, TrustedDocuments, document_hash};
use crate::graphql::error::{Error, ErrorCode};

/// The memory that automatic persisted queries may use.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// The memory of an entry besides its document.
const OVERHEAD_BYTES: usize = 128;

/// The request extension with the id of a trusted document. In a request over HTTP, the id can also be next
/// to `query`.
pub const DOCUMENT_ID: &str = "documentId";

/// The documents that requests can name.
pub struct PersistedDocuments {
    /// `None` if automatic persisted queries are switched off.
    automatic: Option<Cache<[u8; 32], Arc<str>>>,
    trusted: TrustedDocuments,
    /// Longer documents are not cached, since they are rejected later.
    document_max_bytes: usize,
}

impl PersistedDocuments {
    pub fn new(automatic: bool, trusted: TrustedDocuments, document_max_bytes: usize) -> Self {
        let cache = || {
            let weigh = |_: &[u8; 32], document: &Arc<str>| {
                u32::try_from(document.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
            };
            Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh).build()
        };
        Self { automatic: automatic.then(cache), trusted, document_max_bytes }
    }

    /// Sets `request.query` to the document that the request names.
    ///
    /// # Errors
    /// - PERSISTED_QUERY_NOT_FOUND if there is no such document.
    /// - PERSISTED_QUERY_NOT_SUPPORTED if automatic persisted queries are switched off.
    /// - DOCUMENT_NOT_TRUSTED if the document must be in the manifest, and is not.
    /// - BAD_USER_INPUT if the hash is malformed, or is not the hash of `query`.
    pub fn resolve(&self, request: &mut Request) -> Result<(), Error> {
        let id = request.extensions.get(DOCUMENT_ID);
        let hash = request.extensions.get("persistedQuery").and_then(|persisted| match persisted {
            Value::Object(fields) => fields.get("sha256Hash"),
            _ => None,
        });
        if let Some(id_or_hash) = id.or(hash) {
            let Value::String(id_or_hash) = id_or_hash else {
                return Err(Error::bad_input("`documentId` and `sha256Hash` must be strings."));
            };
            let document = self.trusted.get(id_or_hash);
            let is_hash = id.is_none();
            match document {
                Some(document) if request.query.is_empty() => {
                    document.as_ref().clone_into(&mut request.query);
                    return Ok(());
                }
                None if is_hash => {
                    let hash = id_or_hash.clone();
                    self.resolve_hash(&hash, request)?;
                }
                None if request.query.is_empty() => {
                    let message = "There is no trusted document with this `documentId`.";
                    return Err(Error::new(ErrorCode::PersistedQueryNotFound, message));
                }
                // If the request also has a document, it takes precedence over the id.
                Some(_) | None => {}
            }
        }
        self.check_trust(&request.query)
    }

    /// Handles an automatic persisted query: finds the document or, if the request has it, caches it.
    fn resolve_hash(&self, hash: &str, request: &mut Request) -> Result<(), Error> {
        let Some(automatic) = self.automatic.as_ref().filter(|_| self.trusted.mode != TrustMode::Enforce)
        else {
            if !request.query.is_empty() {
                return Ok(());
            }
            // The protocol defines the message: clients look for it, and then send the document.
            return Err(Error::new(ErrorCode::PersistedQueryNotSupported, "PersistedQueryNotSupported"));
        };
        let Some(hash) = parse_hash(hash) else {
            return Err(Error::bad_input("`sha256Hash` must have 64 hexadecimal digits."));
        };
        if request.query.is_empty() {
            // The protocol defines this message, too.
            let not_found = || Error::new(ErrorCode::PersistedQueryNotFound, "PersistedQueryNotFound");
            automatic.get(&hash).ok_or_else(not_found)?.as_ref().clone_into(&mut request.query);
            return Ok(());
        }
        if request.query.len() > self.document_max_bytes {
            return Ok(());
        }
        if document_hash(&request.query) != hash {
            return Err(Error::bad_input("`sha256Hash` must be the SHA-256 of `query`."));
        }
        automatic.insert(hash, request.query.as_str().into());
        Ok(())
    }

    fn check_trust(&self, document: &str) -> Result<(), Error> {
        match self.trusted.mode {
            TrustMode::Off => Ok(()),
            _ if self.trusted.contains(document) => Ok(()),
            TrustMode::Audit => {
                let sha256 = hexadecimal(&document_hash(document));
                tracing::warn!(sha256, "document is not trusted");
                Ok(())
            }
            TrustMode::Enforce => {
                let message = "Only trusted documents are executed. Send the `documentId` of one.";
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
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
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
    fn a_document_is_found_by_its_hash_after_it_was_sent() {
        let documents = PersistedDocuments::new(true, TrustedDocuments::default(), 100);
        let hash = hexadecimal(&document_hash("{ a }"));
        let code = |mut request: Request| documents.resolve(&mut request).map_err(|error| error.code());
        assert_eq!(code(request("", &hash)), Err(ErrorCode::PersistedQueryNotFound));
        assert_eq!(code(request("{ b }", &hash)), Err(ErrorCode::BadUserInput));
        assert_eq!(code(request("", &hash)), Err(ErrorCode::PersistedQueryNotFound));
        assert_eq!(code(request("{ a }", &hash.to_uppercase())), Ok(()));
        let mut persisted = request("", &hash);
        documents.resolve(&mut persisted).expect("the document was sent");
        assert_eq!(persisted.query, "{ a }");
        for invalid in ["", "abc", &"é".repeat(32), &"g".repeat(64)] {
            assert_eq!(code(request("{ a }", invalid)), Err(ErrorCode::BadUserInput), "{invalid}");
        }
        let long = " ".repeat(101);
        let hash_of_long = hexadecimal(&document_hash(&long));
        assert_eq!(code(request(&long, &hash_of_long)), Ok(()));
        assert_eq!(code(request("", &hash_of_long)), Err(ErrorCode::PersistedQueryNotFound));
        let switched_off = PersistedDocuments::new(false, TrustedDocuments::default(), 100);
        let error = switched_off.resolve(&mut request("", &hash)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::PersistedQueryNotSupported);
        switched_off.resolve(&mut request("{ a }", &hash)).expect("the request has the document");
    }
}
