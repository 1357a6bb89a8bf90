//! Compression: which responses are compressed, with which encoding, and how caches tell the forms apart.

use std::io::Read;

use gigway::config::Settings;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::response_cache::metric;
use crate::support::client::Client;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

/// A public query whose response has more than a kilobyte: there are 27 categories.
const PAGE: &str = "{ categories { id name slug minimumPrice { amount currencyCode } } }";

const ENCODINGS: [&str; 3] = ["br", "zstd", "gzip"];

fn decode(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match encoding {
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut decoded).map(drop),
        "zstd" => zstd::stream::copy_decode(body, &mut decoded),
        "gzip" => flate2::read::GzDecoder::new(body).read_to_end(&mut decoded).map(drop),
        other => panic!("an unknown encoding: {other}"),
    }
    .expect("a valid body");
    decoded
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

fn vary(response: &Response) -> String {
    let lines = response.headers().get_all("vary").iter();
    lines.map(|line| line.to_str().expect("text").to_lowercase()).collect::<Vec<_>>().join(", ")
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("a response")
}

fn get(client: &Client, method: Method, accept_encoding: &str) -> RequestBuilder {
    let request = client.http().request(method, client.url("/graphql")).query(&[("query", PAGE)]);
    request.header("accept-encoding", accept_encoding)
}

fn post(client: &Client, body: &Value, accept_encoding: &str) -> RequestBuilder {
    client.post("/graphql").json(body).header("accept-encoding", accept_encoding)
}

