//! What reviewers work on, and why a review ended as it did.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};

use crate::domain::id::IdKind;
use crate::domain::reason;
use crate::domain::{review, review_kind};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result, nullable};
use crate::graphql::loaders::{UserId, VerificationOf};
use crate::graphql::types::gig::Gig;
use crate::graphql::types::node::public_id;
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user::User;
use crate::graphql::types::verification::Verification;

/// What a review is about.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review_kind::ReviewKind")]
pub enum ReviewKind {
    /// Whether a gig may be listed.
    Gig,
    /// Whether a person is who they say.
    Verification,
}

/// Where an item of the review queue stands.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::ReviewState")]
pub enum ReviewState {
    /// Nobody works on it.
    Open,
    /// A reviewer works on it.
    Claimed,
    /// It is done.
    Decided,
}

/// A group of reason codes, to fall back on where a code is new to a client.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "reason::ReasonCategory")]
pub enum ReasonCategory {
    /// A picture cannot be read.
    ImageQuality,
    /// A document is not accepted.
    Document,
    /// What was written is not right.
    Data,
    /// It breaks the marketplace's rules.
    ContentPolicy,
    /// It is dishonest.
    Fraud,
    /// None of these; the message says what.
    Other,
}

/// One reason of a decision. The codes are an open list: where one is new to you, go by its category and
/// message.
#[derive(SimpleObject)]
pub struct ReviewReason {
    /// For example "CONTACT_DETAILS".
    code: String,
    /// The code's group.
    category: ReasonCategory,
    /// For the person whose work was reviewed.
    message: String,
    /// The path of what is at fault, for example ["description"]; null where no one thing is.
    field: Option<Vec<String>>,
    /// Whether the person may mend it and try again.
    retryable: bool,
}

impl From<reason::ReviewReason> for ReviewReason {
    fn from(reason: reason::ReviewReason) -> Self {
        let reason::ReviewReason { code, category, message, field, retryable } = reason;
        Self { code, category: category.into(), message, field, retryable }
    }
}

/// What an item of the review queue is about.
#[derive(Union)]
pub enum ReviewSubject {
    Gig(Gig),
    Verification(Verification),
}

pub struct ReviewItem(review::ReviewItem);

impl From<review::ReviewItem> for ReviewItem {
    fn from(item: review::ReviewItem) -> Self {
        Self(item)
    }
}

/// One round of review of one subject. Reviewers alone see it.
#[Object]
impl ReviewItem {
    /// Begins with `rev_`.
    pub async fn id(&self) -> ID {
        public_id(IdKind::ReviewItem, self.0.id)
    }

    /// What it is about.
    async fn kind(&self) -> ReviewKind {
        self.0.kind.into()
    }

    /// Where it stands now; a claim that has run out is none.
    async fn state(&self, ctx: &Context<'_>) -> ReviewState {
        self.0.state(ctx.services().now()).into()
    }

    /// What is to be decided, as it stands now.
    async fn subject(&self, ctx: &Context<'_>) -> Result<ReviewSubject> {
        let missing = || Error::internal(&"a review item's subject is missing");
        let id = self.0.subject_id;
        Ok(match self.0.kind {
            review_kind::ReviewKind::Gig => ReviewSubject::Gig(
                Gig::now(ctx, id).await?.ok_or_else(|| ctx.hidden_error().unwrap_or_else(missing))?,
            ),
            review_kind::ReviewKind::Verification => {
                let viewer = ctx.reviewer()?;
                let found = ctx.loader().load_one(VerificationOf(id)).await?.ok_or_else(missing)?;
                ReviewSubject::Verification(Verification::seen_by(found, viewer))
            }
        })
    }

    /// When it was sent for approval.
    async fn submitted_at(&self) -> DateTime {
        self.0.submitted_at.into()
    }

    /// When it should be decided.
    async fn due_at(&self) -> DateTime {
        self.0.due_at.into()
    }

    /// Not decided, and past its time.
    async fn overdue(&self, ctx: &Context<'_>) -> bool {
        self.0.overdue(ctx.services().now())
    }

    /// Who works on it; null unless CLAIMED.
    async fn claimed_by(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        nullable(async {
            match self.0.claimant(ctx.services().now()) {
                Some(id) => Ok(ctx.loader().load_one(UserId(id)).await?.map(User::from)),
                None => Ok(None),
            }
        })
        .await
    }

    /// When the claim runs out by itself; null unless CLAIMED.
    async fn claim_expires_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        self.0.claimant(ctx.services().now())?;
        self.0.claim_expires_at.map(DateTime)
    }
}
