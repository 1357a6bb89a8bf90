//! A client over WebSocket, by graphql-transport-ws.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// What a test waits for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing must come, where nothing is to come.
const SILENCE: Duration = Duration::from_millis(300);

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Messages about other operations than the one waited for.
    kept: Vec<Value>,
}

impl Socket {
    /// A socket that has said nothing yet, of that subprotocol.
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
        Ok(Self { stream, kept: Vec::new() })
    }

    /// A socket whose client has not introduced itself.
    pub async fn silent(address: SocketAddr) -> Self {
        Self::connect(address, Some("graphql-transport-ws"), &[]).await.expect("a socket")
    }

    /// A socket that is acknowledged.
    pub async fn open(address: SocketAddr, token: Option<&str>) -> Self {
        let mut socket = Self::open_without_init(address).await;
        socket.send_connection_init(token).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        socket
    }

    pub async fn introduce(&mut self, token: Option<&str>) {
        let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
        self.send(json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub async fn say(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("an open socket");
    }

    pub async fn say_binary(&mut self, bytes: &'static [u8]) {
        self.stream.send(Message::binary(bytes)).await.expect("an open socket");
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    pub async fn complete(&mut self, id: &str) {
        self.send(json!({ "type": "complete", "id": id })).await;
    }

    /// The next message, whatever it is about.
    pub async fn receive(&mut self) -> Value {
        if !self.kept.is_empty() {
            return self.kept.remove(0);
        }
        match self.frame().await {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("{other:?} is no message"),
        }
    }

    /// The code and reason that it is closed with.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(frame) = self.frame().await {
                let frame = frame.expect("a code");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    /// The connection ends without a close.
    pub async fn expect_end(&mut self) {
        let frame = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("an end");
        assert!(!matches!(frame, Some(Ok(_))), "{frame:?}");
    }

    async fn frame(&mut self) -> Message {
        let frame = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        let frame = frame.unwrap_or_else(|_| panic!("nothing came within {PATIENCE:?}"));
        frame.expect("an open socket").expect("a frame")
    }

    /// The next message about that operation.
    pub async fn about(&mut self, id: &str) -> Value {
        if let Some(found) = self.kept.iter().position(|message| message["id"] == id) {
            return self.kept.remove(found);
        }
        let mut others = Vec::new();
        let found = loop {
            match self.frame().await {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    if message["id"] == id {
                        break message;
                    }
                    others.push(message);
                }
                other => panic!("{other:?} is no message"),
            }
        };
        self.kept.extend(others);
        found
    }

    /// The next event of a subscription with one field.
    pub async fn event(&mut self, id: &str) -> Value {
        let mut message = self.receive_for(id).await;
        assert_eq!(message["type"], "next", "{message:#}");
        assert!(message["payload"].get("errors").is_none(), "{message:#}");
        let Value::Object(data) = message["payload"]["data"].take() else { panic!("{message:#}") };
        data.into_iter().next().expect("one field").1
    }

    /// The codes of the `error` that ends an operation.
    pub async fn failure(&mut self, id: &str) -> Vec<String> {
        let message = self.receive_for(id).await;
        assert_eq!(message["type"], "error", "{message:#}");
        let errors = message["payload"].as_array().expect("a list").clone();
        errors.iter().map(|error| super::client::text(&error["extensions"]["code"])).collect()
    }

    /// Nothing about that operation comes for a while.
    pub async fn expect_silence(&mut self, id: &str) {
        let next = tokio::time::timeout(SILENCE, self.receive_for(id)).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// Goes without a word.
    pub async fn leave(mut self) {
        self.stream.close(None).await.ok();
    }
}
