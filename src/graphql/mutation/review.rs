//! What reviewers do.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::domain::id::IdKind;
use crate::domain::review;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::review::DecideGigInput;
use crate::graphql::mutation::gig::GigPayload;
use crate::graphql::types::node::row_id;
use crate::graphql::types::review::ReviewItem;
use crate::graphql::types::user_error::{UserError, payload};
use crate::service;
use crate::service::reviews;
use crate::service::reviews::GigDecisionInput;

/// An item of the review queue as it is now, or why it was not changed.
#[derive(SimpleObject)]
pub struct ReviewItemPayload {
    /// Null where there are errors.
    item: Option<ReviewItem>,
    /// Every mistake; then nothing was changed.
    errors: Vec<UserError>,
}

impl ReviewItemPayload {
    fn of(done: service::Result<review::ReviewItem>) -> Result<Self> {
        let (item, errors) = payload(done)?;
        Ok(Self { item: item.map(ReviewItem::from), errors })
    }
}

#[derive(Default)]
pub struct ReviewMutation;

#[Object]
impl ReviewMutation {
    /// Takes an item for `limits.review.claimMinutes`, so that two reviewers never do the same work; or for as long
    /// once more.
    /// REVIEWER or ADMIN.
    async fn claim_review(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The item.")] id: ID,
    ) -> Result<ReviewItemPayload> {
        let (viewer, id) = (ctx.reviewer()?, row_id(IdKind::ReviewItem, &id));
        ReviewItemPayload::of(reviews::claim(ctx.services(), viewer, id).await)
    }

    /// Gives a claimed item back to the queue. REVIEWER or ADMIN.
    async fn release_review(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The item.")] id: ID,
    ) -> Result<ReviewItemPayload> {
        let (viewer, id) = (ctx.reviewer()?, row_id(IdKind::ReviewItem, &id));
        ReviewItemPayload::of(reviews::release(ctx.services(), viewer, id).await)
    }

    /// Approves, rejects or suspends a gig; never one of one's own. REVIEWER or ADMIN.
    async fn decide_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision.")] input: DecideGigInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.reviewer()?;
        let verdict = GigDecisionInput {
            gig_id: row_id(IdKind::Gig, &input.gig_id),
            decision: input.decision.into(),
            expected_version: input.expected_version,
            reasons: input.reasons.unwrap_or_default().into_iter().map(Into::into).collect(),
            internal_note: input.internal_note,
        };
        GigPayload::of(reviews::decide_gig(ctx.services(), viewer, verdict).await, viewer)
    }
}
