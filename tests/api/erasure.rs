//! Erasing a user: nothing of them can be read any more, and a restored backup does not bring them back.

use std::fs;
use std::path::Path;

use gigway::config::Settings;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{Error, background_jobs, erasure, user_admin};
use gigway::store::users;
use serde_json::{Value, json};

use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, EDIT_GIG, POST_GIG, SIGN_UP};
use crate::support::on_both_back_ends;
use crate::support::process::{GatewayProcess, add_user, gigway};
use crate::support::reviewing::claim;
use crate::support::sample_images::small_png;
use crate::support::table_dump::{contains_text, table_dump};
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{decide_mutation, submit_verification};

/// What is written about the user, by the user and by reviewers. The words begin with different letters, since
/// an index may store only the ends of words that begin alike.
pub const WORDS: [&str; 10] = [
    "Sorbename",
    "Zanthotitle",
    "Ymbrodesc",
    "wexotag",
    "vulpolink",
    "Ujunonote",
    "Tarkomessage",
    "Quimboold",
    "Rizomail",
    "Ostraquote",
];

/// Asserts that no table contains any of the words.
pub async fn assert_no_table_has_words(app: &TestApp, context: &str) {
    let dump = table_dump(app.services().db.read()).await;
    for word in WORDS {
        let rows: Vec<_> = dump.lines().filter(|line| contains_text(line, word)).collect();
        assert!(rows.is_empty(), "{context}: {word} is still in {rows:#?}");
    }
}

/// The names of the stored blobs.
pub fn blobs(app: &TestApp) -> Vec<String> {
    let mut names = Vec::new();
    for dir in [app.image_dir(), app.image_dir().with_file_name("identity-documents")] {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            names.push(entry.expect("an entry").file_name().to_string_lossy().into_owned());
        }
    }
    names
}

/// Signs up a user whose name and e-mail address are among [`WORDS`].
pub async fn sign_up(client: &Client, number: usize) -> TestUser {
    let email = format!("rizomail{number}@example.com");
    let input = json!({ "input": { "email": email, "password": PASSWORD, "displayName": "Sorbename" } });
    let session = client.mutate(SIGN_UP, input).await["session"].take();
    TestUser {
        client: client.with_token(&text(&session["accessToken"])),
        id: text(&session["viewer"]["user"]["id"]),
        email,
        refresh_token: text(&session["refreshToken"]),
    }
}

/// The form of a gig that consists of [`WORDS`].
pub async fn gig_form(app: &TestApp, images: &[String]) -> Value {
    let mut form = app.gig_form("Zanthotitle of a song for you").await;
    form["description"] = json!("Ymbrodesc: three minutes of music, made for you alone.");
    form["tags"] = json!(["wexotag"]);
    form["links"] = json!(["https://vulpolink.example.com/"]);
    form["imageIds"] = json!(images);
    form
}

/// Reasons and a note that consist of [`WORDS`].
pub fn decision(subject: &str, id: &str, decision: &str, version: &Value) -> Value {
    json!({ "input": {
        subject: id, "decision": decision, "expectedVersion": version, "internalNote": "Ujunonote: phoned them",
        "reasons": if decision == "APPROVE" || decision == "CLEAR" { json!([]) } else {
            json!([{ "code": "OTHER", "message": "Tarkomessage to the seller" }])
        },
    } })
}

pub const DECIDE_GIG: &str = "mutation($input: DecideGigInput!) { decideGig(input: $input) {
    gig { id status version } errors { code field message } } }";

async fn decide_gig(rita: &TestUser, gig: &str, verdict: &str) {
    let version = rita.gig(gig).await["version"].take();
    rita.client.mutate(DECIDE_GIG, decision("gigId", gig, verdict, &version)).await;
}

