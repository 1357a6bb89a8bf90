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

use crate::domain::event::{Event as Happened, Topic};
use crate::engine::delivery::compiled_operation::{Executor, Prepared};
use crate::engine::delivery::registry::{Entry, Registry};
use crate::engine::load_scheduler::Loads;
use crate::engine::response::{Sent, failed, finished, is_unavailable, to_json};
use crate::events::RETRY;
use crate::events::stream::Delivery;
use crate::graphql::context::{Asking, Origin, RequestContext};
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
pub enum Answer {
    /// Nothing: it is not one of those asked for.
    LeftOut,
    /// The `payload` of a `next`, as JSON.
    Next(Arc<str>),
    /// It could not be shown: the errors, as JSON. The subscription ends, and does not go on as if there had been none.
    Failed(Arc<str>),
    /// It is not the same for all: each must be answered on their own.
    Differs,
}

impl Answer {
    /// What it takes to keep it.
    fn bytes(&self) -> usize {
        let text = match self {
            Self::Next(text) | Self::Failed(text) => text.len(),
            Self::LeftOut | Self::Differs => 0,
        };
        text + size_of::<Kept>() + size_of::<Self>()
    }
}

/// What subscribers of one document must have in common to be answered alike.
#[derive(PartialEq, Eq, Hash)]
pub struct Alike {
    pub topic: Topic,
    pub by: FanoutScope,
    /// As JSON, without the one that only says where to begin.
    pub variables: String,
}

/// The cohorts that have members.
#[derive(Clone, Default)]
pub struct Cohorts(Registry<Key, Cohort>);

/// With the place of the document, of which there is one copy.
type Key = (usize, Alike);

impl Cohorts {
    /// The cohort of a new subscriber. The variables are those that its answers depend on.
    pub fn join(
        &self,
        alike: Alike,
        prepared: Arc<Prepared>,
        executor: Arc<Executor>,
        variables: Variables,
        show: EventResolver,
    ) -> Arc<Cohort> {
        let shared_by = alike.by.clone();
        let key = (Arc::as_ptr(&prepared) as usize, alike);
        self.0.get_or_make(key, |entry| Cohort {
            _entry: entry,
            prepared,
            executor,
            variables,
            show,
            shared_by,
            answers: Mutex::default(),
        })
    }
}

/// Subscribers who can be answered alike.
pub struct Cohort {
    /// Where others find it.
    _entry: Entry<Key, Self>,
    prepared: Arc<Prepared>,
    executor: Arc<Executor>,
    variables: Variables,
    show: EventResolver,
    shared_by: FanoutScope,
    answers: Mutex<Answers>,
}

/// One that many wait for.
type SharedAnswer = Shared<BoxFuture<'static, Answer>>;

/// The answers to the last events.
#[derive(Default)]
struct Answers {
    by_event: BTreeMap<(i64, Delivery), Kept>,
    bytes: usize,
}

struct Kept {
    since: Instant,
    answer: SharedAnswer,
    /// 0 until it is there.
    bytes: usize,
}

impl Kept {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() < FRESH
    }
}

impl Cohort {
    /// The answer to an event, where it is there.
    pub fn known(&self, delivery: Delivery, position: i64) -> Option<Answer> {
        let answers = self.answers();
        let kept = answers.by_event.get(&(position, delivery))?;
        kept.answer.peek().filter(|answer| !matches!(answer, Answer::Differs) && kept.is_fresh()).cloned()
    }

