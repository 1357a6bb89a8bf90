//! Numbers and dates as people type them: what cannot be read is an error of its field, beside all other errors of
//! the form.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::client::{error_codes, text, user_errors};
use crate::support::documents::{EDIT_GIG, POST_GIG, SAVE_DRAFT};
use crate::support::message_params::check_message;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{own_verification, personal_info, save_mutation, violation};

/// Prices, and the code of their error; an empty code if the price is valid.
const PRICES: [(&str, &str); 34] = [
    ("12.50", ""),
    (" 12.50 ", ""),
    ("12.5", ""),
    ("0012", ""),
    ("\u{a0}12\u{3000}", ""),
    ("\u{feff}12.50", ""),
    ("12.50\u{200b}", ""),
    ("12\u{ad}.50", ""),
    ("\u{2068}12.50\u{2069}", ""),
    ("\u{200f}12\u{200e}.\u{200d}50", ""),
    ("\u{200b}\u{200d}", "REQUIRED"),
    ("", "REQUIRED"),
    (" \n\t", "REQUIRED"),
    ("12,50", "INVALID"),
    ("1,234.50", "INVALID"),
    ("12.505", "INVALID"),
    ("1e3", "INVALID"),
    ("+5", "INVALID"),
    ("5.", "INVALID"),
    (".5", "INVALID"),
    ("$5", "INVALID"),
    ("5 USD", "INVALID"),
    ("NaN", "INVALID"),
    ("Infinity", "INVALID"),
    ("0x10", "INVALID"),
    ("twelve", "INVALID"),
    ("１２", "INVALID"),
    ("١٢", "INVALID"),
    ("12\u{0}", "INVALID"),
    ("\u{202e}12", "INVALID"),
    ("-5", "OUT_OF_RANGE"),
    ("0.99", "OUT_OF_RANGE"),
    ("99999999999999999999999999999999999999999", "OUT_OF_RANGE"),
    ("-79228162514264337593543950335", "OUT_OF_RANGE"),
];

/// Dates of birth, and the code of their error.
const DATES: [(&str, &str); 25] = [
    ("1990-05-17", ""),
    (" 1990-05-17 ", ""),
    ("2000-02-29", ""),
    // As Edge and Internet Explorer write a date.
    ("\u{200e}1990\u{200e}-\u{200e}05\u{200e}-\u{200e}17", ""),
    ("\u{feff}1990-05-17\u{200b}", ""),
    ("1990\u{ad}-05-17", ""),
    ("\u{200e} \u{feff}", "REQUIRED"),
    ("1990-05-17\u{202c}", "INVALID"),
    ("", "REQUIRED"),
    ("  ", "REQUIRED"),
    ("17.05.1990", "INVALID"),
    ("05/17/1990", "INVALID"),
    ("1990-5-7", "INVALID"),
    ("1990-02-30", "INVALID"),
    ("1990-13-01", "INVALID"),
    ("1990-00-00", "INVALID"),
    ("0000-01-01", "INVALID"),
    ("99999-01-01", "INVALID"),
    ("+1990-05-17", "INVALID"),
    ("-1990-05-17", "INVALID"),
    ("2999-01-01", "INVALID"),
    ("1990-05-17T00:00:00Z", "INVALID"),
    ("１９９０-05-17", "INVALID"),
    ("yesterday", "INVALID"),
    ("1990\u{2d}05\u{2d}17\u{0}", "INVALID"),
];

/// The form of a gig whose title, delivery time and second tag are invalid, and their errors. A draft may have a
/// short title.
async fn invalid_gig(app: &TestApp) -> Value {
    let mut form = app.gig_form("").await;
    form["deliveryDays"] = json!(0);
    form["tags"] = json!(["ok", "OK"]);
    form
}

