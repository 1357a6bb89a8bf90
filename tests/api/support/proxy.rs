//! A TCP proxy that a test can cut and restore, and waiting for a condition.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Forwards connections to a server, except while it is cut.
pub struct Proxy {
    pub address: SocketAddr,
    is_up: Arc<watch::Sender<bool>>,
    delay: Arc<watch::Sender<Duration>>,
}

impl Proxy {
    /// Starts a proxy to the server at this address.
    pub async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let is_up = Arc::new(watch::Sender::new(true));
        let state = is_up.subscribe();
        let delay = Arc::new(watch::Sender::new(Duration::ZERO));
        let answer_delay = delay.subscribe();
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { return };
                let (server, mut state, delay) = (server.clone(), state.clone(), answer_delay.clone());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    let no_delay = watch::Sender::new(Duration::ZERO).subscribe();
                    tokio::select! {
                        () = forward(from_client, to_server, no_delay) => {}
                        () = forward(from_server, to_client, delay) => {}
                        _ = state.wait_for(|is_up| !is_up) => {}
                    }
                });
            }
        });
        Self { address, is_up, delay }
    }

    /// Closes all connections, and rejects new ones.
    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }

    /// Delays each answer of the server.
    pub fn delay_answers(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    /// Accepts connections again.
    pub fn restore(&self) {
        self.is_up.send_replace(true);
    }
}

/// Copies bytes, each a delay after it has arrived.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: watch::Receiver<Duration>) {
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let due = Instant::now() + *delay.borrow();
            if sender.send((due, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}

/// Waits until the condition holds. Panics after 30 seconds.
pub async fn wait_until<F: AsyncFnMut() -> bool>(what: &str, mut condition: F) {
    for _ in 0..1200 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not within 30 seconds: {what}");
}
