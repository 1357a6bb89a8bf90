//! Hands each event to the streams that are about one of its topics.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use crate::domain::event::{Event, Topic};

/// Events that may wait for one slow stream. Past that its queue is closed to new ones until it has read
/// the log: memory per subscriber is bounded, and nothing is lost.
const QUEUE: usize = 64;

/// The seats of each topic, by their numbers.
type Topics = HashMap<Topic, HashMap<u64, Arc<Seat>>>;

/// Where streams attach and events are handed on.
#[derive(Debug, Default)]
pub struct Hub {
    topics: Mutex<Topics>,
    next_seat: AtomicU64,
}

#[derive(Debug)]
struct Seat {
    number: u64,
    queue: mpsc::Sender<Arc<Event>>,
    /// Set when an event found the queue full; while it is set nothing is queued.
    overflowed: AtomicBool,
    /// Told after that: the stream may have emptied the queue meanwhile, and wait.
    told: Notify,
}

/// A stream's end; detaches when dropped.
#[derive(Debug)]
pub struct Attachment {
    hub: Arc<Hub>,
    topic: Topic,
    seat: Arc<Seat>,
    queue: mpsc::Receiver<Arc<Event>>,
}

impl Hub {
    /// From now on, events of `topic` are queued for the attachment.
    pub fn attach(self: &Arc<Self>, topic: Topic) -> Attachment {
        let (sender, queue) = mpsc::channel(QUEUE);
        let seat = Arc::new(Seat {
            number: self.next_seat.fetch_add(1, Ordering::Relaxed),
            queue: sender,
            overflowed: AtomicBool::new(false),
            told: Notify::new(),
        });
        self.topics().entry(topic).or_default().insert(seat.number, Arc::clone(&seat));
        Attachment { hub: Arc::clone(self), topic, seat, queue }
    }

    /// Queues the event for every stream of its topics. A topic that nobody is about costs one look-up.
    pub fn hand_on(&self, event: &Arc<Event>) {
        let topics = self.topics();
        for topic in event.topics().into_iter().flatten() {
            for seat in topics.get(&topic).into_iter().flat_map(HashMap::values) {
                if seat.overflowed.load(Ordering::Acquire) {
                    continue;
                }
                if seat.queue.try_send(Arc::clone(event)).is_err() {
                    seat.overflowed.store(true, Ordering::Release);
                    seat.told.notify_one();
                }
            }
        }
    }

    /// How many streams are attached.
    pub fn attached(&self) -> usize {
        self.topics().values().map(HashMap::len).sum()
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        // Nothing that holds this lock can panic half-way through a change of the map.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a stream's queue holds next.
#[derive(Debug)]
pub enum Queued {
    Event(Arc<Event>),
    /// Events were left out: read the log, then the queue again.
    Overflow,
}

impl Attachment {
    /// The next event, in order; or, once everything queued before it was taken, that some were left out.
    pub async fn next(&mut self) -> Queued {
        loop {
            match self.queue.try_recv() {
                Ok(event) => return Queued::Event(event),
                Err(_) if self.seat.overflowed.swap(false, Ordering::AcqRel) => return Queued::Overflow,
                Err(_) => {}
            }
            tokio::select! {
                event = self.queue.recv() => {
                    let event = event.expect("the seat, which this attachment holds, keeps the queue open");
                    return Queued::Event(event);
                }
                // A word from before the queue was emptied says nothing new; then it is looked at once more.
                () = self.seat.told.notified() => {}
            }
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut topics = self.hub.topics();
        if let Some(seats) = topics.get_mut(&self.topic) {
            seats.remove(&self.seat.number);
            if seats.is_empty() {
                topics.remove(&self.topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::event::EventBody;
    use crate::domain::review::{ReviewKind, ReviewQueueChange};

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

    #[tokio::test]
    async fn a_full_queue_is_bounded_told_of_and_open_again() {
        let hub = Arc::new(Hub::default());
        let mut attachment = hub.attach(Topic::ReviewQueue);
        let beyond = i64::try_from(QUEUE).expect("a small number") + 10;
        for position in 1..=beyond {
            hub.hand_on(&event(position));
        }
        for expected in 1..=beyond - 10 {
            assert!(matches!(attachment.next().await, Queued::Event(e) if e.position == expected));
        }
        assert!(matches!(attachment.next().await, Queued::Overflow));
        hub.hand_on(&event(beyond + 1));
        assert!(matches!(attachment.next().await, Queued::Event(e) if e.position == beyond + 1));
    }

    #[tokio::test]
    async fn an_overflow_that_is_noted_while_the_stream_waits_wakes_it() {
        let hub = Arc::new(Hub::default());
        let mut attachment = hub.attach(Topic::ReviewQueue);
        // As `hand_on` ends that found the queue full just before the stream emptied it.
        let seat = Arc::clone(&attachment.seat);
        let waiting = tokio::spawn(async move { attachment.next().await });
        tokio::task::yield_now().await;
        seat.overflowed.store(true, Ordering::Release);
        seat.told.notify_one();
        assert!(matches!(waiting.await.expect("it ends"), Queued::Overflow));
    }

    #[tokio::test]
    async fn who_detaches_leaves_nothing_behind() {
        let hub = Arc::new(Hub::default());
        let attachment = hub.attach(Topic::ReviewQueue);
        let other = hub.attach(Topic::Published);
        assert_eq!(hub.attached(), 2);
        drop(attachment);
        drop(other);
        assert_eq!(hub.attached(), 0);
        assert!(hub.topics().is_empty());
    }
}
