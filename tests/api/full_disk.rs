//! A full disk: reads go on, writes fail with a code, nothing half-written stays, and the gateway recovers by itself.

use std::path::Path;
use std::process::Command;

use gigway::config::Settings;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text};
use crate::support::documents::{SAVE_DRAFT, SIGN_IN};
use crate::support::process::{GatewayProcess, add_user, gigway};
use crate::support::proxy::wait_until;
use crate::support::sample_images::sample_image;
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

/// Limits the size of files that the gateway can write; `unlimited` removes the limit.
fn limit_file_size(gateway: &GatewayProcess, limit: &str) {
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--pid", &gateway.id().to_string(), &format!("--fsize={limit}:unlimited")]);
    assert!(prlimit.status().expect("prlimit runs").success());
}

/// The names of all blobs, and of unfinished ones.
fn blobs(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("blobs/gig-images")).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

async fn sign_in(client: &Client) -> Value {
    let input = json!({ "input": { "email": "ann@example.com", "password": PASSWORD } });
    client.execute(SIGN_IN, input).await
}

/// Large enough that a limit stops it halfway.
fn image() -> Vec<u8> {
    sample_image(640, 480, image::ImageFormat::Png)
}

/// The response to a write that fails because the disk is full.
async fn expect_not_stored(request: reqwest::RequestBuilder) {
    let response = request.send().await.expect("a response");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "30");
    let response: Value = response.json().await.expect("JSON");
    assert_eq!(error_codes(&response), ["SERVICE_UNAVAILABLE"], "{response}");
    let message = text(&response["errors"][0]["message"]);
    assert_eq!(message, "Nothing can be stored right now; reading still works. Try again later.");
}

/// Signs in, and checks that reads and writes work. Returns the client.
async fn expect_writes(gateway: &GatewayProcess) -> Client {
    let session = sign_in(&gateway.client).await;
    let client = gateway.client.with_token(&text(&session["data"]["signIn"]["session"]["accessToken"]));
    client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    client.upload_image(image()).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_sqlite_on_a_full_disk_reads_go_on_and_writes_recover() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(
        add_user(|arguments| gigway(dir.path(), arguments), "ann@example.com", "member").status.success()
    );
    let gateway = GatewayProcess::start(dir.path(), &[]);
    for round in 0..3 {
        let client = expect_writes(&gateway).await;
        let blobs_before = blobs(dir.path());
        // Nothing at all can be written, or nothing beyond the first pages.
        limit_file_size(&gateway, ["0", "4096", "40000"][round]);
        let draft =
            json!({ "query": SAVE_DRAFT, "variables": { "input": { "title": "A song ".repeat(10) } } });
        // Until the log of the database has reached the limit, a small write may still succeed.
        wait_until("the limit is reached", async || !error_codes(&sign_in(&gateway.client).await).is_empty())
            .await;
        for _ in 0..3 {
            expect_not_stored(client.post("/graphql").json(&draft)).await;
            expect_not_stored(client.upload_request(image())).await;
            assert_eq!(error_codes(&sign_in(&gateway.client).await), ["SERVICE_UNAVAILABLE"]);
            let data =
                client.run("{ viewer { email gigs { totalCount } } gigs { totalCount } }", json!({})).await;
            assert_eq!(data["viewer"]["email"], "ann@example.com");
            assert_eq!(gateway.client.fetch("/readyz").await.0, 200);
        }
        limit_file_size(&gateway, "unlimited");
        assert_eq!(blobs(dir.path()), blobs_before);
        expect_writes(&gateway).await;
    }
    assert_eq!(gateway.stop_with("TERM"), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blob_that_does_not_fit_is_removed() {
    let (dir, url) = (tempfile::tempdir().expect("a directory"), servers::new_postgres_database().await);
    let command = |arguments: &[&str]| {
        let mut command = gigway(dir.path(), arguments);
        command.env("DATABASE_URL", &url).stderr(std::process::Stdio::null());
        command
    };
    let added = add_user(command, "ann@example.com", "member");
    assert!(added.status.success(), "{added:?}");
    let gateway = GatewayProcess::start_command(command(&["serve"]), &[]);
    let client = expect_writes(&gateway).await;
    let blobs_before = blobs(dir.path());
    assert_eq!(blobs_before.len(), 1);
    for limit in ["0", "1000", "5000"] {
        limit_file_size(&gateway, limit);
        expect_not_stored(client.upload_request(image())).await;
        assert_eq!(blobs(dir.path()), blobs_before, "{limit}");
        client.run("{ viewer { gigs { totalCount } } }", json!({})).await;
        // The database is elsewhere.
        client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    }
    limit_file_size(&gateway, "unlimited");
    expect_writes(&gateway).await;
    assert_eq!(blobs(dir.path()).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgres_on_a_full_disk_reads_go_on_and_writes_recover() {
    let settings =
        Settings { database_url: Some(servers::new_postgres_database().await), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let draft = json!({ "query": SAVE_DRAFT, "variables": { "input": { "title": "A song" } } });
    // As PostgreSQL reports it: disk_full, io_error.
    for code in ["53100", "58030"] {
        let fail = format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END $$;
             CREATE TRIGGER gig_full BEFORE INSERT ON gig FOR EACH ROW EXECUTE FUNCTION fail();
             CREATE TRIGGER session_full BEFORE INSERT ON session FOR EACH ROW EXECUTE FUNCTION fail();"
        );
        app.services().db.read().execute_unprepared(&fail).await.expect("triggers");
        for _ in 0..10 {
            expect_not_stored(ann.client.post("/graphql").json(&draft)).await;
        }
        assert_eq!(error_codes(&sign_in(&app.gateway_a()).await), ["SERVICE_UNAVAILABLE"]);
        let data = ann.client.run("{ viewer { email } gigs { totalCount } }", json!({})).await;
        assert_eq!(data["viewer"]["email"], "ann@example.com");
        let restore = "DROP TRIGGER gig_full ON gig; DROP TRIGGER session_full ON session;";
        app.services().db.read().execute_unprepared(restore).await.expect("no triggers");
        ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
        app.sign_in("ann@example.com").await;
    }
}
