//! The table of who gets what (`gigway::graphql::authorization`), beside what a running gateway gives: every field of the schema, as
//! every caller.

use std::collections::{BTreeMap, BTreeSet};

use gigway::graphql::authorization as access_table;
use gigway::graphql::authorization::table::TABLE;
use gigway::graphql::authorization::{Access, CALLERS, Cell};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::authorization;
use crate::support::client::{Client, error_codes, text};
use crate::support::on_both_back_ends;
use crate::support::pictures::small;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{self, submitted};

/// Fields that may be null for who may see them, too: there is nothing to show in any situation that a test can make
/// for every caller.
const MAY_BE_NULL: [&str; 7] = [
    "PageInfo.startCursor",
    "PageInfo.endCursor",
    "PersonalInfo.addressLine2",
    "PersonalInfo.region",
    // Not cleared yet, or no longer in the queue.
    "Verification.clearedAt",
    "VerificationStatusEvent.previousStatus",
    "VerificationStep.doneAt",
];

/// A field as the schema has it.
struct Field {
    name: String,
    /// With parts of its own.
    is_composite: bool,
}

/// The fields of every type that has some.
async fn schema(app: &TestApp) -> BTreeMap<String, Vec<Field>> {
    let wrapped = "kind ofType { kind ofType { kind ofType { kind } } }";
    let query = format!(
        "{{ __schema {{ types {{ kind name fields(includeDeprecated: true) {{ name type {{ {wrapped} }} }} }} }} }}"
    );
    let mut types = app.gateway_a().run(&query, json!({})).await["__schema"]["types"].take();
    let types = types.as_array_mut().expect("a list").iter_mut();
    let own = |name: &Value| !text(name).starts_with('_');
    let with_fields = types.filter(|it| it["kind"] == "OBJECT" && own(&it["name"])).map(|it| {
        let fields = it["fields"].as_array().expect("fields").iter().filter(|field| own(&field["name"]));
        let fields = fields.map(|field| {
            let mut of = &field["type"];
            while !of["ofType"].is_null() {
                of = &of["ofType"];
            }
            let is_composite = ["OBJECT", "INTERFACE", "UNION"].iter().any(|kind| of["kind"] == *kind);
            Field { name: text(&field["name"]), is_composite }
        });
        (text(&it["name"]), fields.collect())
    });
    with_fields.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_the_schema_has_one_row_and_no_row_is_without_a_field() {
    let app = TestApp::on_sqlite().await;
    let fields = schema(&app).await;
    let of_schema: BTreeSet<String> = fields
        .iter()
        .flat_map(|(of, fields)| fields.iter().map(move |field| format!("{of}.{}", field.name)))
        .collect();
    let rows: Vec<String> = TABLE
        .iter()
        .flat_map(|rows| rows.fields.iter().map(move |(_, names)| (rows.of, names)))
        .flat_map(|(of, names)| names.iter().map(move |name| format!("{of}.{name}")))
        .collect();
    let of_table: BTreeSet<String> = rows.iter().cloned().collect();
    let missing: Vec<_> = of_schema.difference(&of_table).collect();
    let unknown: Vec<_> = of_table.difference(&of_schema).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "without a row: {missing:?}; without a field: {unknown:?}"
    );
    assert_eq!(rows.len(), of_table.len(), "a field has two rows");
    assert!(rows.len() > 200, "{}", rows.len());
}

#[test]
fn the_committed_page_is_the_one_that_is_printed() {
    let committed = include_str!("../../docs/AUTHORIZATION.md");
    assert!(committed == access_table::document(), "docs/AUTHORIZATION.md is old: run `make schema`");
}

