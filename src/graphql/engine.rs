//! Executes operations: the one way into the schema.

use std::sync::Arc;

use async_graphql::{Request, Response};
use futures_util::StreamExt;
use tokio::sync::OnceCell;

use super::answer::{finished, to_json};
use super::context::{Caller, Origin, RequestContext};
use super::error::{Error, ErrorCode};
use super::following::{Alike, Cohorts, Deposit, Documents, Executor, Following, Identity};
use super::loads::Loads;
use super::{Schema, answer, guard, schema};
use crate::service::Services;

/// Begins a stream of a topic that everybody may follow: what executing takes is found in what it leaves.
const PROBE: &str = "subscription { gigPublished { cursor } }";

/// The schema, and what is shared by those who follow it.
pub struct Engine {
    services: Arc<Services>,
    schema: Schema,
    executor: OnceCell<Arc<Executor>>,
    documents: Documents,
    cohorts: Cohorts,
}

impl Engine {
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            schema: schema(),
            executor: OnceCell::new(),
            documents: Documents::default(),
            cohorts: Cohorts::default(),
        }
    }

    /// Executes a query or mutation.
    pub async fn execute(self: Arc<Self>, origin: Origin, mut request: Request) -> Response {
        if let Err(refused) = guard::check_single(&mut request) {
            return Response::from_errors(vec![refused]);
        }
        let (begin, mut loads) = Loads::new();
        let context = Arc::new(RequestContext::new(Arc::clone(&self.services), &origin, begin));
        let response = loads.run_beside(self.schema.execute(request.data(context))).await;
        finished(response, &origin.request_id)
    }

    /// Begins a subscription; where a client's browser resumes by itself, behind that event.
    ///
    /// # Errors
    /// The answer to one that cannot begin.
    pub async fn subscribe(
        &self,
        identity: Identity,
        origin: Origin,
        mut request: Request,
        last_event_id: Option<String>,
    ) -> Result<Following, Response> {
        guard::check_kept(&request).map_err(|refused| Response::from_errors(vec![refused]))?;
        guard::check(&mut request).map_err(|refused| Response::from_errors(vec![refused]))?;
        let executor = self.executor.get_or_try_init(|| self.probe(&origin)).await?;
        let document = request.query.clone();
        let mut deposit = self.begin(&origin, request, last_event_id).await?;
        let prepared = self.documents.prepared(&document, &deposit);
        // What says where to begin says nothing of what is shown; what stands at the root does its work only once.
        let (of_root, after) = prepared.variables_of_root();
        let mut variables = deposit.variables().clone();
        if let Some(after) = &after {
            variables.remove(after);
        }
        let alike = Alike {
            topic: deposit.begun.topic,
            by: deposit.begun.shared_by.clone(),
            variables: to_json(&variables),
        };
        for name in &of_root {
            variables.remove(name);
        }
        let show = deposit.begun.take_show();
        let cohort = self.cohorts.join(alike, prepared, Arc::clone(executor), variables, show);
        Ok(Following::new(Arc::clone(&self.services), cohort, deposit, identity, origin))
    }

    async fn probe(&self, origin: &Origin) -> Result<Arc<Executor>, Response> {
        let nobody = Origin { caller: Caller::Anonymous, ..origin.clone() };
        let deposit = self.begin(&nobody, Request::new(PROBE), None).await?;
        Ok(Arc::new(deposit.executor()))
    }

    /// Has the library check the operation and run its root field.
    async fn begin(
        &self,
        origin: &Origin,
        request: Request,
        last_event_id: Option<String>,
    ) -> Result<Deposit, Response> {
        let (begin, mut loads) = Loads::new();
        let context = RequestContext::new(Arc::clone(&self.services), origin, begin);
        let context = Arc::new(context.resuming(last_event_id));
        let mut responses = self.schema.execute_stream(request.data(Arc::clone(&context)));
        if let Some(response) = loads.run_beside(responses.next()).await {
            return Err(finished(response, &origin.request_id));
        }
        context.take_begun().ok_or_else(|| {
            // Its one field was skipped by a directive.
            let message = "This subscription asks for nothing.";
            answer::failed(&Error::new(ErrorCode::GraphqlValidationFailed, message))
        })
    }
}
