//! The public npm clients, graphql-ws and graphql-sse, and an EventSource: each has its sessions with the
//! gateway in a script of `tests/clients`, which Node runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::support::on_both_back_ends;
use crate::support::world::World;

async fn graphql_ws_follows_and_resumes(world: World) {
    run(&world, "graphql-ws.mjs").await;
}

async fn graphql_sse_follows_and_resumes(world: World) {
    run(&world, "graphql-sse.mjs").await;
}

async fn an_event_source_follows_and_resumes(world: World) {
    run(&world, "event-source.mjs").await;
}

/// Runs a script whose people act at the first gateway and look on at the last.
async fn run(world: &World, script: &str) {
    let (seller, reviewer) = (world.member("Ann").await, world.reviewer("Rita").await);
    let mut node = in_folder("node");
    node.arg(script)
        .env_remove("NODE_OPTIONS")
        .env("GATEWAY_FOR_ACTS", world.here().url(""))
        .env("GATEWAY_FOR_STREAMS", world.there().url(""))
        .env("SELLER_TOKEN", seller.client.token().expect("a token"))
        .env("REVIEWER_TOKEN", reviewer.client.token().expect("a token"));
    let run = tokio::task::spawn_blocking(move || {
        install();
        output(&mut node)
    });
    expect_success(script, &run.await.expect("the script has run"));
}

/// Installs the packages, where they are not the ones that package-lock.json lists.
fn install() {
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

#[track_caller]
fn expect_success(what: &str, output: &Output) {
    let (told, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{told}\n{complained}", output.status);
}

on_both_back_ends!(
    graphql_ws_follows_and_resumes,
    graphql_sse_follows_and_resumes,
    an_event_source_follows_and_resumes,
);
