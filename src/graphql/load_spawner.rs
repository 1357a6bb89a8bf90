//! How the data loaders of a request start their loads.

use std::time::Duration;

use async_graphql::runtime::Timer;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use futures_util::task::{FutureObj, Spawn, SpawnError};
use tokio::sync::mpsc;

/// Hands loads to the scheduler of the request, which polls them beside the execution.
#[derive(Clone)]
pub struct LoadSpawner(pub mpsc::UnboundedSender<FutureObj<'static, ()>>);

impl Spawn for LoadSpawner {
    fn spawn_obj(&self, load: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        // Fails after the request has ended, since nobody receives then.
        self.0.send(load).map_err(|_| SpawnError::shutdown())
    }
}

/// A timer without delay. A load need not wait for more keys, since the scheduler polls it only when the
/// execution cannot make progress.
pub struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        future::ready(()).boxed()
    }
}
