//! The program itself: its commands, its exit codes, and how it starts and stops.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::{Client, text};
use crate::support::documents::SIGN_IN;
use crate::support::servers::free_port;

fn gigway(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gigway"));
    command.args(arguments).env_clear().env("GIGWAY_DATA_DIR", folder);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    gigway(folder, arguments).output().expect("it runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Adds a person with the password `a good password`.
fn add_user(folder: &Path, email: &str, role: &str) -> Output {
    let arguments =
        ["user", "add", "--email", email, "--display-name", "Rita", "--role", role, "--password-stdin"];
    let mut child = gigway(folder, &arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("a pipe").write_all(b"a good password\n").expect("written");
    child.wait_with_output().expect("it ends")
}

/// A gateway as a process of its own, ended with the test.
struct Served {
    process: Child,
    client: Client,
    greeting: String,
}

impl Served {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut process = gigway(folder, &[&["serve"], arguments].concat())
            .env("GIGWAY_LISTEN", &listen)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut greeting = String::new();
        while !greeting.contains("/readyz")
            || (arguments.contains(&"--demo") && !greeting.contains("subscription {"))
        {
            let line = lines.next().expect("it greets before it ends").expect("text");
            greeting.push_str(&line);
            greeting.push('\n');
        }
        Self { process, client: Client::new(listen.parse().expect("an address")), greeting }
    }

    /// Ends it by this signal; its exit code, and how long it took.
    fn end(mut self, signal: &str) -> (Option<i32>, Duration) {
        let began = Instant::now();
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().expect("kill runs").success());
        let status = self.process.wait().expect("it ends");
        (status.code(), began.elapsed())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn a_wrong_variable_ends_it_with_2_and_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = [
        ("GIGWAY_LISTEN", "8080", "0.0.0.0:8080"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x", "postgres://"),
        ("REDIS_URL", "localhost", "redis://"),
        ("GIGWAY_ENV", "prod", "production"),
        ("GIGWAY_LIMITS", "{\"gigs\":1}", "imagesMax"),
    ];
    for (variable, value, example) in cases {
        let output = gigway(folder.path(), &["serve"]).env(variable, value).output().expect("it runs");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with(&format!("gigway: {variable} ")) && said.contains(example), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let production = gigway(folder.path(), &["serve", "--demo"])
        .env("GIGWAY_ENV", "production")
        .env("GIGWAY_TOKEN_SECRET", "a secret of at least 32 characters")
        .env("GIGWAY_PUBLIC_URL", "https://api.example.com")
        .env("GIGWAY_INDEX_KEY", "a secret of at least 32 characters")
        .env("GIGWAY_ENCRYPTION_KEYS", "a:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=")
        .output()
        .expect("it runs");
    assert_eq!(production.status.code(), Some(2));
}

#[test]
fn a_database_that_is_not_there_ends_it_with_1_and_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("postgres://gigway:hunter2@127.0.0.1:{}/gigway", free_port());
    let output = gigway(folder.path(), &["serve"]).env("DATABASE_URL", url).output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.lines().count() == 1 && said.contains("database") && !said.contains("hunter2"), "{said}");
}

#[test]
fn help_names_every_variable() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = out(&run(folder.path(), &["serve", "--help"]));
    for variable in
        ["GIGWAY_LISTEN", "GIGWAY_DATA_DIR", "DATABASE_URL", "REDIS_URL", "GIGWAY_ENV", "GIGWAY_LIMITS"]
    {
        assert!(help.contains(variable), "{help}");
    }
}

#[test]
fn schema_prints_the_committed_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(out(&run(folder.path(), &["schema"])), include_str!("../../schema.graphql"));
}

#[test]
fn the_database_is_migrated_and_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let status = run(folder.path(), &["migrate", "status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(out(&status).contains("gigway migrate up"), "{}", out(&status));
    assert!(!run(folder.path(), &["doctor"]).status.success());
    assert!(run(folder.path(), &["migrate", "up"]).status.success());
    assert!(run(folder.path(), &["migrate", "status"]).status.success());
    let doctor = run(folder.path(), &["doctor"]);
    assert!(doctor.status.success(), "{}", out(&doctor));
    for check in ["configuration", "database", "clock", "redis", "pictures", "keys"] {
        assert!(out(&doctor).contains(&format!("ok    {check}")), "{}", out(&doctor));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_added_and_given_points_while_it_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let served = Served::start(folder.path(), &[]);
    let added = add_user(folder.path(), "rita@example.com", "REVIEWER");
    assert!(added.status.success(), "{added:?}");
    let id = out(&added).trim().to_owned();
    let again = add_user(folder.path(), "RITA@example.com", "MEMBER");
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(add_user(folder.path(), "rob@example.com", "CHIEF").status.code(), Some(2));
    let points = |email: &str, number: &str| {
        run(folder.path(), &["user", "points", "--email", email, "--set", number])
    };
    assert!(points("rita@example.com", "11180").status.success());
    assert_eq!(points("nobody@example.com", "1").status.code(), Some(1));
    for beyond in ["-1", "1000000001", "9000000000000000000"] {
        assert_eq!(points("rita@example.com", beyond).status.code(), Some(1), "{beyond}");
    }
    let input = json!({ "input": { "email": "rita@example.com", "password": "a good password" } });
    let session = served.client.done(SIGN_IN, input).await["session"].take();
    assert_eq!(text(&session["viewer"]["user"]["id"]), id);
    let rita = served.client.with_token(&text(&session["accessToken"]));
    let viewer = rita.run("{ viewer { role user { level } } }", json!({})).await["viewer"].take();
    assert_eq!(viewer, json!({ "role": "REVIEWER", "user": { "level": 5 } }));
}

/// Two that start at once on an empty folder: one makes the tables, and the other finds them.
#[test]
fn commands_that_start_at_once_do_not_migrate_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let started: Vec<_> = (0..4)
        .map(|_| gigway(folder.path(), &["migrate", "up"]).stdout(Stdio::null()).spawn().expect("it runs"))
        .collect();
    for mut process in started {
        assert!(process.wait().expect("it ends").success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_data_is_made_once_and_kept_and_a_signal_ends_it_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = "{ gigs { totalCount } categories { id } }";
    let served = Served::start(folder.path(), &["--demo"]);
    assert!(served.greeting.contains("miriam@example.com"), "{}", served.greeting);
    let first = served.client.run(count, json!({})).await;
    assert!(first["gigs"]["totalCount"].as_i64() > Some(200), "{first}");
    let input =
        json!({ "input": { "email": gigway::demo::REVIEWER_EMAIL, "password": gigway::demo::PASSWORD } });
    let session = served.client.done(SIGN_IN, input).await["session"].take();
    let reviewer = served.client.with_token(&text(&session["accessToken"]));
    let queue = "{ reviewQueue(state: OPEN, first: 50) { totalCount nodes { overdue subject { ... on Gig { images { url } } } } } }";
    let queue = reviewer.run(queue, json!({})).await["reviewQueue"].take();
    assert!(queue["totalCount"].as_i64() > Some(5), "{queue}");
    let url = text(&queue["nodes"][0]["subject"]["images"][0]["url"]);
    assert_eq!(reqwest::get(url).await.expect("an answer").status(), 200);
    // An idle keep-alive connection, which must not keep it from ending.
    let idle = reqwest::Client::new();
    idle.get(served.client.url("/livez")).send().await.expect("an answer");
    let (code, took) = served.end("TERM");
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");

    let served = Served::start(folder.path(), &["--demo"]);
    assert_eq!(served.client.run(count, json!({})).await, first);
    assert_eq!(served.end("INT").0, Some(0));
}
