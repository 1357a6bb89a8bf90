//! The review queue: one item per submission, claimed by one reviewer at a time.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::domain::gig::GigTransition;
use crate::domain::limits::ReviewLimits;
use crate::domain::reason::ReviewReason;
use crate::domain::review_kind::ReviewKind;
use crate::domain::verification::VerificationTransition;
use crate::domain::violation::{Validator, Violation, ViolationCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewState {
    Open,
    Claimed,
    Decided,
}

/// What happens to the queue.
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

/// What a reviewer makes of a gig.
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

    /// Notes in `validator` where `reasons` do not go with this decision.
    pub fn check_reasons(self, reasons: usize, validator: &mut Validator) {
        match self {
            Self::Approve if reasons > 0 => {
                let message = "An approval has no reasons.";
                validator.violation("reasons", ViolationCode::Invalid, message);
            }
            Self::Reject | Self::Suspend if reasons == 0 => {
                let message = "A rejection or suspension needs at least one reason.";
                validator.violation("reasons", ViolationCode::Required, message);
            }
            _ => {}
        }
    }
}

/// What a reviewer makes of a verification.
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

    /// Whether it takes something away for good, so that a second reviewer may have to agree.
    pub fn is_grave(self) -> bool {
        matches!(self, Self::Reject | Self::Revoke)
    }

    /// Notes in `validator` where `reasons` do not go with this decision.
    pub fn check_reasons(self, reasons: usize, validator: &mut Validator) {
        if self == Self::Clear && reasons > 0 {
            validator.violation("reasons", ViolationCode::Invalid, "A clearance has no reasons.");
        }
        if self != Self::Clear && reasons == 0 {
            let message = "All but a clearance need at least one reason.";
            validator.violation("reasons", ViolationCode::Required, message);
        }
    }
}

/// A decision as it is kept: who, when, what, why.
#[derive(Debug, Clone)]
pub struct Decision {
    pub id: Uuid,
    pub subject_id: Uuid,
    pub item_id: Option<Uuid>,
    pub reviewer_id: Uuid,
    /// For example `APPROVE`.
    pub decision: &'static str,
    pub reasons: Vec<ReviewReason>,
    /// For reviewers only.
    pub internal_note: Option<String>,
    /// The subject's version that the decision made.
    pub version: i32,
    pub decided_at: DateTime<Utc>,
}

/// One round of review of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewItem {
    pub id: Uuid,
    pub kind: ReviewKind,
    pub subject_id: Uuid,
    pub submitted_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    pub claimed_by: Option<Uuid>,
    pub claim_expires_at: Option<DateTime<Utc>>,
    pub decided_at: Option<DateTime<Utc>>,
}

