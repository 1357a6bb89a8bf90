//! The record of a review: decisions, proposals of the first of two reviewers, voices that disagree, and
//! inspections. Reviewers see it as `ReviewItem.history`. Limits: `FourEyesLimits` and `ReviewLimits` in `limits.rs`.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::id::{DecisionId, ReviewItemId, SubjectId, UserId};
use crate::domain::limits::FourEyesLimits;
use crate::domain::reason::ReviewReason;

/// What a row of the record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordKind {
    /// A decision that took effect.
    Decision,
    /// The decision of the first of two reviewers, which had no effect yet.
    Proposal,
    /// A decision other than the one proposed. It ended the proposal, and had no other effect.
    Disagreement,
    /// An administrator opened the decided verification. The note is the reason.
    Inspection,
}

/// The newest rows that the history of an item has.
pub const HISTORY_MAX: usize = 20;

/// A row of the record, as it is read.
#[derive(Debug, Clone)]
pub struct ReviewRecord {
    pub id: DecisionId,
    pub subject_id: SubjectId,
    pub kind: RecordKind,
    /// For example `APPROVE`.
    pub decision: String,
    pub reviewer_id: UserId,
    pub reasons: Vec<ReviewReason>,
    pub internal_note: Option<String>,
    pub decided_at: DateTime<Utc>,
}

/// A decision about a verification that waits for a second reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The id of its row of the record.
    pub id: DecisionId,
    /// The item that shows the proposal.
    pub item_id: Option<ReviewItemId>,
    /// For example `REJECT`.
    pub decision: String,
    /// The first reviewer.
    pub reviewer_id: UserId,
    pub proposed_at: DateTime<Utc>,
}

/// An administrator opens a decided verification for some minutes. The reason is the note of its row of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The id of its row of the record.
    pub id: DecisionId,
    pub admin_id: UserId,
    /// The user whose verification it is.
    pub subject_id: UserId,
    pub started_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl FourEyesLimits {
    fn lifetime(&self) -> TimeDelta {
        TimeDelta::hours(i64::from(self.proposal_hours))
    }

    /// A proposal from before this does not count any more.
    pub fn proposal_cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.lifetime()
    }

    /// When a proposal of this time expires.
    pub fn proposal_expires_at(&self, proposed_at: DateTime<Utc>) -> DateTime<Utc> {
        proposed_at + self.lifetime()
    }
}
