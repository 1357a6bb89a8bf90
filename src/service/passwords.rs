//! Password hashes (argon2id).

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::service::{Error, Result};

/// How many passwords are hashed at the same time. Each takes 19 MiB and one core for about 20 ms.
const CONCURRENT_HASHES: usize = 2;

/// Hashes and verifies passwords on blocking threads, a few at a time.
pub struct PasswordHasher {
    permits: Arc<Semaphore>,
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
            permits: Arc::new(Semaphore::new(CONCURRENT_HASHES)),
            dummy_hash: hash(&SecretString::from("nobody's password"))?,
        })
    }

    /// Returns the argon2id hash of a new password.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.run_blocking(move || hash(&password)).await?
    }

    /// Whether the password matches the hash. Without a hash it takes as long and returns `false`.
    ///
    /// # Errors
    /// If the stored hash is malformed.
    pub async fn verify(&self, password: SecretString, stored_hash: Option<String>) -> Result<bool> {
        let (hash, exists) = match stored_hash {
            Some(hash) => (hash, true),
            None => (self.dummy_hash.clone(), false),
        };
        let matches = self.run_blocking(move || -> Result<bool> {
            let hash = PasswordHash::new(&hash).map_err(|error| Error::internal(error.to_string()))?;
            let password = password.expose_secret().as_bytes();
            Ok(Argon2::default().verify_password(password, &hash).is_ok())
        });
        Ok(matches.await?? && exists)
    }

    async fn run_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn hash(password: &SecretString) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}
