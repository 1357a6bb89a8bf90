//! What only this installation can make or check: tokens, signatures, password hashes.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rand::TryRngCore;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::domain::account::{ACCESS_TOKEN_LIFETIME, STREAM_TICKET_LIFETIME};
use crate::service::{Error, Result};

/// Password hashes made at once; each takes 19 MiB and a core for some 20 ms.
const HASHES_AT_ONCE: usize = 2;

/// The keys of this installation, and what is made with them.
pub struct Secrets {
    access_tokens: Tokens,
    stream_tickets: Tokens,
    signing: Hmac<Sha256>,
    hashing: Arc<Semaphore>,
    /// Verified against where there is no account, so that the answer takes as long.
    nobody: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// Signed statements of one kind; those of another kind have another key.
struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

/// What an access token or a ticket says.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// The session.
    sid: Uuid,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
}

/// A refresh token, and the hash it is kept as.
#[derive(Debug)]
pub struct RefreshToken {
    pub token: SecretString,
    pub hash: Vec<u8>,
}

impl Secrets {
    /// # Errors
    /// Where the machine gives no randomness.
    pub fn new(token_secret: &SecretString) -> Result<Self> {
        let secret = token_secret.expose_secret().as_bytes();
        // Keys of their own, so that no signature of an address is ever one of a token, and no ticket one.
        let signing = derive(secret, b"gigway picture addresses");
        Ok(Self {
            access_tokens: Tokens::new(secret),
            stream_tickets: Tokens::new(&derive(secret, b"gigway stream tickets")),
            signing: Hmac::new_from_slice(&signing).expect("HMAC takes a key of any length"),
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            nobody: hash(&SecretString::from("nobody's password"))?,
        })
    }

    /// An access token for the session, and when it expires.
    ///
    /// # Errors
    /// Never for a key that this was made with.
    pub fn access_token(&self, session_id: Uuid, now: DateTime<Utc>) -> Result<(String, DateTime<Utc>)> {
        self.access_tokens.issue(session_id, now, now + ACCESS_TOKEN_LIFETIME)
    }

    /// The session an access token names, and when it expires; `None` where it is none of ours, or expired.
    pub fn read_access_token(&self, token: &str, now: DateTime<Utc>) -> Option<(Uuid, DateTime<Utc>)> {
        self.access_tokens.read(token, now)
    }

    /// A ticket for streams of the session, and when it no longer opens one.
    ///
    /// # Errors
    /// Never for a key that this was made with.
    pub fn stream_ticket(&self, session_id: Uuid, now: DateTime<Utc>) -> Result<(String, DateTime<Utc>)> {
        self.stream_tickets.issue(session_id, now, now + STREAM_TICKET_LIFETIME)
    }

    /// The session a ticket names; `None` where it is none of ours, or expired.
    pub fn read_stream_ticket(&self, ticket: &str, now: DateTime<Utc>) -> Option<Uuid> {
        self.stream_tickets.read(ticket, now).map(|(session_id, _)| session_id)
    }

