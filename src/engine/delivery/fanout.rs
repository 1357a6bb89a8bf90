//! Execute once, deliver many.
//!
//! A cohort is the subscribers of the same topic, document and variables who can be answered alike. The first of them
//! to come to an event has it executed and serialized; the others take the same bytes. What makes that safe: an
//! execution for many knows nothing of who is asking but what they all have in common ([`Audience`]). Where a resolver
//! asks for more ([`Ask::viewer`](crate::graphql::context::Ask::viewer)), or holds something back that one of them might
//! see ([`Ask::withheld`](crate::graphql::context::Ask::withheld)), the execution is marked and its answer thrown away,
//! and each is answered on their own. So nothing private can be shared, and no field needs to be declared so.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_graphql::{Response, Value, Variables};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, ready};
use tokio_util::task::AbortOnDropHandle;

use crate::domain::event::{Event as LogEvent, Topic};
use crate::engine::delivery::compiled_operation::{CompiledOperation, ExecutionEnv};
use crate::engine::delivery::registry::Registry;
use crate::engine::load_scheduler::LoadScheduler;
use crate::engine::response::{ResponseBody, error_response, finalize, is_unavailable, to_json};
use crate::events::RETRY_DELAY;
use crate::events::stream::Delivery;
use crate::graphql::context::{ExecutionScope, RequestContext, RequestMeta};
use crate::graphql::error::Error;
use crate::graphql::subscription::Event;
use crate::graphql::subscription::source::{EventResolver, FanoutScope};
use crate::service::Services;

/// How old a shared answer may be: what it shows is as it stood then.
const FRESH: Duration = Duration::from_secs(1);

/// Bytes of answers that one cohort keeps, so that many who resume share those too: some hundred small ones.
const KEPT_MAX_BYTES: usize = 256 * 1024;

/// What a subscriber is told of an event.
#[derive(Debug, Clone)]
pub enum EventResult {
    /// Nothing: it is not one of those asked for.
    Skipped,
    /// The `payload` of a `next`, as JSON.
    Next(Arc<str>),
    /// It could not be shown: the errors, as JSON. The subscription ends, and does not go on as if there had been none.
    Failed(Arc<str>),
    /// It is not the same for all: each must be answered on their own.
    ViewerDependent,
}

impl EventResult {
    /// What it takes to keep it.
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Next(text) | Self::Failed(text) => text.len(),
            Self::Skipped | Self::ViewerDependent => 0,
        };
        text + size_of::<CachedResult>() + size_of::<Self>()
    }
}

/// What subscribers of one document must have in common to be answered alike.
#[derive(PartialEq, Eq, Hash)]
pub struct FanoutKey {
    pub topic: Topic,
    pub by: FanoutScope,
    /// As JSON, without the one that only says where to begin.
    pub variables: String,
}

/// The cohorts that have members.
#[derive(Default)]
pub struct FanoutGroups(Registry<Key, FanoutGroup>);

/// With the place of the document, of which there is one copy.
type Key = (usize, FanoutKey);

impl FanoutGroups {
    /// The cohort of a new subscriber. The variables are those that its answers depend on.
    pub fn join(
        &self,
        key: FanoutKey,
        operation: Arc<CompiledOperation>,
        execution_env: Arc<ExecutionEnv>,
        variables: Variables,
        show: EventResolver,
    ) -> Arc<FanoutGroup> {
        let fanout_scope = key.by.clone();
        let key = (Arc::as_ptr(&operation) as usize, key);
        self.0.get_or_insert(key, || FanoutGroup {
            operation,
            execution_env,
            variables,
            show,
            fanout_scope,
            answers: Mutex::default(),
        })
    }
}

/// Subscribers who can be answered alike.
pub struct FanoutGroup {
    operation: Arc<CompiledOperation>,
    execution_env: Arc<ExecutionEnv>,
    variables: Variables,
    show: EventResolver,
    fanout_scope: FanoutScope,
    answers: Mutex<ResultCache>,
}

/// One that many wait for.
type SharedResult = Shared<BoxFuture<'static, EventResult>>;

/// The answers to the last events.
#[derive(Default)]
struct ResultCache {
    by_event: BTreeMap<(i64, Delivery), CachedResult>,
    bytes: usize,
}

struct CachedResult {
    since: Instant,
    answer: SharedResult,
    /// 0 until it is there.
    bytes: usize,
}

impl CachedResult {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < FRESH
    }
}

impl FanoutGroup {
    /// The answer to an event, where it is there.
    pub fn known(&self, delivery: Delivery, position: i64) -> Option<EventResult> {
        let answers = self.answers();
        let kept = answers.by_event.get(&(position, delivery))?;
        kept.answer
            .peek()
            .filter(|answer| !matches!(answer, EventResult::ViewerDependent) && kept.is_fresh())
            .cloned()
    }

