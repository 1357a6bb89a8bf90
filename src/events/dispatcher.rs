//! Hands each event to the subscriber queues of its topics.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::domain::event::{Event, Topic};
use crate::events::selection::Selection;

/// The number of events that can wait for one slow stream. A full queue takes no more events until the stream
/// has emptied it and reads the log. So memory per subscriber is bounded, and nothing is lost.
pub const QUEUE_CAPACITY: usize = 64;

/// The subscriber queues of this gateway, by topic.
#[derive(Debug, Default)]
pub struct Dispatcher {
    registry: Mutex<Registry>,
    /// The next id for [`Registry::queues`].
    next_queue_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Registry {
    /// The queues of each topic, by their ids. A topic without subscribers has no entry.
    queues: HashMap<Topic, HashMap<u64, Arc<SubscriberQueue>>>,
    /// The gateway is stopping: new queues are closed from the start.
    is_closed: bool,
}

/// The events that wait for one stream. An empty queue allocates no memory.
#[derive(Debug)]
struct SubscriberQueue {
    selection: Selection,
    state: Mutex<QueueState>,
}

#[derive(Debug, Default)]
struct QueueState {
    /// Stored inline, since most queues never hold more than one event.
    front: Option<Arc<Event>>,
    rest: VecDeque<Arc<Event>>,
    /// An event found the queue full. While this is set, nothing is queued.
    has_overflowed: bool,
    is_closed: bool,
    waker: Option<Waker>,
}

/// The stream's side of its queue. Dropping it unsubscribes.
#[derive(Debug)]
pub struct QueueHandle {
    dispatcher: Arc<Dispatcher>,
    topic: Topic,
    id: u64,
    queue: Arc<SubscriberQueue>,
}

/// What a queue yields.
#[derive(Debug)]
pub enum Next {
    Event(Arc<Event>),
    /// Events were dropped because the queue was full: read the log, then continue with the queue.
    Overflow,
    /// The gateway is stopping: there are no further events.
    Closed,
}

impl Dispatcher {
    /// Queues the selected events of `topic` from now on.
    pub fn subscribe(self: &Arc<Self>, topic: Topic, selection: Selection) -> QueueHandle {
        let id = self.next_queue_id.fetch_add(1, Ordering::Relaxed);
        let mut registry = lock(&self.registry);
        let state = QueueState { is_closed: registry.is_closed, ..QueueState::default() };
        let queue = Arc::new(SubscriberQueue { selection, state: Mutex::new(state) });
        registry.queues.entry(topic).or_default().insert(id, Arc::clone(&queue));
        drop(registry);
        QueueHandle { dispatcher: Arc::clone(self), topic, id, queue }
    }

