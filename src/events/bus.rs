//! Sends committed events to the tailers of this gateway and of the others, right after the commit.
//!
//! With `REDIS_URL`, the bus uses Redis PUBLISH, over one connection for sending and one for receiving. Both
//! reconnect automatically. Without `REDIS_URL`, it stays inside the process. The bus may lose messages: the
//! tailer then sees a gap and reads the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::event::Event;
use crate::events::redis_connector::{RedisConnector, with_timeout};

/// The number of events that can wait for the tailer, or for Redis. Further events are dropped: the log has
/// them.
const CHANNEL_CAPACITY: usize = 4096;

/// Interval of pings over the receiving connection.
const PING_INTERVAL: Duration = Duration::from_secs(5);

const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(100);
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(2);

/// A message to the tailer.
#[derive(Debug)]
pub enum BusMessage {
    /// An event was committed.
    Event(Box<Event>),
    /// Messages may have been missed: read the log.
    ReadLog,
}

/// The state of the receiving connection to Redis.
#[derive(Debug, Default)]
pub struct RedisHealth {
    is_subscribed: AtomicBool,
    poison_messages: AtomicU64,
}

impl RedisHealth {
    /// Whether this gateway currently receives the events of the others.
    pub fn is_subscribed(&self) -> bool {
        self.is_subscribed.load(Ordering::Acquire)
    }

    /// How many messages on the channel could not be parsed as an event.
    pub fn poison_messages(&self) -> u64 {
        self.poison_messages.load(Ordering::Relaxed)
    }
}

/// The sending side of the bus.
#[derive(Debug, Clone)]
pub struct Bus {
    /// To the tailer of this gateway.
    local: mpsc::Sender<BusMessage>,
    /// To the task that publishes to Redis.
    remote: Option<mpsc::Sender<Event>>,
    redis_health: Option<Arc<RedisHealth>>,
}

