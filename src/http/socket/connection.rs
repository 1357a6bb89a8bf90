//! One client's socket, from its first message to its close.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::extract::ws::{Message, WebSocket};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::StreamMap;
use uuid::Uuid;

use super::operation::{self, Operation, Outgoing};
use super::protocol::{Acknowledged, ClientMessage, Close, ServerMessage};
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::{Caller, Origin};
use crate::http::Edge;
use crate::http::graphql::operation;
use crate::http::presence::{Change, Credentials, Presence};
use crate::http::quota::Place;
use crate::service::{self, accounts};

/// How often to ask whether the client is still there. A peer that has said nothing through two of these is not.
const PING_EVERY: Duration = Duration::from_secs(25);

/// How long a client may take nothing of what is sent to it.
const TAKE_WITHIN: Duration = Duration::from_mins(1);

/// How long a client may take to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Messages that go out together where they are ready together.
const BATCH: usize = 32;

const SESSION_ENDED: &str = "The session has ended";
const EXPIRED: &str = "The credentials have expired";

pub(super) struct Connection {
    edge: Arc<Edge>,
    address: IpAddr,
    request_id: Arc<str>,
    presence: Presence,
    /// They have introduced themselves.
    introduced: bool,
    operations: StreamMap<Arc<str>, Operation>,
    introduce_by: Instant,
    ping_at: Instant,
    pings_unanswered: u8,
    _place: Place<IpAddr>,
}

impl Connection {
    pub fn new(edge: Arc<Edge>, address: IpAddr, request_id: Arc<str>, place: Place<IpAddr>) -> Self {
        let now = Instant::now();
        Self {
            address,
            request_id,
            presence: Presence::of_nobody(Arc::clone(&edge)),
            introduced: false,
            operations: StreamMap::new(),
            introduce_by: now + edge.limits.socket_init,
            ping_at: now + PING_EVERY,
            pings_unanswered: 0,
            _place: place,
            edge,
        }
    }

    /// Serves the client until it goes, or must go.
    pub async fn serve(mut self, mut socket: WebSocket) {
        let close = match socket.protocol() {
            Some(_) => self.talk(&mut socket).await,
            None => Err(Some(Close::SubprotocolNotAcceptable)),
        };
        // Nothing runs for nobody.
        self.operations.clear();
        let Err(Some(close)) = close else { return };
        tracing::debug!(socket = &*self.request_id, ?close, "closing");
        let farewell = async {
            socket.send(Message::Close(Some(close.frame()))).await.ok();
            // Its answer is awaited: a connection dropped before would take the close's code with it.
            while let Some(Ok(_)) = socket.recv().await {}
        };
        timeout(CLOSE_WITHIN, farewell).await.ok();
    }

    /// Goes on until the client is gone (`None`), or the socket must be closed.
    async fn talk(&mut self, socket: &mut WebSocket) -> Result<(), Option<Close>> {
        let mut clock = pin!(sleep_until(self.due()));
        loop {
            if clock.deadline() != self.due() {
                clock.as_mut().reset(self.due());
            }
            // In this order: what has become of the client counts before what it is told.
            tokio::select! {
                biased;
                change = self.presence.change() => self.changed(change)?,
                () = &mut clock => {
                    let ping = self.strike()?;
                    self.send(socket, ping).await?;
                }
                message = socket.recv() => {
                    let Some(Ok(message)) = message else { return Err(None) };
                    self.pings_unanswered = 0;
                    let answer = Box::pin(self.hear(message)).await?;
                    self.send(socket, answer).await?;
                }
                Some((id, outgoing)) = self.operations.next() => self.tell(socket, id, outgoing).await?,
            }
        }
    }

    /// When the clock strikes next.
    fn due(&self) -> Instant {
        let by = if self.introduced { self.presence.ends_at() } else { Some(self.introduce_by) };
        by.map_or(self.ping_at, |by| by.min(self.ping_at))
    }

