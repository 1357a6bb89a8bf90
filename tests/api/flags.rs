//! Flags: what the record says about a submission. Reviewers see it, applicants do not notice it, and nobody is refused
//! for what somebody else did. All of these tests fail without flags; before them, a duplicate was sent back at once.

use chrono::TimeDelta;
use entity::{fingerprint, picture_signature};
use gigway::service::{erasure, retention};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::cards::{crop, draw_card, jpeg};
use crate::support::client::text;
use crate::support::documents::CLAIM;
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::reviewing;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    decide_mutation, decision_input, own_verification, personal_info, save_mutation, submit_mutation,
    upload_document,
};

const ITEMS: &str = "{ reviewQueue(kind: VERIFICATION, last: 100) { nodes { id state submittedAt
    flags { code message related } subject { ... on Verification { id version } } } } }";

/// The item of the newest submission of this user.
pub async fn newest_item(reviewer: &TestUser, user: &TestUser) -> Value {
    let id = user.id.replace("usr_", "ver_");
    let items = reviewer.client.run(ITEMS, json!({})).await["reviewQueue"]["nodes"].take();
    let items = items.as_array().expect("a list").iter().filter(|item| item["subject"]["id"] == id);
    items.max_by_key(|item| text(&item["submittedAt"])).expect("an item").clone()
}

/// The codes of the flags of the user's newest item, each with the items that it names.
pub async fn flags(reviewer: &TestUser, user: &TestUser) -> Vec<(String, Value)> {
    let item = newest_item(reviewer, user).await;
    let flags = item["flags"].as_array().expect("a list").iter();
    flags.map(|flag| (text(&flag["code"]), flag["related"].clone())).collect()
}

pub fn flag(code: &str, related: &[&Value]) -> (String, Value) {
    (code.to_owned(), json!(related))
}

/// Submits a document of this type, country and number, with this picture on both sides that the type has.
pub async fn submit(user: &TestUser, (kind, country, number): (&str, &str, &str), picture: Vec<u8>) -> Value {
    let mut form = personal_info(number);
    form["input"]["countryCode"] = json!(country);
    user.client.mutate(&save_mutation(), form).await;
    if kind != "PASSPORT" {
        // The back of a card shows no person.
        let back = jpeg(&draw_card(9000 + u32::try_from(number.len()).expect("a few")), 90);
        assert_eq!(upload_document(&user.client, kind, "BACK", back).await["errors"], json!([]));
    }
    assert_eq!(upload_document(&user.client, kind, "FRONT", picture).await["errors"], json!([]));
    user.client.mutate(&submit_mutation(), json!({})).await["verification"].take()
}

/// The picture of the card of this person.
pub fn card(person: u32) -> Vec<u8> {
    jpeg(&draw_card(person), 90)
}

/// Claims the newest item of the user if it is open, and decides it.
pub async fn decide(reviewer: &TestUser, user: &TestUser, decision: &str, reason: &str) -> Value {
    let item = newest_item(reviewer, user).await;
    if item["state"] == "OPEN" {
        reviewer.client.mutate(CLAIM, json!({ "id": item["id"] })).await;
    }
    let version = item["subject"]["version"].as_i64().expect("a number");
    let id = text(&item["subject"]["id"]);
    match decision {
        "CLEAR" => reviewing::open_pictures(&reviewer.client, &id).await,
        "REVOKE" => drop(reviewing::inspect(&reviewer.client, &id).await),
        _ => {}
    }
    let reasons = if decision == "CLEAR" { json!([]) } else { json!([{ "code": reason }]) };
    let payload =
        reviewer.client.mutate(&decide_mutation(), decision_input(&id, decision, version, &reasons)).await;
    payload["verification"].clone()
}

/// What an applicant sees, without what differs between any two applicants.
fn without_identity(mut verification: Value) -> Value {
    for field in ["id", "reviewDueAt", "submittedAt", "queuePosition", "personalInfo"] {
        assert!(!verification[field].is_null(), "{field}: {verification}");
        verification[field] = Value::Null;
    }
    for document in verification["documents"].as_array_mut().expect("a list") {
        document["id"] = Value::Null;
    }
    verification
}

