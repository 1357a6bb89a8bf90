//! Signatures of the URLs of images that are not public.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::service::tokens::derive_key;

/// Signs the text that an image URL stands for, and verifies such signatures.
pub struct UrlSigner(Hmac<Sha256>);

impl std::fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UrlSigner")
    }
}

impl UrlSigner {
    /// Derives its own key from the token secret, so that the signature of a URL is never one of a token.
    pub fn new(token_secret: &SecretString) -> Self {
        let key = derive_key(token_secret.expose_secret().as_bytes(), b"gigway picture addresses");
        Self(Hmac::new_from_slice(&key).expect("HMAC takes a key of any length"))
    }

    /// Returns the signature of `text`, ready to be put into a URL.
    pub fn sign(&self, text: &str) -> String {
        let mac = self.0.clone().chain_update(text.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether `signature` is the signature of `text`. Compares in constant time.
    pub fn is_valid(&self, text: &str, signature: &str) -> bool {
        BASE64_URL_SAFE_NO_PAD.decode(signature).is_ok_and(|bytes| {
            let mac = self.0.clone().chain_update(text.as_bytes());
            mac.verify_slice(&bytes).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_valid_for_its_text_only() {
        let signer = UrlSigner::new(&"a secret of an installation".into());
        let signature = signer.sign("image 1");
        assert!(signer.is_valid("image 1", &signature));
        assert!(!signer.is_valid("image 2", &signature));
        assert!(!signer.is_valid("image 1", ""));
    }
}
