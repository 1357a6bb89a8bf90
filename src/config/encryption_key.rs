//! A key that personal data is encrypted with, as the configuration names it.

use secrecy::zeroize::Zeroizing;

/// One key: its id and its 32 bytes.
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
