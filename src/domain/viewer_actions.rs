//! What a viewer may do with a gig or a verification now. Clients ask in advance (`Gig.viewerActions`,
//! `Verification.viewerActions`), and the mutations check the same rules again: the tables of transitions, the
//! seller's right to work, the claim of the review item, and a proposal that waits for a second reviewer.
//!
//! First, the status and the [`Relation`] of the viewer select the possible actions. They need no further reads,
//! and for most viewers there are none. Then what else is known excludes some of them.
//!
//! To add an action: a variant of [`GigAction`] or [`VerificationAction`], its transition, and the value of the
//! schema's enum in `src/graphql/types/actions.rs`. `tests/api/viewer_actions.rs` tries every action.

use chrono::{DateTime, Utc};
use strum::IntoEnumIterator;

use crate::domain::gig::{Gig, GigStatus, GigTransition};
use crate::domain::id::UserId;
use crate::domain::limits::Limits;
use crate::domain::permission::{Standing, check_can_work};
use crate::domain::review::{GigDecision, ReviewItem, VerificationDecision};
use crate::domain::user::Relation;
use crate::domain::verification::{Verification, VerificationStatus, VerificationTransition};

/// What somebody can do with a gig, in the order in which clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum GigAction {
    SaveDraft,
    Post,
    Edit,
    Pause,
    Resume,
    Archive,
    Approve,
    Reject,
    Suspend,
}

/// Whom an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actor {
    Owner,
    Reviewer,
}

impl Actor {
    fn matches(self, relation: Relation) -> bool {
        match relation {
            Relation::Other => false,
            Relation::Owner => self == Self::Owner,
            Relation::Reviewer(_) => self == Self::Reviewer,
        }
    }
}

impl GigAction {
    /// The transition of the gig, and who can apply it.
    fn transition(self) -> (GigTransition, Actor) {
        match self {
            Self::SaveDraft => (GigTransition::SaveDraft, Actor::Owner),
            Self::Post => (GigTransition::Post, Actor::Owner),
            Self::Edit => (GigTransition::Edit, Actor::Owner),
            Self::Pause => (GigTransition::Pause, Actor::Owner),
            Self::Resume => (GigTransition::Resume, Actor::Owner),
            Self::Archive => (GigTransition::Archive, Actor::Owner),
            Self::Approve => (GigDecision::Approve.transition(), Actor::Reviewer),
            Self::Reject => (GigDecision::Reject.transition(), Actor::Reviewer),
            Self::Suspend => (GigDecision::Suspend.transition(), Actor::Reviewer),
        }
    }

    /// The actions that the gig's status leaves to a viewer with this relation to it.
    pub fn possible(gig: &Gig, relation: Relation) -> Vec<Self> {
        let is_possible = |action: &Self| {
            let (transition, actor) = action.transition();
            actor.matches(relation) && gig.check(transition).is_ok()
        };
        Self::iter().filter(is_possible).collect()
    }

    /// Whether the action depends on the right of the seller to work.
    pub fn needs_seller(self) -> bool {
        self.transition().0.requires_right_to_work()
    }

    /// Whether the action depends on the undecided review item of the gig. Only a gig that is IN_REVIEW has one.
    pub fn needs_item(self, gig: &Gig) -> bool {
        self.transition().1 == Actor::Reviewer && gig.status == GigStatus::InReview
    }

    /// Whether a possible action is allowed, by the seller and the undecided review item, where the action needs
    /// them.
    pub fn is_allowed(
        self,
        relation: Relation,
        seller: Option<&Standing>,
        item: Option<&ReviewItem>,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> bool {
        let can_work = seller.is_none_or(|seller| check_can_work(seller, limits).is_none());
        (can_work || !self.needs_seller()) && is_item_available(relation, item, now)
    }
}

/// What somebody can do with a verification, in the order in which clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum VerificationAction {
    SavePersonalInfo,
    UploadDocument,
    Submit,
    Clear,
    RequestResubmission,
    Reject,
    Revoke,
}

/// What decides whether a reviewer can decide about a verification, besides the verification.
#[derive(Debug)]
pub struct ReviewFacts<'a> {
    /// The user whose verification it is.
    pub owner: Option<&'a Standing>,
    /// The undecided review item.
    pub item: Option<&'a ReviewItem>,
    /// A decision that waits for a second reviewer, and the reviewer who made it.
    pub proposal: Option<&'a (String, UserId)>,
}

impl VerificationAction {
    /// The decision of a reviewer; `None` if the action is for the owner.
    fn decision(self) -> Option<VerificationDecision> {
        match self {
            Self::SavePersonalInfo | Self::UploadDocument | Self::Submit => None,
            Self::Clear => Some(VerificationDecision::Clear),
            Self::RequestResubmission => Some(VerificationDecision::RequestResubmission),
            Self::Reject => Some(VerificationDecision::Reject),
            Self::Revoke => Some(VerificationDecision::Revoke),
        }
    }

    fn transition(self) -> VerificationTransition {
        match self.decision() {
            Some(decision) => decision.transition(),
            None if self == Self::Submit => VerificationTransition::Submit,
            None => VerificationTransition::ProvideData,
        }
    }

    /// The actions that the status, the form and the documents leave to a viewer with this relation to the
    /// verification. For the owner, they are allowed.
    pub fn possible(verification: &Verification, relation: Relation, limits: &Limits) -> Vec<Self> {
        let is_possible = |action: &Self| {
            let actor = if action.decision().is_some() { Actor::Reviewer } else { Actor::Owner };
            actor.matches(relation)
                && verification.check(action.transition(), limits).is_ok()
                && (*action != Self::Submit || verification.missing_parts(limits).is_empty())
        };
        Self::iter().filter(is_possible).collect()
    }

    /// Whether a possible action is allowed to a reviewer.
    pub fn is_allowed(
        self,
        verification: &Verification,
        relation: Relation,
        facts: &ReviewFacts<'_>,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> bool {
        let (Some(decision), Relation::Reviewer(reviewer)) = (self.decision(), relation) else { return true };
        let is_erased = facts.owner.is_some_and(|owner| owner.is_erased)
            || (verification.status == VerificationStatus::InReview && verification.erased_at.is_some());
        let needs_second = verification
            .check(decision.transition(), limits)
            .is_ok_and(|status| status.needs_second_reviewer(&limits.verification));
        let text: &str = decision.into();
        let is_own_proposal =
            facts.proposal.is_some_and(|(proposed, first)| proposed == text && *first == reviewer);
        let is_refused = is_erased || (needs_second && is_own_proposal);
        !is_refused && is_item_available(relation, facts.item, now)
    }
}

/// Whether no other reviewer has claimed the item.
fn is_item_available(relation: Relation, item: Option<&ReviewItem>, now: DateTime<Utc>) -> bool {
    match (relation, item) {
        (Relation::Reviewer(reviewer), Some(item)) => item.is_available_to(reviewer, now),
        _ => true,
    }
}
