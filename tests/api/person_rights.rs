//! A person's rights: the archive of their data, the request to be erased, consent, and the return of a submission that
//! nobody has reviewed.

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use gigway::config::Settings;
use gigway::domain::id::{DataKeyId, PublicId, UserId};
use gigway::service::data_export::ExportSignature;
use gigway::service::{Error, data_export, erasure, retention, user_admin};
use gigway::store::{audit, consents, data_keys};
use serde_json::{Value, json};

use crate::support::archive::Archive;
use crate::support::client::{Client, text};
use crate::support::documents::{RELEASE, SIGN_IN, SIGN_OUT};
use crate::support::on_both_back_ends;
use crate::support::reviewing::{claim, item_of, propose_rejection};
use crate::support::sample_images::small_png;
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{
    decide_mutation, decision_input, document_image, own_verification, personal_info, save_mutation,
    submit_mutation, submit_verification, upload_document, violation,
};

const SUBMIT: &str = "mutation($version: String) { submitVerification(consentVersion: $version) {
    verification { id status version consent { version consentedAt } } errors { code field message } } }";

const REQUEST: &str =
    "mutation { requestErasure { erasureRequest { requestedAt dueAt } errors { code field message } } }";
const CANCEL: &str =
    "mutation { cancelErasure { erasureRequest { requestedAt dueAt } errors { code field message } } }";

async fn actions_about(app: &TestApp, user: &TestUser) -> Vec<String> {
    let subject = UserId::parse(&user.id).expect("a user's id");
    let trail = audit::find_by_subject(app.services().db.read(), subject).await.expect("a trail");
    trail.into_iter().map(|entry| entry.action).collect()
}

async fn the_archive_has_what_a_person_gave_and_may_see(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut form = app.gig_form("I will write a song for you").await;
    let image = ann.client.upload_image(small_png()).await;
    form["imageIds"] = json!([image]);
    let gig = ann.post(form).await;
    rita.decide(&gig, "REJECT", json!([{ "code": "LANGUAGE", "message": "Please use another word." }])).await;
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(1)).await;
    let submitted = ann.client.mutate(SUBMIT, json!({ "version": "2026-11" })).await["verification"].take();
    let (id, version) = (text(&submitted["id"]), submitted["version"].as_i64().expect("a number"));
    claim(&rita.client, &id).await;
    let reasons = json!([{ "code": "SANCTIONED", "message": "entry 4711" }]);
    rita.client.mutate(&decide_mutation(), decision_input(&id, "REJECT", version, &reasons)).await;

    let path = Archive::create(&ann.client).await;
    let archive = Archive::fetch(&app.gateway_b(), &path).await;
    let (gig_file, image_file) = (format!("gigs/{gig}.json"), format!("gig-images/{image}.jpg"));
    assert_eq!(
        archive.names(),
        ["account.json", "verification.json", "documents/front.jpg", &gig_file, &image_file]
    );
    assert_eq!(archive.json("account.json")["email"], json!(ann.email));
    let verification = archive.json("verification.json");
    assert_eq!(verification["status"], "REJECTED");
    assert_eq!(verification["personalInfo"]["lastName"], "Quillfeather");
    assert_eq!(verification["personalInfo"]["documentNumber"], "AB123456");
    assert_eq!(verification["consents"][0]["version"], "2026-11");
    assert_eq!(verification["documents"][0]["file"], "documents/front.jpg");
    assert_eq!(verification["reasons"].as_array().map(Vec::len), Some(1));
    assert_eq!(verification["reasons"][0]["code"], "OTHER");
    let gig = archive.json(&gig_file);
    assert_eq!((&gig["status"], &gig["price"]), (&json!("REJECTED"), &json!("25.00")));
    assert_eq!(gig["reviewReasons"][0]["message"], "Please use another word.");
    assert_eq!(gig["images"][0]["file"], json!(image_file));
    for picture in ["documents/front.jpg", &image_file] {
        image::load_from_memory(archive.file(picture)).expect("a picture");
    }
    // What reviewers keep for themselves is not in it.
    let all = archive.to_json().to_string();
    for internal in ["SANCTIONED", "4711", "seen by the team"] {
        assert!(!all.contains(internal), "{internal}: {all}");
    }
    assert_eq!(actions_about(&app, &ann).await.iter().filter(|action| *action == "EXPORT").count(), 1);
    // Nobody else's archive, and not later than the URL says.
    let bob = app.member("Bob").await;
    let status = async |path: &str| app.gateway_a().fetch(path).await.0.as_u16();
    assert_eq!(status(&path.replace(&ann.id, &bob.id)).await, 404);
    assert_eq!(status(&path.replace("expires=1", "expires=2")).await, 404);
    assert_eq!(status(path.split_once('?').expect("a query").0).await, 404);
    assert_eq!(status(&path).await, 200);
    let other = app.sign_in(&ann.email).await;
    let of_other_session = Archive::create(&other.client).await;
    ann.client.mutate(SIGN_OUT, json!({})).await;
    assert_eq!(status(&path).await, 404, "the session has ended");
    assert_eq!(status(&of_other_session).await, 200);
    app.advance_clock(TimeDelta::minutes(5));
    assert_eq!(status(&of_other_session).await, 404);
    assert_eq!(
        bob.client.error_codes("mutation { createDataExport { errors { code } } }", json!({})).await,
        [""; 0]
    );
}

