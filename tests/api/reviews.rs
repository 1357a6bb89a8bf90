//! Reviews of gigs: the queue, claims, decisions, and what the seller sees of them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::client::{text, user_errors};
use crate::support::documents::{ARCHIVE_GIG, CLAIM, DECIDE_GIG, EDIT_GIG, QUEUE, RELEASE};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

fn violation(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

fn decision(gig_id: &str, decision: &str, version: i32, reasons: &Value) -> Value {
    json!({ "input": { "gigId": gig_id, "decision": decision, "expectedVersion": version, "reasons": reasons } })
}

async fn the_queue_contains_posted_gigs_in_order_of_due_time(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut posted = Vec::new();
    for number in 0..5 {
        posted.push(ann.post(app.gig_form(&format!("I will write song number {number}")).await).await);
        app.advance_clock(TimeDelta::minutes(1));
    }
    let query = "query($first: Int, $after: String, $last: Int, $before: String) {
        reviewQueue(state: OPEN, first: $first, after: $after, last: $last, before: $before) {
            totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
            edges { cursor node { overdue subject { ... on Gig { id } } } } } }";
    let client = rita.at(&app.gateway_b());
    let ids = |page: &Value| -> Vec<String> {
        let edges = page["edges"].as_array().expect("a list").clone();
        edges.iter().map(|edge| text(&edge["node"]["subject"]["id"])).collect()
    };
    let first = client.run(query, json!({ "first": 2 })).await["reviewQueue"].take();
    assert_eq!(ids(&first), posted[..2]);
    assert_eq!((&first["totalCount"], &first["pageInfo"]["hasNextPage"]), (&json!(5), &json!(true)));
    assert_eq!(first["pageInfo"]["hasPreviousPage"], false);
    let after = json!({ "first": 3, "after": first["pageInfo"]["endCursor"] });
    let rest = client.run(query, after).await["reviewQueue"].take();
    assert_eq!(ids(&rest), posted[2..]);
    assert_eq!(rest["pageInfo"]["hasNextPage"], false);
    assert_eq!(rest["pageInfo"]["hasPreviousPage"], true);
    let before = json!({ "last": 2, "before": rest["pageInfo"]["startCursor"] });
    assert_eq!(ids(&client.run(query, before).await["reviewQueue"].take()), posted[..2]);
    app.advance_clock(TimeDelta::days(7));
    let rita = app.sign_in(&rita.email).await;
    let late = rita.client.run(query, json!({})).await["reviewQueue"].take();
    assert!(late["edges"].as_array().expect("a list").iter().all(|edge| edge["node"]["overdue"] == true));
}

async fn a_claim_excludes_others_until_it_is_released_or_expires(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let item = rita.queue_item(&gig).await;
    assert_eq!((&item["state"], &item["kind"]), (&json!("OPEN"), &json!("GIG")));
    let id = json!({ "id": item["id"] });
    let claimed = rita.client.mutate(CLAIM, id.clone()).await["item"].take();
    assert_eq!((&claimed["state"], &claimed["claimedBy"]["id"]), (&json!("CLAIMED"), &json!(rita.id)));

    let rob_at_b = rob.at(&app.gateway_b());
    let already_claimed = [violation("ALREADY_CLAIMED", "id")];
    assert_eq!(rob_at_b.mutation_errors(CLAIM, id.clone()).await, already_claimed);
    assert_eq!(rob_at_b.mutation_errors(RELEASE, id.clone()).await, already_claimed);
    let approve = decision(&gig, "APPROVE", 1, &json!([]));
    let refused = rob_at_b.mutation_errors(DECIDE_GIG, approve.clone()).await;
    assert_eq!(refused, [violation("ALREADY_CLAIMED", "gigId")]);

    let released = rita.client.mutate(RELEASE, id.clone()).await["item"].take();
    assert_eq!((&released["state"], &released["claimedBy"]), (&json!("OPEN"), &Value::Null));
    assert_eq!(
        rita.client.mutation_errors(RELEASE, id.clone()).await,
        [violation("INVALID_TRANSITION", "id")]
    );
    rob_at_b.mutate(CLAIM, id.clone()).await;
    app.advance_clock(TimeDelta::minutes(14));
    assert_eq!(rita.client.mutation_errors(CLAIM, id.clone()).await, already_claimed);
    // Claiming again extends the claim.
    rob_at_b.mutate(CLAIM, id.clone()).await;
    app.advance_clock(TimeDelta::minutes(14));
    let rita = app.sign_in(&rita.email).await;
    assert_eq!(rita.client.mutation_errors(CLAIM, id.clone()).await, already_claimed);
    app.advance_clock(TimeDelta::minutes(2));
    let rita = app.sign_in(&rita.email).await;
    assert_eq!(rita.queue_item(&gig).await["state"], "OPEN");
    rita.client.mutate(CLAIM, id.clone()).await;
    rita.client.mutate(DECIDE_GIG, approve).await;
    let item = rita.queue_item(&gig).await;
    assert_eq!((&item["state"], &item["claimedBy"]), (&json!("DECIDED"), &Value::Null));
    assert_eq!(rita.client.mutation_errors(CLAIM, id).await, [violation("INVALID_TRANSITION", "id")]);
}

