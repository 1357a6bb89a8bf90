//! Executes operations: the one way into the schema.
//!
//! [`Engine::admit`] looks at a request before anything is done for it; what it lets in is then executed or followed,
//! and paid for.

mod cache_key;
pub mod cache_policy;
pub mod delivery;
mod document_cache;
pub mod idempotency;
pub mod limits;
mod load_scheduler;
mod metering;
pub mod operation;
pub mod persisted_documents;
pub mod request_validator;
pub mod response;
pub mod response_cache;
mod subscription_root;
pub mod validation;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::config::Config;
use crate::engine::cache_key::CacheKey;
use crate::engine::delivery::{
    CurrentCaller, ExecutionEnv, FanoutGroups, FanoutKey, HandoffSlot, OperationCache, SourceHandoff,
    SubscriptionStream,
};
use crate::engine::load_scheduler::LoadScheduler;
use crate::engine::metering::OperationCharge;
use crate::engine::operation::ValidatedOperation;
use crate::engine::persisted_documents::PersistedDocuments;
use crate::engine::request_validator::RequestValidator;
use crate::engine::response::{error_response, finalize, to_json};
use crate::engine::response_cache::{
    CacheRequests, CacheSize, CachedResponse, EntryMeta, Outcome, ResponseCache,
};
use crate::graphql::context::RequestContext;
pub use crate::graphql::context::{Caller, RequestMeta};
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::subscription::source::SourceSlot;
use crate::graphql::{Schema, schema};
use crate::service::Services;

/// Begins a stream of a topic that everybody may follow: what executing takes is found in what it leaves.
const PROBE: &str = "subscription { gigPublished { cursor } }";

/// What a stranger's request comes to.
pub enum Admission {
    /// Its answer is there.
    Cached(Arc<CachedResponse>),
    /// It may be executed.
    Validated(Box<ValidatedOperation>),
}

/// The schema, and what is shared by those who follow it.
pub struct Engine {
    services: Arc<Services>,
    schema: Schema,
    validator: RequestValidator,
    persisted: PersistedDocuments,
    cached: Arc<ResponseCache>,
    execution_env: OnceCell<Arc<ExecutionEnv>>,
    operations: OperationCache,
    groups: FanoutGroups,
}

impl Engine {
    pub fn new(services: Arc<Services>, config: &Config) -> Self {
        let schema = schema(config.introspection);
        let validator = RequestValidator::new(config.operations.clone(), config.introspection, &schema.sdl());
        let persisted = PersistedDocuments::new(
            config.automatic_persisted_queries,
            config.trusted_documents.clone(),
            config.operations.document_bytes,
        );
        Self {
            services,
            schema,
            validator,
            persisted,
            cached: Arc::new(ResponseCache::new(config.cache_bytes)),
            execution_env: OnceCell::new(),
            operations: OperationCache::default(),
            groups: FanoutGroups::default(),
        }
    }

    /// Looks at a request: nothing of it is executed, and it costs nothing yet.
    ///
    /// # Errors
    /// The answer to one that must not be.
    pub fn validate(&self, mut request: Request) -> Result<ValidatedOperation, Response> {
        self.persisted.resolve(&mut request).map_err(|error| error_response(&error))?;
        self.validator.validate(request).map_err(Response::from_errors)
    }

    /// The same of a request by a stranger, unless its answer is there already.
    ///
    /// # Errors
    /// The answer to one that must not be.
    pub fn find_or_validate(&self, mut request: Request) -> Result<Admission, Response> {
        self.persisted.resolve(&mut request).map_err(|error| error_response(&error))?;
        let key = self.cached.key(&request);
        let cached = key.and_then(|key| self.cached.find(&key, self.services.public_data_version.current()));
        if let Some(cached) = cached {
            return Ok(Admission::Cached(cached));
        }
        let mut operation = self.validator.validate(request).map_err(Response::from_errors)?;
        operation.key = key.filter(|_| response_cache::is_cacheable(operation.kind, operation.cache));
        Ok(Admission::Validated(Box::new(operation)))
    }

