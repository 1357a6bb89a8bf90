//! The `gigway` program: its commands, its exit statuses, and how it starts and stops.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use crate::support::client::text;
use crate::support::documents::SIGN_IN;
use crate::support::process::{GatewayProcess, add_user, gigway};
use crate::support::servers::{new_postgres_database, stable_port};

fn run(dir: &Path, arguments: &[&str]) -> Output {
    gigway(dir, arguments).output().expect("the command runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn an_invalid_variable_exits_with_status_2_and_one_line() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cases = [
        ("GIGWAY_LISTEN", "8080", "0.0.0.0:8080"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x", "postgres://"),
        ("REDIS_URL", "localhost", "redis://"),
        ("GIGWAY_ENV", "prod", "production"),
        ("GIGWAY_LIMITS", "{\"gigs\":1}", "imagesMax"),
    ];
    for (variable, value, example) in cases {
        let output = gigway(dir.path(), &["serve"]).env(variable, value).output().expect("the command runs");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with(&format!("gigway: {variable} ")) && stderr.contains(example), "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
    let production = gigway(dir.path(), &["serve", "--demo"])
        .env("GIGWAY_ENV", "production")
        .env("GIGWAY_TOKEN_SECRET", "a secret of at least 32 characters")
        .env("GIGWAY_PUBLIC_URL", "https://api.example.com")
        .env("GIGWAY_INDEX_KEY", "another secret of at least 32 characters")
        .env("GIGWAY_ENCRYPTION_KEYS", "a:7yTgPq1Zs5VwXo9RbKc3LmDfHj0AeUiN4t6G8kMxYzQ=")
        .output()
        .expect("the command runs");
    assert_eq!(production.status.code(), Some(2));
    let stderr = String::from_utf8(production.stderr).expect("text");
    assert!(stderr.starts_with("gigway: --demo "), "{stderr}");
}

#[test]
fn a_public_gateway_is_not_in_development_by_default() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (variable, value) in [
        ("GIGWAY_LISTEN", "0.0.0.0:0"),
        ("DATABASE_URL", "postgres://gigway:hunter2@db.example.com/gigway"),
        ("REDIS_URL", "redis://:hunter2@redis.example.com:6379"),
    ] {
        let output = gigway(dir.path(), &["serve"]).env(variable, value).output().expect("the command runs");
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.starts_with("gigway: GIGWAY_ENV is not set, ") && stderr.contains(variable),
            "{stderr}"
        );
        assert!(stderr.lines().count() == 1 && !stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn secrets_are_not_accepted_as_options() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    for option in ["--token-secret", "--index-key", "--encryption-keys", "--metrics-token"] {
        for arguments in [["migrate", "status", option, secret], [option, secret, "migrate", "status"]] {
            let output = run(dir.path(), &arguments);
            let stderr = String::from_utf8(output.stderr).expect("text");
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            assert!(stderr.starts_with(&format!("gigway: {option} ")) && stderr.contains('@'), "{stderr}");
            assert!(stderr.lines().count() == 1 && !stderr.contains("hunter2"), "{stderr}");
        }
    }
    for (option, url) in [
        ("--database-url", "postgres://gigway:hunter2@127.0.0.1/gigway"),
        ("--database-url", "postgres://127.0.0.1/gigway?password=hunter2"),
        ("--redis-url", "redis://:hunter2@127.0.0.1"),
        ("--redis-url", "redis+cluster://user:hunter2@127.0.0.1,127.0.0.2"),
    ] {
        let output = run(dir.path(), &["migrate", "up", option, url]);
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{url}: {stderr}");
        assert!(stderr.starts_with(&format!("gigway: {option} ")) && !stderr.contains("hunter2"), "{stderr}");
    }
    // A file, the environment, and a URL without a password are accepted.
    std::fs::write(dir.path().join("secret"), secret).expect("written");
    let file = format!("@{}", dir.path().join("secret").display());
    assert!(run(dir.path(), &["migrate", "up", "--token-secret", &file]).status.success());
    assert!(run(dir.path(), &["migrate", "up", "--redis-url", "redis://127.0.0.1"]).status.success());
    let output = gigway(dir.path(), &["migrate", "up"]).env("GIGWAY_TOKEN_SECRET", secret).output();
    assert!(output.expect("the command runs").status.success());
}

/// Whatever the gateway stores can be read only by the user that it runs as.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data_dir = dir.path().join("data");
    let served = GatewayProcess::start(&data_dir, &["--demo=still"]);
    let mut dirs = vec![data_dir];
    let (mut files, mut public) = (0, Vec::new());
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            let metadata = path.metadata().expect("it exists");
            if metadata.permissions().mode() & 0o077 != 0 {
                public.push(path.clone());
            }
            if metadata.is_dir() { dirs.push(path) } else { files += 1 }
        }
    }
    assert!(files > 10, "{files}");
    assert_eq!(public, Vec::<std::path::PathBuf>::new());
    drop(served);
}

