//! The filters of the review queue, its summary, and the item in the payload of a decision.

use chrono::TimeDelta;
use entity::review_item::{Column, Entity};
use gigway::config::Settings;
use gigway::domain::id;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::review_boards::item_of;
use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, CLAIM};
use crate::support::on_both_back_ends;
use crate::support::reviewing;
use crate::support::test_app::TestApp;
use crate::verification::{decide_mutation, decision_input, submit_verification};

/// The ids of a page, its total count, and its last and first cursors.
async fn ids(client: &Client, arguments: &str) -> (Vec<String>, Value, Value) {
    let query = format!(
        "{{ reviewQueue({arguments}) {{ totalCount nodes {{ id }} pageInfo {{ startCursor endCursor }} }} }}"
    );
    let page = client.run(&query, json!({})).await["reviewQueue"].take();
    let nodes = page["nodes"].as_array().expect("a list").iter();
    (nodes.map(|item| text(&item["id"])).collect(), page["totalCount"].clone(), page["pageInfo"].clone())
}

/// Whether an item is expected.
type Predicate = Box<dyn Fn(&Value) -> bool>;

async fn states_and_mine_select_the_items_of_every_page(app: TestApp) {
    let (ann, bob, rita, rob) = (
        app.member("Ann").await,
        app.member("Bob").await,
        app.reviewer("Rita").await,
        app.reviewer("Rob").await,
    );
    let mut gigs = Vec::new();
    for number in 0..8 {
        gigs.push(ann.post(app.gig_form(&format!("I will write song number {number}")).await).await);
        app.advance_clock(TimeDelta::seconds(20));
    }
    submit_verification(&bob, "AB123456", 1).await;
    for (reviewer, gig) in [(&rita, 0), (&rita, 5), (&rob, 1)] {
        let item = reviewer.queue_item(&gigs[gig]).await["id"].clone();
        reviewer.client.mutate(CLAIM, json!({ "id": item })).await;
    }
    rob.approve(&gigs[2]).await;
    rita.decide(&gigs[3], "REJECT", json!([{ "code": "SPAM" }])).await;
    // A claim that has expired counts as open, whether it is released already or not.
    let item = rob.queue_item(&gigs[4]).await["id"].clone();
    rob.client.mutate(CLAIM, json!({ "id": item })).await;
    expire_one(&app, &item).await;
    let client = rita.at(&app.gateway_b());
    let all = "{ reviewQueue(first: 100) { nodes { id kind state claimedBy { id } } } }";
    let all = client.run(all, json!({})).await["reviewQueue"]["nodes"].take();
    let all = all.as_array().expect("a list").clone();
    let mut selections: Vec<(String, Predicate)> = vec![
        (String::new(), Box::new(|_| true)),
        ("mine: false".to_owned(), Box::new(|_| true)),
        ("state: null, states: null, mine: null".to_owned(), Box::new(|_| true)),
        ("state: CLAIMED, states: null".to_owned(), Box::new(|item| item["state"] == "CLAIMED")),
    ];
    for states in [
        &[][..],
        &["OPEN"],
        &["CLAIMED"],
        &["DECIDED"],
        &["OPEN", "OPEN"],
        &["CLAIMED", "OPEN"],
        &["OPEN", "DECIDED"],
        &["CLAIMED", "DECIDED", "CLAIMED"],
        &["OPEN", "CLAIMED", "DECIDED"],
    ] {
        let is_selected = move |item: &Value| states.iter().any(|state| item["state"] == *state);
        selections.push((format!("states: [{}]", states.join(", ")), Box::new(is_selected)));
        let own = rita.id.clone();
        let is_mine = move |item: &Value| item["claimedBy"]["id"] == json!(own) && is_selected(item);
        selections.push((format!("states: [{}], mine: true", states.join(", ")), Box::new(is_mine)));
    }
    let mut found = 0;
    for (arguments, is_selected) in &selections {
        for kind in [None, Some("GIG"), Some("VERIFICATION")] {
            let arguments = match kind {
                None => arguments.clone(),
                Some(kind) => format!("kind: {kind}, {arguments}"),
            };
            let is_of_kind = |item: &&Value| kind.is_none_or(|kind| item["kind"] == kind);
            let expected: Vec<_> = all.iter().filter(is_of_kind).filter(|item| is_selected(item)).collect();
            let expected: Vec<_> = expected.into_iter().map(|item| text(&item["id"])).collect();
            found += expected.len();
            let (page, total, _) = ids(&client, &format!("first: 100, {arguments}")).await;
            assert_eq!((&page, total), (&expected, json!(expected.len())), "{arguments}");
            // In pages of three, forward and backward.
            let (mut forward, mut after) = (Vec::new(), Value::Null);
            loop {
                let (page, total, info) =
                    ids(&client, &format!("first: 3, after: {after}, {arguments}")).await;
                assert_eq!(total, expected.len(), "{arguments}");
                if page.is_empty() {
                    break;
                }
                forward.extend(page);
                after = info["endCursor"].clone();
            }
            assert_eq!(forward, expected, "{arguments}");
            let (mut backward, mut before) = (Vec::new(), Value::Null);
            loop {
                let (page, _, info) = ids(&client, &format!("last: 3, before: {before}, {arguments}")).await;
                if page.is_empty() {
                    break;
                }
                backward.splice(0..0, page);
                before = info["startCursor"].clone();
            }
            assert_eq!(backward, expected, "{arguments}");
        }
    }
    assert!(found > 80, "{found}");
    for arguments in ["state: OPEN, states: [OPEN]", "state: OPEN, states: []"] {
        let query = format!("{{ reviewQueue({arguments}) {{ totalCount }} eventCursor }}");
        let response = client.execute(&query, json!({})).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{response}");
        assert!(response["data"]["eventCursor"].is_string(), "{response}");
    }
}

