//! Items of the review queue, and the reasons of decisions.

use async_graphql::{Context, Enum, ID, Object, SimpleObject, Union};

use crate::domain::id::{SubjectId, VerificationId};
use crate::domain::reason;
use crate::domain::review_kind::ReviewKind as Kind;
use crate::domain::{flag, review, review_kind};
use crate::graphql::context::ContextExt;
use crate::graphql::error::{Error, Result, nullable};
use crate::graphql::loaders::flags::FlagsOf;
use crate::graphql::loaders::review_access::{HistoryOf, ProposalAbout, RecordOf};
use crate::graphql::types::gig::Gig;
use crate::graphql::types::list::List;
use crate::graphql::types::node::public_id;
use crate::graphql::types::review_record::{ReviewDecisionRecord, ReviewProposal};
use crate::graphql::types::scalar::DateTime;
use crate::graphql::types::user::User;
use crate::graphql::types::verification::Verification;

/// What a review is about.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review_kind::ReviewKind")]
pub enum ReviewKind {
    /// The review of a gig: whether it may be published.
    Gig,
    /// The review of an identity verification.
    Verification,
}

/// The state of an item of the review queue.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "review::ReviewState")]
pub enum ReviewState {
    /// The item waits for a reviewer.
    Open,
    /// A reviewer has claimed the item, and the claim has not expired.
    Claimed,
    /// A reviewer has decided.
    Decided,
}

/// A group of reason codes. Clients use it if they do not know the code.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "reason::ReasonCategory")]
pub enum ReasonCategory {
    /// An image is unreadable, incomplete or a copy.
    ImageQuality,
    /// The document is not accepted, for example because it has expired.
    Document,
    /// The data is wrong, or does not match the document.
    Data,
    /// The content violates the rules of the marketplace.
    ContentPolicy,
    /// There is a suspicion of fraud.
    Fraud,
    /// None of these. The message says what is wrong.
    Other,
}

/// A reason of a decision. More codes may be added: for a code that a client does not know, use `category`
/// and `message`.
#[derive(SimpleObject)]
pub struct ReviewReason {
    /// The code of the reason, for example "CONTACT_DETAILS".
    code: String,
    /// The group of the code.
    category: ReasonCategory,
    /// What is wrong, in words for the user whose gig or verification was reviewed.
    message: String,
    /// The path of the field that is wrong, for example ["description"]; null if the reason is not about one
    /// field.
    field: Option<Vec<String>>,
    /// Whether the user may correct the mistake and submit again.
    retryable: bool,
}

impl From<reason::ReviewReason> for ReviewReason {
    fn from(reason: reason::ReviewReason) -> Self {
        let reason::ReviewReason { code, category, message, field, retryable, is_final: _, sealed: _ } =
            reason;
        Self { code, category: category.into(), message, field, retryable }
    }
}

/// What the record says about a submission, for reviewers. A flag decides nothing: the reviewer compares what it names.
#[derive(SimpleObject)]
pub struct ReviewFlag {
    /// What the record says: DUPLICATE_DOCUMENT, DUPLICATE_PICTURE, PREVIOUSLY_REJECTED or PREVIOUSLY_REVOKED. More
    /// codes may be added: for a code that a client does not know, show `message`.
    code: &'static str,
    /// What the flag says, in words for reviewers.
    message: &'static str,
    /// The ids of the review items that the flag is about, newest first, at most 20. Empty if their users were erased.
    related: Vec<ID>,
}

impl From<flag::Flag> for ReviewFlag {
    fn from(flag: flag::Flag) -> Self {
        let message = flag.message();
        Self { code: flag.code.into(), message, related: flag.related.into_iter().map(public_id).collect() }
    }
}

/// The gig or the verification that an item of the review queue is about.
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

/// An item of the review queue: one submission of a gig or of a verification. Only reviewers can see it.
#[Object]
impl ReviewItem {
    /// Global id that starts with `rev_`.
    pub async fn id(&self) -> ID {
        public_id(self.0.id)
    }

    /// The kind of the subject.
    async fn kind(&self) -> ReviewKind {
        self.0.subject_id.kind().into()
    }

