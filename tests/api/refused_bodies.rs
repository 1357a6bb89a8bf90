//! Requests whose body is refused: the client can read the response even if it first sends the whole body, as
//! browsers do.

use serde_json::json;

use crate::support::npm;
use crate::support::on_both_back_ends;
use crate::support::raw_connection::{RawConnection, head};
use crate::support::test_app::TestApp;

const MEBIBYTE: usize = 1024 * 1024;

/// A multipart form with one file.
fn form(file: usize) -> Vec<u8> {
    let query = "mutation($file: Upload!) { uploadGigImage(file: $file) { errors { code } } }";
    let operations = json!({ "query": query, "variables": { "file": null } });
    let start = format!(
        "--x\r\ncontent-disposition: form-data; name=\"operations\"\r\n\r\n{operations}\r\n--x\r\n\
         content-disposition: form-data; name=\"map\"\r\n\r\n{{\"0\":[\"variables.file\"]}}\r\n--x\r\n\
         content-disposition: form-data; name=\"0\"; filename=\"a.png\"\r\n\r\n"
    );
    [start.into_bytes(), vec![7; file], b"\r\n--x--\r\n".to_vec()].concat()
}

/// A body in chunks of 64 KiB.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for chunk in body.chunks(64 * 1024) {
        encoded.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        encoded.extend(chunk);
        encoded.extend(b"\r\n");
    }
    encoded.extend(b"0\r\n\r\n");
    encoded
}

const MULTIPART: &str = "content-type: multipart/form-data; boundary=x\r\napollo-require-preflight: 1\r\n";
const JSON: &str = "content-type: application/json\r\n";

async fn every_refusal_of_a_large_body_can_be_read(app: TestApp) {
    let filler = vec![b' '; 6 * MEBIBYTE];
    let bad_token = format!("{MULTIPART}authorization: Bearer expired\r\n");
    let good_token = format!(
        "{MULTIPART}authorization: Bearer {}\r\n",
        app.member("Ann").await.client.token().expect("one")
    );
    let image = format!("{JSON}accept: image/png\r\n");
    let no_preflight = "content-type: multipart/form-data; boundary=x\r\n";
    let cases: [(&str, &str, &[u8], u16, &str); 16] = [
        ("POST /graphql", &bad_token, &form(17 * MEBIBYTE), 200, "UNAUTHENTICATED"),
        ("POST /graphql", MULTIPART, &form(17 * MEBIBYTE), 200, "UNAUTHENTICATED"),
        ("POST /graphql", &good_token, &form(20 * MEBIBYTE), 413, "PAYLOAD_TOO_LARGE"),
        ("POST /graphql", &good_token, &form(17 * MEBIBYTE), 413, "PAYLOAD_TOO_LARGE"),
        ("POST /graphql", no_preflight, &form(6 * MEBIBYTE), 400, "PREFLIGHT_REQUIRED"),
        ("POST /graphql", JSON, &filler, 413, "PAYLOAD_TOO_LARGE"),
        ("POST /graphql", &image, &filler, 406, "NOT_ACCEPTABLE"),
        ("POST /graphql", "content-type: text/plain\r\n", &filler, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("PUT /graphql", JSON, &filler, 405, "METHOD_NOT_ALLOWED"),
        ("GET /graphql", JSON, &filler, 400, "BAD_REQUEST"),
        (
            "GET /graphql?query=mutation%7BsignOut%7BsessionsEnded%7D%7D",
            JSON,
            &filler,
            405,
            "METHOD_NOT_ALLOWED",
        ),
        ("GET /graphql?query=%7B__typename%7D", JSON, &filler, 200, "Query"),
        ("POST /nowhere", JSON, &filler, 404, "NOT_FOUND"),
        ("POST /livez", JSON, &filler, 405, "METHOD_NOT_ALLOWED"),
        ("GET /media/img_x.jpg", JSON, &filler, 404, "NOT_FOUND"),
        ("GET /identity-documents/doc_x", JSON, &filler, 404, "NOT_FOUND"),
    ];
    for (line, headers, body, status, content) in cases {
        let with_length = [head(line, headers, body.len()).into_bytes(), body.to_vec()].concat();
        let chunked_head =
            format!("{line} HTTP/1.1\r\nhost: gigway\r\n{headers}transfer-encoding: chunked\r\n\r\n");
        for request in [with_length, [chunked_head.into_bytes(), chunked(body)].concat()] {
            let mut connection = RawConnection::open(app.gateway_a().address).await;
            connection.send(request).await;
            let response = connection.read_text().await;
            assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{line} {headers}: {response}");
            assert!(response.contains(content), "{line} {headers}: {response}");
            assert!(response.to_ascii_lowercase().contains("connection: close\r\n"), "{line}: {response}");
        }
    }
}

async fn a_connection_is_used_again_after_a_body_that_was_read(app: TestApp) {
    let mut connection = RawConnection::open(app.gateway_a().address).await;
    let body = r#"{"query":"{ __typename }"}"#;
    for (line, body) in
        [("POST /graphql", body), ("GET /livez", ""), ("POST /graphql", "{}"), ("GET /nowhere", "")]
    {
        connection.send(head(line, JSON, body.len()) + body).await;
        let head = connection.read_head().await.to_ascii_lowercase();
        assert!(!head.contains("connection: close"), "{line}: {head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        connection.skip(length.parse().expect("a number")).await;
    }
}

/// The bytes and the time are bounded: a client cannot go on to send for ever.
async fn a_refused_body_without_an_end_is_cut_off(app: TestApp) {
    let mut connection = RawConnection::open(app.gateway_a().address).await;
    connection.send(head("POST /nowhere", JSON, 1 << 40)).await;
    let chunk = vec![b' '; MEBIBYTE];
    let mut sent = 0;
    while connection.try_send(&chunk).await && sent < 200 {
        sent += 1;
    }
    assert!((32..120).contains(&sent), "{sent} MiB");
}

async fn fetch_reads_the_refusal_of_an_upload(app: TestApp) {
    let (seller, reviewer) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut node = npm::script("refused-bodies.mjs", &[]);
    node.env("GATEWAY_FOR_MUTATIONS", app.gateway_a().url(""))
        .env("GATEWAY_FOR_STREAMS", app.gateway_b().url(""))
        .env("SELLER_TOKEN", seller.client.token().expect("a token"))
        .env("REVIEWER_TOKEN", reviewer.client.token().expect("a token"));
    npm::expect_success("refused-bodies.mjs", &npm::run(node).await);
}

on_both_back_ends!(
    every_refusal_of_a_large_body_can_be_read,
    a_connection_is_used_again_after_a_body_that_was_read,
    a_refused_body_without_an_end_is_cut_off,
    fetch_reads_the_refusal_of_an_upload,
);
