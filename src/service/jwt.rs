//! Signs and verifies JWTs (HS256) of one kind.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::service::{Error, Result};

/// The keys of one kind of JWT. Each kind has its own keys, so that a ticket is never accepted as an access
/// token.
pub(super) struct JwtKeys {
    issuer: String,
    audience: &'static str,
    /// One for each token secret. The newest first: it signs, and all of them verify.
    keys: Vec<JwtKey>,
    validation: Validation,
}

pub(super) struct JwtKey {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

/// The claims of every token, and those of its kind.
#[derive(Serialize)]
struct SignedClaims<'a, Claims> {
    iss: &'a str,
    aud: &'a str,
    #[serde(flatten)]
    claims: &'a Claims,
}

impl JwtKeys {
    pub(super) fn new(
        keys: Vec<JwtKey>,
        issuer: &str,
        is_issuer_checked: bool,
        audience: &'static str,
    ) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The caller checks the expiry against the gateway's own clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["iss", "aud"]);
        validation.set_audience(&[audience]);
        if is_issuer_checked {
            validation.set_issuer(&[issuer]);
        }
        Self { issuer: issuer.to_owned(), audience, keys, validation }
    }

    pub(super) fn encode(&self, claims: &impl Serialize) -> Result<String> {
        let newest = self.keys.first().ok_or_else(|| Error::internal("there is no token secret"))?;
        let header = Header { kid: Some(newest.id.clone()), ..Header::new(Algorithm::HS256) };
        let claims = SignedClaims { iss: &self.issuer, aud: self.audience, claims };
        encode(&header, &claims, &newest.encoding).map_err(Error::internal)
    }

    pub(super) fn decode<Claims: DeserializeOwned>(&self, token: &str) -> Option<Claims> {
        let decode = |key: &JwtKey| Some(decode(token, &key.decoding, &self.validation).ok()?.claims);
        if let [key] = self.keys.as_slice() {
            return decode(key);
        }
        let key_id = decode_header(token).ok()?.kid;
        match self.keys.iter().find(|key| Some(&key.id) == key_id.as_ref()) {
            Some(key) => decode(key),
            // A secret that had no id, or another one, when it signed the token.
            None => self.keys.iter().find_map(decode),
        }
    }
}

impl JwtKey {
    pub(super) fn new(id: &str, secret: &[u8]) -> Self {
        let (encoding, decoding) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        Self { id: id.to_owned(), encoding, decoding }
    }
}
