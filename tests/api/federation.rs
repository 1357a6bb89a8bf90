//! Apollo Federation: the gateway is a subgraph only if it is configured as one.

use gigway::config::Settings;
use serde_json::json;

use crate::support::client::{error_codes, text};
use crate::support::servers;
use crate::support::test_app::TestApp;

/// One gateway with SQLite that is a subgraph.
async fn subgraph() -> TestApp {
    TestApp::start(Settings { federation: Some("on".to_owned()), ..Settings::default() }, 1).await
}

async fn entities_are_found_by_key(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let listed = ann.post(app.gig_form("I will write a song for you").await).await;
    app.reviewer("Rita").await.approve(&listed).await;
    let waiting = ann.post(app.gig_form("I will write two songs for you").await).await;
    let category = app.category("Music").await;
    let query = "query($keys: [_Any!]!) { _entities(representations: $keys) { __typename ... on Gig { title }
        ... on User { displayName } ... on Category { slug } } }";
    let keys = json!({ "keys": [
        { "__typename": "User", "id": ann.id },
        { "__typename": "Gig", "id": listed },
        { "__typename": "Gig", "id": waiting },
        { "__typename": "Category", "id": category },
        { "__typename": "User", "id": category },
    ] });
    let entities = bob.client.run(query, keys.clone()).await;
    let expected = json!([
        { "__typename": "User", "displayName": "Ann" },
        { "__typename": "Gig", "title": "I will write a song for you" },
        null,
        { "__typename": "Category", "slug": "music" },
        null,
    ]);
    assert_eq!(entities["_entities"], expected);
    assert_eq!(ann.client.run(query, keys).await["_entities"][2]["title"], "I will write two songs for you");
    let not_an_entity = json!({ "keys": [{ "__typename": "Verification", "id": "ver_x" }] });
    let refused = bob.client.execute(query, not_an_entity).await;
    assert!(!error_codes(&refused).contains(&"INTERNAL_SERVER_ERROR".to_owned()), "{refused}");
    let too_many: Vec<_> = (0..1001).map(|_| json!({ "__typename": "User", "id": ann.id })).collect();
    assert_eq!(bob.client.error_codes(query, json!({ "keys": too_many })).await, ["QUERY_TOO_COMPLEX"]);
    let service = bob.client.run("{ _service { sdl } }", json!({})).await;
    assert!(service["_service"]["sdl"].as_str().expect("text").contains("@key(fields: \"id\")"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subgraph_finds_entities_by_key_on_sqlite() {
    entities_are_found_by_key(subgraph().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subgraph_finds_entities_by_key_on_postgres_and_redis() {
    let settings = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(servers::redis_url()),
        federation: Some("on".to_owned()),
        ..Settings::default()
    };
    entities_are_found_by_key(TestApp::start(settings, 2).await).await;
}

/// The names of the fields of `Query`, and of all types, that belong to Federation.
async fn federation_names(app: &TestApp) -> Vec<String> {
    let query = "{ __schema { types { name } queryType { fields { name } } } }";
    let schema = app.gateway_a().run(query, json!({})).await["__schema"].take();
    let lists = [&schema["queryType"]["fields"], &schema["types"]];
    let names = lists.iter().flat_map(|list| list.as_array().expect("a list")).map(|it| text(&it["name"]));
    names.filter(|name| name.starts_with('_') && !name.starts_with("__")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fields_and_types_of_federation_exist_only_in_a_subgraph() {
    let standalone = TestApp::on_sqlite().await;
    assert_eq!(federation_names(&standalone).await, [""; 0]);
    for query in [
        "{ _service { sdl } }",
        "{ _entities(representations: []) { __typename } }",
        "query($any: [_Any!]!) { nodes(ids: $any) { id } }",
        "{ node(id: \"x\") { ... on _Service { sdl } } }",
    ] {
        let response = standalone.gateway_a().execute(query, json!({ "any": [] })).await;
        assert_eq!(error_codes(&response), ["GRAPHQL_VALIDATION_FAILED"], "{query}: {response}");
    }
    for name in ["_Any", "_Entity", "_Service"] {
        let query = format!("{{ __type(name: \"{name}\") {{ name }} }}");
        assert_eq!(standalone.gateway_a().run(&query, json!({})).await, json!({ "__type": null }));
    }
    let subgraph = subgraph().await;
    let mut names = federation_names(&subgraph).await;
    names.sort();
    assert_eq!(names, ["_Any", "_Entity", "_Service", "_entities", "_service"]);
    // Everything else is the same.
    let types = "{ __schema { types { kind name fields { name } } } }";
    let everything_else = async |app: &TestApp| {
        let mut types = app.gateway_a().run(types, json!({})).await["__schema"]["types"].take();
        let types = types.as_array_mut().expect("a list");
        types.retain(|it| !text(&it["name"]).starts_with('_'));
        types.sort_by_key(|it| text(&it["name"]));
        for it in types.iter_mut() {
            if let Some(fields) = it["fields"].as_array_mut() {
                fields.retain(|field| !text(&field["name"]).starts_with('_'));
            }
        }
        types.clone()
    };
    assert_eq!(everything_else(&standalone).await, everything_else(&subgraph).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subgraph_delivers_events() {
    let app = subgraph().await;
    let mut socket = app.gateway_a().socket().await;
    socket.subscribe("1", "subscription { gigPublished { gigId gig { title } } }", json!({})).await;
    let ann = app.member("Ann").await;
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    app.reviewer("Rita").await.approve(&gig).await;
    let event = socket.next_event("1").await;
    assert_eq!(event, json!({ "gigId": gig, "gig": { "title": "I will write a song for you" } }));
}
