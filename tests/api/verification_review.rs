//! Identity verification, the reviewer's part: decisions, documents and their audit entries, tampered data,
//! and the queue.

use chrono::TimeDelta;
use gigway::domain::id::{PublicId, UserId};
use gigway::store::audit;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text};
use crate::support::documents::{CLAIM, QUEUE_CHANGED};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::reviewing::claim;
use crate::support::test_app::TestApp;
use crate::verification::{
    FIELDS, decide_mutation, decision_input, own_verification, submit_verification, violation,
};

async fn invalid_decisions_are_rejected(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let spam = json!([{ "code": "SPAM" }]);
    let sanctioned = json!([{ "code": "SANCTIONED", "message": "on list 7" }]);
    for (reviewer, decision, version, reasons, expected) in [
        (&rita, "CLEAR", version - 1, json!([]), violation("STALE_VERSION", "expectedVersion")),
        (&rita, "REJECT", version, json!([]), violation("REQUIRED", "reasons")),
        (&rita, "REJECT", version, spam, violation("INVALID", "reasons.0.code")),
        (&rita, "CLEAR", version, sanctioned.clone(), violation("INVALID", "reasons")),
        (&rita, "REVOKE", version, sanctioned.clone(), violation("INVALID_TRANSITION", "")),
    ] {
        let input = decision_input(&id, decision, version, &reasons);
        assert_eq!(reviewer.client.mutation_errors(&decide_mutation(), input).await, [expected]);
    }
    let (own_id, own_version) = submit_verification(&rob, "CD123456", 2).await;
    let refused = rob
        .client
        .mutation_errors(&decide_mutation(), decision_input(&own_id, "CLEAR", own_version, &json!([])))
        .await;
    assert_eq!(refused, [violation("NOT_ALLOWED", "verificationId")]);
    // A claim excludes others, as with gigs.
    let queue = "{ reviewQueue(kind: VERIFICATION, state: OPEN) { nodes { id kind subject { ... on Verification { id } } } } }";
    let items = rita.client.run(queue, json!({})).await["reviewQueue"]["nodes"].take();
    let item = items
        .as_array()
        .expect("a list")
        .iter()
        .find(|item| item["subject"]["id"] == json!(id))
        .expect("an item");
    let unclaimed =
        rita.client.mutation_errors(&decide_mutation(), decision_input(&id, "REJECT", version, &sanctioned));
    assert_eq!(unclaimed.await, [violation("CLAIM_REQUIRED", "verificationId")]);
    rita.client.mutate(CLAIM, json!({ "id": item["id"] })).await;
    let refused = rob
        .client
        .mutation_errors(&decide_mutation(), decision_input(&id, "CLEAR", version, &json!([])))
        .await;
    assert_eq!(refused, [violation("ALREADY_CLAIMED", "verificationId")]);
    rita.client.mutate(&decide_mutation(), decision_input(&id, "REJECT", version, &sanctioned)).await;
    // The applicant sees `OTHER` instead of the actual reason; reviewers see the reason.
    let verification = own_verification(&ann.client).await;
    assert_eq!(
        (&verification["status"], &verification["reasons"][0]["code"]),
        (&json!("REJECTED"), &json!("OTHER"))
    );
    assert!(!verification.to_string().contains("list 7"), "{verification}");
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Verification {{ {FIELDS} }} }} }}");
    let data = rob.client.run(&query, json!({ "id": id })).await;
    assert_eq!(data["node"]["reasons"][0]["code"], "SANCTIONED");
    let member = app.member("Mia").await;
    assert_eq!(member.client.run(&query, json!({ "id": id })).await["node"], Value::Null);
}