impl Bus {
    /// A bus inside the process, and its receiver for the tailer.
    pub fn in_process() -> (Self, BusReceiver) {
        let (local, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        (Self { local, remote: None, redis_health: None }, ReceiverStream::new(receiver).boxed())
    }

    /// A bus over Redis, and its receiver for the tailer. Does not wait for a connection.
    pub fn over_redis(
        connector: &RedisConnector,
        channel: &str,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (Self, BusReceiver) {
        let (local, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        let health = Arc::new(RedisHealth::default());
        let subscription = RedisSubscription {
            connector: connector.clone(),
            channel: channel.to_owned(),
            health: Arc::clone(&health),
            reconnect_delay: Duration::ZERO,
            connection: None,
        };
        // The tailer polls the subscription itself: a task in between would have to be woken for each event.
        let from_redis = stream::unfold(subscription, async |mut subscription| {
            Some((subscription.next().await, subscription))
        });
        let remote = spawn_publisher(connector, channel, tasks, stop);
        let bus = Self { local, remote: Some(remote), redis_health: Some(health) };
        (bus, stream::select(ReceiverStream::new(receiver), Box::pin(from_redis)).boxed())
    }

    /// A bus that receives nothing from Redis, for a command of the command line. Its task ends after the bus
    /// is dropped and every event was published.
    pub fn publish_only(
        connector: &RedisConnector,
        channel: &str,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (Self, BusReceiver) {
        let (local, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        let remote = spawn_publisher(connector, channel, tasks, stop);
        (Self { local, remote: Some(remote), redis_health: None }, ReceiverStream::new(receiver).boxed())
    }

    /// Sends events that have just been committed to all gateways. Never waits and never fails: if an event
    /// cannot be sent now, the tailers find it in the log.
    pub fn publish(&self, events: Vec<Event>) {
        for event in events {
            if let Some(remote) = &self.remote
                && remote.try_send(event.clone()).is_err()
            {
                tracing::warn!(position = event.position, "event not published: queue to Redis is full");
            }
            if self.local.try_send(BusMessage::Event(Box::new(event))).is_err() {
                tracing::debug!("queue to the tailer is full; it will read the log");
            }
        }
    }

    /// The state of the connection to Redis; `None` if the bus receives nothing from Redis.
    pub fn redis_health(&self) -> Option<&RedisHealth> {
        self.redis_health.as_deref()
    }
}

/// Spawns the task that publishes to Redis, and returns the queue to it.
fn spawn_publisher(
    connector: &RedisConnector,
    channel: &str,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> mpsc::Sender<Event> {
    let (remote, events) = mpsc::channel(CHANNEL_CAPACITY);
    let publisher = publish_to_redis(connector.clone(), channel.to_owned(), events);
    tasks.spawn(stop.clone().run_until_cancelled_owned(publisher));
    remote
}

/// Publishes each event with one command. If that fails, the other gateways find the event in the log.
async fn publish_to_redis(connector: RedisConnector, channel: String, mut events: mpsc::Receiver<Event>) {
    let mut idle_connection = None;
    while let Some(event) = events.recv().await {
        let message = serde_json::to_string(&event).expect("an event is plain data");
        let published = with_timeout(async {
            let mut connection = match idle_connection.take() {
                Some(connection) => connection,
                None => {
                    connector.connect(async |client| client.get_multiplexed_async_connection().await).await?
                }
            };
            let command = redis::cmd("PUBLISH").arg(&channel).arg(message).to_owned();
            command.query_async::<()>(&mut connection).await?;
            Ok(connection)
        });
        match published.await {
            Ok(connection) => idle_connection = Some(connection),
            Err(error) => tracing::warn!(position = event.position, %error, "publishing an event failed"),
        }
    }
}

/// The receiving side of the bus.
pub type BusReceiver = BoxStream<'static, BusMessage>;

/// Receives the events of the other gateways, and reconnects if the connection is lost.
struct RedisSubscription {
    connector: RedisConnector,
    channel: String,
    health: Arc<RedisHealth>,
    /// The delay before the next attempt to connect. Doubles with each attempt.
    reconnect_delay: Duration,
    connection: Option<Connection>,
}

struct Connection {
    sink: PubSubSink,
    messages: PubSubStream,
    ping: Interval,
}

impl RedisSubscription {
    /// The next message; `ReadLog` after each connect.
    async fn next(&mut self) -> BusMessage {
        loop {
            let Some(connection) = &mut self.connection else {
                tokio::time::sleep(self.reconnect_delay).await;
                self.reconnect_delay =
                    (self.reconnect_delay * 2).clamp(RECONNECT_DELAY_MIN, RECONNECT_DELAY_MAX);
                match subscribe(&self.connector, &self.channel).await {
                    Ok(pubsub) => {
                        tracing::info!("subscribed to the Redis channel");
                        self.on_connected(pubsub);
                        // Events that were published before this moment are only in the log.
                        return BusMessage::ReadLog;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "connecting to Redis failed");
                        continue;
                    }
                }
            };
            tokio::select! {
                message = connection.messages.next() => match message {
                    Some(message) => match serde_json::from_slice(message.get_payload_bytes()) {
                        Ok(event) => return BusMessage::Event(Box::new(event)),
                        Err(error) => {
                            let count = self.health.poison_messages.fetch_add(1, Ordering::Relaxed) + 1;
                            tracing::warn!(count, %error, "message on the Redis channel is not an event");
                        }
                    },
                    None => self.on_disconnected(),
                },
                // Without pings, a server that vanished without closing the connection would look idle.
                _ = connection.ping.tick() => {
                    if with_timeout(connection.sink.ping::<redis::Value>()).await.is_err() {
                        self.on_disconnected();
                    }
                }
            }
        }
    }

    fn on_connected(&mut self, pubsub: PubSub) {
        let (sink, messages) = pubsub.split();
        let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.connection = Some(Connection { sink, messages, ping });
        self.health.is_subscribed.store(true, Ordering::Release);
        self.reconnect_delay = RECONNECT_DELAY_MIN;
    }

    fn on_disconnected(&mut self) {
        self.connection = None;
        self.health.is_subscribed.store(false, Ordering::Release);
        tracing::warn!("lost the connection to Redis; polling the log until it is back");
    }
}

async fn subscribe(connector: &RedisConnector, channel: &str) -> redis::RedisResult<PubSub> {
    let mut pubsub = connector.connect(async |client| client.get_async_pubsub().await).await?;
    with_timeout(pubsub.subscribe(channel)).await?;
    Ok(pubsub)
}
