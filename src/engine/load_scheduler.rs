//! Runs the data loaders of a request on the task of the request.
//!
//! A load should start only when all resolvers that need the same kind of data have asked for it. That is the
//! case when the execution cannot make progress. So the scheduler polls the execution first, and polls the
//! loads only if the execution is pending. A page of 100 gigs then takes as many statements as a page of 2.
//! (The library starts loads by a timer on another thread, which can fire when only some of the resolvers
//! have asked.)

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::task::FutureObj;
use tokio::sync::mpsc;

use crate::graphql::load_spawner::LoadSpawner;

/// The loads of one request.
pub struct LoadScheduler {
    queued: mpsc::UnboundedReceiver<FutureObj<'static, ()>>,
    running: FuturesUnordered<FutureObj<'static, ()>>,
}

impl LoadScheduler {
    pub fn new() -> (LoadSpawner, Self) {
        let (spawner, queued) = mpsc::unbounded_channel();
        (LoadSpawner(spawner), Self { queued, running: FuturesUnordered::new() })
    }

    /// Runs `execution` to its end, and the loads that it spawns.
    pub async fn drive<F: Future>(&mut self, execution: F) -> F::Output {
        let mut execution = pin!(execution);
        poll_fn(|task| {
            if let Poll::Ready(output) = execution.as_mut().poll(task) {
                return Poll::Ready(output);
            }
            while let Poll::Ready(Some(load)) = self.queued.poll_recv(task) {
                self.running.push(load);
            }
            // A load that completes wakes the resolvers that wait for it, which wakes this task.
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(task) {}
            Poll::Pending
        })
        .await
    }
}
