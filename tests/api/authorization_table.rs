//! The authorization table (`gigway::graphql::authorization`) is complete: each field of the schema has one
//! row, each root field has a test, and the tests of mutations and subscriptions expect what their rows say.

use std::collections::{BTreeMap, BTreeSet};

use gigway::graphql::authorization as access_table;
use gigway::graphql::authorization::Cell;
use gigway::graphql::authorization::table;
use serde_json::{Value, json};

use crate::authorization::{EVERYONE, QUERIES, SIGNED_IN, SUBSCRIPTIONS};
use crate::authorization_mutations::MUTATIONS;
use crate::support::client::text;
use crate::support::test_app::TestApp;

/// A field of the schema.
pub struct Field {
    pub name: String,
    /// Whether it needs a selection set.
    pub is_composite: bool,
}

/// The fields of every object type, by introspection.
pub async fn schema(app: &TestApp) -> BTreeMap<String, Vec<Field>> {
    let wrapped = "kind ofType { kind ofType { kind ofType { kind } } }";
    let query = format!(
        "{{ __schema {{ types {{ kind name fields(includeDeprecated: true) {{ name type {{ {wrapped} }} }} }} }} }}"
    );
    let mut types = app.gateway_a().run(&query, json!({})).await["__schema"]["types"].take();
    let types = types.as_array_mut().expect("a list").iter_mut();
    let is_ours = |name: &Value| !text(name).starts_with('_');
    let objects = types.filter(|it| it["kind"] == "OBJECT" && is_ours(&it["name"])).map(|object| {
        let fields = object["fields"].as_array().expect("fields").iter();
        let fields = fields.filter(|field| is_ours(&field["name"])).map(|field| {
            let mut field_type = &field["type"];
            while !field_type["ofType"].is_null() {
                field_type = &field_type["ofType"];
            }
            let is_composite =
                ["OBJECT", "INTERFACE", "UNION"].iter().any(|kind| field_type["kind"] == *kind);
            Field { name: text(&field["name"]), is_composite }
        });
        (text(&object["name"]), fields.collect())
    });
    objects.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_schema_field_has_exactly_one_table_row() {
    let app = TestApp::on_sqlite().await;
    let fields = schema(&app).await;
    let in_schema: BTreeSet<String> = fields
        .iter()
        .flat_map(|(name, fields)| fields.iter().map(move |field| format!("{name}.{}", field.name)))
        .collect();
    let rows: Vec<String> = table::rows()
        .flat_map(|rows| rows.fields.iter().map(move |(_, names)| (rows.type_name, names)))
        .flat_map(|(type_name, names)| names.iter().map(move |name| format!("{type_name}.{name}")))
        .collect();
    let in_table: BTreeSet<String> = rows.iter().cloned().collect();
    let missing: Vec<_> = in_schema.difference(&in_table).collect();
    let unknown: Vec<_> = in_table.difference(&in_schema).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "without a row: {missing:?}; without a field: {unknown:?}"
    );
    assert_eq!(rows.len(), in_table.len(), "a field has two rows");
    assert!(rows.len() > 200, "{}", rows.len());
}

#[test]
fn the_committed_authorization_page_is_up_to_date() {
    let committed = include_str!("../../docs/AUTHORIZATION.md");
    assert!(committed == access_table::document(), "docs/AUTHORIZATION.md is out of date: run `make schema`");
}

/// Every mutation and subscription with a test, and the outcome that it expects for each caller.
fn expectations() -> Vec<(&'static str, [&'static str; 5])> {
    let mutations = MUTATIONS.iter().map(|(name, _, _, expected)| (*name, *expected));
    let subscriptions = SUBSCRIPTIONS.iter().map(|(name, _, expected)| (*name, *expected));
    let others = [
        ("uploadGigImage", SIGNED_IN),
        ("uploadIdentityDocument", SIGNED_IN),
        ("signIn", EVERYONE),
        ("refreshSession", EVERYONE),
    ];
    mutations.chain(subscriptions).chain(others).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_root_field_has_an_authorization_test() {
    let app = TestApp::on_sqlite().await;
    let introspection = "{ __schema { queryType { fields { name } } mutationType { fields { name } }
        subscriptionType { fields { name } } } }";
    let schema = app.gateway_a().run(introspection, json!({})).await["__schema"].take();
    let mut covered: Vec<&str> = QUERIES.iter().map(|case| case.0).collect();
    covered.extend(expectations().iter().map(|(name, _)| *name));
    for root in ["queryType", "mutationType", "subscriptionType"] {
        for field in schema[root]["fields"].as_array().expect("a list") {
            let name = field["name"].as_str().expect("a name");
            // The fields of Federation return what other fields return.
            assert!(name.starts_with('_') || covered.contains(&name), "{name} has no authorization test");
        }
    }
}

#[test]
fn mutation_and_subscription_tests_agree_with_the_table() {
    let expectations = expectations();
    for rows in table::rows().filter(|rows| ["Mutation", "Subscription"].contains(&rows.type_name)) {
        for (access, names) in rows.fields {
            let expected = access.cells();
            for name in *names {
                let mut cases = expectations.iter().filter(|(field, _)| field == name);
                assert!(
                    cases.any(|(_, outcomes)| outcomes.map(cell_of_outcome) == expected),
                    "the tests of {}.{name} do not expect {access:?}",
                    rows.type_name
                );
            }
        }
    }
}

/// The cell of the table that stands for this outcome.
fn cell_of_outcome(outcome: &str) -> Cell {
    match outcome {
        "UNAUTHENTICATED" => Cell::Unauthenticated,
        "FORBIDDEN" => Cell::Forbidden,
        "NOT_FOUND" => Cell::NotFound,
        "null" => Cell::Null,
        // The caller is allowed to; any other error code is about the input.
        _ => Cell::Value,
    }
}
