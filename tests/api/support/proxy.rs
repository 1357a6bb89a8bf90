//! A TCP proxy that a test can cut and restore, and waiting for a condition.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a server, except while it is cut.
pub struct Proxy {
    pub address: SocketAddr,
    is_up: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// Starts a proxy to the server at this address.
    pub async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let is_up = Arc::new(watch::Sender::new(true));
        let state = is_up.subscribe();
        tokio::spawn(async move {
            loop {
                let Ok((mut client, _)) = listener.accept().await else { return };
                let (server, mut state) = (server.clone(), state.clone());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let Ok(mut server) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = state.wait_for(|is_up| !is_up) => {}
                    }
                });
            }
        });
        Self { address, is_up }
    }

    /// Closes all connections, and rejects new ones.
    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }

    /// Accepts connections again.
    pub fn restore(&self) {
        self.is_up.send_replace(true);
    }
}

/// Waits until the condition holds. Panics after 10 seconds.
pub async fn wait_until<F: AsyncFnMut() -> bool>(what: &str, mut condition: F) {
    for _ in 0..400 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not within 10 seconds: {what}");
}
