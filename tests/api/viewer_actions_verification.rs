//! `Verification.viewerActions` lists exactly what succeeds; see `viewer_actions`.

use gigway::config::Settings;
use gigway::service::erasure;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::on_both_back_ends;
use crate::support::reviewing;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    decide_mutation, decision_input, document_image, personal_info, save_mutation, submit_mutation,
    submit_verification, upload_document,
};
use crate::viewer_actions::{Staff, expire_claims, has_succeeded, listed_actions};

const VERIFICATION_ACTIONS: [&str; 7] =
    ["SAVE_PERSONAL_INFO", "UPLOAD_DOCUMENT", "SUBMIT", "CLEAR", "REQUEST_RESUBMISSION", "REJECT", "REVOKE"];

const VERIFICATION_STATES: [&str; 13] = [
    "NOT_STARTED",
    "IN_PROGRESS",
    "IN_PROGRESS and complete",
    "IN_REVIEW",
    "IN_REVIEW and claimed",
    "IN_REVIEW, claimed and seen",
    "IN_REVIEW and the claim has expired",
    "ACTION_REQUIRED",
    "CLEARED",
    "CLEARED and inspected",
    "CLEARED and the user is erased",
    "REJECTED",
    "REVOKED",
];

/// A user whose verification is in this state, and its id.
async fn user_in_state(
    app: &TestApp,
    staff: &Staff,
    is_reviewer: bool,
    number: u32,
    state: &str,
) -> (TestUser, String) {
    let name = format!("Owner{number}");
    let owner = if is_reviewer { app.reviewer(&name).await } else { app.member(&name).await };
    let id = owner.id.replace("usr_", "ver_");
    let passport = format!("P{:07}", 1_000_000 + number);
    if state == "NOT_STARTED" {
        return (owner, id);
    }
    if state.starts_with("IN_PROGRESS") {
        owner.client.mutate(&save_mutation(), personal_info(&passport)).await;
        if state != "IN_PROGRESS" {
            upload_document(&owner.client, "PASSPORT", "FRONT", document_image(number)).await;
        }
        return (owner, id);
    }
    let (_, version) = submit_verification(&owner, &passport, number).await;
    let reasons = json!([{ "code": "OTHER", "message": "Because." }]);
    let decide = async |decision: &str, version: i64| {
        let reasons = if decision == "CLEAR" { json!([]) } else { reasons.clone() };
        let reviewer = if decision == "REVOKE" { &staff.admin } else { &staff.rob };
        reviewing::decide(&reviewer.client, &id, decision, version, &reasons).await;
    };
    match state {
        "IN_REVIEW" => {}
        "IN_REVIEW and claimed" => drop(reviewing::claim(&staff.rita.client, &id).await),
        "IN_REVIEW, claimed and seen" => reviewing::review(&staff.rita.client, &id).await,
        "IN_REVIEW and the claim has expired" => {
            reviewing::review(&staff.rita.client, &id).await;
            expire_claims(app).await;
        }
        "ACTION_REQUIRED" => decide("REQUEST_RESUBMISSION", version).await,
        "REJECTED" => decide("REJECT", version).await,
        _ => {
            decide("CLEAR", version).await;
            match state {
                "CLEARED" => {}
                "CLEARED and inspected" => drop(reviewing::inspect(&staff.admin.client, &id).await),
                "REVOKED" => decide("REVOKE", version + 1).await,
                _ => drop(erasure::erase_user(app.services(), &owner.email).await.expect("erased")),
            }
        }
    }
    (owner, id)
}

/// Tries the action with valid input. Returns whether it succeeded.
async fn try_verification_action(client: &Client, action: &str, id: &str, version: i64, number: u32) -> bool {
    let reasons = json!([{ "code": "OTHER", "message": "Because." }]);
    let response = match action {
        "SAVE_PERSONAL_INFO" => {
            let passport = format!("Q{:07}", 1_000_000 + number);
            client.execute(&save_mutation(), personal_info(&passport)).await
        }
        "SUBMIT" => client.execute(&submit_mutation(), json!({})).await,
        "UPLOAD_DOCUMENT" => {
            let query =
                "mutation($file: Upload!) { uploadIdentityDocument(input: { type: PASSPORT, side: FRONT,
                file: $file }) { errors { code } } }";
            let operations = json!({ "query": query, "variables": { "file": null } });
            let form = Form::new()
                .text("operations", operations.to_string())
                .text("map", r#"{"0":["variables.file"]}"#)
                .part("0", Part::bytes(document_image(number)).file_name("passport.jpg"));
            let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
            request.send().await.expect("a response").json().await.expect("JSON")
        }
        decision => {
            let reasons = if decision == "CLEAR" { json!([]) } else { reasons };
            client.execute(&decide_mutation(), decision_input(id, decision, version, &reasons)).await
        }
    };
    has_succeeded(&response)
}

