//! Processor time and memory of rejecting a request that is far beyond a limit, or just within the limits and
//! expensive to validate.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;
use crate::deployment::Deployment;
use crate::process::Server;
use crate::table::{Bound, Row, float};

/// How often each request is sent.
pub const REPEATS: u32 = 200;

/// How many bytes, tokens, levels or items a request has that is far beyond a limit.
pub const EXCESS: usize = 1_000_000;

/// Bounds of one request.
const MAX_MILLISECONDS: f64 = 50.0;
const MAX_MEBIBYTES: f64 = 16.0;

/// The bound of the requests with nested fragments, and of those with thousands of equal fields.
const MAX_MILLISECONDS_TIGHT: f64 = 10.0;

struct OversizedRequest {
    name: &'static str,
    body: String,
    max_milliseconds: f64,
}

pub async fn rows(deployment: &Deployment) -> Result<Vec<Row>> {
    let gateway = deployment.start_gateway(&[])?;
    let plain = json!({ "query": "{ __typename }" }).to_string();
    send(&gateway, &plain).await?;
    let mut rows = Vec::new();
    let (plain_time, plain_memory) = measure(&gateway, &plain).await?;
    for request in oversized_requests() {
        let result = measure(&gateway, &request.body).await;
        let (time, memory) = result.map_err(|error| format!("{}: {error}", request.name))?;
        eprintln!("{}: {time:.2} ms, {memory:.2} MiB", request.name);
        let bound = Bound::AtMost(request.max_milliseconds);
        rows.push(Row { name: request.name, unit: "ms", gigway: time, other: plain_time, bound });
        let bound = Bound::AtMost(MAX_MEBIBYTES);
        rows.push(Row { name: request.name, unit: "MiB", gigway: memory, other: plain_memory, bound });
    }
    Ok(rows)
}

/// Returns the processor time of one request in milliseconds, and the growth of the memory of the gateway in
/// MiB.
async fn measure(gateway: &Server, body: &str) -> Result<(f64, f64)> {
    let before = gateway.memory()?;
    gateway.reset_peak()?;
    send(gateway, body).await?;
    let grown = gateway.peak_memory()?.saturating_sub(before);
    let time_before = gateway.processor_time()?;
    for _ in 0..REPEATS {
        let status = send(gateway, body).await?;
        if !matches!(status, 200 | 400 | 413) {
            return Err(format!("unexpected status {status}").into());
        }
    }
    let time = gateway.processor_time()?.saturating_sub(time_before);
    Ok((time.as_secs_f64() * 1000.0 / f64::from(REPEATS), float(grown) / 1024.0))
}

/// Sends a request over a new connection. Returns the status. The response may come before the request is
/// complete.
async fn send(gateway: &Server, body: &str) -> Result<u16> {
    let connection = TcpStream::connect(&gateway.address).await?;
    let (mut reader, mut writer) = connection.into_split();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        gateway.address,
        body.len()
    );
    let bytes = [head.as_bytes(), body.as_bytes()].concat();
    // The gateway may stop reading when it rejects the request. The writer stays open, because a closed one
    // looks like a client that has disconnected.
    let sending = tokio::spawn(async move {
        writer.write_all(&bytes).await.ok();
        writer
    });
    let mut start = [0; 12];
    reader.read_exact(&mut start).await?;
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.ok();
    drop(sending.await?);
    let status = std::str::from_utf8(&start)?.rsplit(' ').next().unwrap_or_default();
    Ok(status.parse()?)
}

