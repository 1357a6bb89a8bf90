//! Executes operations: the one way into the schema.
//!
//! [`Engine::admit`] looks at a request before anything is done for it; what it lets in is then executed or followed,
//! and paid for.

mod cache_key;
pub mod cache_policy;
pub mod delivery;
pub mod idempotency;
pub mod limits;
mod load_scheduler;
mod metering;
pub mod persisted_documents;
pub mod response;
pub mod response_cache;

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
use crate::engine::cache_key::Key;
use crate::engine::delivery::{
    Alike, Cohorts, Documents, Executor, Following, HandoffSlot, Identity, SourceHandoff,
};
use crate::engine::limits::{Admitted, Guard};
use crate::engine::load_scheduler::Loads;
use crate::engine::metering::Price;
use crate::engine::persisted_documents::PersistedDocuments;
use crate::engine::response::{failed, finished, to_json};
use crate::engine::response_cache::{Kept, KeptAnswers, Made, Requests, Size, Summary};
use crate::graphql::context::RequestContext;
pub use crate::graphql::context::{Caller, Origin};
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::subscription::source::SourceSlot;
use crate::graphql::{Schema, schema};
use crate::service::Services;

/// Begins a stream of a topic that everybody may follow: what executing takes is found in what it leaves.
const PROBE: &str = "subscription { gigPublished { cursor } }";

/// What a stranger's request comes to.
pub enum Asked {
    /// Its answer is there.
    Kept(Arc<Kept>),
    /// It may be executed.
    Admitted(Box<Admitted>),
}

/// The schema, and what is shared by those who follow it.
pub struct Engine {
    services: Arc<Services>,
    schema: Schema,
    guard: Guard,
    persisted: PersistedDocuments,
    kept: Arc<KeptAnswers>,
    executor: OnceCell<Arc<Executor>>,
    documents: Documents,
    cohorts: Cohorts,
}

impl Engine {
    pub fn new(services: Arc<Services>, config: &Config) -> Self {
        let schema = schema(config.introspection);
        let guard = Guard::new(config.operations.clone(), config.introspection, &schema.sdl());
        let persisted = PersistedDocuments::new(
            config.automatic_persisted_queries,
            config.trusted_documents.clone(),
            config.operations.document_bytes,
        );
        Self {
            services,
            schema,
            guard,
            persisted,
            kept: Arc::new(KeptAnswers::new(config.cache_bytes)),
            executor: OnceCell::new(),
            documents: Documents::default(),
            cohorts: Cohorts::default(),
        }
    }

    /// Looks at a request: nothing of it is executed, and it costs nothing yet.
    ///
    /// # Errors
    /// The answer to one that must not be.
    pub fn admit(&self, mut request: Request) -> Result<Admitted, Response> {
        self.persisted.resolve(&mut request).map_err(|error| failed(&error))?;
        self.guard.admit(request).map_err(|refused| Response::from_errors(vec![refused]))
    }

    /// The same of a request by a stranger, unless its answer is there already.
    ///
    /// # Errors
    /// The answer to one that must not be.
    pub fn admit_stranger(&self, mut request: Request) -> Result<Asked, Response> {
        self.persisted.resolve(&mut request).map_err(|error| failed(&error))?;
        let key = self.kept.key(&request);
        let kept = key.and_then(|key| self.kept.find(&key, self.services.public_version.current()));
        if let Some(kept) = kept {
            return Ok(Asked::Kept(kept));
        }
        let mut admitted =
            self.guard.admit(request).map_err(|refused| Response::from_errors(vec![refused]))?;
        admitted.key = key.filter(|_| response_cache::is_kept(admitted.kind, admitted.cache));
        Ok(Asked::Admitted(Box::new(admitted)))
    }

    /// Gives an answer that is there.
    ///
    /// # Errors
    /// The answer to one who has asked too much.
    pub async fn give(&self, address: IpAddr, kept: &Kept) -> Result<(), Response> {
        let charged = Price::charge_kept(&self.services, address, kept.cost).await;
        charged.map_err(|error| failed(&error))
    }

    /// Executes a stranger's query whose answer is kept, or waits for whoever does so already.
    async fn execute_to_keep(self: Arc<Self>, origin: Origin, key: Key, admitted: Admitted) -> Made {
        let price = match Price::charge(&self.services, &origin, &admitted).await {
            Ok(price) => price,
            Err(refused) => return Made::Other(Arc::new(failed(&refused))),
        };
        let (services, kept) = (Arc::clone(&self.services), Arc::clone(&self.kept));
        let (version, summary) = (services.public_version.current(), Summary::from(&admitted));
        let running = Box::pin(async move { self.run(&origin, admitted).await });
        let answer = kept.make(key, version, summary, running).await;
        match &answer {
            Made::Kept(kept) => price.settle_at(&services, kept.cost),
            Made::Other(response) => drop(price.settle(&services, response::objects(&response.data))),
        }
        answer
    }

    /// How the answers that are kept are used.
    pub fn kept_requests(&self) -> Requests {
        self.kept.requests()
    }

    /// What is kept of answers.
    pub fn kept_size(&self) -> Size {
        self.kept.size()
    }

    /// Executes a query or mutation.
    pub async fn answer(self: Arc<Self>, origin: Origin, mut admitted: Admitted) -> Made {
        match admitted.key.take() {
            Some(key) => Box::pin(self.execute_to_keep(origin, key, admitted)).await,
            None => Made::Other(Arc::new(self.execute(origin, admitted).await)),
        }
    }

