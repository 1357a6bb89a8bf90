//! The scripts of `tests/clients`, which Node runs with packages of npm.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::SystemTime;

/// A script with these arguments, and its packages installed; to be run by [`run`].
pub fn script(name: &str, arguments: &[&str]) -> Command {
    let mut node = in_folder("node");
    node.arg(name).args(arguments).env_remove("NODE_OPTIONS");
    node
}

/// Runs a script; what it says.
pub async fn run(mut script: Command) -> Output {
    let run = tokio::task::spawn_blocking(move || {
        install();
        output(&mut script)
    });
    run.await.expect("the script has run")
}

#[track_caller]
pub fn expect_success(what: &str, output: &Output) {
    let (told, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{told}\n{complained}", output.status);
}

/// Installs the packages, where they are not the ones that package-lock.json lists.
pub fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        // npm writes the first of them when it is done.
        let installed = changed("node_modules/.package-lock.json");
        if installed.is_none_or(|installed| installed < changed("package-lock.json").expect("the list")) {
            let mut npm = in_folder("npm");
            expect_success("npm ci", &output(npm.args(["ci", "--no-audit", "--no-fund"])));
        }
    });
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// When a file of the folder was changed, if it is there.
fn changed(file: &str) -> Option<SystemTime> {
    folder().join(file).metadata().and_then(|file| file.modified()).ok()
}

fn in_folder(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder());
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!(
            "{program} does not run ({error}): run the tests by `make test`, which installs what is missing"
        )
    })
}
