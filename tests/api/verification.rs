//! Identity verification: the applicant's way, the reviewer's way, and who sees what.

use chrono::TimeDelta;
use gigway::config::Settings;
use gigway::service::user_admin;
use gigway::store::audit;
use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, faults, text};
use crate::support::documents::{CLAIM, DECIDE_GIG, POST_GIG, QUEUE_CHANGED, RESUME_GIG};
use crate::support::on_both_back_ends;
use crate::support::pictures::picture;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

const FIELDS: &str =
    "id status version attemptsUsed attemptsLeft reviewDueAt queuePosition submittedAt clearedAt
    steps { step label done } reasons { code message category } documents { id side type url }
    personalInfo { firstName documentNumber countryCode dateOfBirth }";

const CHANGED: &str = "subscription($after: String) { verificationStatusChanged(after: $after) {
    cursor delivery version previousStatus status reasons { code }
    verification { status steps { label done } } } }";

const CAN: &str =
    "query($action: Action!) { viewer { can(action: $action) { allowed reasons { code field } } } }";

fn pair(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

pub fn save() -> String {
    format!(
        "mutation($input: PersonalInfoInput!) {{ savePersonalInfo(input: $input) {{
            verification {{ {FIELDS} }} errors {{ code field message }} }} }}"
    )
}

pub fn submit() -> String {
    format!(
        "mutation {{ submitVerification {{ verification {{ {FIELDS} }} errors {{ code field message }} }} }}"
    )
}

pub fn decide() -> String {
    format!(
        "mutation($input: DecideVerificationInput!) {{ decideVerification(input: $input) {{
            verification {{ {FIELDS} }} errors {{ code field message }} }} }}"
    )
}

pub fn info(number: &str) -> Value {
    json!({ "input": {
        "firstName": "Annabella", "lastName": "Quillfeather", "dateOfBirth": "1990-05-17",
        "addressLine1": "1 Marmalade Street", "city": "Leeds", "postalCode": "LS1", "countryCode": "GB",
        "documentNumber": number } })
}

/// A picture of a document that no other is the same as.
pub fn document(shade: u32) -> Vec<u8> {
    picture(900 + shade, 640, ImageFormat::Jpeg)
}

pub async fn upload(client: &Client, kind: &str, side: &str, file: Vec<u8>) -> Value {
    let query = format!(
        "mutation($file: Upload!) {{ uploadIdentityDocument(input: {{ type: {kind}, side: {side}, file: $file }}) {{
            verification {{ {FIELDS} }} errors {{ code field message }} }} }}"
    );
    let operations = json!({ "query": query, "variables": { "file": null } });
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", Part::bytes(file).file_name("passport.jpg"));
    let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
    let mut answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"]["uploadIdentityDocument"].take()
}

/// The viewer's verification.
pub async fn own(client: &Client) -> Value {
    let query = format!("{{ viewer {{ verification {{ {FIELDS} }} }} }}");
    client.run(&query, json!({})).await["viewer"]["verification"].take()
}

fn ticks(verification: &Value) -> Vec<bool> {
    let steps = verification["steps"].as_array().expect("a list");
    steps.iter().map(|step| step["done"].as_bool().expect("yes or no")).collect()
}

/// Somebody who has submitted a passport with this number; the verification's id and version.
pub async fn submitted(person: &TestUser, number: &str, shade: u32) -> (String, i64) {
    person.client.done(&save(), info(number)).await;
    let uploaded = upload(&person.client, "PASSPORT", "FRONT", document(shade)).await;
    assert_eq!(uploaded["errors"], json!([]));
    let payload = person.client.done(&submit(), json!({})).await;
    let verification = &payload["verification"];
    (text(&verification["id"]), verification["version"].as_i64().expect("a number"))
}

pub fn verdict(id: &str, decision: &str, version: i64, reasons: &Value) -> Value {
    json!({ "input": { "verificationId": id, "decision": decision, "expectedVersion": version,
                       "reasons": reasons, "internalNote": "seen by the team" } })
}