    /// Executes a query or mutation, for one alone.
    pub async fn execute(self: Arc<Self>, origin: Origin, admitted: Admitted) -> Response {
        if admitted.kind == OperationType::Subscription {
            return failed(&limits::no_single_answer());
        }
        let price = match Price::charge(&self.services, &origin, &admitted).await {
            Ok(price) => price,
            Err(refused) => return failed(&refused),
        };
        let asks_for_cost = admitted.asks_for_cost();
        let is_act = admitted.kind == OperationType::Mutation;
        let attempt = admitted.idempotency_key.clone().filter(|_| is_act).map(|key| idempotency::Request {
            key,
            fingerprint: idempotency::fingerprint(&self.services, &admitted.request),
            within: self.within(admitted.kind),
        });
        // Boxed: it is large, and whatever it is moved through would be as large.
        let running = Box::pin(self.run(&origin, admitted));
        let mut response = match attempt {
            Some(request) => idempotency::once(&self.services, &origin.caller, request, running).await,
            None => running.await,
        };
        let spent = price.settle(&self.services, response::objects(&response.data));
        if asks_for_cost {
            response.extensions.insert("cost".to_owned(), spent);
        }
        response
    }

    /// Executes what is admitted and paid for, within its time. Whatever goes wrong ends this operation, and no other.
    async fn run(&self, origin: &Origin, admitted: Admitted) -> Response {
        let within = self.within(admitted.kind);
        let (begin, mut loads) = Loads::new();
        let context = Arc::new(RequestContext::new(Arc::clone(&self.services), origin, begin));
        let executing = loads.run_beside(self.schema.execute(admitted.request.data(context)));
        let response = match timeout(within, whole(executing)).await {
            Ok(response) => response,
            Err(_) => failed(&too_slow(admitted.kind, within)),
        };
        finished(response, &origin.request_id)
    }

    fn within(&self, kind: OperationType) -> Duration {
        match kind {
            OperationType::Mutation => self.guard.limits().mutation_within(),
            OperationType::Query | OperationType::Subscription => self.guard.limits().query_within(),
        }
    }

    /// Begins a subscription; where a client's browser resumes by itself, behind that event.
    ///
    /// # Errors
    /// The answer to one that cannot begin.
    pub async fn subscribe(
        &self,
        identity: Identity,
        origin: Origin,
        admitted: Admitted,
        last_event_id: Option<String>,
    ) -> Result<Following, Response> {
        // That it begins is paid for; what it is told is not.
        Price::charge(&self.services, &origin, &admitted).await.map_err(|refused| failed(&refused))?;
        let request = admitted.request;
        let executor = self.executor.get_or_try_init(|| self.probe(&origin)).await?;
        let document = request.query.clone();
        let mut handoff = self.begin(&origin, request, last_event_id).await?;
        let prepared = self.documents.prepared(&document, &handoff);
        // What says where to begin says nothing of what is shown; what stands at the root does its work only once.
        let (of_root, after) = prepared.variables_of_root();
        let mut variables = handoff.variables().clone();
        if let Some(after) = &after {
            variables.remove(after);
        }
        let alike = Alike {
            topic: handoff.source.topic,
            by: handoff.source.shared_by.clone(),
            variables: to_json(&variables),
        };
        for name in &of_root {
            variables.remove(name);
        }
        let show = handoff.source.take_show();
        let cohort = self.cohorts.join(alike, prepared, Arc::clone(executor), variables, show);
        Ok(Following::new(Arc::clone(&self.services), cohort, handoff, identity, origin))
    }

    async fn probe(&self, origin: &Origin) -> Result<Arc<Executor>, Response> {
        let nobody = Origin { caller: Caller::Anonymous, ..origin.clone() };
        let handoff = self.begin(&nobody, Request::new(PROBE), None).await?;
        Ok(Arc::new(handoff.executor()))
    }

    /// Has the library check the operation and run its root field.
    async fn begin(
        &self,
        origin: &Origin,
        request: Request,
        last_event_id: Option<String>,
    ) -> Result<SourceHandoff, Response> {
        let (begin, mut loads) = Loads::new();
        let context = RequestContext::new(Arc::clone(&self.services), origin, begin);
        let context = Arc::new(context.resuming(last_event_id));
        let slot = Arc::new(HandoffSlot::default());
        let slot_of_request: Arc<dyn SourceSlot> = Arc::<HandoffSlot>::clone(&slot);
        let mut responses = self.schema.execute_stream(request.data(context).data(slot_of_request));
        if let Some(response) = loads.run_beside(responses.next()).await {
            return Err(finished(response, &origin.request_id));
        }
        slot.take().ok_or_else(|| {
            // Its one field was skipped by a directive.
            let message = "This subscription asks for nothing.";
            failed(&Error::new(ErrorCode::GraphqlValidationFailed, message))
        })
    }
}

/// The answer, also where a resolver panics.
async fn whole(executing: impl Future<Output = Response>) -> Response {
    let executed = AssertUnwindSafe(executing).catch_unwind().await;
    executed.unwrap_or_else(|panic| failed(&Error::panicked(panic.as_ref())))
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
        let response = finished(response, "request-7");
        let text = to_json(&response::Sent::from(&response));
        assert!(text.contains("INTERNAL_SERVER_ERROR") && text.contains("request-7"), "{text}");
        assert!(!text.contains("password"), "{text}");
    }
}
