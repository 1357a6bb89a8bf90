//! The parameters of validation errors, from which clients write the message in another language.
//!
//! The helpers `mutation_errors` and `user_errors` also check the parameters of every error that any test gets.

use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{DECIDE_GIG, EDIT_GIG, PAUSE_GIG, POST_GIG, SAVE_DRAFT, SIGN_UP};
use crate::support::message_params::check_message;
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{save_mutation, submit_mutation};

/// The errors of a mutation: code, path, and the parameters as an object.
async fn errors(user: &TestUser, mutation: &str, variables: Value) -> Vec<(String, String, Value)> {
    let all = "errors { code field message params { name value } }";
    let mutation = mutation.replace("errors { code field message }", all);
    let data = user.client.run(&mutation, variables).await;
    let payload = data.as_object().and_then(|fields| fields.values().next()).expect("a payload");
    let errors = payload["errors"].as_array().expect("a list").iter().map(|error| {
        check_message(error);
        let params = error["params"].as_array().expect("a list").iter();
        let params = params.map(|param| (text(&param["name"]), param["value"].clone()));
        let steps = error["field"].as_array().cloned().unwrap_or_default();
        let path = steps.iter().map(text).collect::<Vec<_>>().join(".");
        (text(&error["code"]), path, Value::Object(params.collect()))
    });
    errors.collect()
}

fn error(code: &str, path: &str, params: Value) -> (String, String, Value) {
    (code.to_owned(), path.to_owned(), params)
}

async fn the_errors_of_a_gig_have_their_numbers_and_names_as_parameters(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut form = app.gig_form("short").await;
    form["description"] = json!("x".repeat(2049));
    form["price"] = json!("10000.01");
    form["deliveryDays"] = json!(91);
    form["tags"] = json!(["song", "Song", "a\u{202e}b"]);
    form["links"] = json!(vec!["http://example.com"; 6]);
    let found = errors(&ann, POST_GIG, json!({ "input": form })).await;
    let characters = "characters";
    let mut expected = vec![
        error(
            "TOO_SHORT",
            "title",
            json!({ "field": "The title", "min": "10", "unit": characters, "actual": "5" }),
        ),
        error(
            "TOO_LONG",
            "description",
            json!({ "field": "The description", "max": "2048", "unit": characters, "actual": "2049" }),
        ),
        error(
            "OUT_OF_RANGE",
            "price",
            json!({ "category": "Music", "min": "1.00", "max": "10000.00", "unit": "USD", "actual": "10000.01" }),
        ),
        error(
            "OUT_OF_RANGE",
            "deliveryDays",
            json!({ "field": "The delivery time in days", "min": "1", "max": "90", "actual": "91" }),
        ),
        error("DUPLICATE", "tags.1", json!({ "tag": "Song" })),
        error(
            "INVALID",
            "tags.2",
            json!({ "field": "A tag", "forbidden": "characters that change the direction of text",
                    "character": "U+202E", "word": "a" }),
        ),
        error("TOO_MANY", "links", json!({ "max": "5", "unit": "links", "actual": "6" })),
    ];
    expected.extend((0..5).map(|n| error("INVALID", &format!("links.{n}"), json!({ "prefix": "https://" }))));
    assert_eq!(found, expected);

    let id = text(&ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "Song" } })).await["gig"]["id"]);
    let refused = errors(&ann, PAUSE_GIG, json!({ "id": id })).await;
    let transition = json!({ "object": "gig", "status": "DRAFT", "action": "paused" });
    assert_eq!(refused, [error("INVALID_TRANSITION", "", transition)]);
    let stale = json!({ "input": { "id": id, "title": "A longer title", "expectedVersion": 7 } });
    let refused = errors(&ann, EDIT_GIG, stale).await;
    assert_eq!(refused, [error("STALE_VERSION", "expectedVersion", json!({ "object": "gig" }))]);
    let refused = errors(&ann, PAUSE_GIG, json!({ "id": "gig_x" })).await;
    assert_eq!(refused, [error("NOT_FOUND", "id", json!({ "object": "gig" }))]);
}

