//! The audit trail on the command line: acts of operators, `gigway audit`, and the roles of PostgreSQL.

use std::path::Path;
use std::process::{Command, Output};

use sea_orm::{ConnectionTrait, Database};
use serde_json::Value;

use crate::support::process::{add_user, gigway};
use crate::support::servers;

fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the command runs");
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    (status.code(), stdout + &stderr)
}

/// Runs a command that succeeds. Returns what it prints.
fn succeed(dir: &Path, arguments: &[&str]) -> String {
    let (code, output) = run(&mut gigway(dir, arguments));
    assert_eq!(code, Some(0), "{arguments:?}: {output}");
    output
}

/// Runs a command that finds a problem. Returns what it prints.
fn fail(dir: &Path, arguments: &[&str]) -> String {
    let (code, output) = run(&mut gigway(dir, arguments));
    assert_eq!(code, Some(1), "{arguments:?}: {output}");
    output
}

/// Adds a reviewer. Returns their id.
fn add_reviewer(dir: &Path) -> String {
    let added = add_user(|arguments| gigway(dir, arguments), "rita@example.com", "REVIEWER");
    assert!(added.status.success(), "{added:?}");
    String::from_utf8(added.stdout).expect("text").trim().to_owned()
}

fn set_points(dir: &Path, points: &str) {
    succeed(dir, &["user", "points", "--email", "rita@example.com", "--set", points]);
}