/// As after a restore without the data keys.
async fn an_archive_leaves_out_what_a_lost_key_has_encrypted(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.decide(&gig, "REJECT", json!([{ "code": "LANGUAGE", "message": "Please use another word." }])).await;
    submit_verification(&ann, "AB123456", 1).await;
    let db = &app.services().db;
    let transaction = db.begin().await.expect("a transaction");
    let keys = data_keys::find_wrapped_by_old_keys(db.keys(), &transaction, "", DataKeyId::nil(), 9).await;
    let ids: Vec<_> = keys.expect("keys").iter().map(|key| key.id).collect();
    assert_eq!(ids.len(), 3);
    data_keys::delete(db.keys(), &transaction, &ids).await.expect("deleted");
    transaction.commit().await.expect("a commit");
    let archive = Archive::fetch(&app.gateway_a(), &Archive::create(&ann.client).await).await;
    let gig_file = format!("gigs/{gig}.json");
    assert_eq!(archive.names(), ["account.json", "verification.json", &gig_file]);
    let verification = archive.json("verification.json");
    assert_eq!((&verification["status"], &verification["personalInfo"]), (&json!("IN_REVIEW"), &json!(null)));
    assert_eq!(archive.json(&gig_file)["reviewReasons"][0]["code"], "LANGUAGE");
}

async fn an_archive_with_an_altered_picture_breaks_off(app: TestApp) {
    let ann = app.member("Ann").await;
    submit_verification(&ann, "AB123456", 1).await;
    let pictures = app.image_dir().with_file_name("identity-documents");
    for file in std::fs::read_dir(pictures).expect("a directory") {
        let file = file.expect("a file").path();
        let mut bytes = std::fs::read(&file).expect("bytes");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&file, bytes).expect("written");
    }
    let (status, response) = app.gateway_a().fetch(&Archive::create(&ann.client).await).await;
    assert_eq!(status, 200);
    response.bytes().await.expect_err("an archive that is not complete");
    // The next one can be downloaded at once: the broken one does not count any more.
    let (status, _) = app.gateway_a().fetch(&Archive::create(&ann.client).await).await;
    assert_eq!(status, 200);
}

/// The archive of the user, as the gateway sends it, part by part.
async fn parts_of_archive(
    app: &TestApp,
    user: &TestUser,
) -> BoxStream<'static, gigway::service::Result<Bytes>> {
    let path = Archive::create(&user.client).await;
    let value = |name: &str| {
        let (_, rest) = path.split_once(&format!("{name}=")).expect("a parameter");
        rest.split('&').next().expect("a value").to_owned()
    };
    let signature = ExportSignature {
        session_id: serde_json::from_value(json!(value("session"))).expect("a session"),
        expires: value("expires").parse().expect("a time"),
        signature: value("signature"),
    };
    let user_id = UserId::parse(&user.id).expect("a user's id");
    let archive = data_export::open(&app.shared_services(), user_id, &signature, "request-7").await;
    archive.expect("an archive").expect("a valid URL")
}

