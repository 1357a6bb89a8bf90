//! Protections: limits of operations, CSRF, batches, timeouts, and what production hides.

use std::time::Duration;

use gigway::config::Settings;
use gigway::domain::event::Topic;
use gigway::domain::id::{PublicId, UserId};
use gigway::store::{Database, event_log};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::documents::{PAUSE_GIG, SAVE_DRAFT, introspection};
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::servers;
use crate::support::test_app::TestApp;

/// The settings that production requires.
pub fn production() -> Settings {
    Settings {
        env: Some("production".into()),
        token_secret: Some("a secret of at least 32 characters".into()),
        index_key: Some("another secret of at least 32 characters".into()),
        encryption_keys: Some("2026-11:7yTgPq1Zs5VwXo9RbKc3LmDfHj0AeUiN4t6G8kMxYzQ=".into()),
        public_url: Some("https://api.example.com/".into()),
        log: Some("warn".into()),
        ..Settings::default()
    }
}

/// Starts a gateway with these operation limits.
async fn with_limits(limits: Value) -> TestApp {
    TestApp::start(Settings { operation_limits: Some(limits.to_string()), ..Settings::default() }, 1).await
}

/// Posts JSON. Returns the status and the body of the response.
async fn post(client: &Client, body: &Value) -> (u16, Value) {
    let response = client.post("/graphql").json(body).send().await.expect("a response");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

async fn an_operation_over_a_limit_is_rejected_with_the_limit_and_the_location(app: TestApp) {
    let gateway_a = app.gateway_a();
    let nested = |depth: usize| format!("{{a{}{}}}", "{a".repeat(depth - 1), "}".repeat(depth - 1));
    let aliases = (0..101).map(|number| format!("a{number}: __typename ")).collect::<Vec<_>>().concat();
    let cases = [
        (format!("{{ categories {{ id }} }}{}", " ".repeat(65_536)), "documentBytes", 65_536),
        (nested(16), "depth", 15),
        (format!("{{ categories {{ {aliases} }} }}"), "aliases", 100),
        ("{ __typename ".to_owned() + &"@skip(if: false) ".repeat(51) + "}", "directives", 50),
        (format!("{{ {} }}", "__typename ".repeat(31)), "rootFields", 30),
        (format!("{{ categories {{ {} }} }}", "id ".repeat(4_999)), "tokens", 5_000),
        (format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"\" ".repeat(1_001)), "listLength", 1_000),
        ("{ gigs(first: 5000) { nodes { id } } }".to_owned(), "cost", 5_000),
        (
            "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }".to_owned(),
            "introspectionLists",
            3,
        ),
        ("[".repeat(60_000), "depth", 100),
        ("{a".repeat(2_000), "depth", 100),
    ];
    for (query, limit, allowed) in cases {
        let (status, response) = post(&gateway_a, &json!({ "query": query })).await;
        let extensions = &response["errors"][0]["extensions"];
        assert_eq!(extensions, &json!({ "code": "QUERY_TOO_COMPLEX", "limit": limit, "allowed": allowed }));
        assert!(
            response["errors"][0]["message"].as_str().expect("text").contains(&allowed.to_string()),
            "{response}"
        );
        assert_eq!((status, response.get("data")), (200, None));
        assert_eq!(response["errors"][0].get("locations").is_some(), limit != "documentBytes", "{response}");
    }
    let variables =
        json!({ "query": "query($a: String) { __typename }", "variables": { "a": "x".repeat(65_536) } });
    assert_eq!(post(&gateway_a, &variables).await.1["errors"][0]["extensions"]["limit"], "variablesBytes");
    // The same over a WebSocket and as an event stream.
    let mut socket = gateway_a.socket().await;
    socket.subscribe("1", &nested(16), json!({})).await;
    assert_eq!(socket.expect_error("1").await, ["QUERY_TOO_COMPLEX"]);
    let stream = gateway_a
        .post("/graphql")
        .header("accept", "text/event-stream")
        .json(&json!({ "query": nested(16) }));
    let text = stream.send().await.expect("a response").text().await.expect("a stream");
    assert!(text.contains(r#""limit":"depth""#), "{text}");
    // The introspection query of common tools is within the limits.
    let (_, response) = post(&gateway_a, &json!({ "query": introspection() })).await;
    assert!(response["data"]["__schema"]["types"].is_array(), "{response}");
}

async fn requests_that_need_no_cors_preflight_are_rejected(app: TestApp) {
    let ann = app.member("Ann").await;
    let body = json!({ "query": SAVE_DRAFT, "variables": { "input": { "title": "A song" } } }).to_string();
    let form =
        format!("query={}", url::form_urlencoded::byte_serialize(SAVE_DRAFT.as_bytes()).collect::<String>());
    let multipart = "--x\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{}\r\n--x--\r\n";
    for (content_type, body, status) in [
        (Some("text/plain"), body.as_str(), 415),
        (Some("application/x-www-form-urlencoded"), &form, 415),
        (Some("multipart/form-data; boundary=x"), multipart, 400),
        (Some("application/json-patch"), &body, 415),
        (None, &body, 415),
    ] {
        let mut request = ann.client.post("/graphql").body(body.to_owned());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        assert_eq!(request.send().await.expect("a response").status(), status, "{content_type:?}");
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let request = ann.client.http().request(method, ann.client.url("/graphql")).body(body.clone());
        let response = ann.client.authorize(request).send().await.expect("a response");
        assert_eq!(response.status(), 405);
    }
    let parameters = [("query", "mutation { saveGigDraft(input: { title: \"A song\" }) { gig { id } } }")];
    assert_eq!(ann.client.get("/graphql").query(&parameters).send().await.expect("a response").status(), 405);
    let data = ann.client.run("{ viewer { gigs { totalCount } } }", json!({})).await;
    assert_eq!(data["viewer"]["gigs"]["totalCount"], 0);
}

on_both_back_ends!(
    an_operation_over_a_limit_is_rejected_with_the_limit_and_the_location,
    requests_that_need_no_cors_preflight_are_rejected,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_with_too_many_bytes_is_not_sent() {
    let app = with_limits(json!({ "responseBytes": 30_000 })).await;
    let (ann, gateway) = (app.member("Ann").await, app.gateway_a());
    let mut form = app.gig_form("I will write a song for you").await;
    form["description"] = json!("Three minutes of music, made for you alone. ".repeat(46));
    let gig = ann.post(form).await;
    app.reviewer("Rita").await.approve(&gig).await;
    let copies = |field: &str, count: usize| {
        (0..count).map(|number| format!("a{number}: {field} ")).collect::<Vec<_>>().concat()
    };
    let list = |fields: &str| format!("{{ gigs {{ nodes {{ {fields} }} }} }}");
    let expected = json!({ "code": "QUERY_TOO_COMPLEX", "limit": "responseBytes", "allowed": 30_000 });
    assert!(gateway.run(&list(&copies("description", 10)), json!({})).await["gigs"].is_object());
    // Long texts are counted during the execution, all others afterwards.
    let nodes = format!(
        "{{ nodes(ids: {}) {{ id ... on Gig {{ {} }} }} }}",
        json!(vec![&gig; 100]),
        copies("title", 9)
    );
    for query in [list(&copies("description", 20)), nodes] {
        let body = json!({ "query": query });
        for client in [&gateway, &ann.client] {
            let (status, response) = post(client, &body).await;
            assert_eq!((status, response.get("data")), (200, None), "{response}");
            assert_eq!(response["errors"][0]["extensions"], expected);
            let message = response["errors"][0]["message"].as_str().expect("text");
            assert!(message.contains("at most 30000 bytes"), "{message}");
        }
        let got = gateway.get("/graphql").query(&[("query", &query)]).send().await.expect("a response");
        assert!(!got.headers()["cache-control"].to_str().expect("text").contains("public"));
        assert_eq!(error_codes(&got.json().await.expect("JSON")), ["QUERY_TOO_COMPLEX"]);
        let stream = gateway.post("/graphql").header("accept", "text/event-stream").json(&body);
        let text = stream.send().await.expect("a response").text().await.expect("a stream");
        assert!(text.contains(r#""limit":"responseBytes""#) && text.len() < 1000, "{text}");
        let mut socket = gateway.socket().await;
        socket.subscribe("1", &query, json!({})).await;
        assert_eq!(socket.expect_error("1").await, ["QUERY_TOO_COMPLEX"]);
    }
    // It costs what a complete response may cost.
    let body = json!({ "query": list(&copies("description", 20)), "extensions": { "cost": true } });
    let cost = &post(&ann.client, &body).await.1["extensions"]["cost"];
    assert!(cost["actual"].as_u64() >= cost["requested"].as_u64(), "{cost}");
    // An event that is too large ends its subscription; a mutation says that it was executed.
    let mut socket = ann.client.socket().await;
    let large = format!("subscription {{ gigStatusChanged {{ gig {{ {} }} }} }}", copies("description", 20));
    socket.subscribe("1", &large, json!({})).await;
    let seller = Topic::GigsOfSeller(UserId::parse(&ann.id).expect("an id"));
    let dispatcher = app.services().streams.dispatcher();
    wait_until("it is attached", async || dispatcher.subscriber_count_of(seller) == 1).await;
    let pause =
        format!("mutation {{ pauseGig(id: \"{gig}\") {{ gig {{ {} }} }} }}", copies("description", 20));
    let (_, response) = post(&ann.client, &json!({ "query": pause })).await;
    assert_eq!(response["errors"][0]["extensions"], expected);
    let message = response["errors"][0]["message"].as_str().expect("text");
    assert!(message.ends_with("The mutation was executed."), "{message}");
    assert_eq!(ann.status(&gig).await, "PAUSED");
    assert_eq!(socket.expect_error("1").await, ["QUERY_TOO_COMPLEX"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_are_accepted_only_if_enabled() {
    let draft = |title: &str| json!({ "query": SAVE_DRAFT, "variables": { "input": { "title": title } } });
    let without_batches = TestApp::on_sqlite().await;
    assert_eq!(post(&without_batches.gateway_a(), &json!([draft("A song")])).await.0, 400);
    let app = with_limits(json!({ "batch": 3, "aliases": 1 })).await;
    let ann = app.member("Ann").await;
    let over_limit = json!({ "query": "{ a: __typename b: __typename }" });
    let batch = json!([draft("A song"), over_limit, { "query": "{ viewer { gigs { totalCount } } }" }]);
    let request = ann.client.post("/graphql").header("idempotency-key", "batch").json(&batch);
    let responses: Value = request.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(responses[0]["data"]["saveGigDraft"]["gig"]["title"], "A song");
    assert_eq!(error_codes(&responses[1]), ["QUERY_TOO_COMPLEX"]);
    assert_eq!(responses[2]["data"]["viewer"]["gigs"]["totalCount"], 1);
    let request = ann.client.post("/graphql").header("idempotency-key", "batch").json(&batch);
    let replayed: Value = request.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(replayed, responses, "each operation has its own key");
    for invalid in [json!([]), json!(vec![draft("A song"); 4]), json!([[draft("A song")]]), json!([1])] {
        let (status, response) = post(&ann.client, &invalid).await;
        assert_eq!((status, error_codes(&response)), (400, vec!["BAD_REQUEST".into()]), "{invalid}");
    }
    // Each operation is charged separately.
    let budgets = json!({ "anonymous": { "capacity": 5000, "perMinute": 1 } });
    let limits = json!({ "batch": 100 });
    let settings = Settings {
        budgets: Some(budgets.to_string()),
        operation_limits: Some(limits.to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let batch = vec![json!({ "query": "{ __schema { queryType { name } } }" }); 60];
    let (_, responses) = post(&app.gateway_a(), &json!(batch)).await;
    let refused = responses
        .as_array()
        .expect("a list")
        .iter()
        .filter(|response| !error_codes(response).is_empty())
        .count();
    assert_eq!(refused, 60 - 5000 / 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_times_out_is_stopped_and_rolled_back() {
    let limits = json!({ "querySeconds": 1, "mutationSeconds": 1 });
    let database_url = servers::new_postgres_database().await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let settings = Settings {
        database_url: Some(database_url.clone()),
        data_dir: Some(dir.path().display().to_string()),
        ..Settings::default()
    };
    // On a busy machine, signing up or posting can take longer than the limits. So another gateway does that.
    let unlimited = TestApp::start(settings.clone(), 1).await;
    let settings = Settings { operation_limits: Some(limits.to_string()), ..settings };
    let app = TestApp::start(settings, 1).await;
    let ann = unlimited.member("Ann").await;
    let gig = ann.post(unlimited.gig_form("I will write a song for you").await).await;
    unlimited.reviewer("Rita").await.approve(&gig).await;
    let limited = ann.at(&app.gateway_a());
    // Another connection locks the event log and the gigs, so that nothing can be read or committed.
    let other_connection = Database::connect_postgres(&database_url, Duration::from_secs(30))
        .await
        .expect("PostgreSQL responds");
    let lock = other_connection.begin().await.expect("a transaction");
    event_log::append(&lock, Vec::new(), app.now()).await.expect("nothing");
    sea_orm::ConnectionTrait::execute_unprepared(&lock, "LOCK TABLE gig IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    let request = limited.post("/graphql").header("idempotency-key", "pause");
    let body = json!({ "query": PAUSE_GIG, "variables": { "id": gig } });
    let response = request.json(&body).send().await.expect("a response");
    assert_eq!(response.status(), 504);
    assert_eq!(error_codes(&response.json().await.expect("JSON")), ["TIMED_OUT"]);
    let response = app.gateway_a().post("/graphql").json(&json!({ "query": "{ gigs { totalCount } }" }));
    let response = response.send().await.expect("a response");
    assert_eq!(response.status(), 504);
    assert_eq!(error_codes(&response.json().await.expect("JSON")), ["TIMED_OUT"]);
    drop(lock);
    other_connection.close().await.expect("a close");
    assert_eq!(ann.status(&gig).await, "ACTIVE");
    // Subscriptions have no time limit.
    let mut socket = limited.socket().await;
    socket.subscribe("1", "subscription { gigPublished { gigId } }", json!({})).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let next = ann.post(unlimited.gig_form("I will write two songs for you").await).await;
    unlimited.sign_in("rita@example.com").await.approve(&next).await;
    assert_eq!(socket.next_event("1").await["gigId"], json!(next));
    // The stopped mutation can be sent again with the same key.
    let request = limited.post("/graphql").header("idempotency-key", "pause").json(&body);
    let response: Value = request.send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(response["data"]["pauseGig"]["gig"]["status"], "PAUSED", "{response}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_disables_introspection_and_field_suggestions() {
    let app = TestApp::start(Settings { federation: Some("on".into()), ..production() }, 1).await;
    let gateway_a = app.gateway_a();
    let introspection = introspection();
    for query in [introspection.as_str(), "{ __type(name: \"Gig\") { name } }", "{ _service { sdl } }"] {
        let response = gateway_a.execute(query, json!({})).await;
        assert_eq!(error_codes(&response), ["GRAPHQL_VALIDATION_FAILED"], "{response}");
        assert!(response.get("data").is_none());
    }
    let response = gateway_a.execute("{ categorie { id } }", json!({})).await;
    assert!(!response.to_string().contains("categories"), "{response}");
    assert_eq!(
        gateway_a.run("{ __typename categories { __typename } }", json!({})).await["__typename"],
        "Query"
    );
    let settings = Settings { introspection: Some("on".into()), ..production() };
    let with_introspection = TestApp::start(settings, 1).await;
    assert!(with_introspection.gateway_a().run(&introspection, json!({})).await["__schema"].is_object());
    let development = TestApp::on_sqlite().await;
    let response = development.gateway_a().execute("{ categorie { id } }", json!({})).await;
    assert!(response.to_string().contains("categories"), "{response}");
}
