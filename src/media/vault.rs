//! Encrypts personal data before it is written to the database or the object store.
//!
//! Envelope encryption: the data of each user has its own key ([`DataKey`]), which is stored wrapped
//! (encrypted) by a key of the installation. Deleting the wrapped key makes the data unreadable, wherever
//! copies of it are. Rotating the installation's key rewraps the data keys and leaves the data as it is. The
//! associated data of the encryption is a context, such as the row that the data belongs to. Data that is
//! moved to another row cannot be decrypted.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::id::{AttemptId, DataKeyId, UserId};
use crate::domain::wrapped_key::WrappedKey;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// What the key of [`Vault::encrypt_comparable`] is derived from the index key by. Stored data depend on it.
const INDEX_CIPHER: &str = "key of comparable data";

/// Why data cannot be encrypted or decrypted.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum VaultError {
    /// The installation has no key with this id.
    #[error("the encryption key {0:?} is missing")]
    MissingKey(String),
    /// The data key with this id is not stored, as after a backup was restored without the data keys.
    #[error("the data key {0} is missing")]
    MissingDataKey(DataKeyId),
    /// The data was changed, or was encrypted for another context.
    #[error("encrypted data has been altered")]
    Tampered,
    #[error("the operating system provides no randomness")]
    NoRandomness,
}

/// The installation's keys, by their ids. New data keys are wrapped by the newest.
pub struct Vault {
    keys: BTreeMap<String, XChaCha20Poly1305>,
    newest_key_id: String,
    /// The state of [`Vault::hash`], keyed by the index key.
    index: Hmac<Sha256>,
    /// A key that is derived from the index key.
    index_cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("keys", &self.keys.keys()).finish_non_exhaustive()
    }
}

/// Which data key it is, and whose data it encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOwner {
    /// One of the keys of a user.
    User(DataKeyId, UserId),
    /// The response of one run of an idempotent mutation.
    Attempt(AttemptId),
}

impl From<(DataKeyId, UserId)> for KeyOwner {
    fn from((id, user_id): (DataKeyId, UserId)) -> Self {
        Self::User(id, user_id)
    }
}

impl From<AttemptId> for KeyOwner {
    fn from(id: AttemptId) -> Self {
        Self::Attempt(id)
    }
}

impl std::fmt::Display for KeyOwner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // A user had one key in earlier versions. It has the user's UUID, and is wrapped for the user only.
            Self::User(id, user_id) if id.uuid() == user_id.uuid() => user_id.fmt(f),
            // Another key of those versions was for what reviewers wrote.
            Self::User(id, user_id) if *id == DataKeyId::of_earlier_review_key(*user_id) => {
                write!(f, "review texts about {user_id}")
            }
            Self::User(id, user_id) => write!(f, "{id} of {user_id}"),
            Self::Attempt(id) => id.fmt(f),
        }
    }
}

/// The key of the data of one owner.
pub struct DataKey(XChaCha20Poly1305);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl Vault {
    /// A vault with these keys, newest last; `None` if there is none.
    pub fn new(keys: &[(&str, &[u8; KEY_BYTES])], index_key: &[u8]) -> Option<Self> {
        let newest_key_id = keys.last()?.0.to_owned();
        let keys = keys.iter().map(|(id, key)| ((*id).to_owned(), cipher(*key))).collect();
        let index = <Hmac<Sha256> as Mac>::new_from_slice(index_key).expect("HMAC takes a key of any length");
        let index_cipher = cipher(&index.clone().chain_update(INDEX_CIPHER).finalize().into_bytes());
        Some(Self { keys, newest_key_id, index, index_cipher })
    }

    /// The id of the key that wraps new data keys.
    pub fn newest_key_id(&self) -> &str {
        &self.newest_key_id
    }

    /// Whether the installation has this key.
    pub fn has_key(&self, key_id: &str) -> bool {
        self.keys.contains_key(key_id)
    }

