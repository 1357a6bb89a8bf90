//! The keys of an installation, from the environment. In development, missing keys are generated and stored
//! in the data directory.

use std::io::{ErrorKind, Write};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rand::TryRngCore;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, SECRET_MIN_CHARS, parse_key_list};
use crate::media::create_private_dir;
use crate::media::vault::Vault;
use crate::service::tokens::TokenSecret;

const TOKEN_SECRET: &str = "keys/token-secret";
const INDEX_KEY: &str = "keys/index-key";
const ENCRYPTION_KEYS: &str = "keys/encryption-keys";

/// Returns the secrets that sign tokens and image URLs, the newest last.
///
/// # Errors
/// If a generated secret cannot be read or written.
pub fn token_secrets(config: &Config) -> std::io::Result<Vec<TokenSecret>> {
    if config.token_secrets.is_empty() {
        let secret = load_secret(config, None, TOKEN_SECRET)?;
        return Ok(vec![TokenSecret::new(None, secret)]);
    }
    let secrets = config.token_secrets.iter();
    Ok(secrets.map(|secret| TokenSecret::new(secret.id.clone(), secret.secret.clone())).collect())
}

/// Returns the vault that encrypts personal data.
///
/// # Errors
/// If generated keys cannot be read or written, or are malformed.
pub fn vault(config: &Config) -> std::io::Result<Vault> {
    let index_key = load_secret(config, config.index_key.as_ref(), INDEX_KEY)?;
    let mut keys = config.encryption_keys.clone();
    if keys.is_empty() {
        let file = config.data_dir.join(ENCRYPTION_KEYS);
        let generate = || Ok(format!("development-1:{}", BASE64_STANDARD.encode(random_bytes::<32>()?)));
        let list = read_or_generate(&file, generate)?;
        let invalid = |problem| std::io::Error::other(format!("{} is invalid: {problem}", file.display()));
        keys = parse_key_list(list.expose_secret()).map_err(invalid)?;
    }
    let keys: Vec<_> = keys.iter().map(|key| (key.id.as_str(), &*key.bytes)).collect();
    let vault = Vault::new(&keys, index_key.expose_secret().as_bytes());
    vault.ok_or_else(|| std::io::Error::other("no encryption key is configured"))
}

/// Whether every key is configured or was generated before. Generates nothing.
///
/// # Errors
/// If a generated key cannot be read, or is malformed.
pub fn are_present(config: &Config) -> std::io::Result<bool> {
    let keys = [
        (!config.token_secrets.is_empty(), TOKEN_SECRET),
        (config.index_key.is_some(), INDEX_KEY),
        (!config.encryption_keys.is_empty(), ENCRYPTION_KEYS),
    ];
    for (is_configured, file) in keys {
        if !is_configured && read(&config.data_dir.join(file))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn load_secret(
    config: &Config,
    configured: Option<&SecretString>,
    file: &str,
) -> std::io::Result<SecretString> {
    if let Some(secret) = configured {
        return Ok(secret.clone());
    }
    read_or_generate(&config.data_dir.join(file), || Ok(BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<48>()?)))
}

fn random_bytes<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

fn read_or_generate(
    file: &Path,
    generate: impl FnOnce() -> std::io::Result<String>,
) -> std::io::Result<SecretString> {
    if let Some(secret) = read(file)? {
        return Ok(secret);
    }
    let secret = generate()?;
    if let Some(directory) = file.parent() {
        create_private_dir(directory)?;
    }
    // Write the whole file under a temporary name, so that a process that dies here leaves no partial key.
    // Then link it, which fails if another process was faster, so that both use the same key.
    let temporary_path = file.with_extension(std::process::id().to_string());
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut temporary = options.open(&temporary_path)?;
    temporary.write_all(secret.as_bytes())?;
    temporary.sync_all()?;
    let link_result = std::fs::hard_link(&temporary_path, file);
    std::fs::remove_file(&temporary_path)?;
    match link_result {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => read(file)?.ok_or_else(|| ErrorKind::NotFound.into()),
    }
}

fn read(file: &Path) -> std::io::Result<Option<SecretString>> {
    match std::fs::read_to_string(file) {
        Ok(secret) if secret.trim().chars().count() >= SECRET_MIN_CHARS => Ok(Some(secret.trim().into())),
        Ok(_) => {
            Err(std::io::Error::other(format!("{} does not hold a valid key; remove it", file.display())))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_stored_and_only_its_owner_can_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(TOKEN_SECRET);
        let generate = || Ok(BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<48>()?));
        let first = read_or_generate(&file, generate).unwrap();
        assert_eq!(first.expose_secret().len(), 64);
        assert_eq!(read_or_generate(&file, generate).unwrap().expose_secret(), first.expose_secret());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "short").unwrap();
        assert!(read_or_generate(&file, generate).is_err());
    }
}
