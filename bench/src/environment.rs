//! The PostgreSQL and Redis servers of a run, and the directory of the repository.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::Result;

const POSTGRES: &str = "GIGWAY_TEST_POSTGRES_URL";
const REDIS: &str = "GIGWAY_TEST_REDIS_URL";

/// Whether `tests/with-services` has started the servers.
pub fn has_servers() -> bool {
    [POSTGRES, REDIS].iter().all(|variable| std::env::var_os(variable).is_some())
}

/// Runs this program again with the same arguments, by `tests/with-services`, which starts the servers.
pub fn run_with_servers() -> Result<ExitCode> {
    let script = repository()?.join("tests").join("with-services");
    let status = Command::new(&script)
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .status()
        .map_err(|error| format!("cannot run {}: {error}", script.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The URL of PostgreSQL, with a superuser.
pub fn postgres_url() -> Result<String> {
    std::env::var(POSTGRES).map_err(|error| format!("{POSTGRES}: {error}").into())
}

/// The URL of Redis.
pub fn redis_url() -> Result<String> {
    std::env::var(REDIS).map_err(|error| format!("{REDIS}: {error}").into())
}

/// The directory of the repository: the parent of this crate if cargo runs the program, otherwise the current
/// directory.
pub fn repository() -> Result<PathBuf> {
    match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(dir) => Ok(PathBuf::from(dir).join("..")),
        None => Ok(std::env::current_dir()?),
    }
}
