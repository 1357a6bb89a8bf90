//! An operation reads all objects of one kind with one statement, in however many places it asks for them. What a
//! client may not see takes no statement at all.

use gigway::domain::id::{
    CategoryId, DocumentId, GigId, ImageId, PublicId, ReviewItemId, UserId, VerificationId,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::statement_counts::market;
use crate::support::client::{Client, text};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::verification::submit_verification;

/// The root fields of a request. The limit is 30.
const ROOT_FIELDS: usize = 30;

/// The ids of each root field. The limit of a list is 100, and a document has at most 64 KiB.
const IDS: usize = 100;

/// The number of statements that the operation takes, without those of authentication, and its data. The response
/// does not come from the cache, because it has the cost.
async fn run_counted(app: &TestApp, client: &Client, query: &str, variables: &Value) -> (u64, Value) {
    let (mut fewest, mut data) = (u64::MAX, Value::Null);
    // The gateway also executes statements of its own, so the smallest of several counts is right.
    for _ in 0..4 {
        let body = json!({ "query": query, "variables": variables, "extensions": { "cost": true } });
        let before = app.services().db.statement_count();
        let response = client.post("/graphql").json(&body).send().await.expect("a response");
        let mut response: Value = response.json().await.expect("JSON");
        let count = app.services().db.statement_count() - before;
        assert!(response.get("errors").is_none(), "{response:#}");
        assert!(response["extensions"]["cost"].is_object(), "{response}");
        fewest = fewest.min(count);
        data = response["data"].take();
    }
    (fewest - u64::from(client.token().is_some()), data)
}

/// Ids of this kind that no object has.
fn unknown_ids<T: PublicId>(count: usize) -> Vec<String> {
    (0..count).map(|number| T::from(Uuid::from_u128(number as u128 + 1)).to_public()).collect()
}

/// The kinds of ids, with as many unknown ids of each as a request can have.
fn kinds() -> Vec<(&'static str, Vec<String>)> {
    let count = ROOT_FIELDS * IDS;
    vec![
        ("Category", unknown_ids::<CategoryId>(count)),
        ("Gig", unknown_ids::<GigId>(count)),
        ("GigImage", unknown_ids::<ImageId>(count)),
        ("ReviewItem", unknown_ids::<ReviewItemId>(count)),
        ("User", unknown_ids::<UserId>(count)),
        ("Verification", unknown_ids::<VerificationId>(count)),
        ("IdentityDocument", unknown_ids::<DocumentId>(count)),
    ]
}

/// A query of all these ids, spread over as many root fields as allowed. Half of the ids are in variables.
fn nodes_query(ids: &[String]) -> (String, Value) {
    let (mut fields, mut declarations) = (Vec::new(), Vec::new());
    let mut variables = serde_json::Map::new();
    for (number, ids) in ids.chunks(IDS).enumerate() {
        let value = if number % 2 == 0 {
            json!(ids).to_string()
        } else {
            declarations.push(format!("$ids{number}: [ID!]! "));
            variables.insert(format!("ids{number}"), json!(ids));
            format!("$ids{number}")
        };
        fields.push(format!("a{number}: nodes(ids: {value}) {{ __typename id }} "));
    }
    let (fields, declarations) = (fields.concat(), declarations.concat());
    let declarations = if declarations.is_empty() { declarations } else { format!("({declarations})") };
    (format!("query{declarations} {{ {fields} }}"), Value::Object(variables))
}

/// The ids of the objects that a reviewer can see, by type.
async fn visible_ids(reviewer: &Client) -> Vec<String> {
    let query = "{ categories { id } gigs(first: 100) { nodes { id images { id } seller { id } } }
        reviewQueue(first: 100) { nodes { id subject { ... on Gig { id }
            ... on Verification { id documents { id } } } } } }";
    let data = reviewer.run(query, json!({})).await;
    let mut ids = Vec::new();
    collect_ids(&data, &mut ids);
    ids.sort();
    ids.dedup();
    ids
}

fn collect_ids(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "id" { ids.push(text(value)) } else { collect_ids(value, ids) }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        _ => {}
    }
}

