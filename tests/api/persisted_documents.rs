//! Persisted documents (by hash, or by id from a trusted manifest), and HTTP caching of GET responses.

use gigway::config::Settings;
use reqwest::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::client::{Client, error_codes};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

const CATEGORIES: &str = "query Categories { categories { slug } }";

fn sha256(document: &str) -> String {
    Sha256::digest(document).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn persisted(document: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": sha256(document) } })
}

async fn post(client: &Client, body: Value) -> Value {
    let response = client.post("/graphql").json(&body).send().await.expect("a response");
    response.json().await.expect("JSON")
}

async fn get(client: &Client, parameters: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
    let mut request = client.get("/graphql").query(parameters);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("a response")
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

async fn a_document_can_be_sent_by_its_hash_once_it_is_registered(app: TestApp) {
    let gateway_a = app.gateway_a();
    let not_found = post(&gateway_a, json!({ "extensions": persisted(CATEGORIES) })).await;
    assert_eq!(error_codes(&not_found), ["PERSISTED_QUERY_NOT_FOUND"]);
    assert_eq!(not_found["errors"][0]["message"], "PersistedQueryNotFound");
    let registered =
        post(&gateway_a, json!({ "query": CATEGORIES, "extensions": persisted(CATEGORIES) })).await;
    assert_eq!(registered["data"]["categories"].as_array().map(Vec::len), Some(27));
    assert_eq!(post(&gateway_a, json!({ "extensions": persisted(CATEGORIES) })).await, registered);
    let wrong_hash = post(
        &gateway_a,
        json!({ "query": "{ limits { levels { level } } }", "extensions": persisted(CATEGORIES) }),
    )
    .await;
    assert_eq!(error_codes(&wrong_hash), ["BAD_USER_INPUT"]);
    // By GET, which a CDN can cache.
    let extensions = persisted(CATEGORIES).to_string();
    let response = get(&gateway_a, &[("extensions", &extensions)], &[]).await;
    assert_eq!(header(&response, "cache-control"), Some("public, max-age=300"));
    assert_eq!(response.json::<Value>().await.expect("JSON"), registered);
    let not_found = persisted("{ limits { levels { level } } }").to_string();
    let response = get(&gateway_a, &[("extensions", &not_found)], &[]).await;
    assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
    // Over a WebSocket.
    let mut socket = gateway_a.socket().await;
    socket
        .send(json!({ "type": "subscribe", "id": "1", "payload": { "extensions": persisted(CATEGORIES) } }))
        .await;
    assert_eq!(socket.receive_for("1").await["payload"]["data"], registered["data"]);
}

async fn only_public_responses_are_cacheable(app: TestApp) {
    let gateway_a = app.gateway_a();
    let ann = app.member("Ann").await;
    let cache_control = async |client: &Client, query: &str| {
        let response = get(client, &[("query", query)], &[]).await;
        header(&response, "cache-control").expect("a policy").to_owned()
    };
    let gigs = "{ gigs { totalCount } }";
    assert_eq!(cache_control(&gateway_a, gigs).await, "public, max-age=5");
    assert_eq!(
        cache_control(&gateway_a, "{ categories { slug } limits { levels { level } } }").await,
        "public, max-age=300"
    );
    assert_eq!(
        cache_control(&gateway_a, "{ categories { slug } gigs { totalCount } }").await,
        "public, max-age=5"
    );
    let private = "private, no-store";
    assert_eq!(cache_control(&ann.client, gigs).await, private);
    assert_eq!(cache_control(&gateway_a.with_token("nonsense"), "{ categories { slug } }").await, private);
    for query in [
        "{ viewer { email } }",
        "{ eventCursor }",
        "{ nonsense }",
        "{ gigs(first: -1) { totalCount } }",
        "{ __typename }",
    ] {
        assert_eq!(cache_control(&gateway_a, query).await, private, "{query}");
    }
    let posted = gateway_a.post("/graphql").json(&json!({ "query": gigs })).send().await.expect("a response");
    assert_eq!(header(&posted, "cache-control"), Some(private));

    // A conditional request gets 304 without a body as long as nothing has changed.
    let first = get(&gateway_a, &[("query", gigs)], &[]).await;
    let vary: Vec<_> =
        first.headers().get_all("vary").iter().map(|it| it.to_str().expect("text").to_lowercase()).collect();
    assert!(vary.join(",").contains("authorization") && vary.join(",").contains("accept"), "{vary:?}");
    let tag = header(&first, "etag").expect("a tag").to_owned();
    let several = format!("\"other\", W/{tag}");
    for tags in [tag.as_str(), "*", &several] {
        let revalidated = get(&gateway_a, &[("query", gigs)], &[("if-none-match", tags)]).await;
        let status = revalidated.status().as_u16();
        assert_eq!((status, header(&revalidated, "etag")), (304, Some(tag.as_str())), "{tags}");
        assert_eq!(header(&revalidated, "cache-control"), Some("public, max-age=5"));
        assert!(revalidated.bytes().await.expect("a body").is_empty());
    }
    let seller = app.member("Olga").await;
    let gig = seller.post(app.gig_form("I will write a song for you").await).await;
    app.reviewer("Rita").await.approve(&gig).await;
    let changed = get(&gateway_a, &[("query", gigs)], &[("if-none-match", &tag)]).await;
    assert_eq!(changed.status(), 200);
    assert_ne!(header(&changed, "etag"), Some(tag.as_str()));
}

on_both_back_ends!(
    a_document_can_be_sent_by_its_hash_once_it_is_registered,
    only_public_responses_are_cacheable,
);

/// Starts a gateway with a manifest of one trusted document.
async fn with_manifest(mode: Option<&str>, get: Option<&str>) -> (TestApp, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("persisted-documents.json");
    let manifest = json!({ "format": "apollo-persisted-query-manifest", "version": 1,
        "operations": [{ "id": sha256(CATEGORIES), "name": "Categories", "type": "query", "body": CATEGORIES }] });
    std::fs::write(&file, manifest.to_string()).expect("a file");
    let settings = Settings {
        trusted_documents: Some(file.display().to_string()),
        trusted_documents_mode: mode.map(str::to_owned),
        get: get.map(str::to_owned),
        ..Settings::default()
    };
    (TestApp::start(settings, 1).await, dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_trusted_documents_are_executed_if_there_is_a_manifest() {
    let (app, _dir) = with_manifest(None, None).await;
    let gateway_a = app.gateway_a();
    let id = sha256(CATEGORIES);
    for body in [
        json!({ "documentId": id }),
        json!({ "documentId": format!("sha256:{id}") }),
        json!({ "extensions": persisted(CATEGORIES) }),
        json!({ "query": CATEGORIES }),
    ] {
        let response = post(&gateway_a, body.clone()).await;
        assert_eq!(response["data"]["categories"].as_array().map(Vec::len), Some(27), "{body}: {response}");
    }
    assert_eq!(get(&gateway_a, &[("documentId", &id)], &[]).await.status(), 200);
    let untrusted = "{ limits { levels { level } } }";
    assert_eq!(error_codes(&post(&gateway_a, json!({ "query": untrusted })).await), ["DOCUMENT_NOT_TRUSTED"]);
    // Not with its own hash, and not with the id of a trusted document.
    let by_hash = json!({ "query": untrusted, "extensions": persisted(untrusted) });
    assert_eq!(error_codes(&post(&gateway_a, by_hash).await), ["DOCUMENT_NOT_TRUSTED"]);
    assert_eq!(
        error_codes(&post(&gateway_a, json!({ "query": untrusted, "documentId": id })).await),
        ["DOCUMENT_NOT_TRUSTED"]
    );
    assert_eq!(
        error_codes(&post(&gateway_a, json!({ "documentId": "other" })).await),
        ["PERSISTED_QUERY_NOT_FOUND"]
    );
    let mut socket = gateway_a.socket().await;
    socket.send(json!({ "type": "subscribe", "id": "1", "payload": { "query": untrusted } })).await;
    assert_eq!(socket.expect_error("1").await, ["DOCUMENT_NOT_TRUSTED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn audit_mode_executes_all_documents_and_get_can_require_persisted_ones() {
    let (app, _dir) = with_manifest(Some("audit"), Some("persisted")).await;
    let gateway_a = app.gateway_a();
    let untrusted = "{ limits { levels { level } } }";
    assert!(post(&gateway_a, json!({ "query": untrusted })).await["data"].is_object());
    let refused = get(&gateway_a, &[("query", untrusted)], &[]).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "allow")), (405, Some("POST")));
    let as_stream = get(&gateway_a, &[("query", untrusted)], &[("accept", "text/event-stream")]).await;
    assert_eq!(as_stream.status(), 405);
    let subscription = [("query", "subscription { gigPublished { gigId } }")];
    assert_eq!(get(&gateway_a, &subscription, &[("accept", "text/event-stream")]).await.status(), 200);
    let by_id = get(&gateway_a, &[("documentId", &sha256(CATEGORIES))], &[]).await;
    assert_eq!(
        (by_id.status().as_u16(), header(&by_id, "cache-control")),
        (200, Some("public, max-age=300"))
    );
}
