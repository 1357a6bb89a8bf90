//! Seals what is personal before it reaches the database or the blobs.
//!
//! Envelope encryption: each person's data have a key of their own ([`DataKey`]), which is kept wrapped by one of
//! the installation's keys. Destroying the wrapped key destroys the data, wherever copies of them are; changing
//! the installation's key rewraps keys and touches no data. Everything sealed is bound to the place it belongs
//! to: moved to another row, it does not open.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::wrapped_key::WrappedKey;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VaultError {
    /// The installation does not have this key any more.
    #[error("the key {0:?} is missing")]
    MissingKey(String),
    /// It is not what was sealed, or not where it was sealed for.
    #[error("sealed data have been altered")]
    Tampered,
    #[error("the machine gives no randomness")]
    NoRandomness,
}

/// The installation's keys, by their ids. New data keys are wrapped by the newest.
pub struct Vault {
    keys: BTreeMap<String, XChaCha20Poly1305>,
    newest: String,
    /// For hashes by which the same thing is known again, and nothing is learnt of it.
    index: Hmac<Sha256>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("keys", &self.keys.keys()).finish_non_exhaustive()
    }
}

/// The key of one person's data.
pub struct DataKey(XChaCha20Poly1305);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl Vault {
    /// The newest key is the last.
    pub fn new(keys: &[(&str, &[u8; KEY_BYTES])], index_key: &[u8]) -> Option<Self> {
        let newest = (*keys.last()?).0.to_owned();
        let keys = keys.iter().map(|(id, key)| ((*id).to_owned(), cipher(*key))).collect();
        let index = <Hmac<Sha256> as Mac>::new_from_slice(index_key).expect("HMAC takes a key of any length");
        Some(Self { keys, newest, index })
    }

    /// The id of the key that new data keys are wrapped by.
    pub fn newest(&self) -> &str {
        &self.newest
    }

    /// Whether the installation has this key.
    pub fn has(&self, key_id: &str) -> bool {
        self.keys.contains_key(key_id)
    }

    /// A new key for the data of `owner`, and as it is kept.
    ///
    /// # Errors
    /// Where the machine gives no randomness.
    pub fn new_data_key(&self, owner: Uuid) -> Result<(DataKey, WrappedKey), VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        fill(&mut *bytes)?;
        let wrapped = self.wrap(&*bytes, owner)?;
        Ok((DataKey(cipher(&*bytes)), wrapped))
    }

    /// The data key of `owner`.
    ///
    /// # Errors
    /// [`VaultError::MissingKey`], [`VaultError::Tampered`].
    pub fn unwrap(&self, wrapped: &WrappedKey, owner: Uuid) -> Result<DataKey, VaultError> {
        Ok(DataKey(cipher(&self.opened(wrapped, owner)?)))
    }

    /// The same data key, wrapped by the newest key.
    ///
    /// # Errors
    /// [`VaultError::MissingKey`], [`VaultError::Tampered`].
    pub fn rewrap(&self, wrapped: &WrappedKey, owner: Uuid) -> Result<WrappedKey, VaultError> {
        self.wrap(&self.opened(wrapped, owner)?, owner)
    }

    /// A hash of `text` by which it is known again, and nothing else is learnt of it. `purpose` keeps hashes of
    /// different things apart.
    pub fn hash(&self, purpose: &str, text: &[u8]) -> Vec<u8> {
        let mac = self.index.clone().chain_update(purpose).chain_update([0]).chain_update(text);
        mac.finalize().into_bytes().to_vec()
    }

    fn wrap(&self, key: &[u8], owner: Uuid) -> Result<WrappedKey, VaultError> {
        let cipher =
            self.keys.get(&self.newest).ok_or_else(|| VaultError::MissingKey(self.newest.clone()))?;
        let bytes = seal(cipher, &wrapping_place(owner, &self.newest), key)?;
        Ok(WrappedKey { key_id: self.newest.clone(), bytes })
    }

    fn opened(&self, wrapped: &WrappedKey, owner: Uuid) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let cipher = self.keys.get(&wrapped.key_id);
        let cipher = cipher.ok_or_else(|| VaultError::MissingKey(wrapped.key_id.clone()))?;
        let key = Zeroizing::new(open(cipher, &wrapping_place(owner, &wrapped.key_id), &wrapped.bytes)?);
        if key.len() == KEY_BYTES { Ok(key) } else { Err(VaultError::Tampered) }
    }
}

