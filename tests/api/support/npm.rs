//! Runs the scripts of `tests/clients` in Node, and those of the workspace `web`, with their npm packages.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The command of a script, to be run by [`run`]. Node is 20 or newer.
pub fn script(name: &str, arguments: &[&str]) -> Command {
    let mut node = in_clients_dir(clients_dir().join("node"));
    node.arg(name).args(arguments).env_remove("NODE_OPTIONS");
    node
}

/// Installs the packages of `tests/clients`, and runs a script.
pub async fn run(mut script: Command) -> Output {
    let run = tokio::task::spawn_blocking(move || {
        install();
        output(&mut script)
    });
    run.await.expect("the script has run")
}

#[track_caller]
pub fn expect_success(what: &str, output: &Output) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{stdout}\n{stderr}", output.status);
}

/// Installs the packages of `tests/clients`.
pub fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| install_in(&clients_dir(), Command::new("npm")));
}

/// The command of npm in the workspace `web`, whose packages are installed. Node is 20 or newer.
pub fn in_web(arguments: &[&str]) -> Command {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    INSTALLED.get_or_init(|| install_in(&directory, Command::new(directory.join("npm"))));
    let mut npm = Command::new(directory.join("npm"));
    npm.args(arguments).env_remove("NODE_OPTIONS");
    npm
}

/// Installs the packages if package-lock.json has changed.
fn install_in(directory: &Path, mut npm: Command) {
    // Another run of the tests may install into the same directory now.
    let lock = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm.lock")).expect("a file");
    lock.lock().expect("a lock");
    let modified = |file: &str| directory.join(file).metadata().and_then(|file| file.modified()).ok();
    // npm writes this file at the end of an installation.
    let installed_at = modified("node_modules/.package-lock.json");
    if installed_at.is_none_or(|time| time < modified("package-lock.json").expect("package-lock.json")) {
        npm.current_dir(directory).args(["ci", "--no-audit", "--no-fund"]);
        expect_success("npm ci", &output(&mut npm));
    }
}

fn clients_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// A command that runs in `tests/clients`.
fn in_clients_dir(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(clients_dir());
    command
}

pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!(
            "cannot run {program} ({error}): run the tests with `make test`, which installs missing programs"
        )
    })
}