    /// The current state. After a claim has expired, it is OPEN again.
    async fn state(&self, ctx: &Context<'_>) -> ReviewState {
        self.0.state(ctx.services().now()).into()
    }

    /// The gig or verification to decide, in its current state.
    async fn subject(&self, ctx: &Context<'_>) -> Result<ReviewSubject> {
        let missing = || Error::internal(&"a review item's subject is missing");
        Ok(match self.0.subject_id {
            SubjectId::Gig(id) => ReviewSubject::Gig(
                Gig::load_current(ctx, id)
                    .await?
                    .ok_or_else(|| ctx.hidden_error().unwrap_or_else(missing))?,
            ),
            SubjectId::Verification(user_id) => {
                let viewer = ctx.require_reviewer()?;
                let verification =
                    ctx.loader().load_one(VerificationId::from(user_id)).await?.ok_or_else(missing)?;
                ReviewSubject::Verification(Verification::for_viewer(verification, viewer))
            }
        })
    }

    /// When the subject was submitted for review.
    async fn submitted_at(&self) -> DateTime {
        self.0.submitted_at.into()
    }

    /// When the decision is due.
    async fn due_at(&self) -> DateTime {
        self.0.due_at.into()
    }

    /// Whether the item is undecided and past its due time.
    async fn overdue(&self, ctx: &Context<'_>) -> bool {
        self.0.is_overdue(ctx.services().now())
    }

    /// The reviewer who has claimed the item; null if `state` is not CLAIMED.
    async fn claimed_by(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        nullable(async {
            match self.0.claimant(ctx.services().now()) {
                Some(id) => Ok(ctx.loader().load_one(id).await?.map(User::from)),
                None => Ok(None),
            }
        })
        .await
    }

    /// When the claim expires; null if `state` is not CLAIMED.
    async fn claim_expires_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        self.0.claimant(ctx.services().now())?;
        self.0.claim_expires_at.map(DateTime)
    }

    /// What the record says about the submission: whether another account has submitted the same document or
    /// picture, and whether one with the same number or picture was rejected or revoked for fraud or sanctions. The
    /// flags of an item can change after its decision, if a later submission is about the same document. Empty for
    /// gigs. Without what is about the viewer.
    async fn flags(&self, ctx: &Context<'_>) -> Result<Vec<ReviewFlag>> {
        if self.0.subject_id.kind() == Kind::Gig {
            return Ok(Vec::new());
        }
        // It depends on the viewer, so it cannot be shared by all reviewers.
        ctx.require_reviewer()?;
        let flags = ctx.loader().load_one(FlagsOf(self.0.id)).await?.unwrap_or_default();
        Ok(flags.into_iter().map(ReviewFlag::from).collect())
    }

    /// The decision of the first of two reviewers that waits for a second one, who decides with a claim of their own.
    /// Null if there is none, if it has expired, and if the item is about the viewer.
    async fn pending_proposal(&self, ctx: &Context<'_>) -> Option<Result<ReviewProposal>> {
        nullable(async {
            let subject_id = self.0.subject_id;
            let SubjectId::Verification(user_id) = subject_id else { return Ok(None) };
            if ctx.require_reviewer()?.id() == user_id {
                return Ok(None);
            }
            let proposal = ctx.loader().load_one(ProposalAbout(user_id)).await?;
            match proposal.filter(|proposal| proposal.item_id == Some(self.0.id)) {
                Some(proposal) => {
                    let record = ctx.loader().load_one(RecordOf { id: proposal.id, subject_id }).await?;
                    Ok(record.map(ReviewProposal::from))
                }
                None => Ok(None),
            }
        })
        .await
    }

    /// Decisions about the gig or the verification so far, of earlier submissions too, newest first, with internal
    /// notes: the newest 20, with proposals, disagreements and inspections. Empty if the item is about the viewer.
    async fn history(&self, ctx: &Context<'_>) -> Result<List<ReviewDecisionRecord>> {
        ctx.require_reviewer()?;
        let history = ctx.loader().load_one(HistoryOf(self.0.subject_id)).await?;
        Ok(history.unwrap_or_default().into_iter().map(ReviewDecisionRecord::from).collect())
    }
}
