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
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::account::{ACCESS_TOKEN_LIFETIME, STREAM_TICKET_LIFETIME};
use crate::domain::id::{SessionId, TicketId};
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

/// The claims of an access token. Times are in seconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AccessClaims {
    /// The session id.
    sid: SessionId,
    /// Issued at.
    iat: i64,
    /// Expires at.
    exp: i64,
}

/// The claims of a stream ticket. Times are in seconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct TicketClaims {
    /// The id of the ticket.
    jti: TicketId,
    /// The session id.
    sid: SessionId,
    /// Issued at.
    iat: i64,
    /// Expires at.
    exp: i64,
    /// When the access token expires with which the ticket was created.
    access_exp: i64,
}

/// A valid stream ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTicket {
    pub id: TicketId,
    pub session_id: SessionId,
    pub expires_at: DateTime<Utc>,
    /// When the access token expires with which the ticket was created: the stream must end then.
    pub access_until: DateTime<Utc>,
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
        let expires_at = now + ACCESS_TOKEN_LIFETIME;
        let claims = AccessClaims { sid: session_id, iat: now.timestamp(), exp: expires_at.timestamp() };
        Ok((self.access_tokens.encode(&claims)?, expires_at))
    }

    /// Returns the session of an access token, and the token's expiry; `None` if the token is invalid or
    /// expired.
    pub fn verify_access_token(&self, token: &str, now: DateTime<Utc>) -> Option<(SessionId, DateTime<Utc>)> {
        let AccessClaims { sid, exp, .. } = self.access_tokens.decode(token)?;
        Some((sid, not_passed(exp, now)?))
    }

    /// Returns the refresh tokens that a refresh token can have been exchanged for: one for each token secret,
    /// the newest first. The first one is the token to exchange it for. They are the same at every call, so
    /// that the answer to a retry is the answer to the first attempt, without anything secret being stored.
    pub fn successors<'a>(&'a self, token: &'a SecretString) -> impl Iterator<Item = RefreshToken> + 'a {
        let derive = |key| derive_key(key, token.expose_secret().as_bytes());
        self.successor_keys.iter().map(move |key| RefreshToken::from_bytes(&derive(key)))
    }

    /// Returns a ticket that opens a stream of the session, and its expiry. `access_until` is when the access
    /// token expires with which the ticket is created: the ticket and its stream do not outlive it.
    pub fn issue_stream_ticket(
        &self,
        id: TicketId,
        session_id: SessionId,
        access_until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>)> {
        let expires_at = access_until.min(now + STREAM_TICKET_LIFETIME);
        let claims = TicketClaims {
            jti: id,
            sid: session_id,
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
            access_exp: access_until.timestamp(),
        };
        Ok((self.stream_tickets.encode(&claims)?, expires_at))
    }

    /// Verifies a stream ticket; `None` if it is invalid or expired.
    pub fn verify_stream_ticket(&self, ticket: &str, now: DateTime<Utc>) -> Option<StreamTicket> {
        let TicketClaims { jti, sid, exp, access_exp, .. } = self.stream_tickets.decode(ticket)?;
        let (expires_at, access_until) = (not_passed(exp, now)?, DateTime::from_timestamp(access_exp, 0)?);
        Some(StreamTicket { id: jti, session_id: sid, expires_at, access_until })
    }
}

impl JwtKeys {
    fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // `not_passed` checks the expiry against the gateway's own clock.
        validation.validate_exp = false;
        validation.set_required_spec_claims::<&str>(&[]);
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    fn encode(&self, claims: &impl Serialize) -> Result<String> {
        encode(&Header::new(Algorithm::HS256), claims, &self.encoding).map_err(Error::internal)
    }

    fn decode<Claims: DeserializeOwned + Clone>(&self, token: &str) -> Option<Claims> {
        Some(decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims)
    }
}

/// The time `seconds` after 1970; `None` if it has passed.
fn not_passed(seconds: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).filter(|time| now < *time)
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
        let id = TicketId::from_uuid(Uuid::from_u128(6));
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let access_until = now + TimeDelta::minutes(10);
        let (ticket, expires_at) =
            tokens.issue_stream_ticket(id, session, access_until, now).expect("a ticket");
        assert_eq!(expires_at, now + TimeDelta::seconds(60));
        let expected = StreamTicket { id, session_id: session, expires_at, access_until };
        assert_eq!(tokens.verify_stream_ticket(&ticket, now), Some(expected));
        // It does not outlive the access token.
        let access_until = now + TimeDelta::seconds(20);
        assert_eq!(tokens.issue_stream_ticket(id, session, access_until, now).expect("one").1, access_until);
        assert_eq!(tokens.verify_stream_ticket(&ticket, expires_at), None);
        assert_eq!(tokens.verify_access_token(&ticket, now), None);
        let (token, _) = tokens.issue_access_token(session, now).expect("a token");
        assert_eq!(tokens.verify_stream_ticket(&token, now), None);
    }
}
