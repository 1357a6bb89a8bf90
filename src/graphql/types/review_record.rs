//! The record of a review: decisions, proposals and inspections.

use async_graphql::{Context, Enum, ID, Object};

use crate::domain::review_record;
use crate::domain::review_record::{RecordKind, ReviewRecord};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result, nullable};
use crate::graphql::loaders::review_texts::{open_note, open_reasons};
use crate::graphql::types::held_version::HeldVersion;
use crate::graphql::types::list::List;
use crate::graphql::types::node::parse_id_or_nil;
use crate::graphql::types::review::ReviewReason;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user::User;
use crate::service::held_inspections;

/// What an entry of the record of a review is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "RecordKind")]
pub enum ReviewRecordKind {
    /// A decision that took effect.
    Decision,
    /// The decision of the first of two reviewers, which had no effect yet.
    Proposal,
    /// A decision other than the one proposed. It ended the proposal, and had no other effect.
    Disagreement,
    /// An administrator opened the decided verification. The internal note is the reason.
    Inspection,
}

pub struct ReviewDecisionRecord(ReviewRecord);

impl From<ReviewRecord> for ReviewDecisionRecord {
    fn from(record: ReviewRecord) -> Self {
        Self(record)
    }
}

/// An entry of the record of a review. Only reviewers can see it.
#[Object]
impl ReviewDecisionRecord {
    /// The decision, for example "REJECT"; "INSPECT" if `kind` is INSPECTION.
    async fn decision(&self) -> &str {
        &self.0.decision
    }

    /// What the entry is.
    async fn kind(&self) -> ReviewRecordKind {
        self.0.kind.into()
    }

    /// The reviewer; null if the account does not exist any more.
    async fn by(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        nullable(async { Ok(ctx.loader().load_one(self.0.reviewer_id).await?.map(User::from)) }).await
    }

    /// When it was recorded.
    async fn at(&self) -> DateTime {
        self.0.decided_at.into()
    }

    /// The reasons, as reviewers see them.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        let reasons = open_reasons(ctx, (self.0.id, self.0.subject_id), self.0.reasons.clone()).await?;
        Ok(reasons.into_iter().map(ReviewReason::from).collect())
    }

    /// The note for reviewers; null if there is none, or it was erased.
    async fn internal_note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        nullable(open_note(ctx, self.0.id, self.0.subject_id, self.0.internal_note.as_deref())).await
    }
}

pub struct ReviewProposal(ReviewRecord);

impl From<ReviewRecord> for ReviewProposal {
    fn from(record: ReviewRecord) -> Self {
        Self(record)
    }
}

/// The decision of the first of two reviewers. It takes effect when another reviewer decides the same. It ends when
/// another reviewer decides something else, when it expires, and when its author is not a reviewer any more.
#[Object]
impl ReviewProposal {
    /// The decision that is proposed, for example "CLEAR".
    async fn decision(&self) -> &str {
        &self.0.decision
    }

    /// The first reviewer, who cannot claim the item while the proposal is pending.
    async fn by(&self, ctx: &Context<'_>) -> Result<User> {
        let author = ctx.loader().load_one(self.0.reviewer_id).await?;
        author.map(User::from).ok_or_else(|| Error::internal(&"the author of a proposal is missing"))
    }

    /// When it was proposed.
    async fn at(&self) -> DateTime {
        self.0.decided_at.into()
    }

    /// When it expires.
    async fn expires_at(&self, ctx: &Context<'_>) -> DateTime {
        ctx.services().limits.four_eyes.proposal_expires_at(self.0.decided_at).into()
    }

    /// The reasons, as reviewers see them.
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<ReviewReason>> {
        let reasons = open_reasons(ctx, (self.0.id, self.0.subject_id), self.0.reasons.clone()).await?;
        Ok(reasons.into_iter().map(ReviewReason::from).collect())
    }

    /// The note for reviewers; null if there is none.
    async fn internal_note(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        nullable(open_note(ctx, self.0.id, self.0.subject_id, self.0.internal_note.as_deref())).await
    }
}

pub struct Inspection(review_record::Inspection);

impl From<review_record::Inspection> for Inspection {
    fn from(inspection: review_record::Inspection) -> Self {
        Self(inspection)
    }
}

/// An inspection: for some minutes, an administrator may open the identity data of a decided verification.
#[Object]
impl Inspection {
    /// When it began.
    async fn started_at(&self) -> DateTime {
        self.0.started_at.into()
    }

    /// When it ends.
    async fn expires_at(&self) -> DateTime {
        self.0.expires_at.into()
    }

    /// What the person has replaced or deleted under a legal hold, the newest first, at most 100; empty without a hold,
    /// and after the inspection. The audit trail records each time that it is read.
    async fn held_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only what is older than the held version with this cursor, the last one of a list."
        )]
        before: Option<ID>,
    ) -> Result<List<HeldVersion>> {
        let (viewer, user_id) = (ctx.require_admin()?, self.0.subject_id);
        let before = before.as_ref().map(parse_id_or_nil);
        let held = held_inspections::read(ctx.services(), viewer, user_id, before, ctx.request_id()).await?;
        Ok(held.into_iter().map(HeldVersion::from).collect())
    }

    /// Seconds from this response until it ends, for clients whose clock is wrong.
    async fn expires_in(&self, ctx: &Context<'_>) -> i32 {
        crate::clock::seconds_until(self.0.expires_at, ctx.services().now())
    }
}
