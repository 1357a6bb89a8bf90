//! Events of security in the log: a reviewer opens the data of too many people, and a trail was altered. Others are in
//! `operation_log`.

use std::fs::{File, read_to_string};
use std::path::Path;
use std::process::Command;

use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::operation_log::read_log;
use crate::personal_data::{add_staff, sign_up};
use crate::support::documents::RELEASE;
use crate::support::process::{GatewayProcess, gigway};
use crate::support::reviewing::{claim, picture_paths};
use crate::support::servers::new_postgres_database;
use crate::verification::submit_verification;

/// A program with its data directory and database, which needs no other server.
struct Installation {
    dir: tempfile::TempDir,
    postgres_url: Option<String>,
}

impl Installation {
    fn new(postgres_url: Option<String>) -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory"), postgres_url }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = gigway(self.path(), arguments);
        command.env("GIGWAY_LIMITS", r#"{"review":{"peoplePerDayMax":1}}"#);
        if let Some(url) = &self.postgres_url {
            command.env("DATABASE_URL", url);
        }
        command
    }

    /// Starts a gateway that appends its log to a file, as JSON.
    fn serve(&self) -> GatewayProcess {
        let log = File::options().create(true).append(true).open(self.path().join("log")).expect("a log");
        let mut command = self.command(&["serve"]);
        command.env("GIGWAY_LOG", "info").env("GIGWAY_LOG_FORMAT", "json").stderr(log);
        GatewayProcess::start_command(command, &[])
    }

    /// Runs SQL as somebody who has the database.
    async fn execute(&self, sql: &str) {
        let file = format!("sqlite://{}", self.path().join("gigway.sqlite").display());
        let url = self.postgres_url.clone().unwrap_or(file);
        let db = Database::connect(url).await.expect("the database");
        db.execute_unprepared(sql).await.expect(sql);
        db.close().await.expect("a close");
    }

    /// The events of security with this name, and the whole log.
    fn events(&self, name: &str) -> (Vec<Value>, String) {
        let is_event = |line: &Value| line["security"] == true && line["event"] == name;
        let events = read_log(self.path()).into_iter().filter(is_event).collect();
        (events, read_to_string(self.path().join("log")).expect("a log"))
    }
}

/// What the log must not have of the applicants.
const PERSONAL_DATA: [&str; 6] =
    ["Annabella", "Quillfeather", "Marmalade", "ZX98765", "1990-05-17", "@example.com"];

#[track_caller]
fn assert_no_personal_data(log: &str) {
    assert!(log.contains("operation completed"));
    for text in PERSONAL_DATA {
        assert!(!log.contains(text), "{text}: {log}");
    }
}

/// One line for each refused opening, of a form or a picture, with the reviewer and the limit.
async fn too_many_openings_are_logged(installation: Installation) {
    let served = installation.serve();
    let with = |arguments: &[&str]| installation.command(arguments);
    let rita = add_staff(&served.client, &with, "rita@example.com", "REVIEWER").await;
    let (mut ids, mut applicants) = (Vec::new(), Vec::new());
    for (number, name) in [(1, "Ann"), (2, "Bob")] {
        let user = sign_up(&served.client, name).await;
        ids.push(submit_verification(&user, &format!("ZX98765{number}"), number).await.0);
        claim(&rita.client, &ids[ids.len() - 1]).await;
        applicants.push(user.id);
    }
    let read = "query($id: ID!) { node(id: $id) { ... on Verification { personalInfo { lastName } } } }";
    rita.client.run(read, json!({ "id": ids[0] })).await;
    assert_eq!(installation.events("TOO_MANY_PEOPLE_OPENED").0.len(), 0);
    assert_eq!(rita.client.error_codes(read, json!({ "id": ids[1] })).await, ["RATE_LIMITED"]);
    let path = picture_paths(&rita.client, &ids[1]).await.remove(0);
    assert_eq!(rita.client.fetch(&path).await.0, 429);
    served.stop_with("TERM");
    let (events, log) = installation.events("TOO_MANY_PEOPLE_OPENED");
    assert_eq!(events.len(), 2, "{log}");
    for event in events {
        assert_eq!((&event["level"], &event["max"]), (&json!("WARN"), &json!(1)), "{event}");
        assert_eq!(event["user"], rita.id.as_str());
        assert!(applicants.iter().all(|id| !event.to_string().contains(id)), "{event}");
    }
    assert_no_personal_data(&log);
}

/// At the next entry after the head was altered, and at the next start after it was removed.
async fn an_altered_trail_is_logged(installation: Installation) {
    let served = installation.serve();
    let with = |arguments: &[&str]| installation.command(arguments);
    let rita = add_staff(&served.client, &with, "rita@example.com", "REVIEWER").await;
    let ann = sign_up(&served.client, "Ann").await;
    let (id, _) = submit_verification(&ann, "ZX987651", 1).await;
    let item = claim(&rita.client, &id).await;
    installation.execute("UPDATE audit_head SET count = count + 1").await;
    assert_eq!(installation.events("AUDIT_TRAIL_ALTERED").0.len(), 0);
    rita.client.mutate(RELEASE, json!({ "id": item })).await;
    // Once: the chain has gone on after an entry that says so.
    claim(&rita.client, &id).await;
    served.stop_with("TERM");
    let unprotect = match installation.postgres_url {
        Some(_) => "ALTER TABLE audit_head DISABLE TRIGGER ALL",
        None => "DROP TRIGGER audit_head_not_deleted",
    };
    installation.execute(&format!("{unprotect}; DELETE FROM audit_head")).await;
    installation.serve().stop_with("TERM");
    let (events, log) = installation.events("AUDIT_TRAIL_ALTERED");
    let problems: Vec<_> = events.iter().map(|event| event["problem"].clone()).collect();
    assert_eq!(problems, ["the head was altered", "the head was removed"], "{log}");
    assert!(events.iter().all(|event| event["level"] == "ERROR" && event["user"].is_null()), "{events:?}");
    assert_no_personal_data(&log);
}

mod on_sqlite {
    use super::Installation;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn too_many_openings_are_logged() {
        super::too_many_openings_are_logged(Installation::new(None)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_altered_trail_is_logged() {
        super::an_altered_trail_is_logged(Installation::new(None)).await;
    }
}

mod on_postgres {
    use super::{Installation, new_postgres_database};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn too_many_openings_are_logged() {
        let url = new_postgres_database().await;
        super::too_many_openings_are_logged(Installation::new(Some(url))).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_altered_trail_is_logged() {
        let url = new_postgres_database().await;
        super::an_altered_trail_is_logged(Installation::new(Some(url))).await;
    }
}
