//! Runs expensive jobs on blocking threads, a few at a time, and fairly by key: a user or network with many
//! jobs delays the others by one job in each round, not by all of its jobs.
//!
//! Keys take turns. Each key has a queue in the order of arrival, and at most one running job. The number of
//! waiting jobs is limited for each key and in all. If the limit of all is reached, a job is accepted only if
//! another key has at least two more waiting jobs than its own key. The newest job of the key with the most
//! is then dropped. So clients that fill the queue displace each other, not those with few jobs.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::service::{Error, Result};

/// How many jobs run and wait.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Jobs that run at the same time.
    pub workers: usize,
    /// Waiting jobs of one key.
    pub waiting_per_key: usize,
    /// Waiting jobs in all.
    pub waiting: usize,
}

/// A queue of jobs with keys. Clones share it.
#[derive(Debug, Clone)]
pub struct FairQueue<K: Key> {
    limits: QueueLimits,
    state: Arc<Mutex<State<K>>>,
}

/// What the jobs of a queue are grouped by.
pub trait Key: Copy + Eq + Hash + Send + std::fmt::Debug + 'static {}

impl<K: Copy + Eq + Hash + Send + std::fmt::Debug + 'static> Key for K {}

/// The jobs of a queue at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSize {
    pub running: usize,
    pub waiting: usize,
}

#[derive(Debug)]
struct State<K> {
    idle_workers: usize,
    waiting: usize,
    /// Keys with running or waiting jobs.
    keys: HashMap<K, KeyState>,
    /// Keys that have waiting jobs and no running one, in the order of their turns.
    turns: VecDeque<K>,
    next_id: u64,
}

#[derive(Debug, Default)]
struct KeyState {
    running: Option<u64>,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    /// Dropped without a message if the waiter is displaced.
    start: oneshot::Sender<()>,
}

/// The place of one job in the queue, from its arrival to its end. When it is dropped, a waiting job is
/// removed from the queue, or a running job ends and the next one can start.
struct Place<K: Key> {
    state: Arc<Mutex<State<K>>>,
    key: K,
    id: u64,
}

impl<K: Key> FairQueue<K> {
    pub fn new(limits: QueueLimits) -> Self {
        let state = State {
            idle_workers: limits.workers,
            waiting: 0,
            keys: HashMap::new(),
            turns: VecDeque::new(),
            next_id: 0,
        };
        Self { limits, state: Arc::new(Mutex::new(state)) }
    }

    /// Runs `job` on a blocking thread when it is the turn of `key`. A job that has started runs to its end, even
    /// if the caller goes away; one that waits is then dropped.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if too many jobs wait.
    pub async fn run<T: Send + 'static>(
        &self,
        key: K,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (place, start) = self.enter(key)?;
        start.await.map_err(|_| Error::Overloaded)?;
        let job = move || {
            let result = job();
            drop(place);
            result
        };
        tokio::task::spawn_blocking(job).await.map_err(Error::internal)
    }

    /// How many jobs run and wait now.
    pub fn size(&self) -> QueueSize {
        let state = lock(&self.state);
        QueueSize { running: self.limits.workers - state.idle_workers, waiting: state.waiting }
    }

    /// Adds a job to the queue, and starts it if it is its turn.
    fn enter(&self, key: K) -> Result<(Place<K>, oneshot::Receiver<()>)> {
        let mut state = lock(&self.state);
        let of_key = state.keys.get(&key).map_or(0, |key| key.waiting.len());
        // A job that can start at once does not wait.
        let starts = state.idle_workers > 0 && !state.keys.contains_key(&key);
        if !starts && of_key >= self.limits.waiting_per_key {
            return Err(Error::Overloaded);
        }
        if !starts && state.waiting >= self.limits.waiting && !state.displace(of_key + 1) {
            return Err(Error::Overloaded);
        }
        let id = state.next_id;
        state.next_id += 1;
        let (start, started) = oneshot::channel();
        let entry = state.keys.entry(key).or_default();
        entry.waiting.push_back(Waiter { id, start });
        if entry.running.is_none() && entry.waiting.len() == 1 {
            state.turns.push_back(key);
        }
        state.waiting += 1;
        state.start_jobs();
        Ok((Place { state: Arc::clone(&self.state), key, id }, started))
    }
}

