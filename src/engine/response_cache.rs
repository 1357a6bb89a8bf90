//! Answers to strangers, kept in memory for as long as nothing that everybody sees has changed.
//!
//! An answer is kept under its document, operation and variables, with the [`PublicDataVersion`](crate::events::public_data_version)
//! that was current before it was made; it is given only while that is still the newest this gateway knows of. So an
//! answer is never older than what the gateway's subscribers have been told. Requests that come while an answer is being
//! made wait for it: a thousand identical ones take one look at the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, Value};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, WeakShared};
use moka::sync::Cache;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::engine::cache_key::CacheKey;
use crate::engine::cache_policy::CachePolicy;
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::{ResponseBody, objects};

/// What an answer takes besides its text: its key, its place in the cache, its tag.
const OVERHEAD_BYTES: usize = 512;

/// An answer is made anew after so long, whatever has happened: something may have changed that left no event, such as
/// by hand in the database.
const KEPT_FOR: Duration = Duration::from_mins(1);

/// An answer as it goes out.
#[derive(Debug)]
pub struct CachedResponse {
    /// The JSON.
    pub body: Bytes,
    /// Names the text: two answers with one tag are the same.
    pub etag: String,
    /// For how long others may keep it.
    pub policy: CachePolicy,
    /// The operation's name in its document.
    pub name: Option<String>,
    /// The points that it costs.
    pub cost: u64,
    /// What everybody saw was of this version when it was made.
    version: i64,
}

/// What comes of making an answer: one that can be kept, or another. An error is that of whoever came first, whose request
/// its cause is logged under.
#[derive(Debug, Clone)]
pub enum Outcome {
    Cached(Arc<CachedResponse>),
    Uncached(Arc<Response>),
}

/// An answer that is being made, as those see it who might wait for it: where nobody does, it is given up.
type InFlight = WeakShared<BoxFuture<'static, Outcome>>;

/// Requests that asked for an answer of the kind that is kept, by what came of it: `hit`, it was there; `miss`, it was
/// made; `joined`, it was being made, and the request waited for it.
pub type CacheRequests = Family<[(&'static str, &'static str); 1], Counter>;

/// What is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct CacheSize {
    pub responses: u64,
    pub bytes: u64,
}

pub struct ResponseCache {
    /// `None`: nothing is kept.
    answers: Option<Cache<CacheKey, Arc<CachedResponse>>>,
    in_flight: Mutex<HashMap<(CacheKey, i64), InFlight>>,
    requests: CacheRequests,
    hits: Counter,
    misses: Counter,
    joined: Counter,
}

impl CachedResponse {
    fn of(response: &Response, version: i64, operation: &EntryMeta) -> Option<Self> {
        let is_whole =
            response.errors.is_empty() && response.extensions.is_empty() && response.http_headers.is_empty();
        if !is_whole || response.data == Value::Null {
            return None;
        }
        let mut body = serde_json::to_vec(&ResponseBody::from(response)).expect("an answer is plain data");
        // What is not used of it would be kept, too.
        body.shrink_to_fit();
        let body = Bytes::from(body);
        let cost = operation.base_cost.saturating_add(objects(&response.data)).min(operation.cost);
        let (name, policy) = (operation.name.clone(), operation.policy);
        Some(Self { etag: crate::engine::response::etag(&body), body, policy, name, cost, version })
    }

    fn bytes(&self) -> usize {
        self.body.len() + self.name.as_deref().map_or(0, str::len) + OVERHEAD_BYTES
    }
}

/// What is remembered of a request once it is executed.
pub struct EntryMeta {
    name: Option<String>,
    policy: CachePolicy,
    cost: u64,
    base_cost: u64,
}

impl From<&ValidatedOperation> for EntryMeta {
    fn from(operation: &ValidatedOperation) -> Self {
        let ValidatedOperation { name, cache, cost, base_cost, .. } = operation;
        Self { name: name.clone(), policy: *cache, cost: *cost, base_cost: *base_cost }
    }
}

