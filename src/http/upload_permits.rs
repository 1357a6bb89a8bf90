//! Limits how much memory the files of uploads take, for each person and in all.
//!
//! A permit counts the bytes of a request's body. It is held by the files themselves, and so for as long as
//! they are in memory: while they are received, while they wait to be decoded, and until the last copy is
//! dropped, even if the client has disconnected meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weak_table::WeakValueHashMap;

use crate::domain::id::UserId;

const MEBIBYTE: usize = 1024 * 1024;

/// The unit of the semaphores.
const UNIT_BYTES: usize = 1024;

/// Bytes of all uploads together.
const TOTAL_BYTES: usize = 192 * MEBIBYTE;

/// Bytes of the uploads of one person: two of the largest size.
const PERSON_BYTES: usize = 36 * MEBIBYTE;

/// The permits in use. Those who wait are served in their order.
pub struct UploadPermits {
    all: Arc<Semaphore>,
    by_person: Mutex<WeakValueHashMap<UserId, Weak<Semaphore>>>,
    /// How many uploads wait for those of others.
    waiting: AtomicUsize,
}

/// An upload that waits for those of others, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts as some bytes of uploads until it is dropped.
#[derive(Debug)]
pub struct UploadPermit {
    bytes: usize,
    _of_person: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Default for UploadPermits {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(TOTAL_BYTES / UNIT_BYTES)),
            by_person: Mutex::new(WeakValueHashMap::new()),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl UploadPermits {
    /// Waits until a person may upload so many bytes. More than the maximum of a person count as that.
    pub async fn acquire(&self, person: UserId, bytes: usize) -> UploadPermit {
        let units = u32::try_from(bytes.min(PERSON_BYTES).div_ceil(UNIT_BYTES)).expect("it fits");
        // First the person's own: someone who waits for these takes nothing from others.
        let of_person = acquire(self.of_person(person), units).await;
        let waiting = Waiting::new(&self.waiting);
        let of_all = acquire(Arc::clone(&self.all), units).await;
        drop(waiting);
        UploadPermit { bytes, _of_person: of_person, _of_all: of_all }
    }

    /// Whether an upload waits for those of others.
    pub fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    fn of_person(&self, person: UserId) -> Arc<Semaphore> {
        // Nothing that holds this lock can panic in the middle of a change.
        let mut by_person = self.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = by_person.get(&person) {
            return semaphore;
        }
        let semaphore = Arc::new(Semaphore::new(PERSON_BYTES / UNIT_BYTES));
        by_person.insert(person, Arc::clone(&semaphore));
        semaphore
    }
}

async fn acquire(semaphore: Arc<Semaphore>, units: u32) -> OwnedSemaphorePermit {
    semaphore.acquire_many_owned(units).await.expect("the semaphore is never closed")
}

/// The content of a file, and the permit of its request.
struct FileContent {
    bytes: Vec<u8>,
    _permit: Arc<UploadPermit>,
}

impl AsRef<[u8]> for FileContent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl UploadPermit {
    /// The number of bytes of the request.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The content of a file that holds the permit.
    pub fn hold(self: &Arc<Self>, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(FileContent { bytes, _permit: Arc::clone(self) })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const LARGEST: usize = 18 * MEBIBYTE;

    fn is_free(permits: &UploadPermits, person: UserId) -> bool {
        permits.acquire(person, LARGEST).now_or_never().is_some()
    }

    #[tokio::test]
    async fn one_person_cannot_take_all_permits_and_files_hold_theirs() {
        let permits = UploadPermits::default();
        let person = |number: u128| UserId::from_uuid(uuid::Uuid::from_u128(number));
        let first = Arc::new(permits.acquire(person(1), LARGEST).await);
        let second = permits.acquire(person(1), LARGEST).await;
        assert!(!is_free(&permits, person(1)) && is_free(&permits, person(2)));
        let file = first.hold(vec![7; 3]);
        let copy = file.clone();
        drop((first, file));
        assert!(!is_free(&permits, person(1)), "a copy of the file is left");
        assert_eq!(copy.as_ref(), [7, 7, 7]);
        drop(copy);
        assert!(is_free(&permits, person(1)));
        drop(second);
        // All persons together have a maximum, and small uploads take less of it.
        let mut held = Vec::new();
        for number in 1..=10 {
            held.push(permits.acquire(person(number), LARGEST).await);
        }
        assert!(!is_free(&permits, person(11)) && !permits.has_waiting());
        assert!(permits.acquire(person(11), MEBIBYTE).now_or_never().is_some());
        let mut waiting = std::pin::pin!(permits.acquire(person(11), LARGEST));
        assert!(waiting.as_mut().now_or_never().is_none() && permits.has_waiting());
        drop(held);
        drop(waiting.await);
        assert!(!permits.has_waiting());
        assert_eq!(permits.all.available_permits(), TOTAL_BYTES / UNIT_BYTES);
    }
}