/// The status, the version and the actions of a verification; null if the viewer cannot see it.
async fn verification(client: &Client, id: &str) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { status version viewerActions } } }";
    client.execute(query, json!({ "id": id })).await
}

async fn an_action_on_a_verification_succeeds_exactly_if_it_is_listed(app: TestApp) {
    let staff = Staff::create(&app).await;
    let (mut number, mut successes) = (0, 0);
    for is_reviewer in [false, true] {
        // For a reviewer as the owner, only the states in which reviewers can do something.
        let is_tried =
            |state: &&str| !is_reviewer || state.starts_with("IN_REVIEW") || state.starts_with("CLEARED");
        for state in VERIFICATION_STATES.into_iter().filter(is_tried) {
            let mut subject = None;
            for viewer in 0..6 {
                let mut seen = None;
                for action in VERIFICATION_ACTIONS {
                    if subject.is_none() {
                        number += 1;
                        subject = Some(user_in_state(&app, &staff, is_reviewer, number, state).await);
                        seen = None;
                    }
                    let (owner, id) = subject.as_ref().expect("a user");
                    let (name, client) = staff.viewers(&app, owner)[viewer].clone();
                    if seen.is_none() {
                        let listed = listed_actions(&verification(&client, id).await);
                        let now = verification(&staff.admin.client, id).await["data"]["node"].take();
                        seen = Some((listed, now["version"].as_i64().unwrap_or_default()));
                    }
                    let (listed, version) = seen.clone().expect("it is read");
                    let case = format!("{action} by {name}, {state}, reviewer: {is_reviewer}: {listed:?}");
                    let is_listed = listed.iter().any(|it| it == action);
                    let is_own_action = ["SAVE_PERSONAL_INFO", "UPLOAD_DOCUMENT", "SUBMIT"].contains(&action);
                    if is_own_action && name != "the owner" {
                        // It would be about the viewer's own verification.
                        assert!(!is_listed, "{case}");
                        continue;
                    }
                    let succeeded = try_verification_action(&client, action, id, version, number).await;
                    assert_eq!(succeeded, is_listed, "{case}");
                    if succeeded {
                        successes += 1;
                        subject = None;
                    }
                }
            }
        }
    }
    assert!(successes > 20, "{successes}");
}

on_both_back_ends!(an_action_on_a_verification_succeeds_exactly_if_it_is_listed);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reviewer_cannot_repeat_their_own_proposal() {
    let settings = Settings {
        limits: Some(r#"{"verification":{"secondReviewer":true}}"#.into()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let actions = async |user: &TestUser| listed_actions(&verification(&user.client, &id).await);
    assert_eq!(actions(&rita).await, [""; 0]);
    reviewing::claim(&rita.client, &id).await;
    assert_eq!(actions(&rita).await, ["REQUEST_RESUBMISSION", "REJECT"]);
    reviewing::open_pictures(&rita.client, &id).await;
    assert_eq!(actions(&rita).await, ["CLEAR", "REQUEST_RESUBMISSION", "REJECT"]);
    let reject = decision_input(&id, "REJECT", version, &json!([{ "code": "DOCUMENT_TAMPERED" }]));
    rita.client.mutate(&decide_mutation(), reject.clone()).await;
    assert_eq!((actions(&rita).await, actions(&rob).await), (Vec::new(), Vec::new()));
    assert!(!rita.client.mutation_errors(&decide_mutation(), reject.clone()).await.is_empty());
    reviewing::claim(&rob.client, &id).await;
    assert_eq!(actions(&rob).await, ["REQUEST_RESUBMISSION", "REJECT"]);
    rob.client.mutate(&decide_mutation(), reject).await;
    assert_eq!(actions(&rob).await, [""; 0]);
}
