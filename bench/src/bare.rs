//! The server beside gigway: the same library for HTTP and WebSockets, with the same small buffers. It sends
//! ready bytes: no GraphQL, no database, no log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use futures_util::SinkExt;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;

use crate::Result;
use crate::client::ACKNOWLEDGED;

/// As gigway has them.
const BUFFER_BYTES: usize = 2048;

/// Messages that may wait for one socket of the feed.
const QUEUE: usize = 64;

struct Bare {
    feed: broadcast::Sender<Utf8Bytes>,
    each: Mutex<Vec<Arc<Slot>>>,
    backlog: Mutex<Arc<[Utf8Bytes]>>,
    constant: Mutex<Bytes>,
}

type Shared = State<Arc<Bare>>;

/// One message that waits for one socket: no room for more, so that an idle one holds no memory for it.
#[derive(Default)]
struct Slot {
    text: Mutex<Option<Utf8Bytes>>,
    filled: Notify,
}

/// Where a socket's messages come from.
enum Source {
    Feed(broadcast::Receiver<Utf8Bytes>),
    Own(Arc<Slot>),
}

impl Source {
    /// The next message. A socket that is too slow for the feed is let go, which its client reports.
    async fn next(&mut self) -> Option<Utf8Bytes> {
        match self {
            Self::Feed(feed) => feed.recv().await.ok(),
            Self::Own(slot) => loop {
                if let Some(text) = lock(&slot.text).take() {
                    return Some(text);
                }
                slot.filled.notified().await;
            },
        }
    }
}

/// Serves until it is killed.
pub async fn serve() -> Result<()> {
    let (feed, _) = broadcast::channel(QUEUE);
    let bare =
        Bare { feed, each: Mutex::default(), backlog: Mutex::new(Arc::new([])), constant: Mutex::default() };
    let router = Router::new()
        .route("/shared", get(follow_feed).post(tell_all))
        .route("/each", get(follow_own))
        .route("/each/{milliseconds}", post(tell_each))
        .route("/constant", post(constant).put(keep_constant))
        .route("/backlog", get(catch_up).post(keep_backlog))
        .with_state(Arc::new(bare));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("bare serves on http://{}/", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn small(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket of what everybody is told.
async fn follow_feed(State(bare): Shared, upgrade: WebSocketUpgrade) -> Response {
    small(upgrade).on_upgrade(move |socket| async move {
        follow(socket, Source::Feed(bare.feed.subscribe())).await;
    })
}

/// A socket that is told by itself.
async fn follow_own(State(bare): Shared, upgrade: WebSocketUpgrade) -> Response {
    small(upgrade).on_upgrade(move |socket| async move {
        let slot = Arc::new(Slot::default());
        lock(&bare.each).push(Arc::clone(&slot));
        follow(socket, Source::Own(slot)).await;
    })
}

/// Sends what comes until nothing more does, or the client is gone.
async fn follow(mut socket: WebSocket, mut source: Source) {
    let mut text = Some(Utf8Bytes::from_static(ACKNOWLEDGED));
    while let Some(ready) = text {
        if socket.send(Message::Text(ready)).await.is_err() {
            return;
        }
        text = tokio::select! {
            ready = source.next() => ready,
            () = gone(&mut socket) => None,
        };
    }
}

/// Resolves once the client is gone; what it says meanwhile is nobody's.
async fn gone(socket: &mut WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}

async fn tell_all(State(bare): Shared, text: String) {
    bare.feed.send(text.into()).ok();
}

/// Tells one socket after the other, evenly within so many milliseconds.
async fn tell_each(State(bare): Shared, Path(milliseconds): Path<u64>, text: String) {
    let (sockets, text) = (lock(&bare.each).clone(), Utf8Bytes::from(text));
    let pace = Duration::from_millis(milliseconds) / u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
    let mut due = Instant::now();
    for socket in sockets {
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        *lock(&socket.text) = Some(text.clone());
        socket.filled.notify_one();
        due += pace;
    }
}

/// The same answer to everybody.
async fn constant(State(bare): Shared) -> ([(HeaderName, &'static str); 1], Bytes) {
    ([(header::CONTENT_TYPE, "application/json")], lock(&bare.constant).clone())
}

async fn keep_constant(State(bare): Shared, body: Bytes) {
    *lock(&bare.constant) = body;
}

/// Keeps messages, one a line, for sockets that come.
async fn keep_backlog(State(bare): Shared, lines: String) {
    *lock(&bare.backlog) = lines.lines().map(Utf8Bytes::from).collect();
}

/// A socket that is sent all that was kept.
async fn catch_up(State(bare): Shared, upgrade: WebSocketUpgrade) -> Response {
    let backlog = lock(&bare.backlog).clone();
    small(upgrade).on_upgrade(move |mut socket| async move {
        send_all(&mut socket, &backlog).await.ok();
        gone(&mut socket).await;
    })
}

async fn send_all(socket: &mut WebSocket, backlog: &[Utf8Bytes]) -> std::result::Result<(), axum::Error> {
    socket.feed(Message::Text(Utf8Bytes::from_static(ACKNOWLEDGED))).await?;
    for text in backlog {
        socket.feed(Message::Text(text.clone())).await?;
    }
    socket.flush().await
}