impl<K: Key> State<K> {
    /// Starts waiting jobs while workers are idle.
    fn start_jobs(&mut self) {
        while self.idle_workers > 0
            && let Some(key) = self.turns.pop_front()
        {
            let Some(entry) = self.keys.get_mut(&key) else { continue };
            let Some(waiter) = entry.waiting.pop_front() else { continue };
            entry.running = Some(waiter.id);
            self.idle_workers -= 1;
            self.waiting -= 1;
            // This fails if the caller no longer waits. The caller then drops its place, which ends the job.
            waiter.start.send(()).ok();
        }
    }

    /// Removes the newest waiting job of the key with the most, if that key has more than `fewer` waiting
    /// jobs. Returns whether it did.
    fn displace(&mut self, fewer: usize) -> bool {
        let longest = self.keys.iter().max_by_key(|(_, entry)| entry.waiting.len());
        let Some((&key, newest)) = longest.and_then(|(key, entry)| Some((key, entry.waiting.back()?.id)))
        else {
            return false;
        };
        let length = self.keys.get(&key).map_or(0, |entry| entry.waiting.len());
        length > fewer && self.remove_waiting(key, newest)
    }

    /// Removes a waiting job. Returns whether it was waiting.
    fn remove_waiting(&mut self, key: K, id: u64) -> bool {
        let Some(entry) = self.keys.get_mut(&key) else { return false };
        let Some(index) = entry.waiting.iter().position(|waiter| waiter.id == id) else { return false };
        entry.waiting.remove(index);
        self.waiting -= 1;
        if entry.waiting.is_empty() && entry.running.is_none() {
            self.keys.remove(&key);
            self.turns.retain(|turn| *turn != key);
        }
        true
    }

    /// Ends a running job. Its key goes to the end of the round if it has more.
    fn end(&mut self, key: K, id: u64) {
        let Some(entry) = self.keys.get_mut(&key).filter(|entry| entry.running == Some(id)) else { return };
        entry.running = None;
        if entry.waiting.is_empty() {
            self.keys.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        self.idle_workers += 1;
        self.start_jobs();
    }
}

impl<K: Key> Drop for Place<K> {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if !state.remove_waiting(self.key, self.id) {
            state.end(self.key, self.id);
        }
    }
}