async fn a_duplicate_is_an_ordinary_review_that_flags_both_items(app: TestApp) {
    let [ann, bob, cid] = [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await];
    let rita = app.reviewer("Rita").await;
    let mut of_ann = ann.at(&app.gateway_b()).socket().await;
    let first = submit(&ann, ("PASSPORT", "GB", "AB 123-456"), card(1)).await;
    let changed = "subscription { verificationStatusChanged { delivery version status reasons { code }
        verification { status attemptsLeft reasons { code } viewerActions } } }";
    of_ann.subscribe("status", changed, json!({})).await;
    assert_eq!(of_ann.next_event("status").await["status"], "IN_REVIEW");
    // Lower case, Greek letters, stars and full-width digits: the same number.
    let duplicate = submit(&bob, ("PASSPORT", "GB", "αβ*123４５６"), card(2)).await;
    let unique = submit(&cid, ("PASSPORT", "GB", "XY987654"), card(3)).await;
    assert_eq!(
        (&duplicate["status"], &duplicate["attemptsUsed"], &duplicate["attemptsLeft"]),
        (&json!("IN_REVIEW"), &json!(1), &json!(2))
    );
    assert_eq!(without_identity(duplicate), without_identity(unique.clone()));
    assert_eq!(without_identity(first), without_identity(unique));
    for user in [&ann, &bob, &cid] {
        let seen = own_verification(&user.client).await;
        assert_eq!((&seen["status"], &seen["reasons"]), (&json!("IN_REVIEW"), &json!([])));
    }
    of_ann.expect_silence("status").await;

    let [item_of_ann, item_of_bob] = [newest_item(&rita, &ann).await, newest_item(&rita, &bob).await];
    assert_eq!(flags(&rita, &ann).await, [flag("DUPLICATE_DOCUMENT", &[&item_of_bob["id"]])]);
    assert_eq!(flags(&rita, &bob).await, [flag("DUPLICATE_DOCUMENT", &[&item_of_ann["id"]])]);
    assert_eq!(item_of_bob["flags"][0]["message"], "Another account has submitted the same document.");
    assert_eq!(flags(&rita, &cid).await, []);
    // The reviewer finds both by the flag, and no applicant finds an item.
    let query = "query($id: ID!) { node(id: $id) { ... on ReviewItem { flags { code } } } }";
    let related = json!({ "id": item_of_bob["flags"][0]["related"][0] });
    let found = rita.at(&app.gateway_b()).run(query, related.clone()).await;
    assert_eq!(found["node"]["flags"], json!([{ "code": "DUPLICATE_DOCUMENT" }]));
    assert_eq!(bob.client.run(query, related).await["node"], Value::Null);
}

/// A reviewer who is an applicant, too, sees no flag that is about them.
async fn reviewers_do_not_see_their_own_flags(app: TestApp) {
    let (ann, rob, rita) = (app.member("Ann").await, app.reviewer("Rob").await, app.reviewer("Rita").await);
    submit(&rob, ("PASSPORT", "GB", "AB123456"), card(1)).await;
    submit(&ann, ("PASSPORT", "GB", "AB123456"), card(2)).await;
    for user in [&ann, &rob] {
        assert_eq!(flags(&rita, user).await[0].0, "DUPLICATE_DOCUMENT");
        assert_eq!(flags(&rob, user).await, []);
    }
    // Nor by an event, which is otherwise the same for all reviewers.
    let changed = "subscription { reviewQueueChanged { item { flags { code } } } }";
    let [mut of_rita, mut of_rob] = [rita.client.socket().await, rob.client.socket().await];
    for socket in [&mut of_rita, &mut of_rob] {
        let dispatcher = app.services().streams.dispatcher();
        let before = dispatcher.subscriber_count();
        socket.subscribe("queue", changed, json!({})).await;
        wait_until("it is attached", async || dispatcher.subscriber_count() > before).await;
    }
    rita.client.mutate(CLAIM, json!({ "id": newest_item(&rita, &ann).await["id"] })).await;
    let event = of_rita.next_event("queue").await;
    assert_eq!(event["item"]["flags"], json!([{ "code": "DUPLICATE_DOCUMENT" }]));
    assert_eq!(of_rob.next_event("queue").await["item"]["flags"], json!([]));
}