/// The errors with that of the price, in the order of the form.
fn expected_errors(code: &str) -> Vec<(String, String)> {
    let errors =
        [("REQUIRED", "title"), (code, "price"), ("OUT_OF_RANGE", "deliveryDays"), ("DUPLICATE", "tags.1")];
    let mut errors: Vec<_> = errors
        .iter()
        .filter(|(code, _)| !code.is_empty())
        .map(|(code, path)| violation(code, path))
        .collect();
    // The order does not matter.
    errors.sort();
    errors
}

fn sorted(mut errors: Vec<(String, String)>) -> Vec<(String, String)> {
    errors.sort();
    errors
}

/// The ways to send a price, in `postGig`, `saveGigDraft` and `editGig`.
async fn send_price(ann: &TestUser, gig: &str, form: &Value, price: &str) -> Vec<Value> {
    let mut with_price = form.clone();
    with_price["price"] = json!(price);
    let mut edit = with_price.clone();
    edit["id"] = json!(gig);
    let literal = json!(price).to_string();
    let rest = "title: \"\", description: \"Words\", deliveryDays: 0, revisions: 1, tags: [\"ok\", \"OK\"]";
    let errors = "errors { code field message params { name value } }";
    let requests = [
        (POST_GIG.to_owned(), json!({ "input": with_price })),
        (SAVE_DRAFT.to_owned(), json!({ "input": with_price })),
        (EDIT_GIG.to_owned(), json!({ "input": edit })),
        // A literal.
        (
            format!(
                "mutation($category: ID!) {{ postGig(input: {{ {rest}, category: $category, price: {literal} }}) {{ {errors} }} }}"
            ),
            json!({ "category": form["category"] }),
        ),
        // A variable of its own.
        (
            format!(
                "mutation($category: ID!, $price: Decimal!) {{
                    postGig(input: {{ {rest}, category: $category, price: $price }}) {{ {errors} }} }}"
            ),
            json!({ "category": form["category"], "price": price }),
        ),
        // The default value of a variable, in a fragment.
        (
            format!(
                "mutation($category: ID!, $price: Decimal = {literal}) {{ ...Post }}
                fragment Post on Mutation {{
                    saveGigDraft(input: {{ {rest}, category: $category, price: $price }}) {{ {errors} }} }}"
            ),
            json!({ "category": form["category"] }),
        ),
    ];
    let mut payloads = Vec::new();
    for (query, variables) in requests {
        let response = ann.client.execute(&query, variables).await;
        assert!(response.get("errors").is_none(), "{price:?}: {query}: {response:#}");
        let payload = response["data"].as_object().and_then(|data| data.values().next());
        payloads.push(payload.expect("a payload").clone());
    }
    payloads
}

async fn a_price_that_cannot_be_read_is_reported_beside_all_other_errors(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    rita.approve(&gig).await;
    let form = invalid_gig(&app).await;
    for (price, code) in PRICES {
        for payload in send_price(&ann, &gig, &form, price).await {
            assert_eq!(sorted(user_errors(&payload)), expected_errors(code), "{price:?}: {payload:#}");
        }
    }
    // A valid price with spaces and invisible characters is stored.
    let mut form = app.gig_form("I will write two songs for you").await;
    form["price"] = json!("\t\u{2068}12\u{200e}.5\u{2069} ");
    let posted = ann.post(form).await;
    let query = "query($id: ID!) { gig(id: $id) { price { amount } } }";
    assert_eq!(ann.client.run(query, json!({ "id": posted })).await["gig"]["price"]["amount"], "12.50");
}

async fn the_message_of_a_price_says_what_to_write(app: TestApp) {
    let ann = app.member("Ann").await;
    let mutation = POST_GIG.replace("message }", "message params { name value } }");
    for (price, written) in [("12,50", "12.50"), ("1.234,5 €", "1234.50"), ("٣٫٥", "3.50"), ("NaN", "12.50")]
    {
        let mut form = app.gig_form("I will write a song for you").await;
        form["price"] = json!(price);
        let data = ann.client.run(&mutation, json!({ "input": form })).await;
        let error = &data["postGig"]["errors"][0];
        check_message(error);
        assert_eq!((&error["code"], &error["field"]), (&json!("INVALID"), &json!(["price"])));
        assert!(text(&error["message"]).contains(written), "{error}");
        let example = json!({ "name": "example", "value": written });
        assert!(error["params"].as_array().expect("a list").contains(&example), "{error}");
    }
}

