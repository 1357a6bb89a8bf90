//! The audit trail: which acts leave an entry, who and what it names, and how administrators read it.

use gigway::domain::audit::{AuditEntry, AuditSource};
use gigway::domain::id::{PublicId, UserId};
use gigway::domain::user::Role;
use gigway::service::{erasure, event_log, key_rotation, user_admin};
use gigway::store::audit;
use gigway::store::audit::TrailQuery;
use serde_json::{Value, json};

use crate::support::client::{error_codes, text};
use crate::support::documents::{CLAIM, DECIDE_GIG, RELEASE};
use crate::support::on_both_back_ends;
use crate::support::reviewing::INSPECT;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{decide_mutation, decision_input, submit_verification};

fn user_id(user: &TestUser) -> UserId {
    UserId::parse(&user.id).expect("a user's id")
}

/// All entries, oldest first.
async fn trail(app: &TestApp) -> Vec<AuditEntry> {
    let found = audit::find_all(app.services().db.read(), TrailQuery::default()).await.expect("a trail");
    found.into_iter().map(|chained| chained.entry).collect()
}

async fn entries_about(app: &TestApp, user: &TestUser) -> Vec<AuditEntry> {
    audit::find_by_subject(app.services().db.read(), user_id(user)).await.expect("a trail")
}

async fn every_act_of_an_operator_leaves_an_entry(app: TestApp) {
    let ann = app.member("Ann").await;
    let services = app.services();
    user_admin::set_role(services, &ann.email, Role::Reviewer).await.expect("a new role");
    user_admin::set_points(services, &ann.email, 5000).await.expect("points");
    user_admin::set_display_name(services, &ann.email, "Anna").await.expect("a name");
    user_admin::block(services, &ann.email).await.expect("blocked");
    user_admin::unblock(services, &ann.email).await.expect("unblocked");
    user_admin::set_legal_hold(services, &ann.email, true).await.expect("a hold");
    erasure::erase_user(services, &ann.email).await.expect_err("a hold");
    user_admin::set_legal_hold(services, &ann.email, false).await.expect("no hold");
    erasure::erase_user(services, &ann.email).await.expect("erased");
    let entries = entries_about(&app, &ann).await;
    let acts: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    let expected = [
        ("ROLE", "MEMBER to REVIEWER"),
        ("POINTS", "0 to 5000"),
        ("NAME", ""),
        ("BLOCK", ""),
        ("UNBLOCK", ""),
        ("HOLD", ""),
        ("LIFT_HOLD", ""),
        ("ERASE", ""),
    ];
    assert_eq!(acts, expected);
    assert!(entries.iter().all(|entry| entry.source == AuditSource::System && entry.actor_id.is_none()));

    // Acts about the installation have no subject.
    key_rotation::rotate(services, || {}).await.expect("rotated");
    event_log::start_new_epoch(services).await.expect("a new epoch");
    let all = trail(&app).await;
    let last: Vec<_> =
        all[all.len() - 2..].iter().map(|entry| (entry.action.as_str(), entry.subject_id)).collect();
    assert_eq!(last, [("ROTATE_KEYS", None), ("NEW_EPOCH", None)]);
}

async fn an_account_with_power_leaves_an_entry_and_others_do_not(app: TestApp) {
    app.member("Mia").await;
    let (rita, ada) = (app.reviewer("Rita").await, app.admin("Ada").await);
    let entries = trail(&app).await;
    let acts: Vec<_> = entries.iter().map(|entry| (entry.subject_id, entry.detail.as_str())).collect();
    let expected =
        [(Some(user_id(&rita)), "new account as REVIEWER"), (Some(user_id(&ada)), "new account as ADMIN")];
    assert_eq!(acts, expected);
}

