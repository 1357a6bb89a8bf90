//! The root type `Subscription`: one file per field.
//!
//! A root field opens a stream of the event log, says how to convert its events, and hands both over to the
//! engine ([`source`]). A subscriber receives each event once and in order. To resume after an event, the
//! client gives the event's `cursor` as `after`.
//!
//! To add a subscription: its event in `domain::event` with a topic, a file here with the event type and the
//! root field, a variant of [`Event`], the field's name in `authorization::table` and its cases in
//! `tests/api/authorization.rs`; then `make schema`.

mod catalogue;
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
use crate::domain::gig_filter::GigFilter;
use crate::domain::user::Viewer;
use crate::events::selection::Selection;
use crate::events::stream;
use crate::graphql::context::{Audience, ContextExt};
use crate::graphql::error::Result;
use crate::graphql::subscription::source::{EventResolver, FanoutScope, SubscriptionSource};
use crate::graphql::types::scalar::DateTime;
use crate::service::Services;

use catalogue::{CatalogueEvent, CatalogueSubscription};
use gig_published::{GigPublishedEvent, GigPublishedSubscription};
use gig_status::{GigStatusEvent, GigStatusSubscription};
use review_queue::{ReviewQueueEvent, ReviewQueueSubscription};
use verification_status::{VerificationStatusEvent, VerificationStatusSubscription};

/// All subscriptions. A subscriber receives each event once and in order.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    GigStatusSubscription,
    VerificationStatusSubscription,
    GigPublishedSubscription,
    ReviewQueueSubscription,
    CatalogueSubscription,
);

/// How an event reaches the subscriber.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "stream::Delivery")]
pub enum Delivery {
    /// Not an event: the current state of the subject when the subscription starts.
    Snapshot,
    /// Read from the event log: it happened before the subscription started, or the client was too slow to receive it
    /// live.
    Replay,
    /// Sent as it happened.
    Live,
}

/// An event of a subscription.
#[derive(Interface)]
#[graphql(
    field(
        name = "cursor",
        ty = "String",
        desc = "The position of the event in the log. Give it as `after` to resume after this event."
    ),
    field(
        name = "delivery",
        ty = "Delivery",
        desc = "Whether this is a new event, an earlier one from the log, or a snapshot of the current state."
    ),
    field(
        name = "occurred_at",
        ty = "DateTime",
        desc = "When it happened. For a SNAPSHOT, when it was taken."
    )
)]
pub enum Event {
    Catalogue(CatalogueEvent),
    GigStatus(GigStatusEvent),
    GigPublished(GigPublishedEvent),
    ReviewQueue(ReviewQueueEvent),
    VerificationStatus(VerificationStatusEvent),
}

impl Event {
    /// Resolves the selected fields of the event.
    ///
    /// # Errors
    /// The error of the first field that failed and may not be null.
    pub async fn resolve(
        &self,
        selected: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        match self {
            Self::Catalogue(event) => event.resolve(selected, field).await,
            Self::GigStatus(event) => event.resolve(selected, field).await,
            Self::GigPublished(event) => event.resolve(selected, field).await,
            Self::ReviewQueue(event) => event.resolve(selected, field).await,
            Self::VerificationStatus(event) => event.resolve(selected, field).await,
        }
    }
}

/// Opens a stream of the topic. It starts after the cursor in `Last-Event-ID` or `after` or, without either,
/// with new events.
///
/// # Errors
/// INVALID_CURSOR if the cursor is malformed, CURSOR_EXPIRED if the log no longer has the events after it.
async fn open_source<F, S>(
    ctx: &Context<'_>,
    fanout: (Topic, FanoutScope),
    after: Option<&str>,
    resolve: F,
) -> Result<SubscriptionSource>
where
    F: Fn(Arc<Services>, stream::Delivery, Arc<LogEvent>) -> S + Send + Sync + 'static,
    S: Future<Output = Result<Option<Event>>> + Send + 'static,
{
    open_selected_source(ctx, fanout, Selection::default(), after, resolve).await
}

/// Opens a stream of the selected events of the topic, like [`open_source`].
///
/// # Errors
/// Those of [`open_source`].
async fn open_selected_source<F, S>(
    ctx: &Context<'_>,
    (topic, fanout_scope): (Topic, FanoutScope),
    selection: Selection,
    after: Option<&str>,
    resolve: F,
) -> Result<SubscriptionSource>
where
    F: Fn(Arc<Services>, stream::Delivery, Arc<LogEvent>) -> S + Send + Sync + 'static,
    S: Future<Output = Result<Option<Event>>> + Send + 'static,
{
    let streams = &ctx.services().streams;
    let stream = match ctx.last_event_id().or(after) {
        Some(after) => streams.resume_selected(topic, selection, after).await?,
        None => streams.live_selected(topic, selection),
    };
    let resolver: EventResolver =
        Arc::new(move |services, delivery, event| resolve(services, delivery, event).boxed());
    Ok(SubscriptionSource {
        topic,
        stream,
        first: None,
        fanout_scope,
        requires_reviewer: false,
        resolver: Some(resolver),
    })
}

/// Whether the client gives a cursor to resume after.
fn is_resuming(ctx: &Context<'_>, after: Option<&str>) -> bool {
    after.is_some() || ctx.last_event_id().is_some()
}

/// The scope of a subscription to gigs that match a filter, if there is one.
fn filter_scope(audience: Audience, filter: Option<&Arc<GigFilter>>) -> FanoutScope {
    filter.map_or(FanoutScope::All(audience), |filter| FanoutScope::Matching(audience, Arc::clone(filter)))
}

/// The scope of a subscription whose events only one session gets.
fn session_scope(viewer: &Viewer) -> FanoutScope {
    FanoutScope::Session(viewer.session_id, viewer.role)
}