async fn many_ids_in_many_fields_take_as_many_statements_as_one(app: TestApp) {
    let (sellers, rita) = market(&app).await;
    for (kind, ids) in kinds() {
        for client in [&rita.client, &sellers[0].client, &app.gateway_a()] {
            let (query, variables) = nodes_query(&ids[..1]);
            let (for_one, _) = run_counted(&app, client, &query, &variables).await;
            let (query, variables) = nodes_query(&ids);
            let (for_all, _) = run_counted(&app, client, &query, &variables).await;
            assert_eq!(for_all, for_one, "{kind}");
            assert!(for_all <= 1, "{kind}: {for_all}");
        }
    }
    // Objects that exist, and as many fields that ask for each.
    let ids = visible_ids(&rita.client).await;
    let of_each_kind: Vec<_> = kinds().iter().filter_map(|(kind, _)| first_of_kind(kind, &ids)).collect();
    assert_eq!(of_each_kind.len(), kinds().len(), "{ids:?}");
    let (query, variables) = nodes_query(&of_each_kind);
    let (for_one, data) = run_counted(&app, &rita.client, &query, &variables).await;
    assert!(data["a0"].as_array().expect("a list").iter().all(Value::is_object), "{data:#}");
    let repeated: Vec<_> = ids.iter().cycle().take(IDS * ROOT_FIELDS / 2).cloned().collect();
    let (query, variables) = nodes_query(&repeated);
    let (for_all, data) = run_counted(&app, &rita.client, &query, &variables).await;
    assert_eq!(for_all, for_one);
    assert!(!data.to_string().contains("null"), "{data:#}");
    // Also one by one.
    let fields: Vec<String> = ids
        .iter()
        .take(ROOT_FIELDS)
        .enumerate()
        .map(|(n, id)| format!("a{n}: node(id: \"{id}\") {{ id }} "))
        .collect();
    let (one_by_one, _) =
        run_counted(&app, &rita.client, &format!("{{ {} }}", fields.concat()), &json!({})).await;
    assert!(one_by_one <= for_one, "{one_by_one}");
}

/// The prefix of the ids of a type is the same for all of its objects.
fn first_of_kind(kind: &str, ids: &[String]) -> Option<String> {
    let unknown = kinds().into_iter().find(|(name, _)| *name == kind)?.1;
    let prefix = unknown[0].split('_').next()?.to_owned() + "_";
    ids.iter().find(|id| id.starts_with(&prefix)).cloned()
}

async fn what_a_client_may_not_see_takes_no_statement(app: TestApp) {
    let (sellers, rita) = market(&app).await;
    let all = visible_ids(&rita.client).await;
    let of_kind = |kind: &str| {
        let first = first_of_kind(kind, &all).expect("an id");
        let prefix = first.split('_').next().expect("a prefix").to_owned();
        let known = all.iter().filter(move |id| id.starts_with(&prefix)).cloned();
        known
            .chain(kinds().into_iter().find(|(name, _)| *name == kind).expect("a kind").1)
            .take(IDS * ROOT_FIELDS)
    };
    let mallory = app.member("Mallory").await;
    for (client, kind, expected) in [
        (&app.gateway_a(), "IdentityDocument", 0),
        (&app.gateway_a(), "Verification", 0),
        (&app.gateway_a(), "ReviewItem", 0),
        // Only the statement knows whose document it is.
        (&mallory.client, "IdentityDocument", 1),
        (&mallory.client, "Verification", 0),
        (&mallory.client, "ReviewItem", 0),
    ] {
        let (query, variables) = nodes_query(&of_kind(kind).collect::<Vec<_>>());
        let (statements, data) = run_counted(&app, client, &query, &variables).await;
        assert_eq!(statements, expected, "{kind}");
        let lists =
            data.as_object().expect("the fields").values().flat_map(|list| list.as_array().expect("a list"));
        assert!(lists.clone().count() > 2_000 && lists.clone().all(Value::is_null), "{kind}");
    }
    // The owner sees their own among them.
    for kind in ["IdentityDocument", "Verification"] {
        let (query, variables) = nodes_query(&of_kind(kind).collect::<Vec<_>>());
        let (_, data) = run_counted(&app, &sellers[0].client, &query, &variables).await;
        let lists =
            data.as_object().expect("the fields").values().flat_map(|list| list.as_array().expect("a list"));
        assert_eq!(lists.filter(|node| node.is_object()).count(), 1, "{kind}");
    }
}