async fn public_responses_are_compressed_as_the_client_accepts_it(app: TestApp) {
    let client = app.gateway_a();
    let plain = send(get(&client, Method::GET, "identity")).await;
    assert_eq!(header(&plain, "content-encoding"), None);
    assert!(vary(&plain).contains("accept-encoding"), "{}", vary(&plain));
    let plain_tag = header(&plain, "etag").expect("a tag").to_owned();
    let plain = plain.bytes().await.expect("a body");
    let mut tags = vec![plain_tag.clone()];
    for encoding in ENCODINGS {
        let response = send(get(&client, Method::GET, encoding)).await;
        assert_eq!(header(&response, "content-encoding"), Some(encoding));
        assert_eq!(header(&response, "cache-control"), Some("public, max-age=300"));
        let vary = vary(&response);
        for name in ["authorization", "accept,", "accept-encoding"] {
            assert!(format!("{vary},").contains(name), "{vary}");
        }
        let tag = header(&response, "etag").expect("a tag").to_owned();
        let length: usize = header(&response, "content-length").expect("a length").parse().expect("a number");
        let body = response.bytes().await.expect("a body");
        assert_eq!(body.len(), length);
        assert!(body.len() * 2 < plain.len(), "{encoding}: {} of {}", body.len(), plain.len());
        assert_eq!(decode(encoding, &body), plain, "{encoding}");

        let head = send(get(&client, Method::HEAD, encoding)).await;
        assert_eq!(header(&head, "content-encoding"), Some(encoding));
        assert_eq!(header(&head, "content-length"), Some(length.to_string().as_str()));

        // A client has this form of the response, and not the others.
        let revalidated = send(get(&client, Method::GET, encoding).header("if-none-match", &tag)).await;
        assert_eq!((revalidated.status().as_u16(), header(&revalidated, "etag")), (304, Some(tag.as_str())));
        assert_eq!(header(&revalidated, "content-encoding"), None);
        let other = send(get(&client, Method::GET, encoding).header("if-none-match", &plain_tag)).await;
        assert_eq!(other.status(), 200);
        tags.push(tag);

        // POST gets the same body.
        let response = send(post(&client, &json!({ "query": PAGE }), encoding)).await;
        assert_eq!(header(&response, "content-encoding"), Some(encoding));
        assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
        assert_eq!(decode(encoding, &response.bytes().await.expect("a body")), plain);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
    let browser = send(get(&client, Method::GET, "gzip, deflate, br, zstd")).await;
    assert_eq!(header(&browser, "content-encoding"), Some("br"));
}

/// The requests that are not compressed, with or without a cache.
async fn expect_only_public_responses_compressed(app: &TestApp) {
    let (client, ann) = (app.gateway_a(), app.member("Ann").await);
    let long = "x".repeat(2000);
    let sign_in = "mutation($input: SignInInput!) { signIn(input: $input) \
                   { session { accessToken refreshToken } errors { message } } }";
    let input = json!({ "email": ann.email, "password": PASSWORD });
    let small = json!({ "query": "{ limits { levels { level } } }" });
    let requests = [
        ("a signed-in viewer", post(&ann.client, &json!({ "query": PAGE }), "br, zstd, gzip")),
        ("a mutation", post(&client, &json!({ "query": sign_in, "variables": { "input": input } }), "br")),
        ("not cacheable", post(&client, &json!({ "query": format!("{{ eventCursor {}", &PAGE[1..]) }), "br")),
        (
            "the viewer",
            post(&ann.client, &json!({ "query": format!("{{ viewer {{ email }} {}", &PAGE[1..]) }), "gzip"),
        ),
        (
            "introspection",
            post(&client, &json!({ "query": "{ __schema { types { name description } } }" }), "gzip"),
        ),
        ("an invalid query", post(&client, &json!({ "query": format!("{{ {long} }}") }), "gzip")),
        ("a small response", post(&client, &small, "br")),
        ("a batch", post(&client, &json!([{ "query": PAGE }, { "query": PAGE }]), "br")),
        ("a stream", post(&client, &json!({ "query": PAGE }), "br").header("accept", "text/event-stream")),
    ];
    for (name, request) in requests {
        let response = send(request).await;
        assert_eq!(header(&response, "content-encoding"), None, "{name}");
        let text = response.text().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let is_refused = ["an invalid query", "a batch"].contains(&name);
        assert_eq!(text.contains("\"data\":{"), !is_refused, "{name}: {text}");
    }
}

async fn only_public_responses_are_compressed(app: TestApp) {
    expect_only_public_responses_compressed(&app).await;
}

on_both_back_ends! {
    public_responses_are_compressed_as_the_client_accepts_it,
    only_public_responses_are_compressed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_cache_the_same_responses_are_compressed() {
    let settings = Settings { cache_bytes: Some("0".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let client = app.gateway_a();
    let plain = send(get(&client, Method::GET, "identity")).await.bytes().await.expect("a body");
    let page = json!({ "query": PAGE });
    for encoding in ENCODINGS {
        // With a key, too, which a query ignores.
        let with_key = post(&client, &page, encoding).header("idempotency-key", "a key");
        for request in [post(&client, &page, encoding), with_key] {
            let response = send(request).await;
            assert_eq!(header(&response, "content-encoding"), Some(encoding));
            assert_eq!(header(&response, "cache-control"), Some("private, no-store"));
            assert_eq!(header(&response, "etag"), None);
            assert!(vary(&response).contains("accept-encoding"), "{}", vary(&response));
            assert_eq!(decode(encoding, &response.bytes().await.expect("a body")), plain);
        }
        let got = send(get(&client, Method::GET, encoding)).await;
        assert_eq!(header(&got, "content-encoding"), Some(encoding));
        assert_eq!(header(&got, "cache-control"), Some("public, max-age=300"));
        assert_eq!(decode(encoding, &got.bytes().await.expect("a body")), plain);
    }
    let response = send(post(&client, &page, "identity")).await;
    assert_eq!(header(&response, "content-encoding"), None);
    assert_eq!(response.bytes().await.expect("a body"), plain);
    expect_only_public_responses_compressed(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_responses_count_for_the_size_of_the_cache() {
    let settings = Settings { cache_bytes: Some("100000".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let client = app.gateway_a();
    let query =
        |number: usize| json!({ "query": PAGE.replace("categories", &format!("a{number}: categories")) });
    send(post(&client, &query(0), "identity")).await;
    let plain = cache_bytes(&client).await;
    let mut compressed = 0;
    for encoding in ENCODINGS {
        let body = send(post(&client, &query(0), encoding)).await.bytes().await.expect("a body");
        compressed += body.len();
    }
    assert_eq!(cache_bytes(&client).await, plain + compressed);
    for number in 0..100 {
        for encoding in ENCODINGS {
            let response = send(post(&client, &query(number), encoding)).await;
            assert_eq!(header(&response, "content-encoding"), Some(encoding));
        }
    }
    let bytes = cache_bytes(&client).await;
    assert!((50_000..=100_000).contains(&bytes), "{bytes}");
}

async fn cache_bytes(client: &Client) -> usize {
    metric(client, "gigway_answer_cache_size_bytes ").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_clients_get_the_same_compressed_response() {
    for cache_bytes in ["0", "1000000"] {
        let settings = Settings { cache_bytes: Some(cache_bytes.into()), ..Settings::default() };
        let app = TestApp::start(settings, 1).await;
        let client = app.gateway_a();
        let plain = send(get(&client, Method::GET, "identity")).await.bytes().await.expect("a body");
        let mut clients = JoinSet::new();
        for number in 0..30 {
            let (client, encoding) = (client.clone(), ENCODINGS[number % ENCODINGS.len()]);
            clients.spawn(async move {
                let response = send(get(&client, Method::GET, encoding)).await;
                assert_eq!(header(&response, "content-encoding"), Some(encoding));
                decode(encoding, &response.bytes().await.expect("a body"))
            });
        }
        for body in clients.join_all().await {
            assert_eq!(body, plain);
        }
    }
}
