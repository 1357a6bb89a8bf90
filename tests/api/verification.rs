//! Identity verification, the applicant's part: the steps, invalid input, attempts, and what a cleared
//! verification allows. The reviewer's part is in `verification_review`. Other tests use the helpers of this
//! file, too.

use chrono::TimeDelta;
use gigway::service::user_admin;
use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::client::{Client, text, user_errors};
use crate::support::documents::{DECIDE_GIG, GIG_STATUS_CHANGED, POST_GIG, RESUME_GIG};
use crate::support::on_both_back_ends;
use crate::support::reviewing::{claim, decide};
use crate::support::sample_images::sample_image;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

pub const FIELDS: &str =
    "id status version attemptsUsed attemptsLeft reviewDueAt queuePosition submittedAt clearedAt
    steps { step label done } reasons { code message category } documents { id side type url }
    personalInfo { firstName documentNumber countryCode dateOfBirth }";

const CHANGED: &str = "subscription($after: String) { verificationStatusChanged(after: $after) {
    cursor delivery version previousStatus status reasons { code }
    verification { status steps { label done } } } }";

const CAN: &str =
    "query($action: Action!) { viewer { can(action: $action) { allowed reasons { code field } } } }";

pub fn violation(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

pub fn save_mutation() -> String {
    format!(
        "mutation($input: PersonalInfoInput!) {{ savePersonalInfo(input: $input) {{
            verification {{ {FIELDS} }} errors {{ code field message params {{ name value }} }} }} }}"
    )
}

pub fn submit_mutation() -> String {
    format!(
        "mutation {{ submitVerification {{ verification {{ {FIELDS} }} errors {{ code field message params {{ name value }} }} }} }}"
    )
}

pub fn decide_mutation() -> String {
    format!(
        "mutation($input: DecideVerificationInput!) {{ decideVerification(input: $input) {{
            verification {{ {FIELDS} }} errors {{ code field message params {{ name value }} }} }} }}"
    )
}

pub fn personal_info(number: &str) -> Value {
    json!({ "input": {
        "firstName": "Annabella", "lastName": "Quillfeather", "dateOfBirth": "1990-05-17",
        "addressLine1": "1 Marmalade Street", "city": "Leeds", "postalCode": "LS1", "countryCode": "GB",
        "documentNumber": number } })
}

/// The image of an identity document. Another `shade` gives another image.
pub fn document_image(shade: u32) -> Vec<u8> {
    sample_image(900 + shade, 640, ImageFormat::Jpeg)
}

/// An image of one shade, in which nothing can be seen.
pub fn plain_image() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(900, 640, image::Rgb([40; 3]))
        .write_to(&mut file, ImageFormat::Png)
        .expect("an image");
    file.into_inner()
}

pub async fn upload_document(client: &Client, kind: &str, side: &str, file: Vec<u8>) -> Value {
    let mut response = upload_response(client, kind, side, file).await;
    assert!(response.get("errors").is_none(), "{response:#}");
    response["data"]["uploadIdentityDocument"].take()
}

/// The whole response to the upload of a document.
pub async fn upload_response(client: &Client, kind: &str, side: &str, file: Vec<u8>) -> Value {
    let query = format!(
        "mutation($file: Upload!) {{ uploadIdentityDocument(input: {{ type: {kind}, side: {side}, file: $file }}) {{
            verification {{ {FIELDS} }} errors {{ code field message params {{ name value }} }} }} }}"
    );
    let operations = json!({ "query": query, "variables": { "file": null } });
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", Part::bytes(file).file_name("passport.jpg"));
    let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
    request.send().await.expect("a response").json().await.expect("JSON")
}

/// The verification of the viewer.
pub async fn own_verification(client: &Client) -> Value {
    let query = format!("{{ viewer {{ verification {{ {FIELDS} }} }} }}");
    client.run(&query, json!({})).await["viewer"]["verification"].take()
}

fn steps_done(verification: &Value) -> Vec<bool> {
    let steps = verification["steps"].as_array().expect("a list");
    steps.iter().map(|step| step["done"].as_bool().expect("yes or no")).collect()
}

/// Submits a verification with a passport of this number. Returns the id and version of the verification.
pub async fn submit_verification(user: &TestUser, number: &str, shade: u32) -> (String, i64) {
    user.client.mutate(&save_mutation(), personal_info(number)).await;
    let uploaded = upload_document(&user.client, "PASSPORT", "FRONT", document_image(shade)).await;
    assert_eq!(uploaded["errors"], json!([]));
    let payload = user.client.mutate(&submit_mutation(), json!({})).await;
    let verification = &payload["verification"];
    (text(&verification["id"]), verification["version"].as_i64().expect("a number"))
}

