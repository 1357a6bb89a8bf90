//! The review queue and the decisions of reviewers. A submission is one item, which one reviewer at a time
//! can claim. Limits: `ReviewLimits` in `limits.rs`. Reason codes: `reason.rs`.
//!
//! To add a decision: a variant of [`GigDecision`] or [`VerificationDecision`], its transition in
//! `transition`, whether it needs reasons in `check_reasons`, and the value of the schema's enum in
//! `src/graphql/inputs/review.rs`.
//!
//! Whether a decision about a verification needs a second reviewer is a rule of `verification_decision.rs`.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::gig::GigTransition;
use crate::domain::id::{DecisionId, ReviewItemId, SubjectId, UserId};
use crate::domain::limits::ReviewLimits;
use crate::domain::message::message;
use crate::domain::reason::{ReasonForm, ReviewReason, is_confidential};
use crate::domain::review_record::RecordKind;
use crate::domain::verification::VerificationTransition;
use crate::domain::violation::{Validator, Violation, ViolationCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewState {
    Open,
    Claimed,
    Decided,
}

/// A change of the queue, as subscribers see it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ReviewQueueChange {
    Submitted,
    Claimed,
    Released,
    Decided,
    Withdrawn,
}

/// A reviewer's decision on a gig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum GigDecision {
    Approve,
    Reject,
    Suspend,
}

impl GigDecision {
    pub fn transition(self) -> GigTransition {
        match self {
            Self::Approve => GigTransition::Approve,
            Self::Reject => GigTransition::Reject,
            Self::Suspend => GigTransition::Suspend,
        }
    }

    /// Checks the number of reasons; violations go to `validator`.
    pub fn check_reasons(self, reasons: usize, validator: &mut Validator) {
        match self {
            Self::Approve if reasons > 0 => {
                let message = message!("An approval must not have reasons.");
                validator.add("reasons", ViolationCode::Invalid, message);
            }
            Self::Reject | Self::Suspend if reasons == 0 => {
                let message = message!("A rejection or suspension needs a reason.");
                validator.add("reasons", ViolationCode::Required, message);
            }
            _ => {}
        }
    }
}

/// A reviewer's decision on a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum VerificationDecision {
    Clear,
    RequestResubmission,
    Reject,
    Revoke,
}

impl VerificationDecision {
    pub fn transition(self) -> VerificationTransition {
        match self {
            Self::Clear => VerificationTransition::Clear,
            Self::RequestResubmission => VerificationTransition::RequestResubmission,
            Self::Reject => VerificationTransition::Reject,
            Self::Revoke => VerificationTransition::Revoke,
        }
    }

    /// Checks the number of reasons, and whether they suit the decision; violations go to `validator`.
    pub fn check_reasons(self, reasons: &[ReasonForm], validator: &mut Validator) {
        if self == Self::Clear && !reasons.is_empty() {
            let message = message!("The decision {decision} must not have reasons.", decision = "CLEAR");
            validator.add("reasons", ViolationCode::Invalid, message);
        }
        if self != Self::Clear && reasons.is_empty() {
            let message = message!("Every decision except {decision} needs a reason.", decision = "CLEAR");
            validator.add("reasons", ViolationCode::Required, message);
        }
        if self == Self::RequestResubmission {
            // A request to correct something says what. A reason that says nothing would stand out.
            for (index, form) in reasons.iter().enumerate().filter(|(_, form)| is_confidential(&form.code)) {
                let message = message!(
                    "The reason {code} cannot be corrected. It needs another decision than {decision}.",
                    code = form.code,
                    decision = "REQUEST_RESUBMISSION"
                );
                validator.add(&format!("reasons.{index}.code"), ViolationCode::Invalid, message);
            }
        }
    }
}

/// A decision as it is stored: who, when, what and why.
#[derive(Debug, Clone)]
pub struct Decision {
    pub id: DecisionId,
    pub subject_id: SubjectId,
    pub item_id: Option<ReviewItemId>,
    pub kind: RecordKind,
    pub reviewer_id: UserId,
    /// For example `APPROVE`.
    pub decision: &'static str,
    pub reasons: Vec<ReviewReason>,
    /// Only reviewers can see it.
    pub internal_note: Option<String>,
    /// The subject's version after the decision.
    pub version: i32,
    pub decided_at: DateTime<Utc>,
}

