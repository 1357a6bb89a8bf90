//! Hands each event to the streams that are about one of its topics.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::domain::event::{Event, Topic};

/// Events that may wait for one slow stream. Past that its queue is closed to new ones until it has read
/// the log: memory per subscriber is bounded, and nothing is lost.
pub const QUEUE: usize = 64;

/// Where streams attach and events are handed on.
#[derive(Debug, Default)]
pub struct Dispatcher {
    topics: Mutex<Topics>,
    next_seat: AtomicU64,
}

#[derive(Debug, Default)]
struct Topics {
    /// The seats of each topic, by their numbers.
    seats: HashMap<Topic, HashMap<u64, Arc<SubscriberQueue>>>,
    /// Nothing is handed on any more: the gateway stops.
    closed: bool,
}

/// One stream's place: what waits for it. An idle one holds no memory for a queue.
#[derive(Debug, Default)]
struct SubscriberQueue(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// In place, since most queues never hold more than one.
    first: Option<Arc<Event>>,
    more: VecDeque<Arc<Event>>,
    /// An event found the queue full; while this is set nothing is queued.
    overflowed: bool,
    closed: bool,
    stream: Option<Waker>,
}

/// A stream's end; detaches when dropped.
#[derive(Debug)]
pub struct QueueHandle {
    dispatcher: Arc<Dispatcher>,
    topic: Topic,
    number: u64,
    seat: Arc<SubscriberQueue>,
}

/// What a stream's queue holds next.
#[derive(Debug)]
pub enum Next {
    Event(Arc<Event>),
    /// Events were left out: read the log, then the queue again.
    Overflow,
    /// Nothing comes any more: the gateway stops.
    Closed,
}

impl Dispatcher {
    /// From now on, events of `topic` are queued for the attachment.
    pub fn attach(self: &Arc<Self>, topic: Topic) -> QueueHandle {
        let number = self.next_seat.fetch_add(1, Ordering::Relaxed);
        let mut topics = lock(&self.topics);
        let waiting = Waiting { closed: topics.closed, ..Waiting::default() };
        let seat = Arc::new(SubscriberQueue(Mutex::new(waiting)));
        topics.seats.entry(topic).or_default().insert(number, Arc::clone(&seat));
        drop(topics);
        QueueHandle { dispatcher: Arc::clone(self), topic, number, seat }
    }

    /// Queues the event for every stream of its topics. A topic that nobody is about costs one look-up.
    pub fn dispatch(&self, event: &Arc<Event>) {
        let topics = lock(&self.topics);
        let seats = event.topics().into_iter().flatten().filter_map(|topic| topics.seats.get(&topic));
        let seats = seats.flat_map(HashMap::values);
        let streams: Vec<_> = seats.filter_map(|seat| seat.change(|waiting| waiting.push(event))).collect();
        // Those who come and go need not wait until all are woken.
        drop(topics);
        streams.into_iter().for_each(Waker::wake);
    }

    /// Tells every stream, of now and later, that nothing comes any more.
    pub fn close(&self) {
        let mut topics = lock(&self.topics);
        topics.closed = true;
        let seats = topics.seats.values().flat_map(HashMap::values);
        let streams: Vec<_> = seats.filter_map(|seat| seat.change(|waiting| waiting.closed = true)).collect();
        drop(topics);
        streams.into_iter().for_each(Waker::wake);
    }

    /// How many streams are about this topic.
    pub fn attached_to(&self, topic: Topic) -> usize {
        lock(&self.topics).seats.get(&topic).map_or(0, HashMap::len)
    }

    /// How many streams are attached.
    pub fn attached(&self) -> usize {
        lock(&self.topics).seats.values().map(HashMap::len).sum()
    }
}

impl SubscriberQueue {
    /// Changes what waits; the stream, to be woken.
    fn change(&self, change: impl FnOnce(&mut Waiting)) -> Option<Waker> {
        let mut waiting = lock(&self.0);
        change(&mut waiting);
        waiting.stream.take()
    }
}