    /// Gives an answer that is there.
    ///
    /// # Errors
    /// The answer to one who has asked too much.
    pub async fn charge_cached(&self, address: IpAddr, cached: &CachedResponse) -> Result<(), Response> {
        let charged = OperationCharge::charge_cached(&self.services, address, cached.cost).await;
        charged.map_err(|error| error_response(&error))
    }

    /// Executes a stranger's query whose answer is kept, or waits for whoever does so already.
    async fn execute_and_cache(
        self: Arc<Self>,
        meta: RequestMeta,
        key: CacheKey,
        operation: ValidatedOperation,
    ) -> Outcome {
        let charge = match OperationCharge::charge(&self.services, &meta, &operation).await {
            Ok(charge) => charge,
            Err(refused) => return Outcome::Uncached(Arc::new(error_response(&refused))),
        };
        let (services, cached) = (Arc::clone(&self.services), Arc::clone(&self.cached));
        let (version, summary) = (services.public_data_version.current(), EntryMeta::from(&operation));
        let running = Box::pin(async move { self.run(&meta, operation).await });
        let answer = cached.make(key, version, summary, running).await;
        match &answer {
            Outcome::Cached(cached) => charge.settle_at(&services, cached.cost),
            Outcome::Uncached(response) => drop(charge.settle(&services, response::objects(&response.data))),
        }
        answer
    }

    /// How the answers that are kept are used.
    pub fn cache_requests(&self) -> CacheRequests {
        self.cached.requests()
    }

    /// What is kept of answers.
    pub fn cache_size(&self) -> CacheSize {
        self.cached.size()
    }

    /// Executes a query or mutation.
    pub async fn execute_cacheable(self: Arc<Self>, meta: RequestMeta, mut operation: ValidatedOperation) -> Outcome {
        match operation.key.take() {
            Some(key) => Box::pin(self.execute_and_cache(meta, key, operation)).await,
            None => Outcome::Uncached(Arc::new(self.execute(meta, operation).await)),
        }
    }

    /// Executes a query or mutation, for one alone.
    pub async fn execute(self: Arc<Self>, meta: RequestMeta, operation: ValidatedOperation) -> Response {
        if operation.kind == OperationType::Subscription {
            return error_response(&limits::no_single_answer());
        }
        let charge = match OperationCharge::charge(&self.services, &meta, &operation).await {
            Ok(charge) => charge,
            Err(refused) => return error_response(&refused),
        };
        let asks_for_cost = operation.wants_cost();
        let is_act = operation.kind == OperationType::Mutation;
        let attempt = operation.idempotency_key.clone().filter(|_| is_act).map(|key| idempotency::Request {
            key,
            fingerprint: idempotency::fingerprint(&self.services, &operation.request),
            within: self.within(operation.kind),
        });
        // Boxed: it is large, and whatever it is moved through would be as large.
        let running = Box::pin(self.run(&meta, operation));
        let mut response = match attempt {
            Some(request) => idempotency::run_once(&self.services, &meta.caller, request, running).await,
            None => running.await,
        };
        let spent = charge.settle(&self.services, response::objects(&response.data));
        if asks_for_cost {
            response.extensions.insert("cost".to_owned(), spent);
        }
        response
    }

    /// Executes what is admitted and paid for, within its time. Whatever goes wrong ends this operation, and no other.
    async fn run(&self, meta: &RequestMeta, operation: ValidatedOperation) -> Response {
        let within = self.within(operation.kind);
        let (spawner, mut scheduler) = LoadScheduler::new();
        let context = Arc::new(RequestContext::new(Arc::clone(&self.services), meta, spawner));
        let executing = scheduler.drive(self.schema.execute(operation.request.data(context)));
        let response = match timeout(within, whole(executing)).await {
            Ok(response) => response,
            Err(_) => error_response(&too_slow(operation.kind, within)),
        };
        finalize(response, &meta.request_id)
    }

    fn within(&self, kind: OperationType) -> Duration {
        match kind {
            OperationType::Mutation => self.validator.limits().mutation_timeout(),
            OperationType::Query | OperationType::Subscription => self.validator.limits().query_timeout(),
        }
    }

