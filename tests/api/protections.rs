//! What security scanners look for: limits, switches, and what production does not show.

use std::time::Duration;

use gigway::config::Settings;
use gigway::store::{Database, event_log};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::documents::{PAUSE_GIG, SAVE_DRAFT, introspection};
use crate::support::on_both_back_ends;
use crate::support::servers;
use crate::support::test_app::TestApp;

/// What production must be told.
pub fn production() -> Settings {
    Settings {
        env: Some("production".into()),
        token_secret: Some("a secret of at least 32 characters".into()),
        index_key: Some("another secret of at least 32 characters".into()),
        // 32 bytes, each a 7.
        encryption_keys: Some("2026-11:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".into()),
        public_url: Some("https://api.example.com/".into()),
        log: Some("warn".into()),
        ..Settings::default()
    }
}

async fn limited(limits: Value) -> TestApp {
    TestApp::start(Settings { operation_limits: Some(limits.to_string()), ..Settings::default() }, 1).await
}

/// Status and body of a POST of this JSON.
async fn post(client: &Client, body: &Value) -> (u16, Value) {
    let response = client.post("/graphql").json(body).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

async fn what_asks_for_too_much_is_told_which_limit_it_passes_and_where(app: TestApp) {
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
        let (status, answer) = post(&gateway_a, &json!({ "query": query })).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(extensions, &json!({ "code": "QUERY_TOO_COMPLEX", "limit": limit, "allowed": allowed }));
        assert!(
            answer["errors"][0]["message"].as_str().expect("text").contains(&allowed.to_string()),
            "{answer}"
        );
        assert_eq!((status, answer.get("data")), (200, None));
        assert_eq!(answer["errors"][0].get("locations").is_some(), limit != "documentBytes", "{answer}");
    }
    let variables =
        json!({ "query": "query($a: String) { __typename }", "variables": { "a": "x".repeat(65_536) } });
    assert_eq!(post(&gateway_a, &variables).await.1["errors"][0]["extensions"]["limit"], "variablesBytes");
    // Over a socket, and as a stream, alike.
    let mut socket = gateway_a.socket().await;
    socket.subscribe("1", &nested(16), json!({})).await;
    assert_eq!(socket.failure("1").await, ["QUERY_TOO_COMPLEX"]);
    let stream = gateway_a
        .post("/graphql")
        .header("accept", "text/event-stream")
        .json(&json!({ "query": nested(16) }));
    let text = stream.send().await.expect("an answer").text().await.expect("a stream");
    assert!(text.contains(r#""limit":"depth""#), "{text}");
    // The query that tools send passes.
    let tools = &introspection();
    let (_, answer) = post(&gateway_a, &json!({ "query": tools })).await;
    assert!(answer["data"]["__schema"]["types"].is_array(), "{answer}");
}

async fn bodies_that_a_page_can_send_without_asking_are_refused(app: TestApp) {
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
        assert_eq!(request.send().await.expect("an answer").status(), status, "{content_type:?}");
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let request = ann.client.http().request(method, ann.client.url("/graphql")).body(body.clone());
        let response = ann.client.signed(request).send().await.expect("an answer");
        assert_eq!(response.status(), 405);
    }
    let parameters = [("query", "mutation { saveGigDraft(input: { title: \"A song\" }) { gig { id } } }")];
    assert_eq!(ann.client.get("/graphql").query(&parameters).send().await.expect("an answer").status(), 405);
    let mine = ann.client.run("{ viewer { gigs { totalCount } } }", json!({})).await;
    assert_eq!(mine["viewer"]["gigs"]["totalCount"], 0);
}

async fn an_entity_is_found_by_its_key(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let listed = ann.post(app.gig_form("I will write a song for you").await).await;
    app.reviewer("Rita").await.approve(&listed).await;
    let waiting = ann.post(app.gig_form("I will write two songs for you").await).await;
    let category = app.category("Music").await;
    let query = "query($all: [_Any!]!) { _entities(representations: $all) { __typename ... on Gig { title }
        ... on User { displayName } ... on Category { slug } } }";
    let all = json!({ "all": [
        { "__typename": "User", "id": ann.id },
        { "__typename": "Gig", "id": listed },
        { "__typename": "Gig", "id": waiting },
        { "__typename": "Category", "id": category },
        { "__typename": "User", "id": category },
    ] });
    let found = bob.client.run(query, all.clone()).await;
    let expected = json!([
        { "__typename": "User", "displayName": "Ann" },
        { "__typename": "Gig", "title": "I will write a song for you" },
        null,
        { "__typename": "Category", "slug": "music" },
        null,
    ]);
    assert_eq!(found["_entities"], expected);
    assert_eq!(ann.client.run(query, all).await["_entities"][2]["title"], "I will write two songs for you");
    let other = json!({ "all": [{ "__typename": "Verification", "id": "ver_x" }] });
    let refused = bob.client.answer(query, other).await;
    assert!(!error_codes(&refused).contains(&"INTERNAL_SERVER_ERROR".to_owned()), "{refused}");
    let many: Vec<_> = (0..1001).map(|_| json!({ "__typename": "User", "id": ann.id })).collect();
    assert_eq!(bob.client.error_codes(query, json!({ "all": many })).await, ["QUERY_TOO_COMPLEX"]);
    let service = bob.client.run("{ _service { sdl } }", json!({})).await;
    assert!(service["_service"]["sdl"].as_str().expect("text").contains("@key(fields: \"id\")"));
}