    /// What a member is told of an event: what all are told, or, where that differs, what they alone are. Executions run
    /// on tasks of their own: whoever is slow to ask for the answer holds up nobody, and nothing that others need.
    pub fn answer(
        self: &Arc<Self>,
        services: &Arc<Services>,
        meta: RequestMeta,
        delivery: Delivery,
        event: Arc<LogEvent>,
    ) -> BoxFuture<'static, EventResult> {
        let (group, services) = (Arc::clone(self), Arc::clone(services));
        // Nobody to share it with: one holds the member, and one this.
        let shared = (Arc::strong_count(self) > 2).then(|| {
            self.answers()
                .shared(delivery, event.position, || self.execute(&services, &meta, delivery, &event))
        });
        async move {
            if let Some(shared) = shared {
                let answer = shared.clone().await;
                group.answers().measure(delivery, event.position, &shared);
                if !matches!(answer, EventResult::ViewerDependent) {
                    return answer;
                }
            }
            let scope = ExecutionScope::Single(meta.caller.clone());
            run(async move { group.told(&services, &meta, scope, delivery, &event).await }).await
        }
        .boxed()
    }

    /// What a snapshot looks like to one member.
    pub fn snapshot(
        self: Arc<Self>,
        services: Arc<Services>,
        meta: RequestMeta,
        event: Event,
    ) -> BoxFuture<'static, EventResult> {
        let scope = ExecutionScope::Single(meta.caller.clone());
        let showing = async move { self.shown(&services, &meta, scope, &event).await };
        run(showing)
    }

    /// Executes an event for all members.
    fn execute(
        self: &Arc<Self>,
        services: &Arc<Services>,
        meta: &RequestMeta,
        delivery: Delivery,
        event: &Arc<LogEvent>,
    ) -> SharedResult {
        let (group, services) = (Arc::clone(self), Arc::clone(services));
        let (mut meta, event) = (meta.clone(), Arc::clone(event));
        let scope = match self.fanout_scope {
            FanoutScope::All(audience) => {
                // Named after nobody's request.
                meta.request_id = services.new_request_id().into();
                ExecutionScope::Shared(audience)
            }
            FanoutScope::Session(..) => ExecutionScope::Single(meta.caller.clone()),
        };
        let executing = async move { group.told(&services, &meta, scope, delivery, &event).await };
        run(executing).shared()
    }

    /// What is told of an event from the log, however long the database is away meanwhile.
    async fn told(
        &self,
        services: &Arc<Services>,
        meta: &RequestMeta,
        scope: ExecutionScope,
        delivery: Delivery,
        event: &Arc<LogEvent>,
    ) -> EventResult {
        loop {
            match (self.show)(Arc::clone(services), delivery, Arc::clone(event)).await {
                Ok(None) => return EventResult::Skipped,
                Ok(Some(event)) => return self.shown(services, meta, scope, &event).await,
                Err(error) if error.is_unavailable() => tokio::time::sleep(RETRY_DELAY).await,
                Err(error) => return answer_of(&finalize(error_response(&error), &meta.request_id)),
            }
        }
    }

    /// What an event looks like, however long the database is away meanwhile.
    async fn shown(
        &self,
        services: &Arc<Services>,
        meta: &RequestMeta,
        scope: ExecutionScope,
        event: &Event,
    ) -> EventResult {
        loop {
            let (begin, mut scheduler) = LoadScheduler::new();
            let context = RequestContext::with_scope(Arc::clone(services), scope.clone(), meta, begin);
            let context = Arc::new(context);
            let showing =
                self.operation.show(&self.execution_env, &self.variables, Arc::clone(&context), event);
            let response = scheduler.drive(showing).await;
            if context.is_viewer_dependent() {
                return EventResult::ViewerDependent;
            }
            if !is_unavailable(&response) {
                return answer_of(&finalize(response, &meta.request_id));
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    fn answers(&self) -> MutexGuard<'_, ResultCache> {
        // Nothing that holds this lock can panic half-way through a change.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResultCache {
    /// The answer to an event, which is begun by `execute` where it is not under way.
    fn shared(
        &mut self,
        delivery: Delivery,
        position: i64,
        execute: impl FnOnce() -> SharedResult,
    ) -> SharedResult {
        let key = (position, delivery);
        if let Some(kept) = self.by_event.get(&key).filter(|kept| kept.is_fresh()) {
            return kept.answer.clone();
        }
        while let Some((oldest, kept)) = self.by_event.first_key_value()
            && (self.bytes > KEPT_MAX_BYTES || !kept.is_fresh())
        {
            let oldest = *oldest;
            self.forget(oldest);
        }
        self.forget(key);
        let answer = execute();
        self.by_event.insert(key, CachedResult { since: Instant::now(), answer: answer.clone(), bytes: 0 });
        answer
    }

    /// Takes note of how large an answer has become, where it is still kept.
    fn measure(&mut self, delivery: Delivery, position: i64, answer: &SharedResult) {
        if let Some(kept) = self.by_event.get_mut(&(position, delivery))
            && kept.answer.ptr_eq(answer)
            && kept.bytes == 0
        {
            kept.bytes = answer.peek().map_or(0, EventResult::bytes);
            self.bytes += kept.bytes;
        }
    }

    fn forget(&mut self, key: (i64, Delivery)) {
        if let Some(forgotten) = self.by_event.remove(&key) {
            self.bytes -= forgotten.bytes;
        }
    }
}

/// Runs an execution at once as far as it goes, and from where it must wait on a task of its own. Most wait for nothing.
/// A panic ends the subscriptions that wait for it, and nothing else.
fn run(executing: impl Future<Output = EventResult> + Send + 'static) -> BoxFuture<'static, EventResult> {
    let executing = AssertUnwindSafe(executing).catch_unwind();
    let mut executing = executing.map(|executed| executed.unwrap_or_else(|_| broken(&"a panic"))).boxed();
    if let Some(answer) = (&mut executing).now_or_never() {
        return ready(answer).boxed();
    }
    let task = AbortOnDropHandle::new(tokio::spawn(executing));
    task.map(|ended| ended.unwrap_or_else(|error| broken(&error))).boxed()
}

fn broken(error: &dyn std::fmt::Display) -> EventResult {
    EventResult::Failed(to_json(&error_response(&Error::internal(error)).errors).into())
}

fn answer_of(response: &Response) -> EventResult {
    if response.data == Value::Null && !response.errors.is_empty() {
        EventResult::Failed(to_json(&response.errors).into())
    } else {
        EventResult::Next(to_json(&ResponseBody::from(response)).into())
    }
}
