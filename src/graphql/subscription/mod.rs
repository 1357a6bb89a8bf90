//! What is told as it happens.
//!
//! Each subscription is a stream of `live`, with what its events show. The events of a stream come each
//! once and in order; their `cursor` begins another stream behind them.

mod gig_published;
mod gig_status;
mod review_queue;
mod verification_status;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Enum, Interface, MergedSubscription};
use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::error::Result;
use super::scalar::DateTime;
use crate::domain::event::{Event as Happened, Topic};
use crate::live::stream::{self, EventStream};
use crate::service::Services;
use crate::store;

use gig_published::{GigPublishedEvent, GigPublishedSubscription};
use gig_status::{GigStatusEvent, GigStatusSubscription};
use review_queue::{ReviewQueueEvent, ReviewQueueSubscription};
use verification_status::{VerificationStatusEvent, VerificationStatusSubscription};

/// How long a stream that must read the log waits, while the database is away, before it tries again.
const RETRY: Duration = Duration::from_millis(500);

/// What is told as it happens.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    GigStatusSubscription,
    VerificationStatusSubscription,
    GigPublishedSubscription,
    ReviewQueueSubscription,
);

/// How an event came to the subscriber.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "stream::Delivery")]
pub enum Delivery {
    /// Not an event: the subject as it stands where the stream begins.
    Snapshot,
    /// From the log: it happened before the stream began, or while the client was too slow.
    Replay,
    /// As it happened.
    Live,
}

/// Anything that a subscription tells.
#[derive(Interface)]
#[graphql(
    field(name = "cursor", ty = "String", desc = "Begins another stream behind this event, by `after:`."),
    field(name = "delivery", ty = "Delivery", desc = "How it came."),
    field(name = "occurred_at", ty = "DateTime", desc = "When it happened.")
)]
pub enum Event {
    GigStatus(GigStatusEvent),
    GigPublished(GigPublishedEvent),
    ReviewQueue(ReviewQueueEvent),
    VerificationStatus(VerificationStatusEvent),
}

/// A stream of the topic: of everything after `after`, or, without, of what happens from now on.
///
/// # Errors
/// INVALID_CURSOR, CURSOR_EXPIRED; where the database is away.
async fn open(services: &Services, topic: Topic, after: Option<&str>) -> Result<EventStream> {
    match after {
        Some(after) => Ok(services.streams.resume(topic, after).await?),
        None => Ok(services.streams.live(topic)),
    }
}

/// The events of the stream as `show` shows them; it leaves out those it shows as `None`.
fn events<T, F, Shown>(stream: EventStream, show: F) -> impl Stream<Item = Result<T>>
where
    F: Fn(Delivery, Arc<Happened>) -> Shown + Clone,
    Shown: Future<Output = Result<Option<T>>>,
{
    try_unfold(stream, move |mut stream| {
        let show = show.clone();
        async move {
            loop {
                let (delivery, event) = next(&mut stream).await?;
                if let Some(shown) = shown(|| show(delivery.into(), Arc::clone(&event))).await? {
                    return Ok(Some((shown, stream)));
                }
            }
        }
    })
}

/// What `show` makes of an event, however long the database is away meanwhile.
async fn shown<T, Shown>(show: impl Fn() -> Shown) -> Result<Option<T>>
where
    Shown: Future<Output = Result<Option<T>>>,
{
    loop {
        match show().await {
            Err(error) if error.is_unavailable() => tokio::time::sleep(RETRY).await,
            shown => return shown,
        }
    }
}

/// The next event, however long the database is away meanwhile.
async fn next(stream: &mut EventStream) -> Result<(stream::Delivery, Arc<Happened>)> {
    loop {
        match stream.next().await {
            Ok(next) => return Ok(next),
            Err(error) if store::is_unavailable(&error) => tokio::time::sleep(RETRY).await,
            Err(error) => return Err(error.into()),
        }
    }
}
