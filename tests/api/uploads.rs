//! Uploads according to the GraphQL multipart request specification.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream;
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

const UPLOAD: &str =
    "mutation($file: Upload!) { uploadGigImage(file: $file) { image { id } errors { code } } }";
const UPLOAD_TWO: &str =
    "mutation($a: Upload!, $b: Upload!) { a: uploadGigImage(file: $a) { image { id } errors { code } }
    b: uploadGigImage(file: $b) { image { id } errors { code } } }";

fn file() -> Part {
    Part::bytes(small_png()).file_name("image.png")
}

fn operations(query: &str, variables: &Value) -> String {
    json!({ "query": query, "variables": variables }).to_string()
}

async fn send(client: &Client, form: Form) -> (u16, Value) {
    let request = client.post("/graphql").header("apollo-require-preflight", "1").multipart(form);
    let response = request.send().await.expect("a response");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

fn has_id(payload: &Value) -> bool {
    payload["image"]["id"].is_string()
}

async fn files_are_assigned_to_the_variables_in_the_map(app: TestApp) {
    let ann = app.member("Ann").await;
    let one = || operations(UPLOAD, &json!({ "file": null }));
    // In the order of the specification, and in another order.
    let in_order =
        Form::new().text("operations", one()).text("map", r#"{"0":["variables.file"]}"#).part("0", file());
    let reversed =
        Form::new().part("0", file()).text("map", r#"{"0":["variables.file"]}"#).text("operations", one());
    for form in [in_order, reversed] {
        let (status, response) = send(&ann.client, form).await;
        assert_eq!(status, 200);
        assert!(has_id(&response["data"]["uploadGigImage"]), "{response}");
    }
    let both = || operations(UPLOAD_TWO, &json!({ "a": null, "b": null }));
    let two_files = Form::new()
        .text("operations", both())
        .text("map", r#"{"x":["variables.a"],"y":["variables.b"]}"#)
        .part("x", file())
        .part("y", file());
    let one_file_twice = Form::new()
        .text("operations", both())
        .text("map", r#"{"x":["variables.a","variables.b"]}"#)
        .part("x", file());
    for form in [two_files, one_file_twice] {
        let (_, response) = send(&ann.client, form).await;
        assert!(has_id(&response["data"]["a"]) && has_id(&response["data"]["b"]), "{response}");
    }
    // Files as items of a list variable.
    let listed = operations("mutation($files: [Upload!]!) { __typename }", &json!({ "files": [null, null] }));
    let form = Form::new()
        .text("operations", listed)
        .text("map", r#"{"0":["variables.files.0"],"1":["variables.files.1"]}"#)
        .part("0", file())
        .part("1", file());
    let (status, response) = send(&ann.client, form).await;
    // The files are accepted; the document is invalid, because it does not use the variable.
    assert_eq!(
        (status, error_codes(&response)),
        (200, vec!["GRAPHQL_VALIDATION_FAILED".into()]),
        "{response}"
    );
}

async fn an_inconsistent_multipart_form_is_rejected(app: TestApp) {
    let ann = app.member("Ann").await;
    let one = || operations(UPLOAD, &json!({ "file": null }));
    let map = r#"{"0":["variables.file"]}"#;
    let forms = [
        Form::new().text("map", map).part("0", file()),
        Form::new().text("operations", one()).part("0", file()),
        Form::new().text("operations", one()).text("map", map),
        Form::new().text("operations", one()).text("map", "[]").part("0", file()),
        Form::new().text("operations", one()).text("map", r#"{"0":"variables.file"}"#).part("0", file()),
        Form::new().text("operations", one()).text("map", r#"{"0":["variables.other"]}"#).part("0", file()),
        Form::new().text("operations", one()).text("map", r#"{"0":["variables.file.0"]}"#).part("0", file()),
        Form::new().text("operations", one()).text("map", r#"{"0":[""]}"#).part("0", file()),
        Form::new().text("operations", one()).text("map", map).part("0", file()).part("0", file()),
        Form::new().text("operations", one()).text("operations", one()).text("map", map).part("0", file()),
        Form::new().text("operations", "[]").text("map", map).part("0", file()),
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let (status, response) = send(&ann.client, form).await;
        assert_eq!(
            (status, error_codes(&response)),
            (400, vec!["BAD_REQUEST".into()]),
            "{number}: {response}"
        );
    }
}

/// Returns a form of one gigabyte, and a counter of the bytes that were read from it.
fn huge_form() -> (Body, Arc<AtomicU64>) {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: u64 = 16 * 1024;
    let bytes_read = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&bytes_read);
    let start = format!(
        "--x\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{}\r\n--x\r\n\
         content-disposition: form-data; name=\"map\"\r\n\r\n{}\r\n--x\r\n\
         content-disposition: form-data; name=\"0\"; filename=\"a.png\"\r\n\r\n",
        operations(UPLOAD, &json!({ "file": null })),
        r#"{"0":["variables.file"]}"#
    );
    let chunks = (0..=CHUNKS).map(move |number| {
        counter.fetch_add(CHUNK as u64, Ordering::Relaxed);
        let chunk = if number == 0 { start.clone().into_bytes() } else { vec![7; CHUNK] };
        Ok::<_, std::io::Error>(chunk)
    });
    (Body::wrap_stream(stream::iter(chunks)), bytes_read)
}

/// Sends the huge form. Returns how many bytes of it were sent.
async fn send_huge_form(user: &TestUser) -> u64 {
    let (body, bytes_read) = huge_form();
    let request = user.client.post("/graphql").header("apollo-require-preflight", "1");
    let request = request.header("content-type", "multipart/form-data; boundary=x").body(body);
    // The gateway may close the connection while the client is still sending; then there is no response to
    // read.
    if let Ok(response) = request.send().await {
        assert_eq!(response.status(), 413);
    }
    bytes_read.load(Ordering::Relaxed)
}

async fn an_upload_is_cut_off_at_the_size_limit(app: TestApp) {
    let ann = app.member("Ann").await;
    for _ in 0..4 {
        let sent = send_huge_form(&ann).await;
        // The limit of 16 MiB, and what is in the buffers.
        assert!(sent < 64 * 1024 * 1024, "{sent}");
    }
}

on_both_back_ends!(
    files_are_assigned_to_the_variables_in_the_map,
    an_inconsistent_multipart_form_is_rejected,
    an_upload_is_cut_off_at_the_size_limit,
);
