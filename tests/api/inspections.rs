//! Decided verifications open to an administrator by an inspection, with a reason, for some minutes. A revocation
//! needs one.

use chrono::TimeDelta;
use gigway::domain::id::{PublicId, UserId};
use gigway::service::{erasure, user_admin};
use gigway::store::audit;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::on_both_back_ends;
use crate::support::reviewing::{self, INSPECT};
use crate::support::test_app::TestApp;
use crate::verification::{
    decide_mutation, decision_input, document_image, submit_verification, upload_document, violation,
};

const OPEN: &str = "query($id: ID!) { node(id: $id) { ... on Verification {
    viewerActions personalInfo { documentNumber } documents { url } } } }";

/// Whether the client can read the form and gets the URL of the picture.
async fn is_open(client: &Client, verification: &str) -> bool {
    let node = client.run(OPEN, json!({ "id": verification })).await["node"].take();
    let (form, url) = (node["personalInfo"].is_object(), node["documents"][0]["url"].is_string());
    assert_eq!(form, url, "{node}");
    form
}

fn input(verification: &str, reason: &str) -> Value {
    json!({ "input": { "verificationId": verification, "reason": reason } })
}

async fn a_decided_case_opens_to_an_administrator_by_an_inspection(app: TestApp) {
    // Shorter than the URL of a picture and an access token are valid.
    let app = app.with_limits(r#"{"review":{"inspectionMinutes":2}}"#).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (ada, eve) = (app.admin("Ada").await, app.admin("Eve").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    // One that is in review opens by a claim.
    let refused = ada.client.mutation_errors(INSPECT, input(&id, "Why not.")).await;
    assert_eq!(refused, [violation("INVALID_TRANSITION", "verificationId")]);
    let item = reviewing::item_of(&rita.client, &id).await;
    reviewing::decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    assert!(!is_open(&ada.client, &id).await);
    for (client, code) in [(&rita.client, "FORBIDDEN"), (&ann.client, "FORBIDDEN")] {
        assert_eq!(error_codes(&client.execute(INSPECT, input(&id, "Why not.")).await), [code]);
    }
    for (reason, code) in [(" \n", "REQUIRED"), (&"x".repeat(2001), "TOO_LONG")] {
        let refused = ada.client.mutation_errors(INSPECT, input(&id, reason)).await;
        assert_eq!(refused, [violation(code, "reason")]);
    }
    let unknown = ada.client.mutation_errors(INSPECT, input("ver_01h455vb4pex5vsknk084sn02q", "Why.")).await;
    assert_eq!(unknown, [violation("NOT_FOUND", "verificationId")]);
    assert!(!is_open(&ada.client, &id).await);

    let payload = ada.client.mutate(INSPECT, input(&id, "A report of a buyer.")).await;
    assert_eq!(payload["verification"]["personalInfo"]["documentNumber"], "AB123456");
    let seconds = payload["inspection"]["expiresIn"].as_i64().expect("a number");
    assert!((110..=120).contains(&seconds), "{seconds}");
    assert!(is_open(&ada.at(&app.gateway_b()), &id).await);
    assert!(!is_open(&eve.client, &id).await && !is_open(&rita.client, &id).await);
    let path = reviewing::picture_paths(&ada.client, &id).await.remove(0);
    assert_eq!(ada.client.fetch(&path).await.0, 200);
    // Reviewers read the reason in the history.
    let history = "query($id: ID!) { node(id: $id) { ... on ReviewItem { history {
        kind decision internalNote by { displayName } } } } }";
    let history = rita.client.run(history, json!({ "id": item })).await["node"]["history"].take();
    let expected = json!({ "kind": "INSPECTION", "decision": "INSPECT", "internalNote": "A report of a buyer.",
        "by": { "displayName": "Ada" } });
    assert_eq!(history[0], expected);
    let user_id = UserId::parse(&ann.id).expect("an id");
    let entries = audit::find_by_subject(app.services().db.read(), user_id).await.expect("a trail");
    let by_ada: Vec<_> = entries
        .iter()
        .filter(|entry| entry.actor_id == UserId::parse(&ada.id))
        .map(|it| &it.action)
        .collect();
    let mut expected = vec!["DECISION_REFUSED"; 3];
    expected.extend(["INSPECT", "VIEW_PERSONAL_INFO", "VIEW_PERSONAL_INFO", "VIEW_DOCUMENT"]);
    assert_eq!(by_ada, expected);
    assert!(entries.iter().all(|entry| !entry.detail.contains("buyer")), "the trail has no free words");
    app.advance_clock(TimeDelta::minutes(2));
    assert!(!is_open(&ada.client, &id).await);
    assert_eq!(ada.client.fetch(&path).await.0, 404);
}