    /// The clock has struck: what to say, or why to close.
    fn strike(&mut self) -> Result<Option<String>, Option<Close>> {
        let now = Instant::now();
        if !self.introduced && now >= self.introduce_by {
            return Err(Some(Close::InitTimeout));
        }
        if self.presence.ends_at().is_some_and(|ends_at| now >= ends_at) {
            return Err(Some(Close::Forbidden(EXPIRED)));
        }
        if now < self.ping_at {
            return Ok(None);
        }
        if self.pings_unanswered == 2 {
            return Err(None);
        }
        self.pings_unanswered += 1;
        self.ping_at = now + PING_EVERY;
        Ok(Some(ServerMessage::Ping.to_text()))
    }

    fn changed(&self, change: Change) -> Result<(), Option<Close>> {
        match change {
            Change::SessionEnded => Err(Some(Close::Forbidden(SESSION_ENDED))),
            Change::GoingAway => Err(Some(Close::GoingAway)),
            // Subscriptions that only a reviewer may have end by themselves.
            Change::RoleChanged => Ok(()),
        }
    }

    async fn send(&mut self, socket: &mut WebSocket, text: Option<String>) -> Result<(), Option<Close>> {
        let Some(text) = text else { return Ok(()) };
        self.passed(socket.send(Message::text(text))).await
    }

    /// Says what operations have to say, as much as is ready, in one go.
    async fn tell(
        &mut self,
        socket: &mut WebSocket,
        id: Arc<str>,
        outgoing: Outgoing,
    ) -> Result<(), Option<Close>> {
        let mut ready = (id, outgoing);
        for room in (0..BATCH).rev() {
            let (id, outgoing) = ready;
            if outgoing.last {
                self.operations.remove(&id);
            }
            self.passed(socket.feed(Message::text(outgoing.text))).await?;
            // Looked at again before each: nothing that happened after it is told to a session that has ended.
            if let Some(change) = self.presence.change().now_or_never() {
                self.changed(change)?;
            }
            // What is taken here is told: one more is only taken where there is room for it.
            let next = if room > 0 { self.operations.next().now_or_never().flatten() } else { None };
            let Some(next) = next else { break };
            ready = next;
        }
        self.passed(socket.flush()).await
    }