const EVERYTHING: &str = "query($ids: [ID!]!, $seller: ID!) {
    nodes(ids: $ids) { __typename id
        ... on User { displayName level verified gigs { nodes { title } } }
        ... on Gig { title description tags links images { id url } reviewReasons { code message }
                     seller { displayName } }
        ... on Verification { status personalInfo { firstName } documents { id } reasons { message } } }
    gigs(where: { seller: $seller }) { nodes { title } }
    searched: gigs(search: \"zanthotitle ymbrodesc wexotag\") { nodes { title } } }";

async fn nothing_of_an_erased_user_can_be_read(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    let ann = sign_up(&app.gateway_a(), 1).await;
    let other = app.member("Olga").await;
    let kept = other.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&kept).await;
    let unattached = ann.client.upload_image(small_png()).await;
    let attached = ann.client.upload_image(small_png()).await;
    // One gig of every fate. The first one was listed with a word that it does not have any more.
    let mut form = gig_form(&app, std::slice::from_ref(&attached)).await;
    form["description"] = json!("Quimboold: what it said at first, and for a while.");
    let listed = ann.post(form).await;
    decide_gig(&rita, &listed, "APPROVE").await;
    let edited = json!({ "input": { "id": listed, "description": "Ymbrodesc: what it says now, at last." } });
    ann.client.mutate(EDIT_GIG, edited).await;
    decide_gig(&rita, &listed, "APPROVE").await;
    let rejected = ann.post(gig_form(&app, &[]).await).await;
    decide_gig(&rita, &rejected, "REJECT").await;
    let waiting = ann.post(gig_form(&app, &[]).await).await;
    let archived = ann.post(gig_form(&app, &[]).await).await;
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": archived })).await;
    let (verification, version) = submit_verification(&ann, "AB123456", 1).await;
    claim(&rita.client, &verification).await;
    rita.client
        .mutate(&decide_mutation(), decision("verificationId", &verification, "REJECT", &json!(version)))
        .await;
    assert_eq!(blobs(&app).len(), 3);

    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    assert_eq!(blobs(&app), Vec::<String>::new());
    assert_no_table_has_words(&app, "after the erasure").await;
    let ids = [&ann.id, &listed, &rejected, &waiting, &archived, &attached, &unattached, &verification];
    for client in [&rita.client, &app.gateway_b(), &other.client] {
        let read = client.run(EVERYTHING, json!({ "ids": ids, "seller": ann.id })).await;
        for word in WORDS {
            assert!(!contains_text(&read.to_string(), word), "{word}: {read:#}");
        }
        assert_eq!((&read["nodes"][5], &read["nodes"][6]), (&Value::Null, &Value::Null));
        for image in [&attached, &unattached] {
            assert_eq!(client.fetch(&format!("/media/{image}.jpg")).await.0, 404);
        }
    }
    // The record of decisions stays, and so does what belongs to others.
    let read = rita.client.run(EVERYTHING, json!({ "ids": ids, "seller": ann.id })).await;
    assert_eq!(read["nodes"][2]["reviewReasons"][0]["code"], "OTHER");
    assert_eq!(read["nodes"][7]["status"], "REJECTED");
    assert_eq!(other.gig(&kept).await["title"], "I will write a song for you");
    assert_eq!(
        app.gateway_a().run("{ gigs(search: \"song\") { totalCount } }", json!({})).await["gigs"]["totalCount"],
        1
    );
    // What an operator does by e-mail address or with an old id finds nobody.
    let by_email = user_admin::set_points(app.services(), &ann.email, 5).await;
    assert!(matches!(by_email, Err(Error::Violations(_))));
    assert_eq!(
        ann.client.error_codes(POST_GIG, json!({ "input": gig_form(&app, &[]).await })).await,
        ["UNAUTHENTICATED"]
    );
}

async fn an_image_file_that_cannot_be_deleted_is_deleted_later(app: TestApp) {
    let ann = sign_up(&app.gateway_a(), 1).await;
    let image = ann.client.upload_image(small_png()).await;
    // A directory in place of the file cannot be deleted like a file.
    let file = app.image_dir().join(format!("{image}.jpg"));
    fs::remove_file(&file).expect("deleted");
    fs::create_dir_all(file.join("full")).expect("created");
    erasure::erase_user(app.services(), &ann.email).await.expect_err("the file cannot be deleted");
    assert_eq!(app.gateway_b().fetch(&format!("/media/{image}.jpg")).await.0, 404);
    assert_no_table_has_words(&app, "after the erasure").await;
    background_jobs::delete_unattached_images(app.services()).await.expect_err("the file cannot be deleted");
    fs::remove_dir_all(&file).expect("deleted");
    fs::write(&file, "what was left").expect("written");
    assert_eq!(background_jobs::delete_unattached_images(app.services()).await.expect("a run"), 1);
    assert_eq!(blobs(&app), Vec::<String>::new());
}

on_both_back_ends!(
    nothing_of_an_erased_user_can_be_read,
    an_image_file_that_cannot_be_deleted_is_deleted_later,
);