async fn of_two_submissions_at_once_both_are_flagged(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    for (user, person) in [(&ann, 1), (&bob, 2)] {
        user.client.mutate(&save_mutation(), personal_info("AB123456")).await;
        upload_document(&user.client, "PASSPORT", "FRONT", card(person)).await;
    }
    let mutation = submit_mutation();
    let at_b = bob.at(&app.gateway_b());
    let (first, second) =
        tokio::join!(ann.client.mutate(&mutation, json!({})), at_b.mutate(&mutation, json!({})));
    for payload in [first, second] {
        assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    }
    for user in [&ann, &bob] {
        assert_eq!(flags(&rita, user).await[0].0, "DUPLICATE_DOCUMENT");
    }
}

async fn a_duplicate_of_a_cleared_verification_flags_its_decided_item(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    submit(&ann, ("PASSPORT", "GB", "AB123456"), card(1)).await;
    decide(&rita, &ann, "CLEAR", "").await;
    submit(&bob, ("PASSPORT", "GB", "AB123456"), card(2)).await;
    let item_of_bob = newest_item(&rita, &bob).await;
    let item_of_ann = newest_item(&rita, &ann).await;
    assert_eq!(item_of_ann["state"], "DECIDED");
    assert_eq!(flags(&rita, &ann).await, [flag("DUPLICATE_DOCUMENT", &[&item_of_bob["id"]])]);
    assert_eq!(flags(&rita, &bob).await, [flag("DUPLICATE_DOCUMENT", &[&item_of_ann["id"]])]);
    // Another document of the same number is another document.
    let cid = app.member("Cid").await;
    submit(&cid, ("PASSPORT", "FR", "AB123456"), card(3)).await;
    assert_eq!(flags(&rita, &cid).await, []);
}

/// Who submits the number of somebody else first cannot keep its owner from being cleared.
async fn the_owner_of_a_document_is_cleared_although_it_was_submitted_before(app: TestApp) {
    let (thief, owner, rita) =
        (app.member("Tim").await, app.member("Olga").await, app.reviewer("Rita").await);
    let rob = app.reviewer("Rob").await;
    submit(&thief, ("PASSPORT", "GB", "AB123456"), card(1)).await;
    for attempt in 1..=2 {
        let verification = submit(&owner, ("PASSPORT", "GB", "AB123456"), card(10 + attempt)).await;
        assert_eq!(
            (&verification["status"], &verification["attemptsUsed"]),
            (&json!("IN_REVIEW"), &json!(attempt))
        );
        let verification = decide(&rita, &owner, "REQUEST_RESUBMISSION", "IMAGE_UNREADABLE").await;
        assert_eq!(verification["status"], "ACTION_REQUIRED");
    }
    let verification = submit(&owner, ("PASSPORT", "GB", "AB123456"), card(20)).await;
    assert_eq!((&verification["status"], &verification["attemptsLeft"]), (&json!("IN_REVIEW"), &json!(0)));
    assert_eq!(flags(&rita, &owner).await[0].0, "DUPLICATE_DOCUMENT");
    // If two reviewers are needed, the second one confirms.
    for reviewer in [&rita, &rob] {
        if own_verification(&owner.client).await["status"] == "IN_REVIEW" {
            decide(reviewer, &owner, "CLEAR", "").await;
        }
    }
    assert_eq!(own_verification(&owner.client).await["status"], "CLEARED");
}

