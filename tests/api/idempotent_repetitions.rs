//! A repetition of a mutation with an Idempotency-Key shows what its caller may see now, and is audited.

use entity::idempotent_request;
use gigway::domain::id::{PublicId, UserId};
use gigway::domain::user::Role;
use gigway::service::idempotency::KEYS_PER_USER_MAX;
use gigway::service::{erasure, user_admin};
use gigway::store::audit;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};

use crate::administration;
use crate::idempotency::{count_gigs, outcome, send, send_json, stored_rows};
use crate::support::client::{Client, text};
use crate::support::documents::{
    ARCHIVE_GIG, CLAIM, DECIDE_GIG, EDIT_GIG, PAUSE_GIG, POST_GIG, RELEASE, SAVE_DRAFT, SIGN_OUT,
};
use crate::support::on_both_back_ends;
use crate::support::reviewing::{INSPECT, decide, item_of};
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{personal_info, save_mutation, submit_mutation, submit_verification};

const CLAIM_AND_READ: &str = "mutation($id: ID!) { claimReview(id: $id) { item { state subject {
    ... on Verification { id status personalInfo { documentNumber } } } } errors { code } } }";

/// What a repetition shows is what the caller may see now.
async fn a_repetition_is_authorized_and_audited_like_a_query(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let item = item_of(&rita.client, &id).await;
    let claim = async |client: &Client| {
        outcome(send(client, "claim", CLAIM_AND_READ, json!({ "id": item })).await).await
    };
    let subject = |body: &Value| body["data"]["claimReview"]["item"]["subject"].clone();
    let number = |body: &Value| subject(body)["personalInfo"]["documentNumber"].clone();
    let user_id = UserId::parse(&ann.id).expect("an id");
    let views = async || {
        let entries = audit::find_by_subject(app.services().db.read(), user_id).await.expect("entries");
        entries.iter().filter(|entry| entry.action == "VIEW_PERSONAL_INFO").count()
    };
    let (_, _, first) = claim(&rita.client).await;
    assert_eq!((number(&first), views().await), (json!("AB123456"), 1));
    let (_, _, repeated) = claim(&rita.at(&app.gateway_b())).await;
    assert_eq!((number(&repeated), views().await), (json!("AB123456"), 2));
    // Nothing of the form is in what is stored, not even encrypted: it is shorter than any form.
    assert!(stored_rows(&app).await[0].answer.as_ref().is_some_and(|answer| answer.len() < 120));
    user_admin::set_role(app.services(), &rita.email, Role::Member).await.expect("a member");
    let (_, codes, body) = claim(&rita.client).await;
    assert_eq!((codes, number(&body)), (vec!["FORBIDDEN".to_owned()], Value::Null));
    user_admin::set_role(app.services(), &rita.email, Role::Reviewer).await.expect("a reviewer");
    // The object as it is now, not as it was: without the claim, the form is closed.
    decide(&rita.client, &id, "CLEAR", version, &json!([])).await;
    let seen = views().await;
    let (_, _, body) = claim(&rita.client).await;
    assert_eq!((&subject(&body)["status"], number(&body)), (&json!("CLEARED"), Value::Null));
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    let (_, codes, body) = claim(&rita.client).await;
    assert_eq!((codes, number(&body)), (vec!["IDEMPOTENT_ANSWER_LOST".to_owned()], Value::Null));
    assert_eq!(views().await, seen);
    let row = stored_rows(&app).await.remove(0);
    assert_eq!((row.answer, row.wrapped_key, row.subjects), (None, None, None));
}