async fn verifications_of_a_longer_queue_take_no_more_statements(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    for number in 0..7_u32 {
        let applicant = app.member(&format!("Applicant {number}").replace(' ', "")).await;
        submit_verification(&applicant, &format!("P12345{number}"), number * 9 + 1).await;
    }
    let query =
        "query($n: Int!) { reviewQueue(kind: VERIFICATION, first: $n) { nodes { id claimedBy { id } subject {
        ... on Verification { id queuePosition personalInfo { firstName } steps { done } documents { id url }
            reasons { code } viewerActions again: queuePosition form: personalInfo { city } } }
            history { decision } pendingProposal { decision } } } }";
    let (for_one, _) = run_counted(&app, &rita.client, query, &json!({ "n": 1 })).await;
    let (for_all, data) = run_counted(&app, &rita.client, query, &json!({ "n": 7 })).await;
    assert_eq!(for_all, for_one);
    let items = data["reviewQueue"]["nodes"].as_array().expect("a list");
    let positions: Vec<_> = items.iter().map(|item| item["subject"]["queuePosition"].clone()).collect();
    assert_eq!(positions, (1..=7).map(Value::from).collect::<Vec<_>>());
    // A list opens no form.
    assert!(items.iter().all(|item| item["subject"]["personalInfo"].is_null()), "{data:#}");
}

async fn a_field_of_the_viewer_takes_as_many_statements_as_many_of_them(app: TestApp) {
    let ann = app.member("Ann").await;
    let aliased = |count: usize, field: &str| -> String {
        (0..count).map(|number| format!("a{number}: {field} ")).collect::<Vec<_>>().concat()
    };
    for field in ["verification { id queuePosition }", "can(action: POST_GIG) { allowed }", "user { id }"] {
        let one = format!("{{ viewer {{ a: {field} }} }}");
        let (for_one, _) = run_counted(&app, &ann.client, &one, &json!({})).await;
        let many = format!("{{ viewer {{ {} }} }}", aliased(90, field));
        assert_eq!(run_counted(&app, &ann.client, &many, &json!({})).await.0, for_one, "{field}");
        let many = format!("{{ {} }}", aliased(ROOT_FIELDS, &format!("viewer {{ {field} }}")));
        assert_eq!(run_counted(&app, &ann.client, &many, &json!({})).await.0, for_one, "{field}");
    }
    for field in ["categories { id }", "limits { levels { level } }", "eventCursor"] {
        let (for_one, _) = run_counted(&app, &ann.client, &format!("{{ {field} }}"), &json!({})).await;
        let many = format!("{{ {} }}", aliased(ROOT_FIELDS, field));
        assert_eq!(run_counted(&app, &ann.client, &many, &json!({})).await.0, for_one, "{field}");
    }
}

async fn health_checks_remember_which_keys_are_missing(app: TestApp) {
    let ann = app.member("Ann").await;
    submit_verification(&ann, "P123451", 1).await;
    let statements = async || {
        let mut fewest = u64::MAX;
        for _ in 0..4 {
            let before = app.services().db.statement_count();
            let (status, response) = app.gateway_a().fetch("/readyz").await;
            assert_eq!(status, 200);
            let report: Value = response.json().await.expect("JSON");
            assert!(report.to_string().contains(r#"{"name":"keys","up":true}"#), "{report}");
            fewest = fewest.min(app.services().db.statement_count() - before);
        }
        fewest
    };
    // Only that the database responds.
    assert_eq!(statements().await, 1);
    app.advance_clock(chrono::TimeDelta::seconds(11));
    let before = app.services().db.statement_count();
    app.gateway_a().fetch("/readyz").await;
    assert!(app.services().db.statement_count() - before >= 2);
}

on_both_back_ends!(
    many_ids_in_many_fields_take_as_many_statements_as_one,
    what_a_client_may_not_see_takes_no_statement,
    verifications_of_a_longer_queue_take_no_more_statements,
    a_field_of_the_viewer_takes_as_many_statements_as_many_of_them,
    health_checks_remember_which_keys_are_missing,
);