on_both_back_ends!(
    what_asks_for_too_much_is_told_which_limit_it_passes_and_where,
    bodies_that_a_page_can_send_without_asking_are_refused,
    an_entity_is_found_by_its_key,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_operations_are_one_request_only_where_that_is_switched_on() {
    let draft = |title: &str| json!({ "query": SAVE_DRAFT, "variables": { "input": { "title": title } } });
    let off = TestApp::on_sqlite().await;
    assert_eq!(post(&off.gateway_a(), &json!([draft("A song")])).await.0, 400);
    let app = limited(json!({ "batch": 3, "aliases": 1 })).await;
    let ann = app.member("Ann").await;
    let too_much = json!({ "query": "{ a: __typename b: __typename }" });
    let batch = json!([draft("A song"), too_much, { "query": "{ viewer { gigs { totalCount } } }" }]);
    let request = ann.client.post("/graphql").header("idempotency-key", "batch").json(&batch);
    let answers: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answers[0]["data"]["saveGigDraft"]["gig"]["title"], "A song");
    assert_eq!(error_codes(&answers[1]), ["QUERY_TOO_COMPLEX"]);
    assert_eq!(answers[2]["data"]["viewer"]["gigs"]["totalCount"], 1);
    let request = ann.client.post("/graphql").header("idempotency-key", "batch").json(&batch);
    let again: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(again, answers, "each has a key of its own");
    for bad in [json!([]), json!(vec![draft("A song"); 4]), json!([[draft("A song")]]), json!([1])] {
        let (status, answer) = post(&ann.client, &bad).await;
        assert_eq!((status, error_codes(&answer)), (400, vec!["BAD_REQUEST".into()]), "{bad}");
    }
    // Each is counted by itself.
    let budgets = json!({ "anonymous": { "capacity": 5000, "perMinute": 1 } });
    let limits = json!({ "batch": 100 });
    let settings = Settings {
        budgets: Some(budgets.to_string()),
        operation_limits: Some(limits.to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let looks = vec![json!({ "query": "{ __schema { queryType { name } } }" }); 60];
    let (_, answers) = post(&app.gateway_a(), &json!(looks)).await;
    let refused =
        answers.as_array().expect("a list").iter().filter(|answer| !error_codes(answer).is_empty()).count();
    assert_eq!(refused, 60 - 5000 / 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_long_is_stopped_and_leaves_nothing() {
    let limits = json!({ "querySeconds": 1, "mutationSeconds": 1 });
    let database_url = servers::new_postgres_database().await;
    let settings = Settings {
        database_url: Some(database_url.clone()),
        operation_limits: Some(limits.to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    app.reviewer("Rita").await.approve(&gig).await;
    // Somebody else holds the log, and does not let go: nothing can be committed.
    let other =
        Database::connect_postgres(&database_url, Duration::from_secs(30)).await.expect("PostgreSQL answers");
    let holding = other.begin().await.expect("a transaction");
    event_log::append(&holding, Vec::new(), app.now()).await.expect("nothing");
    sea_orm::ConnectionTrait::execute_unprepared(&holding, "LOCK TABLE gig IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    let request = ann.client.post("/graphql").header("idempotency-key", "pause");
    let body = json!({ "query": PAUSE_GIG, "variables": { "id": gig } });
    let response = request.json(&body).send().await.expect("an answer");
    assert_eq!(response.status(), 504);
    assert_eq!(error_codes(&response.json().await.expect("JSON")), ["TIMED_OUT"]);
    let response = app.gateway_a().post("/graphql").json(&json!({ "query": "{ gigs { totalCount } }" }));
    let response = response.send().await.expect("an answer");
    assert_eq!(response.status(), 504);
    assert_eq!(error_codes(&response.json().await.expect("JSON")), ["TIMED_OUT"]);
    drop(holding);
    other.close().await.expect("a close");
    assert_eq!(ann.status(&gig).await, "ACTIVE");
    // A subscription may take as long as it likes.
    let mut socket = ann.client.socket().await;
    socket.subscribe("1", "subscription { gigPublished { gigId } }", json!({})).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let next = ann.post(app.gig_form("I will write two songs for you").await).await;
    app.sign_in("rita@example.com").await.approve(&next).await;
    assert_eq!(socket.event("1").await["gigId"], json!(next));
    // And what was stopped can be sent again with the same key.
    let request = ann.client.post("/graphql").header("idempotency-key", "pause").json(&body);
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["data"]["pauseGig"]["gig"]["status"], "PAUSED", "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_shows_neither_its_schema_nor_nearly_right_names() {
    let app = TestApp::start(production(), 1).await;
    let gateway_a = app.gateway_a();
    let tools = introspection();
    for query in [tools.as_str(), "{ __type(name: \"Gig\") { name } }", "{ _service { sdl } }"] {
        let answer = gateway_a.answer(query, json!({})).await;
        assert_eq!(error_codes(&answer), ["GRAPHQL_VALIDATION_FAILED"], "{answer}");
        assert!(answer.get("data").is_none());
    }
    let answer = gateway_a.answer("{ categorie { id } }", json!({})).await;
    assert!(!answer.to_string().contains("categories"), "{answer}");
    assert_eq!(
        gateway_a.run("{ __typename categories { __typename } }", json!({})).await["__typename"],
        "Query"
    );
    let settings = Settings { introspection: Some("on".into()), ..production() };
    let open = TestApp::start(settings, 1).await;
    assert!(open.gateway_a().run(&tools, json!({})).await["__schema"].is_object());
    let development = TestApp::on_sqlite().await;
    let answer = development.gateway_a().answer("{ categorie { id } }", json!({})).await;
    assert!(answer.to_string().contains("categories"), "{answer}");
}
