//! A load generator: clients that send one request after the other over keep-alive connections. They are raw
//! TCP clients, so that they use little processor time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;
use crate::table::float;

/// Concurrent clients.
pub const CONNECTIONS: u32 = 32;

/// The results of a load.
#[derive(Debug, Clone)]
pub struct LoadResult {
    pub requests: u64,
    /// Requests per second.
    pub rate: f64,
    /// Latencies in milliseconds.
    pub p50: f64,
    pub p99: f64,
}

impl LoadResult {
    /// Computes the results from the latencies of all requests.
    pub fn new(mut microseconds: Vec<u32>, duration: Duration) -> Result<Self> {
        microseconds.sort_unstable();
        let percentile = |percent: usize| {
            let index = (microseconds.len() * percent / 100).min(microseconds.len().saturating_sub(1));
            microseconds.get(index).map_or(f64::NAN, |it| f64::from(*it) / 1000.0)
        };
        let requests = u64::try_from(microseconds.len())?;
        let rate = float(requests) / duration.as_secs_f64();
        Ok(Self { requests, rate, p50: percentile(50), p99: percentile(99) })
    }
}

/// The bytes of a POST request.
pub fn post_request_bytes(path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Sends one request. Returns the body of the response.
pub async fn send_once(address: &str, request: &[u8]) -> Result<String> {
    let mut client = Client::connect(address).await?;
    client.send(request).await?;
    Ok(String::from_utf8(client.body().to_vec())?)
}

/// Sends one request. Returns the status line and the headers of the response.
pub async fn head_of(address: &str, request: &[u8]) -> Result<String> {
    let mut client = Client::connect(address).await?;
    client.send(request).await?;
    Ok(String::from_utf8(client.response[..client.body_start].to_vec())?)
}

/// Sends the requests in turn by concurrent clients, for the duration.
pub async fn run(
    address: &str,
    requests: &Arc<[Vec<u8>]>,
    clients: u32,
    duration: Duration,
) -> Result<LoadResult> {
    let started_at = Instant::now();
    let (count, mut clients) = (clients, JoinSet::new());
    for number in 0..count {
        let (address, requests) = (address.to_owned(), Arc::clone(requests));
        clients.spawn(async move {
            let mut client = Client::connect(&address).await?;
            let mut latencies = Vec::new();
            // Clients start at different requests, so that they do not send the same ones at the same time.
            let mut next = usize::try_from(number)? * 7;
            while started_at.elapsed() < duration {
                let sent_at = Instant::now();
                client.send(&requests[next % requests.len()]).await?;
                latencies.push(u32::try_from(sent_at.elapsed().as_micros())?);
                next += 1;
            }
            Ok::<_, crate::BoxError>(latencies)
        });
    }
    let mut all = Vec::new();
    while let Some(client) = clients.join_next().await {
        all.extend(client??);
    }
    LoadResult::new(all, started_at.elapsed())
}

/// Sends `count` requests once each. `request` returns the request for a number.
pub async fn send_all<F>(address: &str, count: u64, request: F) -> Result<()>
where
    F: Fn(u64) -> Vec<u8> + Clone + Send + 'static,
{
    let mut clients = JoinSet::new();
    for first in 0..u64::from(CONNECTIONS) {
        let (address, request) = (address.to_owned(), request.clone());
        clients.spawn(async move {
            let mut client = Client::connect(&address).await?;
            for number in (first..count).step_by(usize::try_from(CONNECTIONS)?) {
                client.send(&request(number)).await?;
            }
            Ok::<_, crate::BoxError>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

struct Client {
    connection: TcpStream,
    response: Vec<u8>,
    /// Where the body starts in the response.
    body_start: usize,
}

impl Client {
    async fn connect(address: &str) -> Result<Self> {
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        Ok(Self { connection, response: Vec::with_capacity(64 * 1024), body_start: 0 })
    }

    fn body(&self) -> &[u8] {
        &self.response[self.body_start..]
    }

    /// Sends a request and reads the complete response, which must have status 200.
    async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.connection.write_all(request).await?;
        self.response.clear();
        let (mut head, mut length) = (None, 0);
        while head.is_none_or(|head| self.response.len() < head + length) {
            if self.connection.read_buf(&mut self.response).await? == 0 {
                return Err("a server closed the connection".into());
            }
            if head.is_none()
                && let Some(end) = self.response.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                let text = std::str::from_utf8(&self.response[..end])?;
                length = content_length(text)
                    .ok_or_else(|| format!("a response without content-length: {text}"))?;
                head = Some(end + 4);
            }
        }
        self.body_start = head.unwrap_or_default();
        if self.response.starts_with(b"HTTP/1.1 200") {
            return Ok(());
        }
        Err(format!("unexpected response: {}", String::from_utf8_lossy(&self.response)).into())
    }
}

fn content_length(head: &str) -> Option<usize> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length.trim().parse().ok()
}
