//! Tasks that pause and resume gigs, and retry through outages until each change has happened exactly once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Client, error_codes};
use super::documents::{GIG, PAUSE_GIG, RESUME_GIG};

/// Time limit of a wait.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Pause before a retry.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// A gig that a writer pauses and resumes, with the client of its seller.
pub struct ToggledGig {
    client: Client,
    id: String,
    version: i64,
    is_active: bool,
}

/// Several writers, each with its own gigs. They stop when dropped.
pub struct GigWriters {
    progress: Arc<Progress>,
    tasks: JoinSet<()>,
}

/// How many changes are allowed, and how many are done.
struct Progress {
    allowed: Semaphore,
    done: AtomicUsize,
}

impl GigWriters {
    /// Starts a writer for each list of gigs. They wait for [`allow_changes`](Self::allow_changes).
    pub fn start(lists: Vec<Vec<ToggledGig>>) -> Self {
        let progress = Arc::new(Progress { allowed: Semaphore::new(0), done: AtomicUsize::new(0) });
        let mut tasks = JoinSet::new();
        for gigs in lists {
            tasks.spawn(write(gigs, Arc::clone(&progress)));
        }
        Self { progress, tasks }
    }

    /// Allows this many more changes.
    pub fn allow_changes(&self, changes: usize) {
        self.progress.allowed.add_permits(changes);
    }

    /// Waits until this many changes are done, counted from the start.
    pub async fn wait_for_changes(&mut self, changes: usize) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(ended) = self.tasks.try_join_next() {
                ended.expect("a writer does not fail");
            }
            let done = self.progress.done.load(Ordering::SeqCst);
            if done >= changes {
                return;
            }
            assert!(Instant::now() < deadline, "only {done} of {changes} changes within {TIMEOUT:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn write(mut gigs: Vec<ToggledGig>, progress: Arc<Progress>) {
    for next in (0..gigs.len()).cycle() {
        progress.allowed.acquire().await.expect("never closed").forget();
        gigs[next].toggle().await;
        progress.done.fetch_add(1, Ordering::SeqCst);
    }
}

impl ToggledGig {
    /// A gig that was just approved: it is ACTIVE, and its version is 2.
    pub fn approved(client: Client, id: String) -> Self {
        Self { client, id, version: 2, is_active: true }
    }

    /// Pauses or resumes the gig exactly once, with as many tries as necessary.
    async fn toggle(&mut self) {
        let mutation = if self.is_active { PAUSE_GIG } else { RESUME_GIG };
        let next = self.version + 1;
        let mut is_retry = false;
        while !self.try_change(next, mutation, is_retry).await {
            is_retry = true;
            tokio::time::sleep(RETRY_DELAY).await;
        }
        self.version = next;
        self.is_active = !self.is_active;
    }

    /// Tries once. Returns whether the gig has this version now. An earlier try may have succeeded without a
    /// response.
    async fn try_change(&self, version: i64, mutation: &str, is_retry: bool) -> bool {
        if is_retry {
            let Some(gig) = self.execute(GIG).await else { return false };
            if gig["version"] == version {
                return true;
            }
            assert_eq!(gig["version"], version - 1, "only this writer changes the gig");
        }
        let Some(payload) = self.execute(mutation).await else { return false };
        if payload["errors"] == json!([]) {
            assert_eq!(payload["gig"]["version"], version);
            return true;
        }
        // An earlier try was still running and has succeeded meanwhile.
        assert!(is_retry, "{payload:#}");
        false
    }

    /// The only field of the data. `None` if the outcome is unknown.
    async fn execute(&self, query: &str) -> Option<Value> {
        let request = json!({ "query": query, "variables": { "id": self.id } });
        let response = self.client.post("/graphql").json(&request).send().await.ok()?;
        let mut body: Value = response.json().await.ok()?;
        let codes = error_codes(&body);
        assert!(codes.iter().all(|code| code == "SERVICE_UNAVAILABLE"), "{body:#}");
        if !codes.is_empty() {
            return None;
        }
        body["data"].as_object_mut()?.values_mut().next().map(Value::take)
    }
}
