//! The memory that clients of one address take which send slowly, or nothing.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Result;
use crate::deployment::Deployment;
use crate::open_files::ensure_open_files;
use crate::process::Server;
use crate::table::{Bound, Row, float};

pub const CLIENTS: usize = 1_000;

const MAX_MEBIBYTES: f64 = 200.0;

/// How much of its message a client sends.
const SENT_BYTES: usize = 300 * 1024;

/// How long the gateway gets to read what was sent.
const SETTLE_TIME: Duration = Duration::from_secs(2);

/// A client stops sending if the gateway reads nothing for this time.
const SEND_TIMEOUT: Duration = Duration::from_millis(100);

/// What each client does, and what it sends, part by part.
struct Case {
    name: &'static str,
    parts: Vec<Vec<u8>>,
}

pub async fn rows(deployment: &Deployment) -> Result<Vec<Row>> {
    ensure_open_files(u64::try_from(CLIENTS)?)?;
    let mut rows = Vec::new();
    let mut silent = f64::NAN;
    for Case { name, parts } in cases() {
        let gateway = deployment.start_gateway(&[("GIGWAY_SOCKET_INIT_SECONDS", "60".to_owned())])?;
        let growth = growth(&gateway, &parts).await?;
        eprintln!("{CLIENTS} clients, {name}: {growth:.1} MiB");
        if parts.is_empty() {
            silent = growth;
        }
        let bound = Bound::AtMost(MAX_MEBIBYTES);
        rows.push(Row { name, unit: "MiB", gigway: growth, other: silent, bound });
    }
    Ok(rows)
}

fn cases() -> Vec<Case> {
    let headers = b"GET /livez HTTP/1.1\r\nhost: gigway\r\nx: ".to_vec();
    let body = format!(
        "POST /graphql HTTP/1.1\r\nhost: gigway\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        2 * SENT_BYTES
    );
    let upgrade = b"GET /graphql HTTP/1.1\r\nhost: gigway\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                    sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
        .to_vec();
    let spaces = vec![b' '; SENT_BYTES];
    let query = format!("# {}\n subscription {{ gigPublished {{ gigId }} }}", "x".repeat(60_000));
    let payload = json!({ "query": query, "variables": { "unused": "x".repeat(60_000) } });
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": payload }).to_string();
    let init = frame(br#"{"type":"connection_init"}"#);
    vec![
        Case { name: "silent connections", parts: Vec::new() },
        Case { name: "unfinished headers", parts: vec![headers, vec![b'x'; 60_000]] },
        Case { name: "unfinished bodies", parts: vec![body.into_bytes(), spaces.clone()] },
        Case {
            name: "unfinished messages",
            parts: vec![upgrade.clone(), frame_head(2 * SENT_BYTES), spaces],
        },
        Case { name: "subscriptions with comments", parts: vec![upgrade, init, frame(subscribe.as_bytes())] },
    ]
}

/// How much more memory a gateway takes at most while many clients send these parts, in MiB.
async fn growth(gateway: &Server, parts: &[Vec<u8>]) -> Result<f64> {
    // The first request allocates what every gateway needs.
    reqwest::get(gateway.url("/readyz")).await?.error_for_status()?;
    gateway.reset_peak()?;
    let before = gateway.memory()?;
    let mut clients = Vec::with_capacity(CLIENTS);
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(&gateway.address).await?;
        for part in parts {
            // The gateway may have refused the client.
            if !matches!(timeout(SEND_TIMEOUT, client.write_all(part)).await, Ok(Ok(()))) {
                break;
            }
            if part.starts_with(b"GET /graphql") {
                let mut response = [0; 12];
                client.read_exact(&mut response).await?;
            }
        }
        clients.push(client);
    }
    tokio::time::sleep(SETTLE_TIME).await;
    reqwest::get(gateway.url("/livez")).await?.error_for_status()?;
    Ok(float(gateway.peak_memory()?.saturating_sub(before)) / 1024.0)
}

/// The head of a text frame with this many bytes of text. Its mask changes nothing.
fn frame_head(length: usize) -> Vec<u8> {
    let mut head = vec![0x81];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => head.push(0x80 | length),
        (_, Ok(length)) => {
            head.push(0x80 | 0x7e);
            head.extend(length.to_be_bytes());
        }
        _ => {
            head.push(0x80 | 0x7f);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [frame_head(payload.len()), payload.to_vec()].concat()
}
