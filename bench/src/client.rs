//! A WebSocket client: raw and with small buffers, so that thousands of them fit beside the servers.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Result;

/// What the server beside gigway says to a client that has introduced itself.
pub const ACKNOWLEDGED: &str = r#"{"type":"connection_ack"}"#;

/// How what gigway says begins: it has a payload.
const ACKNOWLEDGED_BEGINS: &str = r#"{"type":"connection_ack""#;

const BUFFER_BYTES: usize = 2048;
const PING: &str = r#"{"type":"ping"}"#;
const PONG: &str = r#"{"type":"pong"}"#;
const NEXT: &str = r#"{"type":"next""#;

/// What to be told, and by whom.
#[derive(Debug, Clone)]
pub enum Subscription {
    Gigway {
        address: String,
        token: String,
        query: &'static str,
        variables: Value,
        /// Whether it begins with the subject as it stands.
        snapshot: bool,
    },
    Bare {
        address: String,
        path: &'static str,
    },
}

/// A socket with one subscription.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Subscription {
    /// A socket that has subscribed, and has taken the snapshot where one comes.
    pub async fn open(&self) -> Result<Socket> {
        match self {
            Self::Bare { address, path } => {
                let mut socket = Socket::connect(address, path, None).await?;
                socket.acknowledged().await?;
                Ok(socket)
            }
            Self::Gigway { address, token, query, variables, snapshot } => {
                let mut socket = Socket::connect(address, "/graphql", Some("graphql-transport-ws")).await?;
                let introduction = json!({ "authorization": format!("Bearer {token}") });
                socket.say(&json!({ "type": "connection_init", "payload": introduction })).await?;
                socket.acknowledged().await?;
                let payload = json!({ "query": query, "variables": variables });
                socket.say(&json!({ "type": "subscribe", "id": "1", "payload": payload })).await?;
                if *snapshot {
                    socket.event().await?;
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

    async fn say(&mut self, message: &Value) -> Result<()> {
        self.stream.send(Message::text(message.to_string())).await?;
        Ok(())
    }

    async fn acknowledged(&mut self) -> Result<()> {
        let text = self.text().await?;
        if text.starts_with(ACKNOWLEDGED_BEGINS) { Ok(()) } else { Err(unexpected(&text)) }
    }

    /// The next event, as the server wrote it. Not read as JSON: that would cost more than the servers do.
    pub async fn event(&mut self) -> Result<Utf8Bytes> {
        let text = self.text().await?;
        let good = text.starts_with(NEXT) && !text.contains(r#""errors""#);
        if good { Ok(text) } else { Err(unexpected(&text)) }
    }

    /// The next message but pings, which are answered.
    async fn text(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) if text.as_str() == PING => {
                    self.stream.send(Message::text(PONG)).await?;
                }
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(frame))) => return Err(format!("it was closed: {frame:?}").into()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Err("it was closed".into()),
            }
        }
    }
}

/// What stands in `text` behind `begin`, up to the next quotation mark.
pub fn quoted<'a>(text: &'a str, begin: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once('"').map(|(found, _)| found)
}

fn unexpected(text: &str) -> crate::Failure {
    format!("an unexpected message: {text}").into()
}