/// What messages call a review item.
const ITEM: &str = "review item";

/// The review of one submission of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewItem {
    pub id: ReviewItemId,
    pub subject_id: SubjectId,
    pub submitted_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub claimed_by: Option<UserId>,
    pub claim_expires_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
}

impl ReviewItem {
    /// A new item, open to every reviewer.
    pub fn new(id: ReviewItemId, subject_id: SubjectId, limits: &ReviewLimits, now: DateTime<Utc>) -> Self {
        Self {
            id,
            subject_id,
            submitted_at: now,
            due_at: limits.due_at(now),
            claimed_by: None,
            claim_expires_at: None,
            decided_at: None,
        }
    }

    /// The state of the item. An expired claim does not count, even if it is still stored.
    pub fn state(&self, now: DateTime<Utc>) -> ReviewState {
        if self.decided_at.is_some() {
            ReviewState::Decided
        } else if self.claimant(now).is_some() {
            ReviewState::Claimed
        } else {
            ReviewState::Open
        }
    }

    /// The reviewer with a valid claim, if any.
    pub fn claimant(&self, now: DateTime<Utc>) -> Option<UserId> {
        let is_valid = self.decided_at.is_none() && self.claim_expires_at.is_some_and(|end| end > now);
        self.claimed_by.filter(|_| is_valid)
    }

