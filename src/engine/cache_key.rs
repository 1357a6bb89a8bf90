//! The key of a response in the response cache.

use async_graphql::Request;
use sha2::{Digest, Sha256};

/// The SHA-256 of the document, the operation name and the variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key of an anonymous request whose document is resolved. `None` if the response cannot be cached:
    /// the request has files, or asks for its cost, which differs between clients.
    pub fn new(request: &Request) -> Option<Self> {
        if request.extensions.contains_key("cost") || !request.uploads.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for part in [request.operation_name.as_deref().unwrap_or_default(), &request.query] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hash.update(serde_json::to_vec(&request.variables).ok()?);
        Some(Self(hash.finalize().into()))
    }
}