impl Waiting {
    fn push(&mut self, event: &Arc<Event>) {
        if self.overflowed {
            return;
        }
        if self.first.is_none() {
            self.first = Some(Arc::clone(event));
        } else if self.more.len() + 1 < QUEUE {
            self.more.push_back(Arc::clone(event));
        } else {
            self.overflowed = true;
        }
    }

    fn take(&mut self) -> Option<Next> {
        if self.closed {
            return Some(Next::Closed);
        }
        if let Some(event) = self.first.take() {
            self.first = self.more.pop_front();
            if self.first.is_none() && self.more.capacity() > 0 {
                self.more = VecDeque::new();
            }
            return Some(Next::Event(event));
        }
        std::mem::take(&mut self.overflowed).then_some(Next::Overflow)
    }
}

impl QueueHandle {
    /// The next event, in order; or, once everything queued before it was taken, that some were left out.
    pub fn poll_next(&mut self, task: &Context<'_>) -> Poll<Next> {
        let mut waiting = lock(&self.seat.0);
        if let Some(queued) = waiting.take() {
            return Poll::Ready(queued);
        }
        match &mut waiting.stream {
            Some(known) => known.clone_from(task.waker()),
            none => *none = Some(task.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for QueueHandle {
    fn drop(&mut self) {
        let mut topics = lock(&self.dispatcher.topics);
        if let Some(seats) = topics.seats.get_mut(&self.topic) {
            seats.remove(&self.number);
            if seats.is_empty() {
                topics.seats.remove(&self.topic);
            }
        }
    }
}

/// Nothing that holds one of these locks can panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use uuid::Uuid;

    use super::*;
    use crate::domain::event::EventBody;
    use crate::domain::review::ReviewQueueChange;
    use crate::domain::review_kind::ReviewKind;

    fn event(position: i64) -> Arc<Event> {
        Arc::new(Event {
            position,
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            body: EventBody::ReviewQueue {
                item_id: Uuid::nil(),
                review_kind: ReviewKind::Gig,
                change: ReviewQueueChange::Submitted,
            },
        })
    }

    async fn next(attachment: &mut QueueHandle) -> Next {
        poll_fn(|task| attachment.poll_next(task)).await
    }

    #[tokio::test]
    async fn a_full_queue_is_bounded_told_of_and_open_again() {
        let dispatcher = Arc::new(Dispatcher::default());
        let mut attachment = dispatcher.attach(Topic::ReviewQueue);
        let beyond = i64::try_from(QUEUE).expect("a small number") + 10;
        for position in 1..=beyond {
            dispatcher.dispatch(&event(position));
        }
        for expected in 1..=beyond - 10 {
            assert!(matches!(next(&mut attachment).await, Next::Event(e) if e.position == expected));
        }
        assert!(matches!(next(&mut attachment).await, Next::Overflow));
        dispatcher.dispatch(&event(beyond + 1));
        assert!(matches!(next(&mut attachment).await, Next::Event(e) if e.position == beyond + 1));
    }

    #[tokio::test]
    async fn an_event_or_the_close_wakes_who_waits() {
        let dispatcher = Arc::new(Dispatcher::default());
        let mut attachment = dispatcher.attach(Topic::ReviewQueue);
        let waiting = tokio::spawn(async move { (next(&mut attachment).await, next(&mut attachment).await) });
        tokio::task::yield_now().await;
        dispatcher.dispatch(&event(1));
        tokio::task::yield_now().await;
        dispatcher.close();
        let (first, second) = waiting.await.expect("it ends");
        assert!(matches!(first, Next::Event(e) if e.position == 1));
        assert!(matches!(second, Next::Closed));
        assert!(matches!(next(&mut dispatcher.attach(Topic::Published)).await, Next::Closed));
    }

    #[tokio::test]
    async fn who_detaches_leaves_nothing_behind() {
        let dispatcher = Arc::new(Dispatcher::default());
        let attachment = dispatcher.attach(Topic::ReviewQueue);
        let other = dispatcher.attach(Topic::Published);
        assert_eq!(dispatcher.attached(), 2);
        drop(attachment);
        drop(other);
        assert_eq!(dispatcher.attached(), 0);
        assert!(lock(&dispatcher.topics).seats.is_empty());
    }
}
