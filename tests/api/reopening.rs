//! The last attempt, and rejected verifications that an administrator reopens: nobody is rejected without the decision
//! of a reviewer, and no rejection is beyond correction. Fails on versions that rejected by a count.

use entity::fingerprint;
use gigway::domain::id::{PublicId, UserId};
use gigway::store::audit;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::flags::newest_item;
use crate::support::documents::CLAIM;
use crate::support::on_both_back_ends;
use crate::support::reviewing;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    decide_mutation, decision_input, document_image, own_verification, submit_mutation, submit_verification,
    upload_document, violation,
};

const REOPEN: &str = "mutation($input: ReopenVerificationInput!) { reopenVerification(input: $input) {
    verification { status version attemptsUsed attemptsLeft } errors { code field message } } }";

const ACTIONS: &str = "query($id: ID!) { node(id: $id) { ... on Verification { viewerActions } } }";

fn reopening(id: &str, version: i64, reason: &str) -> Value {
    json!({ "input": { "verificationId": id, "expectedVersion": version, "reason": reason } })
}

/// The history of the user's newest item, newest entry first.
async fn history(reviewer: &TestUser, user: &TestUser) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on ReviewItem { history {
        kind decision by { displayName } internalNote } } } }";
    let id = newest_item(reviewer, user).await["id"].take();
    reviewer.client.run(query, json!({ "id": id })).await["node"]["history"].take()
}

async fn claim(reviewer: &TestUser, user: &TestUser) {
    let item = newest_item(reviewer, user).await;
    reviewer.client.mutate(CLAIM, json!({ "id": item["id"] })).await;
}

/// Lets a reviewer reject the user's submission.
async fn reject(reviewer: &TestUser, user: &TestUser, id: &str, version: i64, code: &str) -> i64 {
    claim(reviewer, user).await;
    let reject = decision_input(id, "REJECT", version, &json!([{ "code": code }]));
    let payload = reviewer.client.mutate(&decide_mutation(), reject).await;
    assert_eq!(payload["verification"]["status"], "REJECTED");
    payload["verification"]["version"].as_i64().expect("a number")
}

async fn after_the_last_attempt_a_reviewer_must_clear_or_reject(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, mut version) = submit_verification(&ann, "AB123456", 1).await;
    let reasons = json!([{ "code": "IMAGE_UNREADABLE", "field": ["documents", "FRONT"] }]);
    let send_back = |version: i64| decision_input(&id, "REQUEST_RESUBMISSION", version, &reasons);
    for attempt in 1..=2 {
        claim(&rita, &ann).await;
        rita.client.mutate(&decide_mutation(), send_back(version)).await;
        upload_document(&ann.client, "PASSPORT", "FRONT", document_image(10 + attempt)).await;
        let submitted = ann.client.mutate(&submit_mutation(), json!({})).await;
        version = submitted["verification"]["version"].as_i64().expect("a number");
    }
    claim(&rita, &ann).await;
    let before = own_verification(&ann.client).await;
    let refused = rita.client.mutation_errors(&decide_mutation(), send_back(version)).await;
    assert_eq!(refused, [violation("ATTEMPTS_EXHAUSTED", "decision")]);
    assert_eq!(own_verification(&ann.client).await, before);
    reviewing::open_pictures(&rita.client, &id).await;
    let actions = rita.client.run(ACTIONS, json!({ "id": id })).await["node"]["viewerActions"].take();
    assert_eq!(actions, json!(["CLEAR", "REJECT"]));
    let clear = decision_input(&id, "CLEAR", version, &json!([]));
    rita.client.mutate(&decide_mutation(), clear).await;
    assert_eq!(own_verification(&ann.client).await["status"], "CLEARED");
}

