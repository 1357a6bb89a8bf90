//! The Redis channel over which the gateways of an installation send each other committed events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use prometheus_client::metrics::counter::Counter;
use redis::aio::PubSub;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::domain::event::Event;
use crate::events::counters::EventCounters;
use crate::events::redis_connector::{RedisConnector, with_timeout};
use crate::events::signed_message::MessageKey;

/// The number of messages from Redis that can wait for the tailer. Further messages are dropped: the log has
/// the events. Together with [`MESSAGE_MAX_BYTES`], this bounds their memory to 16 MiB.
pub const RECEIVE_CAPACITY: usize = 1024;

/// The maximum size of a message. A larger one is not sent, and rejected if it is received. Events have a few
/// hundred bytes.
const MESSAGE_MAX_BYTES: usize = 16 * 1024;

/// Interval of pings over the receiving connection.
const PING_INTERVAL: Duration = Duration::from_secs(5);

const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(100);
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(2);

/// The channel of one epoch of one installation's log.
#[derive(Debug, Clone)]
pub struct RedisChannel {
    pub connector: RedisConnector,
    pub name: String,
    pub key: MessageKey,
}

/// The state of the receiving connection to Redis.
#[derive(Debug, Default)]
pub struct RedisHealth {
    is_subscribed: AtomicBool,
    counters: EventCounters,
}

/// What the receiving connection yields.
#[derive(Debug)]
pub enum Received {
    /// A message, which may have been sent by anybody.
    Message(Vec<u8>),
    /// Messages may have been missed.
    Gap,
}

impl RedisHealth {
    pub fn new(counters: EventCounters) -> Self {
        Self { is_subscribed: AtomicBool::new(false), counters }
    }

    /// Whether this gateway currently receives the events of the others.
    pub fn is_subscribed(&self) -> bool {
        self.is_subscribed.load(Ordering::Acquire)
    }

    /// How many messages on the channel were not authentic.
    pub fn poison_messages(&self) -> u64 {
        self.counters.rejected_messages.get()
    }
}

impl RedisChannel {
    /// Publishes each event with one command. If that fails, the other gateways find the event in the log.
    pub async fn publish(self, mut events: mpsc::Receiver<Event>) {
        let mut idle_connection = None;
        while let Some(event) = events.recv().await {
            let message = self.key.sign(&event);
            if message.len() > MESSAGE_MAX_BYTES {
                tracing::warn!(position = event.position, "event not published: it is too large");
                continue;
            }
            let published = with_timeout(async {
                let mut connection = if let Some(connection) = idle_connection.take() {
                    connection
                } else {
                    let connect =
                        async |client: &redis::Client| client.get_multiplexed_async_connection().await;
                    self.connector.connect(connect).await?
                };
                let command = redis::cmd("PUBLISH").arg(&self.name).arg(message).to_owned();
                command.query_async::<()>(&mut connection).await?;
                Ok(connection)
            });
            match published.await {
                Ok(connection) => idle_connection = Some(connection),
                Err(error) => tracing::warn!(position = event.position, %error, "publishing an event failed"),
            }
        }
    }

    /// Receives the messages of the channel, and reconnects if the connection is lost.
    pub async fn receive(self, health: Arc<RedisHealth>, queue: mpsc::Sender<Received>) {
        let mut delay = Duration::ZERO;
        while !queue.is_closed() {
            tokio::time::sleep(delay).await;
            delay = (delay * 2).clamp(RECONNECT_DELAY_MIN, RECONNECT_DELAY_MAX);
            match self.subscribe().await {
                Ok(pubsub) => {
                    tracing::info!("subscribed to the Redis channel");
                    delay = RECONNECT_DELAY_MIN;
                    health.is_subscribed.store(true, Ordering::Release);
                    read(pubsub, &queue, &health.counters.dropped_messages).await;
                    health.is_subscribed.store(false, Ordering::Release);
                    tracing::warn!("lost the connection to Redis; polling the log until it is back");
                }
                Err(error) => tracing::debug!(%error, "connecting to Redis failed"),
            }
        }
    }

