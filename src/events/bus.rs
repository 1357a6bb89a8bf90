//! Sends committed events to the tailers of this gateway and of the others, right after the commit.
//!
//! With `REDIS_URL`, the bus uses Redis PUBLISH, over one connection for sending and one for receiving. Both
//! reconnect automatically. Without `REDIS_URL`, it stays inside the process. The bus may lose messages: the
//! tailer then sees a gap and reads the log. Messages from Redis are signed (`signed_message`): one that is
//! not authentic can at most make the tailer read the log.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::event::Event;
use crate::events::counters::EventCounters;
use crate::events::redis_channel::{RECEIVE_CAPACITY, Received, RedisChannel, RedisHealth};
use crate::events::signed_message::MessageKey;

/// The number of this gateway's events that can wait for its tailer, or for Redis. Further events are
/// dropped: the log has them.
const CHANNEL_CAPACITY: usize = 4096;

/// A message to the tailer.
#[derive(Debug)]
pub enum BusMessage {
    /// An event was committed.
    Event(Box<Event>),
    /// Messages may have been missed: read the log soon.
    ReadLog,
}

/// The receiving side of the bus.
pub type BusReceiver = BoxStream<'static, BusMessage>;

/// The sending side of the bus.
#[derive(Debug, Clone)]
pub struct Bus {
    /// To the tailer of this gateway.
    local: mpsc::Sender<BusMessage>,
    /// To the task that publishes to Redis.
    remote: Option<mpsc::Sender<Event>>,
    redis_health: Option<Arc<RedisHealth>>,
    counters: EventCounters,
}

impl Bus {
    /// A bus inside the process, and its receiver for the tailer.
    pub fn in_process() -> (Self, BusReceiver) {
        let (local, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        let bus = Self { local, remote: None, redis_health: None, counters: EventCounters::default() };
        (bus, ReceiverStream::new(receiver).boxed())
    }

    /// A bus over Redis, and its receiver for the tailer. Does not wait for a connection.
    pub fn over_redis(
        channel: &RedisChannel,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (Self, BusReceiver) {
        let (mut bus, local) = Self::publish_only(channel, tasks, stop);
        let health = Arc::new(RedisHealth::new(bus.counters.clone()));
        bus.redis_health = Some(Arc::clone(&health));
        let (queue, received) = mpsc::channel(RECEIVE_CAPACITY);
        tasks.spawn(stop.clone().run_until_cancelled_owned(channel.clone().receive(health, queue)));
        let (key, counters) = (channel.key.clone(), bus.counters.clone());
        let from_redis = ReceiverStream::new(received).map(move |received| match received {
            Received::Message(message) => authenticate(&key, &message, &counters),
            Received::Gap => BusMessage::ReadLog,
        });
        (bus, stream::select(local, from_redis).boxed())
    }

    /// A bus that receives nothing from Redis, for a command of the command line. Its task ends after the bus
    /// is dropped and every event was published.
    pub fn publish_only(
        channel: &RedisChannel,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (Self, BusReceiver) {
        let (mut bus, local) = Self::in_process();
        let (remote, events) = mpsc::channel(CHANNEL_CAPACITY);
        tasks.spawn(stop.clone().run_until_cancelled_owned(channel.clone().publish(events)));
        bus.remote = Some(remote);
        (bus, local)
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

    pub fn counters(&self) -> &EventCounters {
        &self.counters
    }
}

/// The event of a message from Redis. A message that is not authentic says nothing, except that something is
/// wrong with the channel.
fn authenticate(key: &MessageKey, message: &[u8], counters: &EventCounters) -> BusMessage {
    if let Some(event) = key.verify(message) {
        return BusMessage::Event(Box::new(event));
    }
    let count = counters.rejected_messages.inc() + 1;
    // Anybody who can publish could otherwise fill the log.
    if count.is_power_of_two() {
        tracing::warn!(count, "message on the Redis channel is not authentic");
    }
    BusMessage::ReadLog
}
