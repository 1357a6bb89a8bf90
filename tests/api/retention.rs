//! How long personal data is retained, how it is erased, and how its keys are rotated.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use gigway::config::Settings;
use gigway::service::{erasure, key_rotation, retention, user_admin};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text};
use crate::support::documents::{SAVE_DRAFT, SIGN_IN, SIGN_UP};
use crate::support::on_both_back_ends;
use crate::support::process::{GatewayProcess, gigway};
use crate::support::reviewing::{decide, inspect};
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;
use crate::verification::{
    decide_mutation, decision_input, document_image, own_verification, personal_info, save_mutation,
    submit_verification, upload_document,
};

// Encryption keys of 32 bytes: each byte is 7, or each is 8.
const OLD: &str = "old:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const NEW: &str = "new:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

/// The number of stored identity documents.
fn count_documents(app: &TestApp) -> usize {
    let dir = app.image_dir().with_file_name("identity-documents");
    std::fs::read_dir(dir).map(Iterator::count).unwrap_or_default()
}

const READ: &str =
    "query($id: ID!) { node(id: $id) { ... on Verification { status submittedAt clearedAt documents { id }
    personalInfo { city } reasons { code } steps { done } } } }";

async fn documents_are_deleted_after_their_retention_and_the_record_stays(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.admin("Rita").await);
    let (bob, cid) = (app.member("Bob").await, app.member("Cid").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    let (held, version) = submit_verification(&cid, "EF123456", 3).await;
    decide(&rita.client, &held, "CLEAR", version, &json!([])).await;
    user_admin::set_legal_hold(app.services(), &cid.email, true).await.expect("a hold");
    bob.client.mutate(&save_mutation(), personal_info("CD123456")).await;
    upload_document(&bob.client, "PASSPORT", "FRONT", document_image(2)).await;
    assert_eq!(count_documents(&app), 3);

    app.advance_clock(TimeDelta::days(31));
    let done = retention::apply(app.services()).await.expect("a run");
    assert_eq!((done.abandoned, done.documents, done.records), (1, 0, 0));
    let bob = app.sign_in(&bob.email).await;
    let verification = own_verification(&bob.client).await;
    assert_eq!(
        (&verification["status"], &verification["personalInfo"], &verification["documents"]),
        (&json!("IN_PROGRESS"), &Value::Null, &json!([]))
    );
    // The verification can be started again, with a new data key.
    bob.client.mutate(&save_mutation(), personal_info("CD123456")).await;
    assert_eq!(own_verification(&bob.client).await["personalInfo"]["firstName"], "Annabella");

    app.advance_clock(TimeDelta::days(150));
    retention::apply(app.services()).await.expect("a run");
    assert_eq!(count_documents(&app), 1, "the document of the user under a legal hold");
    let rita = app.sign_in(&rita.email).await;
    inspect(&rita.client, &id).await;
    let node = rita.client.run(READ, json!({ "id": id })).await["node"].take();
    assert_eq!((&node["status"], &node["documents"]), (&json!("CLEARED"), &json!([])));
    assert_eq!(node["personalInfo"]["city"], "Leeds");
    assert!(node["steps"].as_array().expect("a list").iter().all(|step| step["done"] == true), "{node}");

    app.advance_clock(TimeDelta::days(5 * 365));
    retention::apply(app.services()).await.expect("a run");
    let rita = app.sign_in(&rita.email).await;
    let node = rita.client.run(READ, json!({ "id": id })).await["node"].take();
    assert_eq!((&node["status"], &node["personalInfo"]), (&json!("CLEARED"), &Value::Null));
    assert!(node["clearedAt"].is_string() && node["submittedAt"].is_string());
    inspect(&rita.client, &held).await;
    let node = rita.client.run(READ, json!({ "id": held })).await["node"].take();
    assert_eq!(node["personalInfo"]["city"], "Leeds");
}

async fn erasing_a_user_anonymizes_them_and_keeps_the_record(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&gig).await;
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    user_admin::set_legal_hold(app.services(), &ann.email, true).await.expect("a hold");
    erasure::erase_user(app.services(), &ann.email).await.expect_err("a hold");
    assert_eq!(count_documents(&app), 1);
    user_admin::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(count_documents(&app), 0);
    assert_eq!(ann.client.error_codes("{ viewer { email } }", json!({})).await, ["UNAUTHENTICATED"]);
    let sign_in = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    assert!(!app.gateway_a().mutation_errors(SIGN_IN, sign_in).await.is_empty());
    let profile =
        "query($id: ID!) { node(id: $id) { ... on User { displayName verified gigs { totalCount } } } }";
    let node = app.gateway_b().run(profile, json!({ "id": ann.id })).await["node"].take();
    assert_eq!(node, json!({ "displayName": "Erased", "verified": false, "gigs": { "totalCount": 0 } }));
    let node = rita.client.run(READ, json!({ "id": id })).await["node"].take();
    assert_eq!(
        (&node["status"], &node["personalInfo"], &node["documents"]),
        (&json!("CLEARED"), &Value::Null, &json!([]))
    );
    assert!(node["clearedAt"].is_string());
    // A verification in review is withdrawn and cannot be decided any more.
    let bob = app.member("Bob").await;
    let (id, version) = submit_verification(&bob, "CD123456", 2).await;
    erasure::erase_user(app.services(), &bob.email).await.expect("erased");
    let clear = decision_input(&id, "CLEAR", version + 1, &json!([]));
    let refused = rita.client.mutation_errors(&decide_mutation(), clear).await;
    assert_eq!(refused, [("INVALID_TRANSITION".to_owned(), String::new())]);
    // The email address can be used again.
    app.member("Ann").await;
}