pub fn decision_input(id: &str, decision: &str, version: i64, reasons: &Value) -> Value {
    json!({ "input": { "verificationId": id, "decision": decision, "expectedVersion": version,
                       "reasons": reasons, "internalNote": "seen by the team" } })
}

async fn the_four_steps_are_done_one_after_another(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("status", CHANGED, json!({})).await;
    let event = subscriber.next_event("status").await;
    assert_eq!((&event["delivery"], &event["status"]), (&json!("SNAPSHOT"), &json!("NOT_STARTED")));
    assert_eq!(steps_done(&event["verification"]), [false; 4]);
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

    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    let event = subscriber.next_event("status").await;
    assert_eq!(steps_done(&event["verification"]), [true, false, false, false]);
    assert_eq!((&event["previousStatus"], &event["status"]), (&json!("NOT_STARTED"), &json!("IN_PROGRESS")));
    assert_eq!(
        upload_document(&ann.client, "NATIONAL_ID", "FRONT", document_image(1)).await["errors"],
        json!([])
    );
    assert_eq!(
        steps_done(&subscriber.next_event("status").await["verification"]),
        [true, false, false, false]
    );
    assert_eq!(
        upload_document(&ann.client, "NATIONAL_ID", "BACK", document_image(2)).await["errors"],
        json!([])
    );
    assert_eq!(
        steps_done(&subscriber.next_event("status").await["verification"]),
        [true, true, false, false]
    );
    let payload = ann.client.mutate(&submit_mutation(), json!({})).await;
    let verification = &payload["verification"];
    assert_eq!((&verification["attemptsUsed"], &verification["attemptsLeft"]), (&json!(1), &json!(2)));
    assert_eq!(verification["queuePosition"], 1);
    assert!(verification["reviewDueAt"].is_string());
    let event = subscriber.next_event("status").await;
    assert_eq!(
        (steps_done(&event["verification"]), &event["status"]),
        (vec![true, true, true, false], &json!("IN_REVIEW"))
    );

    let (id, version) = (text(&verification["id"]), verification["version"].as_i64().expect("a number"));
    decide(&rita.at(&app.gateway_b()), &id, "CLEAR", version, &json!([])).await;
    let event = subscriber.next_event("status").await;
    assert_eq!((steps_done(&event["verification"]), &event["status"]), (vec![true; 4], &json!("CLEARED")));
    let badge = "query($id: ID!) { node(id: $id) { ... on User { verified } } }";
    let user = app.gateway_a().run(badge, json!({ "id": ann.id })).await;
    assert_eq!(user["node"]["verified"], true);
    subscriber.expect_silence("status").await;
}

async fn invalid_or_missing_input_is_reported_and_changes_nothing(app: TestApp) {
    let ann = app.member("Ann").await;
    let missing = ann.client.mutation_errors(&submit_mutation(), json!({})).await;
    assert_eq!(missing, [violation("REQUIRED", "personalInfo"), violation("REQUIRED", "documents.FRONT")]);
    for (field, value, code) in [
        ("dateOfBirth", json!("2099-01-01"), "INVALID"),
        ("dateOfBirth", json!("1880-01-01"), "INVALID"),
        ("countryCode", json!("ZZ"), "INVALID"),
        ("documentNumber", json!("1"), "INVALID"),
        ("documentNumber", json!("AB123456!"), "INVALID"),
        ("documentNumber", json!(""), "REQUIRED"),
        ("postalCode", json!(""), "REQUIRED"),
        ("city", json!(""), "REQUIRED"),
    ] {
        let mut form = personal_info("AB123456");
        form["input"][field] = value;
        assert_eq!(ann.client.mutation_errors(&save_mutation(), form).await, [violation(code, field)]);
    }
    let young = (app.now() - TimeDelta::days(17 * 365)).format("%Y-%m-%d").to_string();
    let mut form = personal_info("AB123456");
    form["input"]["dateOfBirth"] = json!(young);
    assert_eq!(
        ann.client.mutation_errors(&save_mutation(), form).await,
        [violation("OUT_OF_RANGE", "dateOfBirth")]
    );
    let mut bomb = sample_image(64, 48, ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let mut large = document_image(1);
    large.resize(10 * 1024 * 1024 + 1, 0);
    for (file, code) in [
        (b"just text".to_vec(), "UNSUPPORTED_MEDIA"),
        (bomb, "UNSUPPORTED_MEDIA"),
        (sample_image(900, 599, ImageFormat::Jpeg), "OUT_OF_RANGE"),
        (large, "FILE_TOO_LARGE"),
    ] {
        let payload = upload_document(&ann.client, "PASSPORT", "FRONT", file).await;
        assert_eq!(user_errors(&payload), [violation(code, "file")], "{payload}");
    }
    assert_eq!(own_verification(&ann.client).await["status"], "NOT_STARTED");
    upload_document(&ann.client, "NATIONAL_ID", "FRONT", document_image(1)).await;
    let same = upload_document(&ann.client, "NATIONAL_ID", "BACK", document_image(1)).await;
    assert_eq!(user_errors(&same), [violation("DUPLICATE", "file")]);
    // A document of another type replaces the images of the first.
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(3)).await;
    assert_eq!(own_verification(&ann.client).await["documents"].as_array().map(Vec::len), Some(1));
    ann.client.mutate(&save_mutation(), personal_info("AB123456")).await;
    ann.client.mutate(&submit_mutation(), json!({})).await;
    for refused in [
        ann.client.mutation_errors(&submit_mutation(), json!({})).await,
        ann.client.mutation_errors(&save_mutation(), personal_info("AB1")).await,
    ] {
        assert!(
            refused == [violation("INVALID_TRANSITION", "")]
                || refused == [violation("INVALID", "documentNumber")],
            "{refused:?}"
        );
    }
    let payload = upload_document(&ann.client, "PASSPORT", "FRONT", document_image(4)).await;
    assert_eq!(user_errors(&payload), [violation("INVALID_TRANSITION", "")]);
    assert_eq!(own_verification(&ann.client).await["status"], "IN_REVIEW");
}