    async fn subscribe(&self) -> redis::RedisResult<PubSub> {
        let connect = self.connector.connect(async |client| client.get_async_pubsub().await);
        let mut pubsub = connect.await?;
        with_timeout(pubsub.subscribe(&self.name)).await?;
        Ok(pubsub)
    }
}

/// Reads messages until the connection is lost.
async fn read(pubsub: PubSub, queue: &mpsc::Sender<Received>, dropped: &Counter) {
    let (mut sink, messages) = pubsub.split();
    let messages = messages.map(|message| match message.get_payload_bytes() {
        // An empty message is not authentic either.
        bytes if bytes.len() > MESSAGE_MAX_BYTES => Vec::new(),
        bytes => bytes.to_vec(),
    });
    // Without pings, a server that vanished without closing the connection would look idle.
    let ping = async {
        loop {
            tokio::time::sleep(PING_INTERVAL).await;
            if with_timeout(sink.ping::<redis::Value>()).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = forward(messages, queue, dropped) => {}
        () = ping => {}
    }
}

/// Moves messages to the queue until either is closed. The library's own queue has no limit, so this never
/// waits with messages in it: if the queue is full, messages are dropped until it has room for a
/// [`Received::Gap`].
async fn forward(
    mut messages: impl Stream<Item = Vec<u8>> + Unpin,
    queue: &mpsc::Sender<Received>,
    dropped: &Counter,
) {
    // Events that were published before this moment are only in the log.
    let mut has_gap = true;
    loop {
        if has_gap {
            tokio::select! {
                biased;
                permit = queue.reserve() => {
                    let Ok(permit) = permit else { return };
                    permit.send(Received::Gap);
                    has_gap = false;
                }
                message = messages.next() => {
                    if message.is_none() {
                        return;
                    }
                    dropped.inc();
                }
            }
            continue;
        }
        let Some(message) = messages.next().await else { return };
        match queue.try_send(Received::Message(message)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                dropped.inc();
                has_gap = true;
            }
            Err(TrySendError::Closed(_)) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;

    #[tokio::test]
    async fn a_flood_of_messages_fills_the_queue_and_the_rest_is_dropped() {
        const FLOOD: usize = 100_000;
        let (queue, mut received) = mpsc::channel(RECEIVE_CAPACITY);
        let (source, messages) = mpsc::unbounded_channel();
        let dropped = Counter::default();
        let counter = dropped.clone();
        let task = tokio::spawn(async move {
            forward(UnboundedReceiverStream::new(messages), &queue, &counter).await;
        });
        for number in 0..FLOOD {
            source.send(number.to_string().into_bytes()).expect("it is read");
        }
        // Nobody takes messages from the queue, but the source is emptied.
        while dropped.get() < u64::try_from(FLOOD - RECEIVE_CAPACITY).expect("small") {
            tokio::task::yield_now().await;
        }
        assert_eq!(received.len(), RECEIVE_CAPACITY);
        assert!(matches!(received.recv().await, Some(Received::Gap)), "first what was missed before");
        for expected in 0..RECEIVE_CAPACITY - 1 {
            let Some(Received::Message(message)) = received.recv().await else { panic!("a message") };
            assert_eq!(message, expected.to_string().into_bytes());
        }
        // The dropped messages are reported once, and then messages arrive again.
        assert!(matches!(received.recv().await, Some(Received::Gap)));
        source.send(b"next".to_vec()).expect("it is read");
        assert!(matches!(received.recv().await, Some(Received::Message(message)) if message == b"next"));
        drop(source);
        task.await.expect("it ends with its source");
    }

    #[tokio::test]
    async fn forwarding_ends_if_nobody_receives() {
        let (queue, received) = mpsc::channel(1);
        drop(received);
        forward(stream::pending(), &queue, &Counter::default()).await;
    }
}