    /// What a member is told of an event: what all are told, or, where that differs, what they alone are. Executions run
    /// on tasks of their own: whoever is slow to ask for the answer holds up nobody, and nothing that others need.
    pub fn answer(
        self: &Arc<Self>,
        services: &Arc<Services>,
        origin: Origin,
        delivery: Delivery,
        event: Arc<Happened>,
    ) -> BoxFuture<'static, Answer> {
        let (cohort, services) = (Arc::clone(self), Arc::clone(services));
        // Nobody to share it with: one holds the member, and one this.
        let shared = (Arc::strong_count(self) > 2).then(|| {
            self.answers()
                .shared(delivery, event.position, || self.execute(&services, &origin, delivery, &event))
        });
        async move {
            if let Some(shared) = shared {
                let answer = shared.clone().await;
                cohort.answers().measure(delivery, event.position, &shared);
                if !matches!(answer, Answer::Differs) {
                    return answer;
                }
            }
            let asking = Asking::One(origin.caller.clone());
            run(async move { cohort.told(&services, &origin, asking, delivery, &event).await }).await
        }
        .boxed()
    }

    /// What a snapshot looks like to one member.
    pub fn snapshot(
        self: Arc<Self>,
        services: Arc<Services>,
        origin: Origin,
        event: Event,
    ) -> BoxFuture<'static, Answer> {
        let asking = Asking::One(origin.caller.clone());
        let showing = async move { self.shown(&services, &origin, asking, &event).await };
        run(showing)
    }

    /// Executes an event for all members.
    fn execute(
        self: &Arc<Self>,
        services: &Arc<Services>,
        origin: &Origin,
        delivery: Delivery,
        event: &Arc<Happened>,
    ) -> SharedAnswer {
        let (cohort, services) = (Arc::clone(self), Arc::clone(services));
        let (mut origin, event) = (origin.clone(), Arc::clone(event));
        let asking = match self.shared_by {
            FanoutScope::All(audience) => {
                // Named after nobody's request.
                origin.request_id = services.new_id().simple().to_string().into();
                Asking::All(audience)
            }
            FanoutScope::Session(..) => Asking::One(origin.caller.clone()),
        };
        let executing = async move { cohort.told(&services, &origin, asking, delivery, &event).await };
        run(executing).shared()
    }

    /// What is told of an event from the log, however long the database is away meanwhile.
    async fn told(
        &self,
        services: &Arc<Services>,
        origin: &Origin,
        asking: Asking,
        delivery: Delivery,
        event: &Arc<Happened>,
    ) -> Answer {
        loop {
            match (self.show)(Arc::clone(services), delivery, Arc::clone(event)).await {
                Ok(None) => return Answer::LeftOut,
                Ok(Some(event)) => return self.shown(services, origin, asking, &event).await,
                Err(error) if error.is_unavailable() => tokio::time::sleep(RETRY).await,
                Err(error) => return answer_of(&finished(failed(&error), &origin.request_id)),
            }
        }
    }

    /// What an event looks like, however long the database is away meanwhile.
    async fn shown(
        &self,
        services: &Arc<Services>,
        origin: &Origin,
        asking: Asking,
        event: &Event,
    ) -> Answer {
        loop {
            let (begin, mut loads) = Loads::new();
            let context = RequestContext::asked(Arc::clone(services), asking.clone(), origin, begin);
            let context = Arc::new(context);
            let showing = self.prepared.show(&self.executor, &self.variables, Arc::clone(&context), event);
            let response = loads.run_beside(showing).await;
            if context.differs() {
                return Answer::Differs;
            }
            if !is_unavailable(&response) {
                return answer_of(&finished(response, &origin.request_id));
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        // Nothing that holds this lock can panic half-way through a change.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers {
    /// The answer to an event, which is begun by `execute` where it is not under way.
    fn shared(
        &mut self,
        delivery: Delivery,
        position: i64,
        execute: impl FnOnce() -> SharedAnswer,
    ) -> SharedAnswer {
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
        self.by_event.insert(key, Kept { since: Instant::now(), answer: answer.clone(), bytes: 0 });
        answer
    }

    /// Takes note of how large an answer has become, where it is still kept.
    fn measure(&mut self, delivery: Delivery, position: i64, answer: &SharedAnswer) {
        if let Some(kept) = self.by_event.get_mut(&(position, delivery))
            && kept.answer.ptr_eq(answer)
            && kept.bytes == 0
        {
            kept.bytes = answer.peek().map_or(0, Answer::bytes);
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
fn run(executing: impl Future<Output = Answer> + Send + 'static) -> BoxFuture<'static, Answer> {
    let executing = AssertUnwindSafe(executing).catch_unwind();
    let mut executing = executing.map(|executed| executed.unwrap_or_else(|_| broken(&"a panic"))).boxed();
    if let Some(answer) = (&mut executing).now_or_never() {
        return ready(answer).boxed();
    }
    let task = AbortOnDropHandle::new(tokio::spawn(executing));
    task.map(|ended| ended.unwrap_or_else(|error| broken(&error))).boxed()
}

fn broken(error: &dyn std::fmt::Display) -> Answer {
    Answer::Failed(to_json(&failed(&Error::internal(error)).errors).into())
}

fn answer_of(response: &Response) -> Answer {
    if response.data == Value::Null && !response.errors.is_empty() {
        Answer::Failed(to_json(&response.errors).into())
    } else {
        Answer::Next(to_json(&Sent::from(response)).into())
    }
}
