//! Starts subscriptions.
//!
//! The library validates the operation and runs its root field. The root field hands over a source of events,
//! which is grouped with the equal subscriptions of other clients ([`delivery`](crate::engine::delivery)).

use std::sync::Arc;

use async_graphql::{Request, Response};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tracing::Instrument;

use crate::engine::delivery::{
    CurrentCaller, ExecutionEnv, FanoutGroup, FanoutKey, HandoffSlot, SourceHandoff, SubscriptionStream,
};
use crate::engine::load_scheduler::LoadScheduler;
use crate::engine::metering::OperationCharge;
use crate::engine::operation::ValidatedOperation;
use crate::engine::operation_log::OperationLog;
use crate::engine::response::{error_response, finalize, to_json};
use crate::engine::{Caller, Engine, RequestMeta};
use crate::graphql::context::{RequestContext, request_span};
use crate::graphql::error::{Error, ErrorCode};
use crate::graphql::subscription::source::SourceSlot;
use crate::store::DatabaseTime;

/// A subscription that every client may start. The engine starts it once, to get an [`ExecutionEnv`] from the
/// library.
const PROBE: &str = "subscription { gigPublished { cursor } }";

impl Engine {
    /// Starts a subscription. `last_event_id` is the header `Last-Event-ID`, which a browser sends when it
    /// reconnects.
    ///
    /// # Errors
    /// The response to send if the subscription cannot start.
    pub async fn subscribe(
        &self,
        current_caller: CurrentCaller,
        meta: RequestMeta,
        operation: ValidatedOperation,
        last_event_id: Option<String>,
    ) -> Result<SubscriptionStream, Response> {
        let mut log = OperationLog::start(&meta, &operation);
        let start = self.start(&meta, operation, last_event_id).instrument(request_span(&meta.request_id));
        match start.await {
            Ok((group, handoff)) => {
                let services = Arc::clone(&self.services);
                Ok(SubscriptionStream::new(services, group, handoff, current_caller, meta, log))
            }
            Err(response) => {
                let response = finalize(response, &meta.request_id);
                log.finish(&response.errors);
                Err(response)
            }
        }
    }

    async fn start(
        &self,
        meta: &RequestMeta,
        operation: ValidatedOperation,
        last_event_id: Option<String>,
    ) -> Result<(Arc<FanoutGroup>, SourceHandoff), Response> {
        // Only the start is charged; events are free.
        OperationCharge::charge(&self.services, meta, &operation)
            .await
            .map_err(|error| error_response(&error))?;
        let request = operation.request;
        let execution_env = self.execution_env.get_or_try_init(|| self.create_execution_env(meta)).await?;
        let document = request.query.clone();
        let mut handoff = self.run_root_field(meta, request, last_event_id).await?;
        if let Some((position, _)) = &handoff.source.first {
            // The snapshot may be newer than what this gateway has dispatched, and so than what it knows about
            // the caller.
            self.services.streams.dispatched_position().wait_for(*position).await;
        }
        let operation = self.operation_cache.get_or_compile(&document, &handoff);
        // `after` decides where the stream starts, not what an event contains. So subscribers with different
        // values of `after` share a group.
        let root_variables = operation.root_variables();
        let mut variables = handoff.variables().clone();
        if let Some(after) = &root_variables.after {
            variables.remove(after);
        }
        let key = FanoutKey {
            topic: handoff.source.topic,
            scope: handoff.source.fanout_scope.clone(),
            variables: Sha256::digest(to_json(&variables)).into(),
        };
        // The root field has run, so its variables are not needed to execute an event.
        for name in &root_variables.root_only {
            variables.remove(name);
        }
        let resolver = handoff.source.take_resolver();
        let group = self.fanout_groups.join(key, operation, Arc::clone(execution_env), variables, resolver);
        Ok((group, handoff))
    }

    async fn create_execution_env(&self, meta: &RequestMeta) -> Result<Arc<ExecutionEnv>, Response> {
        let anonymous = RequestMeta { caller: Caller::Anonymous, ..meta.clone() };
        let handoff = self.run_root_field(&anonymous, Request::new(PROBE), None).await?;
        Ok(Arc::new(handoff.execution_env(self.validator.limits().response_bytes)))
    }

    /// Runs the root field of a subscription, and returns the source of events that it hands over.
    async fn run_root_field(
        &self,
        meta: &RequestMeta,
        request: Request,
        last_event_id: Option<String>,
    ) -> Result<SourceHandoff, Response> {
        let (spawner, mut scheduler) = LoadScheduler::new();
        let context = RequestContext::new(Arc::clone(&self.services), meta, spawner, DatabaseTime::default());
        let context = Arc::new(context.with_last_event_id(last_event_id));
        let slot = Arc::new(HandoffSlot::default());
        let source_slot: Arc<dyn SourceSlot> = Arc::<HandoffSlot>::clone(&slot);
        let mut responses = self.schema.execute_stream(request.data(context).data(source_slot));
        // The root field's stream is empty, so a response is an error.
        if let Some(response) = scheduler.drive(responses.next()).await {
            return Err(response);
        }
        slot.take().ok_or_else(|| {
            let message = "The subscription selects no field: `@skip` or `@include` excludes its root field.";
            error_response(&Error::new(ErrorCode::GraphqlValidationFailed, message))
        })
    }
}
