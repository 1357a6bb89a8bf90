//! Runs the loads of a request beside it, on its own task.
//!
//! A load must begin when every resolver that can ask for its kind has asked, and that is when the request's
//! execution can go no further. So loads are polled right after it, whenever it waits: a page of a hundred
//! takes as many statements as a page of two, however fast the machine is. (A timer on another thread, as
//! the library has it, may fire while half of a long page has asked.)

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::task::FutureObj;
use tokio::sync::mpsc;

use crate::graphql::load_spawner::LoadSpawner;

/// The loads that one request has under way.
pub struct LoadScheduler {
    waiting: mpsc::UnboundedReceiver<FutureObj<'static, ()>>,
    running: FuturesUnordered<FutureObj<'static, ()>>,
}

impl LoadScheduler {
    pub fn new() -> (LoadSpawner, Self) {
        let (begin, waiting) = mpsc::unbounded_channel();
        (LoadSpawner(begin), Self { waiting, running: FuturesUnordered::new() })
    }

    /// Runs `execution` to its end, and beside it the loads that it begins.
    pub async fn drive<F: Future>(&mut self, execution: F) -> F::Output {
        let mut execution = pin!(execution);
        poll_fn(|task| {
            if let Poll::Ready(output) = execution.as_mut().poll(task) {
                return Poll::Ready(output);
            }
            while let Poll::Ready(Some(load)) = self.waiting.poll_recv(task) {
                self.running.push(load);
            }
            // A load that ends wakes who waits for it, and with that this task.
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(task) {}
            Poll::Pending
        })
        .await
    }
}