async fn four_ticks_appear_one_after_another(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("status", CHANGED, json!({})).await;
    let event = subscriber.event("status").await;
    assert_eq!((&event["delivery"], &event["status"]), (&json!("SNAPSHOT"), &json!("NOT_STARTED")));
    assert_eq!(ticks(&event["verification"]), [false; 4]);
    let labels: Vec<_> = event["verification"]["steps"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|s| text(&s["label"]))
        .collect();
    let expected = [
        "Personal Identity Information",
        "Identification Document Upload",
        "Submitted for review",
        "You have been cleared",
    ];
    assert_eq!(labels, expected);

    ann.client.done(&save(), info("AB123456")).await;
    let event = subscriber.event("status").await;
    assert_eq!(ticks(&event["verification"]), [true, false, false, false]);
    assert_eq!((&event["previousStatus"], &event["status"]), (&json!("NOT_STARTED"), &json!("IN_PROGRESS")));
    assert_eq!(upload(&ann.client, "NATIONAL_ID", "FRONT", document(1)).await["errors"], json!([]));
    assert_eq!(ticks(&subscriber.event("status").await["verification"]), [true, false, false, false]);
    assert_eq!(upload(&ann.client, "NATIONAL_ID", "BACK", document(2)).await["errors"], json!([]));
    assert_eq!(ticks(&subscriber.event("status").await["verification"]), [true, true, false, false]);
    let payload = ann.client.done(&submit(), json!({})).await;
    let verification = &payload["verification"];
    assert_eq!((&verification["attemptsUsed"], &verification["attemptsLeft"]), (&json!(1), &json!(2)));
    assert_eq!(verification["queuePosition"], 1);
    assert!(verification["reviewDueAt"].is_string());
    let event = subscriber.event("status").await;
    assert_eq!(
        (ticks(&event["verification"]), &event["status"]),
        (vec![true, true, true, false], &json!("IN_REVIEW"))
    );

    let (id, version) = (text(&verification["id"]), verification["version"].as_i64().expect("a number"));
    rita.at(&app.gateway_b()).done(&decide(), verdict(&id, "CLEAR", version, &json!([]))).await;
    let event = subscriber.event("status").await;
    assert_eq!((ticks(&event["verification"]), &event["status"]), (vec![true; 4], &json!("CLEARED")));
    let badge = "query($id: ID!) { node(id: $id) { ... on User { verified } } }";
    let user = app.gateway_a().run(badge, json!({ "id": ann.id })).await;
    assert_eq!(user["node"]["verified"], true);
    subscriber.expect_silence("status").await;
}

