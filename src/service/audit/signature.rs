//! Signs exports of the audit trail and the summaries of what was removed from it (Ed25519). Whoever checks an export
//! needs only the public key.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::domain::audit::{AuditCheckpoint, hexadecimal};
use crate::media::vault::Vault;

/// The key of the installation, derived from `GIGWAY_INDEX_KEY`.
pub struct TrailSigner(SigningKey);

/// Checks signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailPublicKey(VerifyingKey);

impl TrailSigner {
    pub fn new(vault: &Vault) -> Self {
        let seed: [u8; 32] = vault.hash("audit signing key", b"").try_into().expect("a hash has 32 bytes");
        Self(SigningKey::from_bytes(&seed))
    }

    pub fn public_key(&self) -> TrailPublicKey {
        TrailPublicKey(self.0.verifying_key())
    }

    pub fn sign(&self, text: &str) -> Vec<u8> {
        self.0.sign(text.as_bytes()).to_vec()
    }
}

impl TrailPublicKey {
    /// Parses a key as [`Display`](std::fmt::Display) writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 32] = BASE64_STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    pub fn is_valid(&self, text: &str, signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.0.verify_strict(text.as_bytes(), &signature).is_ok())
    }
}

impl std::fmt::Display for TrailPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        BASE64_STANDARD.encode(self.0.as_bytes()).fmt(f)
    }
}

/// The text of a checkpoint that is signed. Stored signatures depend on it: do not change it.
pub(super) fn checkpoint_text(checkpoint: &AuditCheckpoint) -> String {
    format!(
        "gigway audit checkpoint\n{}\n{}\n{}\n{}\n{}",
        checkpoint.number,
        checkpoint.count,
        checkpoint.last_at.timestamp_micros(),
        checkpoint.removed_at.timestamp_micros(),
        hexadecimal(&checkpoint.mac),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_valid_for_its_text_and_its_key_only() {
        let signer =
            |index_key: &[u8]| TrailSigner::new(&Vault::new(&[("a", &[1; 32])], index_key).expect("a vault"));
        let signature = signer(b"a").sign("text");
        let key = TrailPublicKey::parse(&signer(b"a").public_key().to_string()).expect("a key");
        assert!(key.is_valid("text", &signature));
        assert!(!key.is_valid("texts", &signature) && !key.is_valid("text", &signature[1..]));
        assert!(!signer(b"b").public_key().is_valid("text", &signature));
        assert_eq!(TrailPublicKey::parse("AAAA"), None);
    }
}
