//! A long-lived subscriber over WebSocket or event stream, which reconnects and resumes after each lost
//! connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use gigway::events::cursor::Cursor;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::task::AbortOnDropHandle;

use super::client::error_codes;
use super::event_stream::EventStream;

/// Pause before reconnecting, unless the gateway sets another.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Time limit of connecting, after which the connection counts as lost.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    EventStream,
}

/// What to subscribe to, where, and with which credentials.
pub struct SubscriberOptions {
    pub address: SocketAddr,
    pub transport: Transport,
    pub token: Option<String>,
    /// Has the variable `$after`.
    pub query: String,
    pub variables: Value,
}

/// A received event.
#[derive(Debug)]
pub struct ReceivedEvent {
    pub position: i64,
    pub gig_id: String,
    /// `None` if the subscription does not select it.
    pub version: Option<i64>,
    pub delivery: String,
}

/// What a subscriber has received.
#[derive(Debug, Default)]
pub struct SubscriberState {
    pub snapshot: Option<ReceivedEvent>,
    pub events: Vec<ReceivedEvent>,
    /// How often it has connected.
    pub connections: usize,
    /// Why the last connection was lost.
    pub last_disconnect: Option<String>,
    /// A violation of the protocol, after which the subscriber stops.
    pub violation: Option<String>,
    cursor: Option<String>,
    retry: Option<Duration>,
}

/// Subscribes until it is dropped.
pub struct Subscriber {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    options: SubscriberOptions,
    state: Mutex<SubscriberState>,
    is_reading: watch::Sender<bool>,
}

/// Why a connection has ended.
enum Disconnect {
    /// Reconnect and resume.
    Lost(String),
    Violation(String),
}

