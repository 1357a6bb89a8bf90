//! `reviewQueueChanged`.

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject, Subscription};
use futures_util::Stream;
use futures_util::future::ready;
use uuid::Uuid;

use crate::domain::event::{EventBody, Topic};
use crate::domain::id::IdKind;
use crate::domain::review;
use crate::domain::review::ReviewState;
use crate::domain::review_kind::ReviewKind as Kind;
use crate::graphql::context::{Audience, ContextExt};
use crate::graphql::error::{Result, nullable};
use crate::graphql::loaders::ReviewItemId;
use crate::graphql::subscription::source::{FanoutScope, SubscriptionSource, hand_over};
use crate::graphql::subscription::{Delivery, Event, begin};
use crate::graphql::types::node::public_id;
use crate::graphql::types::review::{ReviewItem, ReviewKind};
use crate::graphql::types::scalar::DateTime;
use crate::store::reviews;
use crate::store::reviews::QueueQuery;

/// What has happened to an item of the review queue.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::ReviewQueueChange")]
pub enum ReviewQueueChange {
    /// It is new.
    Submitted,
    /// A reviewer has taken it.
    Claimed,
    /// A reviewer has given it back, or the claim has run out.
    Released,
    /// It is done.
    Decided,
    /// Who sent it has taken it back.
    Withdrawn,
}

/// The review queue has changed.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ReviewQueueEvent {
    /// Begins another stream behind this event, by `after:`.
    #[graphql(owned)]
    pub cursor: String,
    /// How it came.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When it happened.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// What has happened.
    change: ReviewQueueChange,
    /// What the item is about.
    kind: ReviewKind,
    /// The item.
    item_id: ID,
    #[graphql(skip)]
    item_row: Uuid,
}

#[ComplexObject]
impl ReviewQueueEvent {
    /// The item as it stands now; null where it was withdrawn.
    async fn item(&self, ctx: &Context<'_>) -> Option<Result<ReviewItem>> {
        nullable(async {
            let item = ctx.loader().load_one(ReviewItemId(self.item_row)).await?;
            Ok(item.map(ReviewItem::from))
        })
        .await
    }

    /// How many items are OPEN now, of every kind.
    async fn open_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let services = ctx.services();
        let open = QueueQuery { kind: None, state: Some(ReviewState::Open), now: services.now() };
        Ok(reviews::count(services.db.read(), &open).await?)
    }

    /// How many items are not decided now and past their time, of every kind.
    async fn overdue_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let services = ctx.services();
        Ok(reviews::count_overdue(services.db.read(), services.now()).await?)
    }
}

#[derive(Default)]
pub struct ReviewQueueSubscription;

#[Subscription]
impl ReviewQueueSubscription {
    /// Each change of the review queue. REVIEWER or ADMIN.
    async fn review_queue_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Items about this; all where it is left out.")] kind: Option<ReviewKind>,
        #[graphql(
            desc = "Begin behind this cursor, of an event or of `Query.eventCursor`. INVALID_CURSOR where it is none, \
                    CURSOR_EXPIRED where the log no longer keeps what came after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ReviewQueueEvent>>> {
        ctx.reviewer()?;
        let wanted = kind.map(Kind::from);
        let alike = (Topic::ReviewQueue, FanoutScope::All(Audience::Reviewers));
        let source = begin(ctx, alike, after.as_deref(), move |services, delivery, event| {
            let cursor = services.streams.cursor(event.position).encode();
            ready(Ok(match event.body {
                EventBody::ReviewQueue { item_id, review_kind, change }
                    if wanted.is_none_or(|kind| kind == review_kind) =>
                {
                    Some(Event::ReviewQueue(ReviewQueueEvent {
                        cursor,
                        delivery: delivery.into(),
                        occurred_at: event.occurred_at.into(),
                        change: change.into(),
                        kind: review_kind.into(),
                        item_id: public_id(IdKind::ReviewItem, item_id),
                        item_row: item_id,
                    }))
                }
                _ => None,
            }))
        });
        Ok(hand_over(ctx, SubscriptionSource { by_role: true, ..source.await? }))
    }
}
