//! Signatures of the URLs of images that are not public.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::service::tokens::TokenSecret;

/// Signs the text that an image URL stands for, and verifies such signatures. Has one key for each token secret,
/// the newest last: it signs, and all of them verify.
pub struct UrlSigner(Vec<Hmac<Sha256>>);

impl std::fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UrlSigner")
    }
}

impl UrlSigner {
    /// Derives its own keys from the token secrets, so that the signature of a URL is never one of a token.
    pub fn new(token_secrets: &[TokenSecret]) -> Self {
        let keys = token_secrets.iter().map(|secret| secret.derive_key(b"gigway picture addresses"));
        let macs = keys.map(|key| Hmac::new_from_slice(&key).expect("HMAC takes a key of any length"));
        Self(macs.collect())
    }

    /// Returns the signature of `text`, ready to be put into a URL.
    pub fn sign(&self, text: &str) -> String {
        let newest = self.0.last().expect("there is a token secret").clone();
        let mac = newest.chain_update(text.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether `signature` is the signature of `text`. Compares in constant time.
    pub fn is_valid(&self, text: &str, signature: &str) -> bool {
        BASE64_URL_SAFE_NO_PAD.decode(signature).is_ok_and(|bytes| {
            self.0.iter().any(|mac| mac.clone().chain_update(text.as_bytes()).verify_slice(&bytes).is_ok())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_valid_for_its_text_only() {
        let signer = UrlSigner::new(&[TokenSecret::new(None, "a secret of an installation".into())]);
        let signature = signer.sign("image 1");
        assert!(signer.is_valid("image 1", &signature));
        assert!(!signer.is_valid("image 2", &signature));
        assert!(!signer.is_valid("image 1", ""));
    }

    #[test]
    fn a_signature_by_an_older_secret_is_valid_until_the_secret_is_removed() {
        let old = TokenSecret::new(Some("old".to_owned()), "a secret of an installation".into());
        let new = TokenSecret::new(Some("new".to_owned()), "another secret".into());
        let signature = UrlSigner::new(std::slice::from_ref(&old)).sign("image 1");
        let both = UrlSigner::new(&[old, new.clone()]);
        let only_new = UrlSigner::new(&[new]);
        assert!(both.is_valid("image 1", &signature));
        assert!(!only_new.is_valid("image 1", &signature));
        assert!(only_new.is_valid("image 1", &both.sign("image 1")));
    }
}
