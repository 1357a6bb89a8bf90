//! One client's socket, from its first message to its close.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_stream::StreamMap;

use crate::http::connection_limit::Permit;
use crate::http::session_watch::{SessionEvent, SessionWatch};
use crate::http::state::AppState;
use crate::http::websocket::operation::{Operation, Outbound};
use crate::http::websocket::protocol::{Close, EXPIRED, SESSION_ENDED, ServerMessage};

/// How long a client may take nothing of what is sent to it.
const TAKE_WITHIN: Duration = Duration::from_mins(1);

/// How long a client may take to answer a close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Messages that go out together where they are ready together.
const BATCH: usize = 32;

/// What happens next.
enum Step {
    Heard(Message),
    Changed(SessionEvent),
    /// The clock has struck.
    Strike,
}

pub struct Connection {
    pub state: Arc<AppState>,
    pub address: IpAddr,
    pub request_id: Arc<str>,
    pub session_watch: SessionWatch,
    /// They have introduced themselves.
    pub initialized: bool,
    pub operations: StreamMap<Arc<str>, Operation>,
    init_deadline: Instant,
    ping_at: Instant,
    pings_unanswered: u8,
    clock_set_to: Option<Instant>,
    /// What to say before anything else.
    pending: Option<String>,
    /// Something was said that may still be here.
    unflushed: bool,
    /// There is no room for more until the client takes some.
    blocked: bool,
    /// Since when the client has taken nothing of what it was told.
    untaken_since: Option<Instant>,
    _permit: Permit<IpAddr>,
}

impl Connection {
    pub fn new(state: Arc<AppState>, address: IpAddr, request_id: Arc<str>, permit: Permit<IpAddr>) -> Self {
        let now = Instant::now();
        Self {
            address,
            request_id,
            session_watch: SessionWatch::of_nobody(Arc::clone(&state)),
            initialized: false,
            operations: StreamMap::new(),
            init_deadline: now + state.limits.init_timeout,
            ping_at: now + state.limits.ping_interval,
            pings_unanswered: 0,
            clock_set_to: None,
            pending: None,
            unflushed: false,
            blocked: false,
            untaken_since: None,
            _permit: permit,
            state,
        }
    }

    /// Serves the client until it goes, or must go.
    #[expect(clippy::manual_async_fn, reason = "an async fn would hold room for its arguments twice")]
    pub fn serve(mut self, mut socket: WebSocket) -> impl Future<Output = ()> + Send {
        async move {
            let close = match socket.protocol() {
                Some(_) => self.run_loop(&mut socket).await,
                None => Err(Some(Close::SubprotocolNotAcceptable)),
            };
            // Nothing runs for nobody.
            self.operations.clear();
            if let Err(Some(close)) = close {
                tracing::debug!(socket = &*self.request_id, ?close, "closing");
                Box::pin(timeout(CLOSE_WITHIN, close_handshake(&mut socket, &close))).await.ok();
            }
        }
    }