    /// Queues the event for every stream of its topics. A topic without subscribers costs one lookup.
    pub fn dispatch(&self, event: &Arc<Event>) {
        let registry = lock(&self.registry);
        let queues = event.topics().into_iter().flatten().filter_map(|topic| registry.queues.get(&topic));
        let queues = queues.flat_map(HashMap::values).filter(|queue| queue.selection.contains(event));
        let wakers: Vec<_> = queues.filter_map(|queue| queue.update(|state| state.push(event))).collect();
        // Unlock before waking, so that subscribing and unsubscribing need not wait for it.
        drop(registry);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends every stream, including those that subscribe later.
    pub fn close(&self) {
        let mut registry = lock(&self.registry);
        registry.is_closed = true;
        let queues = registry.queues.values().flat_map(HashMap::values);
        let wakers: Vec<_> =
            queues.filter_map(|queue| queue.update(|state| state.is_closed = true)).collect();
        drop(registry);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How many streams subscribe to this topic.
    pub fn subscriber_count_of(&self, topic: Topic) -> usize {
        lock(&self.registry).queues.get(&topic).map_or(0, HashMap::len)
    }

    /// How many streams subscribe to any topic.
    pub fn subscriber_count(&self) -> usize {
        lock(&self.registry).queues.values().map(HashMap::len).sum()
    }
}

impl SubscriberQueue {
    /// Updates the state. Returns the waker of the stream, which the caller must wake.
    fn update(&self, update: impl FnOnce(&mut QueueState)) -> Option<Waker> {
        let mut state = lock(&self.state);
        update(&mut state);
        state.waker.take()
    }
}

impl QueueState {
    fn push(&mut self, event: &Arc<Event>) {
        if self.has_overflowed {
            return;
        }
        if self.front.is_none() {
            self.front = Some(Arc::clone(event));
        } else if self.rest.len() + 1 < QUEUE_CAPACITY {
            self.rest.push_back(Arc::clone(event));
        } else {
            self.has_overflowed = true;
        }
    }

    fn pop(&mut self) -> Option<Next> {
        if self.is_closed {
            return Some(Next::Closed);
        }
        if let Some(event) = self.front.take() {
            self.front = self.rest.pop_front();
            if self.front.is_none() && self.rest.capacity() > 0 {
                self.rest = VecDeque::new();
            }
            return Some(Next::Event(event));
        }
        std::mem::take(&mut self.has_overflowed).then_some(Next::Overflow)
    }
}

impl QueueHandle {
    /// Whether the stream yields this event of its topic.
    pub fn selects(&self, event: &Event) -> bool {
        self.queue.selection.contains(event)
    }

    /// The next event, in order. `Overflow` comes after the events that were queued before it.
    pub fn poll_next(&mut self, task: &Context<'_>) -> Poll<Next> {
        let mut state = lock(&self.queue.state);
        if let Some(next) = state.pop() {
            return Poll::Ready(next);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(task.waker()),
            empty => *empty = Some(task.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for QueueHandle {
    fn drop(&mut self) {
        let mut registry = lock(&self.dispatcher.registry);
        if let Some(queues) = registry.queues.get_mut(&self.topic) {
            queues.remove(&self.id);
            if queues.is_empty() {
                registry.queues.remove(&self.topic);
            }
        }
    }
}

/// Ignores poisoning: no code that holds one of these locks can panic halfway through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::domain::event::EventBody;
    use crate::domain::id::{GigId, ReviewItemId, UserId};
    use crate::domain::review::ReviewQueueChange;
    use crate::domain::review_kind::ReviewKind;

    fn event(position: i64) -> Arc<Event> {
        Arc::new(Event {
            position,
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            body: EventBody::ReviewQueue {
                item_id: ReviewItemId::nil(),
                review_kind: ReviewKind::Gig,
                change: ReviewQueueChange::Submitted,
            },
        })
    }

    async fn next(queue: &mut QueueHandle) -> Next {
        poll_fn(|task| queue.poll_next(task)).await
    }

    #[tokio::test]
    async fn a_full_queue_reports_an_overflow_and_then_accepts_events_again() {
        let dispatcher = Arc::new(Dispatcher::default());
        let mut queue = dispatcher.subscribe(Topic::ReviewQueue, Selection::default());
        let count = i64::try_from(QUEUE_CAPACITY).expect("a small number") + 10;
        for position in 1..=count {
            dispatcher.dispatch(&event(position));
        }
        for expected in 1..=count - 10 {
            assert!(matches!(next(&mut queue).await, Next::Event(e) if e.position == expected));
        }
        assert!(matches!(next(&mut queue).await, Next::Overflow));
        dispatcher.dispatch(&event(count + 1));
        assert!(matches!(next(&mut queue).await, Next::Event(e) if e.position == count + 1));
    }

    #[tokio::test]
    async fn an_event_or_close_wakes_a_waiting_stream() {
        let dispatcher = Arc::new(Dispatcher::default());
        let mut queue = dispatcher.subscribe(Topic::ReviewQueue, Selection::default());
        let reader = tokio::spawn(async move { (next(&mut queue).await, next(&mut queue).await) });
        tokio::task::yield_now().await;
        dispatcher.dispatch(&event(1));
        tokio::task::yield_now().await;
        dispatcher.close();
        let (first, second) = reader.await.expect("the reader ends");
        assert!(matches!(first, Next::Event(e) if e.position == 1));
        assert!(matches!(second, Next::Closed));
        assert!(matches!(
            next(&mut dispatcher.subscribe(Topic::PublishedGigs, Selection::default())).await,
            Next::Closed
        ));
    }

    #[tokio::test]
    async fn dropping_the_last_queue_removes_its_topic() {
        let dispatcher = Arc::new(Dispatcher::default());
        let queue = dispatcher.subscribe(Topic::ReviewQueue, Selection::default());
        let other = dispatcher.subscribe(Topic::PublishedGigs, Selection::default());
        assert_eq!(dispatcher.subscriber_count(), 2);
        drop(queue);
        drop(other);
        assert_eq!(dispatcher.subscriber_count(), 0);
        assert!(lock(&dispatcher.registry).queues.is_empty());
    }

    #[test]
    fn events_that_are_not_selected_do_not_fill_the_queue() {
        let gig = |number| GigId::from_uuid(uuid::Uuid::from_u128(number));
        let updated = |position, number| {
            let body = EventBody::GigUpdated { gig_id: gig(number), seller_id: UserId::nil() };
            Arc::new(Event { position, occurred_at: chrono::DateTime::UNIX_EPOCH, body })
        };
        let dispatcher = Arc::new(Dispatcher::default());
        let mut queue = dispatcher.subscribe(Topic::Catalogue, Selection::of_gigs(vec![gig(1)]));
        for position in 1..=i64::try_from(QUEUE_CAPACITY).expect("a small number") + 10 {
            dispatcher.dispatch(&updated(position, 2));
        }
        dispatcher.dispatch(&updated(100, 1));
        let task = Context::from_waker(Waker::noop());
        let next = queue.poll_next(&task);
        assert!(matches!(&next, Poll::Ready(Next::Event(event)) if event.position == 100), "{next:?}");
        assert!(queue.poll_next(&task).is_pending());
    }
}
