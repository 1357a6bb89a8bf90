//! A WebSocket client of the graphql-transport-ws protocol.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Time limit of a wait.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long [`Socket::expect_silence`] waits.
const SILENCE: Duration = Duration::from_millis(300);

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Received messages of other operations.
    buffered: Vec<Value>,
}

impl Socket {
    /// Opens a socket with this subprotocol and these headers, and sends nothing.
    pub async fn connect(
        address: SocketAddr,
        subprotocol: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        if let Some(subprotocol) = subprotocol {
            let value = subprotocol.parse().expect("a header value");
            request.headers_mut().insert("sec-websocket-protocol", value);
        }
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self { stream, buffered: Vec::new() })
    }

    /// Opens a socket without `connection_init`.
    pub async fn open_without_init(address: SocketAddr) -> Self {
        Self::connect(address, Some("graphql-transport-ws"), &[]).await.expect("a socket")
    }

    /// Opens a socket and initializes it with a token.
    pub async fn open(address: SocketAddr, token: Option<&str>) -> Self {
        let mut socket = Self::open_without_init(address).await;
        socket.send_connection_init(token).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }

    pub async fn send_connection_init(&mut self, token: Option<&str>) {
        let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
        self.send(json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("an open socket");
    }

    pub async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.stream.send(Message::binary(bytes)).await.expect("an open socket");
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    pub async fn complete(&mut self, id: &str) {
        self.send(json!({ "type": "complete", "id": id })).await;
    }

    /// The next message of any operation.
    pub async fn receive(&mut self) -> Value {
        if !self.buffered.is_empty() {
            return self.buffered.remove(0);
        }
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("{other:?} is not a text message"),
        }
    }

    /// The next message of any operation, or the code with which the gateway closes the socket.
    pub async fn receive_or_close(&mut self) -> Result<Value, u16> {
        match self.frame().await {
            Message::Text(text) => Ok(serde_json::from_str(&text).expect("JSON")),
            Message::Close(frame) => Err(frame.expect("a code").code.into()),
            other => panic!("{other:?} is neither a text message nor a close frame"),
        }
    }

    /// Waits until the gateway closes the socket. Returns the code and the reason.
    pub async fn expect_close(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.frame().await {
                let frame = frame.expect("a code");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    /// All further messages of operations until the gateway closes the socket, and the code.
    pub async fn messages_until_close(&mut self) -> (Vec<Value>, u16) {
        let mut messages = std::mem::take(&mut self.buffered);
        loop {
            match self.frame().await {
                Message::Close(frame) => return (messages, frame.expect("a code").code.into()),
                Message::Text(text) => messages.push(serde_json::from_str(&text).expect("JSON")),
                other => panic!("{other:?} is not a text message"),
            }
        }
    }

    /// Waits until the connection ends without a close frame.
    pub async fn expect_end(&mut self) {
        let frame = tokio::time::timeout(TIMEOUT, self.stream.next()).await.expect("an end");
        assert!(!matches!(frame, Some(Ok(_))), "{frame:?}");
    }

    async fn frame(&mut self) -> Message {
        let frame = tokio::time::timeout(TIMEOUT, self.stream.next()).await;
        let frame = frame.unwrap_or_else(|_| panic!("nothing received within {TIMEOUT:?}"));
        frame.expect("an open socket").expect("a frame")
    }

    /// The next message of this operation.
    pub async fn receive_for(&mut self, id: &str) -> Value {
        if let Some(index) = self.buffered.iter().position(|message| message["id"] == id) {
            return self.buffered.remove(index);
        }
        let mut others = Vec::new();
        let message = loop {
            match self.frame().await {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    if message["id"] == id {
                        break message;
                    }
                    others.push(message);
                }
                other => panic!("{other:?} is not a text message"),
            }
        };
        self.buffered.extend(others);
        message
    }

    /// The next event of a subscription.
    pub async fn next_event(&mut self, id: &str) -> Value {
        let mut message = self.receive_for(id).await;
        assert_eq!(message["type"], "next", "{message:#}");
        assert!(message["payload"].get("errors").is_none(), "{message:#}");
        let Value::Object(data) = message["payload"]["data"].take() else { panic!("{message:#}") };
        data.into_iter().next().expect("one field").1
    }

    /// Waits for the `error` message that ends an operation. Returns the error codes.
    pub async fn expect_error(&mut self, id: &str) -> Vec<String> {
        let message = self.receive_for(id).await;
        assert_eq!(message["type"], "error", "{message:#}");
        let errors = message["payload"].as_array().expect("a list").clone();
        errors.iter().map(|error| super::client::text(&error["extensions"]["code"])).collect()
    }

    /// Asserts that no message of this operation comes for a while.
    pub async fn expect_silence(&mut self, id: &str) {
        let next = tokio::time::timeout(SILENCE, self.receive_for(id)).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// Closes the socket.
    pub async fn close(mut self) {
        self.stream.close(None).await.ok();
    }
}
