//! How long personal data live, how they are destroyed, and how their keys are changed.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use gigway::config::Settings;
use gigway::service::{key_rotation, retention};
use serde_json::{Value, json};

use crate::support::client::{error_codes, text};
use crate::support::documents::SIGN_IN;
use crate::support::on_both_back_ends;
use crate::support::process::{Served, gigway};
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;
use crate::verification::{decide, document, info, own, save, submitted, upload, verdict};

/// 32 bytes, each a 7 or each an 8.
const OLD: &str = "old:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const NEW: &str = "new:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

fn blobs(app: &TestApp) -> usize {
    let folder = app.blobs().with_file_name("identity-documents");
    std::fs::read_dir(folder).map(Iterator::count).unwrap_or_default()
}

const READ: &str = "query($id: ID!) { node(id: $id) { ... on Verification { status submittedAt clearedAt erased: documents { id }
    personalInfo { city } reasons { code } steps { done } } } }";

async fn pictures_go_after_a_time_and_the_record_stays(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (bob, cid) = (app.member("Bob").await, app.member("Cid").await);
    let (id, version) = submitted(&ann, "AB123456", 1).await;
    rita.client.done(&decide(), verdict(&id, "CLEAR", version, &json!([]))).await;
    let (held, version) = submitted(&cid, "EF123456", 3).await;
    rita.client.done(&decide(), verdict(&held, "CLEAR", version, &json!([]))).await;
    retention::hold(app.services(), &cid.email, true).await.expect("a hold");
    bob.client.done(&save(), info("CD123456")).await;
    upload(&bob.client, "PASSPORT", "FRONT", document(2)).await;
    assert_eq!(blobs(&app), 3);

    app.pass(TimeDelta::days(31));
    let done = retention::retain(app.services()).await.expect("a run");
    assert_eq!((done.abandoned, done.pictures, done.records), (1, 0, 0));
    let bob = app.sign_in(&bob.email).await;
    let seen = own(&bob.client).await;
    assert_eq!(
        (&seen["status"], &seen["personalInfo"], &seen["documents"]),
        (&json!("IN_PROGRESS"), &Value::Null, &json!([]))
    );
    // And begun anew, by a new key.
    bob.client.done(&save(), info("CD123456")).await;
    assert_eq!(own(&bob.client).await["personalInfo"]["firstName"], "Annabella");

    app.pass(TimeDelta::days(150));
    retention::retain(app.services()).await.expect("a run");
    assert_eq!(blobs(&app), 1, "that of the person under a legal hold");
    let rita = app.sign_in(&rita.email).await;
    let seen = rita.client.run(READ, json!({ "id": id })).await["node"].take();
    assert_eq!((&seen["status"], &seen["erased"]), (&json!("CLEARED"), &json!([])));
    assert_eq!(seen["personalInfo"]["city"], "Leeds");
    assert!(seen["steps"].as_array().expect("a list").iter().all(|step| step["done"] == true), "{seen}");

    app.pass(TimeDelta::days(5 * 365));
    retention::retain(app.services()).await.expect("a run");
    let rita = app.sign_in(&rita.email).await;
    let seen = rita.client.run(READ, json!({ "id": id })).await["node"].take();
    assert_eq!((&seen["status"], &seen["personalInfo"]), (&json!("CLEARED"), &Value::Null));
    assert!(seen["clearedAt"].is_string() && seen["submittedAt"].is_string());
    let seen = rita.client.run(READ, json!({ "id": held })).await["node"].take();
    assert_eq!(seen["personalInfo"]["city"], "Leeds");
}

async fn a_person_who_is_erased_is_nobody_and_the_record_stays(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&gig).await;
    let (id, version) = submitted(&ann, "AB123456", 1).await;
    rita.client.done(&decide(), verdict(&id, "CLEAR", version, &json!([]))).await;
    retention::hold(app.services(), &ann.email, true).await.expect("a hold");
    retention::erase_user(app.services(), &ann.email).await.expect_err("a hold");
    assert_eq!(blobs(&app), 1);
    retention::hold(app.services(), &ann.email, false).await.expect("no hold");
    retention::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(blobs(&app), 0);
    assert_eq!(ann.client.error_codes("{ viewer { email } }", json!({})).await, ["UNAUTHENTICATED"]);
    let sign_in = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    assert!(!app.gateway_a().refused(SIGN_IN, sign_in).await.is_empty());
    let profile =
        "query($id: ID!) { node(id: $id) { ... on User { displayName verified gigs { totalCount } } } }";
    let seen = app.gateway_b().run(profile, json!({ "id": ann.id })).await["node"].take();
    assert_eq!(seen, json!({ "displayName": "Erased", "verified": false, "gigs": { "totalCount": 0 } }));
    let seen = rita.client.run(READ, json!({ "id": id })).await["node"].take();
    assert_eq!(
        (&seen["status"], &seen["personalInfo"], &seen["erased"]),
        (&json!("CLEARED"), &Value::Null, &json!([]))
    );
    assert!(seen["clearedAt"].is_string());
    // One that waits is withdrawn, and nothing of it can be decided any more.
    let bob = app.member("Bob").await;
    let (id, version) = submitted(&bob, "CD123456", 2).await;
    retention::erase_user(app.services(), &bob.email).await.expect("erased");
    let clear = verdict(&id, "CLEAR", version + 1, &json!([]));
    let refused = rita.client.refused(&decide(), clear).await;
    assert_eq!(refused, [("INVALID_TRANSITION".to_owned(), String::new())]);
    // The e-mail is free again.
    app.member("Ann").await;
}

