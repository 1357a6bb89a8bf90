//! The keys of an installation: from the environment, or, in development, generated and kept in the data
//! folder.

use std::io::{ErrorKind, Write};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::TryRngCore;
use secrecy::SecretString;

use crate::config::{Config, SECRET_MIN_CHARS};

const FILE: &str = "keys/token-secret";

/// What tokens and picture addresses are signed with.
///
/// # Errors
/// Where a generated one can be neither read nor written.
pub fn token_secret(config: &Config) -> std::io::Result<SecretString> {
    match &config.token_secret {
        Some(secret) => Ok(secret.clone()),
        None => read_or_generate(&config.data_dir.join(FILE)),
    }
}

fn read_or_generate(file: &Path) -> std::io::Result<SecretString> {
    if let Some(secret) = read(file)? {
        return Ok(secret);
    }
    let mut bytes = [0_u8; 48];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(std::io::Error::other)?;
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
    written.write_all(BASE64_URL_SAFE_NO_PAD.encode(bytes).as_bytes())?;
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
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_generated_secret_is_kept_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let first = read_or_generate(&file).unwrap();
        assert_eq!(first.expose_secret().len(), 64);
        assert_eq!(read_or_generate(&file).unwrap().expose_secret(), first.expose_secret());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
