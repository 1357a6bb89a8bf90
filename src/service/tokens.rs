//! Access tokens, stream tickets and refresh tokens.
//!
//! Access tokens and stream tickets are JWTs (HS256) that name a session; nothing about them is stored. Each
//! names its issuer (`iss`, the public URL), its purpose (`aud`) and the secret that signed it (`kid`). The
//! first refresh token of a session is random, and each later one is derived from the one before. Only their
//! hashes are stored.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use rand::TryRngCore;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::account::STREAM_TICKET_LIFETIME;
use crate::domain::id::{SessionId, TicketId};
use crate::service::jwt::{JwtKey, JwtKeys};
use crate::service::{Error, Result};

/// The audience (`aud`) of access tokens.
const ACCESS_TOKEN: &str = "access-token";

/// The audience (`aud`) of stream tickets.
const STREAM_TICKET: &str = "stream-ticket";

/// A secret of the installation, from which the keys of tokens and image URLs are derived.
#[derive(Debug, Clone)]
pub struct TokenSecret {
    /// Names the secret in tokens (`kid`).
    id: String,
    secret: SecretString,
}

impl TokenSecret {
    /// A secret without a name is named by a short hash of it.
    pub fn new(id: Option<String>, secret: SecretString) -> Self {
        let id = id.unwrap_or_else(|| {
            let hash = derive_key(secret.expose_secret().as_bytes(), b"gigway key id");
            BASE64_URL_SAFE_NO_PAD.encode(&hash[..6])
        });
        Self { id, secret }
    }

    /// Derives the key for one purpose.
    pub fn derive_key(&self, purpose: &[u8]) -> [u8; 32] {
        derive_key(self.secret.expose_secret().as_bytes(), purpose)
    }
}

/// Issues and verifies access tokens and stream tickets.
pub struct TokenIssuer {
    access_tokens: JwtKeys,
    stream_tickets: JwtKeys,
    /// Derive the successors of refresh tokens. The newest first.
    successor_keys: Vec<[u8; 32]>,
    access_token_lifetime: TimeDelta,
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenIssuer")
    }
}

/// The claims of an access token. Times are in seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
struct AccessClaims {
    /// The session id.
    sid: SessionId,
    /// Issued at.
    iat: i64,
    /// Expires at.
    exp: i64,
}

/// The claims of a stream ticket. Times are in seconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
struct TicketClaims {
    /// The id of the ticket.
    jti: TicketId,
    /// The session id.
    sid: SessionId,
    /// Issued at.
    iat: i64,
    /// Expires at.
    exp: i64,
    /// The expiry of the access token that the ticket was created with.
    access_exp: i64,
}

/// A valid stream ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTicket {
    pub id: TicketId,
    pub session_id: SessionId,
    pub expires_at: DateTime<Utc>,
    /// The expiry of the access token that the ticket was created with. The stream must end some time after
    /// that, like every connection.
    pub access_until: DateTime<Utc>,
}

impl TokenIssuer {
    /// `secrets`: the newest last. `is_issuer_checked`: whether tokens of another issuer are invalid.
    pub fn new(
        secrets: &[TokenSecret],
        issuer: &str,
        is_issuer_checked: bool,
        access_token_lifetime: TimeDelta,
    ) -> Self {
        let newest_first = || secrets.iter().rev();
        let jwt_keys = |audience, key_bytes: fn(&TokenSecret) -> Vec<u8>| {
            let keys = newest_first().map(|secret| JwtKey::new(&secret.id, &key_bytes(secret)));
            JwtKeys::new(keys.collect(), issuer, is_issuer_checked, audience)
        };
        let derive = |secret: &TokenSecret| secret.derive_key(b"gigway refresh tokens");
        Self {
            access_tokens: jwt_keys(ACCESS_TOKEN, |secret| secret.secret.expose_secret().as_bytes().to_vec()),
            stream_tickets: jwt_keys(STREAM_TICKET, |secret| {
                secret.derive_key(b"gigway stream tickets").to_vec()
            }),
            successor_keys: newest_first().map(derive).collect(),
            access_token_lifetime,
        }
    }