/// How an object of the type comes to be asked for; `%` stands for the field.
enum Road {
    Query(&'static str),
    /// The first event.
    Event(&'static str),
    /// A query by somebody who has just signed in, and may be signed out by it.
    Fresh(&'static str),
    Upload(&'static str),
}

fn roads(of: &str) -> Vec<Road> {
    use Road::{Event, Fresh, Query, Upload};
    match of {
        "Query" => vec![Query("{ % }")],
        "Gig" => vec![
            Query("{ gig(id: <listed>) { % } }"),
            Query("{ gig(id: <waiting>) { % } }"),
            Query("{ gig(id: <rejected>) { % } }"),
        ],
        "GigFacets" => vec![Query("{ gigs { facets { % } } }")],
        "CategoryCount" => vec![Query("{ gigs { facets { categories { % } } } }")],
        "PriceRangeCount" => vec![Query("{ gigs { facets { priceRanges { % } } } }")],
        "TagCount" => vec![Query("{ gigs { facets { tags { % } } } }")],
        "GigConnection" => vec![Query("{ gigs { % } }")],
        "GigEdge" => vec![Query("{ gigs { edges { % } } }")],
        "GigImage" => vec![Query("{ gig(id: <listed>) { images { % } } }")],
        "Category" => vec![Query("{ categories { % } }")],
        "Money" => vec![Query("{ gig(id: <listed>) { price { % } } }")],
        "PageInfo" => vec![Query("{ gigs { pageInfo { % } } }")],
        "User" => vec![Query("{ gig(id: <listed>) { seller { % } } }")],
        "Viewer" => vec![Query("{ viewer { % } }")],
        "Permission" => vec![Query("{ viewer { can(action: POST_GIG) { % } } }")],
        "Verification" => vec![Query("{ node(id: <verification>) { ... on Verification { % } } }")],
        "VerificationStep" => {
            vec![Query("{ node(id: <verification>) { ... on Verification { steps { % } } } }")]
        }
        "PersonalInfo" => {
            vec![Query("{ node(id: <verification>) { ... on Verification { personalInfo { % } } } }")]
        }
        "IdentityDocument" => {
            vec![Query("{ node(id: <verification>) { ... on Verification { documents { % } } } }")]
        }
        "ReviewReason" => vec![Query("{ gig(id: <rejected>) { reviewReasons { % } } }")],
        "ReviewItem" => vec![Query("{ reviewQueue(state: CLAIMED) { nodes { % } } }")],
        "ReviewItemConnection" => vec![Query("{ reviewQueue { % } }")],
        "ReviewItemEdge" => vec![Query("{ reviewQueue { edges { % } } }")],
        "GigPublishedEvent" => vec![Event("subscription { gigPublished(after: <start>) { % } }")],
        "GigStatusEvent" => {
            vec![Event("subscription { gigStatusChanged(gigId: <listed>, after: <start>) { % } }")]
        }
        "VerificationStatusEvent" => vec![Event("subscription { verificationStatusChanged { % } }")],
        "ReviewQueueEvent" => vec![Event("subscription { reviewQueueChanged(after: <start>) { % } }")],
        "Session" => vec![Query("mutation { signIn(input: <account>) { session { % } } }")],
        "SessionPayload" => vec![Query("mutation { signIn(input: <account>) { % } }")],
        "SignOutPayload" => vec![Fresh("mutation { signOut { % } }")],
        "StreamTicket" => vec![Query("mutation { createStreamTicket { streamTicket { % } } }")],
        "StreamTicketPayload" => vec![Query("mutation { createStreamTicket { % } }")],
        "GigPayload" => vec![Query("mutation { saveGigDraft(input: { title: \"Song\" }) { % } }")],
        "UploadGigImagePayload" => {
            vec![Upload("mutation($file: Upload!) { uploadGigImage(file: $file) { % } }")]
        }
        "VerificationPayload" => vec![Query("mutation { savePersonalInfo(input: <form>) { % } }")],
        "ReviewItemPayload" => vec![Query("mutation { claimReview(id: <item>) { % } }")],
        "UserError" => vec![Query(
            "mutation { signUp(input: { email: \"\", password: \"\", displayName: \"\" }) { errors { % } } }",
        )],
        "Limits" => vec![Query("{ limits { % } }")],
        "AccountLimits" => vec![Query("{ limits { account { % } } }")],
        "GigLimits" => vec![Query("{ limits { gig { % } } }")],
        "VerificationLimits" => vec![Query("{ limits { verification { % } } }")],
        "ReviewLimits" => vec![Query("{ limits { review { % } } }")],
        "LevelLimit" => vec![Query("{ limits { levels { % } } }")],
        other => panic!("there is no road to {other}"),
    }
}

/// What a field must be given.
fn arguments(field: &str) -> &'static str {
    match field {
        "Viewer.can" => "(action: POST_GIG)",
        "Query.node" | "Query.gig" => "(id: <listed>)",
        "Query.nodes" => "(ids: [<listed>])",
        _ => "",
    }
}

/// What an answer says of the field, which it calls `it`.
fn cell_of(answer: &Value) -> Cell {
    fn gather<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name == "it" {
                        found.push(value);
                    } else {
                        gather(value, found);
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| gather(value, found)),
            _ => {}
        }
    }
    match error_codes(answer).first().map(String::as_str) {
        Some("UNAUTHENTICATED") => return Cell::Unauthenticated,
        Some("FORBIDDEN") => return Cell::Forbidden,
        Some("NOT_FOUND") => return Cell::NotFound,
        Some(_) => panic!("{answer}"),
        None => {}
    }
    let mut found = Vec::new();
    gather(&answer["data"], &mut found);
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let best = found.iter().map(|value| match value {
        Value::Null => (1, Cell::Null),
        value if is_empty(value) => (2, Cell::Empty),
        _ => (3, Cell::Value),
    });
    best.max_by_key(|(rank, _)| *rank).map_or(Cell::Nowhere, |(_, cell)| cell)
}

/// How much it shows.
fn rank(cell: Cell) -> u8 {
    match cell {
        Cell::Value => 3,
        Cell::Empty => 2,
        Cell::Null => 1,
        _ => 0,
    }
}

/// Five callers, and what they ask about.
struct FaultHarness {
    people: [Option<TestUser>; 5],
    known: Vec<(&'static str, [String; 5])>,
}

impl FaultHarness {
    fn client(&self, app: &TestApp, caller: usize) -> Client {
        self.people[caller].as_ref().map_or_else(|| app.gateway_b(), |person| person.at(&app.gateway_b()))
    }

