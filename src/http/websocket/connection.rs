//! The loop of one WebSocket, from its first message to its close.

use std::future::{pending, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_stream::StreamMap;

use crate::engine::Caller;
use crate::http::connection_io::ConnectionHandle;
use crate::http::connection_limit::Permit;
use crate::http::message_memory::{MemoryPermit, Sender};
use crate::http::session_watch::{SessionEvent, SessionWatch};
use crate::http::state::AppState;
use crate::http::websocket::operation::{Operation, Outbound};
use crate::http::websocket::protocol::{Close, EXPIRED, SUBPROTOCOL, ServerMessage};
use crate::http::websocket::unfinished_message::UnfinishedMessage;

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of messages that are sent before other tasks get their turn.
const SEND_BATCH_MAX: usize = 32;

/// How long a message waits at least and at most before it is tried again. Many waiting sockets take little time.
const MESSAGE_DELAY_MIN: Duration = Duration::from_millis(100);
const MESSAGE_DELAY_MAX: Duration = Duration::from_secs(1);

/// A message that waits because its network has sent too many.
struct DelayedMessage {
    message: Message,
    /// When it is tried again; `None` if it is due.
    retry_at: Option<Instant>,
}

/// What the loop has to handle next.
enum Step {
    Received(Message),
    SessionEvent(SessionEvent),
    TimerElapsed,
}

#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub struct Connection {
    pub state: Arc<AppState>,
    pub address: IpAddr,
    pub request_id: Arc<str>,
    pub session_watch: SessionWatch,
    /// Whether the client has sent `connection_init` and was authenticated.
    pub is_initialized: bool,
    pub operations: StreamMap<Arc<str>, Operation>,
    /// The header `Authorization` of the upgrade request, until `connection_init` arrives.
    pub upgrade_authorization: Option<Box<str>>,
    init_deadline: Instant,
    next_ping_at: Instant,
    unanswered_pings: u8,
    /// The deadline that the timer is set to and was polled for.
    timer_deadline: Option<Instant>,
    /// A message to send before those of the operations.
    pending_message: Option<String>,
    /// Whether sent messages may still be in the buffer.
    needs_flush: bool,
    /// Whether the buffer is full until the client reads. If it does not, writing fails after a while.
    is_blocked: bool,
    unfinished_message: UnfinishedMessage,
    delayed_message: Option<Box<DelayedMessage>>,
    /// Whether nothing more can be read from the client, whose last message was invalid.
    is_unreadable: bool,
    /// Whether the deadline of the session has passed while a message was delayed, which may be the one that
    /// extends it. Until that was handled, nothing of the operations is sent.
    is_overdue: bool,
    _permit: Permit<IpAddr>,
}

impl Connection {
    pub fn new(
        state: Arc<AppState>,
        address: IpAddr,
        request_id: Arc<str>,
        upgrade_authorization: Option<Box<str>>,
        permit: Permit<IpAddr>,
        handle: ConnectionHandle,
    ) -> Self {
        let now = Instant::now();
        Self {
            address,
            session_watch: SessionWatch::new(Arc::clone(&state), Arc::clone(&request_id)),
            request_id,
            is_initialized: false,
            operations: StreamMap::new(),
            upgrade_authorization,
            init_deadline: now + state.limits.init_timeout,
            next_ping_at: now + state.limits.ping_interval,
            unanswered_pings: 0,
            timer_deadline: None,
            pending_message: None,
            needs_flush: false,
            is_blocked: false,
            unfinished_message: UnfinishedMessage::new(handle),
            delayed_message: None,
            is_unreadable: false,
            is_overdue: false,
            _permit: permit,
            state,
        }
    }

    /// Serves the client until it disconnects, or the gateway closes the connection.
    #[expect(clippy::manual_async_fn, reason = "an async fn would reserve memory for its arguments twice")]
    pub fn serve(mut self, mut socket: WebSocket) -> impl Future<Output = ()> + Send {
        async move {
            let result = if socket.protocol().is_some_and(|protocol| protocol == SUBPROTOCOL) {
                self.run_loop(&mut socket).await
            } else {
                Err(Some(Close::SubprotocolNotAcceptable))
            };
            // Stops the operations before the close handshake.
            self.operations.clear();
            self.unfinished_message.end();
            if let Err(Some(close)) = result {
                tracing::debug!(socket = &*self.request_id, ?close, "closing WebSocket");
                Box::pin(timeout(CLOSE_TIMEOUT, close_handshake(&mut socket, &close, self.is_unreadable)))
                    .await
                    .ok();
            }
        }
    }