async fn the_second_of_two_concurrent_decisions_is_stale(app: TestApp) {
    let (ann, rita, rob) = (app.member("Ann").await, app.reviewer("Rita").await, app.reviewer("Rob").await);
    for number in 0..5 {
        let gig = ann.post(app.gig_form(&format!("I will write song number {number}")).await).await;
        let (approve, reject) = (
            decision(&gig, "APPROVE", 1, &json!([])),
            decision(&gig, "REJECT", 1, &json!([{ "code": "SPAM" }])),
        );
        let rob_at_b = rob.at(&app.gateway_b());
        let (first, second) =
            tokio::join!(rita.client.run(DECIDE_GIG, approve), rob_at_b.run(DECIDE_GIG, reject));
        let mut codes = Vec::new();
        for payload in [&first["decideGig"], &second["decideGig"]] {
            codes.extend(payload["errors"].as_array().expect("a list").iter().map(|e| text(&e["code"])));
        }
        assert_eq!(codes, ["STALE_VERSION"], "{first} {second}");
        assert_eq!(rita.gig(&gig).await["version"], 2);
    }
}

async fn archiving_a_gig_while_it_is_decided_leaves_no_open_item(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for number in 0..12 {
        let gig = ann.post(app.gig_form(&format!("I will write song number {number}")).await).await;
        let rita_at_b = rita.at(&app.gateway_b());
        let (decided, archived) = tokio::join!(
            rita_at_b.run(DECIDE_GIG, decision(&gig, "APPROVE", 1, &json!([]))),
            ann.client.run(ARCHIVE_GIG, json!({ "id": gig })),
        );
        // Either the gig is approved and then archived, or it is archived and the decision is stale. There is
        // never a deadlock, and never an item left in the queue.
        assert!(!archived["archiveGig"]["gig"].is_null(), "{archived}");
        let codes = user_errors(&decided["decideGig"]);
        assert!(codes.is_empty() || codes == [violation("STALE_VERSION", "expectedVersion")], "{decided}");
        assert_eq!(ann.status(&gig).await, "ARCHIVED");
        let queue = rita.client.run(QUEUE, json!({ "state": "OPEN" })).await;
        assert_eq!(queue["reviewQueue"]["totalCount"], 0, "{queue}");
    }
}

async fn an_invalid_decision_is_rejected_and_changes_nothing(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let cases = [
        ("REJECT", 1, json!([]), violation("REQUIRED", "reasons")),
        ("REJECT", 1, json!([{ "code": "NONSENSE" }]), violation("INVALID", "reasons.0.code")),
        ("REJECT", 1, json!([{ "code": "OTHER" }]), violation("REQUIRED", "reasons.0.message")),
        (
            "REJECT",
            1,
            json!([{ "code": "SPAM", "message": "x".repeat(501) }]),
            violation("TOO_LONG", "reasons.0.message"),
        ),
        (
            "REJECT",
            1,
            json!([{ "code": "SPAM", "field": ["a\u{0}"] }]),
            violation("INVALID", "reasons.0.field"),
        ),
        (
            "REJECT",
            1,
            json!([{ "code": "SPAM", "field": vec!["a"; 6] }]),
            violation("TOO_MANY", "reasons.0.field"),
        ),
        ("APPROVE", 1, json!([{ "code": "SPAM" }]), violation("INVALID", "reasons")),
        ("APPROVE", 2, json!([]), violation("STALE_VERSION", "expectedVersion")),
        ("SUSPEND", 1, json!([{ "code": "SPAM" }]), violation("INVALID_TRANSITION", "")),
    ];
    for (verdict, version, reasons, violation) in cases {
        let refused =
            rita.client.mutation_errors(DECIDE_GIG, decision(&gig, verdict, version, &reasons)).await;
        assert_eq!(refused, [violation], "{verdict} {reasons}");
    }
    let unknown = decision("gig_00000000000000000000000000", "APPROVE", 1, &json!([]));
    assert_eq!(rita.client.mutation_errors(DECIDE_GIG, unknown).await, [violation("NOT_FOUND", "gigId")]);
    assert_eq!(ann.gig(&gig).await["version"], 1);
    assert_eq!(rita.queue_item(&gig).await["state"], "OPEN");
}