async fn accepted_steps_stay_done_and_a_reviewer_rejects_after_the_third_attempt(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, mut version) = submit_verification(&ann, "AB123456", 1).await;
    let reasons = json!([{ "code": "IMAGE_UNREADABLE", "field": ["documents", "FRONT"] }]);
    for attempt in 1..=2 {
        let payload = decide(&rita.client, &id, "REQUEST_RESUBMISSION", version, &reasons).await;
        assert_eq!(payload["verification"]["status"], "ACTION_REQUIRED");
        let verification = own_verification(&ann.client).await;
        assert_eq!(steps_done(&verification), [true, false, false, false]);
        assert_eq!(
            (&verification["reasons"][0]["code"], &verification["attemptsLeft"]),
            (&json!("IMAGE_UNREADABLE"), &json!(3 - attempt))
        );
        assert!(!verification.to_string().contains("seen by the team"));
        let missing = ann.client.run(CAN, json!({ "action": "SUBMIT_VERIFICATION" })).await;
        assert_eq!(
            missing["viewer"]["can"]["reasons"],
            json!([{ "code": "REQUIRED", "field": ["documents", "FRONT"] }])
        );
        upload_document(&ann.client, "PASSPORT", "FRONT", document_image(10 + attempt)).await;
        version = ann.client.mutate(&submit_mutation(), json!({})).await["verification"]["version"]
            .as_i64()
            .expect("a number");
    }
    // No attempt is left. The reviewer has to decide; nobody is rejected by a count.
    claim(&rita.client, &id).await;
    let refused = rita
        .client
        .mutation_errors(&decide_mutation(), decision_input(&id, "REQUEST_RESUBMISSION", version, &reasons))
        .await;
    assert_eq!(refused, [violation("ATTEMPTS_EXHAUSTED", "decision")]);
    assert_eq!(own_verification(&ann.client).await["status"], "IN_REVIEW");
    let payload =
        rita.client.mutate(&decide_mutation(), decision_input(&id, "REJECT", version, &reasons)).await;
    assert_eq!(payload["verification"]["status"], "REJECTED");
    assert_eq!(payload["verification"]["reasons"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        ann.client.mutation_errors(&save_mutation(), personal_info("AB123456")).await,
        [violation("INVALID_TRANSITION", "")]
    );
}

