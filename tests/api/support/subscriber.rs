//! Somebody who follows a subscription for long, over either transport, and comes back after each loss.

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

/// How long to wait before connecting again, where the gateway asks for nothing else.
const RETRY: Duration = Duration::from_millis(100);

/// A connection that takes longer counts as lost.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    WebSocket,
    EventStream,
}

/// What to follow, where, and as whom.
pub struct Wish {
    pub address: SocketAddr,
    pub transport: Transport,
    pub token: Option<String>,
    /// Takes `$after`.
    pub query: String,
    pub variables: Value,
}

/// An event as it came.
#[derive(Debug)]
pub struct Noted {
    pub position: i64,
    pub gig_id: String,
    /// Where the events of the subscription have one.
    pub version: Option<i64>,
    pub delivery: String,
}

/// All that came.
#[derive(Debug, Default)]
pub struct Notes {
    pub snapshot: Option<Noted>,
    pub events: Vec<Noted>,
    /// How often it was connected.
    pub connections: usize,
    /// Why the last connection was lost.
    pub loss: Option<String>,
    /// What must not happen and did; then it follows no longer.
    pub fault: Option<String>,
    cursor: Option<String>,
    retry: Option<Duration>,
}

/// Follows until it is dropped.
pub struct Subscriber {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    wish: Wish,
    notes: Mutex<Notes>,
    reading: watch::Sender<bool>,
}

/// Why a connection has ended.
enum End {
    /// It was lost: connect again, and resume.
    Lost(String),
    Violation(String),
}

