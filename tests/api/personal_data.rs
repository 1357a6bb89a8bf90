//! Personal data cannot be read in the database, the data directory, the log, or what goes through Redis.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::json;

use crate::support::client::text;
use crate::support::documents::{SIGN_IN, SIGN_UP};
use crate::support::process::{GatewayProcess, add_user, gigway};
use crate::support::reviewing::claim;
use crate::support::servers::{self, TestRedis};
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{
    decide_mutation, decision_input, document_image, personal_info, save_mutation, submit_mutation,
    upload_document,
};

/// Every row of every table as text, with bytes in hexadecimal.
async fn dump(url: &str) -> String {
    let db = Database::connect(url).await.expect("PostgreSQL responds");
    let query = async |sql: String| {
        let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.expect("rows");
        rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("text")).collect::<Vec<_>>()
    };
    let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let mut dump = String::new();
    for table in query(tables.to_owned()).await {
        let rows = query(format!("SELECT row_to_json(t)::text FROM {table} t")).await;
        dump = format!("{dump}{table}: {}\n", rows.join("\n"));
    }
    db.close().await.expect("a close");
    dump
}

/// The contents of every file in the directory, concatenated.
fn files(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        bytes.extend(if path.is_dir() { files(&path) } else { fs::read(path).expect("a file") });
    }
    bytes
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Bytes as PostgreSQL prints them.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_data_is_never_stored_or_sent_in_plain_text() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let log = dir.path().join("log");
    let url = servers::new_postgres_database().await;
    let mut redis = TestRedis::stopped();
    redis.start().await;
    let captured = Arc::new(Mutex::new(String::new()));
    let client = redis::Client::open(redis.url()).expect("a URL");
    let monitor = client.get_async_monitor().await.expect("Redis responds");
    let capture = Arc::clone(&captured);
    tokio::spawn(async move {
        let mut commands = monitor.into_on_message::<String>();
        while let Some(command) = commands.next().await {
            capture.lock().expect("a lock").push_str(&command);
        }
    });
    let with = |arguments: &[&str]| {
        let mut command = gigway(&data, arguments);
        command.env("DATABASE_URL", &url).env("REDIS_URL", redis.url());
        command
    };
    let mut serve = with(&["serve"]);
    serve.env("GIGWAY_LOG", "trace").stderr(Stdio::from(fs::File::create(&log).expect("a file")));
    let served = GatewayProcess::start_command(serve, &[]);

    let account =
        json!({ "input": { "email": "ann@example.com", "password": PASSWORD, "displayName": "Ann" } });
    let session = served.client.mutate(SIGN_UP, account).await["session"].take();
    let ann = served.client.with_token(&text(&session["accessToken"]));
    let added = add_user(with, "rita@example.com", "REVIEWER");
    assert!(added.status.success(), "{added:?}");
    let input = json!({ "input": { "email": "rita@example.com", "password": PASSWORD } });
    let session = served.client.mutate(SIGN_IN, input).await["session"].take();
    let rita = TestUser {
        client: served.client.with_token(&text(&session["accessToken"])),
        id: text(&session["viewer"]["user"]["id"]),
        email: "rita@example.com".into(),
        refresh_token: text(&session["refreshToken"]),
    };
    ann.mutate(&save_mutation(), personal_info("ZX987654Q")).await;
    assert_eq!(upload_document(&ann, "PASSPORT", "FRONT", document_image(7)).await["errors"], json!([]));
    let verification = ann.mutate(&submit_mutation(), json!({})).await["verification"].take();
    let id = text(&verification["id"]);
    let query =
        "query($id: ID!) { node(id: $id) { ... on Verification { version documents { url } personalInfo {
        lastName documentNumber addressLine1 } } } }";
    claim(&rita.client, &id).await;
    let node = rita.client.run(query, json!({ "id": id })).await["node"].take();
    assert_eq!(node["personalInfo"]["documentNumber"], "ZX987654Q");
    let path = text(&node["documents"][0]["url"]);
    let path = path.split_once("/identity-documents/").expect("a URL").1;
    let (status, response) = rita.client.fetch(&format!("/identity-documents/{path}")).await;
    assert_eq!(status, 200);
    let image = response.bytes().await.expect("bytes").to_vec();
    let version = node["version"].as_i64().expect("a number");
    rita.client.mutate(&decide_mutation(), decision_input(&id, "CLEAR", version, &json!([]))).await;
    served.stop_with("TERM");

    let dump = dump(&url).await;
    let places = [
        ("the database", dump.clone().into_bytes()),
        ("the data directory", files(&data)),
        ("the log", fs::read(&log).expect("a log")),
        ("Redis", captured.lock().expect("a lock").clone().into_bytes()),
    ];
    // The search finds what is stored in plain text.
    assert!(dump.contains("ann@example.com"));
    assert!(places.iter().all(|(_, place)| place.len() > 500), "every place has content");
    assert!(String::from_utf8_lossy(&places[3].1).contains("VERIFICATION_STATUS"));
    let middle = image.len() / 2;
    let personal = ["Annabella", "Quillfeather", "Marmalade", "ZX987654Q", "1990-05-17"];
    let mut secrets: Vec<Vec<u8>> = personal.iter().map(|text| text.as_bytes().to_vec()).collect();
    secrets.push(image[middle..middle + 24].to_vec());
    secrets.push(image[200..224].to_vec());
    for (name, place) in &places {
        for secret in &secrets {
            let hexadecimal = hexadecimal(secret);
            let is_present = contains(place, secret) || contains(place, hexadecimal.as_bytes());
            assert!(!is_present, "{name} contains {}", String::from_utf8_lossy(secret));
        }
    }
}
