//! One client's socket, from its first message to its close.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::extract::ws::{Message, WebSocket};
use futures_util::stream::{self, SplitSink};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::operation::{Operation, Outgoing};
use super::protocol::{ClientMessage, Close, ServerMessage};
use crate::domain::event::{EventBody, Topic};
use crate::domain::user::Viewer;
use crate::graphql::Caller;
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::execution::{Origin, execute, execute_stream};
use crate::http::Edge;
use crate::http::graphql::{failed, operation};
use crate::live::stream::EventStream;
use crate::service::{self, accounts};

/// How long a client may take to introduce itself.
const INIT_WITHIN: Duration = Duration::from_secs(3);

/// How often to ask whether the client is still there. A peer that has said nothing through two of these is not.
const PING_EVERY: Duration = Duration::from_secs(25);

/// The most operations of one socket at a time.
const OPERATIONS_MAX: usize = 100;

/// How long a client may take to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// How long to wait before looking again whether a session has ended, while the database is away.
const RETRY: Duration = Duration::from_millis(500);

/// Messages that may wait for one slow client; after that its operations wait, and the log keeps for them
/// what happens meanwhile.
const OUTBOX: usize = 16;

const SESSION_ENDED: &str = "The session has ended";

/// Resolves once the socket must close.
type Ending = Pin<Box<dyn Future<Output = Close> + Send>>;

pub(super) struct Connection {
    edge: Arc<Edge>,
    address: IpAddr,
    request_id: String,
    /// Who has introduced themselves.
    caller: Option<Caller>,
    operations: HashMap<String, Running>,
    runs: u64,
    outbox: mpsc::Sender<Outgoing>,
    outgoing: mpsc::Receiver<Outgoing>,
    ending: Ending,
}

struct Running {
    run: u64,
    _task: AbortOnDropHandle<()>,
}

impl Connection {
    pub fn new(edge: Arc<Edge>, address: IpAddr, request_id: String) -> Self {
        let (outbox, outgoing) = mpsc::channel(OUTBOX);
        let ending = Box::pin(going_away(Arc::clone(&edge)));
        Self {
            edge,
            address,
            request_id,
            caller: None,
            operations: HashMap::new(),
            runs: 0,
            outbox,
            outgoing,
            ending,
        }
    }

    /// Serves the client until it goes, or must go.
    pub async fn serve(mut self, socket: WebSocket) {
        let agreed = socket.protocol().is_some();
        let (mut sink, mut stream) = socket.split();
        let close = if agreed {
            self.talk(&mut sink, &mut stream).await
        } else {
            Some(Close::SubprotocolNotAcceptable)
        };
        // Nothing runs for nobody.
        self.operations.clear();
        let Some(close) = close else { return };
        tracing::debug!(?close, "closing");
        let farewell = async {
            sink.send(Message::Close(Some(close.frame()))).await.ok();
            // Its answer is awaited: a connection dropped before would take the close's code with it.
            while let Some(Ok(_)) = stream.next().await {}
        };
        tokio::time::timeout(CLOSE_WITHIN, farewell).await.ok();
    }

    /// Why to close it; `None` where the client is gone.
    async fn talk(
        &mut self,
        sink: &mut SplitSink<WebSocket, Message>,
        stream: &mut (impl StreamExt<Item = Result<Message, axum::Error>> + Unpin),
    ) -> Option<Close> {
        let mut patience = pin!(tokio::time::sleep(INIT_WITHIN));
        let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered = 0;
        loop {
            let said = tokio::select! {
                biased;
                close = &mut self.ending => Err(close),
                () = &mut patience, if self.caller.is_none() => Err(Close::InitTimeout),
                _ = ping.tick() => {
                    if unanswered == 2 {
                        return None;
                    }
                    unanswered += 1;
                    Ok(Some(ServerMessage::Ping.to_text()))
                }
                Some(outgoing) = self.outgoing.recv() => Ok(self.pass_on(outgoing)),
                message = stream.next() => {
                    unanswered = 0;
                    match message {
                        Some(Ok(message)) => self.hear(message).await,
                        Some(Err(_)) | None => return None,
                    }
                }
            };
            match said {
                Ok(None) => {}
                Ok(Some(text)) => tokio::select! {
                    biased;
                    close = &mut self.ending => return Some(close),
                    sent = sink.send(Message::text(text)) => sent.ok()?,
                },
                Err(close) => return Some(close),
            }
        }
    }

    /// The text to send, where its operation has not been completed meanwhile.
    fn pass_on(&mut self, outgoing: Outgoing) -> Option<String> {
        self.operations.get(&outgoing.id).filter(|running| running.run == outgoing.run)?;
        if outgoing.last {
            self.operations.remove(&outgoing.id);
        }
        Some(outgoing.text)
    }

