//! Password hashes (argon2id).
//!
//! Hashing is expensive, so few hashes run at the same time, and the others wait. Networks take turns: however
//! many sign-ins one network sends, another waits for one round ([`fair_queue`](crate::service::fair_queue)).

use std::net::IpAddr;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::network::client_network;
use crate::domain::text::compose;
use crate::service::fair_queue::{FairQueue, QueueLimits};
use crate::service::{Error, Result};

/// How many passwords are hashed at the same time, and wait. Each takes 19 MiB and one core for about 20 ms.
/// With 512 networks at once, the last waits for 5 seconds. An office can send 64 sign-ins at once.
const QUEUE_LIMITS: QueueLimits = QueueLimits { workers: 2, waiting_per_key: 64, waiting: 512 };

/// Hashes and verifies passwords on blocking threads, a few at a time.
pub struct PasswordHasher {
    /// By network.
    queue: FairQueue<IpAddr>,
    /// Verified if the account does not exist, so that the response takes as long as for an existing one.
    dummy_hash: String,
}

impl std::fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHasher")
    }
}

impl PasswordHasher {
    pub fn new() -> Result<Self> {
        Ok(Self {
            queue: FairQueue::new(QUEUE_LIMITS),
            dummy_hash: hash(&SecretString::from("nobody's password"))?,
        })
    }

    /// The queue of the passwords that wait, by network.
    pub fn queue(&self) -> &FairQueue<IpAddr> {
        &self.queue
    }

    /// Returns the argon2id hash of a new password that a client at `address` has sent, in its composed form (NFC).
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub async fn hash(&self, password: SecretString, address: IpAddr) -> Result<String> {
        let password = composed(&password);
        self.queue.run(client_network(address), move || hash(&password)).await?
    }

    /// Checks a password against the stored hash: in its composed form (NFC), then once as it was typed, as earlier
    /// versions have hashed it. Without a hash it takes as long, and the password is wrong. A password with more
    /// than `max_chars` characters is always wrong.
    ///
    /// # Errors
    /// If the stored hash is malformed; [`Error::Overloaded`].
    pub async fn check(
        &self,
        password: SecretString,
        stored_hash: Option<String>,
        max_chars: usize,
        address: IpAddr,
    ) -> Result<PasswordCheck> {
        let is_allowed = |text: &SecretString| text.expose_secret().chars().count() <= max_chars;
        let composed = composed(&password);
        let is_composed_allowed = is_allowed(&composed);
        // An overlong password is not hashed at its full length.
        let candidate = if is_composed_allowed { composed.clone() } else { SecretString::default() };
        if self.verify(candidate, stored_hash.clone(), address).await? && is_composed_allowed {
            return Ok(PasswordCheck::Correct { new_hash: None });
        }
        let is_other_form = composed.expose_secret() != password.expose_secret();
        if !is_other_form || !is_allowed(&password) || !self.verify(password, stored_hash, address).await? {
            return Ok(PasswordCheck::Wrong);
        }
        // If the gateway is overloaded, a later sign-in replaces the hash.
        let new_hash = if is_composed_allowed { self.hash(composed, address).await.ok() } else { None };
        Ok(PasswordCheck::Correct { new_hash })
    }

    /// Whether the password matches the hash. Without a hash it takes as long and returns `false`.
    async fn verify(
        &self,
        password: SecretString,
        stored_hash: Option<String>,
        address: IpAddr,
    ) -> Result<bool> {
        let (hash, exists) = match stored_hash {
            Some(hash) => (hash, true),
            None => (self.dummy_hash.clone(), false),
        };
        let matches = self.queue.run(client_network(address), move || -> Result<bool> {
            let hash = PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
            let password = password.expose_secret().as_bytes();
            Ok(Argon2::default().verify_password(password, &hash).is_ok())
        });
        Ok(matches.await?? && exists)
    }
}

/// What the check of a password found.
#[derive(Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    Wrong,
    /// With the hash that replaces the stored one, if that is not of the composed form.
    Correct {
        new_hash: Option<String>,
    },
}

fn composed(password: &SecretString) -> SecretString {
    compose(password.expose_secret()).into()
}

fn hash(password: &SecretString) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    async fn check(hasher: &PasswordHasher, password: &str, stored_hash: &str) -> PasswordCheck {
        hasher.check(password.into(), Some(stored_hash.to_owned()), 10, ADDRESS).await.expect("checked")
    }

    #[test]
    fn passwords_are_hashed_with_argon2id_and_a_salt_of_their_own() {
        let [first, second] = [(); 2].map(|()| hash(&"a good password".into()).expect("a hash"));
        for text in [&first, &second] {
            assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        }
        let salt = |text: &str| text.split('$').nth(4).map(str::to_owned);
        assert!(salt(&first).is_some_and(|salt| salt.len() >= 22));
        assert_ne!(salt(&first), salt(&second));
    }

    #[tokio::test]
    async fn equal_passwords_match_however_they_are_typed() {
        let hasher = PasswordHasher::new().expect("a hasher");
        for stored in ["caf\u{e9} 12345", "cafe\u{301} 12345"] {
            let stored = hasher.hash(stored.into(), ADDRESS).await.expect("a hash");
            for typed in ["caf\u{e9} 12345", "cafe\u{301} 12345"] {
                assert_eq!(check(&hasher, typed, &stored).await, PasswordCheck::Correct { new_hash: None });
            }
            for wrong in ["cafe 12345", " caf\u{e9} 12345", ""] {
                assert_eq!(check(&hasher, wrong, &stored).await, PasswordCheck::Wrong);
            }
        }
    }

    #[tokio::test]
    async fn an_old_hash_of_the_typed_form_matches_once_and_is_replaced() {
        let hasher = PasswordHasher::new().expect("a hasher");
        let old = hash(&"e\u{301}e\u{301}e\u{301}e\u{301}".into()).expect("a hash");
        assert_eq!(check(&hasher, "\u{e9}\u{e9}\u{e9}\u{e9}", &old).await, PasswordCheck::Wrong);
        let found = check(&hasher, "e\u{301}e\u{301}e\u{301}e\u{301}", &old).await;
        let PasswordCheck::Correct { new_hash: Some(new) } = found else { panic!("{found:?}") };
        assert_eq!(
            check(&hasher, "\u{e9}\u{e9}\u{e9}\u{e9}", &new).await,
            PasswordCheck::Correct { new_hash: None }
        );
    }

    #[tokio::test]
    async fn a_password_that_is_too_long_when_composed_still_matches_its_old_hash() {
        let hasher = PasswordHasher::new().expect("a hasher");
        // Each of these letters has two characters in NFC.
        let long = "\u{958}".repeat(10);
        let old = hash(&long.as_str().into()).expect("a hash");
        assert_eq!(check(&hasher, &long, &old).await, PasswordCheck::Correct { new_hash: None });
        let too_long = hash(&"x".repeat(11).into()).expect("a hash");
        assert_eq!(check(&hasher, &"x".repeat(11), &too_long).await, PasswordCheck::Wrong);
        assert_eq!(hasher.check("x".into(), None, 10, ADDRESS).await.expect("checked"), PasswordCheck::Wrong);
    }
}