    /// Begins a subscription; where a client's browser resumes by itself, behind that event.
    ///
    /// # Errors
    /// The answer to one that cannot begin.
    pub async fn subscribe(
        &self,
        current_caller: CurrentCaller,
        meta: RequestMeta,
        operation: ValidatedOperation,
        last_event_id: Option<String>,
    ) -> Result<SubscriptionStream, Response> {
        // That it begins is paid for; what it is told is not.
        OperationCharge::charge(&self.services, &meta, &operation)
            .await
            .map_err(|refused| error_response(&refused))?;
        let request = operation.request;
        let execution_env = self.execution_env.get_or_try_init(|| self.probe(&meta)).await?;
        let document = request.query.clone();
        let mut handoff = self.spawner(&meta, request, last_event_id).await?;
        let operation = self.operations.get_or_compile(&document, &handoff);
        // What says where to begin says nothing of what is shown; what stands at the root does its work only once.
        let (of_root, after) = operation.variables_of_root();
        let mut variables = handoff.variables().clone();
        if let Some(after) = &after {
            variables.remove(after);
        }
        let key = FanoutKey {
            topic: handoff.source.topic,
            by: handoff.source.fanout_scope.clone(),
            variables: to_json(&variables),
        };
        for name in &of_root {
            variables.remove(name);
        }
        let show = handoff.source.take_resolver();
        let cohort = self.groups.join(key, operation, Arc::clone(execution_env), variables, show);
        Ok(SubscriptionStream::new(Arc::clone(&self.services), cohort, handoff, current_caller, meta))
    }

    async fn probe(&self, meta: &RequestMeta) -> Result<Arc<ExecutionEnv>, Response> {
        let nobody = RequestMeta { caller: Caller::Anonymous, ..meta.clone() };
        let handoff = self.spawner(&nobody, Request::new(PROBE), None).await?;
        Ok(Arc::new(handoff.execution_env()))
    }

    /// Has the library check the operation and run its root field.
    async fn spawner(
        &self,
        meta: &RequestMeta,
        request: Request,
        last_event_id: Option<String>,
    ) -> Result<SourceHandoff, Response> {
        let (spawner, mut scheduler) = LoadScheduler::new();
        let context = RequestContext::new(Arc::clone(&self.services), meta, spawner);
        let context = Arc::new(context.with_last_event_id(last_event_id));
        let slot = Arc::new(HandoffSlot::default());
        let slot_of_request: Arc<dyn SourceSlot> = Arc::<HandoffSlot>::clone(&slot);
        let mut responses = self.schema.execute_stream(request.data(context).data(slot_of_request));
        if let Some(response) = scheduler.drive(responses.next()).await {
            return Err(finalize(response, &meta.request_id));
        }
        slot.take().ok_or_else(|| {
            // Its one field was skipped by a directive.
            let message = "This subscription asks for nothing.";
            error_response(&Error::new(ErrorCode::GraphqlValidationFailed, message))
        })
    }
}

/// The answer, also where a resolver panics.
async fn whole(executing: impl Future<Output = Response>) -> Response {
    let executed = AssertUnwindSafe(executing).catch_unwind().await;
    executed.unwrap_or_else(|panic| error_response(&Error::from_panic(panic.as_ref())))
}

fn too_slow(kind: OperationType, within: Duration) -> Error {
    let seconds = within.as_secs();
    let message = match kind {
        OperationType::Mutation => format!(
            "This took longer than the {seconds} seconds that a mutation may take, and was stopped: read what has \
             become of it, or send it again with the same Idempotency-Key."
        ),
        _ => format!("This took longer than the {seconds} seconds that a query may take, and was stopped."),
    };
    Error::new(ErrorCode::TimedOut, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_one_error_and_says_nothing_of_itself() {
        let response = whole(async { panic!("at the database's password") }).await;
        let response = finalize(response, "request-7");
        let text = to_json(&response::ResponseBody::from(&response));
        assert!(text.contains("INTERNAL_SERVER_ERROR") && text.contains("request-7"), "{text}");
        assert!(!text.contains("password"), "{text}");
    }
}
