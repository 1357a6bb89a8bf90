//! GraphQL over HTTP: methods, content types, error responses, uploads, CORS, and the health endpoints.

use gigway::config::Settings;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::protections::production;
use crate::support::client::{Client, error_codes, text};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;

async fn json_of(response: Response) -> Value {
    response.json().await.expect("JSON")
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().expect("text")
}

/// Posts a body. Returns the status and the error codes.
async fn post(client: &Client, content_type: &str, body: impl Into<reqwest::Body>) -> (u16, Vec<String>) {
    let request = client.post("/graphql").header("content-type", content_type).body(body);
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), error_codes(&json_of(response).await))
}

async fn operations_are_accepted_as_json_posts_and_queries_also_by_get(app: TestApp) {
    let gateway_a = app.gateway_a();
    let query = "query Named($first: Int) { gigs(first: $first) { totalCount } }";
    let body = json!({ "query": query, "variables": { "first": 1 }, "operationName": "Named" });
    let response = gateway_a.post("/graphql").json(&body).send().await.expect("a response");
    assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(json_of(response).await, json!({ "data": { "gigs": { "totalCount": 0 } } }));
    let request = gateway_a.get("/graphql").query(&[("query", query), ("variables", r#"{"first":1}"#)]);
    let request = request.header("accept", "application/graphql-response+json");
    let response = request.send().await.expect("a response");
    assert_eq!(response.headers()["content-type"], "application/graphql-response+json; charset=utf-8");
    assert_eq!(json_of(response).await["data"]["gigs"]["totalCount"], 0);
    let two_operations =
        [("query", "query A { a: __typename } query B { b: __typename }"), ("operationName", "B")];
    let response = gateway_a.get("/graphql").query(&two_operations).send().await.expect("a response");
    assert_eq!(json_of(response).await, json!({ "data": { "b": "Query" } }));
    let mutation = [("query", "mutation { signOut { sessionsEnded } }")];
    let response = gateway_a.get("/graphql").query(&mutation).send().await.expect("a response");
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "POST"));
    let subscription = [("query", "subscription { gigPublished { gigId } }")];
    let response = gateway_a.get("/graphql").query(&subscription).send().await.expect("a response");
    assert_eq!(response.status(), 405);
}

async fn malformed_requests_are_rejected_with_an_error_code(app: TestApp) {
    let gateway_a = app.gateway_a();
    let json = "application/json";
    assert_eq!(post(&gateway_a, json, "nonsense").await, (400, vec!["BAD_REQUEST".into()]));
    assert_eq!(post(&gateway_a, json, "[]").await, (400, vec!["BAD_REQUEST".into()]));
    assert_eq!(
        post(&gateway_a, json, r#"[{"query":"{__typename}"}]"#).await,
        (400, vec!["BAD_REQUEST".into()])
    );
    assert_eq!(post(&gateway_a, "text/plain", "{}").await, (415, vec!["UNSUPPORTED_MEDIA_TYPE".into()]));
    let large = format!(r#"{{"query":"{}"}}"#, " ".repeat(1024 * 1024));
    assert_eq!(post(&gateway_a, json, large).await, (413, vec!["PAYLOAD_TOO_LARGE".into()]));
    let form = "multipart/form-data; boundary=x";
    assert_eq!(post(&gateway_a, form, "--x--").await, (400, vec!["PREFLIGHT_REQUIRED".into()]));
    let request =
        gateway_a.post("/graphql").header("accept", "text/html").json(&json!({ "query": "{ __typename }" }));
    assert_eq!(request.send().await.expect("a response").status(), 406);
    let response = gateway_a.get("/graphql").send().await.expect("a response");
    assert_eq!(
        (response.status().as_u16(), error_codes(&json_of(response).await)),
        (400, vec!["BAD_REQUEST".into()])
    );
    let response =
        gateway_a.http().request(Method::DELETE, gateway_a.url("/graphql")).send().await.expect("a response");
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET, POST"));
    assert_eq!(gateway_a.fetch("/nowhere").await.0, 404);
    // From a signed-in client: nothing is read of a form of another.
    let ann = app.member("Ann").await;
    let request = ann.client.post("/graphql").header("apollo-require-preflight", "1");
    let request = request.header("content-type", form).body("--x\r\n\r\nnonsense\r\n--x--");
    assert_eq!(request.send().await.expect("a response").status(), 400);
}

async fn every_error_has_a_code_and_no_data_if_nothing_was_executed(app: TestApp) {
    let gateway_a = app.gateway_a();
    let cases = [
        ("{", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        (
            "query($n: Int) { gigs(first: $n) { totalCount } }",
            json!({ "n": "x" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("query($id: ID!) { gig(id: $id) { id } }", json!({}), "BAD_USER_INPUT"),
        ("subscription { gigPublished { gigId } }", json!({}), "BAD_USER_INPUT"),
    ];
    for (query, variables, code) in cases {
        let response = gateway_a.execute(query, variables).await;
        assert_eq!(error_codes(&response), [code], "{query}: {response}");
        assert!(response.get("data").is_none(), "{query}: {response}");
    }
    // A nullable field that fails is null; the other fields are not affected.
    let invalid = gateway_a.with_token("nonsense");
    let response = invalid.execute("{ viewer { email } categories { slug } }", json!({})).await;
    assert_eq!(
        (error_codes(&response), &response["data"]["viewer"]),
        (vec!["UNAUTHENTICATED".into()], &Value::Null)
    );
    assert_eq!(response["data"]["categories"].as_array().map(Vec::len), Some(27));
    let response = gateway_a.execute("{ categories { id } reviewQueue { totalCount } }", json!({})).await;
    assert_eq!(
        (error_codes(&response), &response["data"]["reviewQueue"]),
        (vec!["UNAUTHENTICATED".into()], &Value::Null)
    );
    assert_eq!(response["errors"][0]["path"], json!(["reviewQueue"]));
    assert_eq!(response["data"]["categories"].as_array().map(Vec::len), Some(27));
}

async fn an_operation_with_invalid_variables_executes_nothing(app: TestApp) {
    let ann = app.member("Ann").await;
    let mutation = "mutation($i: PostGigInput!) { saveGigDraft(input: { title: \"Song\" }) { gig { id } }
        postGig(input: $i) { gig { id } } }";
    let mut form = app.gig_form("I will write a song for you").await;
    form["price"] = json!(25);
    for variables in [json!({}), json!({ "i": null }), json!({ "i": form })] {
        let response = ann.client.execute(mutation, variables.clone()).await;
        assert!(
            !error_codes(&response).is_empty() && response.get("data").is_none(),
            "{variables}: {response}"
        );
    }
    let data = ann.client.run("{ viewer { gigs { totalCount } } }", json!({})).await;
    assert_eq!(data["viewer"]["gigs"]["totalCount"], 0);
}

async fn variable_defaults_apply_to_include_and_skip(app: TestApp) {
    let gateway_a = app.gateway_a();
    let query = "query($t: Boolean = true, $f: Boolean = false) { a: eventCursor @include(if: $t)
        b: eventCursor @skip(if: $t) c: eventCursor @include(if: $f) d: eventCursor @skip(if: $f) }";
    let fields = async |variables: Value| -> Vec<String> {
        gateway_a.run(query, variables).await.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(fields(json!({})).await, ["a", "d"]);
    assert_eq!(fields(json!({ "t": false })).await, ["b", "d"]);
}

async fn exponentially_nested_fragments_are_rejected(app: TestApp) {
    let mut query = "query { ...F0 }".to_owned();
    for level in 0..40 {
        query = format!("{query} fragment F{level} on Query {{ ...F{} ...F{} }}", level + 1, level + 1);
    }
    let query = format!("{query} fragment F40 on Query {{ __typename }}");
    assert_eq!(app.gateway_a().error_codes(&query, json!({})).await, ["QUERY_TOO_COMPLEX"]);
    let mut socket = app.gateway_a().socket().await;
    socket.subscribe("1", &query, json!({})).await;
    assert_eq!(socket.expect_error("1").await, ["QUERY_TOO_COMPLEX"]);
}

async fn error_messages_reveal_no_internals(app: TestApp) {
    let gateway_a = app.gateway_a();
    let mut responses = String::new();
    for body in ["{\"query\":5}", "nonsense", "{\"query\":\"{\"}", "{\"query\":\"{ a(\",\"variables\":[]}"] {
        let request = gateway_a.post("/graphql").header("content-type", "application/json").body(body);
        responses += &request.send().await.expect("a response").text().await.expect("text");
    }
    for path in [
        "/media/%FF.jpg",
        "/media/img_01h455vb4pex5vsknk084sn02q.jpg?expires=abc&signature=x",
        "/graphql?query={a}&variables=x",
    ] {
        let (status, response) = gateway_a.fetch(path).await;
        assert!(status.is_client_error(), "{path}");
        responses += &response.text().await.expect("text");
    }
    for internal in
        ["serde", "enum", "expected", "line 1 column", "-->", "deserialize", "Utf8", "panick", "::"]
    {
        assert!(!responses.contains(internal), "{internal}: {responses}");
    }
}

async fn response_fields_keep_the_order_of_the_query(app: TestApp) {
    let query = "{ categories { name id } b: eventCursor limits { levels { points level } } a: __typename }";
    let body = json!({ "query": query });
    let response = app.gateway_a().post("/graphql").json(&body).send().await.expect("a response");
    let text = response.text().await.expect("text");
    let indices: Vec<_> =
        ["\"categories\"", "\"name\"", "\"id\"", "\"b\"", "\"limits\"", "\"points\"", "\"level\"", "\"a\""]
            .iter()
            .map(|name| text.find(name).unwrap_or_else(|| panic!("{name}: {text}")))
            .collect();
    assert!(indices.is_sorted(), "{text}");
}

async fn an_upload_placeholder_is_not_accepted_as_a_file(app: TestApp) {
    let ann = app.member("Ann").await;
    let upload = "mutation($file: Upload!) { uploadGigImage(file: $file) { image { id } errors { code } } }";
    for value in [json!("#__graphql_file__:0"), json!("#__graphql_file__:x"), json!("x"), json!(7)] {
        let codes = ann.client.error_codes(upload, json!({ "file": value })).await;
        assert!(codes == ["BAD_USER_INPUT"] || codes == ["GRAPHQL_VALIDATION_FAILED"], "{value}: {codes:?}");
    }
}

async fn multipart_parts_are_limited_and_can_come_in_any_order(app: TestApp) {
    let ann = app.member("Ann").await;
    let operations =
        json!({ "variables": { "a": null, "b": null }, "query": "mutation($a: Upload!, $b: Upload!) {
        a: uploadGigImage(file: $a) { image { width } errors { code } }
        b: uploadGigImage(file: $b) { image { width } errors { code } } }" })
        .to_string();
    let part = |file: Vec<u8>| Part::bytes(file).file_name("x.png");
    let send = async |form: Form| {
        let request = ann.client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
        let response = request.send().await.expect("a response");
        (response.status().as_u16(), json_of(response).await)
    };
    let map = json!({ "0": ["variables.a", "variables.b"] }).to_string();
    // One file for two variables; the file comes before the map.
    let form = Form::new()
        .part("0", part(small_png()))
        .text("operations", operations.clone())
        .text("map", map.clone());
    let (status, body) = send(form).await;
    assert_eq!((status, &body["data"]["b"]["image"]["width"]), (200, &json!(64)), "{body}");
    let cases = [
        (Form::new().text("map", map.clone()).part("0", part(small_png())), 400),
        (Form::new().text("operations", operations.clone()).part("0", part(small_png())), 400),
        (Form::new().text("operations", operations.clone()).text("map", map.clone()), 400),
        (Form::new().text("operations", operations.clone()).text("map", "[]"), 400),
        (Form::new().text("operations", "[]").text("map", "{}"), 400),
        (Form::new().text("operations", " ".repeat(1024 * 1024 + 1)).text("map", "{}"), 413),
        (
            Form::new()
                .text("operations", operations.clone())
                .text("map", json!({ "0": vec!["variables.a"; 6] }).to_string()),
            413,
        ),
        (
            (0..6).fold(Form::new().text("operations", operations.clone()), |form, n| {
                form.part(n.to_string(), part(small_png()))
            }),
            413,
        ),
    ];
    for (number, (form, expected)) in cases.into_iter().enumerate() {
        let (status, body) = send(form).await;
        assert_eq!(status, expected, "case {number}: {body}");
        assert_eq!(error_codes(&body).len(), 1, "case {number}: {body}");
    }
}

async fn every_response_has_a_request_id(app: TestApp) {
    let gateway_a = app.gateway_a();
    let request_id = async |header_value: Option<&str>| {
        let mut request = gateway_a.get("/livez");
        if let Some(value) = header_value {
            request = request.header("x-request-id", value);
        }
        let response = request.send().await.expect("a response");
        header(&response, "x-request-id").to_owned()
    };
    assert_eq!(request_id(Some("abc-123_x.y")).await, "abc-123_x.y");
    for invalid in ["", "two words", &"x".repeat(65)] {
        assert_eq!(request_id(Some(invalid)).await.len(), 32, "{invalid:?}");
    }
    assert_ne!(request_id(None).await, request_id(None).await);
}

async fn only_allowed_origins_pass_cors(app: TestApp) {
    let gateway_a = app.gateway_a();
    let allowed_origin = async |origin: &str| {
        let request = gateway_a.http().request(Method::OPTIONS, gateway_a.url("/graphql"));
        let request = request.header("origin", origin).header("access-control-request-method", "POST");
        let request = request.header("access-control-request-headers", "authorization,content-type");
        let response = request.send().await.expect("a response");
        response
            .headers()
            .get("access-control-allow-origin")
            .map(|value| value.to_str().expect("text").to_owned())
    };
    assert_eq!(allowed_origin("http://localhost:5173").await.as_deref(), Some("http://localhost:5173"));
    assert_eq!(allowed_origin("https://evil.example.com").await, None);
}

async fn health_endpoints_report_the_dependencies(app: TestApp) {
    let gateway_a = app.gateway_a();
    assert_eq!(gateway_a.fetch("/livez").await.0, 200);
    let (status, response) = gateway_a.fetch("/readyz").await;
    let report = json_of(response).await;
    assert_eq!((status.as_u16(), &report["status"]), (200, &json!("ready")), "{report}");
    let names: Vec<_> =
        report["dependencies"].as_array().expect("a list").iter().map(|d| text(&d["name"])).collect();
    assert!(names.starts_with(&["database".into(), "blobs".into()]), "{names:?}");
}

async fn the_limits_query_returns_what_a_form_needs(app: TestApp) {
    let limits = app.gateway_a().run("{ limits {
        gig { titleMinChars titleMaxChars descriptionMaxChars imagesMax imageMaxBytes imageUploadMaxBytes linksMax
              tagsMax deliveryDaysMax revisionsMax maximumPrice { amount } unarchivedMax }
        verification { documentMaxBytes attemptsMax reviewDays requiredFromLevel minimumAge }
        levels { level points } } categories { name slug minimumPrice { amount } } }", json!({})).await;
    let gig = &limits["limits"]["gig"];
    assert_eq!((&gig["titleMaxChars"], &gig["descriptionMaxChars"]), (&json!(120), &json!(2048)));
    assert_eq!((&gig["imagesMax"], &gig["imageUploadMaxBytes"]), (&json!(5), &json!(3_145_728)));
    assert_eq!(gig["maximumPrice"]["amount"], "10000.00");
    assert_eq!(limits["limits"]["verification"]["requiredFromLevel"], 5);
    assert_eq!(limits["limits"]["levels"][5], json!({ "level": 5, "points": 11180 }));
    assert_eq!(limits["categories"].as_array().map(Vec::len), Some(27));
    assert_eq!(limits["categories"][9]["minimumPrice"]["amount"], "1.00");
}

on_both_back_ends!(
    operations_are_accepted_as_json_posts_and_queries_also_by_get,
    malformed_requests_are_rejected_with_an_error_code,
    every_error_has_a_code_and_no_data_if_nothing_was_executed,
    an_operation_with_invalid_variables_executes_nothing,
    variable_defaults_apply_to_include_and_skip,
    exponentially_nested_fragments_are_rejected,
    error_messages_reveal_no_internals,
    response_fields_keep_the_order_of_the_query,
    an_upload_placeholder_is_not_accepted_as_a_file,
    multipart_parts_are_limited_and_can_come_in_any_order,
    every_response_has_a_request_id,
    only_allowed_origins_pass_cors,
    health_endpoints_report_the_dependencies,
    the_limits_query_returns_what_a_form_needs,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn production_serves_no_graphiql_and_rejects_local_origins() {
    let settings = Settings { allowed_origins: Some("https://app.example.com".into()), ..production() };
    let app = TestApp::start(settings, 1).await;
    assert_eq!(app.gateway_a().fetch("/graphiql").await.0, 404);
    let request = app.gateway_a().get("/livez").header("origin", "http://localhost:3000");
    assert!(!request.send().await.expect("a response").headers().contains_key("access-control-allow-origin"));
    let request = app.gateway_a().get("/livez").header("origin", "https://app.example.com");
    assert!(request.send().await.expect("a response").headers().contains_key("access-control-allow-origin"));
    let ann = app.member("Ann").await;
    let url = text(&ann.client.upload(small_png()).await["image"]["url"]);
    assert!(url.starts_with("https://api.example.com/media/img_"), "{url}");
    let development = TestApp::on_sqlite().await;
    let (status, response) = development.gateway_a().fetch("/graphiql").await;
    assert_eq!(status, 200);
    assert!(response.text().await.expect("a page").contains("/graphql"));
}
