//! Every field of the schema, queried as every caller, returns what the authorization table says.
//!
//! A new type needs its operations in `authorization_operations`; a new field needs its row in the table, a value
//! in the objects that are created here (or its name in `MAY_BE_NULL`), and its required arguments in `arguments`.

use gigway::graphql::authorization::table;
use gigway::graphql::authorization::{Access, CALLERS, Cell};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::authorization_operations::{Operation, operations_for};
use crate::authorization_table::{Field, schema};
use crate::legal_hold;
use crate::support::client::{Client, error_codes, text};
use crate::support::documents::CLAIM;
use crate::support::on_both_back_ends;
use crate::support::reviewing;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};
use crate::verification::{self, submit_verification};

/// Fields that may be null even for callers who may see them, because no test data has a value for every
/// caller.
const MAY_BE_NULL: [&str; 22] = [
    // Each has a value in some entries only.
    "AuditEntry.actor",
    "AuditEntry.operator",
    "AuditEntry.subject",
    // The held version is that of a gig: see `legal_hold`.
    "HeldVersion.altText",
    "HeldVersion.personalInfo",
    "HeldVersion.url",
    // Only decisions have one: see `review_filters`.
    "GigPayload.reviewItem",
    "VerificationPayload.reviewItem",
    // See `administration`.
    "UserAccount.blockedSince",
    "UserAccount.erasedAt",
    "UserAccount.erasureRequest",
    "PageInfo.startCursor",
    "PageInfo.endCursor",
    "PersonalInfo.addressLine2",
    "PersonalInfo.region",
    "Viewer.erasureRequest",
    "VerificationLimits.consentVersion",
    // The decision has no note.
    "ReviewDecisionRecord.internalNote",
    // Only the item of `ReviewProposal` has one.
    "ReviewItem.pendingProposal",
    // The verification is not cleared yet.
    "Verification.clearedAt",
    "VerificationStatusEvent.previousStatus",
    "VerificationStep.doneAt",
];

/// The required arguments of a field.
pub fn arguments(field: &str) -> &'static str {
    match field {
        "Viewer.can" => "(action: POST_GIG)",
        "Query.node" | "Query.gig" => "(id: <listed>)",
        "Query.nodes" => "(ids: [<listed>])",
        "Query.category" => "(slug: \"music\")",
        "Query.userAccount" => "(by: { id: <administered> })",
        _ => "",
    }
}

/// What a response shows of the field with the alias `it`.
fn cell_of(response: &Value) -> Cell {
    fn collect<'a>(value: &'a Value, values: &mut Vec<&'a Value>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name == "it" {
                        values.push(value);
                    } else {
                        collect(value, values);
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, values)),
            _ => {}
        }
    }
    match error_codes(response).first().map(String::as_str) {
        Some("UNAUTHENTICATED") => return Cell::Unauthenticated,
        Some("FORBIDDEN") => return Cell::Forbidden,
        Some("NOT_FOUND") => return Cell::NotFound,
        Some(_) => panic!("{response}"),
        None => {}
    }
    let mut values = Vec::new();
    collect(&response["data"], &mut values);
    let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let cells = values.iter().map(|value| match value {
        Value::Null => (1, Cell::Null),
        value if is_empty(value) => (2, Cell::Empty),
        _ => (3, Cell::Value),
    });
    cells.max_by_key(|(rank, _)| *rank).map_or(Cell::Unreachable, |(_, cell)| cell)
}

/// A higher rank shows more.
fn rank(cell: Cell) -> u8 {
    match cell {
        Cell::Value => 3,
        Cell::Empty => 2,
        Cell::Null => 1,
        _ => 0,
    }
}

/// The users behind [`CALLERS`], and the values of the placeholders for each of them.
struct Callers {
    users: [Option<TestUser>; 5],
    placeholders: Vec<(&'static str, [String; 5])>,
}

impl Callers {
    fn client(&self, app: &TestApp, caller: usize) -> Client {
        self.users[caller].as_ref().map_or_else(|| app.gateway_b(), |user| user.at(&app.gateway_b()))
    }

    /// Sets a placeholder to the same value for every caller.
    fn set_placeholder(&mut self, name: &'static str, value: &Value) {
        self.placeholders.push((name, CALLERS.map(|_| value.to_string())));
    }

    fn fill_in(&self, query: &str, caller: usize) -> String {
        self.placeholders
            .iter()
            .fold(query.to_owned(), |query, (name, values)| query.replace(name, &values[caller]))
    }