async fn a_number_of_a_fraud_is_remembered_across_types_and_countries(app: TestApp) {
    let [ann, bob, cid, dan] =
        [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await, app.member("Dan").await];
    let rita = app.reviewer("Rita").await;
    submit(&ann, ("PASSPORT", "GB", "AB123456"), card(1)).await;
    decide(&rita, &ann, "REJECT", "SANCTIONED").await;
    submit(&bob, ("NATIONAL_ID", "FR", "ab-123.456"), card(2)).await;
    let item_of_ann = newest_item(&rita, &ann).await;
    assert_eq!(flags(&rita, &bob).await, [flag("PREVIOUSLY_REJECTED", &[&item_of_ann["id"]])]);
    assert_eq!(flags(&rita, &ann).await, []);
    assert_eq!(own_verification(&bob.client).await["reasons"], json!([]));
    // What was rejected for another reason is not remembered.
    submit(&cid, ("PASSPORT", "GB", "CD123456"), card(3)).await;
    decide(&rita, &cid, "REJECT", "UNDER_AGE").await;
    submit(&dan, ("DRIVING_LICENCE", "GB", "CD123456"), card(4)).await;
    assert_eq!(flags(&rita, &dan).await, []);
}

async fn a_revocation_for_fraud_is_remembered(app: TestApp) {
    let [ann, bob, cid, dan] =
        [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await, app.member("Dan").await];
    let rita = app.admin("Rita").await;
    submit(&ann, ("PASSPORT", "GB", "AB123456"), card(1)).await;
    decide(&rita, &ann, "CLEAR", "").await;
    decide(&rita, &ann, "REVOKE", "SANCTIONED").await;
    submit(&bob, ("NATIONAL_ID", "FR", "AB123456"), card(2)).await;
    let item_of_ann = newest_item(&rita, &ann).await["id"].take();
    assert_eq!(flags(&rita, &bob).await, [flag("PREVIOUSLY_REVOKED", &[&item_of_ann])]);
    // By the picture, with another number. The account that has it is a duplicate, too, until it is erased.
    submit(&cid, ("PASSPORT", "FR", "CI123456"), card(1)).await;
    let both = ["DUPLICATE_PICTURE", "PREVIOUSLY_REVOKED"].map(|code| flag(code, &[&item_of_ann]));
    assert_eq!(flags(&rita, &cid).await, both);
    for user in [&ann, &cid] {
        erasure::erase_user(app.services(), &user.email).await.expect("erased");
    }
    submit(&dan, ("PASSPORT", "DE", "DA123456"), card(1)).await;
    assert_eq!(flags(&rita, &dan).await, [flag("PREVIOUSLY_REVOKED", &[])]);
}

async fn fingerprints_survive_an_erasure_and_then_name_nobody(app: TestApp) {
    let [ann, bob, cid] = [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await];
    let rita = app.reviewer("Rita").await;
    let db = app.services().db.read();
    submit(&ann, ("PASSPORT", "GB", "AB123456"), card(1)).await;
    decide(&rita, &ann, "REJECT", "DOCUMENT_TAMPERED").await;
    submit(&bob, ("PASSPORT", "GB", "AB123456"), card(2)).await;
    assert_eq!(flags(&rita, &bob).await.len(), 2);
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    // The flags that were raised stay, without the item of the user.
    assert_eq!(flags(&rita, &bob).await, [flag("DUPLICATE_DOCUMENT", &[]), flag("PREVIOUSLY_REJECTED", &[])]);
    let rows = fingerprint::Entity::find().all(db).await.expect("rows");
    assert_eq!(rows.len(), 3, "the number, the picture and its signature");
    for row in rows {
        assert_eq!(row.item_id, None);
        assert_eq!(row.decided_on.format("%d %H:%M:%S%.f").to_string(), "01 00:00:00");
        assert_ne!(row.id.get_version_num(), 7, "the id tells no time");
    }
    let pictures = picture_signature::Entity::find().all(db).await.expect("rows");
    assert_eq!(pictures.len(), 1, "that of the other user");

    // The number and the picture are still recognized.
    submit(&cid, ("DRIVING_LICENCE", "IE", "AB123456"), card(1)).await;
    assert_eq!(flags(&rita, &cid).await, [flag("PREVIOUSLY_REJECTED", &[])]);
    // Until their own retention period is over.
    app.advance_clock(TimeDelta::days(5 * 365 + 32));
    let deleted = retention::apply(app.services()).await.expect("a run").fingerprints;
    assert_eq!(deleted, 3);
    assert_eq!(fingerprint::Entity::find().all(db).await.expect("rows"), []);
}