/// The kinds of payloads: each repetition has the payload of the first request, and nothing runs again.
async fn every_mutation_is_repeated_with_the_same_payload(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let twice = async |user: &TestUser, key: &str, query: &str, variables: Value| {
        let first = send_json(&user.client, key, query, variables.clone()).await;
        let second = send(&user.at(&app.gateway_b()), key, query, variables).await;
        assert_eq!(second.headers()["idempotent-replayed"], "true", "{key}");
        let second: Value = second.json().await.expect("JSON");
        assert_eq!(second, first, "{key}");
        first["data"].clone()
    };
    let form = json!({ "input": app.gig_form("I will write a song for you").await });
    let posted = twice(&ann, "post", POST_GIG, form).await;
    let gig = text(&posted["postGig"]["gig"]["id"]);
    let item = rita.queue_item(&gig).await["id"].take();
    twice(&rita, "claim", CLAIM, json!({ "id": item })).await;
    twice(&rita, "release", RELEASE, json!({ "id": item })).await;
    let spam = json!([{ "code": "CONTACT_DETAILS" }]);
    let reject =
        json!({ "input": { "gigId": gig, "decision": "REJECT", "expectedVersion": 1, "reasons": spam } });
    twice(&rita, "decide", DECIDE_GIG, reject.clone()).await;
    twice(&ann, "edit", EDIT_GIG, json!({ "input": { "id": gig, "title": "I will write another song" } }))
        .await;
    twice(&ann, "pause", PAUSE_GIG, json!({ "id": gig })).await;
    twice(&ann, "archive", ARCHIVE_GIG, json!({ "id": gig })).await;
    let saved = twice(&ann, "form", &save_mutation(), personal_info("AB123456")).await;
    assert_eq!(saved["savePersonalInfo"]["verification"]["personalInfo"]["firstName"], "Annabella");
    twice(&ann, "submit", &submit_mutation(), json!({})).await;
    let (verification, version) = submit_verification(&app.member("Bob").await, "CD123456", 1).await;
    decide(&rita.client, &verification, "CLEAR", version, &json!([])).await;
    let inspected = json!({ "input": { "verificationId": verification, "reason": "A complaint." } });
    let ada = app.admin("Ada").await;
    let inspect = INSPECT.replace("expiresIn", "");
    let inspected = twice(&ada, "inspect", &inspect, inspected).await;
    assert!(inspected["inspectVerification"]["inspection"]["expiresAt"].is_string(), "{inspected}");
    let role = json!({ "input": { "userId": ann.id, "role": "MEMBER" } });
    twice(&ada, "role", administration::SET_ROLE, role).await;
    let points = json!({ "input": { "userId": ann.id, "points": 7 } });
    twice(&ada, "points", administration::SET_POINTS, points).await;
    for change in ["unblockUser", "placeLegalHold", "liftLegalHold"] {
        twice(&ada, change, &administration::account_mutation(change), json!({ "id": ann.id })).await;
    }
    let bea = app.member("Bea").await;
    twice(&ada, "block", &administration::account_mutation("blockUser"), json!({ "id": bea.id })).await;
    // One request with a success, a validation error and an error.
    let mixed = "mutation($id: ID!) {
        a: saveGigDraft(input: { title: \"A song\" }) { gig { title } errors { code } }
        b: pauseGig(id: $id) { gig { id } errors { code message field } } }";
    let mixed = twice(&ann, "mixed", mixed, json!({ "id": gig })).await;
    assert_eq!(mixed["b"]["errors"][0]["code"], "INVALID_TRANSITION");
    let other = app.sign_in(&ann.email).await;
    let first = send_json(&ann.client, "out", SIGN_OUT, json!({ "everywhere": false })).await;
    assert_eq!(send_json(&other.client, "out", SIGN_OUT, json!({ "everywhere": false })).await, first);
    assert_eq!(first["data"]["signOut"]["sessionsEnded"], 1);
}

async fn a_repetition_whose_object_is_gone_is_an_error(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let item = json!({ "id": rita.queue_item(&gig).await["id"] });
    let claimed = send_json(&rita.client, "claim", CLAIM, item.clone()).await;
    assert!(claimed["data"]["claimReview"]["item"]["id"].is_string(), "{claimed}");
    // The item is withdrawn from the queue.
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": gig })).await;
    let (_, codes, body) = outcome(send(&rita.at(&app.gateway_b()), "claim", CLAIM, item).await).await;
    assert_eq!(codes, ["IDEMPOTENT_ANSWER_LOST"], "{body}");
}

async fn a_user_has_a_bounded_number_of_keys(app: TestApp) {
    let ann = app.member("Ann").await;
    send_json(&ann.client, "first", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    let row = stored_rows(&app).await.remove(0);
    let rows = (1..KEYS_PER_USER_MAX).map(|number| {
        let key = format!("key {number}");
        idempotent_request::Model { idempotency_key: key, ..row.clone() }.into_active_model().reset_all()
    });
    // Each test has its own database, so a test may write to it.
    let db = app.services().db.begin().await.expect("a transaction");
    let rows: Vec<idempotent_request::ActiveModel> = rows.collect();
    for rows in rows.chunks(500) {
        idempotent_request::Entity::insert_many(rows.to_vec())
            .exec_without_returning(&db)
            .await
            .expect("rows");
    }
    db.commit().await.expect("committed");
    let refused = send(&ann.client, "one more", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    assert!(refused.headers().contains_key("retry-after"));
    let (status, codes, body) = outcome(refused).await;
    assert_eq!((status, codes), (429, vec!["RATE_LIMITED".to_owned()]));
    assert!(body["errors"][0]["message"].to_string().contains("1000"), "{body}");
    assert_eq!(count_gigs(&ann.client).await, 1);
    // The keys that exist work, and so do requests without one, and the keys of others.
    let repeated = send(&ann.client, "first", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    assert_eq!(repeated.status(), 200);
    ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    let bob = app.member("Bob").await;
    let (status, ..) =
        outcome(send(&bob.client, "a", SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await).await;
    assert_eq!(status, 200);
}

on_both_back_ends!(
    a_repetition_is_authorized_and_audited_like_a_query,
    every_mutation_is_repeated_with_the_same_payload,
    a_repetition_whose_object_is_gone_is_an_error,
    a_user_has_a_bounded_number_of_keys,
);
