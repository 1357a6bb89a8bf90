//! Requests that are not what they should be: compressed bodies, JSON that does not parse, fields of the wrong
//! type, and the harmless deviations that are accepted.

use gigway::config::Settings;
use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes, text};
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

const VALID: &str = "{\n  \"query\": \"query A($n: Int) { gigs(first: $n) { totalCount } }\",\n  \"operationName\": \"A\",\n  \
     \"variables\": { \"n\": 1, \"x\": [true, null, \"\\u00e9\"] },\n  \"extensions\": {}\n}";

/// Sends a request. Returns the status and the body.
async fn send(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

fn post_json(client: &Client, body: impl Into<reqwest::Body>) -> RequestBuilder {
    client.post("/graphql").header("content-type", "application/json").body(body)
}

fn multipart(client: &Client, operations: &str, map: &str) -> RequestBuilder {
    let form = Form::new().text("operations", operations.to_owned()).text("map", map.to_owned());
    client.post("/graphql").header("apollo-require-preflight", "1").multipart(form)
}

/// The message of a response with status 400 and the code BAD_REQUEST.
#[track_caller]
fn bad_request((status, body): (u16, Value), what: &str) -> String {
    assert_eq!((status, error_codes(&body)), (400, vec!["BAD_REQUEST".to_owned()]), "{what}: {body}");
    text(&body["errors"][0]["message"])
}

fn has_place(message: &str) -> bool {
    let number_after = |word: &str| {
        let rest = message.split(word).nth(1)?;
        rest.chars().next().filter(char::is_ascii_digit)
    };
    number_after("line ").is_some() && number_after("column ").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_bodies_are_refused_with_the_encoding_that_is_accepted() {
    let app = TestApp::on_sqlite().await;
    let gateway_a = app.gateway_a();
    for encoding in ["gzip", "br", "deflate", "zstd", "GZIP", "identity, gzip", "gzip, identity", "x-unknown"]
    {
        let request = post_json(&gateway_a, VALID).header("content-encoding", encoding);
        let response = request.send().await.expect("a response");
        assert_eq!(response.status(), 415, "{encoding}");
        assert_eq!(response.headers()["accept-encoding"], "identity", "{encoding}");
        let body = response.json().await.expect("JSON");
        assert_eq!(error_codes(&body), ["UNSUPPORTED_MEDIA_TYPE"], "{encoding}");
        let form = multipart(&gateway_a, VALID, "{}").header("content-encoding", encoding);
        assert_eq!(send(form).await.0, 415, "{encoding}");
    }
    for encoding in ["identity", "Identity", "", "identity, identity"] {
        let (status, body) = send(post_json(&gateway_a, VALID).header("content-encoding", encoding)).await;
        assert_eq!((status, &body["data"]["gigs"]["totalCount"]), (200, &json!(0)), "{encoding}");
    }
}

/// Small changes of a valid body: it is cut at any byte, a byte is replaced, or bytes are inserted.
fn changed_bodies() -> Vec<Vec<u8>> {
    let valid = VALID.as_bytes();
    let cut = (0..valid.len()).map(|end| valid[..end].to_vec());
    let inserted: [&[u8]; 9] =
        [b"\"", b"{", b"]", b",", b"\\ud800", b"\xff", b"\0", b"1e999", b"\xed\xa0\x80"];
    let insertions = inserted.iter().enumerate().flat_map(|(number, bytes)| {
        (number..=valid.len()).step_by(11).map(move |at| [&valid[..at], bytes, &valid[at..]].concat())
    });
    let replaced = (0..valid.len()).map(|at| {
        let mut body = valid.to_vec();
        body[at] = b"\"{}[],:\\\x07\xc3n0"[at * 7 % 12];
        body
    });
    cut.chain(insertions).chain(replaced).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_does_not_parse_is_reported_with_its_line_and_column() {
    let app = TestApp::start(
        Settings { operation_limits: Some(r#"{"batch":5}"#.into()), ..Settings::default() },
        1,
    );
    let app = app.await;
    let gateway_a = app.gateway_a();
    let mut malformed = 0;
    for body in changed_bodies() {
        let what = String::from_utf8_lossy(&body).into_owned();
        let batch = [b"[{\"query\":\"{ __typename }\"},\n", body.as_slice(), b"]"].concat();
        for body in [body, batch] {
            let is_json = serde_json::from_slice::<Value>(&body).is_ok();
            let answer = send(post_json(&gateway_a, body)).await;
            assert!(answer.0 == 200 || answer.0 == 400, "{what}: {}", answer.1);
            if !is_json {
                malformed += 1;
                let message = bad_request(answer, &what);
                assert!(has_place(&message), "{what}: {message}");
                for internal in ["serde", "expected", "EOF", "invalid type", "escape"] {
                    assert!(!message.contains(internal), "{what}: {message}");
                }
            }
        }
    }
    assert!(malformed > 300, "{malformed}");
    // Line and column are those of the whole body.
    let answer = send(post_json(&gateway_a, "[{\"query\":\"{ a }\"},\n {\"query\":\"\\ud800\"}]")).await;
    assert_eq!(bad_request(answer, "a batch"), "Invalid JSON at line 2, column 18.");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_the_wrong_type_is_named_on_every_transport() {
    let settings = Settings { operation_limits: Some(r#"{"batch":5}"#.into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let gateway_a = app.gateway_a();
    // Only signed-in clients may send a form.
    let ann = app.member("Ann").await;
    let fields = [
        ("query", "a string", json!([1, true, {}, []])),
        ("operationName", "a string", json!([1, false, {}, ["A"]])),
        ("documentId", "a string", json!([1, true, {}, []])),
        ("variables", "an object", json!(["{}", 1, true, [], [1]])),
        ("extensions", "an object", json!(["{}", 1, true, []])),
    ];
    for (name, expected, values) in fields {
        for value in values.as_array().expect("a list") {
            let mut request = json!({ "query": "{ __typename }" });
            request[name] = value.clone();
            let request = request.to_string();
            let reason = format!("`{name}` must be {expected}.");
            assert_eq!(bad_request(send(post_json(&gateway_a, request.clone())).await, &request), reason);
            let batch = format!(r#"[{{"query":"{{ __typename }}"}},{request}]"#);
            let message = bad_request(send(post_json(&gateway_a, batch)).await, &request);
            assert_eq!(message, format!("Operation 1 of the list: {reason}"));
            let message = bad_request(send(multipart(&ann.client, &request, "{}")).await, &request);
            assert_eq!(message, format!("The part `operations`: {reason}"));
            let mut socket = Socket::open(gateway_a.address, None).await;
            socket.send(json!({ "type": "subscribe", "id": "1", "payload": serde_json::from_str::<Value>(&request).unwrap() })).await;
            let (code, close_reason) = socket.expect_close().await;
            assert_eq!(
                (code, close_reason.trim_start_matches("Invalid message: ")),
                (4400, format!("`payload`: {}", reason.trim_end_matches('.')).as_str())
            );
        }
    }
    for (parameters, message) in [
        (vec![("query", "{a}"), ("variables", "[]")], "`variables` must be an object."),
        (vec![("query", "{a}"), ("variables", "{\n?}")], "`variables`: Invalid JSON at line 2, column 1."),
        (vec![("query", "{a}"), ("extensions", "7")], "`extensions` must be an object."),
        (vec![("query", "{a}"), ("query", "{b}")], "`query` is given more than once."),
    ] {
        let answer = send(gateway_a.get("/graphql").query(&parameters)).await;
        assert_eq!(bad_request(answer, message), message);
    }
    for (map, message) in [
        ("{", "The part `map`: The JSON is incomplete: it ends at line 1, column 1."),
        ("[]", "Not a GraphQL multipart request: the part `map` must be a JSON object of lists of paths."),
        (
            r#"{"0":"variables.a"}"#,
            "Not a GraphQL multipart request: the part `map` must be a JSON object of lists of paths.",
        ),
    ] {
        assert_eq!(bad_request(send(multipart(&ann.client, VALID, map)).await, map), message);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_operation_name_means_none_and_a_byte_order_mark_is_skipped() {
    let app = TestApp::on_sqlite().await;
    let gateway_a = app.gateway_a();
    // Only signed-in clients may send a form.
    let ann = app.member("Ann").await;
    let request = json!({ "query": "query A { __typename }", "operationName": "" });
    let expected = (200, json!({ "data": { "__typename": "Query" } }));
    let marked = format!("\u{feff}{request}");
    assert_eq!(send(post_json(&gateway_a, request.to_string())).await, expected);
    assert_eq!(send(post_json(&gateway_a, marked.clone())).await, expected);
    assert_eq!(send(multipart(&ann.client, &marked, "\u{feff}{}")).await, expected);
    let parameters =
        [("query", "query A { __typename }"), ("operationName", ""), ("variables", "\u{feff}{}")];
    assert_eq!(send(gateway_a.get("/graphql").query(&parameters)).await, expected);
    let mut socket = gateway_a.socket().await;
    socket.send(json!({ "type": "subscribe", "id": "1", "payload": request })).await;
    assert_eq!(socket.receive_for("1").await["payload"], expected.1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_may_send_the_headers_that_clients_add_by_themselves() {
    let settings =
        Settings { allowed_headers: Some("X-Client-Build, x-b3-traceid".into()), ..Settings::default() };
    let configured = TestApp::start(settings, 1).await;
    let default = TestApp::on_sqlite().await;
    let is_allowed = async |app: &TestApp, name: &str| {
        let gateway_a = app.gateway_a();
        let request = gateway_a.http().request(Method::OPTIONS, gateway_a.url("/graphql"));
        let request =
            request.header("origin", "http://localhost:5173").header("access-control-request-method", "POST");
        let response =
            request.header("access-control-request-headers", name).send().await.expect("a response");
        let allowed = response.headers()["access-control-allow-headers"].to_str().expect("text").to_owned();
        allowed.split(',').any(|allowed| allowed.trim().eq_ignore_ascii_case(name))
    };
    for name in [
        "authorization",
        "content-type",
        "idempotency-key",
        "apollo-require-preflight",
        "apollographql-client-name",
        "apollographql-client-version",
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
        "x-datadog-trace-id",
        "x-datadog-parent-id",
        "x-datadog-origin",
        "x-datadog-sampling-priority",
        "x-datadog-tags",
    ] {
        assert!(is_allowed(&default, name).await && is_allowed(&configured, name).await, "{name}");
    }
    for name in ["x-client-build", "x-b3-traceid"] {
        assert!(is_allowed(&configured, name).await && !is_allowed(&default, name).await, "{name}");
    }
    assert!(!is_allowed(&configured, "x-other").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bytes_in_front_of_the_data_of_a_part_are_limited() {
    let app = TestApp::on_sqlite().await;
    let ann = app.member("Ann").await;
    let send = async |body: String| {
        let request = ann.client.post("/graphql").header("apollo-require-preflight", "1");
        let request = request.header("content-type", "multipart/form-data; boundary=b").body(body);
        send(request).await
    };
    let part = |name: &str, headers: &str, data: &str| {
        format!("--b\r\n{headers}content-disposition: form-data; name=\"{name}\"\r\n\r\n{data}\r\n")
    };
    let form = |preamble: &str, headers: &str| {
        let operations = part("operations", headers, VALID);
        // The data of a part is not limited in this way, even if it arrives together with the headers.
        let file = part("0", headers, &"x".repeat(200_000));
        format!("{preamble}{operations}{}{file}--b--\r\n", part("map", headers, "{}"))
    };
    for (preamble, headers) in
        [("", ""), ("p\r\n", "a: b\r\n"), ("", &*format!("a: {}\r\n", "b".repeat(8_000)))]
    {
        let (status, body) = send(form(preamble, headers)).await;
        assert_eq!((status, &body["data"]["gigs"]["totalCount"]), (200, &json!(0)), "{body}");
    }
    let message = "Not a GraphQL multipart request: the headers of a part may have at most 16384 bytes.";
    let large = "x".repeat(300_000);
    for (preamble, headers) in [(&*large, ""), ("", &*format!("a: {large}\r\n")), ("", &*large)] {
        assert_eq!(bad_request(send(form(preamble, headers)).await, "large headers"), message);
    }
}