async fn the_errors_of_other_forms_have_their_numbers_and_names_as_parameters(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let account = json!({ "input": { "email": "ann", "password": "short", "displayName": "" } });
    let expected = [
        error("INVALID", "email", json!({ "example": "ann@example.com" })),
        error("TOO_SHORT", "password", json!({ "min": "8", "unit": "characters", "actual": "5" })),
        error("REQUIRED", "displayName", json!({ "field": "The display name" })),
    ];
    assert_eq!(errors(&ann, SIGN_UP, account).await, expected);
    let long = "\u{e9}".repeat(129);
    let account = json!({ "input": { "email": "eve@example.com", "password": long, "displayName": "Eve" } });
    let expected =
        [error("TOO_LONG", "password", json!({ "max": "128", "unit": "characters", "actual": "129" }))];
    assert_eq!(errors(&ann, SIGN_UP, account).await, expected);

    let form = json!({ "input": {
        "firstName": "Ann", "lastName": "Lee", "dateOfBirth": "2025-05-17", "addressLine1": "1 High Street",
        "city": "Leeds", "postalCode": "LS1", "countryCode": "England", "documentNumber": "1" } });
    let expected = [
        error("OUT_OF_RANGE", "dateOfBirth", json!({ "min": "18", "unit": "years" })),
        error("INVALID", "countryCode", json!({ "standard": "ISO 3166-1", "example": "DE" })),
        error("INVALID", "documentNumber", json!({ "min": "5", "max": "20", "unit": "letters and digits" })),
    ];
    assert_eq!(errors(&ann, &save_mutation(), form).await, expected);
    let expected = [
        error("REQUIRED", "personalInfo", json!({})),
        error("REQUIRED", "documents.FRONT", json!({ "side": "FRONT" })),
    ];
    assert_eq!(errors(&ann, &submit_mutation(), json!({})).await, expected);

    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let decision = json!({ "input": {
        "gigId": gig, "decision": "REJECT", "expectedVersion": 1,
        "reasons": [{ "code": "OTHER" }, { "code": "SPAM", "message": "x".repeat(501) }] } });
    let expected = [
        error("REQUIRED", "reasons.0.message", json!({ "code": "OTHER" })),
        error(
            "TOO_LONG",
            "reasons.1.message",
            json!({ "field": "The message", "max": "500", "unit": "characters", "actual": "501" }),
        ),
    ];
    assert_eq!(errors(&rita, DECIDE_GIG, decision).await, expected);
}

async fn the_errors_of_files_have_their_numbers_and_names_as_parameters(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut too_large = small_png();
    too_large.resize(3 * 1024 * 1024 + 1, 0);
    let mut too_wide = small_png();
    // The header's width and height: 30,000 each.
    too_wide[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let pixels = json!([{ "name": "max", "value": "110000000" }, { "name": "unit", "value": "pixels" },
                        { "name": "actual", "value": "900000000" }]);
    let bytes = json!([{ "name": "max", "value": "3145728" }, { "name": "unit", "value": "bytes" },
                       { "name": "mebibytes", "value": "3" }, { "name": "actual", "value": "3145729" }]);
    let formats = json!([{ "name": "formats", "value": "JPEG, PNG or WebP" }]);
    for (file, params) in [(too_large, bytes), (too_wide, pixels), (b"text".to_vec(), formats)] {
        let payload = ann.client.upload(file).await;
        check_message(&payload["errors"][0]);
        assert_eq!(payload["errors"][0]["params"], params);
    }
}

async fn the_reasons_of_a_missing_permission_have_parameters(app: TestApp) {
    let ann = app.member("Ann").await;
    gigway::service::user_admin::set_points(app.services(), &ann.email, 11180).await.expect("level 5");
    let query =
        "{ viewer { can(action: POST_GIG) { reasons { code field message params { name value } } } } }";
    let data = ann.client.run(query, json!({})).await;
    let reason = &data["viewer"]["can"]["reasons"][0];
    check_message(reason);
    assert_eq!(reason["params"], json!([{ "name": "level", "value": "5" }]));
}

/// A repetition answers from what the first request has stored.
async fn a_repetition_has_the_same_parameters(app: TestApp) {
    let ann = app.member("Ann").await;
    let query = "mutation { saveGigDraft(input: { title: \"\", deliveryDays: 100 }) {
        errors { code message params { name value } } } }";
    let send = async || {
        let request = ann.client.post("/graphql").header("idempotency-key", "draft");
        let response = request.json(&json!({ "query": query })).send().await.expect("a response");
        response.json::<Value>().await.expect("JSON")
    };
    let first = send().await;
    assert_eq!(
        first["data"]["saveGigDraft"]["errors"][1]["params"][2],
        json!({ "name": "max", "value": "90" })
    );
    assert_eq!(send().await, first);
}

on_both_back_ends!(
    the_errors_of_a_gig_have_their_numbers_and_names_as_parameters,
    the_errors_of_other_forms_have_their_numbers_and_names_as_parameters,
    the_errors_of_files_have_their_numbers_and_names_as_parameters,
    the_reasons_of_a_missing_permission_have_parameters,
    a_repetition_has_the_same_parameters,
);
