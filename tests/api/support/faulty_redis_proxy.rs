//! A proxy to Redis that drops, repeats and reorders the messages of channels, and forwards everything else.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// The start of a message of a channel in the protocol of Redis.
const MESSAGE_PREFIX: &[u8] = b"*3\r\n$7\r\nmessage\r\n";

/// Counts of the injected faults.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultCounts {
    pub dropped: usize,
    pub repeated: usize,
    pub reordered: usize,
}

pub struct FaultyRedisProxy {
    address: SocketAddr,
    counts: Arc<Mutex<FaultCounts>>,
}

impl FaultyRedisProxy {
    /// Starts a proxy to the Redis at this URL. The same seed injects the same faults.
    pub async fn start(redis_url: &str, seed: u64) -> Self {
        let server = redis_url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let counts = Arc::new(Mutex::new(FaultCounts::default()));
        let shared_counts = Arc::clone(&counts);
        tokio::spawn(async move {
            let mut seed = seed;
            while let Ok((client, _)) = listener.accept().await {
                let rng = StdRng::seed_from_u64(seed);
                seed = seed.wrapping_add(1);
                let injector = FaultInjector { rng, delayed: None, counts: Arc::clone(&shared_counts) };
                tokio::spawn(forward(client, server.clone(), injector));
            }
        });
        Self { address, counts }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub fn counts(&self) -> FaultCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn forward(client: TcpStream, server: String, injector: FaultInjector) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = forward_with_faults(from_server, to_client, injector) => {}
    }
}

/// Forwards what the server sends, frame by frame.
async fn forward_with_faults(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    mut injector: FaultInjector,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    while server.read_buf(&mut bytes).await? > 0 {
        while let Some(length) = frame_length(&bytes) {
            let frame = bytes.drain(..length).collect();
            client.write_all(&injector.apply(frame)).await?;
        }
    }
    Ok(())
}

/// The length of the first frame. `None` if it is incomplete.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    // The number of bytes of a string, or of frames of a list. It is -1 for null.
    let number =
        bytes.get(1..line - 2).and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
    let length = match (bytes[0], number) {
        (b'$', Some(number)) => line + number + 2,
        (b'*' | b'>', Some(number)) => {
            let mut end = line;
            for _ in 0..number {
                end += frame_length(bytes.get(end..)?)?;
            }
            end
        }
        _ => line,
    };
    (length <= bytes.len()).then_some(length)
}

/// Injects faults into one connection.
struct FaultInjector {
    rng: StdRng,
    /// A message to be sent after the next one.
    delayed: Option<Vec<u8>>,
    counts: Arc<Mutex<FaultCounts>>,
}

impl FaultInjector {
    /// The bytes to forward for a frame. Of ten messages, one is dropped, one repeated, and one sent after
    /// the next.
    fn apply(&mut self, frame: Vec<u8>) -> Vec<u8> {
        if !frame.starts_with(MESSAGE_PREFIX) {
            return frame;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let delayed = self.delayed.take();
        let mut output = match self.rng.random_range(0..10) {
            0 => {
                counts.dropped += 1;
                Vec::new()
            }
            1 => {
                counts.repeated += 1;
                frame.repeat(2)
            }
            2 => {
                self.delayed = Some(frame);
                Vec::new()
            }
            _ => frame,
        };
        if let Some(delayed) = delayed {
            if !output.is_empty() {
                counts.reordered += 1;
            }
            output.extend(delayed);
        }
        output
    }
}
