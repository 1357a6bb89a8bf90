//! Caches parsed and validated documents.
//!
//! Validating a document takes much longer than looking it up, and clients send few distinct documents. So
//! each distinct document is validated once, for all requests that send it.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::types::ExecutableDocument;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::engine::operation::InvalidRequest;
use crate::engine::validation::ValidDocument;

/// The memory that the cache may use.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// The largest size of a syntax tree, as a multiple of the document's text. For example, the three bytes of
/// the field `a:b` take about 250 bytes.
const BYTES_PER_TEXT_BYTE: usize = 96;

/// The memory of an entry besides its syntax tree.
const OVERHEAD_BYTES: usize = 1024;

/// A document that is parsed, valid and within the limits.
pub struct PreparedDocument {
    /// The syntax tree that the library executes.
    pub document: ExecutableDocument,
    /// Coerces the variables of its operations.
    pub validated: ValidDocument,
    /// The root fields of each operation by its name (empty if it has none), or the error if there are too
    /// many.
    pub root_fields: HashMap<String, Result<Vec<String>, ServerError>>,
    pub text_bytes: usize,
}

impl PreparedDocument {
    fn memory_bytes(&self) -> usize {
        self.text_bytes * BYTES_PER_TEXT_BYTE + OVERHEAD_BYTES
    }
}

/// Prepared documents by the SHA-256 of their text. A full cache evicts the documents that are used least.
pub struct DocumentCache(Cache<[u8; 32], Arc<PreparedDocument>>);

impl Default for DocumentCache {
    fn default() -> Self {
        let weigh = |_: &[u8; 32], document: &Arc<PreparedDocument>| {
            u32::try_from(document.memory_bytes()).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh).build())
    }
}

impl DocumentCache {
    /// The prepared document with this text. Calls `prepare` if it is not cached; errors are not cached.
    ///
    /// # Errors
    /// The errors of `prepare`.
    pub fn get_or_prepare(
        &self,
        text: &str,
        prepare: impl FnOnce() -> Result<PreparedDocument, InvalidRequest>,
    ) -> Result<Arc<PreparedDocument>, InvalidRequest> {
        let key: [u8; 32] = Sha256::digest(text).into();
        if let Some(document) = self.0.get(&key) {
            return Ok(document);
        }
        let document = Arc::new(prepare()?);
        self.0.insert(key, Arc::clone(&document));
        Ok(document)
    }
}
