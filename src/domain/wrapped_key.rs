//! A data key in its stored form; `src/media/vault.rs` wraps and unwraps it.

/// A data key, encrypted by a key of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The id of the key that encrypts it.
    pub key_id: String,
    pub bytes: Vec<u8>,
}
