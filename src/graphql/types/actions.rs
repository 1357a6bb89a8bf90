//! What the viewer may do with a gig or a verification.

use async_graphql::{Context, Enum};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join, try_join4};

use crate::domain::id::SubjectId;
use crate::domain::user::Relation;
use crate::domain::verification_decision::DecisionFacts;
use crate::domain::{gig, verification, viewer_actions};
use crate::graphql::context::ContextExt;
use crate::graphql::error::Result;
use crate::graphql::loaders::actions::{StandingOf, UndecidedItemOf};
use crate::graphql::loaders::review_access::{DeliveriesOf, InspectionOf, ProposalAbout};

/// An action on a gig. While it is in `Gig.viewerActions`, its mutation succeeds if the input is valid.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "viewer_actions::GigAction")]
pub enum GigAction {
    /// Change the draft: `saveGigDraft` with its id.
    SaveDraft,
    /// Submit the draft for review: `postGig` with its id as `draftId`.
    Post,
    /// Change the gig, and so submit it for review again: `editGig`.
    Edit,
    /// Take the gig off the market for a while: `pauseGig`.
    Pause,
    /// Publish the paused gig again: `resumeGig`.
    Resume,
    /// End the gig for good: `archiveGig`.
    Archive,
    /// As a reviewer, publish the gig: `decideGig` with APPROVE.
    Approve,
    /// As a reviewer, refuse the gig: `decideGig` with REJECT.
    Reject,
    /// As a reviewer, take the gig down: `decideGig` with SUSPEND.
    Suspend,
}

/// An action on a verification. While it is in `Verification.viewerActions`, its mutation succeeds if the input is
/// valid.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "viewer_actions::VerificationAction")]
pub enum VerificationAction {
    /// Fill in the form: `savePersonalInfo`.
    SavePersonalInfo,
    /// Add or replace an image: `uploadIdentityDocument`.
    UploadDocument,
    /// Submit the verification for review: `submitVerification`.
    Submit,
    /// As a reviewer, confirm the identity: `decideVerification` with CLEAR.
    Clear,
    /// As a reviewer, send the verification back to the user: `decideVerification` with REQUEST_RESUBMISSION.
    RequestResubmission,
    /// As a reviewer, refuse the verification for good: `decideVerification` with REJECT.
    Reject,
    /// As a reviewer, revoke a CLEARED verification: `decideVerification` with REVOKE.
    Revoke,
}

/// Marks the execution as viewer-dependent. The result of a shared execution is then discarded, so it need not
/// read anything.
fn require_single_viewer(ctx: &Context<'_>) -> Result<()> {
    ctx.mark_viewer_dependent();
    ctx.hidden_error().map_or(Ok(()), Err)
}

/// What a viewer with this relation to the gig may do with it. Boxed, because the future of every field is as
/// large as the largest of them.
///
/// # Errors
/// The database failed.
pub fn of_gig<'a>(
    ctx: &'a Context<'_>,
    gig: &'a gig::Gig,
    relation: Relation,
) -> BoxFuture<'a, Result<Vec<GigAction>>> {
    async move {
        require_single_viewer(ctx)?;
        let mut actions = viewer_actions::GigAction::possible(gig, relation);
        let loader = ctx.loader();
        let seller = async {
            if actions.iter().any(|action| action.needs_seller()) {
                loader.load_one(StandingOf(gig.seller_id)).await
            } else {
                Ok(None)
            }
        };
        let item = async {
            if actions.iter().any(|action| action.needs_item(gig)) {
                loader.load_one(UndecidedItemOf(SubjectId::Gig(gig.id))).await
            } else {
                Ok(None)
            }
        };
        let (seller, item) = try_join(seller, item).await?;
        let (limits, now) = (&ctx.services().limits, ctx.services().now());
        actions.retain(|action| action.is_allowed(relation, seller.as_ref(), item.as_ref(), limits, now));
        Ok(actions.into_iter().map(GigAction::from).collect())
    }
    .boxed()
}

/// What a viewer with this relation to the verification may do with it.
///
/// # Errors
/// The database failed.
pub fn of_verification<'a>(
    ctx: &'a Context<'_>,
    verification: &'a verification::Verification,
    relation: Relation,
) -> BoxFuture<'a, Result<Vec<VerificationAction>>> {
    async move {
        require_single_viewer(ctx)?;
        let (limits, user_id) = (&ctx.services().limits, verification.user_id);
        let mut actions = viewer_actions::VerificationAction::possible(verification, relation, limits);
        if let Relation::Reviewer(_) = relation
            && !actions.is_empty()
        {
            let loader = ctx.loader();
            let (owner, item, proposal, inspection) = try_join4(
                loader.load_one(StandingOf(user_id)),
                loader.load_one(UndecidedItemOf(SubjectId::Verification(user_id))),
                loader.load_one(ProposalAbout(user_id)),
                loader.load_one(InspectionOf(user_id)),
            )
            .await?;
            let deliveries = match &item {
                Some(item) => loader.load_one(DeliveriesOf(item.id)).await?,
                None => None,
            };
            let facts = DecisionFacts {
                owner: owner.as_ref(),
                item: item.as_ref(),
                proposal: proposal.as_ref(),
                has_inspection: inspection.is_some(),
                flags: &[],
                deliveries: deliveries.as_deref().unwrap_or_default(),
            };
            let now = ctx.services().now();
            actions.retain(|action| action.is_allowed(verification, relation, &facts, limits, now));
        }
        Ok(actions.into_iter().map(VerificationAction::from).collect())
    }
    .boxed()
}