impl DataKey {
    /// Seals `plain` for `place`, and for no other.
    ///
    /// # Errors
    /// Where the machine gives no randomness.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        seal(&self.0, place, plain)
    }

    /// What was sealed for `place`.
    ///
    /// # Errors
    /// [`VaultError::Tampered`].
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        open(&self.0, place, sealed).map(Zeroizing::new)
    }
}

fn wrapping_place(owner: Uuid, key_id: &str) -> String {
    format!("data key of {owner} under {key_id}")
}

fn cipher(key: &[u8]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(key).expect("every key of ours has 32 bytes")
}

fn nonce(bytes: &[u8]) -> XNonce {
    let bytes: [u8; NONCE_BYTES] = bytes.try_into().expect("a nonce was cut to its length");
    bytes.into()
}

fn fill(bytes: &mut [u8]) -> Result<(), VaultError> {
    rand::rngs::OsRng.try_fill_bytes(bytes).map_err(|_| VaultError::NoRandomness)
}

/// A nonce, and then what it was sealed with.
fn seal(cipher: &XChaCha20Poly1305, place: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut sealed = vec![0; NONCE_BYTES];
    fill(&mut sealed)?;
    let payload = Payload { msg: plain, aad: place.as_bytes() };
    let text = cipher.encrypt(&nonce(&sealed), payload);
    sealed.extend(text.expect("no text of ours is longer than the cipher can take"));
    Ok(sealed)
}

fn open(cipher: &XChaCha20Poly1305, place: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (start, text) = sealed.split_at_checked(NONCE_BYTES).ok_or(VaultError::Tampered)?;
    let payload = Payload { msg: text, aad: place.as_bytes() };
    cipher.decrypt(&nonce(start), payload).map_err(|_| VaultError::Tampered)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: (&str, &[u8; KEY_BYTES]) = ("a", &[1; KEY_BYTES]);
    const B: (&str, &[u8; KEY_BYTES]) = ("b", &[2; KEY_BYTES]);

    #[test]
    fn what_is_sealed_opens_in_its_place_and_whole_alone() {
        let vault = Vault::new(&[A], b"index").unwrap();
        let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (data_key, wrapped) = vault.new_data_key(ann).unwrap();
        let sealed = data_key.seal("form of ann", b"Ann Lee").unwrap();
        assert!(!sealed.windows(3).any(|part| part == b"Ann"));
        let again = vault.unwrap(&wrapped, ann).unwrap();
        assert_eq!(&**again.open("form of ann", &sealed).unwrap(), b"Ann Lee");
        assert_eq!(again.open("form of bob", &sealed).unwrap_err(), VaultError::Tampered);
        assert_eq!(vault.unwrap(&wrapped, bob).unwrap_err(), VaultError::Tampered);
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert_eq!(again.open("form of ann", &altered).unwrap_err(), VaultError::Tampered);
        }
        assert_eq!(again.open("form of ann", &sealed[..10]).unwrap_err(), VaultError::Tampered);
        assert_ne!(data_key.seal("form of ann", b"Ann Lee").unwrap(), sealed);
    }

    #[test]
    fn a_key_is_changed_without_touching_the_data() {
        let ann = Uuid::from_u128(1);
        let old = Vault::new(&[A], b"index").unwrap();
        let (data_key, wrapped) = old.new_data_key(ann).unwrap();
        let sealed = data_key.seal("form", b"Ann").unwrap();
        let both = Vault::new(&[A, B], b"index").unwrap();
        let rewrapped = both.rewrap(&wrapped, ann).unwrap();
        assert_eq!(rewrapped.key_id, "b");
        let new = Vault::new(&[B], b"index").unwrap();
        assert_eq!(&**new.unwrap(&rewrapped, ann).unwrap().open("form", &sealed).unwrap(), b"Ann");
        assert_eq!(new.unwrap(&wrapped, ann).unwrap_err(), VaultError::MissingKey("a".into()));
        let relabelled = WrappedKey { key_id: "b".into(), ..wrapped };
        assert_eq!(both.unwrap(&relabelled, ann).unwrap_err(), VaultError::Tampered);
    }

    #[test]
    fn a_hash_knows_again_and_keeps_purposes_apart() {
        let vault = Vault::new(&[A], b"index").unwrap();
        let other = Vault::new(&[A], b"another").unwrap();
        assert_eq!(vault.hash("document", b"GB:1"), vault.hash("document", b"GB:1"));
        assert_ne!(vault.hash("document", b"GB:1"), vault.hash("picture", b"GB:1"));
        assert_ne!(vault.hash("document", b"GB:1"), other.hash("document", b"GB:1"));
    }
}