    /// What to say to it at once.
    async fn hear(&mut self, message: Message) -> Result<Option<String>, Close> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Close::InvalidMessage("Messages are text".into())),
            // The library answers pings; a close ends the stream.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
        };
        let message = serde_json::from_str(&text)
            .map_err(|_| Close::InvalidMessage("Invalid message: none of this protocol's".into()))?;
        match message {
            ClientMessage::ConnectionInit { payload } => {
                self.introduce(payload.unwrap_or_default()).await?;
                Ok(Some(ServerMessage::ConnectionAck.to_text()))
            }
            ClientMessage::Ping { payload } => Ok(Some(ServerMessage::Pong { payload }.to_text())),
            ClientMessage::Pong {} => Ok(None),
            ClientMessage::Subscribe { id, payload } => self.begin(id, *payload).await,
            ClientMessage::Complete { id } => {
                self.operations.remove(&id);
                Ok(None)
            }
        }
    }

    /// Learns who this is.
    async fn introduce(&mut self, payload: Map<String, Value>) -> Result<(), Close> {
        if self.caller.is_some() {
            return Err(Close::TooManyInits);
        }
        let mut entries = payload.iter();
        let given = entries.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        // One that is no text is no good one.
        let authorization = given.map(|(_, value)| value.as_str().unwrap_or_default());
        let caller = caller_of(&self.edge, authorization).await?;
        if let Caller::Viewer(viewer) = &caller {
            let sessions = self.edge.services.streams.live(Topic::Sessions(viewer.id()));
            // Once more, now that nothing goes by unheard.
            caller_of(&self.edge, authorization).await?;
            self.ending = Box::pin(ending(Arc::clone(&self.edge), sessions, (**viewer).clone()));
        }
        self.caller = Some(caller);
        Ok(())
    }

    /// Begins an operation.
    async fn begin(&mut self, id: String, mut request: Request) -> Result<Option<String>, Close> {
        let caller = match self.caller.as_mut().ok_or(Close::Unauthorized)? {
            // The session may have ended, or the person may have another role by now.
            Caller::Viewer(viewer) => match accounts::look_again(&self.edge.services, viewer).await {
                Ok(now) => {
                    **viewer = now;
                    Caller::Viewer(viewer.clone())
                }
                Err(service::Error::Unauthenticated) => return Err(Close::Forbidden(SESSION_ENDED)),
                Err(_) => return Err(Close::TryAgainLater),
            },
            other => other.clone(),
        };
        if self.operations.contains_key(&id) {
            return Err(Close::SubscriberExists(id));
        }
        if self.operations.len() == OPERATIONS_MAX {
            let message = format!("A socket may have at most {OPERATIONS_MAX} operations at a time.");
            let refused = failed(&Error::new(ErrorCode::RateLimited, message));
            return Ok(Some(ServerMessage::Error { id: &id, payload: &refused.errors }.to_text()));
        }
        let asked = operation(&mut request);
        let kind = asked.as_ref().map(|operation| operation.kind);
        tracing::info!(
            kind = kind.map(|kind| kind.to_string()),
            operation = asked.and_then(|operation| operation.name),
            "began"
        );
        self.runs += 1;
        let run = self.runs;
        let operation = Operation { run, id: id.clone(), outbox: self.outbox.clone() };
        let origin = Origin { caller, address: self.address, request_id: self.request_id.clone() };
        let edge = Arc::clone(&self.edge);
        let running = async move {
            let services = Arc::clone(&edge.services);
            if kind == Some(OperationType::Mutation) {
                let executing = execute(edge.schema.clone(), services, origin, request);
                operation.run(stream::once(edge.act(Box::pin(executing))), kind).await;
            } else {
                operation.run(execute_stream(&edge.schema, services, origin, request), kind).await;
            }
        };
        let task = tokio::spawn(running.in_current_span());
        self.operations.insert(id, Running { run, _task: AbortOnDropHandle::new(task) });
        Ok(None)
    }
}

/// Whose credentials these are.
async fn caller_of(edge: &Edge, authorization: Option<&str>) -> Result<Caller, Close> {
    match edge.caller(authorization).await {
        Ok(Caller::Rejected) => Err(Close::Forbidden("Forbidden")),
        Ok(caller) => Ok(caller),
        Err(service::Error::Unavailable(_)) => Err(Close::TryAgainLater),
        Err(error) => {
            tracing::error!(%error, "cannot tell who this is");
            Err(Close::TryAgainLater)
        }
    }
}

async fn going_away(edge: Arc<Edge>) -> Close {
    edge.stop.cancelled().await;
    Close::GoingAway
}

/// Waits until the gateway stops, or the viewer's session ends.
async fn ending(edge: Arc<Edge>, mut sessions: EventStream, viewer: Viewer) -> Close {
    let session_ended = async {
        loop {
            match sessions.next().await {
                Ok((_, event)) => {
                    if let EventBody::SessionEnded { session_id, .. } = event.body
                        && session_id == viewer.session_id
                    {
                        return Close::Forbidden(SESSION_ENDED);
                    }
                }
                Err(_) => tokio::time::sleep(RETRY).await,
            }
        }
    };
    tokio::select! {
        () = edge.stop.cancelled() => Close::GoingAway,
        close = session_ended => close,
    }
}