    /// A new key for the data of `owner`, and its wrapped form to store.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn new_data_key(&self, owner: impl Into<KeyOwner>) -> Result<(DataKey, WrappedKey), VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        fill_random(&mut *bytes)?;
        let wrapped = self.wrap(&*bytes, owner.into())?;
        Ok((DataKey(cipher(&*bytes)), wrapped))
    }

    /// Decrypts the data key of `owner`.
    ///
    /// # Errors
    /// [`VaultError::MissingKey`], [`VaultError::Tampered`].
    pub fn unwrap(&self, wrapped: &WrappedKey, owner: impl Into<KeyOwner>) -> Result<DataKey, VaultError> {
        Ok(DataKey(cipher(&self.unwrap_bytes(wrapped, owner.into())?)))
    }

    /// Wraps the same data key by the newest key.
    ///
    /// # Errors
    /// [`VaultError::MissingKey`], [`VaultError::Tampered`].
    pub fn rewrap(&self, wrapped: &WrappedKey, owner: impl Into<KeyOwner>) -> Result<WrappedKey, VaultError> {
        let owner = owner.into();
        self.wrap(&self.unwrap_bytes(wrapped, owner)?, owner)
    }

    /// A keyed hash of `text`: equal texts have equal hashes, and without the index key the hash reveals
    /// nothing else. Hashes with different `purpose` are unrelated. Purposes are part of stored hashes: do
    /// not change them.
    pub fn hash(&self, purpose: &str, text: &[u8]) -> Vec<u8> {
        let mac = self.index.clone().chain_update(purpose).chain_update([0]).chain_update(text);
        mac.finalize().into_bytes().to_vec()
    }

    /// Encrypts what is compared with the data of other users, bound to `context`. The key is derived from the index
    /// key: it is of no user, so an erasure does not destroy it, and it never changes.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn encrypt_comparable(&self, context: &str, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        encrypt(&self.index_cipher, context, plaintext)
    }

    /// Decrypts what [`encrypt_comparable`](Self::encrypt_comparable) has encrypted with the same `context`.
    ///
    /// # Errors
    /// [`VaultError::Tampered`].
    pub fn decrypt_comparable(&self, context: &str, encrypted: &[u8]) -> Result<Vec<u8>, VaultError> {
        decrypt(&self.index_cipher, context, encrypted)
    }

    /// A random id, which does not tell when it was made.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn random_id(&self) -> Result<Uuid, VaultError> {
        let mut bytes = [0; 16];
        fill_random(&mut bytes)?;
        Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Whether `hash` is the [`hash`](Self::hash) of the text for this purpose.
    pub fn is_hash(&self, purpose: &str, text: &[u8], hash: &[u8]) -> bool {
        let mac = self.index.clone().chain_update(purpose).chain_update([0]).chain_update(text);
        mac.verify_slice(hash).is_ok()
    }

    fn wrap(&self, key: &[u8], owner: KeyOwner) -> Result<WrappedKey, VaultError> {
        let key_id = &self.newest_key_id;
        let cipher = self.keys.get(key_id).ok_or_else(|| VaultError::MissingKey(key_id.clone()))?;
        let bytes = encrypt(cipher, &wrapping_context(owner, key_id), key)?;
        Ok(WrappedKey { key_id: key_id.clone(), bytes })
    }

    fn unwrap_bytes(&self, wrapped: &WrappedKey, owner: KeyOwner) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let cipher = self.keys.get(&wrapped.key_id);
        let cipher = cipher.ok_or_else(|| VaultError::MissingKey(wrapped.key_id.clone()))?;
        let key = Zeroizing::new(decrypt(cipher, &wrapping_context(owner, &wrapped.key_id), &wrapped.bytes)?);
        if key.len() == KEY_BYTES { Ok(key) } else { Err(VaultError::Tampered) }
    }
}

impl DataKey {
    /// Encrypts `plaintext`, bound to `context`.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn encrypt(&self, context: &str, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        encrypt(&self.0, context, plaintext)
    }

    /// Decrypts what was encrypted with the same `context`.
    ///
    /// # Errors
    /// [`VaultError::Tampered`].
    pub fn decrypt(&self, context: &str, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        decrypt(&self.0, context, encrypted).map(Zeroizing::new)
    }
}

/// The context of a wrapped key. Stored keys depend on it: do not change it.
fn wrapping_context(owner: KeyOwner, key_id: &str) -> String {
    format!("data key of {owner} under {key_id}")
}

fn cipher(key: &[u8]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new_from_slice(key).expect("every key has 32 bytes")
}

fn nonce(bytes: &[u8]) -> XNonce {
    let bytes: [u8; NONCE_BYTES] = bytes.try_into().expect("the slice has the length of a nonce");
    bytes.into()
}

fn fill_random(bytes: &mut [u8]) -> Result<(), VaultError> {
    rand::rngs::OsRng.try_fill_bytes(bytes).map_err(|_| VaultError::NoRandomness)
}

/// Encrypts `plaintext`. The result is the nonce followed by the ciphertext.
fn encrypt(cipher: &XChaCha20Poly1305, context: &str, plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut encrypted = vec![0; NONCE_BYTES];
    fill_random(&mut encrypted)?;
    let payload = Payload { msg: plaintext, aad: context.as_bytes() };
    let ciphertext = cipher.encrypt(&nonce(&encrypted), payload);
    encrypted.extend(ciphertext.expect("the plaintext is below the cipher's limit of 256 GiB"));
    Ok(encrypted)
}

