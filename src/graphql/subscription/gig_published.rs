//! `gigPublished`.

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Subscription};
use futures_util::Stream;
use uuid::Uuid;

use crate::domain::event::{EventBody, Topic};
use crate::domain::gig_filter::GigFilter as Filter;
use crate::domain::id::IdKind;
use crate::graphql::context::{Audience, ContextExt};
use crate::graphql::error::{Result, nullable};
use crate::graphql::inputs::gig_filter::GigFilter;
use crate::graphql::subscription::source::{FanoutScope, hand_over};
use crate::graphql::subscription::{Delivery, Event, begin};
use crate::graphql::types::gig::Gig;
use crate::graphql::types::node::public_id;
use crate::graphql::types::scalar::DateTime;
use crate::service::Services;
use crate::store::{gigs, users};

/// A gig has been listed, for the first time or again.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct GigPublishedEvent {
    /// Begins another stream behind this event, by `after:`.
    #[graphql(owned)]
    pub cursor: String,
    /// How it came.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// The gig.
    gig_id: ID,
    #[graphql(skip)]
    gig_row: Uuid,
}

#[ComplexObject]
impl GigPublishedEvent {
    /// The gig as it stands now; null where the viewer may not see it any more.
    async fn gig(&self, ctx: &Context<'_>) -> Option<Result<Gig>> {
        nullable(Gig::now(ctx, self.gig_row)).await
    }
}

#[derive(Default)]
pub struct GigPublishedSubscription;

#[Subscription]
impl GigPublishedSubscription {
    /// Gigs as they go live, for anyone.
    async fn gig_published(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Which of them, by what they are as they are told; one that is off the list again by then is \
                    left out.",
            name = "where"
        )]
        filter: Option<GigFilter>,
        #[graphql(
            desc = "Begin behind this cursor, of an event or of `Query.eventCursor`. INVALID_CURSOR where it is none, \
                    CURSOR_EXPIRED where the log no longer keeps what came after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<GigPublishedEvent>>> {
        ctx.viewer()?;
        let filter = filter.map(GigFilter::parse).transpose()?;
        let alike = (Topic::Published, FanoutScope::All(Audience::Everyone));
        let source = begin(ctx, alike, after.as_deref(), move |services, delivery, event| {
            let filter = filter.clone();
            async move {
                let EventBody::GigStatus { gig_id, .. } = event.body else { return Ok(None) };
                if let Some(filter) = &filter
                    && !matches(&services, filter, gig_id).await?
                {
                    return Ok(None);
                }
                Ok(Some(Event::GigPublished(GigPublishedEvent {
                    cursor: services.streams.cursor(event.position).encode(),
                    delivery: delivery.into(),
                    occurred_at: event.occurred_at.into(),
                    gig_id: public_id(IdKind::Gig, gig_id),
                    gig_row: gig_id,
                })))
            }
        });
        Ok(hand_over(ctx, source.await?))
    }
}

/// Whether the gig is listed, and one of those asked for.
async fn matches(services: &Services, filter: &Filter, gig_id: Uuid) -> Result<bool> {
    let db = services.db.read();
    let Some(gig) = gigs::find_visible(db, None, gig_id).await? else { return Ok(false) };
    let seller = users::find_all(db, &[gig.seller_id]).await?;
    Ok(seller.first().is_some_and(|seller| filter.matches(&gig, seller)))
}
