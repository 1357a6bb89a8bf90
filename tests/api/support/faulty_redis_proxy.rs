//! A way to Redis that loses, repeats and reorders the messages of its channels, and nothing else.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// How a message of a channel begins, as Redis sends it.
const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n";

/// What was done to messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub dropped: usize,
    pub repeated: usize,
    pub reordered: usize,
}

pub struct FaultyRedisProxy {
    address: SocketAddr,
    tally: Arc<Mutex<Tally>>,
}

impl FaultyRedisProxy {
    /// To the Redis of that address; of the same seed, each connection has the same luck.
    pub async fn to(redis_url: &str, seed: u64) -> Self {
        let server = redis_url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let tally = Arc::new(Mutex::new(Tally::default()));
        let counted = Arc::clone(&tally);
        tokio::spawn(async move {
            let mut seed = seed;
            while let Ok((client, _)) = listener.accept().await {
                let chance = StdRng::seed_from_u64(seed);
                seed = seed.wrapping_add(1);
                let fate = Fate { chance, held: None, tally: Arc::clone(&counted) };
                tokio::spawn(pass_on(client, server.clone(), fate));
            }
        });
        Self { address, tally }
    }

    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pass_on(client: TcpStream, server: String, fate: Fate) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        _ = deliver(from_server, to_client, fate) => {}
    }
}

/// Hands on what the server says, frame by frame.
async fn deliver(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, mut fate: Fate) -> io::Result<()> {
    let mut bytes = Vec::new();
    while server.read_buf(&mut bytes).await? > 0 {
        while let Some(length) = frame_length(&bytes) {
            let frame = bytes.drain(..length).collect();
            client.write_all(&fate.of(frame)).await?;
        }
    }
    Ok(())
}

/// How long the frame is that these bytes begin with; `None` while it is not whole.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    // Of a string how many bytes, of a list how many frames follow; -1 stands for one that is not there.
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

/// What becomes of the messages of one connection.
struct Fate {
    chance: StdRng,
    held: Option<Vec<u8>>,
    tally: Arc<Mutex<Tally>>,
}

impl Fate {
    /// What goes out for this frame: of ten messages, one never, one twice, and one behind the next.
    fn of(&mut self, frame: Vec<u8>) -> Vec<u8> {
        if !frame.starts_with(MESSAGE) {
            return frame;
        }
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.held.take();
        let mut out = match self.chance.random_range(0..10) {
            0 => {
                tally.dropped += 1;
                Vec::new()
            }
            1 => {
                tally.repeated += 1;
                frame.repeat(2)
            }
            2 => {
                self.held = Some(frame);
                Vec::new()
            }
            _ => frame,
        };
        if let Some(held) = held {
            if !out.is_empty() {
                tally.reordered += 1;
            }
            out.extend(held);
        }
        out
    }
}