impl From<tungstenite::Error> for End {
    fn from(error: tungstenite::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl From<reqwest::Error> for End {
    fn from(error: reqwest::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Subscriber {
    pub fn start(wish: Wish) -> Self {
        let shared = Arc::new(Shared { wish, notes: Mutex::default(), reading: watch::Sender::new(true) });
        let task = tokio::spawn(follow(Arc::clone(&shared)));
        Self { shared, _task: AbortOnDropHandle::new(task) }
    }

    /// Leaves what comes in the connection, and lets the gateway wait.
    pub fn stop_reading(&self) {
        self.shared.reading.send_replace(false);
    }

    pub fn resume_reading(&self) {
        self.shared.reading.send_replace(true);
    }

    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.shared.state()
    }
}

async fn follow(shared: Arc<Shared>) {
    loop {
        let ended = match shared.wish.transport {
            Transport::WebSocket => over_socket(&shared).await,
            Transport::EventStream => over_event_stream(&shared).await,
        };
        let Err(end) = ended;
        let pause = {
            let mut notes = shared.state();
            match end {
                End::Lost(reason) => notes.loss = Some(reason),
                End::Violation(fault) => {
                    notes.fault = Some(fault);
                    return;
                }
            }
            notes.retry.unwrap_or(RETRY)
        };
        tokio::time::sleep(pause).await;
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn over_socket(shared: &Shared) -> Result<Infallible, End> {
    let wish = &shared.wish;
    let mut request = format!("ws://{}/graphql", wish.address).into_client_request()?;
    let subprotocol = "graphql-transport-ws".parse().expect("a header value");
    request.headers_mut().insert("sec-websocket-protocol", subprotocol);
    let (mut socket, _) = in_time(connect_async(request)).await??;
    let payload = wish.token.as_ref().map(|token| json!({ "authorization": format!("Bearer {token}") }));
    say(&mut socket, json!({ "type": "connection_init", "payload": payload })).await?;
    loop {
        shared.may_read().await;
        let message = socket.next().await.ok_or_else(|| End::Lost("the socket has ended".to_owned()))??;
        let text = match message {
            Message::Text(text) => text,
            Message::Close(frame) => return Err(closed(frame)),
            _ => continue,
        };
        let message: Value =
            serde_json::from_str(&text).map_err(|_| End::Violation(text.as_str().to_owned()))?;
        match message["type"].as_str() {
            Some("connection_ack") => {
                shared.state().connections += 1;
                let payload = json!({ "query": wish.query, "variables": shared.variables() });
                say(&mut socket, json!({ "type": "subscribe", "id": "1", "payload": payload })).await?;
            }
            Some("ping") => say(&mut socket, json!({ "type": "pong" })).await?,
            Some("next") => shared.note(&message["payload"], None)?,
            Some("error") => return Err(failed(&json!({ "errors": message["payload"] }))),
            Some("complete") => return Err(End::Violation("the operation was completed".to_owned())),
            _ => return Err(End::Violation(message.to_string())),
        }
    }
}

async fn say(socket: &mut Socket, message: Value) -> Result<(), End> {
    Ok(socket.send(Message::text(message.to_string())).await?)
}

/// The protocol's own codes say what the client got wrong; the others, that it may come back.
fn closed(frame: Option<tungstenite::protocol::CloseFrame>) -> End {
    let Some(frame) = frame else { return End::Lost("closed".to_owned()) };
    let code = u16::from(frame.code);
    let reason = format!("closed by {code}: {}", frame.reason);
    if code >= 4000 { End::Violation(reason) } else { End::Lost(reason) }
}

/// As a browser does it: the same request each time, and the last event's id in a header.
async fn over_event_stream(shared: &Shared) -> Result<Infallible, End> {
    let wish = &shared.wish;
    let http = reqwest::Client::builder().connect_timeout(CONNECT_WITHIN).build()?;
    let mut request = http
        .post(format!("http://{}/graphql", wish.address))
        .header("accept", "text/event-stream")
        .json(&json!({ "query": wish.query, "variables": wish.variables }));
    if let Some(token) = &wish.token {
        request = request.bearer_auth(token);
    }
    let last = shared.state().cursor.clone();
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = in_time(request.send()).await??;
    if response.status() != 200 {
        let answer: Value = response.json().await?;
        return Err(failed(&answer));
    }
    shared.state().connections += 1;
    let mut stream = EventStream::new(response);
    loop {
        shared.may_read().await;
        let event = stream.next().await?.ok_or_else(|| End::Lost("the stream has ended".to_owned()))?;
        shared.state().retry = stream.retry;
        match event.name.as_str() {
            "next" => {
                let answer =
                    serde_json::from_str(&event.data).map_err(|_| End::Violation(event.data.clone()))?;
                shared.note(&answer, Some(&event.id))?;
            }
            "complete" => return Err(End::Violation("the operation was completed".to_owned())),
            _ => return Err(End::Violation(format!("{event:?}"))),
        }
    }
}

async fn in_time<T>(connecting: impl Future<Output = T>) -> Result<T, End> {
    let connected = tokio::time::timeout(CONNECT_WITHIN, connecting).await;
    connected.map_err(|_| End::Lost(format!("no connection within {CONNECT_WITHIN:?}")))
}

/// What an answer with errors is: the database may be away for a while, and nothing else may go wrong.
fn failed(answer: &Value) -> End {
    let codes = error_codes(answer);
    if !codes.is_empty() && codes.iter().all(|code| code == "SERVICE_UNAVAILABLE") {
        End::Lost("the service is not available".to_owned())
    } else {
        End::Violation(answer.to_string())
    }
}

impl Shared {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn may_read(&self) {
        // The sender is here, so there is always somebody to wait for.
        self.reading.subscribe().wait_for(|reading| *reading).await.ok();
    }

    /// The variables, which resume behind the last event, where there was one.
    fn variables(&self) -> Value {
        let mut variables = self.wish.variables.clone();
        if let Some(cursor) = &self.state().cursor {
            variables["after"] = json!(cursor);
        }
        variables
    }

    /// Writes down an event, which has this id in its stream.
    fn note(&self, answer: &Value, id: Option<&str>) -> Result<(), End> {
        if answer.get("errors").is_some() {
            return Err(failed(answer));
        }
        let fault = |what: &str| Err(End::Violation(format!("{what}: {answer}")));
        let event = answer["data"].as_object().and_then(|data| data.values().next()).unwrap_or(&Value::Null);
        let field = |name: &str| event[name].as_str().map(str::to_owned);
        let (Some(cursor), Some(gig_id), Some(delivery)) =
            (field("cursor"), field("gigId"), field("delivery"))
        else {
            return fault("it is no event");
        };
        let Some(Cursor { position, .. }) = Cursor::decode(&cursor) else {
            return fault("its cursor is none");
        };
        if id.is_some_and(|id| id != cursor) {
            return fault("its id is not its cursor");
        }
        let mut notes = self.state();
        let first = notes.cursor.replace(cursor).is_none();
        let told = Noted { position, gig_id, version: event["version"].as_i64(), delivery };
        if told.delivery != "SNAPSHOT" {
            notes.events.push(told);
        } else if first {
            notes.snapshot = Some(told);
        } else {
            return fault("a snapshot, and not first");
        }
        Ok(())
    }
}