async fn a_date_that_cannot_be_read_is_reported_beside_all_other_errors(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut form = personal_info("AB123456");
    form["input"]["city"] = json!("");
    form["input"]["countryCode"] = json!("ZZ");
    let literal = "firstName: \"Ann\", lastName: \"Lee\", addressLine1: \"1 High Street\", city: \"\",
        postalCode: \"LS1\", countryCode: \"ZZ\", documentNumber: \"AB123456\"";
    for (date, code) in DATES {
        form["input"]["dateOfBirth"] = json!(date);
        let errors = [(code, "dateOfBirth"), ("REQUIRED", "city"), ("INVALID", "countryCode")];
        let expected: Vec<_> = errors
            .iter()
            .filter(|(code, _)| !code.is_empty())
            .map(|(code, path)| violation(code, path))
            .collect();
        assert_eq!(ann.client.mutation_errors(&save_mutation(), form.clone()).await, expected, "{date:?}");
        for (head, value) in [("", json!(date).to_string()), ("($date: Date!)", "$date".to_owned())] {
            let query = format!(
                "mutation{head} {{ savePersonalInfo(input: {{ {literal}, dateOfBirth: {value} }}) {{
                    errors {{ code field message params {{ name value }} }} }} }}"
            );
            let data = ann.client.run(&query, json!({ "date": date })).await;
            assert_eq!(user_errors(&data["savePersonalInfo"]), expected, "{date:?}");
            // The date is personal data, and never repeated.
            let message = data["savePersonalInfo"]["errors"].to_string();
            assert!(date.trim().len() < 5 || code.is_empty() || !message.contains(date.trim()), "{message}");
        }
    }
    assert_eq!(own_verification(&ann.client).await["status"], "NOT_STARTED");
    let mut form = personal_info("AB123456");
    form["input"]["dateOfBirth"] = json!(" \u{200e}1990\u{200e}-\u{200e}05-17\n");
    let payload = ann.client.mutate(&save_mutation(), form).await;
    assert_eq!(payload["verification"]["personalInfo"]["dateOfBirth"], "1990-05-17");
}

/// A generator of texts: like numbers and dates, or anything.
fn texts(count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let like_numbers = "[-+ 0-9.,'$€٠-٩０-９eE]{0,12}";
    let like_dates = "[0-9]{1,5}[-./ ][0-9]{1,2}[-./ ][0-9]{1,4}|[0-9]{4}-[0-9]{2}-[0-9]{2}";
    let any = "\\PC{0,40}|[\\x00-\\x7f]{0,20}";
    let strategies = [like_numbers, like_dates, any];
    let text = |n: usize| strategies[n % 3].new_tree(&mut runner).expect("a text").current();
    (0..count).map(text).collect()
}

async fn no_text_for_a_number_or_a_date_hides_the_other_errors(app: TestApp) {
    let ann = app.member("Ann").await;
    let gig_form = invalid_gig(&app).await;
    let mut info = personal_info("AB123456");
    info["input"]["countryCode"] = json!("ZZ");
    for text in texts(300) {
        let mut form = gig_form.clone();
        form["price"] = json!(text);
        let errors = ann.client.mutation_errors(POST_GIG, json!({ "input": form })).await;
        let (of_price, others): (Vec<_>, Vec<_>) = errors.into_iter().partition(|(_, path)| path == "price");
        assert_eq!(sorted(others), expected_errors(""), "{text:?}");
        let codes: Vec<_> = of_price.iter().map(|(code, _)| code.as_str()).collect();
        assert!(matches!(codes[..], [] | ["INVALID" | "REQUIRED" | "OUT_OF_RANGE"]), "{text:?}: {codes:?}");

        info["input"]["dateOfBirth"] = json!(text);
        let errors = ann.client.mutation_errors(&save_mutation(), info.clone()).await;
        let (of_date, others): (Vec<_>, Vec<_>) =
            errors.into_iter().partition(|(_, path)| path == "dateOfBirth");
        assert_eq!(others, [violation("INVALID", "countryCode")], "{text:?}");
        let codes: Vec<_> = of_date.iter().map(|(code, _)| code.as_str()).collect();
        assert!(matches!(codes[..], [] | ["INVALID" | "REQUIRED" | "OUT_OF_RANGE"]), "{text:?}: {codes:?}");
    }
}

