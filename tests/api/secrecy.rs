//! What is personal is nowhere to be read: not in the database, the blobs, the log, or what goes through Redis.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::json;

use crate::support::client::text;
use crate::support::documents::{SIGN_IN, SIGN_UP};
use crate::support::process::{Served, add_user, gigway};
use crate::support::servers::{self, OwnRedis};
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{decide, document, info, save, submit, upload, verdict};

/// Every row of every table, as text; bytes are hexadecimal.
async fn dump(url: &str) -> String {
    let db = Database::connect(url).await.expect("PostgreSQL answers");
    let query = async |sql: String| {
        let rows = db.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.expect("rows");
        rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("text")).collect::<Vec<_>>()
    };
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'".to_owned();
    let mut dump = String::new();
    for table in query(tables).await {
        let rows = query(format!("SELECT row_to_json(t)::text FROM \"{table}\" t")).await;
        dump = format!("{dump}{table}: {}\n", rows.join("\n"));
    }
    db.close().await.expect("a close");
    dump
}

/// Every file of the folder, byte after byte.
fn files(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        bytes.extend(if path.is_dir() { files(&path) } else { fs::read(path).expect("a file") });
    }
    bytes
}

fn holds(place: &[u8], what: &[u8]) -> bool {
    place.windows(what.len()).any(|part| part == what)
}

/// As PostgreSQL shows bytes.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_disk_a_dump_a_log_and_a_capture_show_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let log = folder.path().join("log");
    let url = servers::new_postgres_database().await;
    let mut redis = OwnRedis::away();
    redis.start().await;
    let captured = Arc::new(Mutex::new(String::new()));
    let client = redis::Client::open(redis.url()).expect("an address");
    let monitor = client.get_async_monitor().await.expect("Redis answers");
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
    let served = Served::start_with(serve, &[]);

    let account =
        json!({ "input": { "email": "ann@example.com", "password": PASSWORD, "displayName": "Ann" } });
    let session = served.client.done(SIGN_UP, account).await["session"].take();
    let ann = served.client.with_token(&text(&session["accessToken"]));
    let added = add_user(with, "rita@example.com", "REVIEWER");
    assert!(added.status.success(), "{added:?}");
    let input = json!({ "input": { "email": "rita@example.com", "password": PASSWORD } });
    let session = served.client.done(SIGN_IN, input).await["session"].take();
    let rita = TestUser {
        client: served.client.with_token(&text(&session["accessToken"])),
        id: text(&session["viewer"]["user"]["id"]),
        email: "rita@example.com".into(),
        refresh_token: text(&session["refreshToken"]),
    };
    ann.done(&save(), info("ZX987654Q")).await;
    assert_eq!(upload(&ann, "PASSPORT", "FRONT", document(7)).await["errors"], json!([]));
    let handed_in = ann.done(&submit(), json!({})).await["verification"].take();
    let id = text(&handed_in["id"]);
    let read =
        "query($id: ID!) { node(id: $id) { ... on Verification { version documents { url } personalInfo {
        lastName documentNumber addressLine1 } } } }";
    let seen = rita.client.run(read, json!({ "id": id })).await["node"].take();
    assert_eq!(seen["personalInfo"]["documentNumber"], "ZX987654Q");
    let path = text(&seen["documents"][0]["url"]);
    let path = path.split_once("/identity-documents/").expect("an address").1;
    let (status, response) = rita.client.fetch(&format!("/identity-documents/{path}")).await;
    assert_eq!(status, 200);
    let picture = response.bytes().await.expect("bytes").to_vec();
    let version = seen["version"].as_i64().expect("a number");
    rita.client.done(&decide(), verdict(&id, "CLEAR", version, &json!([]))).await;
    served.end("TERM");

    let dump = dump(&url).await;
    let places = [
        ("the database", dump.clone().into_bytes()),
        ("the data folder", files(&data)),
        ("the log", fs::read(&log).expect("a log")),
        ("Redis", captured.lock().expect("a lock").clone().into_bytes()),
    ];
    // What is looked for is found where it may be: the search can find.
    assert!(dump.contains("ann@example.com"));
    assert!(places.iter().all(|(_, place)| place.len() > 500), "every place holds something");
    assert!(String::from_utf8_lossy(&places[3].1).contains("VERIFICATION_STATUS"));
    let middle = picture.len() / 2;
    let personal = ["Annabella", "Quillfeather", "Marmalade", "ZX987654Q", "1990-05-17"];
    let mut secrets: Vec<Vec<u8>> = personal.iter().map(|text| text.as_bytes().to_vec()).collect();
    secrets.push(picture[middle..middle + 24].to_vec());
    secrets.push(picture[200..224].to_vec());
    for (name, place) in &places {
        for secret in &secrets {
            let hexadecimal = hexadecimal(secret);
            let shown = String::from_utf8_lossy(secret);
            assert!(!holds(place, secret) && !holds(place, hexadecimal.as_bytes()), "{name} shows {shown}");
        }
    }
}