    /// A new refresh token: 256 random bits.
    ///
    /// # Errors
    /// Where the machine gives no randomness.
    pub fn refresh_token(&self) -> Result<RefreshToken> {
        let mut bytes = [0_u8; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(Error::internal)?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Ok(RefreshToken { hash: Self::hash_refresh_token(&token), token: token.into() })
    }

    /// What a refresh token is kept as. It is random enough that a plain hash cannot be turned back.
    pub fn hash_refresh_token(token: &str) -> Vec<u8> {
        Sha256::digest(token.as_bytes()).to_vec()
    }

    /// A signature of `text`, for an address that shows a picture that is not public.
    pub fn sign(&self, text: &str) -> String {
        let mac = self.signing.clone().chain_update(text.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether `signature` is ours of `text`; takes the same time whatever is wrong with it.
    pub fn is_signed(&self, text: &str, signature: &str) -> bool {
        BASE64_URL_SAFE_NO_PAD.decode(signature).is_ok_and(|bytes| {
            let mac = self.signing.clone().chain_update(text.as_bytes());
            mac.verify_slice(&bytes).is_ok()
        })
    }

    /// The argon2id hash of a new password, made off the async threads.
    ///
    /// # Errors
    /// Where the machine gives no randomness.
    pub async fn hash_password(&self, password: SecretString) -> Result<String> {
        self.off_thread(move || hash(&password)).await?
    }

    /// Whether the password is the one hashed; where there is no hash it takes as long and is not.
    ///
    /// # Errors
    /// Where the stored hash is damaged.
    pub async fn verify_password(&self, password: SecretString, known: Option<String>) -> Result<bool> {
        let (hash, exists) = match known {
            Some(hash) => (hash, true),
            None => (self.nobody.clone(), false),
        };
        let matches = self.off_thread(move || -> Result<bool> {
            let hash = PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
            let password = password.expose_secret().as_bytes();
            Ok(Argon2::default().verify_password(password, &hash).is_ok())
        });
        Ok(matches.await?? && exists)
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.hashing).acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

impl Tokens {
    fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The expiry is checked against our own clock.
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
        session_id: Uuid,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>)> {
        let claims = Claims { sid: session_id, iat: now.timestamp(), exp: expires_at.timestamp() };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.encoding);
        Ok((token.map_err(Error::internal)?, expires_at))
    }

    fn read(&self, token: &str, now: DateTime<Utc>) -> Option<(Uuid, DateTime<Utc>)> {
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        let expires_at = DateTime::from_timestamp(claims.exp, 0)?;
        (now < expires_at).then_some((claims.sid, expires_at))
    }
}

fn hash(password: &SecretString) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}

/// A key for one purpose, made from the installation's secret.
fn derive(secret: &[u8], purpose: &[u8]) -> [u8; 32] {
    let key = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    key.chain_update(purpose).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn an_access_token_names_its_session_until_it_expires_and_cannot_be_altered() {
        let secrets = Secrets::new(&"a secret of an installation".into()).expect("randomness");
        let other = Secrets::new(&"a secret of another".into()).expect("randomness");
        let (session, now) = (Uuid::from_u128(5), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let (token, expires_at) = secrets.access_token(session, now).expect("a token");
        assert_eq!(expires_at, now + TimeDelta::minutes(15));
        let read = Some((session, expires_at));
        assert_eq!(secrets.read_access_token(&token, now), read);
        assert_eq!(secrets.read_access_token(&token, expires_at - TimeDelta::seconds(1)), read);
        assert_eq!(secrets.read_access_token(&token, expires_at), None);
        assert_eq!(other.read_access_token(&token, now), None);
        let (head, rest) = token.split_once('.').expect("three parts");
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}", rest.split_once('.').expect("three parts").0);
        for bad in [String::new(), format!("{head}.{rest}x"), unsigned.clone(), format!("{unsigned}.")] {
            assert_eq!(secrets.read_access_token(&bad, now), None, "{bad}");
        }
    }

    #[test]
    fn a_ticket_opens_streams_for_a_minute_and_is_no_access_token() {
        let secrets = Secrets::new(&"a secret of an installation".into()).expect("randomness");
        let (session, now) = (Uuid::from_u128(5), DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let (ticket, expires_at) = secrets.stream_ticket(session, now).expect("a ticket");
        assert_eq!(expires_at, now + TimeDelta::seconds(60));
        assert_eq!(secrets.read_stream_ticket(&ticket, now), Some(session));
        assert_eq!(secrets.read_stream_ticket(&ticket, expires_at), None);
        assert_eq!(secrets.read_access_token(&ticket, now), None);
        let (token, _) = secrets.access_token(session, now).expect("a token");
        assert_eq!(secrets.read_stream_ticket(&token, now), None);
    }

    #[test]
    fn a_signature_holds_for_its_text_alone() {
        let secrets = Secrets::new(&"a secret of an installation".into()).expect("randomness");
        let signature = secrets.sign("picture 1");
        assert!(secrets.is_signed("picture 1", &signature));
        assert!(!secrets.is_signed("picture 2", &signature));
        assert!(!secrets.is_signed("picture 1", ""));
    }
}