async fn a_refused_decision_leaves_an_entry(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let stale = decision_input(&id, "CLEAR", version - 1, &json!([]));
    rita.client.mutation_errors(&decide_mutation(), stale).await;
    let (own_id, own_version) = submit_verification(&rita, "CD123456", 2).await;
    let own = decision_input(&own_id, "CLEAR", own_version, &json!([]));
    rita.client.mutation_errors(&decide_mutation(), own).await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let input = json!({ "input": { "gigId": gig, "decision": "APPROVE", "expectedVersion": 0 } });
    rita.client.mutation_errors(DECIDE_GIG, input).await;
    let refused: Vec<_> =
        trail(&app).await.into_iter().filter(|entry| entry.action == "DECISION_REFUSED").collect();
    assert!(refused.iter().all(|entry| entry.actor_id == Some(user_id(&rita))));
    assert!(refused.iter().all(|entry| entry.source == AuditSource::Api && entry.request_id.len() == 32));
    let acts: Vec<_> = refused.iter().map(|entry| (entry.subject_id, entry.detail.clone())).collect();
    let [ann_id, rita_id] = [user_id(&ann), user_id(&rita)];
    assert_eq!(acts.len(), 3, "{acts:?}");
    assert!(acts[0] == (Some(ann_id), "CLEAR of a VERIFICATION: STALE_VERSION".into()), "{acts:?}");
    assert!(acts[1] == (Some(rita_id), "CLEAR of a VERIFICATION: NOT_ALLOWED".into()), "{acts:?}");
    assert!(acts[2] == (Some(ann_id), "APPROVE of a GIG: STALE_VERSION".into()), "{acts:?}");
    // Whoever is no reviewer decides nothing, and is in the log instead.
    let input = decision_input(&id, "CLEAR", version, &json!([]));
    let body = ann.client.execute(&decide_mutation(), input).await;
    assert_eq!(error_codes(&body), ["FORBIDDEN"]);
    let count = trail(&app).await.iter().filter(|entry| entry.action == "DECISION_REFUSED").count();
    assert_eq!(count, 3);
}

async fn a_refused_inspection_or_reopening_leaves_an_entry(app: TestApp) {
    let (ann, ada) = (app.member("Ann").await, app.admin("Ada").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let input = json!({ "input": { "verificationId": id, "reason": "A report of a buyer." } });
    ada.client.mutation_errors(INSPECT, input).await;
    let input =
        json!({ "input": { "verificationId": id, "expectedVersion": version, "reason": "A mistake." } });
    let reopen = "mutation($input: ReopenVerificationInput!) { reopenVerification(input: $input) {
        verification { status } errors { code field message } } }";
    ada.client.mutation_errors(reopen, input).await;
    let entries = entries_about(&app, &ann).await;
    let acts: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    let expected = [
        ("DECISION_REFUSED", "INSPECT of a VERIFICATION: INVALID_TRANSITION"),
        ("DECISION_REFUSED", "REOPEN of a VERIFICATION: INVALID_TRANSITION"),
    ];
    assert_eq!(acts, expected);
    assert!(entries.iter().all(|entry| entry.actor_id == Some(user_id(&ada))));
}

async fn ending_the_claim_of_somebody_else_leaves_an_entry(app: TestApp) {
    let (ann, rita, ada) = (app.member("Ann").await, app.reviewer("Rita").await, app.admin("Ada").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let item = rita.queue_item(&gig).await["id"].take();
    for admin_releases in [false, true] {
        rita.client.mutate(CLAIM, json!({ "id": item })).await;
        let reviewer = if admin_releases { &ada } else { &rita };
        reviewer.client.mutate(RELEASE, json!({ "id": item })).await;
    }
    let entries = entries_about(&app, &ann).await;
    let acts: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.detail.clone())).collect();
    assert_eq!(acts, [("RELEASE", format!("{} of {}", text(&item), rita.id))]);
    assert_eq!(entries[0].actor_id, Some(user_id(&ada)));
}

/// The ids of requests in the trail are the gateway's: a client cannot choose them.
async fn a_client_cannot_choose_the_request_id_of_the_trail(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let mut stale = decision_input(&id, "CLEAR", version - 1, &json!([]));
    let body = json!({ "query": decide_mutation(), "variables": stale.take() });
    for _ in 0..2 {
        let request = rita.client.post("/graphql").header("x-request-id", "chosen-by-the-client").json(&body);
        let response = request.send().await.expect("a response");
        assert_eq!(response.headers()["x-request-id"], "chosen-by-the-client");
    }
    let ids: Vec<_> = trail(&app)
        .await
        .into_iter()
        .filter(|entry| entry.action == "DECISION_REFUSED")
        .map(|entry| entry.request_id)
        .collect();
    assert_eq!(ids.len(), 2);
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

const TRAIL: &str = "query($subject: ID, $actor: ID, $first: Int, $after: String, $last: Int) {
    auditTrail(subjectId: $subject, actorId: $actor, first: $first, after: $after, last: $last) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
        nodes { number action detail source operator requestId actor { id } subject { id } } } }";

fn actions(page: &Value) -> Vec<String> {
    let nodes = page["auditTrail"]["nodes"].as_array().expect("a list");
    nodes.iter().map(|node| text(&node["action"])).collect()
}

