//! The forms in which clients send credentials, over HTTP, streams and WebSockets.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::documents::{GIG_PUBLISHED, GIG_STATUS_CHANGED, SAVE_DRAFT, SIGN_OUT};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

const VIEWER: &str = "{ viewer { email } }";

/// What client libraries send while nobody is signed in.
const EMPTY: [&str; 5] = ["", " ", "Bearer", "Bearer ", "bearer  "];

const INVALID: [&str; 4] = ["nonsense", "Basic YTpi", "Bearer nonsense", "Bearer null"];

const MULTIPART: &str = "multipart/mixed;subscriptionSpec=1.0";

async fn query_over_http(client: &Client, authorization: &str) -> Value {
    let body = json!({ "query": VIEWER });
    let request = client.post("/graphql").header("authorization", authorization).json(&body);
    request.send().await.expect("a response").json().await.expect("JSON")
}

async fn query_by_get(client: &Client, authorization: &str) -> Value {
    let request = client.get("/graphql").header("authorization", authorization).query(&[("query", VIEWER)]);
    request.send().await.expect("a response").json().await.expect("JSON")
}

async fn stream_status(client: &Client, authorization: &str, accept: &str) -> StatusCode {
    let body = json!({ "query": GIG_PUBLISHED });
    let request = client.post("/graphql").header("authorization", authorization).header("accept", accept);
    request.json(&body).send().await.expect("a response").status()
}

/// Sends `connection_init` with this payload, and an `Authorization` header in the upgrade request. Returns the
/// viewer's e-mail address, or the close code.
async fn viewer_over_websocket(
    client: &Client,
    header: Option<&str>,
    payload: Option<Value>,
) -> Result<Value, u16> {
    let headers: Vec<_> = header.map(|value| ("authorization", value)).into_iter().collect();
    let subprotocol = Some("graphql-transport-ws");
    let mut socket = Socket::connect(client.address, subprotocol, &headers).await.expect("a socket");
    socket.send(json!({ "type": "connection_init", "payload": payload })).await;
    let ack = socket.receive_or_close().await?;
    assert_eq!(ack["type"], "connection_ack", "{ack}");
    socket.subscribe("q", VIEWER, json!({})).await;
    let mut message = socket.receive_for("q").await;
    assert!(message["payload"].get("errors").is_none(), "{message}");
    Ok(message["payload"]["data"]["viewer"]["email"].take())
}

async fn empty_credentials_mean_anonymous_and_invalid_ones_are_reported_over_http(app: TestApp) {
    let client = app.gateway_a();
    let anonymous = json!({ "data": { "viewer": null } });
    for empty in EMPTY {
        assert_eq!(query_over_http(&client, empty).await, anonymous, "{empty:?}");
        assert_eq!(query_by_get(&client, empty).await, anonymous, "{empty:?}");
        for accept in ["text/event-stream", MULTIPART] {
            assert_eq!(stream_status(&client, empty, accept).await, StatusCode::OK, "{empty:?} {accept}");
        }
    }
    for invalid in INVALID {
        for body in [query_over_http(&client, invalid).await, query_by_get(&client, invalid).await] {
            assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{invalid:?}: {body}");
        }
        for accept in ["text/event-stream", MULTIPART] {
            let status = stream_status(&client, invalid, accept).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{invalid:?} {accept}");
        }
    }
    let ann = app.member("Ann").await;
    let token = ann.client.token().expect("a token");
    for valid in [format!("Bearer {token}"), format!("bearer  {token} "), format!("BEARER {token}")] {
        let body = query_over_http(&client, &valid).await;
        assert_eq!(body["data"]["viewer"]["email"], json!(ann.email), "{body}");
    }
}

