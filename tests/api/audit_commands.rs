//! The audit trail on the command line: acts of operators, `gigway audit`, and the roles of PostgreSQL.

use std::process::{Command, Output};

use sea_orm::{ConnectionTrait, Database, DbBackend};
use serde_json::{Value, json};

use crate::support::on_both_back_ends;
use crate::support::process::{add_user, gigway};
use crate::support::reviewing::{claim, open_pictures};
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::verification::submit_verification;

fn run(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the command runs");
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    (status.code(), stdout + &stderr)
}

/// Runs a command that succeeds. Returns what it prints.
fn succeed(app: &TestApp, arguments: &[&str]) -> String {
    let (code, output) = run(&mut app.command(arguments));
    assert_eq!(code, Some(0), "{arguments:?}: {output}");
    output
}

/// Runs a command that finds a problem. Returns what it prints.
fn fail(app: &TestApp, arguments: &[&str]) -> String {
    let (code, output) = run(&mut app.command(arguments));
    assert_eq!(code, Some(1), "{arguments:?}: {output}");
    output
}

/// Adds a reviewer. Returns their id.
fn add_reviewer(command: impl Fn(&[&str]) -> Command) -> String {
    let added = add_user(command, "rita@example.com", "REVIEWER");
    assert!(added.status.success(), "{added:?}");
    String::from_utf8(added.stdout).expect("text").trim().to_owned()
}

fn set_points(app: &TestApp, points: &str) {
    succeed(app, &["user", "points", "--email", "rita@example.com", "--set", points]);
}

/// Changes the entries as somebody who owns the tables can. Returns the trigger that they disable for it.
async fn alter_entries(app: &TestApp, statement: &str) -> &'static str {
    let (trigger, disable) = match (app.services().db.backend(), statement.starts_with("DELETE")) {
        (DbBackend::Postgres, _) => ("audit_entry_kept", "ALTER TABLE audit_entry DISABLE TRIGGER"),
        (_, true) => ("audit_entry_not_deleted", "DROP TRIGGER IF EXISTS"),
        (_, false) => ("audit_entry_not_updated", "DROP TRIGGER IF EXISTS"),
    };
    let tx = app.services().db.begin().await.expect("a transaction");
    let disable = format!("{disable} {trigger}");
    for sql in [disable.as_str(), statement] {
        tx.execute_unprepared(sql).await.expect(sql);
    }
    tx.commit().await.expect("committed");
    trigger
}

/// The fields of the lines that `gigway audit` prints: time, actor, action, detail, request id, subject, source.
fn fields(printed: &str) -> Vec<Vec<&str>> {
    printed.lines().map(|line| line.split('\t').collect()).collect()
}

/// The source of an act on the command line: it names who runs this test.
fn command_line() -> String {
    format!("COMMAND_LINE {}", operator())
}

fn operator() -> String {
    run(Command::new("id").arg("-un")).1.trim().to_owned()
}

async fn a_command_names_the_user_of_the_operating_system(app: TestApp) {
    let id = add_reviewer(|arguments| app.command(arguments));
    let of_rita = |arguments: &[&str]| {
        let (command, options) = arguments.split_first().expect("a command");
        succeed(&app, &[&["user", *command, "--email", "rita@example.com"], options].concat());
    };
    of_rita(&["role", "--set", "ADMIN"]);
    set_points(&app, "7");
    for act in ["block", "hold"] {
        of_rita(&[act]);
        of_rita(&[act, "--lift"]);
    }
    of_rita(&["erase"]);
    succeed(&app, &["keys", "rotate"]);
    let printed = succeed(&app, &["audit", "--subject", &id]);
    let lines = fields(&printed);
    let acts: Vec<_> = lines.iter().map(|fields| (fields[1], fields[2], fields[3])).collect();
    let expected = [
        ("gigway", "ROLE", "new account as REVIEWER"),
        ("gigway", "ROLE", "REVIEWER to ADMIN"),
        ("gigway", "POINTS", "0 to 7"),
        ("gigway", "BLOCK", ""),
        ("gigway", "UNBLOCK", ""),
        ("gigway", "HOLD", ""),
        ("gigway", "LIFT_HOLD", ""),
        ("gigway", "ERASE", ""),
    ];
    assert_eq!(acts, expected);
    let source = command_line();
    assert!(lines.iter().all(|fields| fields[5] == id && fields[6] == source), "{printed}");
    // By actor: an operator has no account.
    assert_eq!(succeed(&app, &["audit", "--actor", &id]), "");
    let (code, message) = run(&mut app.command(&["audit"]));
    assert_eq!((code, message.lines().count()), (Some(1), 1), "{message}");
    // Acts about the installation have no subject.
    let export = succeed(&app, &["audit", "export"]);
    let entries = export.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let about_all: Vec<_> = entries.filter(|it| it["type"] == "ENTRY" && it["subject"].is_null()).collect();
    let actions: Vec<_> = about_all.iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["ROTATE_KEYS", "EXPORT_AUDIT_TRAIL"]);
    for entry in about_all {
        assert_eq!((&entry["source"], &entry["operator"]), (&json!("COMMAND_LINE"), &json!(operator())));
    }
}

