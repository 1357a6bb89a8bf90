//! What is told as it happens.
//!
//! Each root field begins a stream of `live`, says how its events are shown, and leaves both to be followed from
//! outside ([`following`](crate::engine::delivery)). The events of a stream come each once and in order; their `cursor`
//! begins another stream behind them.

mod gig_published;
mod gig_status;
mod review_queue;
pub mod source;
mod verification_status;

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{
    Context, ContextSelectionSet, Enum, Interface, MergedSubscription, OutputType, Positioned, ServerResult,
    Value,
};
use futures_util::FutureExt;

use crate::domain::event::{Event as LogEvent, Topic};
use crate::domain::user::Viewer;
use crate::events::stream;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::subscription::source::{EventResolver, FanoutScope, SubscriptionSource};
use crate::graphql::types::scalar::DateTime;
use crate::service::Services;

use gig_published::{GigPublishedEvent, GigPublishedSubscription};
use gig_status::{GigStatusEvent, GigStatusSubscription};
use review_queue::{ReviewQueueEvent, ReviewQueueSubscription};
use verification_status::{VerificationStatusEvent, VerificationStatusSubscription};

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

impl Event {
    /// What the client has selected of it.
    pub async fn resolve(
        &self,
        selected: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match self {
            Self::GigStatus(event) => event.resolve(selected, field).await,
            Self::GigPublished(event) => event.resolve(selected, field).await,
            Self::ReviewQueue(event) => event.resolve(selected, field).await,
            Self::VerificationStatus(event) => event.resolve(selected, field).await,
        }
    }
}

/// Begins a stream of the topic: of everything behind `after`, or behind what the client's browser has; or, without, of
/// what happens from now on.
///
/// # Errors
/// INVALID_CURSOR, CURSOR_EXPIRED; where the database is away.
async fn begin<F, S>(
    ctx: &Context<'_>,
    (topic, shared_by): (Topic, FanoutScope),
    after: Option<&str>,
    show: F,
) -> Result<SubscriptionSource>
where
    F: Fn(Arc<Services>, stream::Delivery, Arc<LogEvent>) -> S + Send + Sync + 'static,
    S: Future<Output = Result<Option<Event>>> + Send + 'static,
{
    let streams = &ctx.services().streams;
    let stream = match ctx.last_event_id().or(after) {
        Some(after) => streams.resume(topic, after).await?,
        None => streams.live(topic),
    };
    let show: EventResolver =
        Arc::new(move |services, delivery, event| show(services, delivery, event).boxed());
    Ok(SubscriptionSource { topic, stream, first: None, shared_by, by_role: false, show: Some(show) })
}

/// Whether the client has been here before, and resumes.
fn resumes(ctx: &Context<'_>, after: Option<&str>) -> bool {
    after.is_some() || ctx.last_event_id().is_some()
}

/// Those who are asked for by one session alone.
fn of_session(viewer: &Viewer) -> FanoutScope {
    FanoutScope::Session(viewer.session_id, viewer.role)
}