    /// Runs until the client has disconnected (`None`), or the connection must be closed.
    async fn run_loop(&mut self, socket: &mut WebSocket) -> Result<(), Option<Close>> {
        let mut timer = pin!(sleep_until(self.next_deadline()));
        loop {
            match poll_fn(|cx| self.poll_step(socket, timer.as_mut(), cx)).await? {
                Step::Received(message) => {
                    self.unanswered_pings = 0;
                    if let Some(message) = self.delay_if_limited(message) {
                        // Boxed, so that an idle connection does not reserve memory for this future.
                        self.pending_message = Box::pin(self.handle_message(message)).await?;
                        if std::mem::take(&mut self.is_overdue) {
                            self.check_session_deadline(Instant::now())?;
                        }
                    }
                }
                Step::TimerElapsed => {
                    self.pending_message = self.pending_message.take().or(self.handle_timer()?);
                }
                Step::SessionEvent(event) => check_session_event(event)?,
            }
        }
    }

    /// Sends what is ready, then waits for the next step. Each source is polled once for each time that the
    /// task is woken: polling is most of the cost of a delivery.
    fn poll_step(
        &mut self,
        socket: &mut WebSocket,
        mut timer: Pin<&mut Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Step, Option<Close>>> {
        let can_send = match self.poll_send(socket, cx) {
            Ok(can_send) => can_send,
            Err(close) => return Poll::Ready(Err(close)),
        };
        if let Poll::Ready(event) = self.session_watch.poll_event(cx) {
            return Poll::Ready(Ok(Step::SessionEvent(event)));
        }
        // The timer is polled only when its deadline changes: it then wakes this task.
        let deadline = self.next_deadline();
        let has_elapsed = if self.timer_deadline == Some(deadline) {
            timer.is_elapsed()
        } else {
            self.timer_deadline = Some(deadline);
            timer.as_mut().reset(deadline);
            // Unconstrained: a task that has used up its cooperative budget would not register for the
            // wake-up.
            pin!(unconstrained(timer)).poll(cx).is_ready()
        };
        if has_elapsed {
            self.timer_deadline = None;
            return Poll::Ready(Ok(Step::TimerElapsed));
        }
        // The client's messages are not read while the client itself does not read, or while a reply waits.
        if !can_send || self.pending_message.is_some() {
            return Poll::Pending;
        }
        match self.delayed_message.take_if(|delayed| delayed.retry_at.is_none()) {
            Some(due) => return Poll::Ready(Ok(Step::Received(due.message))),
            None if self.delayed_message.is_some() => return Poll::Pending,
            None => {}
        }
        Poll::Ready(match socket.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(message))) => {
                let new_permit = || memory_permit(&self.state, &self.session_watch, self.address);
                let completed = self.unfinished_message.complete(&message, new_permit);
                completed.map(|()| Step::Received(message)).map_err(Some)
            }
            Poll::Ready(Some(Err(error))) => {
                self.is_unreadable = true;
                Err(Close::from_error(error, self.state.message_max_bytes))
            }
            Poll::Ready(None) => Err(None),
            Poll::Pending => match self.check_unfinished_message(cx) {
                Ok(()) => return Poll::Pending,
                Err(close) => Err(Some(close)),
            },
        })
    }

    /// Returns the message if it can be handled now. If the network of the client has sent too many, it waits, and
    /// nothing more is read from the client.
    fn delay_if_limited(&mut self, message: Message) -> Option<Message> {
        match self.state.charge_request(self.address) {
            Ok(()) => Some(message),
            Err(limited) => {
                self.unfinished_message.resume();
                let retry_at =
                    Some(Instant::now() + limited.retry_after.clamp(MESSAGE_DELAY_MIN, MESSAGE_DELAY_MAX));
                self.delayed_message = Some(Box::new(DelayedMessage { message, retry_at }));
                None
            }
        }
    }

    /// Limits a message of which only a part has arrived.
    fn check_unfinished_message(&mut self, cx: &Context<'_>) -> Result<(), Close> {
        let new_permit = || memory_permit(&self.state, &self.session_watch, self.address);
        if self.unfinished_message.check(self.state.message_max_bytes, new_permit)? {
            // The timer was polled for another deadline.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// Sends the messages that are ready. Returns whether the client can receive more.
    fn poll_send(&mut self, socket: &mut WebSocket, cx: &mut Context<'_>) -> Result<bool, Option<Close>> {
        for remaining in (0..SEND_BATCH_MAX).rev() {
            match socket.poll_ready_unpin(cx) {
                Poll::Ready(Ok(())) => {
                    if std::mem::take(&mut self.is_blocked) {
                        // The client has read something. Its pongs were not read meanwhile.
                        self.unanswered_pings = 0;
                        self.unfinished_message.resume();
                    }
                }
                Poll::Ready(Err(_)) => return Err(None),
                Poll::Pending => {
                    self.is_blocked = true;
                    break;
                }
            }
            // The session is checked before the operations: nothing is sent while the caller's role or
            // session is unknown.
            if let Poll::Ready(event) = self.session_watch.poll_event(cx) {
                check_session_event(event)?;
            }
            let text = match self.pending_message.take() {
                Some(text) => text,
                None if self.is_overdue || self.session_watch.is_rechecking() => break,
                None => match self.operations.poll_next_unpin(cx) {
                    Poll::Ready(Some((id, Outbound::FinalMessage(text)))) => {
                        self.operations.remove(&id);
                        text
                    }
                    Poll::Ready(Some((_, Outbound::Message(text)))) => text,
                    Poll::Ready(Some((_, Outbound::CloseConnection(close)))) => return Err(Some(close)),
                    Poll::Ready(None) | Poll::Pending => break,
                },
            };
            // The session is checked again after the operations: they may have yielded a message from
            // after the end of the session, which must not be sent.
            if let Poll::Ready(event) = self.session_watch.poll_event(cx) {
                check_session_event(event)?;
            }
            socket.start_send_unpin(Message::text(text)).map_err(|_| None)?;
            self.needs_flush = true;
            if remaining == 0 {
                // There may be more messages, but other tasks go first.
                cx.waker().wake_by_ref();
            }
        }
        if self.needs_flush && !self.is_blocked {
            match socket.poll_flush_unpin(cx) {
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(_)) => return Err(None),
                Poll::Pending => {}
            }
        }
        Ok(!self.is_blocked)
    }

    /// Whether the client's messages are not read at the moment. Then they are not late, either.
    fn is_reading_paused(&self) -> bool {
        self.is_blocked || self.delayed_message.is_some()
    }

    /// When the client must have authenticated itself, again if it has already.
    fn session_deadline(&self) -> Option<Instant> {
        if self.is_initialized { self.session_watch.ends_at() } else { Some(self.init_deadline) }
    }

    /// Returns an error if the connection must be closed.
    fn check_session_deadline(&self, now: Instant) -> Result<(), Option<Close>> {
        match self.session_deadline() {
            Some(deadline) if now >= deadline && self.is_initialized => Err(Some(Close::Forbidden(EXPIRED))),
            Some(deadline) if now >= deadline => Err(Some(Close::InitTimeout)),
            _ => Ok(()),
        }
    }

    /// When the timer must elapse next.
    fn next_deadline(&self) -> Instant {
        let session_deadline = self.session_deadline().filter(|_| !self.is_overdue);
        let message_since = self.unfinished_message.since().filter(|_| !self.is_reading_paused());
        let message_deadline = message_since.map(|since| since + self.state.limits.message_timeout);
        let retry_at = self.delayed_message.as_ref().and_then(|delayed| delayed.retry_at);
        [session_deadline, message_deadline, retry_at]
            .into_iter()
            .flatten()
            .fold(self.next_ping_at, Instant::min)
    }

    /// Handles the deadlines that have passed. Returns a ping if one is due. The error closes the connection.
    fn handle_timer(&mut self) -> Result<Option<String>, Option<Close>> {
        let now = Instant::now();
        if let Some(delayed) = &mut self.delayed_message {
            delayed.retry_at = delayed.retry_at.filter(|retry_at| now < *retry_at);
        }
        if let Err(close) = self.check_session_deadline(now) {
            if self.delayed_message.is_none() {
                return Err(close);
            }
            self.is_overdue = true;
        }
        let message_timeout = self.state.limits.message_timeout;
        let message_since = self.unfinished_message.since().filter(|_| !self.is_reading_paused());
        if message_since.is_some_and(|since| now >= since + message_timeout) {
            return Err(Some(Close::MessageTimeout(message_timeout)));
        }
        if now < self.next_ping_at {
            return Ok(None);
        }
        self.next_ping_at = now + self.state.limits.ping_interval;
        if self.is_blocked {
            // A ping could not be sent now, nor its answer be read.
            return Ok(None);
        }
        if self.unanswered_pings == 2 {
            return Err(None);
        }
        self.unanswered_pings += 1;
        Ok(Some(ServerMessage::Ping.to_text()))
    }
}