    /// Goes on until the client is gone (`None`), or the socket must be closed.
    async fn run_loop(&mut self, socket: &mut WebSocket) -> Result<(), Option<Close>> {
        let mut clock = pin!(sleep_until(self.due()));
        loop {
            match poll_fn(|task| self.poll_step(socket, clock.as_mut(), task)).await? {
                Step::Heard(message) => {
                    self.pings_unanswered = 0;
                    // Boxed, so that a socket that is told something now and then does not hold the room for it.
                    self.pending = Box::pin(self.handle_message(message)).await?;
                }
                Step::Strike => self.pending = self.pending.take().or(self.on_timer()?),
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
        if let Poll::Ready(change) = self.session_watch.poll_event(task) {
            return Poll::Ready(Ok(Step::Changed(change)));
        }
        // Polled once for each time that it is set: this is one task, which it then wakes.
        let due = self.due();
        let strikes = if self.clock_set_to == Some(due) {
            clock.is_elapsed()
        } else {
            self.clock_set_to = Some(due);
            clock.as_mut().reset(due);
            // Whatever else this task has done in its turn: or it would not be woken.
            pin!(unconstrained(clock)).poll(task).is_ready()
        };
        if strikes {
            self.clock_set_to = None;
            return Poll::Ready(Ok(Step::Strike));
        }
        // A client that takes nothing is not listened to either; nor is one that has not been answered yet.
        if !taken || self.pending.is_some() {
            return Poll::Pending;
        }
        match ready!(socket.poll_next_unpin(task)) {
            Some(Ok(message)) => Poll::Ready(Ok(Step::Heard(message))),
            Some(Err(_)) | None => Poll::Ready(Err(None)),
        }
    }

    /// Says what there is to say; whether the client takes more.
    fn poll_say(&mut self, socket: &mut WebSocket, task: &mut Context<'_>) -> Result<bool, Option<Close>> {
        for room in (0..BATCH).rev() {
            match socket.poll_ready_unpin(task) {
                Poll::Ready(Ok(())) if std::mem::take(&mut self.blocked) => self.untaken_since = None,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Err(None),
                Poll::Pending => {
                    self.blocked = true;
                    self.untaken_since.get_or_insert_with(Instant::now);
                    break;
                }
            }
            // What has become of the client counts before what it is told: nothing is told to somebody who may not be who
            // they were.
            if let Poll::Ready(change) = self.session_watch.poll_event(task) {
                changed(change)?;
            }
            let text = match self.pending.take() {
                Some(text) => text,
                None if self.session_watch.is_rechecking() => break,
                None => match self.operations.poll_next_unpin(task) {
                    Poll::Ready(Some((id, Outbound::Last(text)))) => {
                        self.operations.remove(&id);
                        text
                    }
                    Poll::Ready(Some((_, Outbound::Next(text)))) => text,
                    Poll::Ready(Some((_, Outbound::Close(close)))) => return Err(Some(close)),
                    Poll::Ready(None) | Poll::Pending => break,
                },
            };
            // And behind: nothing that happened after its end is told to a session.
            if let Poll::Ready(change) = self.session_watch.poll_event(task) {
                changed(change)?;
            }
            socket.start_send_unpin(Message::text(text)).map_err(|_| None)?;
            self.unflushed = true;
            if room == 0 {
                // There may be more; others are to have their turn first.
                task.waker().wake_by_ref();
            }
        }
        if self.unflushed && !self.blocked {
            match socket.poll_flush_unpin(task) {
                Poll::Ready(Ok(())) => (self.unflushed, self.untaken_since) = (false, None),
                Poll::Ready(Err(_)) => return Err(None),
                Poll::Pending => {
                    self.untaken_since.get_or_insert_with(Instant::now);
                }
            }
        }
        Ok(!self.blocked)
    }

    /// When the clock strikes next.
    fn due(&self) -> Instant {
        let by = if self.initialized { self.session_watch.ends_at() } else { Some(self.init_deadline) };
        let taken_by = self.untaken_since.map(|since| since + TAKE_WITHIN);
        [by, taken_by].into_iter().flatten().fold(self.ping_at, Instant::min)
    }

    /// The clock has struck: what to say, or why to close.
    fn on_timer(&mut self) -> Result<Option<String>, Option<Close>> {
        let now = Instant::now();
        if !self.initialized && now >= self.init_deadline {
            return Err(Some(Close::InitTimeout));
        }
        if self.session_watch.ends_at().is_some_and(|ends_at| now >= ends_at) {
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
        self.ping_at = now + self.state.limits.ping_interval;
        Ok(Some(ServerMessage::Ping.to_text()))
    }
}

/// Whether what has become of a client closes its socket.
fn changed(change: SessionEvent) -> Result<(), Option<Close>> {
    match change {
        SessionEvent::SessionEnded => Err(Some(Close::Forbidden(SESSION_ENDED))),
        SessionEvent::GoingAway => Err(Some(Close::GoingAway)),
        // Subscriptions that only a reviewer may have end by themselves.
        SessionEvent::RoleChanged => Ok(()),
    }
}

async fn close_handshake(socket: &mut WebSocket, close: &Close) {
    socket.send(Message::Close(Some(close.frame()))).await.ok();
    // Its answer is awaited: a connection dropped before would take the close's code with it.
    while let Some(Ok(_)) = socket.recv().await {}
}