#[test]
fn an_unreachable_database_exits_with_status_1_and_one_line() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = format!("postgres://gigway:hunter2@127.0.0.1:{}/gigway", stable_port());
    let output = gigway(dir.path(), &["serve"]).env("DATABASE_URL", url).output().expect("the command runs");
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.lines().count() == 1 && stderr.contains("database") && !stderr.contains("hunter2"),
        "{stderr}"
    );
}

#[test]
fn help_lists_the_environment_variables() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let help = stdout(&run(dir.path(), &["serve", "--help"]));
    for variable in
        ["GIGWAY_LISTEN", "GIGWAY_DATA_DIR", "DATABASE_URL", "REDIS_URL", "GIGWAY_ENV", "GIGWAY_LIMITS"]
    {
        assert!(help.contains(variable), "{help}");
    }
}

#[test]
fn schema_prints_the_committed_schema() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(stdout(&run(dir.path(), &["schema"])), include_str!("../../schema.graphql"));
}

#[test]
fn migrate_and_doctor_report_the_state_of_the_database() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let status = run(dir.path(), &["migrate", "status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(stdout(&status).contains("gigway migrate up"), "{}", stdout(&status));
    assert!(!run(dir.path(), &["doctor"]).status.success());
    assert!(run(dir.path(), &["migrate", "up"]).status.success());
    assert!(run(dir.path(), &["migrate", "status"]).status.success());
    let doctor = run(dir.path(), &["doctor"]);
    assert!(doctor.status.success(), "{}", stdout(&doctor));
    for check in
        ["configuration", "federation", "database", "clock", "files", "redis", "pictures", "keys", "tags"]
    {
        assert!(stdout(&doctor).contains(&format!("ok    {check}")), "{}", stdout(&doctor));
    }
}

/// The commands that only read.
fn read_only_commands() -> [Vec<&'static str>; 4] {
    [
        vec!["audit", "--subject", "usr_01h455vb4pex5vsknk084sn02q"],
        vec!["doctor"],
        vec!["migrate", "status"],
        vec!["schema"],
    ]
}

/// The files below a directory, and their contents.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(self::files(&path));
            files.insert(path, Vec::new());
        } else {
            files.insert(path.clone(), std::fs::read(&path).expect("a file"));
        }
    }
    files
}