fn lock<K>(state: &Mutex<State<K>>) -> MutexGuard<'_, State<K>> {
    // No code that holds this lock can panic while it changes the state.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    type Queue = FairQueue<u32>;

    fn queue(workers: usize, waiting_per_key: usize, waiting: usize) -> Queue {
        FairQueue::new(QueueLimits { workers, waiting_per_key, waiting })
    }

    /// A job that the test starts and ends itself.
    struct Job {
        place: Place<u32>,
        start: oneshot::Receiver<()>,
        is_running: bool,
    }

    fn enter(queue: &Queue, key: u32) -> Result<Job> {
        queue.enter(key).map(|(place, start)| Job { place, start, is_running: false })
    }

    impl Job {
        /// Whether the job has started; `None` if it was displaced.
        fn has_started(&mut self) -> Option<bool> {
            if !self.is_running {
                match self.start.try_recv() {
                    Ok(()) => self.is_running = true,
                    Err(TryRecvError::Empty) => {}
                    Err(TryRecvError::Closed) => return None,
                }
            }
            Some(self.is_running)
        }
    }

    #[test]
    fn a_greedy_key_delays_another_by_one_round() {
        for workers in 1..=4 {
            let queue = queue(workers, 1000, 2000);
            let mut greedy: VecDeque<_> = (0..1000).map(|_| enter(&queue, 1).unwrap()).collect();
            let mut other = enter(&queue, 2).unwrap();
            let mut ended = 0;
            while other.has_started() == Some(false) {
                assert_eq!(greedy.front_mut().unwrap().has_started(), Some(true));
                greedy.pop_front();
                ended += 1;
            }
            assert!(ended <= workers + 1, "{ended} jobs first, with {workers} workers");
        }
    }

    #[test]
    fn a_scripted_client_cannot_starve_others() {
        // As many networks as one attacker may have, each with as many jobs as it may have.
        let (networks, limits) = (60, QueueLimits { workers: 2, waiting_per_key: 64, waiting: 512 });
        let queue = FairQueue::new(limits);
        let mut jobs: Vec<_> =
            (0..64).flat_map(|_| 0..networks).filter_map(|key| enter(&queue, key).ok()).collect();
        assert_eq!(queue.size(), QueueSize { running: 2, waiting: 512 });
        let mut honest = enter(&queue, 1000).expect("the clients that filled the queue displace themselves");
        assert_eq!(queue.size().waiting, 512);
        let mut ended = 0;
        while honest.has_started() == Some(false) {
            jobs.retain_mut(|job| job.has_started().is_some());
            let running = jobs.iter_mut().position(|job| job.has_started() == Some(true)).unwrap();
            jobs.remove(running);
            ended += 1;
        }
        assert!(ended <= networks, "{ended} jobs first");
    }

    #[test]
    fn a_key_has_one_running_job_and_a_bounded_number_of_waiting_ones() {
        let queue = queue(2, 3, 4);
        let mut jobs: Vec<_> = (0..4).map(|_| enter(&queue, 1).unwrap()).collect();
        assert_eq!(queue.size(), QueueSize { running: 1, waiting: 3 });
        assert!(matches!(enter(&queue, 1), Err(Error::Overloaded)), "the key is full");
        // Another key starts at once.
        let mut other = enter(&queue, 2).unwrap();
        assert_eq!(other.has_started(), Some(true));
        let _waiting = enter(&queue, 2).unwrap();
        // The queue is full: a key with fewer jobs displaces the newest of the key with the most.
        let _third = enter(&queue, 3).unwrap();
        assert_eq!(jobs[3].has_started(), None);
        assert_eq!(jobs[2].has_started(), Some(false));
        assert_eq!(queue.size(), QueueSize { running: 2, waiting: 4 });
        // Nobody has more than one job more than the next.
        let _fourth = enter(&queue, 4);
        assert!(matches!(enter(&queue, 5), Err(Error::Overloaded)), "the queue is full");
    }

    /// Random arrivals, ends and drops. Each started job is the oldest of its key, and no key waits for more
    /// rounds than there are keys before it.
    #[test]
    fn nothing_is_lost_and_the_bounds_hold() {
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            let limits = QueueLimits {
                workers: random.random_range(1..4),
                waiting_per_key: random.random_range(1..6),
                waiting: random.random_range(1..12),
            };
            let queue = FairQueue::new(limits);
            let mut jobs: BTreeMap<u64, Job> = BTreeMap::new();
            for _ in 0..300 {
                if random.random_bool(0.5) {
                    if let Ok(job) = enter(&queue, random.random_range(0..5)) {
                        jobs.insert(job.place.id, job);
                    }
                } else if !jobs.is_empty() {
                    // Ends a running job, or drops a waiting one.
                    let index = random.random_range(0..jobs.len());
                    let id = *jobs.keys().nth(index).unwrap();
                    jobs.remove(&id);
                }
                jobs.retain(|_, job| job.has_started().is_some());
                let (mut running, mut waiting) = (BTreeMap::new(), BTreeMap::<u32, Vec<u64>>::new());
                for (id, job) in &mut jobs {
                    if job.has_started() == Some(true) {
                        assert!(
                            running.insert(job.place.key, *id).is_none(),
                            "seed {seed}: two jobs of a key"
                        );
                    } else {
                        waiting.entry(job.place.key).or_default().push(*id);
                    }
                }
                let waiting_jobs = waiting.values().map(Vec::len).sum();
                assert_eq!(
                    queue.size(),
                    QueueSize { running: running.len(), waiting: waiting_jobs },
                    "{seed}"
                );
                assert!(running.len() <= limits.workers && waiting_jobs <= limits.waiting, "seed {seed}");
                assert!(waiting.values().all(|ids| ids.len() <= limits.waiting_per_key), "seed {seed}");
                for (key, ids) in &waiting {
                    assert!(running.get(key).is_none_or(|id| id < &ids[0]), "seed {seed}: out of order");
                    // No worker is idle while a job could run.
                    assert!(running.len() == limits.workers || running.contains_key(key), "seed {seed}");
                }
            }
            drop(jobs);
            assert_eq!(queue.size(), QueueSize { running: 0, waiting: 0 });
            assert!(lock(&queue.state).keys.is_empty() && lock(&queue.state).turns.is_empty());
        }
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_frees_its_place_and_a_panic_ends_its_job() {
        let queue = queue(1, 2, 2);
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let mut first = Box::pin(queue.run(1, move || blocked.recv()));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(queue.run(1, || 2));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert_eq!(queue.size(), QueueSize { running: 1, waiting: 1 });
        drop(second);
        assert_eq!(queue.size(), QueueSize { running: 1, waiting: 0 });
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert!(matches!(queue.run(1, || panic!("a job")).await, Err::<(), _>(Error::Internal(_))));
        assert_eq!(queue.run(1, || 3).await.unwrap(), 3);
        assert_eq!(queue.size(), QueueSize { running: 0, waiting: 0 });
    }
}