/// Of acts through the API, of which some are about the same person.
async fn a_command_prints_the_acts_of_one_account(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let (rita, rob) = (app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (of_ann, _) = submit_verification(&ann, "AB123456", 1).await;
    let (of_bob, _) = submit_verification(&bob, "CD123456", 2).await;
    claim(&rita.client, &of_ann).await;
    open_pictures(&rita.client, &of_ann).await;
    claim(&rob.client, &of_bob).await;
    succeed(&app, &["user", "points", "--email", &ann.email, "--set", "7"]);
    let acts = |arguments: &[&str]| -> Vec<[String; 4]> {
        let printed = succeed(&app, &[&["audit"], arguments].concat());
        let lines = fields(&printed).into_iter();
        // The gateway's id of the request.
        lines
            .inspect(|fields| {
                assert_eq!(fields[4].len(), if fields[6] == "API" { 32 } else { 0 }, "{printed}");
            })
            .map(|fields| [fields[1], fields[2], fields[5], fields[6]].map(str::to_owned))
            .collect()
    };
    let act = |actor: &str, action: &str, subject: &str, source: &str| {
        [actor, action, subject, source].map(str::to_owned)
    };
    let by_rita = [act(&rita.id, "CLAIM", &ann.id, "API"), act(&rita.id, "VIEW_DOCUMENT", &ann.id, "API")];
    assert_eq!(acts(&["--actor", &rita.id]), by_rita);
    assert_eq!(acts(&["--actor", &rob.id]), [act(&rob.id, "CLAIM", &bob.id, "API")]);
    let about_ann = by_rita.iter().cloned().chain([act("gigway", "POINTS", &ann.id, &command_line())]);
    assert_eq!(acts(&["--subject", &ann.id]), about_ann.collect::<Vec<_>>());
    assert_eq!(acts(&["--subject", &ann.id, "--actor", &rita.id]), by_rita);
    assert_eq!(acts(&["--subject", &ann.id, "--actor", &rob.id]), [[""; 4]; 0]);
    for option in ["--subject", "--actor"] {
        assert!(fail(&app, &["audit", option, "ver_x"]).contains("usr_"), "{option}");
    }
}

async fn verify_finds_what_was_changed_and_an_exported_head_what_was_cut_off(app: TestApp) {
    add_reviewer(|arguments| app.command(arguments));
    assert!(succeed(&app, &["audit", "verify"]).contains("1 entries"));
    set_points(&app, "1");
    set_points(&app, "2");
    let head = succeed(&app, &["audit", "head"]);
    assert!(head.starts_with("3:3:"), "{head}");
    std::fs::write(app.data_dir().join("head"), &head).expect("written");
    let at_file = format!("@{}", app.data_dir().join("head").display());
    set_points(&app, "3");
    succeed(&app, &["audit", "verify", "--head", head.trim()]);
    succeed(&app, &["audit", "verify", "--head", &at_file]);
    assert!(succeed(&app, &["doctor"]).contains("ok    audit          4 entries"));

    let trigger = alter_entries(&app, "DELETE FROM audit_entry WHERE number = 4").await;
    assert!(fail(&app, &["audit", "verify"]).contains("its end was cut off"));
    assert!(fail(&app, &["doctor"]).contains(trigger));
    alter_entries(&app, "DELETE FROM audit_entry WHERE number = 2").await;
    assert!(fail(&app, &["audit", "verify"]).contains("entries between 1 and 3 are missing"));
    alter_entries(&app, "DELETE FROM audit_entry WHERE number = 3").await;
    let printed = fail(&app, &["audit", "verify", "--head", &at_file]);
    assert!(printed.contains(&format!("does not contain {}", head.trim())), "{printed}");
    let (code, message) = run(&mut app.command(&["audit", "verify", "--head", "x"]));
    assert!(code == Some(1) && message.contains("number:count:hash"), "{message}");
    // Another installation has other keys, and without keys, nothing can be verified.
    std::fs::remove_dir_all(app.data_dir().join("keys")).expect("removed");
    assert!(fail(&app, &["audit", "verify"]).contains("GIGWAY_INDEX_KEY"));
}

async fn an_export_is_signed_and_can_be_checked_with_the_public_key_alone(app: TestApp) {
    let other = tempfile::tempdir().expect("a temporary directory");
    let at_other = |arguments: &[&str]| gigway(other.path(), arguments);
    let id = add_reviewer(|arguments| app.command(arguments));
    set_points(&app, "1");
    let file = app.data_dir().join("trail.jsonl");
    let path = file.display().to_string();
    assert!(succeed(&app, &["audit", "export", "--output", &path]).contains("3 entries"));
    let text = std::fs::read_to_string(&file).expect("a file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().expect("a type")).collect();
    assert_eq!(types, ["HEADER", "ENTRY", "ENTRY", "ENTRY", "VERIFICATION", "SIGNATURE"]);
    assert_eq!(lines[4]["problems"], json!([]));
    assert_eq!(lines[2]["action"], "POINTS");
    assert_eq!(lines[2]["subject"], id.as_str());
    assert_eq!(lines[2]["source"], "COMMAND_LINE");
    let head = lines[5]["head"].as_str().expect("a head");
    assert!(succeed(&app, &["audit", "verify", "--file", &path]).contains(head));
    succeed(&app, &["audit", "verify", "--head", head]);
    // Somebody else needs only the public key.
    let key = succeed(&app, &["audit", "public-key"]);
    assert_eq!(lines[0]["publicKey"], key.trim());
    let with_key = ["audit", "verify", "--file", path.as_str(), "--public-key", key.trim()];
    assert_eq!(run(&mut at_other(&with_key)).0, Some(0));
    add_reviewer(at_other);
    let (code, printed) = run(&mut at_other(&["audit", "verify", "--file", &path]));
    assert!(code == Some(1) && printed.contains("the signature is invalid"), "{printed}");

    let lines: Vec<_> = text.lines().collect();
    let without = |number: usize| {
        let rest: Vec<_> = lines.iter().enumerate().filter(|(index, _)| *index != number).collect();
        rest.into_iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n") + "\n"
    };
    for changed in [
        text.replace("0 to 1", "0 to 2"),
        without(1),
        without(4),
        without(5),
        without(0),
        format!("{text}{{}}\n"),
    ] {
        std::fs::write(&file, changed).expect("written");
        fail(&app, &["audit", "verify", "--file", &path]);
    }
    // Only what is new.
    assert!(succeed(&app, &["audit", "export", "--output", &path, "--after", "3"]).contains("1 entries"));
    succeed(&app, &["audit", "verify", "--file", &path]);
    // The signature does not vouch for a trail that was altered.
    alter_entries(&app, "UPDATE audit_entry SET detail = 'x' WHERE number = 2").await;
    assert!(fail(&app, &["audit", "export", "--output", &path]).contains("entry 2 was changed"));
    let printed = fail(&app, &["audit", "verify", "--file", &path]);
    assert!(printed.contains("entry 2 was changed") && printed.contains("ALTERED before"), "{printed}");
}

on_both_back_ends!(
    a_command_names_the_user_of_the_operating_system,
    a_command_prints_the_acts_of_one_account,
    verify_finds_what_was_changed_and_an_exported_head_what_was_cut_off,
    an_export_is_signed_and_can_be_checked_with_the_public_key_alone,
);

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
    for (granted, revoked, problem) in [
        (
            format!("ALTER ROLE {role} CREATEROLE"),
            format!("ALTER ROLE {role} NOCREATEROLE"),
            "may create roles",
        ),
        (
            format!("GRANT pg_execute_server_program TO {role}"),
            format!("REVOKE pg_execute_server_program FROM {role}"),
            "may write files or run programs",
        ),
        (
            format!("ALTER FUNCTION audit_entry_is_kept() OWNER TO {role}"),
            format!("ALTER FUNCTION audit_entry_is_kept() OWNER TO {owner}"),
            "owns a function of the triggers",
        ),
        (
            format!("GRANT UPDATE (count) ON audit_checkpoint TO {role}"),
            format!("REVOKE UPDATE (count) ON audit_checkpoint FROM {role}"),
            "may change audit_checkpoint",
        ),
        (
            "ALTER TABLE audit_head DISABLE TRIGGER audit_head_kept".to_owned(),
            "ALTER TABLE audit_head ENABLE TRIGGER audit_head_kept".to_owned(),
            "triggers are missing: audit_head_kept",
        ),
        (
            format!("GRANT DELETE ON audit_entry TO {role}"),
            format!("REVOKE DELETE ON audit_entry FROM {role}"),
            "may change or delete entries",
        ),
    ] {
        database.execute_unprepared(&granted).await.expect("granted");
        let (code, output) = run(&mut with(&url, &["doctor"]));
        assert!(code == Some(1) && output.contains(problem), "{granted}: {output}");
        database.execute_unprepared(&revoked).await.expect("revoked");
    }
    assert_eq!(run(&mut with(&url, &["doctor"])).0, Some(0));
    database.close().await.expect("a close");
    admin.close().await.expect("a close");
}