/// Makes the claim of one item expire.
async fn expire_one(app: &TestApp, item: &Value) {
    let id = id::decode(item.as_str().expect("an id")).expect("an id").1;
    let db = app.services().db.begin().await.expect("a transaction");
    Entity::update_many()
        .col_expr(Column::ClaimExpiresAt, Expr::value(app.now() - TimeDelta::seconds(1)))
        .filter(Column::Id.eq(id))
        .exec(&db)
        .await
        .expect("updated");
    db.commit().await.expect("committed");
}

const SUMMARY: &str = "query { all: reviewSummary { ...S } gigs: reviewSummary(kind: GIG) { ...S }
    verifications: reviewSummary(kind: VERIFICATION) { ...S } }
    fragment S on ReviewSummary { openCount claimedCount overdueCount oldestDueAt medianDecisionMinutes }";

async fn the_summary_counts_the_queue_and_the_time_of_recent_decisions(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let summary = async || {
        let rita = app.sign_in(&rita.email).await;
        rita.at(&app.gateway_b()).run(SUMMARY, json!({})).await
    };
    let empty = json!({ "openCount": 0, "claimedCount": 0, "overdueCount": 0, "oldestDueAt": null,
        "medianDecisionMinutes": null });
    assert_eq!(summary().await, json!({ "all": empty, "gigs": empty, "verifications": empty }));
    // Decisions after 10, 30 and 61 minutes, and of a verification after 20.
    for minutes in [61, 10, 30] {
        let ann = app.sign_in(&ann.email).await;
        let gig = ann.post(app.gig_form("I will write a song for you").await).await;
        app.advance_clock(TimeDelta::minutes(minutes));
        app.sign_in(&rita.email).await.approve(&gig).await;
    }
    let bob = app.sign_in(&bob.email).await;
    let (id, version) = submit_verification(&bob, "AB123456", 1).await;
    app.advance_clock(TimeDelta::minutes(20));
    reviewing::decide(&app.sign_in(&rita.email).await.client, &id, "CLEAR", version, &json!([])).await;
    let medians = async || {
        let summary = summary().await;
        ["all", "gigs", "verifications"].map(|kind| summary[kind]["medianDecisionMinutes"].clone())
    };
    assert_eq!(medians().await, [json!(25), json!(30), json!(20)]);
    // Withdrawn items are not decisions, and undecided ones are not yet.
    let ann = app.sign_in(&ann.email).await;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(ann.post(app.gig_form("I will write a song for you").await).await);
    }
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": waiting[0] })).await;
    let rita = app.sign_in(&rita.email).await;
    for gig in &waiting[1..3] {
        let item = rita.queue_item(gig).await["id"].clone();
        rita.client.mutate(CLAIM, json!({ "id": item })).await;
    }
    let expired = rita.queue_item(&waiting[1]).await["id"].clone();
    expire_one(&app, &expired).await;
    let due = rita.queue_item(&waiting[1]).await["dueAt"].clone();
    let now = summary().await;
    for kind in ["all", "gigs"] {
        let counts = ["openCount", "claimedCount", "overdueCount"].map(|name| now[kind][name].clone());
        assert_eq!((counts, &now[kind]["oldestDueAt"]), ([json!(2), json!(1), json!(0)], &due), "{kind}");
    }
    assert_eq!(now["verifications"]["openCount"], 0);
    assert_eq!(medians().await, [json!(25), json!(30), json!(20)]);
    app.advance_clock(TimeDelta::days(29));
    let now = summary().await;
    assert_eq!((&now["gigs"]["overdueCount"], &now["gigs"]["openCount"]), (&json!(3), &json!(3)));
    assert_eq!(medians().await, [json!(25), json!(30), json!(20)]);
    app.advance_clock(TimeDelta::days(2));
    assert_eq!(medians().await, [Value::Null, Value::Null, Value::Null]);
}