/// Concatenates `count` texts.
fn repeated(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

fn query(query: &str) -> String {
    json!({ "query": query }).to_string()
}

fn oversized_requests() -> Vec<OversizedRequest> {
    let simple = |name, body| OversizedRequest { name, body, max_milliseconds: MAX_MILLISECONDS };
    let tight = |name, body| OversizedRequest { name, body, max_milliseconds: MAX_MILLISECONDS_TIGHT };
    let aliases = repeated(EXCESS, |number| format!("a{number}:id "));
    let with_variables =
        |document: &str, variables: Value| json!({ "query": document, "variables": variables }).to_string();
    // Near the maximum size of a document.
    let max = 60_000;
    let chain =
        repeated(800, |level| format!("fragment F{level} on Query {{ ...F{0} ...F{0} }} ", level + 1));
    let chain = chain + "fragment F800 on Query { __typename }";
    let cycle = repeated(600, |level| {
        format!("fragment F{level} on Query {{ ...F{} ...F{} }} ", (level + 1) % 600, (level + 7) % 600)
    });
    vec![
        simple("document bytes", query(&format!("{{ __typename }}{}", " ".repeat(EXCESS)))),
        simple("variables bytes", with_variables("{ __typename }", json!({ "a": "x".repeat(EXCESS) }))),
        simple("tokens", query(&format!("{{ {} }}", "a ".repeat(EXCESS)))),
        simple("tokens, all that fit", query(&format!("{{ {} }}", "a ".repeat(max / 2)))),
        simple("depth", query(&"{a".repeat(EXCESS))),
        simple("depth, all that fit", query(&"{a".repeat(max / 2))),
        simple("brackets, all that fit", query(&format!("{{ a(b: {}", "[".repeat(max)))),
        simple("aliases", query(&format!("{{ categories {{ {aliases} }} }}"))),
        simple("directives", query(&format!("{{ __typename {} }}", "@a ".repeat(EXCESS)))),
        simple("root fields", query(&format!("{{ {} }}", "__typename ".repeat(EXCESS)))),
        simple(
            "list length",
            with_variables(
                "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
                json!({ "ids": vec![1; EXCESS] }),
            ),
        ),
        simple(
            "list length, all that fit",
            with_variables("{ __typename }", json!({ "a": vec![1; max / 2] })),
        ),
        simple(
            "introspection lists",
            query(&format!("{{ __schema {{ types {{ {}", "interfaces { ".repeat(EXCESS))),
        ),
        simple("cost", query("{ gigs(first: 1005000) { nodes { id } } }")),
        simple(
            "json nesting",
            format!("{{\"query\":\"{{a}}\",\"variables\":{}", "{\"a\":".repeat(EXCESS / 5)),
        ),
        tight("fragments that unfold", query(&format!("{{ ...F0 }} {chain}"))),
        tight("fragments in each other", query(&format!("{{ ...F0 }} {cycle}"))),
        tight("10,000 duplicate fields", query(&format!("{{ categories {{ {} }} }}", "id ".repeat(10_000)))),
        tight("4,900 duplicate fields", query(&format!("{{ categories {{ {} }} }}", "id ".repeat(4_900)))),
        // Within the limits of tokens and selections, so that the document is validated against the schema.
        simple("4,900 unknown fields", query(&format!("{{ categories {{ {} }} }}", "nope ".repeat(4_900)))),
        simple("800 unknown arguments", query(&format!("{{ categories {{ {} }} }}", "id(a:1) ".repeat(800)))),
        simple(
            "an operation and its fragments, 40 times",
            query(&format!(
                "{} fragment F on Query {{ categories {{ {} }} }}",
                repeated(40, |number| format!("query A{number} {{ ...F }} ")),
                "id nope ".repeat(60)
            )),
        ),
        simple(
            "fields that merge in many ways",
            query(&format!(
                "{{ __type(name: \"Gig\") {{ ...F0S0 ...F0S1 }} }} {} \
                 fragment F12S0 on __Type {{ name }} fragment F12S1 on __Type {{ kind }}",
                repeated(24, |number| {
                    let (level, state, next) = (number / 2, number % 2, number / 2 + 1);
                    format!(
                        "fragment F{level}S{state} on __Type {{ a: ofType {{ ...F{next}S0 ...F{next}S1 }} \
                         b: ofType {{ ...F{next}S0 }} }} "
                    )
                })
            )),
        ),
        simple(
            "two operations with one name",
            query(&format!(
                "{{ categories {{ {} }} }} query A {{ __typename }} query A {{ __typename }}",
                "nope ".repeat(4_900)
            )),
        ),
    ]
}