async fn each_thing_that_is_wrong_or_missing_is_told_and_changes_nothing(app: TestApp) {
    let ann = app.member("Ann").await;
    let missing = ann.client.refused(&submit(), json!({})).await;
    assert_eq!(missing, [pair("REQUIRED", "personalInfo"), pair("REQUIRED", "documents.FRONT")]);
    for (field, value, code) in [
        ("dateOfBirth", json!("2099-01-01"), "INVALID"),
        ("dateOfBirth", json!("1880-01-01"), "INVALID"),
        ("countryCode", json!("ZZ"), "INVALID"),
        ("documentNumber", json!("1"), "INVALID"),
        ("firstName", json!(""), "REQUIRED"),
    ] {
        let mut form = info("AB123456");
        form["input"][field] = value;
        assert_eq!(ann.client.refused(&save(), form).await, [pair(code, field)]);
    }
    let young = (app.now() - TimeDelta::days(17 * 365)).format("%Y-%m-%d").to_string();
    let mut form = info("AB123456");
    form["input"]["dateOfBirth"] = json!(young);
    assert_eq!(ann.client.refused(&save(), form).await, [pair("OUT_OF_RANGE", "dateOfBirth")]);
    let mut bomb = picture(64, 48, ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let mut large = document(1);
    large.resize(10 * 1024 * 1024 + 1, 0);
    for (file, code) in [
        (b"just text".to_vec(), "UNSUPPORTED_MEDIA"),
        (bomb, "UNSUPPORTED_MEDIA"),
        (picture(900, 599, ImageFormat::Jpeg), "OUT_OF_RANGE"),
        (large, "FILE_TOO_LARGE"),
    ] {
        let payload = upload(&ann.client, "PASSPORT", "FRONT", file).await;
        assert_eq!(faults(&payload), [pair(code, "file")], "{payload}");
    }
    assert_eq!(own(&ann.client).await["status"], "NOT_STARTED");
    upload(&ann.client, "NATIONAL_ID", "FRONT", document(1)).await;
    let same = upload(&ann.client, "NATIONAL_ID", "BACK", document(1)).await;
    assert_eq!(faults(&same), [pair("DUPLICATE", "file")]);
    // A document of another kind begins the pictures anew.
    upload(&ann.client, "PASSPORT", "FRONT", document(3)).await;
    assert_eq!(own(&ann.client).await["documents"].as_array().map(Vec::len), Some(1));
    ann.client.done(&save(), info("AB123456")).await;
    ann.client.done(&submit(), json!({})).await;
    for again in
        [ann.client.refused(&submit(), json!({})).await, ann.client.refused(&save(), info("AB1")).await]
    {
        assert!(
            again == [pair("INVALID_TRANSITION", "")] || again == [pair("INVALID", "documentNumber")],
            "{again:?}"
        );
    }
    let payload = upload(&ann.client, "PASSPORT", "FRONT", document(4)).await;
    assert_eq!(faults(&payload), [pair("INVALID_TRANSITION", "")]);
    assert_eq!(own(&ann.client).await["status"], "IN_REVIEW");
}

async fn what_was_accepted_stays_done_and_the_third_failure_is_the_last(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, mut version) = submitted(&ann, "AB123456", 1).await;
    let reasons = json!([{ "code": "IMAGE_UNREADABLE", "field": ["documents", "FRONT"] }]);
    for attempt in 1..=2 {
        let payload =
            rita.client.done(&decide(), verdict(&id, "REQUEST_RESUBMISSION", version, &reasons)).await;
        assert_eq!(payload["verification"]["status"], "ACTION_REQUIRED");
        let seen = own(&ann.client).await;
        assert_eq!(ticks(&seen), [true, false, false, false]);
        assert_eq!(
            (&seen["reasons"][0]["code"], &seen["attemptsLeft"]),
            (&json!("IMAGE_UNREADABLE"), &json!(3 - attempt))
        );
        assert!(!seen.to_string().contains("seen by the team"));
        let missing = ann.client.run(CAN, json!({ "action": "SUBMIT_VERIFICATION" })).await;
        assert_eq!(
            missing["viewer"]["can"]["reasons"],
            json!([{ "code": "REQUIRED", "field": ["documents", "FRONT"] }])
        );
        upload(&ann.client, "PASSPORT", "FRONT", document(10 + attempt)).await;
        version = ann.client.done(&submit(), json!({})).await["verification"]["version"]
            .as_i64()
            .expect("a number");
    }
    let payload = rita.client.done(&decide(), verdict(&id, "REQUEST_RESUBMISSION", version, &reasons)).await;
    assert_eq!(payload["verification"]["status"], "REJECTED");
    assert_eq!(payload["verification"]["reasons"][1]["code"], "ATTEMPTS_EXCEEDED");
    assert_eq!(ann.client.refused(&save(), info("AB123456")).await, [pair("INVALID_TRANSITION", "")]);
}

