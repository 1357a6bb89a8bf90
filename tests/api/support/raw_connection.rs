//! A connection that a test writes to byte by byte: HTTP clients neither stop in the middle nor refuse to read.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Time limit of a wait.
const TIMEOUT: Duration = Duration::from_secs(30);

pub struct RawConnection(TcpStream);

impl RawConnection {
    pub async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    /// A connection from another address of this machine.
    pub async fn open_from(source: [u8; 4], address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((source, 0))).expect("an address of this machine");
        Self(socket.connect(address).await.expect("a connection"))
    }

    /// A connection whose client can receive only about this many bytes that it does not read. Otherwise the kernel
    /// may receive many megabytes ahead.
    pub async fn open_with_buffer(bytes: u32, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a buffer");
        Self(socket.connect(address).await.expect("a connection"))
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = timeout(TIMEOUT, self.0.write_all(bytes.as_ref())).await;
        sent.expect("the gateway receives").expect("an open connection");
    }

    /// Sends bytes. Returns `false` if the gateway does not receive them any more.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let sent = timeout(TIMEOUT, self.0.write_all(bytes.as_ref())).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Receives this number of bytes.
    pub async fn skip(&mut self, count: usize) {
        let mut bytes = vec![0; count];
        timeout(TIMEOUT, self.0.read_exact(&mut bytes)).await.expect("bytes").expect("so many");
    }

    /// Some of what has come, at least one byte.
    pub async fn read_some(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        let count = timeout(TIMEOUT, self.0.read_buf(&mut received)).await.expect("bytes");
        assert!(count.expect("an open connection") > 0, "the connection has ended");
        received
    }

    /// What comes until the gateway closes the connection.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        let end = timeout(TIMEOUT, self.0.read_to_end(&mut received)).await.expect("an end");
        end.unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&received)));
        received
    }

    /// What comes until the gateway closes the connection, as text.
    pub async fn read_text(&mut self) -> String {
        String::from_utf8_lossy(&self.read_to_end().await).into_owned()
    }

    /// The head of a response.
    pub async fn read_head(&mut self) -> String {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            let byte = timeout(TIMEOUT, self.0.read_u8()).await.expect("a response").expect("a whole head");
            received.push(byte);
        }
        String::from_utf8_lossy(&received).into_owned()
    }

    /// Opens a WebSocket. Returns after the response to the upgrade.
    pub async fn upgrade(&mut self) {
        self.send(
            "GET /graphql HTTP/1.1\r\nhost: gigway\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: graphql-transport-ws\r\n\r\n",
        )
        .await;
        // The gateway sends nothing more by itself.
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            let count = timeout(TIMEOUT, self.0.read_buf(&mut received)).await.expect("a response");
            assert!(count.expect("an open connection") > 0, "{}", String::from_utf8_lossy(&received));
        }
        assert!(received.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&received));
    }

    /// Opens a WebSocket, and initializes it without credentials.
    pub async fn upgrade_and_init(&mut self) {
        self.upgrade().await;
        self.send(frame(0x81, br#"{"type":"connection_init"}"#)).await;
        let mut ack = [0; 2];
        self.0.read_exact(&mut ack).await.expect("a frame");
        let mut text = vec![0; usize::from(ack[1])];
        self.0.read_exact(&mut text).await.expect("a message");
        assert!(String::from_utf8_lossy(&text).contains("connection_ack"));
    }
}

/// The head of a request with a body. `headers` end with a line break.
pub fn head(method_and_path: &str, headers: &str, length: usize) -> String {
    format!("{method_and_path} HTTP/1.1\r\nhost: gigway\r\n{headers}content-length: {length}\r\n\r\n")
}

/// A WebSocket frame of a client. `first` is its first byte: whether it is the last of its message, and the
/// opcode.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [frame_head(first, payload.len()), payload.to_vec()].concat()
}

/// The head of a WebSocket frame. The mask is zero.
pub fn frame_head(first: u8, length: usize) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..126 => head.push(0x80 | u8::try_from(length).expect("small")),
        126..65536 => {
            head.push(0x80 | 0x7e);
            head.extend(u16::try_from(length).expect("small").to_be_bytes());
        }
        _ => {
            head.push(0x80 | 127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head.extend([0; 4]);
    head
}
