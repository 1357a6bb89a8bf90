//! Sellers who pause and resume their gigs, one change after the other, through whatever happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Client, error_codes};
use super::documents::{GIG, PAUSE_GIG, RESUME_GIG};

/// What is waited for comes within this, or the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long to wait before trying again what was not answered.
const RETRY: Duration = Duration::from_millis(100);

/// A gig, and how its seller reaches it.
pub struct Held {
    client: Client,
    id: String,
    version: i64,
    active: bool,
}

/// Several writers, each with gigs of its own. They stop when dropped.
pub struct Writers {
    turns: Arc<Turns>,
    tasks: JoinSet<()>,
}

/// How many changes there may be, and how many there have been.
struct Turns {
    allowed: Semaphore,
    done: AtomicUsize,
}

impl Writers {
    /// A writer for each list. They wait until they may go on.
    pub fn start(lists: Vec<Vec<Held>>) -> Self {
        let turns = Arc::new(Turns { allowed: Semaphore::new(0), done: AtomicUsize::new(0) });
        let mut tasks = JoinSet::new();
        for gigs in lists {
            tasks.spawn(write(gigs, Arc::clone(&turns)));
        }
        Self { turns, tasks }
    }

    /// Allows so many changes more.
    pub fn allow_changes(&self, changes: usize) {
        self.turns.allowed.add_permits(changes);
    }

    /// Waits until so many changes have been made, counted from the start.
    pub async fn wait_for_changes(&mut self, changes: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ended) = self.tasks.try_join_next() {
                ended.expect("a writer goes on as long as it may");
            }
            let done = self.turns.done.load(Ordering::SeqCst);
            if done >= changes {
                return;
            }
            assert!(Instant::now() < deadline, "{done} changes of {changes} within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn write(mut gigs: Vec<Held>, turns: Arc<Turns>) {
    for next in (0..gigs.len()).cycle() {
        turns.allowed.acquire().await.expect("it is never closed").forget();
        gigs[next].change().await;
        turns.done.fetch_add(1, Ordering::SeqCst);
    }
}

impl Held {
    /// A gig as it was approved: ACTIVE, and of the second version.
    pub fn approved(client: Client, id: String) -> Self {
        Self { client, id, version: 2, active: true }
    }

    /// Pauses or resumes it, once, however many tries it takes.
    async fn change(&mut self) {
        let act = if self.active { PAUSE_GIG } else { RESUME_GIG };
        let next = self.version + 1;
        let mut in_doubt = false;
        while !self.has_changed_to(next, act, in_doubt).await {
            in_doubt = true;
            tokio::time::sleep(RETRY).await;
        }
        self.version = next;
        self.active = !self.active;
    }

    /// One try; whether the gig has that version now. What was tried before may have happened, though nobody said so.
    async fn has_changed_to(&self, version: i64, act: &str, in_doubt: bool) -> bool {
        if in_doubt {
            let Some(gig) = self.ask(GIG).await else { return false };
            if gig["version"] == version {
                return true;
            }
            assert_eq!(gig["version"], version - 1, "nobody else changes it");
        }
        let Some(payload) = self.ask(act).await else { return false };
        if payload["errors"] == json!([]) {
            assert_eq!(payload["gig"]["version"], version);
            return true;
        }
        // Then an earlier try, which was still under way, has done it by now.
        assert!(in_doubt, "{payload:#}");
        false
    }

    /// The one field of the answer; `None` where nobody can tell what became of it.
    async fn ask(&self, query: &str) -> Option<Value> {
        let body = json!({ "query": query, "variables": { "id": self.id } });
        let response = self.client.post("/graphql").json(&body).send().await.ok()?;
        let mut answer: Value = response.json().await.ok()?;
        let codes = error_codes(&answer);
        assert!(codes.iter().all(|code| code == "SERVICE_UNAVAILABLE"), "{answer:#}");
        if !codes.is_empty() {
            return None;
        }
        answer["data"].as_object_mut()?.values_mut().next().map(Value::take)
    }
}