    async fn execute(&self, app: &TestApp, operation: &Operation, field: &str, caller: usize) -> Cell {
        let (Operation::Query(query)
        | Operation::Event(query)
        | Operation::NewSession(query)
        | Operation::Upload(query)) = operation;
        let query = self.fill_in(&query.replace('%', field), caller);
        let client = self.client(app, caller);
        match operation {
            Operation::Query(_) => {
                let sibling = "{ sibling: categories { __typename }";
                let query = query.strip_prefix('{').map(|rest| format!("{sibling}{rest}")).unwrap_or(query);
                let response = client.execute(&query, json!({})).await;
                if query.starts_with(sibling) {
                    // Whatever happens to the field, the rest of the operation is answered.
                    let rest = response["data"]["sibling"].as_array();
                    assert!(rest.is_some_and(|list| !list.is_empty()), "{query}: {response}");
                }
                cell_of(&response)
            }
            Operation::NewSession(_) => {
                let client = match &self.users[caller] {
                    Some(user) => app.sign_in(&user.email).await.client,
                    None => client,
                };
                cell_of(&client.execute(&query, json!({})).await)
            }
            Operation::Event(_) => {
                let mut socket = client.socket().await;
                socket.subscribe("1", &query, json!({})).await;
                let message = socket.receive_for("1").await;
                let response = match text(&message["type"]).as_str() {
                    "error" => json!({ "errors": message["payload"] }),
                    _ => message["payload"].clone(),
                };
                socket.close().await;
                cell_of(&response)
            }
            Operation::Upload(_) => {
                let operations = json!({ "query": query, "variables": { "file": null } });
                let form = Form::new()
                    .text("operations", operations.to_string())
                    .text("map", r#"{"0":["variables.file"]}"#)
                    .part("0", Part::bytes(small_png()).file_name("image.png"));
                let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
                cell_of(&request.send().await.expect("a response").json().await.expect("JSON"))
            }
        }
    }

    /// Selects the field in every operation for its type, as every caller. Of the results for a caller, the
    /// one that shows the most is compared with the table.
    async fn check(&self, app: &TestApp, type_name: &str, field: &Field, access: Access) {
        let name = format!("{type_name}.{}", field.name);
        let selection_set = if field.is_composite { " { __typename }" } else { "" };
        let selection = format!("it: {}{}{selection_set}", field.name, arguments(&name));
        for (caller, expected) in access.cells().into_iter().enumerate() {
            let mut best = Cell::Unreachable;
            for operation in operations_for(type_name) {
                let cell = self.execute(app, &operation, &selection, caller).await;
                if rank(cell) > rank(best) || best == Cell::Unreachable {
                    best = cell;
                }
            }
            let is_as_expected = match expected {
                // The caller cannot reach the object. The error does not matter.
                Cell::Unreachable => rank(best) == 0,
                // A visible list may be empty, unless an empty list is what hides it from others.
                Cell::Value if best == Cell::Empty => access != Access::OwnerAndReviewersElseEmpty,
                Cell::Value | Cell::Claimed if best == Cell::Null => MAY_BE_NULL.contains(&name.as_str()),
                // The reviewer has claimed the verification; the administrator has not.
                Cell::Claimed => best == Cell::Value,
                expected => best == expected,
            };
            assert!(is_as_expected, "{name} as {}: expected {expected:?}, got {best:?}", CALLERS[caller]);
        }
    }
}

/// Checks every field of the selected types.
async fn check_types(app: &TestApp, callers: &Callers, is_selected: impl Fn(&str) -> bool) {
    let schema = schema(app).await;
    for rows in table::rows().filter(|rows| is_selected(rows.type_name)) {
        for (access, names) in rows.fields {
            for field in schema[rows.type_name].iter().filter(|field| names.contains(&field.name.as_str())) {
                callers.check(app, rows.type_name, field, *access).await;
            }
        }
    }
}

async fn every_field_returns_what_its_table_row_says_for_every_caller(app: TestApp) {
    let owner = app.member("Olga").await;
    let rita = app.reviewer("Rita").await;
    let post = async |title: &str| {
        let mut form = app.gig_form(title).await;
        form["imageIds"] = json!([owner.client.upload_image(small_png()).await]);
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
    rita.client.mutate(CLAIM, json!({ "id": item })).await;
    // One item to claim for the reviewer and one for the administrator.
    let mut items = Vec::new();
    for title in ["I will write four songs for you", "I will write five songs for you"] {
        let gig = post(title).await;
        items.push(json!(rita.queue_item(&gig).await["id"]).to_string());
    }

    let other_applicant = app.member("Otto").await;
    let users = [
        None,
        Some(app.member("Mia").await),
        Some(owner),
        Some(app.reviewer("Rob").await),
        Some(app.admin("Ada").await),
    ];
    let mut callers = Callers { users, placeholders: Vec::new() };
    callers.set_placeholder("<listed>", &json!(listed));
    callers.set_placeholder("<rejected>", &json!(rejected));
    callers.set_placeholder("<waiting>", &json!(waiting));
    callers.set_placeholder("<start>", &start);
    let first_item = || items[0].clone();
    let item_of_admin = items[1].clone();
    let items_by_caller = [first_item(), first_item(), first_item(), first_item(), item_of_admin];
    callers.placeholders.push(("<item>", items_by_caller));
    let account = format!("{{ email: \"mia@example.com\", password: \"{PASSWORD}\" }}");
    callers.placeholders.push(("<account>", CALLERS.map(|_| account.clone())));
    let form = "{ firstName: \"Ann\", lastName: \"Lee\", dateOfBirth: \"1990-05-17\", addressLine1: \"1 High Street\",
        city: \"Leeds\", postalCode: \"LS1\", countryCode: \"GB\", documentNumber: \"AB1234567\" }";
    callers.placeholders.push(("<form>", CALLERS.map(|_| form.to_owned())));

    // Before the owner submits: a submitted form cannot be changed.
    check_types(&app, &callers, |name| name == "VerificationPayload").await;
    let owner = callers.users[2].as_ref().expect("the owner");
    // A picture with warnings.
    let blurred =
        verification::upload_document(&owner.client, "PASSPORT", "SELFIE", verification::plain_image());
    assert_eq!(blurred.await["errors"], json!([]));
    owner.client.mutate(&verification::save_mutation(), verification::personal_info("AB7654321")).await;
    verification::upload_document(&owner.client, "PASSPORT", "FRONT", verification::document_image(1)).await;
    let submit = "mutation { submitVerification(consentVersion: \"2026-11\") {
        verification { id } errors { code field message } } }";
    let id = owner.client.mutate(submit, json!({})).await["verification"]["id"].take();
    // Another account submits the same document, so that there are flags.
    submit_verification(&other_applicant, "AB7654321", 2).await;
    callers.set_placeholder("<verification>", &id);
    let rob = callers.users[3].as_ref().expect("the reviewer");
    reviewing::claim(&rob.client, &text(&id)).await;
    // A decided verification, and one with a proposal.
    let dan = app.member("Dan").await;
    let (decided, version) = submit_verification(&dan, "CD7654321", 2).await;
    legal_hold::hold_a_version_of_a_gig(&app, &dan).await;
    reviewing::decide(&rita.client, &decided, "CLEAR", version, &json!([])).await;
    let inspection = format!("{{ verificationId: \"{decided}\", reason: \"A complaint.\" }}");
    callers.placeholders.push(("<inspection>", CALLERS.map(|_| inspection.clone())));
    let pia = app.member("Pia").await;
    callers.set_placeholder("<administered>", &json!(pia.id));
    submit_verification(&pia, "EF7654321", 3).await;
    reviewing::propose_rejection(&app, &pia, &rita).await;
    // Mutations and subscriptions have their own tests, which `authorization_table` compares with the table.
    let elsewhere = ["VerificationPayload", "Mutation", "Subscription"];
    check_types(&app, &callers, |name| !elsewhere.contains(&name)).await;
}

async fn uploading_an_identity_document_requires_a_session(app: TestApp) {
    let mia = app.member("Mia").await;
    assert_eq!(
        verification::upload_document(&mia.client, "PASSPORT", "FRONT", verification::document_image(1))
            .await["errors"],
        json!([])
    );
    let query = "mutation($file: Upload!) { uploadIdentityDocument(input: { type: PASSPORT, side: FRONT, file: $file }) {
        errors { code } } }";
    let operations = json!({ "query": query, "variables": { "file": null } });
    let form = Form::new()
        .text("operations", operations.to_string())
        .text("map", r#"{"0":["variables.file"]}"#)
        .part("0", Part::bytes(verification::document_image(2)).file_name("passport.jpg"));
    let request = app.gateway_a().post("/graphql").header("apollo-require-preflight", "1").multipart(form);
    let response: Value = request.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(error_codes(&response), ["UNAUTHENTICATED"]);
}

on_both_back_ends!(
    every_field_returns_what_its_table_row_says_for_every_caller,
    uploading_an_identity_document_requires_a_session,
);