async fn a_decision_keeps_its_rules(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submitted(&ann, "AB123456", 1).await;
    let spam = json!([{ "code": "SPAM" }]);
    let sanctioned = json!([{ "code": "SANCTIONED", "message": "on list 7" }]);
    for (who, decision, version, reasons, fault) in [
        (&rita, "CLEAR", version - 1, json!([]), pair("STALE_VERSION", "expectedVersion")),
        (&rita, "REJECT", version, json!([]), pair("REQUIRED", "reasons")),
        (&rita, "REJECT", version, spam, pair("INVALID", "reasons.0.code")),
        (&rita, "CLEAR", version, sanctioned.clone(), pair("INVALID", "reasons")),
        (&rita, "REVOKE", version, sanctioned.clone(), pair("INVALID_TRANSITION", "")),
    ] {
        assert_eq!(who.client.refused(&decide(), verdict(&id, decision, version, &reasons)).await, [fault]);
    }
    let (own_id, own_version) = submitted(&rob, "CD123456", 2).await;
    let refused = rob.client.refused(&decide(), verdict(&own_id, "CLEAR", own_version, &json!([]))).await;
    assert_eq!(refused, [pair("NOT_ALLOWED", "verificationId")]);
    // A claim keeps others out, as with gigs.
    let queue = "{ reviewQueue(kind: VERIFICATION, state: OPEN) { nodes { id kind subject { ... on Verification { id } } } } }";
    let items = rita.client.run(queue, json!({})).await["reviewQueue"]["nodes"].take();
    let item = items
        .as_array()
        .expect("a list")
        .iter()
        .find(|item| item["subject"]["id"] == json!(id))
        .expect("an item");
    rita.client.done(CLAIM, json!({ "id": item["id"] })).await;
    let refused = rob.client.refused(&decide(), verdict(&id, "CLEAR", version, &json!([]))).await;
    assert_eq!(refused, [pair("ALREADY_CLAIMED", "verificationId")]);
    rita.client.done(&decide(), verdict(&id, "REJECT", version, &sanctioned)).await;
    // The person reads that there is a reason, and no more; reviewers read it as it is.
    let seen = own(&ann.client).await;
    assert_eq!((&seen["status"], &seen["reasons"][0]["code"]), (&json!("REJECTED"), &json!("OTHER")));
    assert!(!seen.to_string().contains("list 7"), "{seen}");
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Verification {{ {FIELDS} }} }} }}");
    let read = rob.client.run(&query, json!({ "id": id })).await;
    assert_eq!(read["node"]["reasons"][0]["code"], "SANCTIONED");
    assert_eq!(read["node"]["personalInfo"]["documentNumber"], "AB123456");
    let stranger = app.member("Mia").await;
    assert_eq!(stranger.client.run(&query, json!({ "id": id })).await["node"], Value::Null);
}

async fn the_same_document_is_not_used_twice(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    submitted(&ann, "AB 123-456", 1).await;
    let (id, _) = submitted(&bob, "ab123456", 2).await;
    let seen = own(&bob.client).await;
    assert_eq!((&seen["status"], &seen["reasons"][0]["code"]), (&json!("ACTION_REQUIRED"), &json!("OTHER")));
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { reasons { code } } } }";
    let read = rita.client.run(query, json!({ "id": id })).await;
    assert_eq!(read["node"]["reasons"][0]["code"], "DUPLICATE_IDENTITY");
    let queue = rita.client.run("{ reviewQueue(kind: VERIFICATION) { totalCount } }", json!({})).await;
    assert_eq!(queue["reviewQueue"]["totalCount"], 1);
}

async fn from_level_five_work_takes_a_cleared_identity(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    user_admin::set_points(app.services(), &ann.email, 8000).await.expect("level 4");
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&gig).await;
    let can = json!({ "action": "POST_GIG" });
    assert_eq!(ann.client.run(CAN, can.clone()).await["viewer"]["can"]["allowed"], true);
    user_admin::set_points(app.services(), &ann.email, 11180).await.expect("level 5");
    let needed = json!({ "allowed": false, "reasons": [{ "code": "VERIFICATION_REQUIRED", "field": null }] });
    for action in ["POST_GIG", "TAKE_ORDER"] {
        let answer = ann.at(&app.gateway_b()).run(CAN, json!({ "action": action })).await;
        assert_eq!(answer["viewer"]["can"], needed, "{action}");
    }
    let form = app.gig_form("I will write another song").await;
    let refused = ann.at(&app.gateway_b()).refused(POST_GIG, json!({ "input": form })).await;
    assert_eq!(refused, [pair("VERIFICATION_REQUIRED", "")]);

    let (id, version) = submitted(&ann, "AB123456", 1).await;
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("gig", crate::support::documents::GIG_STATUS_CHANGED, json!({ "id": gig })).await;
    subscriber.event("gig").await;
    let cleared = rita.client.done(&decide(), verdict(&id, "CLEAR", version, &json!([]))).await;
    assert_eq!(ann.client.run(CAN, can.clone()).await["viewer"]["can"]["allowed"], true);
    let waiting = ann.post(form.clone()).await;

    // Revoked, with the version that the clearance made: the badge goes, and so do the gigs from the list.
    let version = cleared["verification"]["version"].as_i64().expect("a number");
    let reasons = json!([{ "code": "DOCUMENT_TAMPERED" }]);
    rita.client.done(&decide(), verdict(&id, "REVOKE", version, &reasons)).await;
    assert_eq!(subscriber.event("gig").await["status"], "PAUSED");
    let mine = ann
        .client
        .run("{ viewer { user { verified } verification { status attemptsLeft } } }", json!({}))
        .await;
    assert_eq!(mine["viewer"]["user"]["verified"], false);
    assert_eq!(mine["viewer"]["verification"], json!({ "status": "REVOKED", "attemptsLeft": 3 }));
    assert_eq!(
        ann.client.refused(RESUME_GIG, json!({ "id": gig })).await,
        [pair("VERIFICATION_REQUIRED", "")]
    );
    // What waits is not listed either.
    let approve = json!({ "input": { "gigId": waiting, "decision": "APPROVE", "expectedVersion": 1 } });
    assert_eq!(rita.client.refused(DECIDE_GIG, approve).await, [pair("VERIFICATION_REQUIRED", "")]);
    // And begun anew.
    upload(&ann.client, "PASSPORT", "FRONT", document(9)).await;
    assert_eq!(own(&ann.client).await["status"], "IN_PROGRESS");
}

