//! The cache key of an anonymous request.

use std::io::Write;

use async_graphql::Request;
use sha2::{Digest, Sha256};

/// What an answer is to: the SHA-256 of document, operation and variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of a request that has its document. `None` for one whose answer says something of the request itself, or
    /// that brings more than text.
    pub fn of(request: &Request) -> Option<Self> {
        if request.extensions.contains_key("cost") || !request.uploads.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for part in [request.operation_name.as_deref().unwrap_or_default(), &request.query] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        serde_json::to_writer(&mut hash as &mut dyn Write, &request.variables).ok()?;
        Some(Self(hash.finalize().into()))
    }
}