async fn a_value_that_nobody_types_is_a_mistake_of_the_program(app: TestApp) {
    let ann = app.member("Ann").await;
    for value in [json!(12.5), json!(12), json!(true), json!(["12.50"]), json!({ "a": 1 }), Value::Null] {
        let mut form = app.gig_form("I will write a song for you").await;
        form["price"] = value.clone();
        let response = ann.client.execute(POST_GIG, json!({ "input": form })).await;
        assert_eq!(error_codes(&response), ["GRAPHQL_VALIDATION_FAILED"], "{value}");
        assert!(text(&response["errors"][0]["message"]).contains("price"), "{response}");
        let mut form = personal_info("AB123456");
        form["input"]["dateOfBirth"] = value.clone();
        let response = ann.client.execute(&save_mutation(), form).await;
        assert_eq!(error_codes(&response), ["GRAPHQL_VALIDATION_FAILED"], "{value}");
        assert!(text(&response["errors"][0]["message"]).contains("dateOfBirth"), "{response}");
    }
    let literal = "mutation { saveGigDraft(input: { title: \"Song\", price: 12.5 }) { errors { code } } }";
    assert_eq!(ann.client.error_codes(literal, json!({})).await, ["GRAPHQL_VALIDATION_FAILED"]);
}

async fn an_invalid_number_in_a_filter_is_an_error_that_names_the_argument(app: TestApp) {
    let literal = "{ gigs(where: { minPrice: \"12,50\" }) { totalCount } }";
    let variable = "query($where: GigFilter) { gigs(where: $where) { totalCount } }";
    let variables = json!({ "where": { "minPrice": "12,50" } });
    for (query, variables) in [(literal, json!({})), (variable, variables)] {
        let response = app.gateway_a().execute(query, variables).await;
        assert_eq!(error_codes(&response), ["GRAPHQL_VALIDATION_FAILED"]);
        assert!(text(&response["errors"][0]["message"]).contains("minPrice"), "{response}");
    }
}

async fn a_repeated_mutation_has_the_same_errors_and_a_corrected_one_needs_a_new_key(app: TestApp) {
    let ann = app.member("Ann").await;
    let send = async |price: &str| {
        let input = json!({ "title": "Song", "price": price });
        let body = json!({ "query": SAVE_DRAFT, "variables": { "input": input } });
        let request = ann.client.post("/graphql").header("idempotency-key", "draft").json(&body);
        let response = request.send().await.expect("a response");
        (response.status().as_u16(), response.json::<Value>().await.expect("JSON"))
    };
    let first = send("12,50").await;
    assert_eq!(user_errors(&first.1["data"]["saveGigDraft"]), [violation("INVALID", "price")]);
    assert_eq!(send("12,50").await, first);
    assert_eq!(error_codes(&send("12.50").await.1), ["IDEMPOTENCY_KEY_REUSED"]);
}

on_both_back_ends!(
    a_price_that_cannot_be_read_is_reported_beside_all_other_errors,
    the_message_of_a_price_says_what_to_write,
    a_date_that_cannot_be_read_is_reported_beside_all_other_errors,
    no_text_for_a_number_or_a_date_hides_the_other_errors,
    a_value_that_nobody_types_is_a_mistake_of_the_program,
    an_invalid_number_in_a_filter_is_an_error_that_names_the_argument,
    a_repeated_mutation_has_the_same_errors_and_a_corrected_one_needs_a_new_key,
);
