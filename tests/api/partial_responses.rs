//! One failure does not take the page: if a field is refused, it is null and has an error, and the rest of the
//! operation is answered.
//!
//! `authorization_fields` checks the same for every field of every type, as every kind of caller.

use gigway::graphql::authorization::{CALLERS, Cell, table};
use serde_json::{Value, json};

use crate::authorization::{Callers, FORBIDDEN, NOT_FOUND, UNAUTHENTICATED};
use crate::authorization_fields::arguments;
use crate::support::client::Client;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// A root field of `Query`.
struct RootField {
    name: String,
    is_nullable: bool,
    selection_set: &'static str,
}

/// The root fields of `Query`, by introspection.
async fn root_fields(app: &TestApp) -> Vec<RootField> {
    let query = "{ __type(name: \"Query\") { fields { name type { kind ofType { kind ofType { kind ofType { kind } } } } } } }";
    let fields = app.gateway_a().run(query, json!({})).await["__type"]["fields"].take();
    let fields = fields.as_array().expect("a list").iter().map(|field| {
        let has_objects = ["OBJECT", "INTERFACE"].iter().any(|kind| field["type"].to_string().contains(kind));
        RootField {
            name: field["name"].as_str().expect("a name").to_owned(),
            is_nullable: field["type"]["kind"] != "NON_NULL",
            selection_set: if has_objects { "{ __typename }" } else { "" },
        }
    });
    fields.filter(|field| !field.name.starts_with('_')).collect()
}

/// Selects the field between two others. It is refused with this code, and the others are answered.
async fn expect_only_this_is_refused(client: &Client, field: &RootField, gig: &str, code: &str) {
    let RootField { name, selection_set, .. } = field;
    let arguments = arguments(&format!("Query.{name}")).replace("<listed>", &json!(gig).to_string());
    let query = format!(
        "{{ before: categories {{ id }} it: {name}{arguments} {selection_set} after: limits {{ __typename }} }}"
    );
    let response = client.execute(&query, json!({})).await;
    let errors = response["errors"].as_array().expect("a list of errors");
    assert_eq!(errors.len(), 1, "{query}: {response}");
    let expected_path = if name == "nodes" { json!(["it", 0]) } else { json!(["it"]) };
    assert_eq!(
        (&errors[0]["path"], &errors[0]["extensions"]["code"]),
        (&expected_path, &json!(code)),
        "{query}: {response}"
    );
    let data = &response["data"];
    let expected = if name == "nodes" { json!([null]) } else { Value::Null };
    assert_eq!(data["it"], expected, "{query}: {response}");
    assert!(data["before"].as_array().is_some_and(|list| !list.is_empty()), "{query}: {response}");
    assert!(data["after"].is_object(), "{query}: {response}");
}

async fn a_refused_root_field_leaves_the_rest_of_the_response(app: TestApp) {
    let callers = Callers::create(&app).await;
    let gig = callers.owner.post(app.gig_form("I will write a song for you").await).await;
    callers.other_reviewer.approve(&gig).await;
    let fields = root_fields(&app).await;
    let mut refusals = 0;
    let rows = table::rows().find(|rows| rows.type_name == "Query").expect("the root type has a row");
    for (access, names) in rows.fields {
        for field in fields.iter().filter(|field| names.contains(&field.name.as_str())) {
            for (caller, cell) in CALLERS.into_iter().zip(access.cells()) {
                let code = match cell {
                    Cell::Unauthenticated => UNAUTHENTICATED,
                    Cell::Forbidden => FORBIDDEN,
                    Cell::NotFound => NOT_FOUND,
                    _ => continue,
                };
                assert!(field.is_nullable, "{} can be refused, so it must be nullable", field.name);
                expect_only_this_is_refused(&callers.client(&app, caller), field, &gig, code).await;
                refusals += 1;
            }
        }
    }
    assert!(refusals >= 3, "{refusals}");
    // Invalid credentials: every field that may be null, and every entry that may be null, except of the field
    // that is the same for everyone.
    let invalid = app.gateway_b().with_token("nonsense");
    let may_be_null = |field: &&RootField| field.is_nullable || field.name == "nodes";
    for field in fields.iter().filter(may_be_null).filter(|field| field.name != "category") {
        expect_only_this_is_refused(&invalid, field, &gig, UNAUTHENTICATED).await;
    }
}

async fn an_invalid_argument_of_the_review_queue_leaves_the_rest_of_the_response(app: TestApp) {
    let rita = app.reviewer("Rita").await;
    for (arguments, code) in [("first: 101", "BAD_USER_INPUT"), ("after: \"nonsense\"", "INVALID_CURSOR")] {
        let query = format!("{{ reviewQueue({arguments}) {{ totalCount }} categories {{ id }} }}");
        let response = rita.client.execute(&query, json!({})).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], code, "{response}");
        assert_eq!(response["data"]["reviewQueue"], Value::Null, "{response}");
        assert!(response["data"]["categories"].is_array(), "{response}");
    }
}

on_both_back_ends!(
    a_refused_root_field_leaves_the_rest_of_the_response,
    an_invalid_argument_of_the_review_queue_leaves_the_rest_of_the_response,
);