async fn an_archive_breaks_off_when_the_session_ends_or_the_user_is_erased(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    for (number, user) in [(1, &ann), (2, &bob)] {
        submit_verification(user, &format!("AB12345{number}"), number).await;
        let mut parts = parts_of_archive(&app, user).await;
        assert!(parts.next().await.expect("the account").is_ok());
        if number == 1 {
            user.client.mutate(SIGN_OUT, json!({})).await;
        } else {
            erasure::erase_user(app.services(), &user.email).await.expect("erased");
        }
        assert!(matches!(parts.next().await, Some(Err(Error::SessionEnded))));
        assert!(parts.next().await.is_none());
    }
}

/// The request of the user to be erased, as they see it.
async fn own_request(client: &Client) -> Value {
    let query = "{ viewer { erasureRequest { requestedAt dueAt } } }";
    client.run(query, json!({})).await["viewer"]["erasureRequest"].take()
}

/// Whether the user can sign in.
async fn exists(app: &TestApp, user: &TestUser) -> bool {
    let input = json!({ "input": { "email": user.email, "password": PASSWORD } });
    !app.gateway_a().run(SIGN_IN, input).await["signIn"]["session"].is_null()
}

async fn a_request_to_be_erased_waits_and_can_be_cancelled(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    submit_verification(&ann, "AB123456", 1).await;
    assert_eq!(own_request(&ann.client).await, Value::Null);
    let refused = ann.client.mutation_errors(CANCEL, json!({})).await;
    assert_eq!(refused, [violation("NOT_FOUND", "")]);
    let request = ann.client.mutate(REQUEST, json!({})).await["erasureRequest"].take();
    assert_eq!(own_request(&ann.at(&app.gateway_b())).await, request);
    app.advance_clock(TimeDelta::minutes(1));
    assert_eq!(ann.client.mutate(REQUEST, json!({})).await["erasureRequest"], request);
    assert_eq!(ann.client.mutate(CANCEL, json!({})).await["erasureRequest"], request);
    assert_eq!(own_request(&ann.client).await, Value::Null);
    ann.client.mutate(REQUEST, json!({})).await;
    assert_eq!(actions_about(&app, &ann).await, ["REQUEST_ERASURE", "CANCEL_ERASURE", "REQUEST_ERASURE"]);

    app.advance_clock(TimeDelta::days(13));
    assert_eq!(retention::apply(app.services()).await.expect("a run").requested, 0);
    assert!(exists(&app, &ann).await);
    app.advance_clock(TimeDelta::days(1));
    assert_eq!(retention::apply(app.services()).await.expect("a run").requested, 1);
    assert!(!exists(&app, &ann).await && exists(&app, &bob).await);
    let query = "query($id: ID!) { node(id: $id) { ... on User { displayName } } }";
    let node = app.gateway_b().run(query, json!({ "id": ann.id })).await["node"].take();
    assert_eq!(node["displayName"], "Erased");
}

async fn a_legal_hold_postpones_a_requested_erasure_and_does_not_show(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    user_admin::set_legal_hold(app.services(), &ann.email, true).await.expect("a hold");
    let shape = |request: &Value| (request["requestedAt"].is_string(), request["dueAt"].is_string());
    for user in [&ann, &bob] {
        let request = user.client.mutate(REQUEST, json!({})).await["erasureRequest"].take();
        assert_eq!(shape(&request), (true, true));
    }
    app.advance_clock(TimeDelta::days(15));
    assert_eq!(retention::apply(app.services()).await.expect("a run").requested, 1);
    assert!(exists(&app, &ann).await && !exists(&app, &bob).await);
    let ann = app.sign_in(&ann.email).await;
    assert_eq!(shape(&own_request(&ann.client).await), (true, true));
    user_admin::set_legal_hold(app.services(), &ann.email, false).await.expect("no hold");
    assert_eq!(retention::apply(app.services()).await.expect("a run").requested, 1);
    assert!(!exists(&app, &ann).await);
}

