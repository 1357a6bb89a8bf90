//! Personal data, what reviewers write, passwords and tokens cannot be read in the database, the data directory, the
//! log, or what goes through Redis.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use serde_json::{Value, json};

use crate::support::client::{Client, text};
use crate::support::documents::{REFRESH, SIGN_IN, SIGN_UP};
use crate::support::process::{GatewayProcess, add_user, gigway};
use crate::support::reviewing::claim;
use crate::support::servers::{self, TestRedis};
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{
    decide_mutation, decision_input, document_image, own_verification, personal_info, save_mutation,
    submit_mutation, submit_verification, upload_document,
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

/// What nobody may read anywhere: of the form of Ann, and what reviewers write.
const SECRETS: [&str; 13] = [
    "Annabella",
    "Quillfeather",
    "Marmalade",
    "ZX987654Q",
    "QX123456Z",
    "1990-05-17",
    "seen by the team",
    "Tarkomessage",
    "Vestapath",
    "Lumenmessage",
    "Orbitreason",
    "Pergolareason",
    "SANCTIONED",
];

/// The flags of an applicant, which only the database has, for reviewers.
const FLAGS: [&str; 2] = ["DUPLICATE_DOCUMENT", "PREVIOUSLY_REJECTED"];

fn test_user(client: &Client, email: &str, session: &Value) -> TestUser {
    TestUser {
        client: client.with_token(&text(&session["accessToken"])),
        id: text(&session["viewer"]["user"]["id"]),
        email: email.to_owned(),
        refresh_token: text(&session["refreshToken"]),
    }
}

pub async fn sign_up(client: &Client, name: &str) -> TestUser {
    let email = format!("{}@example.com", name.to_lowercase());
    let account = json!({ "input": { "email": email, "password": PASSWORD, "displayName": name } });
    let session = client.mutate(SIGN_UP, account).await["session"].take();
    test_user(client, &email, &session)
}

/// Adds somebody with this role by the command line, and signs them in.
pub async fn add_staff(
    client: &Client,
    command: &impl Fn(&[&str]) -> Command,
    email: &str,
    role: &str,
) -> TestUser {
    let added = add_user(command, email, role);
    assert!(added.status.success(), "{added:?}");
    let input = json!({ "input": { "email": email, "password": PASSWORD } });
    let session = client.mutate(SIGN_IN, input).await["session"].take();
    test_user(client, email, &session)
}

/// Sends the credentials of a user in all ways: the password once more, the refresh token, and access tokens in a
/// header and over a socket. Returns them, and those that they were exchanged for. Of an access token, it is the
/// signature, without which the rest is worth nothing.
async fn use_credentials(user: &TestUser) -> Vec<Vec<u8>> {
    let wrong = json!({ "input": { "email": user.email, "password": format!("not {PASSWORD}") } });
    user.client.mutation_errors(SIGN_IN, wrong).await;
    let renewed = user.client.mutate(REFRESH, json!({ "token": user.refresh_token })).await["session"].take();
    let access_token = text(&renewed["accessToken"]);
    let query = "{ viewer { email } }";
    let mut socket = user.client.with_token(&access_token).socket().await;
    socket.subscribe("1", query, json!({})).await;
    assert_eq!(socket.receive_for("1").await["payload"]["data"]["viewer"]["email"], user.email);
    socket.close().await;
    let signatures = [user.client.token().expect("a token"), &access_token]
        .map(|token| token.rsplit('.').next().expect("a signature").to_owned());
    let refresh_tokens = [user.refresh_token.clone(), text(&renewed["refreshToken"])];
    let all = [PASSWORD.to_owned()].into_iter().chain(refresh_tokens).chain(signatures);
    let all: Vec<_> = all.map(String::into_bytes).collect();
    assert!(all.iter().all(|credential| credential.len() >= PASSWORD.len()));
    all
}

/// Ann submits a form and a picture, which the reviewer opens and clears. Returns the picture.
async fn clear_ann(ann: &TestUser, rita: &TestUser) -> Vec<u8> {
    ann.client.mutate(&save_mutation(), personal_info("ZX987654Q")).await;
    let uploaded = upload_document(&ann.client, "PASSPORT", "FRONT", document_image(7)).await;
    assert_eq!(uploaded["errors"], json!([]));
    let verification = ann.client.mutate(&submit_mutation(), json!({})).await["verification"].take();
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
    image
}

/// Everything that reviewers write, and flags: Bob is rejected and reopened, Cid has flags and is sent back, and Ann is
/// inspected.
async fn write_about_people(client: &Client, ann: &TestUser, rita: &TestUser, ada: &TestUser) {
    let (bob, cid) = (sign_up(client, "Bob").await, sign_up(client, "Cid").await);
    let (id, version) = submit_verification(&bob, "QX123456Z", 9).await;
    let reasons =
        json!([{ "code": "SANCTIONED", "message": "Tarkomessage of list 7", "field": ["Vestapath"] }]);
    claim(&rita.client, &id).await;
    let reject = decision_input(&id, "REJECT", version, &reasons);
    rita.client.mutate(&decide_mutation(), reject).await;

    let (of_cid, version) = submit_verification(&cid, "QX123456Z", 11).await;
    let item = claim(&rita.client, &of_cid).await;
    let query = "query($id: ID!) { node(id: $id) { ... on ReviewItem { flags { code message } } } }";
    let flags = rita.client.run(query, json!({ "id": item })).await["node"]["flags"].to_string();
    assert!(FLAGS.iter().all(|flag| flags.contains(flag)), "{flags}");
    let reasons = json!([{ "code": "DATA_MISMATCH", "message": "Lumenmessage about the address" }]);
    let send_back = decision_input(&of_cid, "REQUEST_RESUBMISSION", version, &reasons);
    rita.client.mutate(&decide_mutation(), send_back).await;
    let own = own_verification(&cid.client).await;
    assert_eq!(own["reasons"][0]["message"], "Lumenmessage about the address");

    let query = "mutation($input: InspectVerificationInput!) { inspectVerification(input: $input) {
        verification { personalInfo { city } } errors { code } } }";
    let reason = "Orbitreason: a report of a buyer";
    let input = json!({ "verificationId": ann.id.replace("usr_", "ver_"), "reason": reason });
    ada.client.mutate(query, json!({ "input": input })).await;
    let query = "mutation($input: ReopenVerificationInput!) { reopenVerification(input: $input) {
        verification { status } errors { code } } }";
    let input =
        json!({ "verificationId": id, "expectedVersion": 4, "reason": "Pergolareason: another person" });
    ada.client.mutate(query, json!({ "input": input })).await;
}

