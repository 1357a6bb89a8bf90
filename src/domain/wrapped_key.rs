//! The key of one person's data, in the form that is stored.

/// A data key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The installation's key that opens it.
    pub key_id: String,
    pub bytes: Vec<u8>,
}