async fn administrators_read_the_trail_and_are_audited(app: TestApp) {
    let (ann, bob, ada) = (app.member("Ann").await, app.member("Bob").await, app.admin("Ada").await);
    for points in [1, 2, 3] {
        user_admin::set_points(app.services(), &ann.email, points).await.expect("points");
    }
    user_admin::block(app.services(), &bob.email).await.expect("blocked");
    let page = ada.client.run(TRAIL, json!({ "subject": ann.id, "first": 2 })).await;
    assert_eq!(actions(&page), ["POINTS", "POINTS"]);
    let trail = &page["auditTrail"];
    assert_eq!(trail["nodes"][0]["detail"], "2 to 3");
    assert_eq!(trail["nodes"][0]["source"], "SYSTEM");
    assert_eq!(
        (&trail["nodes"][0]["actor"], &trail["nodes"][0]["subject"]["id"]),
        (&Value::Null, &json!(ann.id))
    );
    // The page is read before the entry about it, and the count afterwards.
    assert_eq!((&trail["totalCount"], &trail["pageInfo"]["hasNextPage"]), (&json!(4), &json!(true)));
    let after = trail["pageInfo"]["endCursor"].clone();
    let page = ada.client.run(TRAIL, json!({ "subject": ann.id, "first": 2, "after": after })).await;
    assert_eq!(actions(&page), ["POINTS"]);
    assert_eq!(page["auditTrail"]["pageInfo"]["hasPreviousPage"], true);
    let page = ada.at(&app.gateway_b()).run(TRAIL, json!({ "actor": ada.id })).await;
    assert_eq!(actions(&page), ["VIEW_AUDIT_TRAIL", "VIEW_AUDIT_TRAIL"]);
    let node = &page["auditTrail"]["nodes"][0];
    assert_eq!((&node["source"], &node["subject"]["id"]), (&json!("API"), &json!(ann.id)));
    assert_eq!(text(&node["requestId"]).len(), 32);
    let page = ada.client.run(TRAIL, json!({ "last": 1 })).await;
    assert_eq!(page["auditTrail"]["nodes"][0]["number"], 1);
    // Without the entry, nothing is shown: each of the pages above has one.
    let entries = audit::find_all(
        app.services().db.read(),
        TrailQuery { actor_id: Some(user_id(&ada)), subject_id: None },
    );
    let details: Vec<_> =
        entries.await.expect("entries").into_iter().map(|chained| chained.entry.detail).collect();
    assert_eq!(details, ["", "", format!("acts of {}", ada.id).as_str(), ""]);
    // Nobody else reads it.
    let rita = app.reviewer("Rita").await;
    for (client, code) in
        [(&rita.client, "FORBIDDEN"), (&ann.client, "FORBIDDEN"), (&app.gateway_a(), "UNAUTHENTICATED")]
    {
        let body = client.execute(TRAIL, json!({})).await;
        assert_eq!((error_codes(&body), &body["data"]["auditTrail"]), (vec![code.to_owned()], &Value::Null));
    }
    let unknown = ada.client.run(TRAIL, json!({ "subject": "usr_x" })).await;
    assert_eq!(actions(&unknown), Vec::<String>::new());
}

async fn a_longer_page_takes_no_more_statements(app: TestApp) {
    let (rita, ada) = (app.reviewer("Rita").await, app.admin("Ada").await);
    let mut decisions = Vec::new();
    for (shade, name) in [(1, "Ann"), (9, "Bob"), (17, "Cid")] {
        let (id, _) = submit_verification(&app.member(name).await, &format!("P12345{shade}"), shade).await;
        decisions.push(decision_input(&id, "CLEAR", 0, &json!([])));
    }
    let mut counts = Vec::new();
    for first in [2, 9] {
        // The newest entries have an actor and different subjects.
        for number in 0..9 {
            rita.client.mutation_errors(&decide_mutation(), decisions[number % 3].clone()).await;
        }
        let before = app.services().db.statement_count();
        let page = ada.client.run(TRAIL, json!({ "first": first })).await;
        counts.push(app.services().db.statement_count() - before);
        assert_eq!(actions(&page), vec!["DECISION_REFUSED"; first]);
    }
    assert_eq!(counts[0], counts[1]);
}

on_both_back_ends!(
    a_longer_page_takes_no_more_statements,
    every_act_of_an_operator_leaves_an_entry,
    an_account_with_power_leaves_an_entry_and_others_do_not,
    a_refused_decision_leaves_an_entry,
    a_refused_inspection_or_reopening_leaves_an_entry,
    ending_the_claim_of_somebody_else_leaves_an_entry,
    a_client_cannot_choose_the_request_id_of_the_trail,
    administrators_read_the_trail_and_are_audited,
);
