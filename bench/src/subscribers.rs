//! Many subscribers of one server, and counts of the events that each receives.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::client::{Socket, Subscription};
use crate::process::Server;
use crate::table::float;
use crate::{BoxError, Result};

/// Sockets that are opened concurrently.
const CONCURRENT_OPENS: usize = 200;

/// How long to wait before the memory of the server is measured, and before the first event.
const SETTLE_TIME: Duration = Duration::from_secs(3);

/// One of so many subscribers is connected before the memory of the server is measured.
const CONNECTED_BEFORE: usize = 3;

/// Time limit of the delivery of all events.
const DELIVERY_TIMEOUT: Duration = Duration::from_mins(1);

/// Called for each event.
pub type OnEvent = Arc<dyn Fn(&str) + Send + Sync>;

/// Many subscribers of one server. They disconnect when dropped.
pub struct Subscribers {
    pub server: Server,
    /// Memory of the server for one more subscriber, in KiB.
    pub memory: f64,
    counter: Arc<DeliveryCounter>,
    /// Events that each subscriber must have received by now.
    expected: u64,
    tasks: Vec<JoinHandle<()>>,
}

impl Subscribers {
    /// Connects subscribers. `choose(n)` returns the subscription of subscriber `n`.
    pub async fn connect(
        server: Server,
        count: u32,
        choose: impl Fn(usize) -> Subscription,
        on_event: OnEvent,
    ) -> Result<Self> {
        let count = usize::try_from(count)?;
        let counter = Arc::new(DeliveryCounter::new(count));
        let open = |numbers: Range<usize>| {
            let opening = stream::iter(numbers).map(|number| {
                let (subscription, counter, on_event) =
                    (choose(number), Arc::clone(&counter), Arc::clone(&on_event));
                async move {
                    let opened = subscription.open().await;
                    let socket = opened.map_err(|error| format!("socket {number}: {error}"))?;
                    // Spawned immediately, because pings must be answered while other sockets are opened.
                    Ok::<_, BoxError>(tokio::spawn(receive(socket, number, counter, on_event)))
                }
            });
            opening.buffer_unordered(CONCURRENT_OPENS).try_collect::<Vec<_>>()
        };
        // The first ones also cost what the server needs once, however many follow, and make the allocator return what the
        // start of the server has left.
        let first = count / CONNECTED_BEFORE;
        let mut tasks = open(0..first).await?;
        tokio::time::sleep(SETTLE_TIME).await;
        let before = server.memory()?;
        tasks.extend(open(first..count).await?);
        tokio::time::sleep(SETTLE_TIME).await;
        let grown = server.memory()?.saturating_sub(before);
        let memory = float(grown) / float(u64::try_from(count - first)?);
        Ok(Self { server, memory, counter, expected: 0, tasks })
    }

    /// Waits until each subscriber has received this many more events. Fails if one has received another
    /// number.
    pub async fn expect_events(&mut self, events: u64) -> Result<()> {
        self.expected += events;
        self.counter.wait(self.expected).await
    }

    /// The last event of the first subscriber.
    pub fn sample(&self) -> Result<String> {
        let sample = locked(&self.counter.sample).as_ref().map(ToString::to_string);
        sample.ok_or_else(|| "no event was delivered yet".into())
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn receive(mut socket: Socket, number: usize, counter: Arc<DeliveryCounter>, on_event: OnEvent) {
    loop {
        match socket.next_event().await {
            Ok(text) => {
                on_event(text.as_str());
                counter.count(number, text);
            }
            Err(error) => return counter.fail(number, &error),
        }
    }
}

/// Counts the events of each subscriber.
struct DeliveryCounter {
    counts: Vec<AtomicU64>,
    total: AtomicU64,
    target: AtomicU64,
    changed: Notify,
    sample: Mutex<Option<Utf8Bytes>>,
    error: Mutex<Option<String>>,
}

impl DeliveryCounter {
    fn new(subscribers: usize) -> Self {
        Self {
            counts: std::iter::repeat_with(AtomicU64::default).take(subscribers).collect(),
            total: AtomicU64::default(),
            target: AtomicU64::new(u64::MAX),
            changed: Notify::new(),
            sample: Mutex::default(),
            error: Mutex::default(),
        }
    }

    fn count(&self, number: usize, text: Utf8Bytes) {
        if number == 0 {
            *locked(&self.sample) = Some(text);
        }
        if let Some(count) = self.counts.get(number) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let before = self.total.fetch_add(1, Ordering::SeqCst);
        if before + 1 == self.target.load(Ordering::SeqCst) {
            self.changed.notify_one();
        }
    }

    fn fail(&self, number: usize, error: &BoxError) {
        *locked(&self.error) = Some(format!("socket {number}: {error}"));
        self.changed.notify_one();
    }

    /// Waits until each subscriber has received `events` events.
    async fn wait(&self, events: u64) -> Result<()> {
        let subscribers = u64::try_from(self.counts.len())?;
        let target = subscribers * events;
        self.target.store(target, Ordering::SeqCst);
        let delivered = async {
            while self.total.load(Ordering::SeqCst) < target && locked(&self.error).is_none() {
                self.changed.notified().await;
            }
        };
        let in_time = tokio::time::timeout(DELIVERY_TIMEOUT, delivered).await.is_ok();
        if let Some(error) = locked(&self.error).as_ref() {
            return Err(error.clone().into());
        }
        if !in_time {
            let missing = target.saturating_sub(self.total.load(Ordering::SeqCst));
            return Err(format!("{missing} of {target} deliveries are missing").into());
        }
        let wrong = self.counts.iter().filter(|count| count.load(Ordering::SeqCst) != events).count();
        if wrong > 0 {
            return Err(format!(
                "{wrong} of {subscribers} subscribers did not receive exactly {events} events"
            )
            .into());
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
