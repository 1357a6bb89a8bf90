//! Many subscribers of one server, and the count of what each is told.

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
use crate::{Failure, Result};

/// Sockets that are being opened at a time.
const OPENED_AT_ONCE: usize = 200;

/// How long a crowd is left alone before its server's memory is read, and before the first event.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// How long the last delivery of what was sent may take.
const DELIVERED_WITHIN: Duration = Duration::from_mins(1);

/// What to do with each event beside counting it.
pub type Hear = Arc<dyn Fn(&str) + Send + Sync>;

/// Many subscribers of one server, who go with this value.
pub struct Crowd {
    pub server: Server,
    /// KiB of the server's memory that each of them takes.
    pub memory: f64,
    tally: Arc<Tally>,
    /// Events that each should have been told by now.
    told: u64,
    listeners: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// So many subscribers of the server, each with the subscription that `choose` gives for its number.
    pub async fn gather(
        server: Server,
        size: u32,
        choose: impl Fn(usize) -> Subscription,
        hear: Hear,
    ) -> Result<Self> {
        let size = usize::try_from(size)?;
        let tally = Arc::new(Tally::new(size));
        let before = server.memory()?;
        let opening = stream::iter(0..size).map(|number| {
            let (subscription, tally, hear) = (choose(number), Arc::clone(&tally), Arc::clone(&hear));
            async move {
                let opened = subscription.open().await;
                let socket = opened.map_err(|failure| format!("socket {number}: {failure}"))?;
                // At once: its pings must be answered while the others come.
                Ok::<_, Failure>(tokio::spawn(listen(socket, number, tally, hear)))
            }
        });
        let listeners: Vec<_> = opening.buffer_unordered(OPENED_AT_ONCE).try_collect().await?;
        tokio::time::sleep(SETTLED_AFTER).await;
        let grown = server.memory()?.saturating_sub(before);
        let memory = float(grown) / float(u64::try_from(size)?);
        Ok(Self { server, memory, tally, told: 0, listeners })
    }

    /// Waits until each has been told so many events more, and makes sure that none was told another number.
    pub async fn told_more(&mut self, events: u64) -> Result<()> {
        self.told += events;
        self.tally.wait(self.told).await
    }

    /// The last event that the first of them was told.
    pub fn sample(&self) -> Result<String> {
        let sample = locked(&self.tally.sample).as_ref().map(ToString::to_string);
        sample.ok_or_else(|| "nothing was delivered yet".into())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

async fn listen(mut socket: Socket, number: usize, tally: Arc<Tally>, hear: Hear) {
    loop {
        match socket.event().await {
            Ok(text) => {
                hear(text.as_str());
                tally.count(number, text);
            }
            Err(failure) => return tally.lose(number, &failure),
        }
    }
}

/// How many events each subscriber was told.
struct Tally {
    each: Vec<AtomicU64>,
    all: AtomicU64,
    awaited: AtomicU64,
    changed: Notify,
    sample: Mutex<Option<Utf8Bytes>>,
    lost: Mutex<Option<String>>,
}

impl Tally {
    fn new(size: usize) -> Self {
        Self {
            each: std::iter::repeat_with(AtomicU64::default).take(size).collect(),
            all: AtomicU64::default(),
            awaited: AtomicU64::new(u64::MAX),
            changed: Notify::new(),
            sample: Mutex::default(),
            lost: Mutex::default(),
        }
    }

    fn count(&self, number: usize, text: Utf8Bytes) {
        if number == 0 {
            *locked(&self.sample) = Some(text);
        }
        if let Some(count) = self.each.get(number) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        let before = self.all.fetch_add(1, Ordering::SeqCst);
        if before + 1 == self.awaited.load(Ordering::SeqCst) {
            self.changed.notify_one();
        }
    }

    fn lose(&self, number: usize, failure: &Failure) {
        *locked(&self.lost) = Some(format!("socket {number}: {failure}"));
        self.changed.notify_one();
    }

    /// Waits until each has `events`.
    async fn wait(&self, events: u64) -> Result<()> {
        let size = u64::try_from(self.each.len())?;
        let awaited = size * events;
        self.awaited.store(awaited, Ordering::SeqCst);
        let delivered = async {
            while self.all.load(Ordering::SeqCst) < awaited && locked(&self.lost).is_none() {
                self.changed.notified().await;
            }
        };
        let in_time = tokio::time::timeout(DELIVERED_WITHIN, delivered).await.is_ok();
        if let Some(lost) = locked(&self.lost).as_ref() {
            return Err(lost.clone().into());
        }
        if !in_time {
            let missing = awaited.saturating_sub(self.all.load(Ordering::SeqCst));
            return Err(format!("{missing} of {awaited} deliveries did not come").into());
        }
        let wrong = self.each.iter().filter(|count| count.load(Ordering::SeqCst) != events).count();
        if wrong > 0 {
            return Err(format!("{wrong} of {size} subscribers were not told {events} events").into());
        }
        Ok(())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
