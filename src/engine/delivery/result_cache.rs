//! Caches the results of a group's latest events for a short time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::ServerError;
use futures_util::future::{BoxFuture, Shared};

use crate::events::stream::Delivery;

/// How long a result is shared. A result contains the data from the time of its execution, so it ages.
const TIME_TO_LIVE: Duration = Duration::from_secs(1);

/// The memory that the results of one group may use: enough for a few hundred small results, so that
/// subscribers that resume at different positions can share them.
const CACHE_BYTES: usize = 256 * 1024;

/// The result of an event for a subscriber.
#[derive(Debug, Clone)]
pub enum EventResult {
    /// The event does not match the subscription. Nothing is sent.
    Skipped,
    /// The `payload` of a `next` message, as JSON.
    Next(Arc<str>),
    /// The errors of a failed execution. The subscription ends, since it must not skip an event.
    Failed(Arc<[ServerError]>),
    /// The result differs between subscribers. The event must be executed for each of them.
    ViewerDependent,
}

impl EventResult {
    fn memory_bytes(&self) -> usize {
        let content = match self {
            Self::Next(text) => text.len(),
            Self::Failed(errors) => size_of_val(&**errors),
            Self::Skipped | Self::ViewerDependent => 0,
        };
        content + size_of::<CachedResult>() + size_of::<Self>()
    }
}

/// An execution that many subscribers can wait for.
pub type SharedResult = Shared<BoxFuture<'static, EventResult>>;

/// Results by position and delivery.
#[derive(Default)]
pub struct ResultCache {
    results: BTreeMap<(i64, Delivery), CachedResult>,
    bytes: usize,
}

struct CachedResult {
    started: Instant,
    result: SharedResult,
    /// 0 until the execution is complete.
    bytes: usize,
}

impl CachedResult {
    fn is_fresh(&self) -> bool {
        self.started.elapsed() < TIME_TO_LIVE
    }
}

impl ResultCache {
    /// The result of an event, if it is complete and the same for all subscribers.
    pub fn get(&self, delivery: Delivery, position: i64) -> Option<EventResult> {
        let cached = self.results.get(&(position, delivery))?;
        cached
            .result
            .peek()
            .filter(|result| !matches!(result, EventResult::ViewerDependent) && cached.is_fresh())
            .cloned()
    }

    /// The execution of an event. Calls `start` if there is none that is fresh.
    pub fn get_or_start(
        &mut self,
        delivery: Delivery,
        position: i64,
        start: impl FnOnce() -> SharedResult,
    ) -> SharedResult {
        let key = (position, delivery);
        if let Some(cached) = self.results.get(&key).filter(|cached| cached.is_fresh()) {
            return cached.result.clone();
        }
        while let Some((oldest, cached)) = self.results.first_key_value()
            && (self.bytes > CACHE_BYTES || !cached.is_fresh())
        {
            let oldest = *oldest;
            self.remove(oldest);
        }
        self.remove(key);
        let result = start();
        let cached = CachedResult { started: Instant::now(), result: result.clone(), bytes: 0 };
        self.results.insert(key, cached);
        result
    }

    /// Counts the memory of a complete result, if it is still cached and not counted yet.
    pub fn record_size(&mut self, delivery: Delivery, position: i64, result: &SharedResult) {
        if let Some(cached) = self.results.get_mut(&(position, delivery))
            && cached.result.ptr_eq(result)
            && cached.bytes == 0
        {
            cached.bytes = result.peek().map_or(0, EventResult::memory_bytes);
            self.bytes += cached.bytes;
        }
    }

    fn remove(&mut self, key: (i64, Delivery)) {
        if let Some(removed) = self.results.remove(&key) {
            self.bytes -= removed.bytes;
        }
    }
}
