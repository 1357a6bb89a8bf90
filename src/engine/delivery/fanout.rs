//! Groups of subscribers that share executions.
//!
//! The header of [`delivery`](crate::engine::delivery) explains why sharing is safe.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::parser::types::OperationType;
use async_graphql::{Response, Value, Variables};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::domain::event::{Event as LogEvent, Topic};
use crate::engine::delivery::compiled_operation::{CompiledOperation, ExecutionEnv};
use crate::engine::delivery::registry::Registry;
use crate::engine::delivery::result_cache::{EventResult, ResultCache, SharedResult};
use crate::engine::load_scheduler::LoadScheduler;
use crate::engine::response::{
    ResponseBody, error_response, finalize, is_unavailable, limit_bytes, to_json, too_large,
};
use crate::events::RETRY_DELAY;
use crate::events::stream::Delivery;
use crate::graphql::context::{ExecutionScope, RequestContext, RequestMeta, request_span};
use crate::graphql::error::Error;
use crate::graphql::subscription::Event;
use crate::graphql::subscription::source::{EventResolver, FanoutScope};
use crate::service::Services;
use crate::store::DatabaseTime;

/// What subscribers with the same operation must have in common to be in one group.
#[derive(PartialEq, Eq, Hash)]
pub struct FanoutKey {
    pub topic: Topic,
    pub scope: FanoutScope,
    /// The SHA-256 of the variables as JSON, without the one for the argument `after`.
    pub variables: [u8; 32],
}

/// The groups that have subscribers.
#[derive(Default)]
pub struct FanoutGroups(Registry<GroupKey, FanoutGroup>);

/// The address of the operation, and the rest of the key. Equal operations have one address: see
/// [`OperationCache`](crate::engine::delivery::OperationCache).
type GroupKey = (usize, FanoutKey);

impl FanoutGroups {
    /// The group of a new subscriber. `variables` are those that the execution of an event needs.
    pub fn join(
        &self,
        key: FanoutKey,
        operation: Arc<CompiledOperation>,
        execution_env: Arc<ExecutionEnv>,
        variables: Variables,
        resolver: EventResolver,
    ) -> Arc<FanoutGroup> {
        let scope = key.scope.clone();
        let key = (Arc::as_ptr(&operation) as usize, key);
        self.0.get_or_insert(key, || FanoutGroup {
            operation,
            execution_env,
            variables,
            resolver,
            scope,
            results: Mutex::default(),
        })
    }
}

/// Subscribers that share executions.
pub struct FanoutGroup {
    operation: Arc<CompiledOperation>,
    execution_env: Arc<ExecutionEnv>,
    variables: Variables,
    resolver: EventResolver,
    scope: FanoutScope,
    results: Mutex<ResultCache>,
}

impl FanoutGroup {
    /// The result of an event, if the group has executed it already.
    pub fn cached_result(&self, delivery: Delivery, position: i64) -> Option<EventResult> {
        self.results().get(delivery, position)
    }