/// A permit for the memory of the client's messages.
fn memory_permit(state: &AppState, session_watch: &SessionWatch, address: IpAddr) -> MemoryPermit {
    let sender = match session_watch.current_caller().caller() {
        Caller::Viewer(viewer) => Sender::SignedIn(viewer.session_id),
        Caller::Anonymous | Caller::InvalidCredentials { .. } => Sender::Anonymous(address),
    };
    state.message_memory.permit(sender, address)
}

/// Returns an error if the connection must be closed.
fn check_session_event(event: SessionEvent) -> Result<(), Option<Close>> {
    match event {
        SessionEvent::SessionEnded => Err(Some(Close::SessionEnded)),
        SessionEvent::Interrupted => Err(Some(Close::TryAgainLater)),
        SessionEvent::ShuttingDown => Err(Some(Close::GoingAway)),
        // Subscriptions that require a reviewer check the role themselves.
        SessionEvent::RoleChanged => Ok(()),
    }
}

async fn close_handshake(socket: &mut WebSocket, close: &Close, is_unreadable: bool) {
    socket.send(Message::Close(Some(close.frame()))).await.ok();
    // Waits for the client's answer: if the connection were dropped before, the client might not receive the
    // close code.
    while let Some(Ok(_)) = socket.recv().await {}
    if is_unreadable {
        pending::<()>().await;
    }
}