    fn name(&mut self, name: &'static str, value: &Value) {
        self.known.push((name, CALLERS.map(|_| value.to_string())));
    }

    fn filled_in(&self, query: &str, caller: usize) -> String {
        self.known.iter().fold(query.to_owned(), |query, (name, values)| query.replace(name, &values[caller]))
    }

    async fn go(&self, app: &TestApp, road: &Road, field: &str, caller: usize) -> Cell {
        let (Road::Query(query) | Road::Event(query) | Road::Fresh(query) | Road::Upload(query)) = road;
        let query = self.filled_in(&query.replace('%', field), caller);
        let client = self.client(app, caller);
        match road {
            Road::Query(_) => cell_of(&client.answer(&query, json!({})).await),
            Road::Fresh(_) => {
                let fresh = match &self.people[caller] {
                    Some(person) => app.sign_in(&person.email).await.client,
                    None => client,
                };
                cell_of(&fresh.answer(&query, json!({})).await)
            }
            Road::Event(_) => {
                let mut socket = client.socket().await;
                socket.subscribe("1", &query, json!({})).await;
                let message = socket.about("1").await;
                let answer = match text(&message["type"]).as_str() {
                    "error" => json!({ "errors": message["payload"] }),
                    _ => message["payload"].clone(),
                };
                socket.leave().await;
                cell_of(&answer)
            }
            Road::Upload(_) => {
                let operations = json!({ "query": query, "variables": { "file": null } });
                let form = Form::new()
                    .text("operations", operations.to_string())
                    .text("map", r#"{"0":["variables.file"]}"#)
                    .part("0", Part::bytes(small()).file_name("picture.png"));
                let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
                cell_of(&request.send().await.expect("an answer").json().await.expect("JSON"))
            }
        }
    }

    /// Asks for the field by every road, as every caller.
    async fn check(&self, app: &TestApp, of: &str, field: &Field, access: Access) {
        let name = format!("{of}.{}", field.name);
        let parts = if field.is_composite { " { __typename }" } else { "" };
        let selection = format!("it: {}{}{parts}", field.name, arguments(&name));
        for (caller, expected) in access.cells().into_iter().enumerate() {
            let mut best = Cell::Nowhere;
            for road in roads(of) {
                let cell = self.go(app, &road, &selection, caller).await;
                if rank(cell) > rank(best) || best == Cell::Nowhere {
                    best = cell;
                }
            }
            let is_as_told = match expected {
                // Whoever has no way to the object is told so in one way or another.
                Cell::Nowhere => rank(best) == 0,
                // A list that may be seen may be empty, unless that is what others get of it.
                Cell::Value if best == Cell::Empty => access != Access::OwnerAndReviewersElseEmpty,
                Cell::Value if best == Cell::Null => MAY_BE_NULL.contains(&name.as_str()),
                expected => best == expected,
            };
            assert!(is_as_told, "{name} as {}: {expected:?} expected, {best:?} found", CALLERS[caller]);
        }
    }
}

/// Checks these types, or all others.
async fn check_all(app: &TestApp, stage: &FaultHarness, is_wanted: impl Fn(&str) -> bool) {
    let schema = schema(app).await;
    for rows in TABLE.iter().filter(|rows| is_wanted(rows.of)) {
        for (access, names) in rows.fields {
            for field in schema[rows.of].iter().filter(|field| names.contains(&field.name.as_str())) {
                stage.check(app, rows.of, field, *access).await;
            }
        }
    }
}

async fn every_field_gives_every_caller_what_its_row_says(app: TestApp) {
    let owner = app.member("Olga").await;
    let rita = app.reviewer("Rita").await;
    let post = async |title: &str| {
        let mut form = app.gig_form(title).await;
        form["imageIds"] = json!([owner.client.upload_picture(small()).await]);
        form["links"] = json!(["https://example.com/"]);
        form["tags"] = json!(["song"]);
        owner.post(form).await
    };
    let listed = post("I will write a song for you").await;
    let start = app.gateway_a().run("{ eventCursor }", json!({})).await["eventCursor"].take();
    rita.approve(&listed).await;
    let rejected = post("I will write two songs for you").await;
    let reasons = json!([{ "code": "LOW_QUALITY_IMAGE", "field": ["imageIds"], "message": "Blurred." }]);
    rita.decide(&rejected, "REJECT", reasons).await;
    let waiting = post("I will write three songs for you").await;
    let item = text(&rita.queue_item(&waiting).await["id"]);
    rita.client.done(crate::support::documents::CLAIM, json!({ "id": item })).await;
    // Something to claim for each of those who can.
    let mut items = Vec::new();
    for title in ["I will write four songs for you", "I will write five songs for you"] {
        let gig = post(title).await;
        items.push(json!(rita.queue_item(&gig).await["id"]).to_string());
    }

    let people = [
        None,
        Some(app.member("Mia").await),
        Some(owner),
        Some(app.reviewer("Rob").await),
        Some(app.admin("Ada").await),
    ];
    let mut stage = FaultHarness { people, known: Vec::new() };
    stage.name("<listed>", &json!(listed));
    stage.name("<rejected>", &json!(rejected));
    stage.name("<waiting>", &json!(waiting));
    stage.name("<start>", &start);
    let [of_reviewer, of_admin] = [items[0].clone(), items[1].clone()];
    let of_nobody = || of_reviewer.clone();
    stage.known.push(("<item>", [of_nobody(), of_nobody(), of_nobody(), of_nobody(), of_admin]));
    let account = format!("{{ email: \"mia@example.com\", password: \"{PASSWORD}\" }}");
    stage.known.push(("<account>", CALLERS.map(|_| account.clone())));
    let form = "{ firstName: \"Ann\", lastName: \"Lee\", dateOfBirth: \"1990-05-17\", addressLine1: \"1 High Street\",
        city: \"Leeds\", postalCode: \"LS1\", countryCode: \"GB\", documentNumber: \"AB1234567\" }";
    stage.known.push(("<form>", CALLERS.map(|_| form.to_owned())));

    // While nobody has submitted anything yet: then the form is not to be changed.
    check_all(&app, &stage, |of| of == "VerificationPayload").await;
    let owner = stage.people[2].as_ref().expect("the owner");
    let (verification, _) = submitted(owner, "AB7654321", 1).await;
    stage.name("<verification>", &json!(verification));
    // What acts give is checked by `authorization`, and that it is what the table says, below.
    let elsewhere = ["VerificationPayload", "Mutation", "Subscription"];
    check_all(&app, &stage, |of| !elsewhere.contains(&of)).await;
}

async fn a_document_is_uploaded_by_whoever_has_signed_in(app: TestApp) {
    let mia = app.member("Mia").await;
    assert_eq!(
        verification::upload(&mia.client, "PASSPORT", "FRONT", verification::document(1)).await["errors"],
        json!([])
    );
    let query = "mutation($file: Upload!) { uploadIdentityDocument(input: { type: PASSPORT, side: FRONT, file: $file }) {
        errors { code } } }";
    let operations = json!({ "query": query, "variables": { "file": null } });
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", Part::bytes(verification::document(2)).file_name("passport.jpg"));
    let request = app.gateway_a().post("/graphql").header("apollo-require-preflight", "1").multipart(form);
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(error_codes(&answer), ["UNAUTHENTICATED"]);
}

on_both_back_ends!(
    every_field_gives_every_caller_what_its_row_says,
    a_document_is_uploaded_by_whoever_has_signed_in,
);

#[test]
fn what_acts_and_subscriptions_are_checked_for_is_what_their_rows_say() {
    let checked = authorization::checked();
    for rows in TABLE.iter().filter(|rows| ["Mutation", "Subscription"].contains(&rows.of)) {
        for (access, names) in rows.fields {
            let expected = access.cells();
            for name in *names {
                let mut cases = checked.iter().filter(|(field, _)| field == name);
                assert!(
                    cases.any(|(_, outcomes)| outcomes.map(cell_of_outcome) == expected),
                    "{}.{name} is checked for something else than {access:?}",
                    rows.of
                );
            }
        }
    }
}

/// What a caller gets who is answered with this.
fn cell_of_outcome(outcome: &str) -> Cell {
    match outcome {
        "UNAUTHENTICATED" => Cell::Unauthenticated,
        "FORBIDDEN" => Cell::Forbidden,
        "NOT_FOUND" => Cell::NotFound,
        "null" => Cell::Null,
        // Theirs to try, and something else is wrong with it.
        _ => Cell::Value,
    }
}
