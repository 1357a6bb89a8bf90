//! The fields of a gig in lists, which read only the columns that are selected.

use std::collections::HashSet;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::browse::publish_gig;
use crate::support::client::Client;
use crate::support::documents::SAVE_DRAFT;
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;

async fn every_field_in_a_list_equals_the_field_of_the_gig(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (first, second) =
        (ann.client.upload_image(small_png()).await, ann.client.upload_image(small_png()).await);
    let changes = json!({ "tags": ["Piano", "Waltz"], "links": ["https://example.com/a"], "revisions": 3,
        "deliveryDays": 9, "price": "31.50", "imageIds": [second, first] });
    let id = publish_gig(&app, &ann, &rita, "A gig with everything", changes).await;
    let rejected = ann.post(app.gig_form("A gig that is rejected").await).await;
    rita.decide(&rejected, "REJECT", json!([{ "code": "SPAM" }])).await;
    // A draft that is submitted later, so that all of its times differ.
    let mut form = app.gig_form("A gig that waits for a review").await;
    let draft = ann.client.mutate(SAVE_DRAFT, json!({ "input": form.clone() })).await;
    form["draftId"] = draft["gig"]["id"].clone();
    app.advance_clock(TimeDelta::minutes(1));
    let waiting = ann.post(form).await;
    let objects = [
        "price { amount currencyCode }",
        "category { id name slug minimumPrice { amount } }",
        "images { id url large: url(width: 640) width height byteSize altText placeholder }",
        "seller { id displayName level verified memberSince }",
        "reviewReasons { code message }",
    ];
    let fields = fields_of_gig(&app.gateway_a(), &objects).await;
    let query = format!("query($id: ID!) {{ gig(id: $id) {{ {} }} }}", fields.join(" "));
    let listed = app.gateway_b().run(&query, json!({ "id": id })).await["gig"].take();
    let own = ann.client.run(&query, json!({ "id": rejected })).await["gig"].take();
    assert_eq!(listed["images"][0]["id"], json!(second));
    assert_eq!(own["reviewReasons"][0]["code"], "SPAM");
    let in_review = ann.client.run(&query, json!({ "id": waiting })).await["gig"].take();
    // If a list swaps two columns of the same type, the comparison notices only if their values differ.
    for same_type in [
        &["title", "description"][..],
        &["deliveryDays", "revisions", "version"],
        &["createdAt", "submittedAt", "reviewDueAt"],
        &["tags", "links"],
    ] {
        let gig = if same_type[0] == "createdAt" { &in_review } else { &listed };
        let values: HashSet<String> = same_type.iter().map(|name| gig[*name].to_string()).collect();
        assert!(values.len() == same_type.len() && !values.contains("null"), "{same_type:?}: {gig}");
    }
    // Alone, a field shows whether its own column is read; together, whether all are read in the right order.
    let all = fields.join(" ");
    for field in fields.iter().chain([&all]) {
        let lists = [
            (app.gateway_b(), format!("{{ gigs {{ nodes {{ {field} }} }} }}"), "/gigs/nodes/0", &listed),
            (
                app.gateway_b(),
                format!(
                    "{{ gigs {{ edges {{ ...E }} }} }} fragment E on GigEdge {{ node {{ ... on Gig {{ {field} }} }} }}"
                ),
                "/gigs/edges/0/node",
                &listed,
            ),
            (
                app.gateway_b(),
                format!(
                    "{{ node(id: \"{}\") {{ ... on User {{ gigs(last: 1) {{ nodes {{ {field} }} }} }} }} }}",
                    ann.id
                ),
                "/node/gigs/nodes/0",
                &listed,
            ),
            (
                ann.client.clone(),
                format!("{{ viewer {{ gigs(status: REJECTED) {{ nodes {{ {field} }} }} }} }}"),
                "/viewer/gigs/nodes/0",
                &own,
            ),
            (
                ann.client.clone(),
                format!("{{ viewer {{ gigs(status: IN_REVIEW) {{ nodes {{ {field} }} }} }} }}"),
                "/viewer/gigs/nodes/0",
                &in_review,
            ),
        ];
        for (client, query, pointer, expected) in lists {
            let data = client.run(&query, json!({})).await;
            let gig = data.pointer(pointer).unwrap_or_else(|| panic!("{query}: {data}"));
            for (name, value) in gig.as_object().expect("an object") {
                assert_eq!(value, &expected[name], "{query}");
            }
        }
    }
}

/// Returns the selection of every field of `Gig`, by introspection, so that the test covers a new field automatically.
/// `objects` has the selections of those fields that need one.
async fn fields_of_gig(gateway: &Client, objects: &[&str]) -> Vec<String> {
    let introspection = "{ __type(name: \"Gig\") { fields { name type { kind ofType { kind ofType { kind
        ofType { kind } } } } } } }";
    let fields = gateway.run(introspection, json!({})).await["__type"]["fields"].take();
    let selection = |field: &Value| {
        let name = field["name"].as_str().expect("a name");
        let is_composite = field["type"].to_string().contains("\"OBJECT\"");
        let object = objects.iter().find(|object| object.split(' ').next() == Some(name));
        assert!(object.is_some() || !is_composite, "add a selection of `{name}` to this test");
        object.map_or(name, |object| *object).to_owned()
    };
    fields.as_array().expect("a list").iter().map(selection).collect()
}

on_both_back_ends!(every_field_in_a_list_equals_the_field_of_the_gig);
