//! Caches responses to anonymous queries in memory, until public data changes.
//!
//! An entry holds the [`PublicDataVersion`](crate::events::public_data_version) that was current before its
//! execution, and is used only while that is the newest version that this gateway knows. So a cached response
//! is never older than the events that the gateway has sent to its subscribers. Identical queries that arrive
//! during an execution wait for its response: a thousand of them read the database once.
//!
//! A response is stored together with its compressed forms. Each is made when a client first asks for it, and counts
//! for the size of the cache.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, Value};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, WeakShared};
use moka::Expiry;
use moka::ops::compute::Op;
use moka::sync::Cache;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::OnceCell;

use crate::engine::cache_key::CacheKey;
use crate::engine::cache_policy::CachePolicy;
use crate::engine::compression::{ContentEncoding, compress};
use crate::engine::operation::ValidatedOperation;
use crate::engine::response::{ResponseBody, count_objects, etag};

/// The memory of an entry besides its bodies: the key, the `ETag`, the entry in the map.
const OVERHEAD_BYTES: usize = 768;

/// The longest time that a response is cached. Data can change without an event, for example if somebody
/// edits the database.
const TIME_TO_LIVE: Duration = Duration::from_mins(1);

/// A serialized response.
#[derive(Debug)]
pub struct CachedResponse {
    /// The JSON.
    pub body: Bytes,
    /// The `ETag` of the body.
    pub etag: String,
    /// How long HTTP caches may store the response.
    pub policy: CachePolicy,
    /// The name of the operation in its document.
    pub name: Option<String>,
    /// What the response costs a client.
    pub cost: u64,
    /// The version of the public data that was current before the execution.
    version: i64,
    key: CacheKey,
    created_at: Instant,
    /// The body in each of [`ContentEncoding::ALL`], if a client has asked for it.
    compressed: [OnceCell<Bytes>; ContentEncoding::ALL.len()],
}

/// The response to a cacheable query. A response with errors is not cached. Clients that wait for the same
/// execution get the same response, and its internal errors are logged under the request id of the client
/// that started it.
#[derive(Debug, Clone)]
pub enum Outcome {
    Cached(Arc<CachedResponse>),
    Uncached(Arc<Response>),
}

/// A running execution. It is cancelled when no client waits for it any more.
type InFlight = WeakShared<BoxFuture<'static, Outcome>>;

/// Counts cacheable requests by `result`: `hit` if the response was cached, `miss` if the request started an
/// execution, `joined` if it waited for a running one.
pub type CacheRequests = Family<[(&'static str, &'static str); 1], Counter>;

/// How much the cache holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct CacheSize {
    pub responses: u64,
    pub bytes: u64,
}

pub struct ResponseCache {
    /// `None` if the cache is switched off.
    responses: Option<Cache<CacheKey, Arc<CachedResponse>>>,
    in_flight: Mutex<HashMap<(CacheKey, i64), InFlight>>,
    requests: CacheRequests,
    hits: Counter,
    misses: Counter,
    joined: Counter,
}

impl CachedResponse {
    /// Serializes a response; `None` if it is not cacheable.
    fn new(response: &Response, key: CacheKey, version: i64, entry_meta: &EntryMeta) -> Option<Self> {
        let is_plain =
            response.errors.is_empty() && response.extensions.is_empty() && response.http_headers.is_empty();
        if !is_plain || response.data == Value::Null {
            return None;
        }
        let mut body = serde_json::to_vec(&ResponseBody::from(response)).expect("a response is plain data");
        // Unused capacity would stay allocated as long as the entry.
        body.shrink_to_fit();
        let body = Bytes::from(body);
        let cost = entry_meta.base_cost.saturating_add(count_objects(&response.data)).min(entry_meta.cost);
        let (name, policy) = (entry_meta.name.clone(), entry_meta.policy);
        let (created_at, compressed) = (Instant::now(), Default::default());
        Some(Self { etag: etag(&body), body, policy, name, cost, version, key, created_at, compressed })
    }

    fn memory_bytes(&self) -> usize {
        let compressed = self.compressed.iter().filter_map(OnceCell::get).map(Bytes::len).sum::<usize>();
        self.body.len() + compressed + self.name.as_deref().map_or(0, str::len) + OVERHEAD_BYTES
    }
}

/// What a cache entry needs from its operation, which the execution consumes.
pub struct EntryMeta {
    name: Option<String>,
    policy: CachePolicy,
    cost: u64,
    base_cost: u64,
}

impl From<&ValidatedOperation> for EntryMeta {
    fn from(operation: &ValidatedOperation) -> Self {
        let ValidatedOperation { name, cache_policy, cost, base_cost, .. } = operation;
        Self { name: name.clone(), policy: *cache_policy, cost: *cost, base_cost: *base_cost }
    }
}

impl ResponseCache {
    /// A cache of this size; 0 switches it off.
    pub fn new(max_bytes: u64) -> Self {
        let cache = || {
            let weigh = |_: &CacheKey, cached: &Arc<CachedResponse>| {
                u32::try_from(cached.memory_bytes()).unwrap_or(u32::MAX)
            };
            Cache::builder().max_capacity(max_bytes).weigher(weigh).expire_after(ExpireByAge).build()
        };
        let requests = CacheRequests::default();
        let [hits, misses, joined] =
            ["hit", "miss", "joined"].map(|result| requests.get_or_create(&[("result", result)]).clone());
        Self {
            responses: (max_bytes > 0).then(cache),
            in_flight: Mutex::default(),
            requests,
            hits,
            misses,
            joined,
        }
    }