async fn a_reviewer_sees_a_picture_within_their_session_and_leaves_a_trail(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, _) = submitted(&ann, "AB123456", 1).await;
    assert_eq!(own(&ann.client).await["documents"][0]["url"], Value::Null);
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { documents { url } } } }";
    let read = rita.at(&app.gateway_b()).run(query, json!({ "id": id })).await;
    let url = text(&read["node"]["documents"][0]["url"]);
    let path =
        format!("/identity-documents/{}", url.split_once("/identity-documents/").expect("an address").1);
    let status = async |client: &Client, path: &str| client.fetch(path).await.0.as_u16();
    let (code, response) = rita.client.fetch(&path).await;
    assert_eq!(
        (code.as_u16(), &response.headers()["cache-control"]),
        (200, &"private, no-store".parse().expect("a value"))
    );
    image::load_from_memory(&response.bytes().await.expect("bytes")).expect("a picture");
    assert_eq!(status(&app.gateway_a(), &path).await, 401);
    assert_eq!(status(&rob.client, &path).await, 404);
    assert_eq!(status(&ann.client, &path).await, 404);
    assert_eq!(status(&app.sign_in(&rita.email).await.client, &path).await, 404);
    assert_eq!(status(&rita.client, &path.replace("expires=1", "expires=2")).await, 404);
    app.pass(TimeDelta::minutes(5));
    assert_eq!(status(&rita.client, &path).await, 404);
    rita.client
        .run(
            "query($id: ID!) { node(id: $id) { ... on Verification { personalInfo { city } } } }",
            json!({ "id": id }),
        )
        .await;

    let subject = gigway::domain::id::decode(&ann.id).expect("an id").1;
    let reviewer = gigway::domain::id::decode(&rita.id).expect("an id").1;
    let trail = audit::of_subject(app.services().db.read(), subject).await.expect("a trail");
    let actions: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["VIEW_DOCUMENT", "VIEW_PERSONAL_INFO"]);
    assert!(trail.iter().all(|entry| entry.actor_id == Some(reviewer) && !entry.request_id.is_empty()));
    let db = app.services().db.read();
    for forbidden in ["DELETE FROM audit_entry", "UPDATE audit_entry SET action = 'x'"] {
        assert!(db.execute_unprepared(forbidden).await.is_err(), "{forbidden}");
    }
}

