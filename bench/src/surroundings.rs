//! The PostgreSQL and the Redis of a run, and where the repository is.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::Result;

const POSTGRES: &str = "GIGWAY_TEST_POSTGRES_URL";
const REDIS: &str = "GIGWAY_TEST_REDIS_URL";

/// Whether both are there.
pub fn complete() -> bool {
    [POSTGRES, REDIS].iter().all(|variable| std::env::var_os(variable).is_some())
}

/// This program once more with the same arguments, beside servers that `tests/with-services` starts.
pub fn run_again() -> Result<ExitCode> {
    let script = repository()?.join("tests").join("with-services");
    let status = Command::new(&script)
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .status()
        .map_err(|error| format!("cannot run {}: {error}", script.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The address of PostgreSQL, of a superuser.
pub fn postgres_url() -> Result<String> {
    std::env::var(POSTGRES).map_err(|error| format!("{POSTGRES}: {error}").into())
}

/// The address of Redis.
pub fn redis_url() -> Result<String> {
    std::env::var(REDIS).map_err(|error| format!("{REDIS}: {error}").into())
}

/// The repository's folder: the one above this crate where cargo runs the program, else the current one.
pub fn repository() -> Result<PathBuf> {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => Ok(PathBuf::from(folder).join("..")),
        None => Ok(std::env::current_dir()?),
    }
}
