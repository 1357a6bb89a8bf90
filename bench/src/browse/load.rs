//! Clients that ask over kept connections, one request after the other: raw, so that they cost little beside the servers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;
use crate::table::float;

/// Clients at a time.
pub const CONNECTIONS: u32 = 32;

/// What clients saw of one server.
#[derive(Debug, Clone)]
pub struct ImageView {
    pub requests: u64,
    /// Requests in a second.
    pub rate: f64,
    /// Milliseconds until half, and 99 of 100, were answered.
    pub p50: f64,
    pub p99: f64,
}

impl ImageView {
    /// What there is to say of so many answers within `took`.
    pub fn of(mut microseconds: Vec<u32>, took: Duration) -> Result<Self> {
        microseconds.sort_unstable();
        let at = |hundredths: usize| {
            let at = (microseconds.len() * hundredths / 100).min(microseconds.len().saturating_sub(1));
            microseconds.get(at).map_or(f64::NAN, |it| f64::from(*it) / 1000.0)
        };
        let requests = u64::try_from(microseconds.len())?;
        let rate = float(requests) / took.as_secs_f64();
        Ok(Self { requests, rate, p50: at(50), p99: at(99) })
    }
}

/// A POST of `body`, as it goes over the wire.
pub fn post(path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\naccept: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The answer to one request.
pub async fn once(address: &str, request: &[u8]) -> Result<String> {
    let mut client = Client::connect(address).await?;
    client.ask(request).await?;
    Ok(String::from_utf8(client.body().to_vec())?)
}

/// Asks for so long, each of so many clients any of the requests in turn.
pub async fn run(
    address: &str,
    requests: &Arc<[Vec<u8>]>,
    clients: u32,
    within: Duration,
) -> Result<ImageView> {
    let began = Instant::now();
    let (count, mut clients) = (clients, JoinSet::new());
    for number in 0..count {
        let (address, requests) = (address.to_owned(), Arc::clone(requests));
        clients.spawn(async move {
            let mut client = Client::connect(&address).await?;
            let mut took = Vec::new();
            // From different places, so that no two go in step.
            let mut next = usize::try_from(number)? * 7;
            while began.elapsed() < within {
                let asked = Instant::now();
                client.ask(&requests[next % requests.len()]).await?;
                took.push(u32::try_from(asked.elapsed().as_micros())?);
                next += 1;
            }
            Ok::<_, crate::Failure>(took)
        });
    }
    let mut all = Vec::new();
    while let Some(client) = clients.join_next().await {
        all.extend(client??);
    }
    ImageView::of(all, began.elapsed())
}

/// Asks for each of `count` requests once, made by their number.
pub async fn each<F>(address: &str, count: u64, request: F) -> Result<()>
where
    F: Fn(u64) -> Vec<u8> + Clone + Send + 'static,
{
    let mut clients = JoinSet::new();
    for first in 0..u64::from(CONNECTIONS) {
        let (address, request) = (address.to_owned(), request.clone());
        clients.spawn(async move {
            let mut client = Client::connect(&address).await?;
            for number in (first..count).step_by(usize::try_from(CONNECTIONS)?) {
                client.ask(&request(number)).await?;
            }
            Ok::<_, crate::Failure>(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

struct Client {
    connection: TcpStream,
    /// The answer so far, and where its body begins.
    answer: Vec<u8>,
    body: usize,
}

impl Client {
    async fn connect(address: &str) -> Result<Self> {
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        Ok(Self { connection, answer: Vec::with_capacity(64 * 1024), body: 0 })
    }

    fn body(&self) -> &[u8] {
        &self.answer[self.body..]
    }

    /// Sends a request and reads the whole answer, which must be a good one.
    async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.connection.write_all(request).await?;
        self.answer.clear();
        let (mut head, mut length) = (None, 0);
        while head.is_none_or(|head| self.answer.len() < head + length) {
            if self.connection.read_buf(&mut self.answer).await? == 0 {
                return Err("a server closed the connection".into());
            }
            if head.is_none()
                && let Some(end) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                let text = std::str::from_utf8(&self.answer[..end])?;
                length = content_length(text).ok_or_else(|| format!("an answer of no length: {text}"))?;
                head = Some(end + 4);
            }
        }
        self.body = head.unwrap_or_default();
        if self.answer.starts_with(b"HTTP/1.1 200") {
            return Ok(());
        }
        Err(format!("a bad answer: {}", String::from_utf8_lossy(&self.answer)).into())
    }
}

fn content_length(head: &str) -> Option<usize> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length.trim().parse().ok()
}