async fn a_picture_of_two_people_is_flagged_even_if_it_was_encoded_again_and_cropped(app: TestApp) {
    let [ann, bob, cid, dan] =
        [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await, app.member("Dan").await];
    let rita = app.reviewer("Rita").await;
    submit(&ann, ("PASSPORT", "GB", "AN123456"), card(1)).await;
    let item_of_ann = newest_item(&rita, &ann).await;
    // The same file.
    submit(&bob, ("PASSPORT", "FR", "BO123456"), card(1)).await;
    let item_of_bob = newest_item(&rita, &bob).await;
    assert_eq!(flags(&rita, &bob).await, [flag("DUPLICATE_PICTURE", &[&item_of_ann["id"]])]);
    assert_eq!(flags(&rita, &ann).await, [flag("DUPLICATE_PICTURE", &[&item_of_bob["id"]])]);
    assert_eq!(item_of_bob["flags"][0]["message"], "Another account has submitted the same picture.");
    // Another file of it.
    let cropped = jpeg(&crop(&draw_card(1), [25, 10, 30, 20]), 70);
    submit(&cid, ("PASSPORT", "DE", "CI123456"), cropped).await;
    let item_of_cid = newest_item(&rita, &cid).await;
    let [(code, related)] = &flags(&rita, &cid).await[..] else { panic!("one flag: {item_of_cid}") };
    assert_eq!((code.as_str(), related.as_array().map(Vec::len)), ("DUPLICATE_PICTURE", Some(2)));
    let message = text(&item_of_cid["flags"][0]["message"]);
    assert!(message.contains("looks like"), "{message}");
    // The card of somebody else.
    submit(&dan, ("PASSPORT", "IT", "DA123456"), card(2)).await;
    assert_eq!(flags(&rita, &dan).await, []);
    // A picture that its user has replaced is not compared any more.
    decide(&rita, &dan, "REQUEST_RESUBMISSION", "IMAGE_UNREADABLE").await;
    submit(&dan, ("PASSPORT", "IT", "DA123456"), card(3)).await;
    let eve = app.member("Eve").await;
    submit(&eve, ("PASSPORT", "ES", "EV123456"), card(2)).await;
    assert_eq!(flags(&rita, &eve).await, []);
}

async fn a_picture_of_a_fraud_is_remembered(app: TestApp) {
    let [ann, bob, cid] = [app.member("Ann").await, app.member("Bob").await, app.member("Cid").await];
    let rita = app.reviewer("Rita").await;
    submit(&ann, ("PASSPORT", "GB", "AN123456"), card(1)).await;
    decide(&rita, &ann, "REJECT", "DOCUMENT_TAMPERED").await;
    erasure::erase_user(app.services(), &ann.email).await.expect("erased");
    submit(&bob, ("PASSPORT", "FR", "BO123456"), card(1)).await;
    assert_eq!(flags(&rita, &bob).await, [flag("PREVIOUSLY_REJECTED", &[])]);
    // That a picture looks like it is only a hint.
    let cropped = jpeg(&crop(&draw_card(1), [20, 0, 0, 15]), 75);
    submit(&cid, ("PASSPORT", "DE", "CI123456"), cropped).await;
    let item_of_bob = newest_item(&rita, &bob).await;
    let found = flags(&rita, &cid).await;
    assert_eq!(found, [flag("DUPLICATE_PICTURE", &[&item_of_bob["id"]])]);
}

on_both_back_ends!(
    a_duplicate_is_an_ordinary_review_that_flags_both_items,
    reviewers_do_not_see_their_own_flags,
    of_two_submissions_at_once_both_are_flagged,
    a_duplicate_of_a_cleared_verification_flags_its_decided_item,
    the_owner_of_a_document_is_cleared_although_it_was_submitted_before,
    a_number_of_a_fraud_is_remembered_across_types_and_countries,
    a_revocation_for_fraud_is_remembered,
    fingerprints_survive_an_erasure_and_then_name_nobody,
    a_picture_of_two_people_is_flagged_even_if_it_was_encoded_again_and_cropped,
    a_picture_of_a_fraud_is_remembered,
);