async fn a_socket_takes_credentials_from_the_payload_or_else_from_the_upgrade_request(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let client = app.gateway_b();
    let bearer = |user: &Client| format!("Bearer {}", user.token().expect("a token"));
    let (by_ann, by_bob) = (bearer(&ann.client), bearer(&bob.client));
    let (is_ann, is_bob) = (Ok(json!(ann.email)), Ok(json!(bob.email)));

    let mut cases = vec![
        (None, None, Ok(Value::Null)),
        (None, Some(json!({ "authorization": null })), Ok(Value::Null)),
        (None, Some(json!({ "headers": { "Authorization": null } })), Ok(Value::Null)),
        (None, Some(json!({ "headers": null })), Ok(Value::Null)),
        (None, Some(json!({ "authorization": by_ann })), is_ann.clone()),
        (None, Some(json!({ "Authorization": by_ann })), is_ann.clone()),
        (None, Some(json!({ "headers": { "Authorization": by_ann } })), is_ann.clone()),
        (None, Some(json!({ "headers": { "authorization": by_ann } })), is_ann.clone()),
        (None, Some(json!({ "authorization": "", "headers": { "AUTHORIZATION": by_ann } })), is_ann.clone()),
        (Some(by_ann.as_str()), None, is_ann.clone()),
        (Some(by_ann.as_str()), Some(json!({ "authorization": "" })), is_ann.clone()),
        // The payload goes first, then its headers, then the upgrade request.
        (Some(by_ann.as_str()), Some(json!({ "authorization": by_bob })), is_bob.clone()),
        (Some(by_ann.as_str()), Some(json!({ "headers": { "authorization": by_bob } })), is_bob.clone()),
        (
            None,
            Some(json!({ "authorization": by_bob, "headers": { "authorization": by_ann } })),
            is_bob.clone(),
        ),
        (Some("nonsense"), Some(json!({ "authorization": by_bob })), is_bob),
        (Some(by_ann.as_str()), Some(json!({ "authorization": "nonsense" })), Err(4403)),
        (Some(by_ann.as_str()), Some(json!({ "headers": { "authorization": 7 } })), Err(4403)),
    ];
    for empty in EMPTY {
        cases.push((None, Some(json!({ "authorization": empty })), Ok(Value::Null)));
        cases.push((None, Some(json!({ "headers": { "authorization": empty } })), Ok(Value::Null)));
        cases.push((Some(empty), None, Ok(Value::Null)));
    }
    for invalid in INVALID {
        cases.push((None, Some(json!({ "authorization": invalid })), Err(4403)));
        cases.push((None, Some(json!({ "headers": { "Authorization": invalid } })), Err(4403)));
        cases.push((Some(invalid), None, Err(4403)));
    }
    for (header, payload, expected) in cases {
        let result = viewer_over_websocket(&client, header, payload.clone()).await;
        assert_eq!(result, expected, "{header:?} {payload:?}");
    }
}

async fn a_ping_renews_credentials_in_both_forms_and_empty_ones_change_nothing(app: TestApp) {
    let ann = app.member("Ann").await;
    let fresh = format!("Bearer {}", app.sign_in(&ann.email).await.client.token().expect("a token"));
    let mut socket = ann.client.socket().await;
    for empty in [json!({ "authorization": "" }), json!({ "headers": { "Authorization": "Bearer " } })] {
        socket.send(json!({ "type": "ping", "payload": empty })).await;
        assert_eq!(socket.receive().await, json!({ "type": "pong" }), "{empty}");
    }
    for payload in [json!({ "authorization": fresh }), json!({ "headers": { "Authorization": fresh } })] {
        socket.send(json!({ "type": "ping", "payload": payload })).await;
        let pong = socket.receive().await;
        assert!(pong["payload"]["accessTokenExpiresAt"].is_string(), "{pong}");
        assert!(!pong.to_string().contains("Bearer"), "credentials must not be echoed");
    }
    socket.subscribe("mine", GIG_STATUS_CHANGED, json!({})).await;
    socket.subscribe("q", VIEWER, json!({})).await;
    assert_eq!(socket.receive_for("q").await["payload"]["data"]["viewer"]["email"], json!(ann.email));
    socket.send(json!({ "type": "ping", "payload": { "headers": { "authorization": "nonsense" } } })).await;
    assert_eq!(socket.expect_close().await.0, 4403);
}

async fn an_ended_session_is_told_apart_from_an_expired_token(app: TestApp) {
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let expired = app.gateway_a().with_token("not a token");
    ann.client.mutate(SIGN_OUT, json!({ "everywhere": false })).await;
    let draft = json!({ "query": SAVE_DRAFT, "variables": { "input": { "title": "A song" } } });
    for (client, expected) in [
        (&ann.client, json!({ "code": "UNAUTHENTICATED", "reason": "SESSION_ENDED" })),
        (&expired, json!({ "code": "UNAUTHENTICATED" })),
    ] {
        let requests = [
            client.post("/graphql").json(&json!({ "query": VIEWER })),
            client.get("/graphql").query(&[("query", VIEWER)]),
            client.post("/graphql").json(&draft),
            client.post("/graphql").header("idempotency-key", "draft").json(&draft),
            client.upload_request(small_png()),
        ];
        for request in requests {
            let response: Value = request.send().await.expect("a response").json().await.expect("JSON");
            assert_eq!(response["errors"][0]["extensions"], expected, "{response}");
        }
    }
    bob.client.run(VIEWER, json!({})).await;
}

on_both_back_ends!(
    an_ended_session_is_told_apart_from_an_expired_token,
    empty_credentials_mean_anonymous_and_invalid_ones_are_reported_over_http,
    a_socket_takes_credentials_from_the_payload_or_else_from_the_upgrade_request,
    a_ping_renews_credentials_in_both_forms_and_empty_ones_change_nothing,
);
