//! What a backup of each kind shows after an erasure: the table "Backups" of docs/SECURITY.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gigway::config::Settings;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{erasure, key_rotation};
use gigway::store::{data_keys, review_keys, verifications};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::erasure::{DECIDE_GIG, WORDS, decision, gig_form, sign_up};
use crate::support::client::{Client, error_codes};
use crate::support::documents::{EDIT_GIG, GIG};
use crate::support::reviewing;
use crate::support::sample_images::small_png;
use crate::support::servers;
use crate::support::table_dump::contains_text;
use crate::support::test_app::TestApp;
use crate::verification::submit_verification;

// Encryption keys of 32 bytes: each byte is 7, or each is 8.
const OLD: &str = "old:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const NEW: &str = "new:CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

/// What of the form may stand nowhere in clear.
const PERSONAL: [&str; 3] = ["Annabella", "Quillfeather", "AB123456"];

/// The database of a test, and how it is dumped and restored by the commands of docs/SECURITY.md.
enum Kind {
    Sqlite,
    Postgres,
}

/// The dumps of a database and of its data keys.
struct Dumps {
    database: PathBuf,
    keys: PathBuf,
}

/// The settings of a gateway whose data directory is `dir`.
async fn settings(kind: &Kind, dir: &Path, keys: &str) -> Settings {
    Settings {
        database_url: match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(servers::new_postgres_database().await),
        },
        data_dir: Some(dir.display().to_string()),
        encryption_keys: Some(keys.to_owned()),
        index_key: Some("what documents are known again by".into()),
        token_secret: Some("a secret of at least 32 characters".into()),
        ..Settings::default()
    }
}