on_both_back_ends!(
    documents_are_deleted_after_their_retention_and_the_record_stays,
    erasing_a_user_anonymizes_them_and_keeps_the_record,
);

/// Starts a gateway with these encryption keys on an existing database and data directory.
async fn with_keys(keys: &str, database_url: &str, data_dir: &std::path::Path) -> TestApp {
    let settings = Settings {
        database_url: Some(database_url.to_owned()),
        data_dir: Some(data_dir.display().to_string()),
        encryption_keys: Some(keys.to_owned()),
        index_key: Some("what documents are known again by".into()),
        token_secret: Some("a secret of at least 32 characters".into()),
        ..Settings::default()
    };
    TestApp::start(settings, 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_while_users_read_and_write() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = servers::new_postgres_database().await;
    let mut emails = Vec::new();
    {
        let old = with_keys(OLD, &url, dir.path()).await;
        for number in 0..8 {
            let user = old.member(&format!("Person{number}")).await;
            user.client.mutate(&save_mutation(), personal_info(&format!("AB12345{number}"))).await;
            emails.push(user.email);
        }
    }
    let app = Arc::new(with_keys(&format!("{OLD},{NEW}"), &url, dir.path()).await);
    let mut clients = Vec::new();
    for email in &emails {
        clients.push(app.sign_in(email).await.client);
    }
    let can_rotate = Arc::new(AtomicBool::new(false));
    let work: Vec<_> = (0..200)
        .map(|number| {
            let (client, can_rotate) = (clients[number % 8].clone(), Arc::clone(&can_rotate));
            async move {
                if number == 60 {
                    can_rotate.store(true, Ordering::SeqCst);
                }
                if number % 3 == 0 {
                    client.mutate(&save_mutation(), personal_info(&format!("AB12345{}", number % 8))).await;
                } else {
                    assert_eq!(own_verification(&client).await["personalInfo"]["firstName"], "Annabella");
                }
            }
        })
        .collect();
    let rotation = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            while !can_rotate.load(Ordering::SeqCst) {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            key_rotation::rotate(app.services(), || ()).await
        }
    });
    futures_util::stream::iter(work).buffer_unordered(8).collect::<Vec<_>>().await;
    rotation.await.expect("it ends").expect("rotated");
    assert_eq!(key_rotation::remaining(app.services()).await.expect("a count"), 0);
    // The old key is not needed any more.
    let new = with_keys(NEW, &url, dir.path()).await;
    for email in &emails {
        let client = new.sign_in(email).await.client;
        assert_eq!(own_verification(&client).await["personalInfo"]["firstName"], "Annabella");
    }
    // If a key is missing, its name is reported and the data is not shown.
    let missing_key =
        with_keys("another:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=", &url, dir.path()).await;
    let client = missing_key.sign_in(&emails[0]).await.client;
    let body = client.execute("{ viewer { verification { personalInfo { city } } } }", json!({})).await;
    assert_eq!(error_codes(&body), ["KEY_MISSING"]);
    let (_, response) = client.fetch("/readyz").await;
    let report: Value = response.json().await.expect("JSON");
    assert_eq!(report["status"], "degraded");
    assert!(report.to_string().contains("missing: new"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_of_idempotent_requests_are_rotated_and_counted() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = servers::new_postgres_database().await;
    let draft = json!({ "query": SAVE_DRAFT, "variables": { "input": { "title": "A song" } } });
    let send = async |client: &Client, key: &str| {
        let request = client.post("/graphql").header("idempotency-key", key).json(&draft);
        request.send().await.expect("a response").json::<Value>().await.expect("JSON")
    };
    let (mut email, mut first) = (String::new(), Value::Null);
    {
        let old = with_keys(OLD, &url, dir.path()).await;
        // More than a page of them, of two users.
        for name in ["Ann", "Bob"] {
            let user = old.member(name).await;
            for number in 0..60 {
                first = send(&user.client, &format!("draft {number}")).await;
                assert!(first.get("errors").is_none(), "{first}");
            }
            email = user.email;
        }
    }
    {
        let new_only = with_keys(NEW, &url, dir.path()).await;
        let (_, response) = new_only.gateway_a().fetch("/readyz").await;
        let report: Value = response.json().await.expect("JSON");
        assert_eq!(report["status"], "degraded");
        assert!(report.to_string().contains("missing: old"), "{report}");
        let client = new_only.sign_in(&email).await.client;
        assert_eq!(error_codes(&send(&client, "draft 59").await), ["KEY_MISSING"]);
    }
    {
        let both = with_keys(&format!("{OLD},{NEW}"), &url, dir.path()).await;
        assert_eq!(key_rotation::remaining(both.services()).await.expect("a count"), 120);
        let rewrapped = std::sync::atomic::AtomicUsize::new(0);
        let count = || {
            rewrapped.fetch_add(1, Ordering::SeqCst);
        };
        key_rotation::rotate(both.services(), count).await.expect("rotated");
        assert_eq!(rewrapped.into_inner(), 120);
        assert_eq!(key_rotation::remaining(both.services()).await.expect("a count"), 0);
    }
    let new = with_keys(NEW, &url, dir.path()).await;
    let client = new.sign_in(&email).await.client;
    assert_eq!(send(&client, "draft 59").await, first);
    assert_eq!(
        key_rotation::MissingKeys::default().get(new.services()).await.expect("read"),
        Vec::<String>::new()
    );
}

/// The ids of the keys that wrap the data keys in this file.
async fn used_keys(file: &str) -> Vec<String> {
    let db = sea_orm::Database::connect(file).await.expect("the database");
    let sql = "SELECT DISTINCT key_id FROM data_key ORDER BY key_id";
    let rows = db.query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.expect("rows");
    db.close().await.expect("a close");
    rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
}

/// The command is killed halfway and run again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_key_rotation_can_be_run_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut tokens = Vec::new();
    let with = |keys: &str, arguments: &[&str]| {
        let mut command = gigway(dir.path(), arguments);
        command.env("GIGWAY_ENCRYPTION_KEYS", keys).stderr(Stdio::null());
        command
    };
    {
        let served = GatewayProcess::start_command(with(OLD, &["serve"]), &[]);
        for number in 0..12 {
            let account = json!({ "input": { "email": format!("p{number}@example.com"), "password": PASSWORD, "displayName": "Person" } });
            let session = served.client.mutate(SIGN_UP, account).await["session"].take();
            let client = served.client.with_token(&text(&session["accessToken"]));
            client.mutate(&save_mutation(), personal_info(&format!("AB1234{number:02}"))).await;
            tokens.push(text(&session["accessToken"]));
        }
    }
    // Rotate to the new key and back to the old, and kill each run after a varying time, until one is killed
    // halfway.
    let (to_new, to_old) = (format!("{OLD},{NEW}"), format!("{NEW},{OLD}"));
    let file = format!("sqlite://{}", dir.path().join("gigway.keys.sqlite").display());
    let mut was_killed_halfway = false;
    let mut wait = Duration::from_millis(60);
    let mut wrapped_by = Vec::new();
    for attempt in 0..100_u32 {
        let keys = if attempt % 2 == 0 { &to_new } else { &to_old };
        let mut rotating =
            with(keys, &["keys", "rotate"]).stdout(Stdio::null()).spawn().expect("the command runs");
        tokio::time::sleep(wait).await;
        rotating.kill().ok();
        rotating.wait().expect("it ends");
        let used = used_keys(&file).await;
        if used.len() == 2 {
            was_killed_halfway = true;
            break;
        }
        // It had finished already, or had not started yet; how long that takes depends on the load of the
        // machine.
        let had_finished = used != wrapped_by && attempt > 0;
        wait = if had_finished { wait.mul_f64(0.85) } else { wait.mul_f64(1.25).min(Duration::from_secs(2)) };
        wrapped_by = used;
    }
    assert!(was_killed_halfway, "no run was killed when some keys were rewrapped and some were not");
    let rotated = with(&to_new, &["keys", "rotate"]).output().expect("the command runs");
    assert!(rotated.status.success(), "{rotated:?}");
    assert!(String::from_utf8_lossy(&rotated.stdout).contains("Older keys can be removed"));
    let served = GatewayProcess::start_command(with(NEW, &["serve"]), &[]);
    for token in tokens {
        assert_eq!(
            own_verification(&served.client.with_token(&token)).await["personalInfo"]["firstName"],
            "Annabella"
        );
    }
    assert!(with(NEW, &["doctor"]).output().expect("the command runs").status.success());
    let doctor = with(OLD, &["doctor"]).output().expect("the command runs");
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("missing keys: new"), "{doctor:?}");
}
