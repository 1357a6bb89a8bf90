//! The tests themselves: nothing of the developer's machine reaches them, and they take nothing from it.

use std::path::Path;
use std::process::Command;

use crate::support::process::GatewayProcess;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Except for those that choose what a test does.
#[test]
fn settings_of_the_developer_do_not_reach_the_tests() {
    let settings = [
        "GIGWAY_ENV",
        "GIGWAY_LISTEN",
        "GIGWAY_DATA_DIR",
        "GATEWAY_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "PGOPTIONS",
        "NODE_OPTIONS",
    ];
    let mut command = Command::new(root().join("tests/with-services"));
    command.arg("env").envs(settings.map(|name| (name, "of-the-developer"))).env("GIGWAY_FUZZ_SEED", "7");
    let output = command.output().expect("the script runs");
    assert!(output.status.success(), "{output:?}");
    let environment = String::from_utf8_lossy(&output.stdout);
    assert!(!environment.contains("of-the-developer"), "{environment}");
    for expected in ["GIGWAY_TEST_POSTGRES_URL=postgres://", "GIGWAY_FUZZ_SEED=7", "NO_PROXY=127.0.0.1"] {
        assert!(environment.lines().any(|line| line.starts_with(expected)), "{expected}: {environment}");
    }
}

/// `make run` listens on the default port.
#[test]
fn a_gateway_of_a_test_listens_on_a_port_that_is_free() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let gateways: Vec<_> = (0..2).map(|_| GatewayProcess::start(dir.path(), &[])).collect();
    let ports: Vec<_> = gateways.iter().map(|gateway| gateway.client.address.port()).collect();
    assert!(ports[0] != ports[1] && !ports.contains(&8080), "{ports:?}");
}

/// The file names and the contents of the Rust files in a directory of the repository.
fn rust_files(dir: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("text");
            files.push((path.display().to_string(), text));
        }
    }
    files
}

/// A fixed port may be taken. Port 0 lets the operating system choose one.
#[test]
fn no_test_or_benchmark_listens_on_a_fixed_port() {
    let mut problems = Vec::new();
    for dir in ["tests", "bench/src", "fuzz/fuzz_targets"] {
        for (file, text) in rust_files(&root().join(dir)) {
            for (number, line) in text.lines().enumerate() {
                let mut after_host = line.split("127.0.0.1:").skip(1);
                let is_fixed =
                    after_host.any(|port| port.starts_with(|first: char| matches!(first, '1'..='9')));
                if is_fixed && !line.trim_start().starts_with("//") {
                    problems.push(format!("{file}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert_eq!(problems, [""; 0]);
}