fn run(program: &str, arguments: &[&str]) {
    let program = Path::new(&servers::required_env("GIGWAY_TEST_POSTGRES_BIN")).join(program);
    let output = Command::new(program).args(arguments).output().expect("the command runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn vacuum_into(file: &Path, target: &Path) {
    let db = Database::connect(format!("sqlite:{}", file.display())).await.expect("the file");
    db.execute_unprepared(&format!("VACUUM INTO '{}'", target.display())).await.expect("a copy");
    db.close().await.expect("a close");
}

async fn dump(settings: &Settings, dir: &Path) -> Dumps {
    fs::create_dir_all(dir).expect("a directory");
    let dumps = Dumps { database: dir.join("database"), keys: dir.join("keys") };
    if let Some(url) = &settings.database_url {
        let (database, keys) = (dumps.database.display().to_string(), dumps.keys.display().to_string());
        run("pg_dump", &["--exclude-schema=gigway_keys", "--file", &database, url]);
        run("pg_dump", &["--schema=gigway_keys", "--file", &keys, url]);
    } else {
        let data = Path::new(settings.data_dir.as_ref().expect("a directory"));
        vacuum_into(&data.join("gigway.sqlite"), &dumps.database).await;
        vacuum_into(&data.join("gigway.keys.sqlite"), &dumps.keys).await;
    }
    dumps
}

/// Starts a gateway on the restored dumps, with the blobs of `blobs`.
async fn restore(
    kind: &Kind,
    dumps: &Dumps,
    with_keys: bool,
    master: &str,
    blobs: &Path,
    journal: Option<&Path>,
) -> (tempfile::TempDir, TestApp) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut settings = settings(kind, dir.path(), master).await;
    copy(blobs, &dir.path().join("blobs"));
    if let Some(journal) = journal {
        settings.erasure_journal = Some(journal.display().to_string());
    }
    let parts: Vec<&PathBuf> =
        if with_keys { vec![&dumps.database, &dumps.keys] } else { vec![&dumps.database] };
    if let Some(url) = &settings.database_url {
        for part in parts {
            let file = part.display().to_string();
            run("psql", &["--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file", &file, url]);
        }
    } else {
        for (part, name) in parts.into_iter().zip(["gigway.sqlite", "gigway.keys.sqlite"]) {
            fs::copy(part, dir.path().join(name)).expect("copied");
        }
    }
    let app = TestApp::start(settings, 1).await;
    (dir, app)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

/// What the user reads of themselves: the name, and the first name of the form or the code of the error.
async fn read(client: &Client) -> (String, String) {
    let query = "{ viewer { user { displayName } verification { personalInfo { firstName } } } }";
    let body = client.execute(query, json!({})).await;
    let viewer = &body["data"]["viewer"];
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let form = &viewer["verification"]["personalInfo"]["firstName"];
    let code = error_codes(&body).first().cloned();
    (text(&viewer["user"]["displayName"]), code.unwrap_or_else(|| text(form)))
}

/// The status of the response to a reviewer who has claimed the verification and asks for the image of the document.
async fn image_status(app: &TestApp, verification: &str) -> u16 {
    let rita = app.reviewer("Rita").await;
    reviewing::claim(&rita.client, verification).await;
    let path = reviewing::picture_paths(&rita.client, verification).await.remove(0);
    rita.client.fetch(&path).await.0.as_u16()
}

async fn a_backup_shows_after_an_erasure_what_the_documentation_says(kind: Kind) {
    let dir = tempfile::tempdir().expect("a directory");
    let (live, backup) = (dir.path().join("live"), dir.path().join("backup"));
    let journal = dir.path().join("erasures.log");
    let settings = Settings {
        erasure_journal: Some(journal.display().to_string()),
        ..settings(&kind, &live, OLD).await
    };
    let mut app = TestApp::start(settings.clone(), 1).await;
    let ann = sign_up(&app.gateway_a(), 1).await;
    let image = ann.client.upload_image(small_png()).await;
    let gig = ann.post(gig_form(&app, &[image]).await).await;
    let rob = app.reviewer("Rob").await;
    rob.approve(&gig).await;
    let rejected = ann.post(gig_form(&app, &[]).await).await;
    let version = rob.gig(&rejected).await["version"].take();
    rob.client.mutate(DECIDE_GIG, decision("gigId", &rejected, "REJECT", &version)).await;
    let verification = submit_verification(&ann, "AB123456", 1).await.0;
    assert_eq!(read(&ann.client).await, ("Sorbename".to_owned(), "Annabella".to_owned()));
    let before = dump(&settings, &backup).await;
    copy(&live.join("blobs"), &backup.join("blobs"));
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    let after = dump(&settings, &dir.path().join("after")).await;
    app.stop_gateway().await;

    // The files: the dump of the database shows the account, and nothing of the form or its key.
    let bytes = |file: &Path| String::from_utf8_lossy(&fs::read(file).expect("a dump")).into_owned();
    let (database, keys) = (bytes(&before.database), bytes(&before.keys));
    for word in ["Sorbename", "Rizomail", "Zanthotitle", "Ymbrodesc"] {
        assert!(contains_text(&database, word), "{word}");
    }
    assert!(!database.contains("TABLE gigway_keys"));
    for word in PERSONAL.into_iter().chain(["Ujunonote", "Tarkomessage"]) {
        assert!(!contains_text(&database, word) && !contains_text(&keys, word), "{word}");
    }
    for word in WORDS {
        assert!(!contains_text(&keys, word), "{word}");
        let after = bytes(&after.database) + &bytes(&after.keys);
        assert!(!contains_text(&after, word), "{word} is in a dump from after the erasure");
    }

    // The blobs: the image of the gig is a picture, that of the document is not.
    let blobs = backup.join("blobs");
    let are_pictures = |kind: &str| {
        let images =
            files(&blobs.join(kind)).into_iter().map(|(_, bytes)| image::load_from_memory(&bytes).is_ok());
        images.collect::<Vec<_>>()
    };
    assert_eq!(are_pictures("identity-documents"), [false]);
    assert!(are_pictures("gig-images").iter().all(|is_picture| *is_picture));

    let name = "Sorbename".to_owned();
    let shown = async |with_keys: bool, master: &str, journal: Option<&Path>| {
        let (_dir, app) = restore(&kind, &before, with_keys, master, &blobs, journal).await;
        let (name, form) = read(&ann.client.at(&app.gateway_a())).await;
        // Whoever reads the form can open the image, and nobody else.
        if journal.is_none() {
            let expected = if form == "Annabella" { 200 } else { 500 };
            assert_eq!(image_status(&app, &verification).await, expected);
            let gig = ann.client.at(&app.gateway_a()).execute(GIG, json!({ "id": rejected })).await;
            let is_shown = gig.to_string().contains("Tarkomessage to the seller");
            assert_eq!(is_shown, form == "Annabella", "{gig}");
        }
        (name, form)
    };
    // Without the data keys.
    assert_eq!(shown(false, OLD, None).await, (name.clone(), "KEY_MISSING".to_owned()));
    // With a dump of the data keys from before, while its master key exists.
    assert_eq!(shown(true, OLD, None).await, (name.clone(), "Annabella".to_owned()));
    // After the master key was destroyed.
    assert_eq!(shown(true, NEW, None).await, (name, "KEY_MISSING".to_owned()));
    // With the journal, the gateway erases the user again before it serves.
    let gone = ("none".to_owned(), "UNAUTHENTICATED".to_owned());
    assert_eq!(shown(true, OLD, Some(&journal)).await, gone);
    assert_eq!(shown(false, OLD, Some(&journal)).await, gone);
    // The keys of today with the database from before: the key of the user is not among them.
    let mixed = Dumps { database: before.database.clone(), keys: after.keys };
    let (_dir, app) = restore(&kind, &mixed, true, OLD, &blobs, None).await;
    assert_eq!(read(&ann.client.at(&app.gateway_a())).await.1, "KEY_MISSING");
    assert_eq!(image_status(&app, &verification).await, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_shows_after_an_erasure_what_the_documentation_says_on_sqlite() {
    Box::pin(a_backup_shows_after_an_erasure_what_the_documentation_says(Kind::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_shows_after_an_erasure_what_the_documentation_says_on_postgres() {
    Box::pin(a_backup_shows_after_an_erasure_what_the_documentation_says(Kind::Postgres)).await;
}

/// A dump of the data keys from before a rotation opens nothing once the old master key is destroyed, also of people
/// who were not erased. What was dumped since then opens with the new one.
async fn after_a_rotation_the_newest_dump_of_the_keys_is_needed(kind: Kind) {
    let dir = tempfile::tempdir().expect("a directory");
    let live = dir.path().join("live");
    let both = settings(&kind, &live, &format!("{OLD},{NEW}")).await;
    let old = Settings { encryption_keys: Some(OLD.into()), ..both.clone() };
    let mut app = TestApp::start(old, 1).await;
    let ann = sign_up(&app.gateway_a(), 1).await;
    submit_verification(&ann, "AB123456", 1).await;
    app.stop_gateway().await;
    let before = dump(&both, &dir.path().join("before")).await;
    let mut app = TestApp::start(both.clone(), 1).await;
    key_rotation::rotate(app.services(), || ()).await.expect("rotated");
    app.stop_gateway().await;
    let after = dump(&both, &dir.path().join("after")).await;
    let blobs = live.join("blobs");
    for (keys, expected) in [(&before.keys, "KEY_MISSING"), (&after.keys, "Annabella")] {
        let dumps = Dumps { database: before.database.clone(), keys: keys.clone() };
        let (_dir, app) = restore(&kind, &dumps, true, NEW, &blobs, None).await;
        assert_eq!(read(&ann.client.at(&app.gateway_a())).await.1, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_rotation_the_newest_dump_of_the_keys_is_needed_on_sqlite() {
    Box::pin(after_a_rotation_the_newest_dump_of_the_keys_is_needed(Kind::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_rotation_the_newest_dump_of_the_keys_is_needed_on_postgres() {
    Box::pin(after_a_rotation_the_newest_dump_of_the_keys_is_needed(Kind::Postgres)).await;
}

/// The bytes of every file below the directory.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("a file");
            found.push((path, bytes));
        }
    }
    found
}

/// The wrapped data keys of a user, as they are stored.
async fn wrapped_keys_of(app: &TestApp, user_id: &str) -> Vec<Vec<u8>> {
    let (db, user_id) = (&app.services().db, UserId::parse(user_id).expect("an id"));
    let record = verifications::find(db.read(), user_id).await.expect("read").expect("a verification");
    let mut ids = record.all_keys();
    let review_keys = review_keys::find_all(db.read(), &[user_id]).await.expect("read");
    ids.extend(review_keys.iter().map(|stored| stored.key));
    let keys = data_keys::find_all(db.keys(), db.read(), &ids).await.expect("keys");
    keys.into_iter().map(|key| key.wrapped.bytes).collect()
}

/// Deleted rows stay in a file until their places are used again, unless they are overwritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_of_sqlite_have_nothing_of_an_erased_user() {
    let dir = tempfile::tempdir().expect("a directory");
    let app = TestApp::start(settings(&Kind::Sqlite, dir.path(), OLD).await, 1).await;
    let (rita, other) = (app.reviewer("Rita").await, app.member("Olga").await);
    let ann = sign_up(&app.gateway_a(), 1).await;
    let image = ann.client.upload_image(small_png()).await;
    // Enough that the tables have several pages, and that Ann's rows are among others.
    for number in 0..12 {
        let mut form = app.gig_form(&format!("I will write song {number} for you")).await;
        form["description"] = json!(format!("Song {number}. ").repeat(150));
        rita.approve(&other.post(form).await).await;
        if number % 3 == 0 {
            let images = if number == 0 { vec![image.clone()] } else { Vec::new() };
            let mut form = gig_form(&app, &images).await;
            form["description"] = json!("Quimboold: what it said at first. ".repeat(60));
            let gig = ann.post(form).await;
            let decide = async |verdict: &str| {
                let version = rita.gig(&gig).await["version"].take();
                rita.client.mutate(DECIDE_GIG, decision("gigId", &gig, verdict, &version)).await;
            };
            decide("APPROVE").await;
            let edited =
                json!({ "input": { "id": gig, "description": "Ymbrodesc: what it says now, at last." } });
            ann.client.mutate(EDIT_GIG, edited).await;
            decide(if number % 2 == 0 { "APPROVE" } else { "REJECT" }).await;
        }
    }
    submit_verification(&ann, "AB123456", 1).await;
    let with = |word: &str| {
        let found = files(dir.path()).into_iter().filter(|(path, _)| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.contains("sqlite")
        });
        let found = found.filter(|(_, bytes)| contains_text(&String::from_utf8_lossy(bytes), word));
        found.map(|(path, _)| path).collect::<Vec<_>>()
    };
    assert!(!with("Zanthotitle").is_empty(), "the search finds what is there");
    let keys = wrapped_keys_of(&app, &ann.id).await;
    let has_key = || {
        let is_key_in =
            |bytes: &[u8]| keys.iter().any(|key| bytes.windows(key.len()).any(|part| part == key.as_slice()));
        files(dir.path()).into_iter().filter(|(_, bytes)| is_key_in(bytes)).map(|(path, _)| path).collect()
    };
    let found: Vec<PathBuf> = has_key();
    assert!(
        keys.len() == 3 && !found.is_empty(),
        "of the form, the image and what reviewers wrote: {found:?}"
    );
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(has_key(), Vec::<PathBuf>::new(), "wrapped keys");
    for word in WORDS {
        assert_eq!(with(word), Vec::<PathBuf>::new(), "{word}");
    }
}