    /// The key of an anonymous request; `None` if its response cannot be cached.
    pub fn key(&self, request: &Request) -> Option<CacheKey> {
        self.responses.as_ref().and_then(|_| CacheKey::new(request))
    }

    /// The cached response, if it has this version.
    pub fn get(&self, key: &CacheKey, version: i64) -> Option<Arc<CachedResponse>> {
        let cached = self.responses.as_ref()?.get(key).filter(|cached| cached.version == version)?;
        self.hits.inc();
        Some(cached)
    }

    /// The response of this version: from the cache, from a running execution, or from `execution`, which is
    /// then cached.
    pub async fn get_or_execute(
        self: &Arc<Self>,
        key: CacheKey,
        version: i64,
        entry_meta: EntryMeta,
        execution: impl Future<Output = Response> + Send + 'static,
    ) -> Outcome {
        let shared = {
            let mut in_flight = lock(&self.in_flight);
            // Another request may have cached it after this one looked.
            if let Some(cached) = self.get(&key, version) {
                return Outcome::Cached(cached);
            }
            if let Some(running) = in_flight.get(&(key, version)).and_then(WeakShared::upgrade) {
                self.joined.inc();
                running
            } else {
                self.misses.inc();
                let cache = Arc::clone(self);
                let guard = InFlightGuard { cache: Arc::clone(self), key: (key, version) };
                let execution = async move {
                    let response = execution.await;
                    // Inserted before the execution is removed: every later request finds one of them.
                    let outcome = cache.insert(key, version, response, &entry_meta);
                    drop(guard);
                    outcome
                };
                let shared = execution.boxed().shared();
                in_flight.extend(shared.downgrade().map(|weak| ((key, version), weak)));
                shared
            }
        };
        shared.await
    }

    fn insert(&self, key: CacheKey, version: i64, response: Response, entry_meta: &EntryMeta) -> Outcome {
        let (Some(responses), Some(cached)) =
            (&self.responses, CachedResponse::new(&response, key, version, entry_meta))
        else {
            return Outcome::Uncached(Arc::new(response));
        };
        let cached = Arc::new(cached);
        // A slow execution must not replace a newer response.
        if responses.get(&key).is_none_or(|existing| existing.version <= version) {
            responses.insert(key, Arc::clone(&cached));
        }
        Outcome::Cached(cached)
    }

    /// The body of a cached response in this encoding. It is made once, however many clients wait for it.
    ///
    /// # Errors
    /// If the process is stopping.
    pub async fn compressed_body(
        &self,
        cached: &Arc<CachedResponse>,
        encoding: ContentEncoding,
    ) -> io::Result<Bytes> {
        let cell = &cached.compressed[encoding as usize];
        if let Some(body) = cell.get() {
            return Ok(body.clone());
        }
        let body = cell.get_or_try_init(|| compress(cached.body.clone(), encoding)).await?.clone();
        if let Some(responses) = &self.responses {
            // Puts the entry back, so that the cache weighs it again.
            responses.entry(cached.key).and_compute_with(|existing| match existing {
                Some(existing) if Arc::ptr_eq(existing.value(), cached) => Op::Put(Arc::clone(cached)),
                _ => Op::Nop,
            });
        }
        Ok(body)
    }

    pub fn requests(&self) -> CacheRequests {
        self.requests.clone()
    }

    pub fn size(&self) -> CacheSize {
        let Some(responses) = &self.responses else { return CacheSize::default() };
        // Without this, the size would not include the latest insertions and evictions.
        responses.run_pending_tasks();
        CacheSize { responses: responses.entry_count(), bytes: responses.weighted_size() }
    }
}

/// Expires responses [`TIME_TO_LIVE`] after their execution, also if they were put back into the cache.
struct ExpireByAge;

impl Expiry<CacheKey, Arc<CachedResponse>> for ExpireByAge {
    fn expire_after_create(
        &self,
        _: &CacheKey,
        cached: &Arc<CachedResponse>,
        inserted_at: Instant,
    ) -> Option<Duration> {
        Some(TIME_TO_LIVE.saturating_sub(inserted_at.saturating_duration_since(cached.created_at)))
    }

    fn expire_after_update(
        &self,
        key: &CacheKey,
        cached: &Arc<CachedResponse>,
        updated_at: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, cached, updated_at)
    }
}

/// Removes an execution from the map when the execution ends or is cancelled. (The guard may remove a newer
/// execution with the same key. Later requests then do not join that execution.)
struct InFlightGuard {
    cache: Arc<ResponseCache>,
    key: (CacheKey, i64),
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        lock(&self.cache.in_flight).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether responses to operations of this kind and policy are cached.
pub fn is_cacheable(kind: OperationType, policy: CachePolicy) -> bool {
    kind == OperationType::Query && policy != CachePolicy::Private
}