async fn reviewers_cannot_review_their_own_gigs(app: TestApp) {
    let (rita, rob) = (app.reviewer("Rita").await, app.reviewer("Rob").await);
    let gig = rita.post(app.gig_form("I will write a song for you").await).await;
    let item = rita.queue_item(&gig).await;
    let refused = rita.client.mutation_errors(CLAIM, json!({ "id": item["id"] })).await;
    assert_eq!(refused, [violation("NOT_ALLOWED", "id")]);
    let refused = rita.client.mutation_errors(DECIDE_GIG, decision(&gig, "APPROVE", 1, &json!([]))).await;
    assert_eq!(refused, [violation("NOT_ALLOWED", "gigId")]);
    rob.approve(&gig).await;
}

async fn the_seller_sees_the_reasons_but_not_the_internal_note(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let input = json!({ "input": {
        "gigId": gig, "decision": "REJECT", "expectedVersion": 1,
        "reasons": [{ "code": "LANGUAGE", "field": ["description"] },
                    { "code": "OTHER", "message": "Tell us what you sing." }],
        "internalNote": "the same person as last week" } });
    let payload = rita.client.mutate(DECIDE_GIG, input).await;
    let reasons = payload["gig"]["reviewReasons"].clone();
    assert_eq!(reasons[0]["category"], "CONTENT_POLICY");
    assert_eq!((&reasons[0]["field"], &reasons[0]["retryable"]), (&json!(["description"]), &json!(true)));
    assert_eq!(
        (&reasons[1]["code"], &reasons[1]["message"]),
        (&json!("OTHER"), &json!("Tell us what you sing."))
    );
    let gig_of_ann = ann.gig(&gig).await;
    assert_eq!(
        (&gig_of_ann["status"], gig_of_ann["reviewReasons"].as_array().map(Vec::len)),
        (&json!("REJECTED"), Some(2))
    );
    assert!(!gig_of_ann.to_string().contains("last week"));
    // Once it is approved, the public sees neither the reasons nor the due time.
    ann.client.mutate(EDIT_GIG, json!({ "input": { "id": gig, "description": "Songs." } })).await;
    rita.approve(&gig).await;
    let query = "query($id: ID!) { gig(id: $id) { status reviewDueAt reviewReasons { code } } }";
    let public_gig = app.gateway_b().run(query, json!({ "id": gig })).await["gig"].take();
    assert_eq!(public_gig, json!({ "status": "ACTIVE", "reviewDueAt": null, "reviewReasons": [] }));
}

async fn a_suspended_gig_can_only_be_archived(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&gig).await;
    rita.decide(&gig, "SUSPEND", json!([{ "code": "COPYRIGHT" }])).await;
    let edit = json!({ "input": { "id": gig, "title": "I will write two songs" } });
    assert_eq!(ann.client.mutation_errors(EDIT_GIG, edit).await, [violation("INVALID_TRANSITION", "")]);
    assert_eq!(
        app.gateway_b().run("query($id: ID!) { gig(id: $id) { id } }", json!({ "id": gig })).await["gig"],
        Value::Null
    );
    assert_eq!(ann.client.mutate(ARCHIVE_GIG, json!({ "id": gig })).await["gig"]["status"], "ARCHIVED");
}

async fn each_review_round_has_an_item_and_a_stored_decision(app: TestApp) {
    use sea_orm::EntityTrait;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.decide(&gig, "REJECT", json!([{ "code": "LANGUAGE" }])).await;
    ann.client.mutate(EDIT_GIG, json!({ "input": { "id": gig, "description": "Songs." } })).await;
    rita.approve(&gig).await;
    let queue = rita.client.run(QUEUE, json!({ "state": "DECIDED" })).await;
    assert_eq!(queue["reviewQueue"]["totalCount"], 2);
    let rows = entity::review_decision::Entity::find().all(app.services().db.read()).await.expect("rows");
    let mut decisions: Vec<_> =
        rows.iter().map(|row| (row.version, row.decision.as_str(), row.reasons.clone())).collect();
    decisions.sort_by_key(|row| row.0);
    assert_eq!(
        (decisions[0].0, decisions[0].1, &decisions[0].2[0]["code"]),
        (2, "REJECT", &json!("LANGUAGE"))
    );
    assert_eq!((decisions[1].0, decisions[1].1), (4, "APPROVE"));
    assert!(rows.iter().all(|row| row.item_id.is_some() && row.decided_at <= app.now()));
}

on_both_back_ends!(
    the_queue_contains_posted_gigs_in_order_of_due_time,
    a_claim_excludes_others_until_it_is_released_or_expires,
    the_second_of_two_concurrent_decisions_is_stale,
    archiving_a_gig_while_it_is_decided_leaves_no_open_item,
    an_invalid_decision_is_rejected_and_changes_nothing,
    reviewers_cannot_review_their_own_gigs,
    the_seller_sees_the_reasons_but_not_the_internal_note,
    a_suspended_gig_can_only_be_archived,
    each_review_round_has_an_item_and_a_stored_decision,
);
