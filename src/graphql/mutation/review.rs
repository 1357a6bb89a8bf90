//! Mutations of reviewers.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::domain::review;
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::inputs::review::DecideGigInput;
use crate::graphql::mutation::gig::GigPayload;
use crate::graphql::mutation::repeatable;
use crate::graphql::mutation::repeatable::Act;
use crate::graphql::types::node::parse_id_or_nil;
use crate::graphql::types::review::ReviewItem;
use crate::graphql::types::user_error::UserError;
use crate::service::reviews;
use crate::service::reviews::GigDecisionInput;

/// The result of claiming or releasing an item of the review queue.
#[derive(SimpleObject)]
pub struct ReviewItemPayload {
    /// The item after the change; null if there are errors.
    item: Option<ReviewItem>,
    /// Validation errors. If there are any, nothing was changed.
    errors: Vec<UserError>,
}

impl ReviewItemPayload {
    /// Changes an item by `act`, or answers a repetition.
    async fn of(ctx: &Context<'_>, act: Act<'_, review::ReviewItem>) -> Result<Self> {
        let (item, errors) = repeatable::run(ctx, act).await?;
        Ok(Self { item: item.map(ReviewItem::from), errors })
    }
}

#[derive(Default)]
pub struct ReviewMutation;

#[Object]
impl ReviewMutation {
    /// Claims an item for `Limits.review.claimMinutes` minutes, so that two reviewers do not work on it at
    /// the same time. Extends the claim if the viewer has claimed it already. ALREADY_CLAIMED if another
    /// reviewer has claimed it, NOT_ALLOWED for the viewer's own gig or verification and while the viewer's own
    /// proposal about the verification is pending, LIMIT_REACHED with more than `Limits.review.claimsMax` claims.
    /// While the claim of a verification lasts, its form and pictures open to the viewer. Requires the role REVIEWER
    /// or ADMIN.
    async fn claim_review(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the item.")] id: ID,
    ) -> Result<ReviewItemPayload> {
        let (viewer, id) = (ctx.require_reviewer()?, parse_id_or_nil(&id));
        ReviewItemPayload::of(ctx, Box::pin(reviews::claim(ctx.services(), viewer, id, ctx.request_id())))
            .await
    }

    /// Releases an item that the viewer has claimed; an administrator may release any. NOT_ALLOWED for the viewer's own
    /// gig or verification. Requires the role REVIEWER or ADMIN.
    async fn release_review(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the item.")] id: ID,
    ) -> Result<ReviewItemPayload> {
        let (viewer, id) = (ctx.require_reviewer()?, parse_id_or_nil(&id));
        ReviewItemPayload::of(ctx, Box::pin(reviews::release(ctx.services(), viewer, id, ctx.request_id())))
            .await
    }

    /// Approves, rejects or suspends a gig. ALREADY_CLAIMED if another reviewer has a claim. If
    /// `Limits.review.gigClaimRequired` is true, CLAIM_REQUIRED without the viewer's claim of a gig IN_REVIEW. NOT_ALLOWED for the viewer's own gig. APPROVE gives VERIFICATION_REQUIRED if the seller's
    /// identity must be verified first. Requires the role REVIEWER or ADMIN.
    async fn decide_gig(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision and its reasons.")] input: DecideGigInput,
    ) -> Result<GigPayload> {
        let viewer = ctx.require_reviewer()?;
        let decision = GigDecisionInput {
            gig_id: parse_id_or_nil(&input.gig_id),
            decision: input.decision.into(),
            expected_version: input.expected_version,
            reasons: input.reasons.unwrap_or_default().into_iter().map(Into::into).collect(),
            internal_note: input.internal_note,
        };
        let act = reviews::decide_gig(ctx.services(), viewer, decision, ctx.request_id());
        GigPayload::of_decision(ctx, viewer, Box::pin(act)).await
    }
}
