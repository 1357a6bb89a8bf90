//! One client's socket, from its first message to its close.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value};
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_stream::StreamMap;
use uuid::Uuid;

use super::operation::Operation;
use super::protocol::{Acknowledged, ClientMessage, Close, ServerMessage};
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::{Caller, Origin};
use crate::http::Edge;
use crate::http::graphql::{DOCUMENT_MAX_BYTES, operation};
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

/// What happens next.
enum Step {
    Heard(Message),
    Changed(Change),
    /// The clock has struck.
    Strike,
}

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
    clock_set_to: Option<Instant>,
    /// What to say before anything else.
    say: Option<String>,
    /// Something was said that may still be here.
    unflushed: bool,
    /// Since when the client has not taken all that it was told.
    untaken_since: Option<Instant>,
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
            clock_set_to: None,
            say: None,
            unflushed: false,
            untaken_since: None,
            _place: place,
            edge,
        }
    }

    /// Serves the client until it goes, or must go.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold room for its arguments twice")]
    pub fn serve(mut self, mut socket: WebSocket) -> impl Future<Output = ()> + Send {
        async move {
            let close = match socket.protocol() {
                Some(_) => self.talk(&mut socket).await,
                None => Err(Some(Close::SubprotocolNotAcceptable)),
            };
            // Nothing runs for nobody.
            self.operations.clear();
            if let Err(Some(close)) = close {
                tracing::debug!(socket = &*self.request_id, ?close, "closing");
                Box::pin(timeout(CLOSE_WITHIN, farewell(&mut socket, &close))).await.ok();
            }
        }
    }

    /// Goes on until the client is gone (`None`), or the socket must be closed.
    async fn talk(&mut self, socket: &mut WebSocket) -> Result<(), Option<Close>> {
        let mut clock = pin!(sleep_until(self.due()));
        loop {
            match poll_fn(|task| self.poll_step(socket, clock.as_mut(), task)).await? {
                Step::Heard(message) => {
                    self.pings_unanswered = 0;
                    // Boxed, so that a socket that is told something now and then does not hold the room for it.
                    self.say = Box::pin(self.hear(message)).await?;
                }
                Step::Strike => self.say = self.say.take().or(self.strike()?),
                Step::Changed(change) => changed(change)?,
            }
        }
    }

    /// Says what there is to say, as much as the client takes; then what happens next. Everything is polled once for
    /// each time that the socket is woken: it is most of what a delivery costs.
    fn poll_step(
        &mut self,
        socket: &mut WebSocket,
        mut clock: Pin<&mut Sleep>,
        task: &mut Context<'_>,
    ) -> Poll<Result<Step, Option<Close>>> {
        let taken = match self.poll_say(socket, task) {
            Ok(taken) => taken,
            Err(close) => return Poll::Ready(Err(close)),
        };
        if let Poll::Ready(change) = self.presence.poll_change(task) {
            return Poll::Ready(Ok(Step::Changed(change)));
        }
        // Polled once for each time that it is set: this is one task, which it then wakes.
        let due = self.due();
        let strikes = if self.clock_set_to == Some(due) {
            clock.is_elapsed()
        } else {
            self.clock_set_to = Some(due);
            clock.as_mut().reset(due);
            clock.poll(task).is_ready()
        };
        if strikes {
            self.clock_set_to = None;
            return Poll::Ready(Ok(Step::Strike));
        }
        // A client that does not take what it is told is not listened to either.
        if !taken {
            return Poll::Pending;
        }
        match ready!(socket.poll_next_unpin(task)) {
            Some(Ok(message)) => Poll::Ready(Ok(Step::Heard(message))),
            Some(Err(_)) | None => Poll::Ready(Err(None)),
        }
    }

    /// Says what there is to say; whether the client has taken all of it.
    fn poll_say(&mut self, socket: &mut WebSocket, task: &mut Context<'_>) -> Result<bool, Option<Close>> {
        for room in (0..BATCH).rev() {
            match socket.poll_ready_unpin(task) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Err(None),
                Poll::Pending => break,
            }
            let text = match self.say.take() {
                Some(text) => text,
                None => match self.operations.poll_next_unpin(task) {
                    Poll::Ready(Some((id, outgoing))) => {
                        if outgoing.last {
                            self.operations.remove(&id);
                        }
                        outgoing.text
                    }
                    Poll::Ready(None) | Poll::Pending => break,
                },
            };
            // Looked at behind each: nothing that happened after it is told to a session that has ended.
            if let Poll::Ready(change) = self.presence.poll_change(task) {
                changed(change)?;
            }
            socket.start_send_unpin(Message::text(text)).map_err(|_| None)?;
            self.unflushed = true;
            if room == 0 {
                // There may be more; others are to have their turn first.
                task.waker().wake_by_ref();
            }
        }
        if self.unflushed {
            match socket.poll_flush_unpin(task) {
                Poll::Ready(Ok(())) => (self.unflushed, self.untaken_since) = (false, None),
                Poll::Ready(Err(_)) => return Err(None),
                Poll::Pending => {
                    self.untaken_since.get_or_insert_with(Instant::now);
                }
            }
        }
        Ok(!self.unflushed)
    }

    /// When the clock strikes next.
    fn due(&self) -> Instant {
        let by = if self.introduced { self.presence.ends_at() } else { Some(self.introduce_by) };
        let taken_by = self.untaken_since.map(|since| since + TAKE_WITHIN);
        [by, taken_by].into_iter().flatten().fold(self.ping_at, Instant::min)
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
        if self.untaken_since.is_some_and(|since| now >= since + TAKE_WITHIN) {
            return Err(None);
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

    /// What to say to it at once.
    async fn hear(&mut self, message: Message) -> Result<Option<String>, Option<Close>> {
        let text = match message {
            Message::Text(text) if text.len() > DOCUMENT_MAX_BYTES => return Err(Some(Close::TooLarge)),
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
        let id: Arc<str> = id.into();
        let running = match self.place(&caller, kind) {
            Ok(place) => {
                let origin =
                    Origin { caller, address: self.address, request_id: Arc::clone(&self.request_id) };
                let identity = self.presence.identity().clone();
                Operation::run(&self.edge, &id, kind, origin, identity, request, place)
            }
            Err(error) => Operation::refused(&id, &error),
        };
        self.operations.insert(id, running);
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

/// Whether what has become of a client closes its socket.
fn changed(change: Change) -> Result<(), Option<Close>> {
    match change {
        Change::SessionEnded => Err(Some(Close::Forbidden(SESSION_ENDED))),
        Change::GoingAway => Err(Some(Close::GoingAway)),
        // Subscriptions that only a reviewer may have end by themselves.
        Change::RoleChanged => Ok(()),
    }
}

async fn farewell(socket: &mut WebSocket, close: &Close) {
    socket.send(Message::Close(Some(close.frame()))).await.ok();
    // Its answer is awaited: a connection dropped before would take the close's code with it.
    while let Some(Ok(_)) = socket.recv().await {}
}

/// The credentials in a payload. One that is no text is no good one.
fn authorization(payload: &Map<String, Value>) -> Option<&str> {
    let given = payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    given.map(|(_, value)| value.as_str().unwrap_or_default())
}
