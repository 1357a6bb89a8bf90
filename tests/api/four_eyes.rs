//! Decisions that need two reviewers: proposals, confirmations and disagreements, and the history of a review.

use chrono::TimeDelta;
use gigway::domain::id::{PublicId, UserId};
use gigway::domain::user::Role;
use gigway::service::{erasure, user_admin};
use gigway::store::audit;
use serde_json::{Value, json};

use crate::flags;
use crate::flags::{card, newest_item, submit};
use crate::support::cards::{crop, draw_card, jpeg};
use crate::support::client::Client;
use crate::support::documents::{CLAIM, QUEUE_CHANGED, RELEASE};
use crate::support::on_both_back_ends;
use crate::support::reviewing;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{
    decide_mutation, decision_input, own_verification, submit_verification, violation,
};

const ITEM: &str = "query($id: ID!) { node(id: $id) { ... on ReviewItem { state
    pendingProposal { decision by { displayName } at expiresAt reasons { code message } internalNote }
    history { kind decision by { displayName } reasons { code } internalNote } } } }";

async fn item(client: &Client, id: &Value) -> Value {
    client.run(ITEM, json!({ "id": id })).await["node"].take()
}

/// The kind, the decision and the author of each entry of the history.
fn voices(item: &Value) -> Vec<[String; 3]> {
    let entries = item["history"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    entries.map(|it| [text(&it["kind"]), text(&it["decision"]), text(&it["by"]["displayName"])]).collect()
}

fn voice(kind: &str, decision: &str, by: &str) -> [String; 3] {
    [kind, decision, by].map(str::to_owned)
}

/// Claims the item and decides.
async fn decide(user: &TestUser, id: &str, decision: &str, version: i64) -> Value {
    let reasons = if decision == "CLEAR" { json!([]) } else { json!([{ "code": "DOCUMENT_TAMPERED" }]) };
    reviewing::decide(&user.client, id, decision, version, &reasons).await
}

async fn a_proposal_takes_effect_when_another_reviewer_decides_the_same(app: TestApp) {
    let app = app.with_limits(r#"{"fourEyes":{"clear":true}}"#).await;
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let mut queue = rob.at(&app.gateway_b()).socket().await;
    queue.subscribe("queue", QUEUE_CHANGED, json!({})).await;
    let mut applicant = ann.at(&app.gateway_b()).socket().await;
    let status = "subscription { verificationStatusChanged { status version reasons { code } } }";
    applicant.subscribe("status", status, json!({})).await;
    applicant.next_event("status").await;
    let before = own_verification(&ann.client).await;

    let payload = decide(&rita, &id, "CLEAR", version).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    assert_eq!(payload["reviewItem"]["state"], "OPEN");
    let item_id = payload["reviewItem"]["id"].clone();
    for change in ["CLAIMED", "RELEASED"] {
        assert_eq!(queue.next_event("queue").await["change"], change);
    }
    // The applicant sees nothing of it.
    assert_eq!(own_verification(&ann.client).await, before);
    applicant.expect_silence("status").await;

    let seen = item(&rob.at(&app.gateway_b()), &item_id).await;
    let proposal = &seen["pendingProposal"];
    assert_eq!((&proposal["decision"], &proposal["by"]["displayName"]), (&json!("CLEAR"), &json!("Rita")));
    assert_eq!((&proposal["internalNote"], &proposal["reasons"]), (&json!("seen by the team"), &json!([])));
    assert!(proposal["expiresAt"].as_str() > proposal["at"].as_str(), "{proposal}");
    assert_eq!(voices(&seen), [voice("PROPOSAL", "CLEAR", "Rita")]);

    // Its author cannot confirm it.
    let clear = decision_input(&id, "CLEAR", version, &json!([]));
    let refused = rita.client.mutation_errors(&decide_mutation(), clear.clone()).await;
    assert_eq!(refused, [violation("CLAIM_REQUIRED", "verificationId")]);
    let refused = rita.client.mutation_errors(CLAIM, json!({ "id": item_id })).await;
    assert_eq!(refused, [violation("NOT_ALLOWED", "id")]);
    // The second one needs a claim. The pictures were delivered to one of the two.
    let unclaimed = rob.client.mutation_errors(&decide_mutation(), clear.clone()).await;
    assert_eq!(unclaimed, [violation("CLAIM_REQUIRED", "verificationId")]);
    rob.client.mutate(CLAIM, json!({ "id": item_id })).await;
    let payload = rob.client.mutate(&decide_mutation(), clear).await;
    assert_eq!(payload["verification"]["status"], "CLEARED");
    assert_eq!(applicant.next_event("status").await["status"], "CLEARED");
    let seen = item(&rita.client, &item_id).await;
    assert_eq!((&seen["state"], &seen["pendingProposal"]), (&json!("DECIDED"), &Value::Null));
    assert_eq!(voices(&seen), [voice("DECISION", "CLEAR", "Rob"), voice("PROPOSAL", "CLEAR", "Rita")]);
    let user_id = UserId::parse(&ann.id).expect("an id");
    let entries = audit::find_by_subject(app.services().db.read(), user_id).await.expect("a trail");
    let decisions = entries.iter().filter(|entry| ["PROPOSE", "DECIDE"].contains(&entry.action.as_str()));
    assert_eq!(decisions.map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["PROPOSE", "DECIDE"]);
}

async fn a_second_reviewer_who_disagrees_ends_the_proposal(app: TestApp) {
    let app = app.with_limits(r#"{"fourEyes":{"reject":true}}"#).await;
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let item_id = decide(&rita, &id, "REJECT", version).await["reviewItem"]["id"].take();
    let payload = decide(&rob, &id, "CLEAR", version).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    assert_eq!(payload["reviewItem"], json!({ "id": item_id, "state": "OPEN" }));
    let seen = item(&rita.client, &item_id).await;
    assert_eq!((&seen["state"], &seen["pendingProposal"]), (&json!("OPEN"), &Value::Null));
    let both = [voice("DISAGREEMENT", "CLEAR", "Rob"), voice("PROPOSAL", "REJECT", "Rita")];
    assert_eq!(voices(&seen), both);
    assert_eq!(seen["history"][1]["reasons"], json!([{ "code": "DOCUMENT_TAMPERED" }]));
    assert_eq!(own_verification(&ann.client).await["version"], version);
    // Nothing is pending any more: a rejection is a new proposal, and CLEAR takes effect at once.
    decide(&rita, &id, "REJECT", version).await;
    assert_eq!(item(&rob.client, &item_id).await["pendingProposal"]["by"]["displayName"], "Rita");
    decide(&rob, &id, "CLEAR", version).await;
    let payload = decide(&rita, &id, "CLEAR", version).await;
    assert_eq!(payload["verification"]["status"], "CLEARED");
    assert_eq!(item(&rob.client, &item_id).await["pendingProposal"], Value::Null);
}

/// A claim would keep the second reviewer waiting. Fails on versions that let the author claim again.
async fn the_author_of_a_pending_proposal_cannot_claim_its_item(app: TestApp) {
    let app = app.with_limits(r#"{"fourEyes":{"reject":true,"proposalHours":1}}"#).await;
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let item_id = decide(&rita, &id, "REJECT", version).await["reviewItem"]["id"].take();
    let claim = json!({ "id": item_id });
    for client in [&rita.client, &rita.at(&app.gateway_b())] {
        assert_eq!(client.mutation_errors(CLAIM, claim.clone()).await, [violation("NOT_ALLOWED", "id")]);
    }
    assert_eq!(item(&rita.client, &item_id).await["state"], "OPEN");
    // An administrator can claim and release, as before. So can the author when another has ended the proposal.
    ada.client.mutate(CLAIM, claim.clone()).await;
    ada.client.mutate(RELEASE, claim.clone()).await;
    decide(&ada, &id, "CLEAR", version).await;
    rita.client.mutate(CLAIM, claim.clone()).await;
    // An administrator releases the claim of another. An administrator who is the author cannot claim either.
    ada.client.mutate(RELEASE, claim.clone()).await;
    decide(&ada, &id, "REJECT", version).await;
    assert_eq!(ada.client.mutation_errors(CLAIM, claim.clone()).await, [violation("NOT_ALLOWED", "id")]);
    // When it has expired, its author can.
    app.advance_clock(TimeDelta::hours(1));
    let ada = app.sign_in(&ada.email).await;
    ada.client.mutate(CLAIM, claim).await;
}

async fn a_proposal_expires_and_counts_while_its_author_is_a_reviewer(app: TestApp) {
    let app = app.with_limits(r#"{"fourEyes":{"reject":true,"proposalHours":1}}"#).await;
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let item_id = decide(&rita, &id, "REJECT", version).await["reviewItem"]["id"].take();
    app.advance_clock(TimeDelta::hours(1));
    let rob = app.sign_in(&rob.email).await;
    assert_eq!(item(&rob.client, &item_id).await["pendingProposal"], Value::Null);
    // The same decision of another is a proposal, too.
    let payload = decide(&rob, &id, "REJECT", version).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    assert_eq!(item(&rob.client, &item_id).await["pendingProposal"]["by"]["displayName"], "Rob");
    let rita = app.sign_in(&rita.email).await;
    user_admin::set_role(app.services(), &rob.email, Role::Member).await.expect("a member");
    assert_eq!(item(&rita.client, &item_id).await["pendingProposal"], Value::Null, "by a member");
    let payload = decide(&rita, &id, "REJECT", version).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    user_admin::block(app.services(), &rita.email).await.expect("blocked");
    let roy = app.reviewer("Roy").await;
    assert_eq!(item(&roy.client, &item_id).await["pendingProposal"], Value::Null, "by a blocked user");
    let payload = decide(&roy, &id, "REJECT", version).await;
    assert_eq!(payload["verification"]["status"], "IN_REVIEW");
    let zoe = app.reviewer("Zoe").await;
    let payload = decide(&zoe, &id, "REJECT", version).await;
    assert_eq!(payload["verification"]["status"], "REJECTED");
}

async fn a_revocation_can_need_two_administrators(app: TestApp) {
    let app = app.with_limits(r#"{"fourEyes":{"revoke":true}}"#).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (ada, eve) = (app.admin("Ada").await, app.admin("Eve").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let item_id = decide(&rita, &id, "CLEAR", version).await["reviewItem"]["id"].take();
    let payload = decide(&ada, &id, "REVOKE", version + 1).await;
    assert_eq!(payload["verification"]["status"], "CLEARED");
    let seen = item(&rita.client, &item_id).await;
    assert_eq!(seen["pendingProposal"]["decision"], "REVOKE");
    let revoke = decision_input(&id, "REVOKE", version + 1, &json!([{ "code": "DOCUMENT_TAMPERED" }]));
    let refused = eve.client.mutation_errors(&decide_mutation(), revoke).await;
    assert_eq!(refused, [violation("INSPECTION_REQUIRED", "verificationId")]);
    let payload = decide(&eve, &id, "REVOKE", version + 1).await;
    assert_eq!(payload["verification"]["status"], "REVOKED");
    let seen = item(&rita.client, &item_id).await;
    assert_eq!(seen["pendingProposal"], Value::Null);
    let expected = [
        voice("DECISION", "REVOKE", "Eve"),
        voice("INSPECTION", "INSPECT", "Eve"),
        voice("PROPOSAL", "REVOKE", "Ada"),
        voice("INSPECTION", "INSPECT", "Ada"),
        voice("DECISION", "CLEAR", "Rita"),
    ];
    assert_eq!(voices(&seen), expected);
}

async fn a_flag_asks_for_a_second_reviewer(app: TestApp) {
    let (rita, rob) = (app.reviewer("Rita").await, app.reviewer("Rob").await);
    submit_verification(&app.member("Ann").await, "AB123456", 1).await;
    let (id, version) = submit_verification(&app.member("Bob").await, "AB123456", 2).await;
    assert_eq!(decide(&rita, &id, "CLEAR", version).await["verification"]["status"], "IN_REVIEW");
    assert_eq!(decide(&rob, &id, "CLEAR", version).await["verification"]["status"], "CLEARED");
    // Each flag has its own setting.
    let app = app.with_limits(r#"{"fourEyes":{"duplicateDocument":false}}"#).await;
    let (rita, cid) = (app.sign_in(&rita.email).await, app.member("Cid").await);
    let (id, version) = submit_verification(&cid, "AB123456", 3).await;
    assert_eq!(decide(&rita, &id, "CLEAR", version).await["verification"]["status"], "CLEARED");
}

/// Whether the CLEAR of one reviewer takes effect, for a submission that has this flag and no other.
async fn is_cleared_by_one(reviewer: &TestUser, user: &TestUser, flag: &str) -> bool {
    let item = newest_item(reviewer, user).await;
    let codes: Vec<_> = item["flags"].as_array().expect("a list").iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, [flag]);
    let id = item["subject"]["id"].as_str().expect("an id");
    let version = item["subject"]["version"].as_i64().expect("a number");
    decide(reviewer, id, "CLEAR", version).await["verification"]["status"] == "CLEARED"
}

async fn what_was_refused_or_revoked_before_asks_for_two_as_its_setting_says(app: TestApp) {
    let (ada, rob) = (app.admin("Ada").await, app.reviewer("Rob").await);
    // Of two frauds, nothing but the fingerprints is left.
    let (fay, fred) = (app.member("Fay").await, app.member("Fred").await);
    submit(&fay, ("PASSPORT", "GB", "FA123456"), card(1)).await;
    flags::decide(&ada, &fay, "REJECT", "DOCUMENT_TAMPERED").await;
    submit(&fred, ("PASSPORT", "GB", "FR123456"), card(2)).await;
    flags::decide(&ada, &fred, "CLEAR", "").await;
    flags::decide(&ada, &fred, "REVOKE", "DOCUMENT_TAMPERED").await;
    for user in [&fay, &fred] {
        erasure::erase_user(app.services(), &user.email).await.expect("erased");
    }
    let cases = [("PREVIOUSLY_REJECTED", "FA123456"), ("PREVIOUSLY_REVOKED", "FR123456")];
    for ((flag, number), (name, person)) in cases.into_iter().zip([("Ann", 3), ("Bob", 4)]) {
        let user = app.member(name).await;
        submit(&user, ("PASSPORT", "GB", number), card(person)).await;
        assert!(!is_cleared_by_one(&ada, &user, flag).await, "{flag}");
        assert!(is_cleared_by_one(&rob, &user, flag).await, "{flag}: by the second");
        // So that the next submission with the number is no duplicate.
        erasure::erase_user(app.services(), &user.email).await.expect("erased");
    }
    // Each has its own setting.
    let mut app = app;
    for (off, other) in [(0, 1), (1, 0)] {
        let setting = ["previouslyRejected", "previouslyRevoked"][off];
        app = app.with_limits(&format!(r#"{{"fourEyes":{{"{setting}":false}}}}"#)).await;
        let ada = app.sign_in(&ada.email).await;
        for (case, by_one) in [(off, true), (other, false)] {
            let (flag, number) = cases[case];
            let user = app.member(&format!("Cid{off}{case}")).await;
            let person = [[5, 6], [7, 8]][off][case];
            submit(&user, ("PASSPORT", "GB", number), card(person)).await;
            assert_eq!(is_cleared_by_one(&ada, &user, flag).await, by_one, "{setting}: {flag}");
            erasure::erase_user(app.services(), &user.email).await.expect("erased");
        }
    }
}

/// An exact copy asks for two if the setting says so. A picture that only looks like another one never does.
async fn a_copied_picture_asks_for_two_only_by_its_setting_and_a_hint_never(app: TestApp) {
    let ada = app.admin("Ada").await;
    submit(&app.member("Gil").await, ("PASSPORT", "GB", "GI123456"), card(1)).await;
    let similar = |left| jpeg(&crop(&draw_card(1), [left, 10, 30, 20]), 70);
    let flag = "DUPLICATE_PICTURE";
    for (name, number, picture) in [("Ann", "AN123456", card(1)), ("Bob", "BO123456", similar(25))] {
        let user = app.member(name).await;
        submit(&user, ("PASSPORT", "GB", number), picture).await;
        assert!(is_cleared_by_one(&ada, &user, flag).await, "{name}");
    }
    let app = app.with_limits(r#"{"fourEyes":{"duplicatePicture":true}}"#).await;
    let ada = app.sign_in(&ada.email).await;
    for (name, number, picture, by_one) in
        [("Cid", "CI123456", card(1), false), ("Dan", "DA123456", similar(18), true)]
    {
        let user = app.member(name).await;
        submit(&user, ("PASSPORT", "GB", number), picture).await;
        assert_eq!(is_cleared_by_one(&ada, &user, flag).await, by_one, "{name}");
    }
}

/// The setting of earlier versions keeps its meaning.
async fn the_setting_second_reviewer_still_asks_for_two(app: TestApp) {
    let app = app.with_limits(r#"{"verification":{"secondReviewer":true}}"#).await;
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    assert_eq!(decide(&rita, &id, "REJECT", version).await["verification"]["status"], "IN_REVIEW");
    assert_eq!(decide(&rob, &id, "REJECT", version).await["verification"]["status"], "REJECTED");
    let bob = app.member("Bob").await;
    let (id, version) = submit_verification(&bob, "CD123456", 2).await;
    assert_eq!(decide(&rita, &id, "CLEAR", version).await["verification"]["status"], "CLEARED");
}

/// What reviewers write stays among them: not even the events that an applicant reads again have it.
async fn the_applicant_sees_nothing_of_a_proposal(app: TestApp) {
    let app = app.with_limits(r#"{"fourEyes":{"reject":true}}"#).await;
    let (rob, rita) = (app.reviewer("Rob").await, app.reviewer("Rita").await);
    let start = app.gateway_a().run("{ eventCursor }", json!({})).await["eventCursor"].take();
    // The applicant is a reviewer, who can read the review queue.
    let (id, version) = submit_verification(&rob, "AB123456", 1).await;
    let before = own_verification(&rob.client).await;
    let item_id = decide(&rita, &id, "REJECT", version).await["reviewItem"]["id"].take();
    assert_eq!(own_verification(&rob.client).await, before);
    let own = item(&rob.client, &item_id).await;
    assert_eq!((&own["pendingProposal"], &own["history"]), (&Value::Null, &json!([])));
    assert_eq!(item(&rita.client, &item_id).await["history"].as_array().map(Vec::len), Some(1));
    let mut events = rob.at(&app.gateway_b()).socket().await;
    let replay = "subscription($after: String) { verificationStatusChanged(after: $after) {
        version status reasons { code } verification { reasons { code } } } }";
    events.subscribe("status", replay, json!({ "after": start })).await;
    for _ in 0..version {
        let event = events.next_event("status").await;
        assert_eq!(
            (&event["reasons"], &event["verification"]["reasons"]),
            (&json!([]), &json!([])),
            "{event}"
        );
    }
    events.expect_silence("status").await;
    // The decision of gigs has a history, too, but not for their sellers.
    let gig = rob.post(app.gig_form("I will write a song for you").await).await;
    rita.decide(&gig, "REJECT", json!([{ "code": "SPAM" }])).await;
    let gig_item = rita.queue_item(&gig).await["id"].take();
    assert_eq!(voices(&item(&rita.client, &gig_item).await), [voice("DECISION", "REJECT", "Rita")]);
    assert_eq!(item(&rob.client, &gig_item).await["history"], json!([]));
}

on_both_back_ends!(
    a_proposal_takes_effect_when_another_reviewer_decides_the_same,
    a_second_reviewer_who_disagrees_ends_the_proposal,
    a_proposal_expires_and_counts_while_its_author_is_a_reviewer,
    the_author_of_a_pending_proposal_cannot_claim_its_item,
    a_revocation_can_need_two_administrators,
    a_flag_asks_for_a_second_reviewer,
    what_was_refused_or_revoked_before_asks_for_two_as_its_setting_says,
    a_copied_picture_asks_for_two_only_by_its_setting_and_a_hint_never,
    the_setting_second_reviewer_still_asks_for_two,
    the_applicant_sees_nothing_of_a_proposal,
);