async fn the_payload_of_a_decision_has_the_review_item(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let rae = app.reviewer("Rae").await;
    let post = "mutation($input: PostGigInput!) { postGig(input: $input) { gig { id } reviewItem { id }
        errors { code } } }";
    for seller in [&ann, &rae] {
        let form = app.gig_form("I will write a song for you").await;
        let payload = seller.client.mutate(post, json!({ "input": form })).await;
        assert_eq!(payload["reviewItem"], Value::Null);
    }
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let item = rita.queue_item(&gig).await["id"].clone();
    rita.client.mutate(CLAIM, json!({ "id": item })).await;
    let decide = "mutation($input: DecideGigInput!) { decideGig(input: $input) { gig { id }
        reviewItem { id state kind claimedBy { id } subject { ... on Gig { status } } } errors { code } } }";
    let input = |decision: &str, version: i64, reasons: Value| json!({ "input": { "gigId": gig, "decision": decision, "expectedVersion": version, "reasons": reasons } });
    let expected = json!({ "id": item, "state": "DECIDED", "kind": "GIG", "claimedBy": null,
        "subject": { "status": "ACTIVE" } });
    // A repetition with the same key has the same item.
    for client in [&rita.client, &rita.at(&app.gateway_b())] {
        let request = client.post("/graphql").header("idempotency-key", "decide");
        let body = json!({ "query": decide, "variables": input("APPROVE", 1, json!([])) });
        let response = request.json(&body).send().await.expect("a response");
        let response: Value = response.json().await.expect("JSON");
        assert_eq!(response["data"]["decideGig"]["reviewItem"], expected, "{response}");
    }
    // Nothing is decided, or the gig is not in the queue.
    let stale = rita.client.run(decide, input("APPROVE", 1, json!([]))).await;
    assert_eq!(stale["decideGig"]["reviewItem"], Value::Null);
    let suspended = rita.client.mutate(decide, input("SUSPEND", 2, json!([{ "code": "SPAM" }]))).await;
    assert_eq!(suspended["reviewItem"], Value::Null);
    assert_eq!(suspended["gig"]["id"], json!(gig));

    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let item = item_of(&rita.client, &id).await;
    let decide = "mutation($input: DecideVerificationInput!) { decideVerification(input: $input) {
        verification { status } reviewItem { id state kind } errors { code } } }";
    let clear = decision_input(&id, "CLEAR", version, &json!([]));
    reviewing::review(&rita.client, &id).await;
    let payload = rita.client.mutate(decide, clear).await;
    assert_eq!(payload["reviewItem"], json!({ "id": item, "state": "DECIDED", "kind": "VERIFICATION" }));
    let revoke = decision_input(&id, "REVOKE", version + 1, &json!([{ "code": "UNDER_AGE" }]));
    let ada = app.admin("Ada").await;
    reviewing::inspect(&ada.client, &id).await;
    let payload = ada.client.mutate(decide, revoke).await;
    assert_eq!(
        (&payload["reviewItem"], &payload["verification"]["status"]),
        (&Value::Null, &json!("REVOKED"))
    );
}

on_both_back_ends!(
    states_and_mine_select_the_items_of_every_page,
    the_summary_counts_the_queue_and_the_time_of_recent_decisions,
    the_payload_of_a_decision_has_the_review_item,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_returns_the_item_to_the_queue() {
    let settings = Settings {
        limits: Some(r#"{"verification":{"secondReviewer":true}}"#.into()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (id, version) = submit_verification(&ann, "AB123456", 1).await;
    let item = item_of(&rita.client, &id).await;
    rita.client.mutate(CLAIM, json!({ "id": item })).await;
    let decide = "mutation($input: DecideVerificationInput!) { decideVerification(input: $input) {
        verification { status } reviewItem { id state } errors { code } } }";
    let reject = decision_input(&id, "REJECT", version, &json!([{ "code": "DOCUMENT_TAMPERED" }]));
    let payload = rita.client.mutate(decide, reject).await;
    assert_eq!(payload["reviewItem"], json!({ "id": item, "state": "OPEN" }));
}