async fn names_and_addresses_of_every_country_are_accepted(app: TestApp) {
    let ann = app.member("Ann").await;
    let query = "{ countries { code name hasPostalCode } }";
    let countries = app.gateway_b().run(query, json!({})).await["countries"].take();
    let countries = countries.as_array().expect("a list");
    assert_eq!(countries.len(), 250);
    assert_eq!(countries[1], json!({ "code": "AX", "name": "Åland Islands", "hasPostalCode": true }));
    let save =
        async |form: Value| user_errors(&ann.client.run(&save_mutation(), form).await["savePersonalInfo"]);
    for (changes, expected) in [
        (json!({ "firstName": "", "lastName": "Suharto" }), vec![]),
        (json!({ "firstName": "Suharto", "lastName": " " }), vec![]),
        (json!({ "firstName": "", "lastName": "" }), vec![violation("REQUIRED", "firstName")]),
        (json!({ "firstName": "\u{3000}", "lastName": "-" }), vec![violation("REQUIRED", "firstName")]),
        (json!({ "countryCode": "HK", "postalCode": "", "documentNumber": "A123456(7)" }), vec![]),
        (json!({ "countryCode": "HK", "postalCode": "999077" }), vec![]),
        (json!({ "countryCode": "AE", "postalCode": "" }), vec![]),
        (json!({ "countryCode": "\u{200e}p\u{200b}a\u{200e}", "postalCode": "\u{200b}" }), vec![]),
        (json!({ "countryCode": "XK", "postalCode": "10000" }), vec![]),
        (json!({ "countryCode": "XK", "postalCode": "" }), vec![violation("REQUIRED", "postalCode")]),
    ] {
        let mut form = personal_info("AB123456");
        for (field, value) in changes.as_object().expect("an object") {
            form["input"][field] = value.clone();
        }
        assert_eq!(save(form).await, expected, "{changes}");
    }
    // Every country that is listed is accepted, with a postal code where it has them.
    for country in countries.iter().step_by(7) {
        let mut form = personal_info("DOE**JM*123AB");
        form["input"]["countryCode"] = country["code"].clone();
        form["input"]["postalCode"] = json!("");
        let expected =
            if country["hasPostalCode"] == true { vec![violation("REQUIRED", "postalCode")] } else { vec![] };
        assert_eq!(save(form).await, expected, "{country}");
    }
    // The number is stored as it was typed.
    let saved = ann.client.mutate(&save_mutation(), personal_info("αβ-123*456")).await;
    assert_eq!(saved["verification"]["personalInfo"]["documentNumber"], "αβ-123*456");
}

async fn from_level_five_sellers_need_a_cleared_verification(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    user_admin::set_points(app.services(), &ann.email, 8000).await.expect("level 4");
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&gig).await;
    let can = json!({ "action": "POST_GIG" });
    assert_eq!(ann.client.run(CAN, can.clone()).await["viewer"]["can"]["allowed"], true);
    user_admin::set_points(app.services(), &ann.email, 11180).await.expect("level 5");
    let needed = json!({ "allowed": false, "reasons": [{ "code": "VERIFICATION_REQUIRED", "field": null }] });
    for action in ["POST_GIG", "TAKE_ORDER"] {
        let response = ann.at(&app.gateway_b()).run(CAN, json!({ "action": action })).await;
        assert_eq!(response["viewer"]["can"], needed, "{action}");
    }
    let form = app.gig_form("I will write another song").await;
    let refused = ann.at(&app.gateway_b()).mutation_errors(POST_GIG, json!({ "input": form })).await;
    assert_eq!(refused, [violation("VERIFICATION_REQUIRED", "")]);

    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    subscriber.subscribe("gig", GIG_STATUS_CHANGED, json!({ "id": gig })).await;
    subscriber.next_event("gig").await;
    let cleared = decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    assert_eq!(ann.client.run(CAN, can.clone()).await["viewer"]["can"]["allowed"], true);
    let waiting = ann.post(form.clone()).await;

    // Once it is revoked, the seller is not verified any more and their listed gigs are paused.
    let version = cleared["verification"]["version"].as_i64().expect("a number");
    let reasons = json!([{ "code": "DOCUMENT_TAMPERED" }]);
    decide(&app.admin("Ada").await.client, &id, "REVOKE", version, &reasons).await;
    assert_eq!(subscriber.next_event("gig").await["status"], "PAUSED");
    let data = ann
        .client
        .run("{ viewer { user { verified } verification { status attemptsLeft } } }", json!({}))
        .await;
    assert_eq!(data["viewer"]["user"]["verified"], false);
    assert_eq!(data["viewer"]["verification"], json!({ "status": "REVOKED", "attemptsLeft": 3 }));
    assert_eq!(
        ann.client.mutation_errors(RESUME_GIG, json!({ "id": gig })).await,
        [violation("VERIFICATION_REQUIRED", "")]
    );
    // A gig in review cannot be approved.
    let approve = json!({ "input": { "gigId": waiting, "decision": "APPROVE", "expectedVersion": 1 } });
    assert_eq!(
        rita.client.mutation_errors(DECIDE_GIG, approve).await,
        [violation("VERIFICATION_REQUIRED", "")]
    );
    // A revoked verification can be started again.
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(9)).await;
    assert_eq!(own_verification(&ann.client).await["status"], "IN_PROGRESS");
}

on_both_back_ends!(
    the_four_steps_are_done_one_after_another,
    invalid_or_missing_input_is_reported_and_changes_nothing,
    accepted_steps_stay_done_and_a_reviewer_rejects_after_the_third_attempt,
    names_and_addresses_of_every_country_are_accepted,
    from_level_five_sellers_need_a_cleared_verification,
);