async fn a_document_is_shown_in_the_reviewers_session_only_and_access_is_audited(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, _) = submit_verification(&ann, "AB123456", 1).await;
    assert_eq!(own_verification(&ann.client).await["documents"][0]["url"], Value::Null);
    let query = "query($id: ID!) { node(id: $id) { ... on Verification { documents { url } } } }";
    claim(&rita.client, &id).await;
    let data = rita.at(&app.gateway_b()).run(query, json!({ "id": id })).await;
    let url = text(&data["node"]["documents"][0]["url"]);
    let path = format!("/identity-documents/{}", url.split_once("/identity-documents/").expect("a URL").1);
    let status = async |client: &Client, path: &str| client.fetch(path).await.0.as_u16();
    let (code, response) = rita.client.fetch(&path).await;
    assert_eq!(
        (code.as_u16(), &response.headers()["cache-control"]),
        (200, &"private, no-store".parse().expect("a value"))
    );
    image::load_from_memory(&response.bytes().await.expect("bytes")).expect("an image");
    assert_eq!(status(&app.gateway_a(), &path).await, 401);
    assert_eq!(status(&rob.client, &path).await, 404);
    assert_eq!(status(&ann.client, &path).await, 404);
    assert_eq!(status(&app.sign_in(&rita.email).await.client, &path).await, 404);
    assert_eq!(status(&rita.client, &path.replace("expires=1", "expires=2")).await, 404);
    app.advance_clock(TimeDelta::minutes(5));
    assert_eq!(status(&rita.client, &path).await, 404);
    rita.client
        .run(
            "query($id: ID!) { node(id: $id) { ... on Verification { personalInfo { city } } } }",
            json!({ "id": id }),
        )
        .await;

    let subject = UserId::parse(&ann.id).expect("a user's id");
    let reviewer = UserId::parse(&rita.id).expect("a user's id");
    let trail = audit::find_by_subject(app.services().db.read(), subject).await.expect("a trail");
    let actions: Vec<_> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["CLAIM", "VIEW_DOCUMENT", "VIEW_PERSONAL_INFO"]);
    assert!(trail.iter().all(|entry| entry.actor_id == Some(reviewer) && !entry.request_id.is_empty()));
    let db = app.services().db.read();
    for forbidden in ["DELETE FROM audit_entry", "UPDATE audit_entry SET action = 'x'"] {
        assert!(db.execute_unprepared(forbidden).await.is_err(), "{forbidden}");
    }
}

async fn tampered_data_is_reported_and_never_shown(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let bob = app.member("Bob").await;
    let (id, _) = submit_verification(&ann, "AB123456", 1).await;
    let (bobs_id, _) = submit_verification(&bob, "CD123456", 2).await;
    claim(&rita.client, &id).await;
    claim(&rita.client, &bobs_id).await;
    // Another user's form in its place cannot be decrypted: each is encrypted for its own verification.
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
    let body = rita.client.execute(query, json!({ "id": id })).await;
    assert_eq!(error_codes(&body), ["DATA_TAMPERED"]);
    assert_eq!(body["data"]["node"], json!({ "status": "IN_REVIEW", "personalInfo": null }));
    // An image that is changed on disk.
    let data = rita.client.run(
        "query($id: ID!) { node(id: $id) { ... on Verification { documents { url } } } }",
        json!({ "id": bobs_id }),
    );
    let url = text(&data.await["node"]["documents"][0]["url"]);
    for file in std::fs::read_dir(app.image_dir().with_file_name("identity-documents")).expect("a directory")
    {
        let file = file.expect("a file").path();
        let mut bytes = std::fs::read(&file).expect("bytes");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&file, bytes).expect("written");
    }
    let path = url.split_once("/identity-documents/").expect("a URL").1;
    let (status, response) = rita.client.fetch(&format!("/identity-documents/{path}")).await;
    assert_eq!(status, 500);
    assert_eq!(error_codes(&response.json().await.expect("JSON")), ["DATA_TAMPERED"]);
}

async fn the_queue_contains_gigs_and_verifications(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut subscriber = rita.at(&app.gateway_b()).socket().await;
    let dispatcher = app.services_b().streams.dispatcher();
    let before = dispatcher.subscriber_count();
    subscriber.subscribe("queue", QUEUE_CHANGED, json!({})).await;
    wait_until("it is attached", async || dispatcher.subscriber_count() > before).await;
    ann.post(app.gig_form("I will write a song for you").await).await;
    submit_verification(&ann, "AB123456", 1).await;
    for (kind, open) in [("GIG", 1), ("VERIFICATION", 2)] {
        let event = subscriber.next_event("queue").await;
        assert_eq!((&event["kind"], &event["change"]), (&json!(kind), &json!("SUBMITTED")));
        assert!(event["openCount"].as_i64() >= Some(open), "{event}");
    }
    let bob = app.member("Bob").await;
    submit_verification(&bob, "CD123456", 2).await;
    assert_eq!(own_verification(&bob.client).await["queuePosition"], 2);
}

on_both_back_ends!(
    invalid_decisions_are_rejected,
    a_document_is_shown_in_the_reviewers_session_only_and_access_is_audited,
    tampered_data_is_reported_and_never_shown,
    the_queue_contains_gigs_and_verifications,
);