    /// Returns an access token for the session, and its expiry.
    pub fn issue_access_token(
        &self,
        session_id: SessionId,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>)> {
        let expires_at = now + self.access_token_lifetime;
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
    /// that a retry gets the same refresh token as the first attempt, without anything secret being stored.
    pub fn successors<'a>(&'a self, token: &'a SecretString) -> impl Iterator<Item = RefreshToken> + 'a {
        let bytes = token.expose_secret().as_bytes();
        self.successor_keys.iter().map(move |key| RefreshToken::from_bytes(&derive_key(key, bytes)))
    }

    /// Returns a ticket that opens a stream of the session, and its expiry. `access_until` is the expiry
    /// of the access token that the ticket is created with. The ticket expires then at the latest. Its stream
    /// ends some time after that, like every connection.
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

/// Derives the key for one purpose from a secret.
pub fn derive_key(secret: &[u8], purpose: &[u8]) -> [u8; 32] {
    let key = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    key.chain_update(purpose).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    const URL: &str = "https://api.example.com";

    /// `secrets`: ids and secrets, the newest last.
    fn issuer(secrets: &[(&str, &str)]) -> TokenIssuer {
        let secrets = secrets.iter().map(|(id, secret)| {
            let id = (!id.is_empty()).then(|| (*id).to_owned());
            TokenSecret::new(id, (*secret).into())
        });
        TokenIssuer::new(&secrets.collect::<Vec<_>>(), URL, true, TimeDelta::minutes(15))
    }

    /// The header and the claims of a token.
    fn parts(token: &str) -> (Value, Value) {
        let mut parts = token.split('.').map(|part| {
            let json = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
            serde_json::from_slice(&json).unwrap_or_default()
        });
        (parts.next().expect("a header"), parts.next().expect("claims"))
    }

    #[test]
    fn tokens_name_their_issuer_their_purpose_and_their_secret() {
        let tokens = issuer(&[("2026", "an old secret"), ("2027", "a new secret")]);
        let (session, now) = (SessionId::nil(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let (token, access_until) = tokens.issue_access_token(session, now).expect("a token");
        let ticket = tokens.issue_stream_ticket(TicketId::nil(), session, access_until, now);
        for (token, purpose) in [(token, "access-token"), (ticket.expect("a ticket").0, "stream-ticket")] {
            let (header, claims) = parts(&token);
            assert_eq!((&header["kid"], &header["alg"]), (&json!("2027"), &json!("HS256")));
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!(URL), &json!(purpose)));
        }
        let elsewhere = TokenIssuer::new(
            &[TokenSecret::new(None, "a new secret".into())],
            "https://other.example.com",
            true,
            TimeDelta::minutes(15),
        );
        let (token, _) = elsewhere.issue_access_token(session, now).expect("a token");
        assert_eq!(tokens.verify_access_token(&token, now), None, "another installation, the same secret");
    }

    #[test]
    fn tokens_of_an_older_secret_are_valid_until_the_secret_is_removed() {
        let (session, now) = (SessionId::nil(), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let (old, new) = (("2026", "an old secret"), ("2027", "a new secret"));
        // The secret may have had no id, or another one, when it signed.
        for signing in [old, ("", old.1), ("2025", old.1)] {
            let signer = issuer(&[signing]);
            let (token, access_until) = signer.issue_access_token(session, now).expect("a token");
            let (ticket, _) =
                signer.issue_stream_ticket(TicketId::nil(), session, access_until, now).expect("a ticket");
            for (secrets, is_valid) in [(&[old, new][..], true), (&[new, old], true), (&[new], false)] {
                let tokens = issuer(secrets);
                assert_eq!(tokens.verify_access_token(&token, now).is_some(), is_valid, "{signing:?}");
                assert_eq!(tokens.verify_stream_ticket(&ticket, now).is_some(), is_valid, "{signing:?}");
            }
        }
        // An id does not open what its secret did not sign.
        let (forged, _) = issuer(&[("2027", "guessed")]).issue_access_token(session, now).expect("a token");
        assert_eq!(issuer(&[old, new]).verify_access_token(&forged, now), None);
    }

    #[test]
    fn the_successor_of_a_refresh_token_by_an_older_secret_is_still_known() {
        let token = SecretString::from("a refresh token");
        let hashes = |tokens: &TokenIssuer| -> Vec<_> {
            tokens.successors(&token).map(|successor| successor.hash).collect()
        };
        let old = hashes(&issuer(&[("2026", "an old secret")]));
        let both = hashes(&issuer(&[("2026", "an old secret"), ("2027", "a new secret")]));
        assert_eq!((both.len(), both.last()), (2, old.first()));
        assert_eq!(both.first(), hashes(&issuer(&[("2027", "a new secret")])).first());
    }

    #[test]
    fn an_access_token_is_valid_until_it_expires_and_cannot_be_altered() {
        let tokens = issuer(&[("a", "a secret of an installation")]);
        let other = issuer(&[("a", "a secret of another")]);
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
        let tokens = issuer(&[("a", "a secret of an installation")]);
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
