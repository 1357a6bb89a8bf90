//! A WebSocket client with small buffers, so that thousands of clients fit on the machine of the servers.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Result;

/// The acknowledgement of the baseline server.
pub const ACKNOWLEDGED: &str = r#"{"type":"connection_ack"}"#;

/// The start of an acknowledgement. That of gigway has a payload.
const ACKNOWLEDGED_PREFIX: &str = r#"{"type":"connection_ack""#;

const BUFFER_BYTES: usize = 2048;
const PING: &str = r#"{"type":"ping"}"#;
const PONG: &str = r#"{"type":"pong"}"#;
const NEXT: &str = r#"{"type":"next""#;

/// A subscription at a server.
#[derive(Debug, Clone)]
pub enum Subscription {
    Gigway {
        address: String,
        token: String,
        query: &'static str,
        variables: Value,
        /// Whether the first message is a snapshot.
        has_snapshot: bool,
    },
    Baseline {
        address: String,
        path: &'static str,
    },
}

/// A socket with one subscription.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Subscription {
    /// Opens a socket, subscribes, and reads the snapshot if there is one.
    pub async fn open(&self) -> Result<Socket> {
        match self {
            Self::Baseline { address, path } => {
                let mut socket = Socket::connect(address, path, None).await?;
                socket.expect_acknowledgement().await?;
                Ok(socket)
            }
            Self::Gigway { address, token, query, variables, has_snapshot } => {
                let mut socket = Socket::connect(address, "/graphql", Some("graphql-transport-ws")).await?;
                let credentials = json!({ "authorization": format!("Bearer {token}") });
                socket.send(&json!({ "type": "connection_init", "payload": credentials })).await?;
                socket.expect_acknowledgement().await?;
                let payload = json!({ "query": query, "variables": variables });
                socket.send(&json!({ "type": "subscribe", "id": "1", "payload": payload })).await?;
                if *has_snapshot {
                    socket.next_event().await?;
                }
                Ok(socket)
            }
        }
    }
}

impl Socket {
    async fn connect(address: &str, path: &str, subprotocol: Option<&'static str>) -> Result<Self> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        if let Some(name) = subprotocol {
            request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(name));
        }
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        let config =
            WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
        let (stream, _) = client_async_with_config(request, connection, Some(config)).await?;
        Ok(Self { stream })
    }

    async fn send(&mut self, message: &Value) -> Result<()> {
        self.stream.send(Message::text(message.to_string())).await?;
        Ok(())
    }

    async fn expect_acknowledgement(&mut self) -> Result<()> {
        let text = self.next_message().await?;
        if text.starts_with(ACKNOWLEDGED_PREFIX) { Ok(()) } else { Err(unexpected(&text)) }
    }

    /// The next event as text. Not parsed as JSON, which would cost more than the work of the servers.
    pub async fn next_event(&mut self) -> Result<Utf8Bytes> {
        let text = self.next_message().await?;
        let is_event = text.starts_with(NEXT) && !text.contains(r#""errors""#);
        if is_event { Ok(text) } else { Err(unexpected(&text)) }
    }

    /// The next message other than a ping. Answers pings.
    async fn next_message(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) if text.as_str() == PING => {
                    self.stream.send(Message::text(PONG)).await?;
                }
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => {
                    return Err(format!("the socket was closed: {frame:?}").into());
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err("the socket was closed".into()),
            }
        }
    }
}

/// The part of `text` after `prefix`, up to the next quotation mark.
pub fn text_after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(prefix)?;
    rest.split_once('"').map(|(value, _)| value)
}

fn unexpected(text: &str) -> crate::BoxError {
    format!("an unexpected message: {text}").into()
}