/// A gateway on SQLite whose files are in this directory, except the journal of erasures.
async fn on_files(dir: &Path, journal: &Path) -> TestApp {
    let settings = Settings {
        data_dir: Some(dir.display().to_string()),
        erasure_journal: Some(journal.display().to_string()),
        ..Settings::default()
    };
    TestApp::start(settings, 1).await
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_directory(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_does_not_bring_back_an_erased_user() {
    let dir = tempfile::tempdir().expect("a directory");
    let (live, backup) = (dir.path().join("live"), dir.path().join("backup"));
    let journal = dir.path().join("elsewhere/erasures.log");
    let mut app = on_files(&live, &journal).await;
    let ann = sign_up(&app.gateway_a(), 1).await;
    let held = app.member("Hans").await;
    let kept = app.member("Olga").await;
    let image = ann.client.upload_image(small_png()).await;
    ann.post(gig_form(&app, &[image]).await).await;
    submit_verification(&ann, "AB123456", 1).await;
    // A hold of the backup was lifted before the erasure.
    user_admin::set_legal_hold(app.services(), &held.email, true).await.expect("a hold");
    app.stop_gateway().await;
    copy_directory(&live, &backup);

    app.start_gateway().await;
    user_admin::set_legal_hold(app.services(), &held.email, false).await.expect("no hold");
    for email in [&ann.email, &held.email] {
        erasure::erase_user(app.services(), email).await.expect("erased");
    }
    app.stop_gateway().await;
    let lines = fs::read_to_string(&journal).expect("a journal");
    assert_eq!(lines.lines().count(), 2);
    assert!(lines.lines().all(|line| line.len() < 80) && lines.contains(&ann.id), "{lines}");
    assert!(!WORDS.iter().any(|word| contains_text(&lines, word)), "{lines}");

    fs::remove_dir_all(&live).expect("deleted");
    copy_directory(&backup, &live);
    app.start_gateway().await;
    assert_no_table_has_words(&app, "after the restore").await;
    assert_eq!(blobs(&app), Vec::<String>::new());
    assert_eq!(
        ann.client.at(&app.gateway_a()).error_codes("{ viewer { email } }", json!({})).await,
        ["UNAUTHENTICATED"]
    );
    let ids: Vec<_> =
        [&ann.id, &held.id, &kept.id].map(|id| UserId::parse(id).expect("an id")).into_iter().collect();
    let not_erased = users::find_not_erased(app.services().db.read(), &ids).await.expect("users");
    assert_eq!(not_erased, [ids[2]]);
    // The journal does not grow by erasing again, and the next start has nothing to do.
    assert_eq!(fs::read_to_string(&journal).expect("a journal"), lines);
    assert_eq!(erasure::replay_journal(app.services()).await.expect("a run"), 0);

    // The journal was lost: the erasures that the database knows are written to a new one.
    fs::remove_file(&journal).expect("deleted");
    assert_eq!(erasure::replay_journal(app.services()).await.expect("a run"), 0);
    assert_eq!(fs::read_to_string(&journal).expect("a journal").lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_erased_if_the_journal_cannot_be_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = dir.path().join("journal");
    let app = on_files(&dir.path().join("live"), &journal).await;
    let ann = sign_up(&app.gateway_a(), 1).await;
    fs::create_dir(&journal).expect("a directory in place of the file");
    erasure::erase_user(app.services(), &ann.email).await.expect_err("no journal");
    assert_eq!(ann.client.run("{ viewer { email } }", json!({})).await["viewer"]["email"], json!(ann.email));
    fs::remove_dir(&journal).expect("deleted");
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_gateway_shows_an_erased_user_once_the_command_has_returned() {
    let dir = tempfile::tempdir().expect("a directory");
    let added = add_user(|arguments| gigway(dir.path(), arguments), "ann@example.com", "member");
    let id = String::from_utf8(added.stdout).expect("text").trim().to_owned();
    let gateway = GatewayProcess::start(dir.path(), &[]);
    let query = "query($id: ID!) { node(id: $id) { ... on User { displayName } } }";
    let name = async || gateway.client.run(query, json!({ "id": id })).await["node"]["displayName"].take();
    let run = |arguments: &[&str]| {
        let output = gigway(dir.path(), arguments).output().expect("the command runs");
        assert!(output.status.success(), "{output:?}");
    };
    for new in ["Anna", "Annabel", "Annabella"] {
        assert_ne!(name().await, new);
        run(&["user", "name", "--email", "ann@example.com", "--set", new]);
        assert_eq!(name().await, new);
    }
    run(&["user", "erase", "--email", "ann@example.com"]);
    assert_ne!(name().await, "Annabella");
}