impl ResponseCache {
    /// Keeps so many bytes; 0 keeps nothing.
    pub fn new(bytes: u64) -> Self {
        let cache = || {
            let weigh = |_: &CacheKey, cached: &Arc<CachedResponse>| {
                u32::try_from(cached.bytes()).unwrap_or(u32::MAX)
            };
            Cache::builder().max_capacity(bytes).weigher(weigh).time_to_live(KEPT_FOR).build()
        };
        let requests = CacheRequests::default();
        let [hits, misses, joined] =
            ["hit", "miss", "joined"].map(|result| requests.get_or_create(&[("result", result)]).clone());
        Self { answers: (bytes > 0).then(cache), in_flight: Mutex::default(), requests, hits, misses, joined }
    }

    /// Under what the answer to this request of a stranger is kept, if it is kept at all.
    pub fn key(&self, request: &Request) -> Option<CacheKey> {
        self.answers.as_ref().and_then(|_| CacheKey::of(request))
    }

    /// The answer, where there is one of this version.
    pub fn find(&self, key: &CacheKey, version: i64) -> Option<Arc<CachedResponse>> {
        let cached = self.answers.as_ref()?.get(key).filter(|cached| cached.version == version)?;
        self.hits.inc();
        Some(cached)
    }

    /// The answer that `make` makes of what is there at this version, or that somebody is making of it already.
    pub async fn make(
        self: &Arc<Self>,
        key: CacheKey,
        version: i64,
        operation: EntryMeta,
        make: impl Future<Output = Response> + Send + 'static,
    ) -> Outcome {
        let in_flight = {
            let mut all = lock(&self.in_flight);
            // It may have been made between the look for it and now.
            if let Some(cached) = self.find(&key, version) {
                return Outcome::Cached(cached);
            }
            if let Some(in_flight) = all.get(&(key, version)).and_then(WeakShared::upgrade) {
                self.joined.inc();
                in_flight
            } else {
                self.misses.inc();
                let (cached, ends) =
                    (Arc::clone(self), InFlightGuard { of: Arc::clone(self), key: (key, version) });
                let in_flight = async move {
                    let response = make.await;
                    // Kept before it ends: who comes next finds one or the other.
                    let answer = cached.keep(key, version, response, &operation);
                    drop(ends);
                    answer
                };
                let in_flight = in_flight.boxed().shared();
                all.extend(in_flight.downgrade().map(|in_flight| ((key, version), in_flight)));
                in_flight
            }
        };
        in_flight.await
    }

    fn keep(&self, key: CacheKey, version: i64, response: Response, operation: &EntryMeta) -> Outcome {
        let (Some(answers), Some(cached)) =
            (&self.answers, CachedResponse::of(&response, version, operation))
        else {
            return Outcome::Uncached(Arc::new(response));
        };
        let cached = Arc::new(cached);
        // A slow one does not take the place of a newer one.
        if answers.get(&key).is_none_or(|there| there.version <= version) {
            answers.insert(key, Arc::clone(&cached));
        }
        Outcome::Cached(cached)
    }

    pub fn requests(&self) -> CacheRequests {
        self.requests.clone()
    }

    pub fn size(&self) -> CacheSize {
        let Some(answers) = &self.answers else { return CacheSize::default() };
        // What was put in and thrown out last is counted only with this.
        answers.run_pending_tasks();
        CacheSize { responses: answers.entry_count(), bytes: answers.weighted_size() }
    }
}

/// Takes what is being made off the list once it is there, or nobody waits for it any more. (Should another have begun by
/// then, those who come next do not join it.)
struct InFlightGuard {
    of: Arc<ResponseCache>,
    key: (CacheKey, i64),
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        lock(&self.of.in_flight).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether answers to operations of this kind and policy are kept.
pub fn is_cacheable(kind: OperationType, policy: CachePolicy) -> bool {
    kind == OperationType::Query && policy != CachePolicy::Private
}
