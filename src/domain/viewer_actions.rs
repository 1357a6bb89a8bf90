//! What a viewer may do with a gig or a verification now. Clients ask in advance (`Gig.viewerActions`,
//! `Verification.viewerActions`), and the mutations check the same rules again: the tables of transitions, the
//! seller's right to work, the claim of the review item, and for verifications those of `verification_decision.rs`.
//!
//! First, the status and the [`Relation`] of the viewer select the possible actions. They need no further reads,
//! and for most viewers there are none. Then what else is known excludes some of them.
//!
//! To add an action: a variant of [`GigAction`] or [`VerificationAction`], its transition, and the value of the
//! schema's enum in `src/graphql/types/actions.rs`. `tests/api/viewer_actions.rs` tries every action.

use chrono::{DateTime, Utc};
use strum::IntoEnumIterator;

use crate::domain::gig::{Gig, GigStatus, GigTransition};
use crate::domain::limits::Limits;
use crate::domain::permission::{Standing, check_can_work};
use crate::domain::review::{GigDecision, ReviewItem, VerificationDecision};
use crate::domain::user::Relation;
use crate::domain::verification::{Verification, VerificationTransition};
use crate::domain::verification_decision;
use crate::domain::verification_decision::DecisionFacts;

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
        (can_work || !self.needs_seller()) && is_item_available(relation, item, limits, now)
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

    /// Whether a possible action is allowed.
    pub fn is_allowed(
        self,
        verification: &Verification,
        relation: Relation,
        facts: &DecisionFacts<'_>,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> bool {
        match (self.decision(), relation) {
            (Some(decision), Relation::Reviewer(reviewer)) => {
                verification_decision::check(verification, decision, reviewer, facts, limits, now).is_ok()
            }
            _ => true,
        }
    }
}

/// Whether the reviewer may decide the item of a gig.
fn is_item_available(
    relation: Relation,
    item: Option<&ReviewItem>,
    limits: &Limits,
    now: DateTime<Utc>,
) -> bool {
    match (relation, item) {
        (Relation::Reviewer(reviewer), Some(item)) => {
            item.check_decidable(reviewer, limits.review.gig_claim_required, now).is_ok()
        }
        _ => true,
    }
}
