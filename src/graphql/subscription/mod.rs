//! What is told as it happens.
//!
//! Each root field begins a stream of `live`, says how its events are shown, and leaves both to be followed from
//! outside ([`following`](super::following)). The events of a stream come each once and in order; their `cursor`
//! begins another stream behind them.

mod gig_published;
mod gig_status;
mod review_queue;
mod verification_status;

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{
    Context, ContextSelectionSet, Enum, Interface, MergedSubscription, OutputType, Positioned, ServerResult,
    Value,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{Empty, empty};

use super::context::Ask;
use super::error::Result;
use super::scalar::DateTime;
use crate::domain::event::{Event as Happened, Topic};
use crate::domain::user::Viewer;
use crate::live::stream::{self, EventStream};
use crate::service::Services;

pub use super::following::{Deposit, SharedBy};

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
    pub(super) async fn resolve(
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

/// Shows an event of the log as one of its subscription's; `None` leaves it out.
pub type Show = Arc<dyn Fn(Arc<Services>, stream::Delivery, Arc<Happened>) -> Shown + Send + Sync>;

type Shown = BoxFuture<'static, Result<Option<Event>>>;

/// What a subscription's root field has begun. It leaves this to be followed from outside, where many can share what
/// is the same for them, and its own stream is empty.
pub struct Begun {
    pub topic: Topic,
    pub stream: EventStream,
    /// What it begins with: a snapshot as of a position.
    pub first: Option<(i64, Event)>,
    pub shared_by: SharedBy,
    /// Whether the viewer may have it as a reviewer alone.
    pub by_role: bool,
    show: Option<Show>,
}

impl Begun {
    /// What shows its events.
    pub fn take_show(&mut self) -> Show {
        self.show.take().expect("it is taken once")
    }
}

/// Begins a stream of the topic: of everything behind `after`, or behind what the client's browser has; or, without, of
/// what happens from now on.
///
/// # Errors
/// INVALID_CURSOR, CURSOR_EXPIRED; where the database is away.
async fn begin<F, S>(
    ctx: &Context<'_>,
    (topic, shared_by): (Topic, SharedBy),
    after: Option<&str>,
    show: F,
) -> Result<Begun>
where
    F: Fn(Arc<Services>, stream::Delivery, Arc<Happened>) -> S + Send + Sync + 'static,
    S: Future<Output = Result<Option<Event>>> + Send + 'static,
{
    let streams = &ctx.services().streams;
    let stream = match ctx.last_event_id().or(after) {
        Some(after) => streams.resume(topic, after).await?,
        None => streams.live(topic),
    };
    let show: Show = Arc::new(move |services, delivery, event| show(services, delivery, event).boxed());
    Ok(Begun { topic, stream, first: None, shared_by, by_role: false, show: Some(show) })
}

/// Whether the client has been here before, and resumes.
fn resumes(ctx: &Context<'_>, after: Option<&str>) -> bool {
    after.is_some() || ctx.last_event_id().is_some()
}

/// Those who are asked for by one session alone.
fn of_session(viewer: &Viewer) -> SharedBy {
    SharedBy::Session(viewer.session_id, viewer.role)
}

/// The stream of a root field: what it tells is told from outside.
fn left<T>(ctx: &Context<'_>, begun: Begun) -> Empty<Result<T>> {
    ctx.leave(begun);
    empty()
}