async fn a_consent_that_is_given_is_recorded(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let limits = "{ limits { verification { consentVersion } } }";
    let limits = app.gateway_a().run(limits, json!({})).await;
    assert_eq!(limits["limits"]["verification"]["consentVersion"], Value::Null);
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(1)).await;
    let long = json!({ "version": "x".repeat(101) });
    let refused = ann.client.mutation_errors(SUBMIT, long).await;
    assert_eq!(refused, [violation("TOO_LONG", "consentVersion")]);
    let payload = ann.client.mutate(SUBMIT, json!({ "version": "Privacy notice of May 2026" })).await;
    assert_eq!(payload["verification"]["consent"]["version"], "Privacy notice of May 2026");
    let query =
        "query($id: ID!) { node(id: $id) { ... on Verification { consent { version consentedAt } } } }";
    let id = json!({ "id": payload["verification"]["id"] });
    let consent = rita.at(&app.gateway_b()).run(query, id).await["node"]["consent"].take();
    assert_eq!(consent["version"], "Privacy notice of May 2026");
    assert!(consent["consentedAt"].is_string());
    // Without the setting, it is not required.
    let bob = app.member("Bob").await;
    submit_verification(&bob, "CD123456", 2).await;
}

async fn consent_is_required(settings: Settings) {
    let settings = Settings { consent_version: Some("2026-11".into()), ..settings };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let limits = app.gateway_a().run("{ limits { verification { consentVersion } } }", json!({})).await;
    assert_eq!(limits["limits"]["verification"]["consentVersion"], "2026-11");
    // All that is missing is reported at once.
    let missing = ann.client.mutation_errors(SUBMIT, json!({})).await;
    let expected = ["personalInfo", "documents.FRONT", "consentVersion"];
    assert_eq!(missing, expected.map(|path| violation("REQUIRED", path)));
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(1)).await;
    let wrong = ann.client.mutation_errors(SUBMIT, json!({ "version": "2025-01" })).await;
    assert_eq!(wrong, [violation("INVALID", "consentVersion")]);
    assert_eq!(own_verification(&ann.client).await["status"], "IN_PROGRESS");
    let payload = ann.client.mutate(SUBMIT, json!({ "version": "2026-11" })).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    assert_eq!(payload["verification"]["consent"]["version"], "2026-11");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_to_the_current_version_is_required_by_a_setting_on_sqlite() {
    Box::pin(consent_is_required(Settings::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consent_to_the_current_version_is_required_by_a_setting_on_postgres() {
    let database_url = Some(servers::new_postgres_database().await);
    Box::pin(consent_is_required(Settings { database_url, ..Settings::default() })).await;
}

async fn a_consent_outlives_the_data_as_long_as_records_are_stored(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    for (number, user) in [(1, &ann), (2, &bob)] {
        user.client.mutate(&save_mutation(), personal_info(&format!("AB12345{number}"))).await;
        upload_document(&user.client, "PASSPORT", "FRONT", document_image(number)).await;
        user.client.mutate(SUBMIT, json!({ "version": "2026-11" })).await;
    }
    user_admin::set_legal_hold(app.services(), &bob.email, true).await.expect("a hold");
    let users = [&ann, &bob].map(|user| UserId::parse(&user.id).expect("a user's id"));
    let consents = async || {
        let found = consents::find_all(app.services().db.read(), &users).await.expect("consents");
        found.into_iter().map(|consent| consent.user_id).collect::<Vec<_>>()
    };
    app.advance_clock(TimeDelta::days(91));
    assert_eq!(retention::apply(app.services()).await.expect("a run").unreviewed, 1);
    app.advance_clock(TimeDelta::days(5 * 365 - 92));
    retention::apply(app.services()).await.expect("a run");
    assert_eq!(consents().await.len(), 2);
    app.advance_clock(TimeDelta::days(2));
    retention::apply(app.services()).await.expect("a run");
    assert_eq!(consents().await, [users[1]]);
}

async fn a_submission_that_nobody_reviews_is_returned_without_its_data(app: TestApp) {
    let (ann, rita, held) = (app.member("Ann").await, app.reviewer("Rita").await, app.member("Cid").await);
    let (id, _) = submit_verification(&ann, "AB123456", 1).await;
    submit_verification(&held, "EF123456", 3).await;
    user_admin::set_legal_hold(app.services(), &held.email, true).await.expect("a hold");
    app.advance_clock(TimeDelta::days(89));
    assert_eq!(retention::apply(app.services()).await.expect("a run").unreviewed, 0);
    app.advance_clock(TimeDelta::days(2));
    // A reviewer who works on it may decide at any moment.
    let rita = app.sign_in(&rita.email).await;
    claim(&rita.client, &id).await;
    assert_eq!(retention::apply(app.services()).await.expect("a run").unreviewed, 0);
    rita.client.mutate(RELEASE, json!({ "id": item_of(&rita.client, &id).await })).await;
    // Nor is it returned while the decision of a first reviewer waits for a second one.
    propose_rejection(&app, &ann, &rita).await;
    assert_eq!(retention::apply(app.services()).await.expect("a run").unreviewed, 0);
    app.advance_clock(TimeDelta::hours(73));
    assert_eq!(retention::apply(app.services()).await.expect("a run").unreviewed, 1);

    let rita = app.sign_in(&rita.email).await;
    let queue = "{ reviewQueue(kind: VERIFICATION) { nodes { subject { ... on Verification { id } } } } }";
    let items = rita.client.run(queue, json!({})).await["reviewQueue"]["nodes"].take();
    let items = items.as_array().expect("a list");
    assert!(!items.is_empty() && items.iter().all(|item| item["subject"]["id"] != json!(id)), "{items:?}");
    let ann = app.sign_in(&ann.email).await;
    let verification = own_verification(&ann.client).await;
    assert_eq!(verification["status"], "ACTION_REQUIRED");
    assert_eq!((&verification["attemptsUsed"], &verification["attemptsLeft"]), (&json!(0), &json!(3)));
    assert_eq!(verification["reasons"][0]["code"], "NOT_REVIEWED");
    assert!(text(&verification["reasons"][0]["message"]).contains("no attempt was used"));
    assert_eq!((&verification["personalInfo"], &verification["documents"]), (&Value::Null, &json!([])));
    assert_eq!((&verification["queuePosition"], &verification["reviewDueAt"]), (&Value::Null, &Value::Null));
    assert!(actions_about(&app, &ann).await.contains(&"NOT_REVIEWED".to_owned()));
    // It can be submitted again.
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(2)).await;
    let payload = ann.client.mutate(&submit_mutation(), json!({})).await;
    assert_eq!(
        (&payload["verification"]["status"], &payload["verification"]["attemptsUsed"]),
        (&json!("IN_REVIEW"), &json!(1))
    );
    // A legal hold keeps the data of the other.
    let held = app.sign_in(&held.email).await;
    assert_eq!(own_verification(&held.client).await["status"], "IN_REVIEW");
}

on_both_back_ends!(
    the_archive_has_what_a_person_gave_and_may_see,
    an_archive_leaves_out_what_a_lost_key_has_encrypted,
    an_archive_with_an_altered_picture_breaks_off,
    an_archive_breaks_off_when_the_session_ends_or_the_user_is_erased,
    a_request_to_be_erased_waits_and_can_be_cancelled,
    a_legal_hold_postpones_a_requested_erasure_and_does_not_show,
    a_consent_that_is_given_is_recorded,
    a_consent_outlives_the_data_as_long_as_records_are_stored,
    a_submission_that_nobody_reviews_is_returned_without_its_data,
);