impl ReviewItem {
    /// A new round, open for every reviewer.
    pub fn submitted(
        id: Uuid,
        kind: ReviewKind,
        subject_id: Uuid,
        limits: &ReviewLimits,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            kind,
            subject_id,
            submitted_at: now,
            due_at: limits.due_at(now),
            claimed_by: None,
            claim_expires_at: None,
            decided_at: None,
        }
    }

    /// Decided, claimed or open. A claim that has run out is none, even before it is cleared away.
    pub fn state(&self, now: DateTime<Utc>) -> ReviewState {
        if self.decided_at.is_some() {
            ReviewState::Decided
        } else if self.claimant(now).is_some() {
            ReviewState::Claimed
        } else {
            ReviewState::Open
        }
    }

    /// Who holds it now.
    pub fn claimant(&self, now: DateTime<Utc>) -> Option<Uuid> {
        let holds = self.decided_at.is_none() && self.claim_expires_at.is_some_and(|end| end > now);
        self.claimed_by.filter(|_| holds)
    }

    /// Not decided, and past its time.
    pub fn overdue(&self, now: DateTime<Utc>) -> bool {
        self.decided_at.is_none() && self.due_at < now
    }

    /// Takes the item for `reviewer`, or for longer where they hold it already.
    ///
    /// # Errors
    /// `ALREADY_CLAIMED` by somebody else, `INVALID_TRANSITION` once decided.
    pub fn claim(
        &mut self,
        reviewer: Uuid,
        limits: &ReviewLimits,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        self.check_free_for(reviewer, now)?;
        self.claimed_by = Some(reviewer);
        self.claim_expires_at = Some(now + TimeDelta::minutes(i64::from(limits.claim_minutes)));
        Ok(())
    }

    /// Gives the item back.
    ///
    /// # Errors
    /// `ALREADY_CLAIMED` by somebody else, `INVALID_TRANSITION` where nobody holds it.
    pub fn release(&mut self, reviewer: Uuid, now: DateTime<Utc>) -> Result<(), Violation> {
        self.check_free_for(reviewer, now)?;
        if self.claimant(now).is_none() {
            let message = "This item is not claimed.";
            return Err(Violation::at("id", ViolationCode::InvalidTransition, message));
        }
        self.run_out();
        Ok(())
    }

    /// Nobody holds it any more.
    pub fn run_out(&mut self) {
        self.claimed_by = None;
        self.claim_expires_at = None;
    }

    /// Ends the round by a decision of `reviewer`.
    ///
    /// # Errors
    /// `ALREADY_CLAIMED` by somebody else, `INVALID_TRANSITION` once decided.
    pub fn decide(&mut self, reviewer: Uuid, now: DateTime<Utc>) -> Result<(), Violation> {
        self.check_free_for(reviewer, now)?;
        self.decided_at = Some(now);
        self.run_out();
        Ok(())
    }

    /// Nothing keeps `reviewer` from working on it.
    ///
    /// # Errors
    /// `ALREADY_CLAIMED` by somebody else, `INVALID_TRANSITION` once decided.
    fn check_free_for(&self, reviewer: Uuid, now: DateTime<Utc>) -> Result<(), Violation> {
        if self.decided_at.is_some() {
            let message = "This item has been decided.";
            return Err(Violation::at("id", ViolationCode::InvalidTransition, message));
        }
        if self.claimant(now).is_some_and(|holder| holder != reviewer) {
            let message = "Another reviewer has claimed this item.";
            return Err(Violation::at("id", ViolationCode::AlreadyClaimed, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> ReviewItem {
        ReviewItem {
            id: Uuid::nil(),
            kind: ReviewKind::Gig,
            subject_id: Uuid::nil(),
            submitted_at: DateTime::UNIX_EPOCH,
            due_at: DateTime::UNIX_EPOCH + TimeDelta::days(7),
            claimed_by: None,
            claim_expires_at: None,
            decided_at: None,
        }
    }

    #[test]
    fn a_claim_keeps_others_out_until_it_runs_out() {
        let (limits, start) = (ReviewLimits::default(), DateTime::UNIX_EPOCH);
        let (ann, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut item = item();
        item.claim(ann, &limits, start).expect("it is open");
        assert_eq!(item.state(start), ReviewState::Claimed);
        let violation = item.claim(bob, &limits, start).expect_err("Ann holds it");
        assert_eq!(violation.code, ViolationCode::AlreadyClaimed);
        let later = start + TimeDelta::minutes(15);
        assert_eq!(item.state(later), ReviewState::Open);
        item.claim(bob, &limits, later).expect("the claim ran out");
        assert_eq!(item.claimant(later), Some(bob));
        assert!(item.release(ann, later).is_err());
        item.release(bob, later).expect("Bob holds it");
        assert_eq!(item.state(later), ReviewState::Open);
    }

    #[test]
    fn an_item_is_overdue_only_until_it_is_decided() {
        let mut item = item();
        let late = item.due_at + TimeDelta::seconds(1);
        assert!(!item.overdue(item.due_at));
        assert!(item.overdue(late));
        item.decided_at = Some(late);
        assert!(!item.overdue(late));
    }
}