async fn execute(dir: &Path, sql: &str) {
    let url = format!("sqlite:{}", dir.join("gigway.sqlite").display());
    let db = Database::connect(url).await.expect("the file opens");
    db.execute_unprepared(sql).await.expect(sql);
    db.close().await.expect("a close");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_names_the_user_of_the_operating_system() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let id = add_reviewer(dir.path());
    set_points(dir.path(), "7");
    succeed(dir.path(), &["user", "hold", "--email", "rita@example.com"]);
    succeed(dir.path(), &["keys", "rotate"]);
    let printed = succeed(dir.path(), &["audit", "--subject", &id]);
    let lines: Vec<Vec<_>> = printed.lines().map(|line| line.split('\t').collect()).collect();
    let actions: Vec<_> = lines.iter().map(|fields| (fields[1], fields[2], fields[3])).collect();
    let expected = [
        ("gigway", "ROLE", "new account as REVIEWER"),
        ("gigway", "POINTS", "0 to 7"),
        ("gigway", "HOLD", ""),
    ];
    assert_eq!(actions, expected);
    let user = run(Command::new("id").arg("-un")).1;
    let source = format!("COMMAND_LINE {}", user.trim());
    assert!(lines.iter().all(|fields| fields[5] == id && fields[6] == source), "{printed}");
    // By actor: an operator has no account.
    assert_eq!(succeed(dir.path(), &["audit", "--actor", &id]), "");
    let (code, message) = run(&mut gigway(dir.path(), &["audit"]));
    assert_eq!((code, message.lines().count()), (Some(1), 1), "{message}");
    let export = succeed(dir.path(), &["audit", "export"]);
    assert!(export.contains("\"ROTATE_KEYS\"") && export.contains("\"EXPORT_AUDIT_TRAIL\""), "{export}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_finds_what_was_changed_and_an_exported_head_what_was_cut_off() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path();
    add_reviewer(dir);
    assert!(succeed(dir, &["audit", "verify"]).contains("1 entries"));
    set_points(dir, "1");
    set_points(dir, "2");
    let head = succeed(dir, &["audit", "head"]);
    assert!(head.starts_with("3:3:"), "{head}");
    std::fs::write(dir.join("head"), &head).expect("written");
    let at_file = format!("@{}", dir.join("head").display());
    set_points(dir, "3");
    succeed(dir, &["audit", "verify", "--head", head.trim()]);
    succeed(dir, &["audit", "verify", "--head", &at_file]);
    assert!(succeed(dir, &["doctor"]).contains("ok    audit          4 entries"));

    execute(dir, "DROP TRIGGER audit_entry_not_deleted; DELETE FROM audit_entry WHERE number = 4").await;
    assert!(fail(dir, &["audit", "verify"]).contains("its end was cut off"));
    assert!(fail(dir, &["doctor"]).contains("audit_entry_not_deleted"));
    execute(dir, "DELETE FROM audit_entry WHERE number = 2").await;
    assert!(fail(dir, &["audit", "verify"]).contains("entries between 1 and 3 are missing"));
    execute(dir, "DELETE FROM audit_entry WHERE number = 3").await;
    let printed = fail(dir, &["audit", "verify", "--head", &at_file]);
    assert!(printed.contains(&format!("does not contain {}", head.trim())), "{printed}");
    let (code, message) = run(&mut gigway(dir, &["audit", "verify", "--head", "x"]));
    assert!(code == Some(1) && message.contains("number:count:hash"), "{message}");
    // Another installation has other keys, and without keys, nothing can be verified.
    std::fs::remove_dir_all(dir.join("keys")).expect("removed");
    assert!(fail(dir, &["audit", "verify"]).contains("GIGWAY_INDEX_KEY"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_signed_and_can_be_checked_with_the_public_key_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let other = tempfile::tempdir().expect("a temporary directory");
    let (dir, other) = (dir.path(), other.path());
    let id = add_reviewer(dir);
    set_points(dir, "1");
    let file = dir.join("trail.jsonl");
    let path = file.display().to_string();
    assert!(succeed(dir, &["audit", "export", "--output", &path]).contains("3 entries"));
    let text = std::fs::read_to_string(&file).expect("a file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["HEADER", "ENTRY", "ENTRY", "ENTRY", "SIGNATURE"]);
    assert_eq!(lines[2]["action"], "POINTS");
    assert_eq!(lines[2]["subject"], id.as_str());
    assert_eq!(lines[2]["source"], "COMMAND_LINE");
    let head = lines[4]["head"].as_str().expect("a head");
    assert!(succeed(dir, &["audit", "verify", "--file", &path]).contains(head));
    succeed(dir, &["audit", "verify", "--head", head]);
    // Somebody else needs only the public key.
    let key = succeed(dir, &["audit", "public-key"]);
    assert_eq!(lines[0]["publicKey"], key.trim());
    succeed(other, &["audit", "verify", "--file", &path, "--public-key", key.trim()]);
    add_reviewer(other);
    assert!(fail(other, &["audit", "verify", "--file", &path]).contains("the signature is invalid"));

    let lines: Vec<_> = text.lines().collect();
    let without = |number: usize| {
        let rest: Vec<_> = lines.iter().enumerate().filter(|(index, _)| *index != number).collect();
        rest.into_iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n") + "\n"
    };
    for changed in
        [text.replace("0 to 1", "0 to 2"), without(1), without(4), without(0), format!("{text}{{}}\n")]
    {
        std::fs::write(&file, changed).expect("written");
        fail(dir, &["audit", "verify", "--file", &path]);
    }
    // Only what is new.
    assert!(succeed(dir, &["audit", "export", "--output", &path, "--after", "3"]).contains("1 entries"));
    succeed(dir, &["audit", "verify", "--file", &path]);
}

/// The SQL of docs/SECURITY.md, with other names of roles.
fn documented_sql(role: &str, owner: &str) -> String {
    let page = include_str!("../../docs/SECURITY.md");
    let (_, rest) = page.split_once("```sql\nCREATE ROLE gigway_audit").expect("the SQL");
    let (sql, _) = rest.split_once("```").expect("its end");
    let sql = format!("CREATE ROLE gigway_audit{sql}").replace("gigway_audit", "<owner>");
    sql.replace("gigway", role).replace("<owner>", owner)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_documented_roles_the_gateway_can_only_append() {
    let server = servers::required_env("GIGWAY_TEST_POSTGRES_URL");
    let name = servers::unique_name();
    let (role, owner) = (format!("r{name}"), format!("o{name}"));
    let admin = Database::connect(&server).await.expect("PostgreSQL responds");
    for sql in [
        format!("CREATE ROLE {role} LOGIN PASSWORD 'gigway'"),
        format!("CREATE DATABASE {role} OWNER {role}"),
    ] {
        admin.execute_unprepared(&sql).await.expect("created");
    }
    let (_, host) = server.rsplit_once('@').expect("an address with credentials");
    let (host, _) = host.rsplit_once('/').expect("an address with a database");
    let url_of = |user: &str, password: &str| format!("postgres://{user}:{password}@{host}/{role}");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let with = |url: &str, arguments: &[&str]| {
        let mut command = gigway(dir.path(), arguments);
        command.env("DATABASE_URL", url).env("GIGWAY_LIMITS", r#"{"retention":{"auditDays":1}}"#);
        command
    };
    let url = url_of(&role, "gigway");
    assert!(add_user(|arguments| with(&url, arguments), "rita@example.com", "REVIEWER").status.success());
    assert!(run(&mut with(&url, &["doctor"])).1.contains("protected by triggers"));

    let superuser =
        server.rsplit_once('/').map(|(address, _)| format!("{address}/{role}")).expect("an address");
    let database = Database::connect(superuser).await.expect("PostgreSQL responds");
    database.execute_unprepared(&documented_sql(&role, &owner)).await.expect("the documented SQL");
    let (code, output) = run(&mut with(&url, &["doctor"]));
    assert!(code == Some(0) && output.contains(&format!("belong to the role {owner}")), "{output}");
    let points = ["user", "points", "--email", "rita@example.com", "--set", "5"];
    assert_eq!(run(&mut with(&url, &points)).0, Some(0));
    let (code, output) = run(&mut with(&url, &["audit", "verify"]));
    assert!(code == Some(0) && output.contains("2 entries"), "{output}");
    let gateway = Database::connect(&url).await.expect("PostgreSQL responds");
    for forbidden in [
        "DELETE FROM audit_entry",
        "UPDATE audit_entry SET detail = 'x'",
        "TRUNCATE audit_entry",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "DROP TABLE audit_entry",
        "DROP TABLE audit_checkpoint",
        "INSERT INTO audit_checkpoint SELECT 9, 9, now(), '', now(), ''",
        "ALTER TABLE audit_entry RENAME TO other",
        "CREATE OR REPLACE FUNCTION audit_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    ] {
        assert!(gateway.execute_unprepared(forbidden).await.is_err(), "{forbidden}");
    }
    gateway.close().await.expect("a close");
    // Its owner ends a part whose retention is over, which the gateway cannot do.
    assert!(run(&mut with(&url, &["audit", "prune"])).1.contains("Removed 0 entries"));
    let (code, output) = run(&mut with(&url_of(&owner, "a%20long%20password"), &["audit", "prune"]));
    assert!(code == Some(0) && output.contains("Removed 0 entries"), "{output}");
    // The check notices if the separation does not hold.
    database.execute_unprepared(&format!("GRANT DELETE ON audit_entry TO {role}")).await.expect("granted");
    let (code, output) = run(&mut with(&url, &["doctor"]));
    assert!(code == Some(1) && output.contains("may change or delete entries"), "{output}");
    database.close().await.expect("a close");
    admin.close().await.expect("a close");
}
