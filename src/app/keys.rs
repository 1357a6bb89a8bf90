//! The keys of an installation: from the environment, or, in development, generated and kept in the data
//! folder.

use std::io::{ErrorKind, Write};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rand::TryRngCore;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{Config, SECRET_MIN_CHARS, named_keys};
use crate::media::vault::Vault;

const TOKEN_SECRET: &str = "keys/token-secret";
const INDEX_KEY: &str = "keys/index-key";
const ENCRYPTION_KEYS: &str = "keys/encryption-keys";

/// What tokens and picture addresses are signed with.
///
/// # Errors
/// Where a generated one can be neither read nor written.
pub fn token_secret(config: &Config) -> std::io::Result<SecretString> {
    secret(config, config.token_secret.as_ref(), TOKEN_SECRET)
}

/// What seals personal data.
///
/// # Errors
/// Where generated keys can be neither read nor written, or are none.
pub fn vault(config: &Config) -> std::io::Result<Vault> {
    let index_key = secret(config, config.index_key.as_ref(), INDEX_KEY)?;
    let mut keys = config.encryption_keys.clone();
    if keys.is_empty() {
        let file = config.data_dir.join(ENCRYPTION_KEYS);
        let generate = || Ok(format!("development-1:{}", BASE64_STANDARD.encode(random::<32>()?)));
        let list = read_or_generate(&file, generate)?;
        let wrong = |violation| std::io::Error::other(format!("{} {violation}", file.display()));
        keys = named_keys(list.expose_secret()).map_err(wrong)?;
    }
    let keys: Vec<_> = keys.iter().map(|key| (key.id.as_str(), &*key.bytes)).collect();
    let vault = Vault::new(&keys, index_key.expose_secret().as_bytes());
    vault.ok_or_else(|| std::io::Error::other("there is no encryption key"))
}

fn secret(config: &Config, given: Option<&SecretString>, file: &str) -> std::io::Result<SecretString> {
    if let Some(secret) = given {
        return Ok(secret.clone());
    }
    read_or_generate(&config.data_dir.join(file), || Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<48>()?)))
}

fn random<const N: usize>() -> std::io::Result<[u8; N]> {
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
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Written whole under another name first, so that a process that dies here leaves no half a key; and
    // then linked, which fails where another process was faster, so that both have the same.
    let unfinished = file.with_extension(std::process::id().to_string());
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&unfinished)?;
    written.write_all(secret.as_bytes())?;
    written.sync_all()?;
    let linked = std::fs::hard_link(&unfinished, file);
    std::fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => read(file)?.ok_or_else(|| ErrorKind::NotFound.into()),
    }
}

fn read(file: &Path) -> std::io::Result<Option<SecretString>> {
    match std::fs::read_to_string(file) {
        Ok(secret) if secret.trim().chars().count() >= SECRET_MIN_CHARS => Ok(Some(secret.trim().into())),
        Ok(_) => Err(std::io::Error::other(format!("{} holds no whole key; remove it", file.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_kept_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(TOKEN_SECRET);
        let generate = || Ok(BASE64_URL_SAFE_NO_PAD.encode(random::<48>()?));
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