    /// The result of an event for one subscriber: that of the group or, if it is viewer-dependent, of an
    /// execution for this subscriber alone. An execution that has to wait runs on its own task, so a
    /// subscriber that polls slowly does not delay others.
    pub fn result(
        self: &Arc<Self>,
        services: &Arc<Services>,
        meta: RequestMeta,
        delivery: Delivery,
        event: Arc<LogEvent>,
    ) -> BoxFuture<'static, EventResult> {
        let (group, services) = (Arc::clone(self), Arc::clone(services));
        // This subscriber and this call hold one reference each. If there are no others, the subscriber is
        // the only one in its group.
        let shared = (Arc::strong_count(self) > 2).then(|| {
            self.results().get_or_start(delivery, event.position, || {
                self.start_shared(&services, &meta, delivery, &event)
            })
        });
        async move {
            if let Some(shared) = shared {
                let result = shared.clone().await;
                group.results().record_size(delivery, event.position, &shared);
                if !matches!(result, EventResult::ViewerDependent) {
                    return result;
                }
            }
            let scope = ExecutionScope::Single(meta.caller.clone());
            run(meta.clone(), async move {
                group.resolve_and_execute(&services, &meta, scope, delivery, &event).await
            })
            .await
        }
        .boxed()
    }

    /// Executes the snapshot of one subscriber.
    pub fn execute_snapshot(
        self: Arc<Self>,
        services: Arc<Services>,
        meta: RequestMeta,
        snapshot: Arc<(i64, Event)>,
    ) -> BoxFuture<'static, EventResult> {
        let scope = ExecutionScope::Single(meta.caller.clone());
        run(meta.clone(), async move { self.execute(&services, &meta, scope, &snapshot.1).await })
    }

    /// Starts the execution of an event for the whole group.
    fn start_shared(
        self: &Arc<Self>,
        services: &Arc<Services>,
        meta: &RequestMeta,
        delivery: Delivery,
        event: &Arc<LogEvent>,
    ) -> SharedResult {
        let (group, services) = (Arc::clone(self), Arc::clone(services));
        let (mut meta, event) = (meta.clone(), Arc::clone(event));
        let scope = match self.scope {
            FanoutScope::All(audience) | FanoutScope::Matching(audience, _) => {
                // The execution belongs to no subscriber's request.
                meta.request_id = services.new_request_id().into();
                ExecutionScope::Shared(audience)
            }
            FanoutScope::Session(..) => ExecutionScope::Single(meta.caller.clone()),
        };
        run(meta.clone(), async move {
            group.resolve_and_execute(&services, &meta, scope, delivery, &event).await
        })
        .shared()
    }

    /// Converts an event of the log to the event of the subscription, and executes it. Waits while the
    /// database is unavailable.
    async fn resolve_and_execute(
        &self,
        services: &Arc<Services>,
        meta: &RequestMeta,
        scope: ExecutionScope,
        delivery: Delivery,
        event: &Arc<LogEvent>,
    ) -> EventResult {
        loop {
            match (self.resolver)(Arc::clone(services), delivery, Arc::clone(event)).await {
                Ok(None) => return EventResult::Skipped,
                Ok(Some(event)) => return self.execute(services, meta, scope, &event).await,
                Err(error) if error.is_unavailable() => tokio::time::sleep(RETRY_DELAY).await,
                Err(error) => return event_result(&finalize(error_response(&error), &meta.request_id)),
            }
        }
    }

    /// Executes the selection of the subscription for an event. Waits while the database is unavailable.
    async fn execute(
        &self,
        services: &Arc<Services>,
        meta: &RequestMeta,
        scope: ExecutionScope,
        event: &Event,
    ) -> EventResult {
        loop {
            let (spawner, mut scheduler) = LoadScheduler::new();
            let context = RequestContext::with_scope(
                Arc::clone(services),
                scope.clone(),
                meta,
                spawner,
                DatabaseTime::default(),
            );
            let max = self.execution_env.response_max;
            let context = Arc::new(context.with_response_max(max));
            let execution =
                self.operation.execute(&self.execution_env, &self.variables, Arc::clone(&context), event);
            let response = scheduler.drive(execution).await;
            if context.is_viewer_dependent() {
                return EventResult::ViewerDependent;
            }
            if context.has_too_much_text() {
                return event_result(&too_large(max, OperationType::Subscription));
            }
            if !is_unavailable(&response) {
                let response = limit_bytes(response, max, OperationType::Subscription);
                return event_result(&finalize(response, &meta.request_id));
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    fn results(&self) -> MutexGuard<'_, ResultCache> {
        // Nothing that holds this lock can panic in the middle of a change.
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls an execution once, and continues it on its own task if it has to wait. Most do not wait. A panic
/// ends only the subscriptions that wait for the execution, with an error.
fn run(
    meta: RequestMeta,
    execution: impl Future<Output = EventResult> + Send + 'static,
) -> BoxFuture<'static, EventResult> {
    let span = request_span(&meta.request_id);
    let fail = move |error: Error| event_result(&finalize(error_response(&error), &meta.request_id));
    let fail_after_panic = fail.clone();
    let execution = AssertUnwindSafe(execution).catch_unwind();
    let mut execution = execution
        .map(move |result| result.unwrap_or_else(|panic| fail_after_panic(Error::from_panic(&*panic))))
        .instrument(span.clone())
        .boxed();
    if let Some(result) = (&mut execution).now_or_never() {
        return ready(result).boxed();
    }
    let task = AbortOnDropHandle::new(tokio::spawn(execution));
    task.map(move |joined| joined.unwrap_or_else(|error| span.in_scope(|| fail(Error::internal(&error)))))
        .boxed()
}

fn event_result(response: &Response) -> EventResult {
    if response.data == Value::Null && !response.errors.is_empty() {
        EventResult::Failed(response.errors.as_slice().into())
    } else {
        EventResult::Next(to_json(&ResponseBody::from(response)).into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::graphql::context::Caller;

    async fn execute_with_panic(waits: bool) -> EventResult {
        if waits {
            tokio::task::yield_now().await;
        }
        panic!("injected")
    }

    #[tokio::test]
    async fn a_panic_of_an_execution_is_an_error_with_the_request_id() {
        for waits in [false, true] {
            let (caller, address) = (Caller::Anonymous, Ipv4Addr::LOCALHOST.into());
            let meta = RequestMeta { caller, address, request_id: "request-1".into() };
            let result = run(meta, execute_with_panic(waits)).await;
            let EventResult::Failed(errors) = result else { panic!("{result:?}") };
            let errors = to_json(&errors);
            assert!(errors.contains("INTERNAL_SERVER_ERROR") && errors.contains("request-1"), "{errors}");
            assert!(!errors.contains("injected"), "{errors}");
        }
    }
}
