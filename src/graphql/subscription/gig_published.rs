//! `gigPublished`.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Subscription};
use futures_util::Stream;

use crate::domain::event::{EventBody, Topic};
use crate::domain::gig_filter::GigFilter as Filter;
use crate::domain::id::GigId;
use crate::graphql::context::{Audience, ContextExt};
use crate::graphql::error::{Result, nullable};
use crate::graphql::inputs::gig_filter::GigFilter;
use crate::graphql::subscription::source::hand_over;
use crate::graphql::subscription::{Delivery, Event, filter_scope, open_source};
use crate::graphql::types::gig::Gig;
use crate::graphql::types::node::public_id;
use crate::graphql::types::scalar::DateTime;
use crate::store;
use crate::store::{DatabaseTime, gigs, users};

/// A gig has become ACTIVE, for the first time or again.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GigPublishedEvent {
    /// The position of the event in the log. Give it as `after` to resume after this event.
    #[graphql(owned)]
    pub cursor: String,
    /// Whether this is a new event, an earlier one from the log, or a snapshot of the current state.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When the gig became ACTIVE.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The id of the gig.
    gig_id: ID,
    #[graphql(skip)]
    gig_row_id: GigId,
}

#[ComplexObject]
impl GigPublishedEvent {
    /// The current state of the gig, which may be newer than the event; null if the viewer may not see it any
    /// more.
    async fn gig(&self, ctx: &Context<'_>) -> Option<Result<Gig>> {
        nullable(Gig::load_current(ctx, self.gig_row_id)).await
    }
}

#[derive(Default)]
pub struct GigPublishedSubscription;

#[Subscription]
impl GigPublishedSubscription {
    /// Gigs that become ACTIVE. Everybody can subscribe.
    async fn gig_published(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only gigs that match this filter when the event is sent. A gig that is no longer ACTIVE \
                    at that time does not match.",
            name = "where"
        )]
        filter: Option<GigFilter>,
        #[graphql(
            desc = "Start with the events after this cursor, from an event or from `Query.eventCursor`. \
                    INVALID_CURSOR if it is malformed, CURSOR_EXPIRED if the event log no longer has the \
                    events after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<GigPublishedEvent>>> {
        let audience = if ctx.viewer()?.is_some() { Audience::SignedIn } else { Audience::Anonymous };
        let filter = match filter {
            Some(filter) => Some(Arc::new(filter.parse(ctx).await?)),
            None => None,
        };
        let fanout = (Topic::PublishedGigs, filter_scope(audience, filter.as_ref()));
        let source = open_source(ctx, fanout, after.as_deref(), move |services, delivery, event| {
            let filter = filter.clone();
            async move {
                let EventBody::GigStatus { gig_id, .. } = event.body else { return Ok(None) };
                if let Some(filter) = &filter
                    && !matches(
                        &services.db.reader(audience.reader_kind(), DatabaseTime::default()),
                        filter,
                        gig_id,
                    )
                    .await?
                {
                    return Ok(None);
                }
                Ok(Some(Event::GigPublished(GigPublishedEvent {
                    cursor: services.streams.cursor(event.position).encode(),
                    delivery: delivery.into(),
                    occurred_at: event.occurred_at.into(),
                    gig_id: public_id(gig_id),
                    gig_row_id: gig_id,
                })))
            }
        });
        Ok(hand_over(ctx, source.await?))
    }
}

/// Whether the gig is ACTIVE now and matches the filter.
async fn matches(db: &store::Reader, filter: &Filter, gig_id: GigId) -> Result<bool> {
    let Some(gig) = gigs::find_visible(db, None, gig_id).await? else { return Ok(false) };
    let seller = users::find_all(db, &[gig.seller_id]).await?;
    Ok(seller.first().is_some_and(|seller| filter.matches(&gig, seller)))
}
