//! `reviewQueueChanged`.

use async_graphql::{ComplexObject, Context, Enum, ID, SimpleObject, Subscription};
use futures_util::Stream;
use futures_util::future::ready;

use crate::domain::event::{EventBody, Topic};
use crate::domain::id::ReviewItemId;
use crate::domain::review;
use crate::domain::review::ReviewState;
use crate::domain::review_kind::ReviewKind as Kind;
use crate::graphql::context::{Audience, ContextExt};
use crate::graphql::error::{Result, nullable};
use crate::graphql::subscription::source::{FanoutScope, SubscriptionSource, hand_over};
use crate::graphql::subscription::{Delivery, Event, open_source};
use crate::graphql::types::node::public_id;
use crate::graphql::types::review::{ReviewItem, ReviewKind};
use crate::graphql::types::review_summary::ReviewSummary;
use crate::graphql::types::scalar::DateTime;
use crate::store::reviews;
use crate::store::reviews::QueueQuery;

/// What happened to an item of the review queue.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::ReviewQueueChange")]
pub enum ReviewQueueChange {
    /// A gig or a verification was submitted: the item is new.
    Submitted,
    /// A reviewer has claimed the item, or extended the claim.
    Claimed,
    /// The item is free again: it was released, the claim has expired, or another reviewer must decide.
    Released,
    /// A reviewer has decided.
    Decided,
    /// The item was removed without a decision, for example because the seller has archived the gig.
    Withdrawn,
}

/// An item of the review queue has changed.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ReviewQueueEvent {
    /// The position of the event in the log. Give it as `after` to resume after this event.
    #[graphql(owned)]
    pub cursor: String,
    /// Whether this is a new event, an earlier one from the log, or a snapshot of the current state.
    #[graphql(owned)]
    pub delivery: Delivery,
    /// When the item changed.
    #[graphql(owned)]
    pub occurred_at: DateTime,
    /// What happened to the item.
    change: ReviewQueueChange,
    /// The kind of the item's subject.
    kind: ReviewKind,
    /// The id of the item.
    item_id: ID,
    #[graphql(skip)]
    item_row_id: ReviewItemId,
    /// The argument `kind` of the subscription.
    #[graphql(skip)]
    kind_filter: Option<Kind>,
}

#[ComplexObject]
impl ReviewQueueEvent {
    /// The current state of the item, which may be newer than the event; null if it was withdrawn.
    async fn item(&self, ctx: &Context<'_>) -> Option<Result<ReviewItem>> {
        nullable(async {
            let item = ctx.loader().load_one(self.item_row_id).await?;
            Ok(item.map(ReviewItem::from))
        })
        .await
    }

    /// Counts of the queue now: of the kind that the subscription is about, or of both kinds. They equal
    /// `Query.reviewSummary` with the same `kind`.
    async fn summary(&self) -> ReviewSummary {
        ReviewSummary(self.kind_filter)
    }

    /// The number of items of both kinds that are OPEN now.
    async fn open_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let states = Some(vec![ReviewState::Open]);
        let open = QueueQuery { kind: None, states, claimed_by: None, now: ctx.services().now() };
        Ok(reviews::count(ctx.db(), &open).await?)
    }

    /// The number of items of both kinds that are overdue now.
    async fn overdue_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(reviews::count_overdue(ctx.db(), ctx.services().now()).await?)
    }
}

#[derive(Default)]
pub struct ReviewQueueSubscription;

#[Subscription]
impl ReviewQueueSubscription {
    /// Changes of the review queue. Requires the role REVIEWER or ADMIN.
    async fn review_queue_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only items of this kind.")] kind: Option<ReviewKind>,
        #[graphql(
            desc = "Start with the events after this cursor, from an event or from `Query.eventCursor`. \
                    INVALID_CURSOR if it is malformed, CURSOR_EXPIRED if the event log no longer has the \
                    events after it."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ReviewQueueEvent>>> {
        ctx.require_reviewer()?;
        let kind_filter = kind.map(Kind::from);
        let fanout = (Topic::ReviewQueue, FanoutScope::All(Audience::Reviewers));
        let source = open_source(ctx, fanout, after.as_deref(), move |services, delivery, event| {
            let cursor = services.streams.cursor(event.position).encode();
            ready(Ok(match event.body {
                EventBody::ReviewQueue { item_id, review_kind, change }
                    if kind_filter.is_none_or(|kind| kind == review_kind) =>
                {
                    Some(Event::ReviewQueue(ReviewQueueEvent {
                        cursor,
                        delivery: delivery.into(),
                        occurred_at: event.occurred_at.into(),
                        change: change.into(),
                        kind: review_kind.into(),
                        item_id: public_id(item_id),
                        item_row_id: item_id,
                        kind_filter,
                    }))
                }
                _ => None,
            }))
        });
        Ok(hand_over(ctx, SubscriptionSource { requires_reviewer: true, ..source.await? }))
    }
}