impl From<tungstenite::Error> for Disconnect {
    fn from(error: tungstenite::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<reqwest::Error> for Disconnect {
    fn from(error: reqwest::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Subscriber {
    pub fn start(options: SubscriberOptions) -> Self {
        let shared =
            Arc::new(Shared { options, state: Mutex::default(), is_reading: watch::Sender::new(true) });
        let task = tokio::spawn(run(Arc::clone(&shared)));
        Self { shared, _task: AbortOnDropHandle::new(task) }
    }

    /// Stops reading from the connection, so that the gateway cannot send.
    pub fn stop_reading(&self) {
        self.shared.is_reading.send_replace(false);
    }

    pub fn resume_reading(&self) {
        self.shared.is_reading.send_replace(true);
    }

    pub fn state(&self) -> MutexGuard<'_, SubscriberState> {
        self.shared.state()
    }
}

async fn run(shared: Arc<Shared>) {
    loop {
        let result = match shared.options.transport {
            Transport::WebSocket => read_websocket(&shared).await,
            Transport::EventStream => read_event_stream(&shared).await,
        };
        let Err(disconnect) = result;
        let delay = {
            let mut state = shared.state();
            match disconnect {
                Disconnect::Lost(reason) => state.last_disconnect = Some(reason),
                Disconnect::Violation(violation) => {
                    state.violation = Some(violation);
                    return;
                }
            }
            state.retry.unwrap_or(RETRY_DELAY)
        };
        tokio::time::sleep(delay).await;
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn read_websocket(shared: &Shared) -> Result<Infallible, Disconnect> {
    let options = &shared.options;
    let mut request = format!("ws://{}/graphql", options.address).into_client_request()?;
    let subprotocol = "graphql-transport-ws".parse().expect("a header value");
    request.headers_mut().insert("sec-websocket-protocol", subprotocol);
    let (mut socket, _) = with_connect_timeout(connect_async(request)).await??;
    let payload = options.token.as_ref().map(|token| json!({ "authorization": format!("Bearer {token}") }));
    send(&mut socket, json!({ "type": "connection_init", "payload": payload })).await?;
    loop {
        shared.wait_until_reading().await;
        let message =
            socket.next().await.ok_or_else(|| Disconnect::Lost("the socket has ended".to_owned()))??;
        let text = match message {
            Message::Text(text) => text,
            Message::Close(frame) => return Err(close_reason(frame)),
            _ => continue,
        };
        let message: Value =
            serde_json::from_str(&text).map_err(|_| Disconnect::Violation(text.as_str().to_owned()))?;
        match message["type"].as_str() {
            Some("connection_ack") => {
                shared.state().connections += 1;
                let payload = json!({ "query": options.query, "variables": shared.variables() });
                send(&mut socket, json!({ "type": "subscribe", "id": "1", "payload": payload })).await?;
            }
            Some("ping") => send(&mut socket, json!({ "type": "pong" })).await?,
            Some("next") => shared.record(&message["payload"], None)?,
            Some("error") => return Err(error_reason(&json!({ "errors": message["payload"] }))),
            Some("complete") => return Err(Disconnect::Violation("the operation was completed".to_owned())),
            _ => return Err(Disconnect::Violation(message.to_string())),
        }
    }
}

async fn send(socket: &mut Socket, message: Value) -> Result<(), Disconnect> {
    Ok(socket.send(Message::text(message.to_string())).await?)
}

/// Codes of the subprotocol (from 4000) mean a client error. After any other code, the client may reconnect.
fn close_reason(frame: Option<tungstenite::protocol::CloseFrame>) -> Disconnect {
    let Some(frame) = frame else { return Disconnect::Lost("closed".to_owned()) };
    let code = u16::from(frame.code);
    let reason = format!("closed by {code}: {}", frame.reason);
    if code >= 4000 { Disconnect::Violation(reason) } else { Disconnect::Lost(reason) }
}

/// Reconnects as browsers do: with the same request, and the last event id in a header.
async fn read_event_stream(shared: &Shared) -> Result<Infallible, Disconnect> {
    let options = &shared.options;
    let http = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).build()?;
    let mut request = http
        .post(format!("http://{}/graphql", options.address))
        .header("accept", "text/event-stream")
        .json(&json!({ "query": options.query, "variables": options.variables }));
    if let Some(token) = &options.token {
        request = request.bearer_auth(token);
    }
    let last = shared.state().cursor.clone();
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = with_connect_timeout(request.send()).await??;
    if response.status() != 200 {
        let response: Value = response.json().await?;
        return Err(error_reason(&response));
    }
    shared.state().connections += 1;
    let mut stream = EventStream::new(response);
    loop {
        shared.wait_until_reading().await;
        let event =
            stream.next().await?.ok_or_else(|| Disconnect::Lost("the stream has ended".to_owned()))?;
        shared.state().retry = stream.retry;
        match event.name.as_str() {
            "next" => {
                let response = serde_json::from_str(&event.data)
                    .map_err(|_| Disconnect::Violation(event.data.clone()))?;
                shared.record(&response, Some(&event.id))?;
            }
            "complete" => return Err(Disconnect::Violation("the operation was completed".to_owned())),
            _ => return Err(Disconnect::Violation(format!("{event:?}"))),
        }
    }
}

async fn with_connect_timeout<T>(connect: impl Future<Output = T>) -> Result<T, Disconnect> {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connect).await;
    connected.map_err(|_| Disconnect::Lost(format!("no connection within {CONNECT_TIMEOUT:?}")))
}

/// The database may be down for a while. Any other error is a violation.
fn error_reason(response: &Value) -> Disconnect {
    let codes = error_codes(response);
    if !codes.is_empty() && codes.iter().all(|code| code == "SERVICE_UNAVAILABLE") {
        Disconnect::Lost("the service is unavailable".to_owned())
    } else {
        Disconnect::Violation(response.to_string())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, SubscriberState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_until_reading(&self) {
        // Never fails, because `self` owns the sender.
        self.is_reading.subscribe().wait_for(|is_reading| *is_reading).await.ok();
    }

    /// The variables, with the cursor of the last event.
    fn variables(&self) -> Value {
        let mut variables = self.options.variables.clone();
        if let Some(cursor) = &self.state().cursor {
            variables["after"] = json!(cursor);
        }
        variables
    }

    /// Records an event. `id` is its id in an event stream.
    fn record(&self, response: &Value, id: Option<&str>) -> Result<(), Disconnect> {
        if response.get("errors").is_some() {
            return Err(error_reason(response));
        }
        let violation = |what: &str| Err(Disconnect::Violation(format!("{what}: {response}")));
        let event =
            response["data"].as_object().and_then(|data| data.values().next()).unwrap_or(&Value::Null);
        let field = |name: &str| event[name].as_str().map(str::to_owned);
        let (Some(cursor), Some(gig_id), Some(delivery)) =
            (field("cursor"), field("gigId"), field("delivery"))
        else {
            return violation("not an event");
        };
        let Some(Cursor { position, .. }) = Cursor::decode(&cursor) else {
            return violation("an invalid cursor");
        };
        if id.is_some_and(|id| id != cursor) {
            return violation("the id is not the cursor");
        }
        let mut state = self.state();
        let is_first = state.cursor.replace(cursor).is_none();
        let received = ReceivedEvent { position, gig_id, version: event["version"].as_i64(), delivery };
        if received.delivery != "SNAPSHOT" {
            state.events.push(received);
        } else if is_first {
            state.snapshot = Some(received);
        } else {
            return violation("a snapshot after the first event");
        }
        Ok(())
    }
}
