//! The baseline server: the same HTTP and WebSocket library as gigway, with the same buffer sizes. It sends
//! prepared bytes, without GraphQL, database or event log.

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

/// The same size as in gigway.
const BUFFER_BYTES: usize = 2048;

/// Messages of the broadcast that may wait for one socket.
const QUEUE: usize = 64;

struct Baseline {
    broadcast: broadcast::Sender<Utf8Bytes>,
    slots: Mutex<Vec<Arc<Slot>>>,
    backlog: Mutex<Arc<[Utf8Bytes]>>,
    constant: Mutex<Bytes>,
}

type Shared = State<Arc<Baseline>>;

/// A queue of one message for one socket. It takes little memory while the socket is idle.
#[derive(Default)]
struct Slot {
    text: Mutex<Option<Utf8Bytes>>,
    filled: Notify,
}

/// The source of the messages of a socket.
enum Source {
    Broadcast(broadcast::Receiver<Utf8Bytes>),
    Own(Arc<Slot>),
}

impl Source {
    /// The next message. `None` if the socket is too slow for the broadcast; then it is closed, and the
    /// client fails.
    async fn next(&mut self) -> Option<Utf8Bytes> {
        match self {
            Self::Broadcast(receiver) => receiver.recv().await.ok(),
            Self::Own(slot) => loop {
                if let Some(text) = lock(&slot.text).take() {
                    return Some(text);
                }
                slot.filled.notified().await;
            },
        }
    }
}

/// Runs the server until the process is killed.
pub async fn serve() -> Result<()> {
    let (broadcast, _) = broadcast::channel(QUEUE);
    let server = Baseline {
        broadcast,
        slots: Mutex::default(),
        backlog: Mutex::new(Arc::new([])),
        constant: Mutex::default(),
    };
    let router = Router::new()
        .route("/shared", get(subscribe_broadcast).post(send_to_all))
        .route("/each", get(subscribe_own))
        .route("/each/{milliseconds}", post(send_to_each))
        .route("/constant", post(constant).put(store_constant))
        .route("/backlog", get(send_backlog).post(store_backlog))
        .with_state(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("baseline serves on http://{}/", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn with_small_buffers(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a socket that receives the broadcast.
async fn subscribe_broadcast(State(server): Shared, upgrade: WebSocketUpgrade) -> Response {
    with_small_buffers(upgrade).on_upgrade(move |socket| async move {
        stream_messages(socket, Source::Broadcast(server.broadcast.subscribe())).await;
    })
}

/// Opens a socket with its own messages.
async fn subscribe_own(State(server): Shared, upgrade: WebSocketUpgrade) -> Response {
    with_small_buffers(upgrade).on_upgrade(move |socket| async move {
        let slot = Arc::new(Slot::default());
        lock(&server.slots).push(Arc::clone(&slot));
        stream_messages(socket, Source::Own(slot)).await;
    })
}

/// Sends messages until the source ends or the client disconnects.
async fn stream_messages(mut socket: WebSocket, mut source: Source) {
    let mut text = Some(Utf8Bytes::from_static(ACKNOWLEDGED));
    while let Some(ready) = text {
        if socket.send(Message::Text(ready)).await.is_err() {
            return;
        }
        text = tokio::select! {
            ready = source.next() => ready,
            () = disconnected(&mut socket) => None,
        };
    }
}

/// Waits until the client disconnects. Ignores its messages.
async fn disconnected(socket: &mut WebSocket) {
    while let Some(Ok(_)) = socket.recv().await {}
}

async fn send_to_all(State(server): Shared, text: String) {
    server.broadcast.send(text.into()).ok();
}

/// Sends a message to one socket after the other, evenly spread over the time.
async fn send_to_each(State(server): Shared, Path(milliseconds): Path<u64>, text: String) {
    let (slots, text) = (lock(&server.slots).clone(), Utf8Bytes::from(text));
    let pace = Duration::from_millis(milliseconds) / u32::try_from(slots.len()).unwrap_or(u32::MAX).max(1);
    let mut due = Instant::now();
    for slot in slots {
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        *lock(&slot.text) = Some(text.clone());
        slot.filled.notify_one();
        due += pace;
    }
}

/// Responds with the stored body.
async fn constant(State(server): Shared) -> ([(HeaderName, &'static str); 1], Bytes) {
    ([(header::CONTENT_TYPE, "application/json")], lock(&server.constant).clone())
}

async fn store_constant(State(server): Shared, body: Bytes) {
    *lock(&server.constant) = body;
}

/// Stores messages, one per line, for sockets that are opened later.
async fn store_backlog(State(server): Shared, lines: String) {
    *lock(&server.backlog) = lines.lines().map(Utf8Bytes::from).collect();
}

/// Opens a socket that receives the stored messages.
async fn send_backlog(State(server): Shared, upgrade: WebSocketUpgrade) -> Response {
    let backlog = lock(&server.backlog).clone();
    with_small_buffers(upgrade).on_upgrade(move |mut socket| async move {
        send_all(&mut socket, &backlog).await.ok();
        disconnected(&mut socket).await;
    })
}

async fn send_all(socket: &mut WebSocket, backlog: &[Utf8Bytes]) -> std::result::Result<(), axum::Error> {
    socket.feed(Message::Text(Utf8Bytes::from_static(ACKNOWLEDGED))).await?;
    for text in backlog {
        socket.feed(Message::Text(text.clone())).await?;
    }
    socket.flush().await
}
