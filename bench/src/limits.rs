//! What it takes to refuse what asks for far too much: processor time and memory of one request, each a million past a
//! limit.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;
use crate::process::Server;
use crate::table::{Bound, Report, Row, float};
use crate::world::World;

/// How often each is sent.
const TIMES: u32 = 200;

/// How much past each limit.
const PAST: usize = 1_000_000;

/// What one request may take.
const MILLISECONDS: f64 = 50.0;
const MEBIBYTES: f64 = 16.0;

/// And one whose fragments unfold, or whose fields are the same ten thousand times.
const UNFOLDED_MILLISECONDS: f64 = 10.0;

struct Attack {
    name: &'static str,
    body: String,
    milliseconds: f64,
}

pub async fn run() -> Result<Report> {
    let world = World::start().await?;
    let gateway = world.another_gateway(&[])?;
    let plain = json!({ "query": "{ __typename }" }).to_string();
    send(&gateway, &plain).await?;
    let mut rows = Vec::new();
    let (plain_time, plain_memory) = measure(&gateway, &plain).await?;
    for attack in attacks() {
        let measured = measure(&gateway, &attack.body).await;
        let (time, memory) = measured.map_err(|error| format!("{}: {error}", attack.name))?;
        eprintln!("{}: {time:.2} ms, {memory:.2} MiB", attack.name);
        let bound = Bound::Within(attack.milliseconds);
        rows.push(Row { name: attack.name, unit: "ms", gigway: time, other: plain_time, bound });
        let bound = Bound::Within(MEBIBYTES);
        rows.push(Row { name: attack.name, unit: "MiB", gigway: memory, other: plain_memory, bound });
    }
    Ok(Report { name: "limits", other: "plain", settings: json!({ "times": TIMES, "past": PAST }), rows })
}

/// The milliseconds of processor time of one such request, and by how many MiB of memory the gateway grows for one.
async fn measure(gateway: &Server, body: &str) -> Result<(f64, f64)> {
    let before = gateway.memory()?;
    gateway.forget_peak()?;
    send(gateway, body).await?;
    let grown = gateway.peak_memory()?.saturating_sub(before);
    let began = gateway.processor_time()?;
    for _ in 0..TIMES {
        let status = send(gateway, body).await?;
        if !matches!(status, 200 | 400 | 413) {
            return Err(format!("a request was answered with {status}").into());
        }
    }
    let took = gateway.processor_time()?.saturating_sub(began);
    Ok((took.as_secs_f64() * 1000.0 / f64::from(TIMES), float(grown) / 1024.0))
}

/// Sends a request over a connection of its own; the status of the answer, which may come before all is sent.
async fn send(gateway: &Server, body: &str) -> Result<u16> {
    let connection = TcpStream::connect(&gateway.address).await?;
    let (mut answer, mut request) = connection.into_split();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        gateway.address,
        body.len()
    );
    let bytes = [head.as_bytes(), body.as_bytes()].concat();
    // Whoever is refused may not be listened to any more; and whoever stops talking counts as gone.
    let sending = tokio::spawn(async move {
        request.write_all(&bytes).await.ok();
        request
    });
    let mut start = [0; 12];
    answer.read_exact(&mut start).await?;
    let mut rest = Vec::new();
    answer.read_to_end(&mut rest).await.ok();
    drop(sending.await?);
    let status = std::str::from_utf8(&start)?.rsplit(' ').next().unwrap_or_default();
    Ok(status.parse()?)
}

/// So many texts, one after the other.
fn repeated(count: usize, text: impl Fn(usize) -> String) -> String {
    (0..count).map(text).collect::<Vec<_>>().concat()
}

fn query(query: &str) -> String {
    json!({ "query": query }).to_string()
}

fn attacks() -> Vec<Attack> {
    let far = |name, body| Attack { name, body, milliseconds: MILLISECONDS };
    let unfolding = |name, body| Attack { name, body, milliseconds: UNFOLDED_MILLISECONDS };
    let aliases = repeated(PAST, |number| format!("a{number}:id "));
    let with_variables =
        |document: &str, variables: Value| json!({ "query": document, "variables": variables }).to_string();
    // As much as one request may have, all of it in the one thing.
    let most = 60_000;
    let chain =
        repeated(800, |level| format!("fragment F{level} on Query {{ ...F{0} ...F{0} }} ", level + 1));
    let chain = chain + "fragment F800 on Query { __typename }";
    let cycle = repeated(600, |level| {
        format!("fragment F{level} on Query {{ ...F{} ...F{} }} ", (level + 1) % 600, (level + 7) % 600)
    });
    vec![
        far("document bytes", query(&format!("{{ __typename }}{}", " ".repeat(PAST)))),
        far("variables bytes", with_variables("{ __typename }", json!({ "a": "x".repeat(PAST) }))),
        far("tokens", query(&format!("{{ {} }}", "a ".repeat(PAST)))),
        far("tokens, all that fit", query(&format!("{{ {} }}", "a ".repeat(most / 2)))),
        far("depth", query(&"{a".repeat(PAST))),
        far("depth, all that fit", query(&"{a".repeat(most / 2))),
        far("brackets, all that fit", query(&format!("{{ a(b: {}", "[".repeat(most)))),
        far("aliases", query(&format!("{{ categories {{ {aliases} }} }}"))),
        far("directives", query(&format!("{{ __typename {} }}", "@a ".repeat(PAST)))),
        far("root fields", query(&format!("{{ {} }}", "__typename ".repeat(PAST)))),
        far(
            "list length",
            with_variables(
                "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
                json!({ "ids": vec![1; PAST] }),
            ),
        ),
        far("list length, all that fit", with_variables("{ __typename }", json!({ "a": vec![1; most / 2] }))),
        far(
            "introspection lists",
            query(&format!("{{ __schema {{ types {{ {}", "interfaces { ".repeat(PAST))),
        ),
        far("cost", query("{ gigs(first: 1005000) { nodes { id } } }")),
        far("json nesting", format!("{{\"query\":\"{{a}}\",\"variables\":{}", "{\"a\":".repeat(PAST / 5))),
        unfolding("fragments that unfold", query(&format!("{{ ...F0 }} {chain}"))),
        unfolding("fragments in each other", query(&format!("{{ ...F0 }} {cycle}"))),
        unfolding(
            "10,000 duplicate fields",
            query(&format!("{{ categories {{ {} }} }}", "id ".repeat(10_000))),
        ),
        unfolding(
            "4,900 duplicate fields",
            query(&format!("{{ categories {{ {} }} }}", "id ".repeat(4_900))),
        ),
    ]
}