fn decrypt(cipher: &XChaCha20Poly1305, context: &str, encrypted: &[u8]) -> Result<Vec<u8>, VaultError> {
    let (start, ciphertext) = encrypted.split_at_checked(NONCE_BYTES).ok_or(VaultError::Tampered)?;
    let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
    cipher.decrypt(&nonce(start), payload).map_err(|_| VaultError::Tampered)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: (&str, &[u8; KEY_BYTES]) = ("a", &[1; KEY_BYTES]);
    const B: (&str, &[u8; KEY_BYTES]) = ("b", &[2; KEY_BYTES]);

    /// The owner of a data key: the key 7 of this user.
    fn owner(user: u128) -> (DataKeyId, UserId) {
        (DataKeyId::from_uuid(Uuid::from_u128(7)), UserId::from_uuid(Uuid::from_u128(user)))
    }

    #[test]
    fn the_keys_of_an_earlier_version_are_wrapped_for_their_user_only() {
        let user = UserId::from_uuid(Uuid::from_u128(0x0194_1f29_7c00_7000_8000_0000_0000_0001));
        let owner = |id| KeyOwner::from((id, user)).to_string();
        assert_eq!(owner(DataKeyId::from_uuid(user.uuid())), user.to_string());
        let review_key = DataKeyId::of_earlier_review_key(user);
        assert_eq!(review_key.uuid().get_version_num(), 8);
        assert_eq!(owner(review_key), format!("review texts about {user}"));
    }

    #[test]
    fn encrypted_data_can_only_be_decrypted_unaltered_and_in_its_context() {
        let vault = Vault::new(&[A], b"index").unwrap();
        let [ann, bob] = [1, 2].map(owner);
        let (data_key, wrapped) = vault.new_data_key(ann).unwrap();
        let encrypted = data_key.encrypt("form of ann", b"Ann Lee").unwrap();
        assert!(!encrypted.windows(3).any(|part| part == b"Ann"));
        let unwrapped = vault.unwrap(&wrapped, ann).unwrap();
        assert_eq!(&**unwrapped.decrypt("form of ann", &encrypted).unwrap(), b"Ann Lee");
        assert_eq!(unwrapped.decrypt("form of bob", &encrypted).unwrap_err(), VaultError::Tampered);
        assert_eq!(vault.unwrap(&wrapped, bob).unwrap_err(), VaultError::Tampered);
        let other_key = (DataKeyId::from_uuid(Uuid::from_u128(8)), ann.1);
        assert_eq!(vault.unwrap(&wrapped, other_key).unwrap_err(), VaultError::Tampered);
        for index in 0..encrypted.len() {
            let mut altered = encrypted.clone();
            altered[index] ^= 1;
            assert_eq!(unwrapped.decrypt("form of ann", &altered).unwrap_err(), VaultError::Tampered);
        }
        assert_eq!(unwrapped.decrypt("form of ann", &encrypted[..10]).unwrap_err(), VaultError::Tampered);
        assert_ne!(data_key.encrypt("form of ann", b"Ann Lee").unwrap(), encrypted);
    }

    #[test]
    fn rewrapping_a_key_leaves_the_data_as_it_is() {
        let ann = owner(1);
        let old = Vault::new(&[A], b"index").unwrap();
        let (data_key, wrapped) = old.new_data_key(ann).unwrap();
        let encrypted = data_key.encrypt("form", b"Ann").unwrap();
        let both = Vault::new(&[A, B], b"index").unwrap();
        let rewrapped = both.rewrap(&wrapped, ann).unwrap();
        assert_eq!(rewrapped.key_id, "b");
        let new = Vault::new(&[B], b"index").unwrap();
        assert_eq!(&**new.unwrap(&rewrapped, ann).unwrap().decrypt("form", &encrypted).unwrap(), b"Ann");
        assert_eq!(new.unwrap(&wrapped, ann).unwrap_err(), VaultError::MissingKey("a".into()));
        let relabelled = WrappedKey { key_id: "b".into(), ..wrapped };
        assert_eq!(both.unwrap(&relabelled, ann).unwrap_err(), VaultError::Tampered);
    }

    #[test]
    fn comparable_data_needs_the_index_key_and_survives_a_rotation() {
        let old = Vault::new(&[A], b"index").unwrap();
        let encrypted = old.encrypt_comparable("picture 1", b"cells").unwrap();
        let new = Vault::new(&[B], b"index").unwrap();
        assert_eq!(new.decrypt_comparable("picture 1", &encrypted).unwrap(), b"cells");
        assert_eq!(new.decrypt_comparable("picture 2", &encrypted).unwrap_err(), VaultError::Tampered);
        let other = Vault::new(&[A], b"another").unwrap();
        assert_eq!(other.decrypt_comparable("picture 1", &encrypted).unwrap_err(), VaultError::Tampered);
        assert_ne!(new.random_id().unwrap(), new.random_id().unwrap());
    }

    #[test]
    fn a_hash_depends_on_text_purpose_and_index_key() {
        let vault = Vault::new(&[A], b"index").unwrap();
        let other = Vault::new(&[A], b"another").unwrap();
        assert_eq!(vault.hash("document", b"GB:1"), vault.hash("document", b"GB:1"));
        assert_ne!(vault.hash("document", b"GB:1"), vault.hash("image", b"GB:1"));
        assert_ne!(vault.hash("document", b"GB:1"), other.hash("document", b"GB:1"));
    }
}
