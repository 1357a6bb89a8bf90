//! Carries the news of committed events, fast, to this gateway's follower and to the others'.
//!
//! With `REDIS_URL` by PUBLISH, over one connection out and one in, each of which comes back by itself;
//! without, inside the process alone. The bus may lose a message: the follower notices and reads the log.

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
use crate::events::redis_connector::{RedisConnector, within};

/// News that may wait for the follower, or for Redis. More than this is dropped: the log has it.
const BACKLOG: usize = 4096;

/// How often to ask whether it still lives.
const PING_EVERY: Duration = Duration::from_secs(5);

const RECONNECT_FIRST: Duration = Duration::from_millis(100);
const RECONNECT_LAST: Duration = Duration::from_secs(2);

/// What the follower hears.
#[derive(Debug)]
pub enum BusMessage {
    /// Something was committed.
    Event(Box<Event>),
    /// Messages may have been missed: read the log.
    Look,
}

/// How the connection to Redis is doing.
#[derive(Debug, Default)]
pub struct RedisHealth {
    subscribed: AtomicBool,
    poison: AtomicU64,
}

impl RedisHealth {
    /// Whether this gateway hears the others now.
    pub fn is_subscribed(&self) -> bool {
        self.subscribed.load(Ordering::Acquire)
    }

    /// Messages that were no event of ours.
    pub fn poison_messages(&self) -> u64 {
        self.poison.load(Ordering::Relaxed)
    }
}

/// The way out for committed events.
#[derive(Debug, Clone)]
pub struct Bus {
    inbox: mpsc::Sender<BusMessage>,
    outbox: Option<mpsc::Sender<Event>>,
    redis: Option<Arc<RedisHealth>>,
}

impl Bus {
    /// A bus inside the process, and the follower's end of it.
    pub fn in_process() -> (Self, BusReceiver) {
        let (inbox, news) = mpsc::channel(BACKLOG);
        (Self { inbox, outbox: None, redis: None }, ReceiverStream::new(news).boxed())
    }

    /// A bus over Redis, and the follower's end of it. Does not wait for Redis to be there.
    pub fn over_redis(
        address: &RedisConnector,
        channel: &str,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (Self, BusReceiver) {
        let (inbox, news) = mpsc::channel(BACKLOG);
        let health = Arc::new(RedisHealth::default());
        let link = Link {
            address: address.clone(),
            channel: channel.to_owned(),
            health: Arc::clone(&health),
            pause: Duration::ZERO,
            connection: None,
        };
        // Heard by the follower itself: a task in between would be one more to wake for each event.
        let heard = stream::unfold(link, async |mut link| Some((link.next().await, link)));
        let outbox = outgoing(address, channel, tasks, stop);
        let bus = Self { inbox, outbox: Some(outbox), redis: Some(health) };
        (bus, stream::select(ReceiverStream::new(news), Box::pin(heard)).boxed())
    }

    /// A bus that only tells, for one command of the command line. Its task ends once it is dropped and all is told.
    pub fn to_redis(
        address: &RedisConnector,
        channel: &str,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (Self, BusReceiver) {
        let (inbox, news) = mpsc::channel(BACKLOG);
        let outbox = outgoing(address, channel, tasks, stop);
        (Self { inbox, outbox: Some(outbox), redis: None }, ReceiverStream::new(news).boxed())
    }

    /// Tells everybody of events that have just been committed. Never waits and never fails: what cannot
    /// be told now, each follower finds in the log.
    pub fn publish(&self, events: Vec<Event>) {
        for event in events {
            if let Some(outbox) = &self.outbox
                && outbox.try_send(event.clone()).is_err()
            {
                tracing::warn!(position = event.position, "the way to Redis is full");
            }
            if self.inbox.try_send(BusMessage::Event(Box::new(event))).is_err() {
                tracing::debug!("the follower is behind; it will read the log");
            }
        }
    }

    /// The state of the connection to Redis; `None` where events stay inside the process.
    pub fn redis(&self) -> Option<&RedisHealth> {
        self.redis.as_deref()
    }
}

/// Where to put what is to be published.
fn outgoing(
    address: &RedisConnector,
    channel: &str,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> mpsc::Sender<Event> {
    let (outbox, committed) = mpsc::channel(BACKLOG);
    let publish = publish(address.clone(), channel.to_owned(), committed);
    tasks.spawn(stop.clone().run_until_cancelled_owned(publish));
    outbox
}

/// Publishes each event by one command. What cannot be published now, the other gateways find in the log.
async fn publish(address: RedisConnector, channel: String, mut committed: mpsc::Receiver<Event>) {
    let mut connection = None;
    while let Some(event) = committed.recv().await {
        let message = serde_json::to_string(&event).expect("an event is plain data");
        let published = within(async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => {
                    address.connect(async |client| client.get_multiplexed_async_connection().await).await?
                }
            };
            let command = redis::cmd("PUBLISH").arg(&channel).arg(message).to_owned();
            command.query_async::<()>(&mut open).await?;
            Ok(open)
        });
        match published.await {
            Ok(open) => connection = Some(open),
            Err(error) => tracing::warn!(position = event.position, %error, "could not publish an event"),
        }
    }
}

/// What the follower listens to.
pub type BusReceiver = BoxStream<'static, BusMessage>;

/// The way in from the other gateways, through every loss of the connection.
struct Link {
    address: RedisConnector,
    channel: String,
    health: Arc<RedisHealth>,
    /// How long to wait before connecting again.
    pause: Duration,
    connection: Option<Connection>,
}

struct Connection {
    sink: PubSubSink,
    messages: PubSubStream,
    ping: Interval,
}

impl Link {
    /// What is heard next.
    async fn next(&mut self) -> BusMessage {
        loop {
            let Some(connection) = &mut self.connection else {
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).clamp(RECONNECT_FIRST, RECONNECT_LAST);
                match subscribe(&self.address, &self.channel).await {
                    Ok(pubsub) => {
                        tracing::info!("hearing other gateways through Redis");
                        self.connect(pubsub);
                        // What was published while nobody listened is in the log alone.
                        return BusMessage::Look;
                    }
                    Err(error) => {
                        tracing::debug!(%error, "Redis is away");
                        continue;
                    }
                }
            };
            tokio::select! {
                message = connection.messages.next() => match message {
                    Some(message) => match serde_json::from_slice(message.get_payload_bytes()) {
                        Ok(event) => return BusMessage::Event(Box::new(event)),
                        Err(error) => {
                            let count = self.health.poison.fetch_add(1, Ordering::Relaxed) + 1;
                            tracing::warn!(count, %error, "a message on the channel is no event");
                        }
                    },
                    None => self.lose(),
                },
                // Silence is no sign of life: whoever went without a word is missed by this.
                _ = connection.ping.tick() => {
                    if within(connection.sink.ping::<redis::Value>()).await.is_err() {
                        self.lose();
                    }
                }
            }
        }
    }

    fn connect(&mut self, pubsub: PubSub) {
        let (sink, messages) = pubsub.split();
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.connection = Some(Connection { sink, messages, ping });
        self.health.subscribed.store(true, Ordering::Release);
        self.pause = RECONNECT_FIRST;
    }

    fn lose(&mut self) {
        self.connection = None;
        self.health.subscribed.store(false, Ordering::Release);
        tracing::warn!("lost the connection to Redis; polling the log meanwhile");
    }
}

async fn subscribe(address: &RedisConnector, channel: &str) -> redis::RedisResult<PubSub> {
    let mut pubsub = address.connect(async |client| client.get_async_pubsub().await).await?;
    within(pubsub.subscribe(channel)).await?;
    Ok(pubsub)
}