/// The secrets that the place contains, as text or as hexadecimal digits.
fn found(place: &[u8], secrets: &[Vec<u8>]) -> Vec<String> {
    let is_present =
        |secret: &&Vec<u8>| contains(place, secret) || contains(place, hexadecimal(secret).as_bytes());
    secrets.iter().filter(is_present).map(|secret| String::from_utf8_lossy(secret).into_owned()).collect()
}

/// The secrets as bytes, with parts of the picture, and the credentials.
fn secrets(image: &[u8], credentials: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let middle = image.len() / 2;
    let parts = [image[middle..middle + 24].to_vec(), image[200..224].to_vec()];
    let texts = SECRETS.iter().map(|text| text.as_bytes().to_vec());
    texts.chain(parts).chain(credentials.iter().cloned()).collect()
}

fn flags() -> Vec<Vec<u8>> {
    FLAGS.iter().map(|flag| flag.as_bytes().to_vec()).collect()
}

/// A gateway that writes its most detailed log.
fn serve(mut command: Command, log: &Path) -> GatewayProcess {
    command.env("GIGWAY_LOG", "trace").stderr(Stdio::from(fs::File::create(log).expect("a file")));
    GatewayProcess::start_command(command, &[])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_data_is_never_stored_or_sent_in_plain_text() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (data, log) = (dir.path().join("data"), dir.path().join("log"));
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
    let served = serve(with(&["serve"]), &log);
    let ann = sign_up(&served.client, "Ann").await;
    let rita = add_staff(&served.client, &with, "rita@example.com", "REVIEWER").await;
    let ada = add_staff(&served.client, &with, "ada@example.com", "ADMIN").await;
    let image = clear_ann(&ann, &rita).await;
    write_about_people(&served.client, &ann, &rita, &ada).await;
    let credentials = [use_credentials(&ann).await, use_credentials(&rita).await].concat();
    let secrets = secrets(&image, &credentials);
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
    for (name, place) in &places {
        assert_eq!(found(place, &secrets), [""; 0], "{name}");
    }
    assert_eq!(found(&places[0].1, &flags()), FLAGS);
    for (name, place) in &places[1..] {
        assert_eq!(found(place, &flags()), [""; 0], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn personal_data_is_in_no_file_of_an_installation_with_sqlite() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (data, log) = (dir.path().join("data"), dir.path().join("log"));
    let with = |arguments: &[&str]| gigway(&data, arguments);
    let served = serve(with(&["serve"]), &log);
    let ann = sign_up(&served.client, "Ann").await;
    let rita = add_staff(&served.client, &with, "rita@example.com", "REVIEWER").await;
    let ada = add_staff(&served.client, &with, "ada@example.com", "ADMIN").await;
    let image = clear_ann(&ann, &rita).await;
    write_about_people(&served.client, &ann, &rita, &ada).await;
    let credentials = [use_credentials(&ann).await, use_credentials(&rita).await].concat();
    let secrets = secrets(&image, &credentials);
    served.stop_with("TERM");

    // The database with its write-ahead log, the pictures and the keys.
    let (files, log) = (files(&data), fs::read(&log).expect("a log"));
    assert!(contains(&files, b"ann@example.com") && log.len() > 500);
    for (name, place) in [("a file", &files), ("the log", &log)] {
        assert_eq!(found(place, &secrets), [""; 0], "{name}");
    }
    assert_eq!(found(&files, &flags()), FLAGS);
    assert_eq!(found(&log, &flags()), [""; 0], "the log");
}