async fn what_has_been_altered_is_told_and_never_shown(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let bob = app.member("Bob").await;
    let (id, _) = submitted(&ann, "AB123456", 1).await;
    submitted(&bob, "CD123456", 2).await;
    // Another person's form in its place: it was sealed for its own.
    let bobs = gigway::domain::id::decode(&bob.id).expect("an id").1;
    let anns = gigway::domain::id::decode(&ann.id).expect("an id").1;
    let (bobs, anns) = match app.services().db.backend() {
        sea_orm::DbBackend::Postgres => (format!("'{bobs}'"), format!("'{anns}'")),
        _ => (format!("x'{}'", bobs.simple()), format!("x'{}'", anns.simple())),
    };
    let swap = format!(
        "UPDATE verification SET personal_info = (SELECT personal_info FROM verification WHERE user_id = {bobs}),
            wrapped_key = (SELECT wrapped_key FROM verification WHERE user_id = {bobs}) WHERE user_id = {anns}"
    );
    let db = app.services().db.begin().await.expect("a transaction");
    let changed = db.execute_unprepared(&swap).await.expect("altered").rows_affected();
    assert_eq!(changed, 1);
    db.commit().await.expect("committed");
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { status personalInfo { city } } } }";
    let answer = rita.client.answer(query, json!({ "id": id })).await;
    assert_eq!(error_codes(&answer), ["DATA_TAMPERED"]);
    assert_eq!(answer["data"]["node"], json!({ "status": "IN_REVIEW", "personalInfo": null }));
    // The picture, altered in its folder.
    let read = rita.client.run(
        "query($id: ID!) { node(id: $id) { ... on Verification { documents { url } } } }",
        json!({ "id": bob.id.replace("usr_", "ver_") }),
    );
    let url = text(&read.await["node"]["documents"][0]["url"]);
    for file in std::fs::read_dir(app.blobs().with_file_name("identity-documents")).expect("a folder") {
        let file = file.expect("a file").path();
        let mut bytes = std::fs::read(&file).expect("bytes");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&file, bytes).expect("written");
    }
    let path = url.split_once("/identity-documents/").expect("an address").1;
    let (status, response) = rita.client.fetch(&format!("/identity-documents/{path}")).await;
    assert_eq!(status, 500);
    assert_eq!(error_codes(&response.json().await.expect("JSON")), ["DATA_TAMPERED"]);
}

async fn the_queue_carries_both_kinds(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut board = rita.at(&app.gateway_b()).socket().await;
    let dispatcher = app.services_b().streams.dispatcher();
    let before = dispatcher.attached();
    board.subscribe("queue", QUEUE_CHANGED, json!({})).await;
    crate::support::proxy::until("it is attached", async || dispatcher.attached() > before).await;
    ann.post(app.gig_form("I will write a song for you").await).await;
    submitted(&ann, "AB123456", 1).await;
    for (kind, open) in [("GIG", 1), ("VERIFICATION", 2)] {
        let event = board.event("queue").await;
        assert_eq!((&event["kind"], &event["change"]), (&json!(kind), &json!("SUBMITTED")));
        assert!(event["openCount"].as_i64() >= Some(open), "{event}");
    }
    let bob = app.member("Bob").await;
    submitted(&bob, "CD123456", 2).await;
    assert_eq!(own(&bob.client).await["queuePosition"], 2);
}

on_both_back_ends!(
    four_ticks_appear_one_after_another,
    each_thing_that_is_wrong_or_missing_is_told_and_changes_nothing,
    what_was_accepted_stays_done_and_the_third_failure_is_the_last,
    a_decision_keeps_its_rules,
    the_same_document_is_not_used_twice,
    from_level_five_work_takes_a_cleared_identity,
    a_reviewer_sees_a_picture_within_their_session_and_leaves_a_trail,
    what_has_been_altered_is_told_and_never_shown,
    the_queue_carries_both_kinds,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grave_decision_can_take_two_reviewers() {
    let settings = Settings {
        limits: Some(r#"{"verification":{"secondReviewer":true}}"#.into()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submitted(&ann, "AB123456", 1).await;
    let reject = verdict(&id, "REJECT", version, &json!([{ "code": "DOCUMENT_TAMPERED" }]));
    let payload = rita.client.done(&decide(), reject.clone()).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    let refused = rita.client.refused(&decide(), reject.clone()).await;
    assert_eq!(refused, [pair("NOT_ALLOWED", "decision")]);
    let payload = rob.client.done(&decide(), reject).await;
    assert_eq!(payload["verification"]["status"], "REJECTED");
}
