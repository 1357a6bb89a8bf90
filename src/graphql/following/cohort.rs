//! Execute once, deliver many.
//!
//! A cohort is the subscribers of the same topic, document and variables who can be answered alike. The first of them
//! to come to an event has it executed and serialized; the others take the same bytes. What makes that safe: an
//! execution for many knows nothing of who is asking but what they all have in common ([`Audience`]). Where a resolver
//! asks for more ([`Ask::viewer`](super::super::context::Ask::viewer)), or holds something back that one of them might
//! see ([`Ask::withheld`](super::super::context::Ask::withheld)), the execution is marked and its answer thrown away,
//! and each is answered on their own. So nothing private can be shared, and no field needs to be declared so.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_graphql::{Response, Value, Variables};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::super::answer::{Sent, failed, finished, is_unavailable, to_json};
use super::super::context::{Asking, Audience, Origin, RequestContext};
use super::super::loads::Loads;
use super::super::subscription::{Event, RETRY, Show};
use super::prepared::{Executor, Prepared};
use crate::domain::event::{Event as Happened, Topic};
use crate::domain::user::Role;
use crate::live::stream::Delivery;
use crate::service::Services;

/// How old a shared answer may be: what it shows is as it stood then.
const FRESH: Duration = Duration::from_secs(1);

/// Answers that one cohort keeps, so that many who resume share those too.
const ANSWERS_KEPT: usize = 1024;

/// By what subscribers of one topic can be answered alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SharedBy {
    All(Audience),
    /// The subscriptions of one session, while its person has one role.
    Session(Uuid, Role),
}

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

/// What subscribers of one document must have in common to be answered alike.
#[derive(PartialEq, Eq, Hash)]
pub struct Alike {
    pub topic: Topic,
    pub by: SharedBy,
    /// As JSON, without the one that only says where to begin.
    pub variables: String,
}

/// With the place of the document, of which there is one copy.
type Key = (usize, Alike);

/// The cohorts that have members.
#[derive(Default)]
pub struct Cohorts(Mutex<HashMap<Key, Weak<Cohort>>>);

impl Cohorts {
    /// The cohort of a new subscriber. The variables are those that its answers depend on.
    pub fn join(
        &self,
        alike: Alike,
        prepared: Arc<Prepared>,
        executor: Arc<Executor>,
        variables: Variables,
        show: Show,
    ) -> Arc<Cohort> {
        let shared_by = alike.by.clone();
        let key = (Arc::as_ptr(&prepared) as usize, alike);
        let mut cohorts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cohorts.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        // Amortized: as many are looked at as could have gone since the map last grew.
        if cohorts.len() == cohorts.capacity() {
            cohorts.retain(|_, cohort| cohort.strong_count() > 0);
        }
        let cohort =
            Arc::new(Cohort { prepared, executor, variables, show, shared_by, answers: Mutex::default() });
        cohorts.insert(key, Arc::downgrade(&cohort));
        cohort
    }
}

/// Subscribers who can be answered alike.
pub struct Cohort {
    prepared: Arc<Prepared>,
    executor: Arc<Executor>,
    variables: Variables,
    show: Show,
    shared_by: SharedBy,
    answers: Mutex<BTreeMap<(i64, Delivery), Kept>>,
}

struct Kept {
    since: Instant,
    answer: Arc<OnceCell<Answer>>,
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
        let kept = answers.get(&(position, delivery))?;
        kept.answer.get().filter(|answer| !matches!(answer, Answer::Differs) && kept.is_fresh()).cloned()
    }

    /// What a member is told of an event: what all are told, or, where that differs, what they alone are.
    pub async fn answer(
        self: &Arc<Self>,
        services: &Arc<Services>,
        origin: &Origin,
        delivery: Delivery,
        event: &Arc<Happened>,
    ) -> Answer {
        let alone = || self.told(services, origin, Asking::One(origin.caller.clone()), delivery, event);
        // Nobody to share it with: one holds the member, and one this.
        if Arc::strong_count(self) <= 2 {
            return alone().await;
        }
        let cell = self.cell(delivery, event.position);
        let asking = match self.shared_by {
            SharedBy::All(audience) => Asking::All(audience),
            SharedBy::Session(..) => Asking::One(origin.caller.clone()),
        };
        match cell.get_or_init(|| self.told(services, origin, asking, delivery, event)).await {
            Answer::Differs => alone().await,
            answer => answer.clone(),
        }
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
    pub(super) async fn shown(
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

    fn cell(&self, delivery: Delivery, position: i64) -> Arc<OnceCell<Answer>> {
        let mut answers = self.answers();
        let key = (position, delivery);
        if let Some(kept) = answers.get(&key).filter(|kept| kept.is_fresh()) {
            return Arc::clone(&kept.answer);
        }
        while answers.len() >= ANSWERS_KEPT
            || answers.first_key_value().is_some_and(|(_, oldest)| !oldest.is_fresh())
        {
            answers.pop_first();
        }
        let answer = Arc::new(OnceCell::new());
        answers.insert(key, Kept { since: Instant::now(), answer: Arc::clone(&answer) });
        answer
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<(i64, Delivery), Kept>> {
        // Nothing that holds this lock can panic half-way through a change of the map.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer_of(response: &Response) -> Answer {
    if response.data == Value::Null && !response.errors.is_empty() {
        Answer::Failed(to_json(&response.errors).into())
    } else {
        Answer::Next(to_json(&Sent::from(response)).into())
    }
}
