//! Runs GraphQL operations.
//!
//! [`Engine`] is the only way from `http` to the schema. A request passes these layers, in this order:
//!
//! 1. `persisted_documents` replaces the id or hash of a GraphQL document by its text, and rejects untrusted
//!    documents.
//! 2. `response_cache` returns the response to an anonymous query if it is cached under the `cache_key`. Then
//!    only `metering` follows.
//! 3. `request_validator` enforces the `limits` of documents and variables, runs the `validation` of the
//!    specification, coerces variables and computes the cost. `document_cache` remembers validated documents.
//!    The result is a [`ValidatedOperation`] (`operation`), and `cache_policy` says whether its response can
//!    be cached.
//! 4. `metering` charges the cost to the rate limit of the client, and refunds what the response does not
//!    use.
//! 5. `response_cache` executes a cacheable query once for all clients that wait for it; `idempotency`
//!    executes a mutation with an `Idempotency-Key` once, however often it is sent.
//! 6. [`Engine`] executes the operation within its timeout. `load_scheduler` runs the data loaders beside it,
//!    and `response` completes the errors and serializes the result.
//!
//! A subscription passes 1, 3 and 4. `subscribe` and `subscription_root` then start it, and `delivery`
//! executes its selection for each event.
//!
//! To add a limit, follow the header of [`limits`]. To cache the responses of another root field, add it to
//! the table in [`cache_policy`]. To give a root field its own rate limit, add it to the table in `metering`.

mod cache_key;
pub mod cache_policy;
pub mod compression;
pub mod delivery;
mod document_cache;
pub mod idempotency;
pub mod limits;
mod load_scheduler;
mod metering;
pub mod operation;
pub mod operation_log;
pub mod persisted_documents;
pub mod request_validator;
pub mod response;
pub mod response_cache;
mod subscribe;
mod subscription_root;
pub mod validation;

use std::io;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tracing::Instrument;

use crate::config::Config;
use crate::engine::cache_key::CacheKey;
use crate::engine::compression::ContentEncoding;
use crate::engine::delivery::{ExecutionEnv, FanoutGroups, OperationCache};
use crate::engine::idempotency::IdempotentRequest;
use crate::engine::limits::list_lengths::ListLengths;
use crate::engine::load_scheduler::LoadScheduler;
use crate::engine::metering::OperationCharge;
use crate::engine::operation::{InvalidRequest, ValidatedOperation};
use crate::engine::operation_log::OperationLog;
use crate::engine::persisted_documents::PersistedDocuments;
use crate::engine::request_validator::RequestValidator;
use crate::engine::response::{
    charged_objects, error_response, finalize, limit_bytes, server_error, too_large,
};
use crate::engine::response_cache::{
    CacheRequests, CacheSize, CachedResponse, EntryMeta, Outcome, ResponseCache,
};
use crate::graphql::Schema;
use crate::graphql::context::RequestContext;
pub use crate::graphql::context::{Caller, RequestMeta, request_span};
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::outcomes::OutcomeLog;
use crate::service::Services;
use crate::store::DatabaseTime;

/// The result of [`Engine::find_or_validate`].
pub enum Admission {
    /// The response is cached.
    Cached(Arc<CachedResponse>),
    /// The operation is valid and must be executed.
    Validated(Box<ValidatedOperation>),
}

/// The schema, and the caches that all requests share.
pub struct Engine {
    services: Arc<Services>,
    schema: Schema,
    validator: RequestValidator,
    persisted_documents: PersistedDocuments,
    response_cache: Arc<ResponseCache>,
    execution_env: OnceCell<Arc<ExecutionEnv>>,
    operation_cache: OperationCache,
    fanout_groups: FanoutGroups,
}

impl Engine {
    pub fn new(services: Arc<Services>, config: &Config) -> Self {
        let schema = Schema::new(config.federation);
        let list_lengths = ListLengths::new(&services.limits, services.catalogue.size());
        let (limits, introspection) = (config.operations.clone(), config.introspection);
        let validator = RequestValidator::new(limits, introspection, &schema.sdl(), &list_lengths);
        let persisted_documents = PersistedDocuments::new(
            config.automatic_persisted_queries,
            config.trusted_documents.clone(),
            config.operations.document_bytes,
        );
        Self {
            services,
            schema,
            validator,
            persisted_documents,
            response_cache: Arc::new(ResponseCache::new(config.cache_bytes)),
            execution_env: OnceCell::new(),
            operation_cache: OperationCache::default(),
            fanout_groups: FanoutGroups::default(),
        }
    }

