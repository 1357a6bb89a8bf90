//! Access tokens, stream tickets and refresh tokens.
//!
//! Access tokens and stream tickets are JWTs (HS256) that name a session; nothing about them is stored. The
//! first refresh token of a session is random, and each later one is derived from the one before. Only their
//! hashes are stored.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rand::TryRngCore;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::account::{ACCESS_TOKEN_LIFETIME, STREAM_TICKET_LIFETIME};
use crate::domain::id::SessionId;
use crate::service::{Error, Result};

/// Issues and verifies access tokens and stream tickets.
pub struct TokenIssuer {
    access_tokens: JwtKeys,
    stream_tickets: JwtKeys,
    /// Derive the successors of refresh tokens. The newest first.
    successor_keys: Vec<[u8; 32]>,
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenIssuer")
    }
}

/// The keys of one kind of JWT. Each kind has its own key, so that a ticket is never accepted as an access
/// token.
struct JwtKeys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

/// The claims of an access token or a stream ticket.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// The session id.
    sid: SessionId,
    /// Issued at, in seconds since 1970.
    iat: i64,
    /// Expires at, in seconds since 1970.
    exp: i64,
}

impl TokenIssuer {
    pub fn new(token_secret: &SecretString) -> Self {
        let secret = token_secret.expose_secret().as_bytes();
        Self {
            access_tokens: JwtKeys::new(secret),
            stream_tickets: JwtKeys::new(&derive_key(secret, b"gigway stream tickets")),
            successor_keys: vec![derive_key(secret, b"gigway refresh tokens")],
        }
    }

    /// Returns an access token for the session, and its expiry.
    pub fn issue_access_token(
        &self,
        session_id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>)> {
        self.access_tokens.issue(session_id, now, now + ACCESS_TOKEN_LIFETIME)
    }

    /// Returns the session of an access token, and the token's expiry; `None` if the token is invalid or
    /// expired.
    pub fn verify_access_token(&self, token: &str, now: DateTime<Utc>) -> Option<(SessionId, DateTime<Utc>)> {
        self.access_tokens.verify(token, now)
    }

    /// Returns the refresh tokens that a refresh token can have been exchanged for: one for each token secret,
    /// the newest first. The first one is the token to exchange it for. They are the same at every call, so
    /// that the answer to a retry is the answer to the first attempt, without anything secret being stored.
    pub fn successors<'a>(&'a self, token: &'a SecretString) -> impl Iterator<Item = RefreshToken> + 'a {
        let derive = |key| derive_key(key, token.expose_secret().as_bytes());
        self.successor_keys.iter().map(move |key| RefreshToken::from_bytes(&derive(key)))
    }

    /// Returns a ticket that opens streams of the session, and its expiry.
    pub fn issue_stream_ticket(
        &self,
        session_id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>)> {
        self.stream_tickets.issue(session_id, now, now + STREAM_TICKET_LIFETIME)
    }

    /// Returns the session of a stream ticket; `None` if the ticket is invalid or expired.
    pub fn verify_stream_ticket(&self, ticket: &str, now: DateTime<Utc>) -> Option<SessionId> {
        self.stream_tickets.verify(ticket, now).map(|(session_id, _)| session_id)
    }
}

impl JwtKeys {
    fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // `verify` checks the expiry against the gateway's own clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims::<&str>(&[]);
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    fn issue(
        &self,
        session_id: SessionId,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>)> {
        let claims = Claims { sid: session_id, iat: now.timestamp(), exp: expires_at.timestamp() };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.encoding);
        Ok((token.map_err(Error::internal)?, expires_at))
    }

    fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<(SessionId, DateTime<Utc>)> {
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let expires_at = DateTime::from_timestamp(claims.exp, 0)?;
        (now < expires_at).then_some((claims.sid, expires_at))
    }
}

/// A refresh token, and the hash that is stored in its place.
#[derive(Debug)]
pub struct RefreshToken {
    pub token: SecretString,
    pub hash: Vec<u8>,
}

impl RefreshToken {
    /// Generates a token of 256 random bits.
    ///
    /// # Errors
    /// If the operating system does not provide random bytes.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0_u8; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(Error::internal)?;
        Ok(Self::from_bytes(&bytes))
    }

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Self { hash: Self::hash(&token), token: token.into() }
    }

    /// Hashes a token. A token is random enough that a plain hash cannot be reversed.
    pub fn hash(token: &str) -> Vec<u8> {
        Sha256::digest(token.as_bytes()).to_vec()
    }
}

/// Derives the key for one purpose from the token secret.
pub fn derive_key(secret: &[u8], purpose: &[u8]) -> [u8; 32] {
    let key = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    key.chain_update(purpose).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_access_token_is_valid_until_it_expires_and_cannot_be_altered() {
        let tokens = TokenIssuer::new(&"a secret of an installation".into());
        let other = TokenIssuer::new(&"a secret of another".into());
        let session = SessionId::from_uuid(Uuid::from_u128(5));
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let (token, expires_at) = tokens.issue_access_token(session, now).expect("a token");
        assert_eq!(expires_at, now + TimeDelta::minutes(15));
        let expected = Some((session, expires_at));
        assert_eq!(tokens.verify_access_token(&token, now), expected);
        assert_eq!(tokens.verify_access_token(&token, expires_at - TimeDelta::seconds(1)), expected);
        assert_eq!(tokens.verify_access_token(&token, expires_at), None);
        assert_eq!(other.verify_access_token(&token, now), None);
        let (head, rest) = token.split_once('.').expect("three parts");
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}", rest.split_once('.').expect("three parts").0);
        for bad in [String::new(), format!("{head}.{rest}x"), unsigned.clone(), format!("{unsigned}.")] {
            assert_eq!(tokens.verify_access_token(&bad, now), None, "{bad}");
        }
    }

    #[test]
    fn a_stream_ticket_is_valid_for_a_minute_and_is_not_an_access_token() {
        let tokens = TokenIssuer::new(&"a secret of an installation".into());
        let session = SessionId::from_uuid(Uuid::from_u128(5));
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let (ticket, expires_at) = tokens.issue_stream_ticket(session, now).expect("a ticket");
        assert_eq!(expires_at, now + TimeDelta::seconds(60));
        assert_eq!(tokens.verify_stream_ticket(&ticket, now), Some(session));
        assert_eq!(tokens.verify_stream_ticket(&ticket, expires_at), None);
        assert_eq!(tokens.verify_access_token(&ticket, now), None);
        let (token, _) = tokens.issue_access_token(session, now).expect("a token");
        assert_eq!(tokens.verify_stream_ticket(&token, now), None);
    }
}
