//! A key that encrypts personal data, from `GIGWAY_ENCRYPTION_KEYS`.

use secrecy::zeroize::Zeroizing;

/// A 32-byte key and its id. The id is stored with what the key encrypts.
pub struct EncryptionKey {
    pub id: String,
    pub bytes: Zeroizing<[u8; 32]>,
}

impl Clone for EncryptionKey {
    fn clone(&self) -> Self {
        Self { id: self.id.clone(), bytes: self.bytes.clone() }
    }
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EncryptionKey").field(&self.id).finish()
    }
}