/// Runs each command that only reads. Asserts that those that need the database say what is missing.
fn expect_refusals(command: impl Fn(&[&str]) -> Output) {
    for arguments in read_only_commands() {
        let output = command(&arguments);
        let text = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
        if arguments == ["schema"] {
            assert!(output.status.success(), "{text}");
        } else {
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
            assert!(text.contains("gigway migrate up"), "{arguments:?}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_commands_change_nothing_on_sqlite() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let nowhere = dir.path().join("data");
    expect_refusals(|arguments| run(&nowhere, arguments));
    assert_eq!(files(dir.path()), BTreeMap::new(), "nothing was created");
    // An empty file is an empty database.
    let file = dir.path().join("gigway.sqlite");
    std::fs::write(&file, "").expect("written");
    expect_refusals(|arguments| run(dir.path(), arguments));
    assert_eq!(files(dir.path()), BTreeMap::from([(file.clone(), Vec::new())]));
    // The database of an older version.
    for steps in [1, 2] {
        let url = format!("sqlite:{}?mode=rwc", file.display());
        let connection = sea_orm::Database::connect(url).await.expect("opened");
        Migrator::up(&connection, Some(steps)).await.expect("migrated");
        connection.close().await.expect("closed");
        let before = files(dir.path());
        expect_refusals(|arguments| run(dir.path(), arguments));
        assert_eq!(files(dir.path()), before);
    }
    // A complete one.
    assert!(run(dir.path(), &["migrate", "up"]).status.success());
    let before = files(dir.path());
    for arguments in read_only_commands() {
        let output = run(dir.path(), &arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    assert_eq!(files(dir.path()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_commands_change_nothing_on_postgres() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = new_postgres_database().await;
    let command = |arguments: &[&str]| {
        gigway(dir.path(), arguments).env("DATABASE_URL", &url).output().expect("the command runs")
    };
    let connection = sea_orm::Database::connect(&url).await.expect("PostgreSQL responds");
    let tables = async || {
        let sql = "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = \
                   'public'::regnamespace";
        let row = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        row.expect("a row").expect("a row").try_get_by_index::<Option<String>>(0).expect("text")
    };
    expect_refusals(command);
    assert_eq!(tables().await, None, "nothing was created");
    Migrator::up(&connection, Some(2)).await.expect("migrated");
    let before = tables().await;
    expect_refusals(command);
    assert_eq!(tables().await, before);
    Migrator::up(&connection, None).await.expect("migrated");
    let before = tables().await;
    for arguments in read_only_commands() {
        let output = command(&arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
    assert_eq!(tables().await, before);
    assert_eq!(files(dir.path()), BTreeMap::new(), "no keys and no directories");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_commands_work_while_the_gateway_runs() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let served = GatewayProcess::start(dir.path(), &[]);
    let added = add_user(|arguments| gigway(dir.path(), arguments), "rita@example.com", "REVIEWER");
    assert!(added.status.success(), "{added:?}");
    let id = stdout(&added).trim().to_owned();
    let duplicate = add_user(|arguments| gigway(dir.path(), arguments), "RITA@example.com", "MEMBER");
    assert_eq!(duplicate.status.code(), Some(1));
    assert_eq!(
        add_user(|arguments| gigway(dir.path(), arguments), "rob@example.com", "CHIEF").status.code(),
        Some(2)
    );
    let points =
        |email: &str, number: &str| run(dir.path(), &["user", "points", "--email", email, "--set", number]);
    assert!(points("rita@example.com", "11180").status.success());
    let name = |email: &str, name: &str| run(dir.path(), &["user", "name", "--email", email, "--set", name]);
    assert!(name("rita@example.com", " Rita Skeeter ").status.success());
    assert_eq!(name("nobody@example.com", "Nobody").status.code(), Some(1));
    assert_eq!(name("rita@example.com", "R").status.code(), Some(1));
    assert_eq!(points("nobody@example.com", "1").status.code(), Some(1));
    for out_of_range in ["-1", "1000000001", "9000000000000000000"] {
        assert_eq!(points("rita@example.com", out_of_range).status.code(), Some(1), "{out_of_range}");
    }
    let input = json!({ "input": { "email": "rita@example.com", "password": "a good password" } });
    let session = served.client.mutate(SIGN_IN, input).await["session"].take();
    assert_eq!(text(&session["viewer"]["user"]["id"]), id);
    let rita = served.client.with_token(&text(&session["accessToken"]));
    let viewer = rita.run("{ viewer { role user { displayName level } } }", json!({})).await["viewer"].take();
    assert_eq!(viewer, json!({ "role": "REVIEWER", "user": { "displayName": "Rita Skeeter", "level": 5 } }));
}

/// In an empty data directory, the first migration creates the tables, and the others wait for it.
#[test]
fn concurrent_migrations_all_succeed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let started: Vec<_> = (0..4)
        .map(|_| {
            gigway(dir.path(), &["migrate", "up"]).stdout(Stdio::null()).spawn().expect("the command runs")
        })
        .collect();
    for mut process in started {
        assert!(process.wait().expect("it ends").success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_data_is_created_once_and_signals_stop_the_gateway_gracefully() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let count = "{ gigs { totalCount } categories { id } }";
    let log = dir.path().join("gateway.log");
    let mut serve = gigway(dir.path(), &["serve", "--demo=still"]);
    serve.env("GIGWAY_LOG", "info").stderr(std::fs::File::create(&log).expect("a file"));
    let served = GatewayProcess::start_command(serve, &["--demo=still"]);
    assert!(served.startup_output.contains("miriam@example.com"), "{}", served.startup_output);
    let first = served.client.run(count, json!({})).await;
    assert!(first["gigs"]["totalCount"].as_i64() > Some(200), "{first}");
    let input =
        json!({ "input": { "email": gigway::demo::REVIEWER_EMAIL, "password": gigway::demo::PASSWORD } });
    let session = served.client.mutate(SIGN_IN, input).await["session"].take();
    let reviewer = served.client.with_token(&text(&session["accessToken"]));
    let queue = "{ reviewQueue(state: OPEN, first: 50) { totalCount nodes { overdue subject { ... on Gig { images { url } } } } } }";
    let queue = reviewer.run(queue, json!({})).await["reviewQueue"].take();
    assert!(queue["totalCount"].as_i64() > Some(5), "{queue}");
    let url = text(&queue["nodes"][0]["subject"]["images"][0]["url"]);
    assert_eq!(reqwest::get(url).await.expect("a response").status(), 200);
    // An idle keep-alive connection must not delay the shutdown.
    let idle = reqwest::Client::new();
    idle.get(served.client.url("/livez")).send().await.expect("a response");
    assert_eq!(served.stop_with("TERM"), Some(0));
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("stopped") && !log.contains("timed out"), "{log}");

    let served = GatewayProcess::start(dir.path(), &["--demo=still"]);
    assert_eq!(served.client.run(count, json!({})).await, first);
    assert_eq!(served.stop_with("INT"), Some(0));
}