    /// Validates a request. Nothing is executed or charged yet.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn validate(&self, mut request: Request) -> Result<ValidatedOperation, InvalidRequest> {
        self.persisted_documents.resolve(&mut request).map_err(|error| server_error(&error))?;
        self.validator.validate(request)
    }

    /// Finds the cached response to an anonymous request or, if there is none, validates the request.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub fn find_or_validate(&self, mut request: Request) -> Result<Admission, InvalidRequest> {
        self.persisted_documents.resolve(&mut request).map_err(|error| server_error(&error))?;
        let cache_key = self.response_cache.key(&request);
        let version = self.services.public_data_version.current();
        if let Some(cached) = cache_key.and_then(|key| self.response_cache.get(&key, version)) {
            return Ok(Admission::Cached(cached));
        }
        let mut operation = self.validator.validate(request)?;
        let is_cacheable = response_cache::is_cacheable(operation.kind, operation.cache_policy);
        operation.cache_key = cache_key.filter(|_| is_cacheable);
        Ok(Admission::Validated(Box::new(operation)))
    }

    /// Charges an anonymous client for a cached response.
    ///
    /// # Errors
    /// The response to send instead if the rate limit is exceeded.
    pub async fn charge_cached(
        &self,
        request_id: &Arc<str>,
        address: IpAddr,
        cached: &CachedResponse,
    ) -> Result<(), Response> {
        let mut log = OperationLog::start_cached(request_id, address, cached.name.as_deref());
        let charged = OperationCharge::charge_cached(&self.services, address, cached.cost).await;
        let charged = charged.map_err(|error| error_response(&error));
        log.finish(charged.as_ref().err().map_or(&[], |response| &response.errors));
        charged
    }

    /// The counters of cacheable requests: hits, misses, and requests that joined a running execution.
    pub fn cache_requests(&self) -> CacheRequests {
        self.response_cache.requests()
    }

    /// How much the response cache holds.
    pub fn cache_size(&self) -> CacheSize {
        self.response_cache.size()
    }

    /// The body of a cached response in this encoding. The cache stores it, too.
    ///
    /// # Errors
    /// If the process is stopping.
    pub async fn compressed_body(
        &self,
        cached: &Arc<CachedResponse>,
        encoding: ContentEncoding,
    ) -> io::Result<Bytes> {
        self.response_cache.compressed_body(cached, encoding).await
    }

    /// Executes a query or mutation. Caches the response if the operation has a `cache_key`.
    pub async fn execute_cacheable(
        self: Arc<Self>,
        meta: RequestMeta,
        mut operation: ValidatedOperation,
    ) -> Outcome {
        match operation.cache_key.take() {
            Some(key) => Box::pin(self.execute_and_cache(meta, key, operation)).await,
            None => Outcome::Uncached(Arc::new(self.execute(meta, operation).await)),
        }
    }

    /// Executes a query and caches the response, or waits for an identical query that is running.
    async fn execute_and_cache(
        self: Arc<Self>,
        meta: RequestMeta,
        key: CacheKey,
        operation: ValidatedOperation,
    ) -> Outcome {
        let mut log = OperationLog::start(&meta, &operation);
        let span = request_span(&meta.request_id);
        let charge = OperationCharge::charge(&self.services, &meta, &operation).instrument(span.clone());
        let charge = match charge.await {
            Ok(charge) => charge,
            Err(error) => {
                let response = finalize(error_response(&error), &meta.request_id);
                log.finish(&response.errors);
                return Outcome::Uncached(Arc::new(response));
            }
        };
        let response_cache = Arc::clone(&self.response_cache);
        let (version, entry_meta) =
            (self.services.public_data_version.current(), EntryMeta::from(&operation));
        let time = charge.database_time().clone();
        // Every client that waits for the execution polls it, so it has its own span.
        let execution =
            Box::pin(async move { self.run(&meta, operation, time, None).await }.instrument(span));
        let outcome = response_cache.get_or_execute(key, version, entry_meta, execution).await;
        match &outcome {
            Outcome::Cached(cached) => {
                log.finish(&[]);
                drop(charge.settle(cached.cost).await);
            }
            Outcome::Uncached(response) => {
                log.finish(&response.errors);
                let cost = charge.cost_of(charged_objects(response));
                drop(charge.settle(cost).await);
            }
        }
        outcome
    }

    /// Executes a query or mutation without the response cache.
    pub async fn execute(self: Arc<Self>, meta: RequestMeta, operation: ValidatedOperation) -> Response {
        let mut log = OperationLog::start(&meta, &operation);
        let execution = self.charge_and_run(&meta, operation).instrument(request_span(&meta.request_id));
        let response = finalize(execution.await, &meta.request_id);
        log.finish(&response.errors);
        response
    }

    async fn charge_and_run(&self, meta: &RequestMeta, operation: ValidatedOperation) -> Response {
        if operation.kind == OperationType::Subscription {
            let message = "A subscription needs a WebSocket, or a stream: send Accept: text/event-stream.";
            return error_response(&Error::bad_input(message));
        }
        let charge = match OperationCharge::charge(&self.services, meta, &operation).await {
            Ok(charge) => charge,
            Err(error) => return error_response(&error),
        };
        let wants_cost = operation.wants_cost();
        let max_duration = self.timeout(operation.kind);
        let request = IdempotentRequest::new(&self.services, &meta.caller, &operation, max_duration).await;
        // Boxed, since the future is large, and would make every future that holds it as large.
        let time = charge.database_time().clone();
        let execute = |log| Box::pin(self.run(meta, operation, time, log));
        let mut response = match request {
            Err(error) => error_response(&error),
            Ok(None) => execute(None).await,
            Ok(Some(request)) => {
                idempotency::run_once(&self.services, request, |log| execute(Some(log))).await
            }
        };
        let cost = charge.cost_of(charged_objects(&response));
        let cost = charge.settle(cost).await;
        if wants_cost {
            response.extensions.insert("cost".to_owned(), cost);
        }
        response
    }

    /// Executes a validated operation within its timeout, after its cost was charged. A panic in a resolver
    /// becomes an error. `outcomes` is the log of a mutation with an idempotency key.
    async fn run(
        &self,
        meta: &RequestMeta,
        operation: ValidatedOperation,
        time: DatabaseTime,
        outcomes: Option<Arc<OutcomeLog>>,
    ) -> Response {
        let max_duration = self.timeout(operation.kind);
        let (spawner, mut scheduler) = LoadScheduler::new();
        let context = RequestContext::new(Arc::clone(&self.services), meta, spawner, time);
        let max = self.validator.limits().response_bytes;
        let context = Arc::new(context.with_outcomes(outcomes).with_response_max(max));
        let request = operation.request.data(Arc::clone(&context));
        let execution = scheduler.drive(self.schema.execute(request));
        let response = match timeout(max_duration, catch_panic(execution)).await {
            Ok(_) if context.has_too_much_text() => too_large(max, operation.kind),
            Ok(response) => limit_bytes(response, max, operation.kind),
            Err(_) => error_response(&timeout_error(operation.kind, max_duration)),
        };
        finalize(response, &meta.request_id)
    }

    /// How long an operation of this kind may run.
    fn timeout(&self, kind: OperationType) -> Duration {
        match kind {
            OperationType::Mutation => self.validator.limits().mutation_timeout(),
            OperationType::Query | OperationType::Subscription => self.validator.limits().query_timeout(),
        }
    }
}

/// The response, or an internal error if a resolver panics.
async fn catch_panic(execution: impl Future<Output = Response>) -> Response {
    let result = AssertUnwindSafe(execution).catch_unwind().await;
    result.unwrap_or_else(|panic| error_response(&Error::from_panic(panic.as_ref())))
}

fn timeout_error(kind: OperationType, max_duration: Duration) -> Error {
    let seconds = max_duration.as_secs();
    let message = match kind {
        OperationType::Mutation => format!(
            "The mutation took longer than {seconds} seconds and was stopped. Read the current state, or send \
             the mutation again with the same Idempotency-Key."
        ),
        _ => format!("The query took longer than {seconds} seconds and was stopped."),
    };
    Error::new(ErrorCode::TimedOut, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::response::{ResponseBody, to_json};

    #[tokio::test]
    async fn a_panic_becomes_one_error_without_the_panic_message() {
        let response = catch_panic(async { panic!("at the database's password") }).await;
        let response = finalize(response, "request-7");
        let text = to_json(&ResponseBody::from(&response));
        assert!(text.contains("INTERNAL_SERVER_ERROR") && text.contains("request-7"), "{text}");
        assert!(!text.contains("password"), "{text}");
    }
}