on_both_back_ends!(
    pictures_go_after_a_time_and_the_record_stays,
    a_person_who_is_erased_is_nobody_and_the_record_stays,
);

/// With a database that two installations of keys can share.
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
async fn keys_are_changed_while_people_read_and_write() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = crate::support::servers::new_postgres_database().await;
    let mut people = Vec::new();
    {
        let old = with_keys(OLD, &url, folder.path()).await;
        for number in 0..8 {
            let person = old.member(&format!("Person{number}")).await;
            person.client.done(&save(), info(&format!("AB12345{number}"))).await;
            people.push(person.email);
        }
    }
    let app = Arc::new(with_keys(&format!("{OLD},{NEW}"), &url, folder.path()).await);
    let mut clients = Vec::new();
    for email in &people {
        clients.push(app.sign_in(email).await.client);
    }
    let started = Arc::new(AtomicBool::new(false));
    let work: Vec<_> = (0..200)
        .map(|number| {
            let (client, started) = (clients[number % 8].clone(), Arc::clone(&started));
            async move {
                if number == 60 {
                    started.store(true, Ordering::SeqCst);
                }
                if number % 3 == 0 {
                    client.done(&save(), info(&format!("AB12345{}", number % 8))).await;
                } else {
                    assert_eq!(own(&client).await["personalInfo"]["firstName"], "Annabella");
                }
            }
        })
        .collect();
    let rotation = tokio::spawn({
        let app = Arc::clone(&app);
        async move {
            while !started.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
            key_rotation::rotate(app.services(), || ()).await
        }
    });
    futures_util::stream::iter(work).buffer_unordered(8).collect::<Vec<_>>().await;
    rotation.await.expect("it ends").expect("rotated");
    assert_eq!(key_rotation::remaining(app.services()).await.expect("a count"), 0);
    // The old key is not needed any more.
    let new = with_keys(NEW, &url, folder.path()).await;
    for email in &people {
        let client = new.sign_in(email).await.client;
        assert_eq!(own(&client).await["personalInfo"]["firstName"], "Annabella");
    }
    // And where one is missing, that is told, by its name, and nothing is shown.
    let other = with_keys("another:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=", &url, folder.path()).await;
    let client = other.sign_in(&people[0]).await.client;
    let answer = client.answer("{ viewer { verification { personalInfo { city } } } }", json!({})).await;
    assert_eq!(error_codes(&answer), ["KEY_MISSING"]);
    let (_, response) = client.fetch("/readyz").await;
    let report: Value = response.json().await.expect("JSON");
    assert_eq!(report["status"], "degraded");
    assert!(report.to_string().contains("missing: new"), "{report}");
}

/// By the program itself, killed in the middle and run again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_is_run_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut people = Vec::new();
    let with = |keys: &str, arguments: &[&str]| {
        let mut command = gigway(folder.path(), arguments);
        command.env("GIGWAY_ENCRYPTION_KEYS", keys).stderr(Stdio::null());
        command
    };
    {
        let served = Served::start_with(with(OLD, &["serve"]), &[]);
        for number in 0..12 {
            let account = json!({ "input": { "email": format!("p{number}@example.com"), "password": PASSWORD, "displayName": "Person" } });
            let session =
                served.client.done(crate::support::documents::SIGN_UP, account).await["session"].take();
            let client = served.client.with_token(&text(&session["accessToken"]));
            client.done(&save(), info(&format!("AB1234{number:02}"))).await;
            people.push(text(&session["accessToken"]));
        }
    }
    // Back and forth, killed sooner or later, until a kill has come in the middle.
    let (forth, back) = (format!("{OLD},{NEW}"), format!("{NEW},{OLD}"));
    let file = format!("sqlite://{}", folder.path().join("gigway.sqlite").display());
    let mut was_in_the_middle = false;
    let mut wait = Duration::from_millis(60);
    let mut wrapped_by = Vec::new();
    for attempt in 0..100_u32 {
        let keys = if attempt % 2 == 0 { &forth } else { &back };
        let mut rotating = with(keys, &["keys", "rotate"]).stdout(Stdio::null()).spawn().expect("it runs");
        tokio::time::sleep(wait).await;
        rotating.kill().ok();
        rotating.wait().expect("it ends");
        let db = sea_orm::Database::connect(&file).await.expect("the database");
        let used = gigway::store::data_keys::key_ids(&db).await.expect("ids");
        db.close().await.expect("a close");
        if used.len() == 2 {
            was_in_the_middle = true;
            break;
        }
        // It was through already, or had not begun: how long that takes depends on what else the machine does.
        let was_through = used != wrapped_by && attempt > 0;
        wait = if was_through { wait.mul_f64(0.85) } else { wait.mul_f64(1.25).min(Duration::from_secs(2)) };
        wrapped_by = used;
    }
    assert!(was_in_the_middle, "no kill came while some keys were wrapped anew and some were not");
    let rotated = with(&forth, &["keys", "rotate"]).output().expect("it runs");
    assert!(rotated.status.success(), "{rotated:?}");
    assert!(String::from_utf8_lossy(&rotated.stdout).contains("older keys can be removed"));
    let served = Served::start_with(with(NEW, &["serve"]), &[]);
    for token in people {
        assert_eq!(own(&served.client.with_token(&token)).await["personalInfo"]["firstName"], "Annabella");
    }
    assert!(with(NEW, &["doctor"]).output().expect("it runs").status.success());
    let doctor = with(OLD, &["doctor"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("missing: new"), "{doctor:?}");
}