async fn an_administrator_reopens_a_rejected_verification_with_a_reason(app: TestApp) {
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let early = ada.client.mutation_errors(REOPEN, reopening(&id, version, "A mistake.")).await;
    assert_eq!(early, [violation("INVALID_TRANSITION", "")]);
    let version = reject(&rita, &ann, &id, version, "UNDER_AGE").await;
    let input = reopening(&id, version, "The date of birth was misread.");
    for (client, code) in
        [(&app.gateway_a(), "UNAUTHENTICATED"), (&ann.client, "FORBIDDEN"), (&rita.client, "FORBIDDEN")]
    {
        assert_eq!(client.error_codes(REOPEN, input.clone()).await, [code]);
    }
    for (input, expected) in [
        (reopening(&id, version, "\u{3000} "), violation("REQUIRED", "reason")),
        (reopening(&id, version, &"x".repeat(2001)), violation("TOO_LONG", "reason")),
        (reopening(&id, version - 1, "A mistake."), violation("STALE_VERSION", "expectedVersion")),
        (
            reopening("ver_00000000000000000000000000", 1, "A mistake."),
            violation("NOT_FOUND", "verificationId"),
        ),
        (reopening(&ada.id.replace("usr_", "ver_"), 1, "Mine."), violation("NOT_ALLOWED", "verificationId")),
    ] {
        assert_eq!(ada.client.mutation_errors(REOPEN, input).await, [expected]);
    }
    let mut subscriber = ann.at(&app.gateway_b()).socket().await;
    let changed = "subscription { verificationStatusChanged { previousStatus status } }";
    subscriber.subscribe("status", changed, json!({})).await;
    assert_eq!(subscriber.next_event("status").await["status"], "REJECTED");
    let reopened = ada.at(&app.gateway_b()).mutate(REOPEN, input.clone()).await["verification"].take();
    let expected =
        json!({ "status": "IN_PROGRESS", "version": version + 1, "attemptsUsed": 0, "attemptsLeft": 3 });
    assert_eq!(reopened, expected);
    let event = subscriber.next_event("status").await;
    assert_eq!((&event["previousStatus"], &event["status"]), (&json!("REJECTED"), &json!("IN_PROGRESS")));
    assert!(!own_verification(&ann.client).await.to_string().contains("misread"));
    // Reviewers read the reason in the history, also in that of the next submission (below).
    let voice = json!({ "kind": "DECISION", "decision": "REOPEN", "by": { "displayName": "Ada" },
                        "internalNote": "The date of birth was misread." });
    assert_eq!(history(&rita, &ann).await[0], voice);
    let repeated = ada.client.mutation_errors(REOPEN, reopening(&id, version + 1, "Again.")).await;
    assert_eq!(repeated, [violation("INVALID_TRANSITION", "")]);

    let subject = UserId::parse(&ann.id).expect("a user's id");
    let trail = audit::find_by_subject(app.services().db.read(), subject).await.expect("a trail");
    let entry = trail.iter().find(|entry| entry.action == "REOPEN").expect("an entry");
    assert_eq!((entry.actor_id, entry.request_id.is_empty()), (UserId::parse(&ada.id), false));

    let submitted = ann.client.mutate(&submit_mutation(), json!({})).await;
    assert_eq!(submitted["verification"]["status"], "IN_REVIEW");
    assert_eq!(history(&rita, &ann).await[0], voice);
    claim(&rita, &ann).await;
    reviewing::open_pictures(&rita.client, &id).await;
    let version = submitted["verification"]["version"].as_i64().expect("a number");
    let clear = decision_input(&id, "CLEAR", version, &json!([]));
    rita.client.mutate(&decide_mutation(), clear).await;
    assert_eq!(own_verification(&ann.client).await["status"], "CLEARED");
}

async fn a_reopened_fraud_is_flagged_until_the_person_is_cleared(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let (ada, rob) = (app.admin("Ada").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let first_item = newest_item(&rita, &ann).await["id"].take();
    let version = reject(&rita, &ann, &id, version, "DOCUMENT_TAMPERED").await;
    ada.client.mutate(REOPEN, reopening(&id, version, "The police has confirmed the passport.")).await;
    ann.client.mutate(&submit_mutation(), json!({})).await;
    let item = newest_item(&rita, &ann).await;
    assert_eq!(item["flags"][0]["code"], "PREVIOUSLY_REJECTED");
    assert_eq!((&item["flags"][0]["related"], &item["flags"][1]), (&json!([first_item]), &Value::Null));
    // If two reviewers are needed, the second one confirms.
    for reviewer in [&rita, &rob] {
        let item = newest_item(reviewer, &ann).await;
        if item["state"] == "OPEN" {
            claim(reviewer, &ann).await;
            reviewing::open_pictures(&reviewer.client, &id).await;
            let version = item["subject"]["version"].as_i64().expect("a number");
            let clear = decision_input(&id, "CLEAR", version, &json!([]));
            reviewer.client.mutate(&decide_mutation(), clear).await;
        }
    }
    assert_eq!(own_verification(&ann.client).await["status"], "CLEARED");
    assert_eq!(fingerprint::Entity::find().count(app.services().db.read()).await.expect("a count"), 0);
    submit_verification(&bob, "AB123456", 7).await;
    let flags = newest_item(&rita, &bob).await["flags"].take();
    let codes: Vec<_> = flags.as_array().expect("a list").iter().map(|flag| flag["code"].clone()).collect();
    assert!(codes.contains(&json!("DUPLICATE_DOCUMENT")), "{codes:?}");
    assert!(!codes.contains(&json!("PREVIOUSLY_REJECTED")), "{codes:?}");
}

on_both_back_ends!(
    after_the_last_attempt_a_reviewer_must_clear_or_reject,
    an_administrator_reopens_a_rejected_verification_with_a_reason,
    a_reopened_fraud_is_flagged_until_the_person_is_cleared,
);
