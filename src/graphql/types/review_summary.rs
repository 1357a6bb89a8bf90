//! Counts of the review queue.

use async_graphql::{Context, Object};

use crate::domain::review_kind::ReviewKind;
use crate::domain::review_summary::QueueCounts;
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Result, nullable};
use crate::graphql::loaders::review_summary::{CountsOfQueue, MedianDecisionMinutes};
use crate::graphql::types::scalar::DateTime;

/// The summary of one kind or, without one, of both.
pub struct ReviewSummary(pub Option<ReviewKind>);

impl ReviewSummary {
    async fn counts(&self, ctx: &Context<'_>) -> Result<QueueCounts> {
        Ok(ctx.loader().load_one(CountsOfQueue(self.0)).await?.unwrap_or_default())
    }
}

fn to_int(count: i64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Counts of the review queue now. Only reviewers can see them.
#[Object]
impl ReviewSummary {
    /// The number of items that are OPEN. Items whose claim has expired are among them.
    async fn open_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(to_int(self.counts(ctx).await?.open))
    }

    /// The number of items that are CLAIMED.
    async fn claimed_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(to_int(self.counts(ctx).await?.claimed))
    }

    /// The number of items, OPEN or CLAIMED, that are past their due time.
    async fn overdue_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(to_int(self.counts(ctx).await?.overdue))
    }

    /// The earliest due time of all items that are OPEN or CLAIMED; null if there are none.
    async fn oldest_due_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        nullable(async { Ok(self.counts(ctx).await?.oldest_due_at.map(DateTime)) }).await
    }

    /// The median time from the submission to the decision, in whole minutes, of the items that were decided in the
    /// last 30 days, or of the newest 1,000 of them; null if there are none.
    async fn median_decision_minutes(&self, ctx: &Context<'_>) -> Option<Result<i32>> {
        nullable(async { Ok(ctx.loader().load_one(MedianDecisionMinutes(self.0)).await?.map(to_int)) }).await
    }
}