    /// Whether the item is undecided after its due time.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.decided_at.is_none() && self.due_at < now
    }

    /// Claims the item for `reviewer`, or extends their claim.
    ///
    /// # Errors
    /// `ALREADY_CLAIMED` if another reviewer has it, `INVALID_TRANSITION` if it is decided.
    pub fn claim(
        &mut self,
        reviewer: UserId,
        limits: &ReviewLimits,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        self.check_available_to(reviewer, now, "claimed")?;
        self.claimed_by = Some(reviewer);
        self.claim_expires_at = Some(now + TimeDelta::minutes(i64::from(limits.claim_minutes)));
        Ok(())
    }

    /// Gives up the claim of `reviewer`.
    ///
    /// # Errors
    /// `ALREADY_CLAIMED` if another reviewer has the item, `INVALID_TRANSITION` if nobody has or it is
    /// decided.
    pub fn release(&mut self, reviewer: UserId, now: DateTime<Utc>) -> Result<(), Violation> {
        self.check_available_to(reviewer, now, "released")?;
        if self.claimant(now).is_none() {
            return Err(Violation::invalid_transition(ITEM, "OPEN", "released").moved_to("id"));
        }
        self.clear_claim();
        Ok(())
    }

    /// Gives up the claim of another reviewer, as an administrator may.
    ///
    /// # Errors
    /// `INVALID_TRANSITION` if nobody has claimed the item or it is decided.
    pub fn release_any(&mut self, now: DateTime<Utc>) -> Result<(), Violation> {
        if let Some(claimant) = self.claimant(now) {
            return self.release(claimant, now);
        }
        let state = if self.decided_at.is_some() { "DECIDED" } else { "OPEN" };
        Err(Violation::invalid_transition(ITEM, state, "released").moved_to("id"))
    }

    /// Removes the claim, regardless of who has it.
    pub fn clear_claim(&mut self) {
        self.claimed_by = None;
        self.claim_expires_at = None;
    }

    /// Marks the item as decided by `reviewer`.
    ///
    /// # Errors
    /// Those of [`check_decidable`](Self::check_decidable).
    pub fn decide(
        &mut self,
        reviewer: UserId,
        needs_claim: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        self.check_decidable(reviewer, needs_claim, now)?;
        self.decided_at = Some(now);
        self.clear_claim();
        Ok(())
    }

    /// Checks that `reviewer` can decide the item: it is undecided, and they have claimed it. If no claim is needed,
    /// it is enough that nobody else has claimed it.
    ///
    /// # Errors
    /// `ALREADY_CLAIMED` if another reviewer has it, `CLAIM_REQUIRED` if nobody has, `INVALID_TRANSITION` if it is
    /// decided.
    pub fn check_decidable(
        &self,
        reviewer: UserId,
        needs_claim: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        self.check_available_to(reviewer, now, "decided")?;
        if needs_claim && self.claimant(now).is_none() {
            return Err(Violation::claim_required("id"));
        }
        Ok(())
    }

    /// Checks that `reviewer` has claimed the undecided item.
    ///
    /// # Errors
    /// Those of [`check_decidable`](Self::check_decidable).
    pub fn check_claimed_by(&self, reviewer: UserId, now: DateTime<Utc>) -> Result<(), Violation> {
        self.check_decidable(reviewer, true, now)
    }

    /// Checks that `reviewer` can work on the item: it is undecided, and nobody else has claimed it. `action` is
    /// what they want to do, as in "cannot be claimed".
    fn check_available_to(
        &self,
        reviewer: UserId,
        now: DateTime<Utc>,
        action: &str,
    ) -> Result<(), Violation> {
        if self.decided_at.is_some() {
            return Err(Violation::invalid_transition(ITEM, "DECIDED", action).moved_to("id"));
        }
        if self.claimant(now).is_some_and(|claimant| claimant != reviewer) {
            let message = message!("Another reviewer has claimed this item.");
            return Err(Violation::at("id", ViolationCode::AlreadyClaimed, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::GigId;

    fn item() -> ReviewItem {
        ReviewItem {
            id: ReviewItemId::nil(),
            subject_id: SubjectId::Gig(GigId::nil()),
            submitted_at: DateTime::UNIX_EPOCH,
            due_at: DateTime::UNIX_EPOCH + TimeDelta::days(7),
            claimed_by: None,
            claim_expires_at: None,
            decided_at: None,
        }
    }

    #[test]
    fn a_claim_excludes_other_reviewers_until_it_expires() {
        let (limits, start) = (ReviewLimits::default(), DateTime::UNIX_EPOCH);
        let [ann, bob] = [1, 2].map(|number| UserId::from_uuid(Uuid::from_u128(number)));
        let mut item = item();
        item.claim(ann, &limits, start).expect("it is open");
        assert_eq!(item.state(start), ReviewState::Claimed);
        let violation = item.claim(bob, &limits, start).expect_err("Ann has claimed it");
        assert_eq!(violation.code, ViolationCode::AlreadyClaimed);
        let later = start + TimeDelta::minutes(15);
        assert_eq!(item.state(later), ReviewState::Open);
        item.claim(bob, &limits, later).expect("the claim has expired");
        assert_eq!(item.claimant(later), Some(bob));
        assert!(item.release(ann, later).is_err());
        item.release(bob, later).expect("Bob has claimed it");
        assert_eq!(item.state(later), ReviewState::Open);
        assert!(item.release_any(later).is_err());
    }

    #[test]
    fn a_decision_can_need_the_claim() {
        let (limits, start) = (ReviewLimits::default(), DateTime::UNIX_EPOCH);
        let [ann, bob] = [1, 2].map(|number| UserId::from_uuid(Uuid::from_u128(number)));
        let code = |item: &ReviewItem, reviewer, now| {
            item.check_claimed_by(reviewer, now).err().map(|violation| violation.code)
        };
        let mut item = item();
        assert_eq!(item.check_decidable(ann, false, start), Ok(()));
        assert_eq!(code(&item, ann, start), Some(ViolationCode::ClaimRequired));
        item.claim(ann, &limits, start).expect("it is open");
        assert_eq!(
            (code(&item, ann, start), code(&item, bob, start)),
            (None, Some(ViolationCode::AlreadyClaimed))
        );
        assert_eq!(code(&item, ann, start + TimeDelta::minutes(15)), Some(ViolationCode::ClaimRequired));
        item.release_any(start).expect("Ann has claimed it");
        assert_eq!(code(&item, ann, start), Some(ViolationCode::ClaimRequired));
    }

    #[test]
    fn an_item_is_overdue_only_until_it_is_decided() {
        let mut item = item();
        let late = item.due_at + TimeDelta::seconds(1);
        assert!(!item.is_overdue(item.due_at));
        assert!(item.is_overdue(late));
        item.decided_at = Some(late);
        assert!(!item.is_overdue(late));
    }
}
