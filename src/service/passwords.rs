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

    /// Returns the argon2id hash of a new password that a client at `address` has sent.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub async fn hash(&self, password: SecretString, address: IpAddr) -> Result<String> {
        self.queue.run(client_network(address), move || hash(&password)).await?
    }

    /// Whether the password matches the hash. Without a hash it takes as long and returns `false`.
    ///
    /// # Errors
    /// If the stored hash is malformed; [`Error::Overloaded`].
    pub async fn verify(
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

fn hash(password: &SecretString) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}
