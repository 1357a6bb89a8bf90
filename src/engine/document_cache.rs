//! Documents that were parsed and validated before, by their SHA-256.
//!
//! Validating a document takes much longer than looking it up, and clients send few distinct documents. So each distinct
//! document is checked once, and the result serves every request and subscription with it.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::types::ExecutableDocument;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::engine::validation::ValidDocument;

/// The bytes of memory that cached documents may take.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// The memory of a document as a multiple of its text: the syntax tree of every token is larger than the token.
const BYTES_PER_TEXT_BYTE: usize = 32;

/// The memory of a document besides its syntax tree.
const OVERHEAD_BYTES: usize = 1024;

/// A document that is valid, within the limits, and parsed.
pub struct PreparedDocument {
    /// As the library executes it.
    pub document: ExecutableDocument,
    /// Coerces the variables of its operations.
    pub validated: ValidDocument,
    /// The root fields of each operation by its name (empty without one), or why there are too many.
    pub root_fields: HashMap<String, Result<Vec<String>, ServerError>>,
    pub text_bytes: usize,
}

impl PreparedDocument {
    fn bytes(&self) -> usize {
        self.text_bytes * BYTES_PER_TEXT_BYTE + OVERHEAD_BYTES
    }
}

/// The prepared documents, bounded by their memory; the least used leave first.
pub struct DocumentCache(Cache<[u8; 32], Arc<PreparedDocument>>);

impl Default for DocumentCache {
    fn default() -> Self {
        let weigh = |_: &[u8; 32], document: &Arc<PreparedDocument>| {
            u32::try_from(document.bytes()).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh).build())
    }
}

impl DocumentCache {
    /// The prepared document of this text; `prepare` runs only if it is not cached. Invalid documents are not cached.
    ///
    /// # Errors
    /// The errors of `prepare`.
    pub fn get_or_prepare(
        &self,
        text: &str,
        prepare: impl FnOnce() -> Result<PreparedDocument, Vec<ServerError>>,
    ) -> Result<Arc<PreparedDocument>, Vec<ServerError>> {
        let key: [u8; 32] = Sha256::digest(text).into();
        if let Some(document) = self.0.get(&key) {
            return Ok(document);
        }
        let document = Arc::new(prepare()?);
        self.0.insert(key, Arc::clone(&document));
        Ok(document)
    }
}