/// With the limits as they are by default. The access tokens, which are valid for as long, are renewed.
async fn an_inspection_lasts_15_minutes_by_default(app: TestApp) {
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    reviewing::decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    app.freeze_clock();
    let payload = ada.client.mutate(INSPECT, input(&id, "A report of a buyer.")).await;
    assert_eq!(payload["inspection"]["expiresIn"], 15 * 60);
    app.advance_clock(TimeDelta::seconds(15 * 60 - 1));
    let ada = app.sign_in(&ada.email).await;
    assert!(is_open(&ada.client, &id).await, "one second before its end");
    let path = reviewing::picture_paths(&ada.client, &id).await.remove(0);
    assert_eq!(ada.client.fetch(&path).await.0, 200);
    app.advance_clock(TimeDelta::seconds(1));
    assert!(!is_open(&ada.client, &id).await, "at its end");
    assert_eq!(ada.client.fetch(&path).await.0, 404);
    let revoke = decision_input(&id, "REVOKE", version + 1, &json!([{ "code": "UNDER_AGE" }]));
    let refused = ada.client.mutation_errors(&decide_mutation(), revoke).await;
    assert_eq!(refused, [violation("INSPECTION_REQUIRED", "verificationId")]);
}

async fn a_revocation_needs_an_inspection(app: TestApp) {
    // Shorter than the URL of a picture and an access token are valid.
    let app = app.with_limits(r#"{"review":{"inspectionMinutes":2}}"#).await;
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    reviewing::decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    let revoke = decision_input(&id, "REVOKE", version + 1, &json!([{ "code": "UNDER_AGE" }]));
    for client in [&rita.client, &ada.client] {
        let refused = client.mutation_errors(&decide_mutation(), revoke.clone()).await;
        assert_eq!(refused, [violation("INSPECTION_REQUIRED", "verificationId")]);
    }
    reviewing::inspect(&ada.client, &id).await;
    let refused = rita.client.mutation_errors(&decide_mutation(), revoke.clone()).await;
    assert_eq!(refused, [violation("INSPECTION_REQUIRED", "verificationId")], "the inspection of another");
    app.advance_clock(TimeDelta::minutes(2));
    let refused = ada.client.mutation_errors(&decide_mutation(), revoke.clone()).await;
    assert_eq!(refused, [violation("INSPECTION_REQUIRED", "verificationId")], "it has expired");
    reviewing::inspect(&ada.client, &id).await;
    let actions = ada.client.run(OPEN, json!({ "id": id })).await["node"]["viewerActions"].take();
    assert_eq!(actions, json!(["REVOKE"]));
    let payload = ada.client.mutate(&decide_mutation(), revoke).await;
    assert_eq!(payload["verification"]["status"], "REVOKED");
    // What the user changes then is no decided case, and opens to nobody.
    assert!(is_open(&ada.client, &id).await);
    upload_document(&ann.client, "PASSPORT", "FRONT", document_image(9)).await;
    assert!(!is_open(&ada.client, &id).await);
    let refused = ada.client.mutation_errors(INSPECT, input(&id, "Why not.")).await;
    assert_eq!(refused, [violation("INVALID_TRANSITION", "verificationId")]);
    // Under a legal hold, it does.
    user_admin::set_legal_hold(app.services(), &ann.email, true).await.expect("a hold");
    reviewing::inspect(&ada.client, &id).await;
    assert!(is_open(&ada.client, &id).await);
}

async fn nobody_inspects_themselves_or_an_erased_user(app: TestApp) {
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let (own, version) = submit_verification(&ada, "AB123456", 1).await;
    reviewing::decide(&rita.client, &own, "CLEAR", version, &json!([])).await;
    let refused = ada.client.mutation_errors(INSPECT, input(&own, "Why not.")).await;
    assert_eq!(refused, [violation("NOT_ALLOWED", "verificationId")]);
    let (id, version) = submit_verification(&ann, "CD123456", 2).await;
    reviewing::decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    reviewing::inspect(&ada.client, &id).await;
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    let node = ada.client.run(OPEN, json!({ "id": id })).await["node"].take();
    assert_eq!((&node["personalInfo"], &node["documents"]), (&Value::Null, &json!([])));
    let refused = ada.client.mutation_errors(INSPECT, input(&id, "Why not.")).await;
    assert_eq!(refused, [violation("INVALID_TRANSITION", "")]);
    let queue = "{ reviewQueue(kind: VERIFICATION) { nodes { history { kind internalNote } } } }";
    let queue = rita.client.run(queue, json!({})).await;
    assert!(!queue.to_string().contains("report of a buyer"), "{queue}");
}

on_both_back_ends!(
    a_decided_case_opens_to_an_administrator_by_an_inspection,
    an_inspection_lasts_15_minutes_by_default,
    a_revocation_needs_an_inspection,
    nobody_inspects_themselves_or_an_erased_user,
);
