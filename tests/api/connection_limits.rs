//! Limits of connections, and of the memory that many clients of one address can take.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::process::{GatewayProcess, gigway};
use crate::support::proxy::wait_until;
use crate::support::raw_connection::{RawConnection, frame, frame_head, head};

const MEBIBYTE: u64 = 1024 * 1024;

/// Starts a gateway whose limits of open files are set by `ulimit` with these arguments.
fn start_with_file_limit(dir: &std::path::Path, limit: &str) -> GatewayProcess {
    let serve = gigway(dir, &["serve"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit {limit} && exec \"$0\" serve")])
        .arg(serve.get_program())
        .env_clear()
        .env("GIGWAY_DATA_DIR", dir)
        .stderr(Stdio::null());
    GatewayProcess::start_command(command, &[])
}

async fn open_many(gateway: &GatewayProcess, count: usize) -> Vec<RawConnection> {
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(RawConnection::open(gateway.client.address).await);
    }
    connections
}

/// Requests `/livez` from another address than most tests. Returns the response.
async fn livez_from(source: [u8; 4], gateway: &GatewayProcess) -> String {
    let mut connection = RawConnection::open_from(source, gateway.client.address).await;
    connection.try_send("GET /livez HTTP/1.1\r\nhost: gigway\r\nconnection: close\r\n\r\n").await;
    connection.read_text().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_raises_its_limit_of_open_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let gateway = start_with_file_limit(dir.path(), "-Sn 300");
    let silent = open_many(&gateway, 1100).await;
    assert_eq!(gateway.client.fetch("/readyz").await.0, 200);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_of_one_address_leave_some_to_others() {
    let dir = tempfile::tempdir().expect("a directory");
    // 344 connections, of which one address can have 301.
    let gateway = start_with_file_limit(dir.path(), "-n 600");
    let mut silent = open_many(&gateway, 500).await;
    let refused = silent.last_mut().expect("a connection").read_text().await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 503"), "{refused}");
    let response = livez_from([127, 0, 0, 2], &gateway).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    // Many addresses together do not stop it, either: the rest are refused, and it serves again afterwards.
    let mut others = Vec::new();
    for last in 3..63 {
        for _ in 0..2 {
            others.push(RawConnection::open_from([127, 0, 0, last], gateway.client.address).await);
        }
    }
    // Only some of them get a response at a time, within two seconds.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let response = livez_from([127, 0, 0, 2], &gateway).await;
    assert!(response.starts_with("HTTP/1.1 503") && response.contains("RATE_LIMITED"), "{response}");
    drop((silent, others));
    wait_until("it serves again", async || {
        livez_from([127, 0, 0, 1], &gateway).await.starts_with("HTTP/1.1 200")
    })
    .await;
}

/// Opens a thousand connections to a new gateway, and lets each do something. Asserts that the gateway then
/// takes little more memory.
async fn expect_little_growth(what: &str, mut act: impl AsyncFnMut(&mut RawConnection, usize)) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = gigway(dir.path(), &["serve"]);
    command.env("GIGWAY_SOCKET_INIT_SECONDS", "60").stderr(Stdio::null());
    let gateway = GatewayProcess::start_command(command, &[]);
    let before = gateway.memory();
    let mut connections = open_many(&gateway, 1000).await;
    for (number, connection) in connections.iter_mut().enumerate() {
        act(connection, number).await;
    }
    assert_eq!(gateway.client.fetch("/livez").await.0, 200);
    let growth = gateway.memory().saturating_sub(before) / MEBIBYTE;
    assert!(growth < 200, "{what}: {growth} MiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_clients_of_one_address_take_little_memory() {
    let part = vec![b' '; 300 * 1024];
    let json = head("POST /graphql", "content-type: application/json\r\n", 400 * 1024);
    expect_little_growth("slow bodies", async |connection, _| {
        connection.try_send(&json).await;
        connection.try_send(&part).await;
    })
    .await;
    expect_little_growth("unfinished messages", async |connection, _| {
        connection.upgrade().await;
        connection.try_send(frame_head(0x81, 400 * 1024)).await;
        connection.try_send(&part).await;
    })
    .await;
    expect_little_growth("unfinished headers", async |connection, _| {
        connection
            .try_send(format!("GET /livez HTTP/1.1\r\nhost: gigway\r\nx: {}", "x".repeat(60_000)))
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_keeps_neither_comments_nor_unused_variables_nor_repeated_fragments() {
    expect_little_growth("subscriptions", async |connection, number| {
        connection.upgrade_and_init().await;
        let comment = format!("# {number} {}\n", "x".repeat(60_000));
        let query = format!("{comment} subscription {{ gigPublished {{ gigId }} }}");
        let payload = json!({ "query": query, "variables": { "unused": "x".repeat(60_000) } });
        let message = json!({ "type": "subscribe", "id": "1", "payload": payload }).to_string();
        assert!(connection.try_send(frame(0x81, message.as_bytes())).await);
    })
    .await;
    expect_little_growth("repeated fragments", async |connection, number| {
        connection.upgrade_and_init().await;
        let repeated = "...F ...{id} ".repeat(800);
        let query = format!(
            "subscription {{ a{number}: gigPublished {{ gig {{ {repeated} }} }} }} fragment F on Gig {{ id }}"
        );
        let message = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } }).to_string();
        assert!(connection.try_send(frame(0x81, message.as_bytes())).await);
    })
    .await;
}