    /// Waits until the client has taken what is sent, unless it must be closed first.
    async fn passed(
        &mut self,
        sending: impl Future<Output = Result<(), axum::Error>>,
    ) -> Result<(), Option<Close>> {
        let mut sending = pin!(timeout(TAKE_WITHIN, sending));
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return if matches!(sent, Ok(Ok(()))) { Ok(()) } else { Err(None) },
                change = self.presence.change() => self.changed(change)?,
            }
        }
    }

    /// What to say to it at once.
    async fn hear(&mut self, message: Message) -> Result<Option<String>, Option<Close>> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(Some(Close::InvalidMessage("Messages are text".into()))),
            // The library answers pings; a close ends the stream.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return Ok(None),
        };
        let message = serde_json::from_str(&text)
            .map_err(|_| Close::InvalidMessage("Invalid message: none of this protocol's".into()))?;
        match message {
            ClientMessage::ConnectionInit { payload } => {
                if self.introduced {
                    return Err(Some(Close::TooManyInits));
                }
                let payload = self.learn(&payload.unwrap_or_default()).await?;
                self.introduced = true;
                Ok(Some(ServerMessage::ConnectionAck { payload }.to_text()))
            }
            ClientMessage::Ping { payload } => self.pinged(payload).await,
            ClientMessage::Pong {} => Ok(None),
            ClientMessage::Subscribe { id, payload } => {
                self.begin(id, *payload).await?;
                Ok(None)
            }
            ClientMessage::Complete { id } => {
                self.operations.remove(id.as_str());
                Ok(None)
            }
        }
    }

    /// Answers a ping; one with credentials has fresh ones, to go on beyond those from before.
    async fn pinged(&mut self, payload: Option<Map<String, Value>>) -> Result<Option<String>, Option<Close>> {
        let payload = match payload {
            Some(payload) if self.introduced && authorization(&payload).is_some() => {
                let before = self.presence.identity().caller();
                let acknowledged = self.learn(&payload).await?;
                let same = match (before, self.presence.identity().caller()) {
                    (Caller::Viewer(before), Caller::Viewer(now)) => before.id() == now.id(),
                    _ => false,
                };
                if !same {
                    return Err(Some(Close::Forbidden("These credentials are somebody else's")));
                }
                let payload = serde_json::to_value(acknowledged).expect("a message is plain data");
                payload.as_object().cloned()
            }
            other => other,
        };
        Ok(Some(ServerMessage::Pong { payload }.to_text()))
    }

    /// Learns whose the credentials in a payload are.
    async fn learn(&mut self, payload: &Map<String, Value>) -> Result<Option<Acknowledged>, Option<Close>> {
        let authorization = authorization(payload);
        let credentials = self.credentials(authorization).await?;
        self.presence.watch(&credentials);
        if matches!(credentials.caller, Caller::Viewer(_)) {
            // Once more, now that nothing goes by unheard.
            self.credentials(authorization).await?;
        }
        Ok(credentials.expire_at.map(|access_token_expires_at| Acknowledged { access_token_expires_at }))
    }

    async fn credentials(&mut self, authorization: Option<&str>) -> Result<Credentials, Option<Close>> {
        match self.edge.credentials(authorization).await {
            Ok(Credentials { caller: Caller::Rejected, .. }) => Err(Some(Close::Forbidden("Forbidden"))),
            Ok(credentials) => Ok(credentials),
            Err(error) => {
                tracing::warn!(socket = &*self.request_id, %error, "cannot tell who this is");
                Err(Some(Close::TryAgainLater))
            }
        }
    }

    /// Begins an operation.
    async fn begin(&mut self, id: String, mut request: Request) -> Result<(), Option<Close>> {
        if !self.introduced {
            return Err(Some(Close::Unauthorized));
        }
        let caller = self.caller().await?;
        if self.operations.contains_key(id.as_str()) {
            return Err(Some(Close::SubscriberExists(id)));
        }
        let asked = operation(&mut request);
        let kind = asked.as_ref().map(|operation| operation.kind);
        tracing::info!(
            socket = &*self.request_id,
            kind = kind.map(|kind| kind.to_string()),
            operation = asked.and_then(|operation| operation.name),
            "began"
        );
        let running = match self.place(&caller, kind) {
            Ok(place) => {
                let origin =
                    Origin { caller, address: self.address, request_id: Arc::clone(&self.request_id) };
                let identity = self.presence.identity().clone();
                operation::run(Arc::clone(&self.edge), &id, kind, origin, identity, request, place)
            }
            Err(error) => operation::refused(&id, &error),
        };
        self.operations.insert(id.into(), running);
        Ok(())
    }

    /// Who asks, as they are now: the session may have ended, or the person may have another role.
    async fn caller(&mut self) -> Result<Caller, Option<Close>> {
        match self.presence.identity().caller() {
            Caller::Viewer(viewer) => match accounts::look_again(&self.edge.services, &viewer).await {
                Ok(now) => {
                    let now = Caller::Viewer(Arc::new(now));
                    self.presence.identity().set(now.clone());
                    Ok(now)
                }
                Err(service::Error::Unauthenticated) => Err(Some(Close::Forbidden(SESSION_ENDED))),
                Err(_) => Err(Some(Close::TryAgainLater)),
            },
            other => Ok(other),
        }
    }

    /// A place for one more operation.
    fn place(&self, caller: &Caller, kind: Option<OperationType>) -> Result<Option<Place<Uuid>>, Error> {
        let most = self.edge.limits.operations_per_socket;
        if self.operations.len() >= most {
            let message = format!("A socket may have at most {most} operations at a time.");
            return Err(Error::new(ErrorCode::RateLimited, message));
        }
        match (caller, kind) {
            (Caller::Viewer(viewer), Some(OperationType::Subscription)) => {
                self.edge.subscription_place(viewer).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// The credentials in a payload. One that is no text is no good one.
fn authorization(payload: &Map<String, Value>) -> Option<&str> {
    let given = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    given.map(|(_, value)| value.as_str().unwrap_or_default())
}
