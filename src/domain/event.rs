//! What the log remembers: ids, states and times, never personal data.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::gig::{Gig, GigStatus};
use crate::domain::review::ReviewQueueChange;
use crate::domain::review_kind::ReviewKind;
use crate::domain::verification::{Verification, VerificationStatus};

/// Something that happened, before it has its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventBody {
    GigStatus {
        gig_id: Uuid,
        seller_id: Uuid,
        version: i32,
        previous: Option<GigStatus>,
        status: GigStatus,
        reason_codes: Vec<String>,
    },
    VerificationStatus {
        user_id: Uuid,
        version: i32,
        previous: VerificationStatus,
        status: VerificationStatus,
        reason_codes: Vec<String>,
    },
    ReviewQueue {
        item_id: Uuid,
        review_kind: ReviewKind,
        change: ReviewQueueChange,
    },
    /// A session that its sockets must not outlive.
    SessionEnded {
        session_id: Uuid,
        user_id: Uuid,
    },
    /// Somebody has another role: what they may follow must be looked at again.
    RoleChanged {
        user_id: Uuid,
    },
    /// What everybody sees of somebody is another: their name, or their level.
    ProfileChanged {
        user_id: Uuid,
    },
    /// Of a kind that a newer gateway knows. It keeps its position, and is nobody's news here.
    #[serde(other)]
    Unknown,
}

impl EventBody {
    /// `gig` has just gone from `previous` to the status it has.
    pub fn gig_status(gig: &Gig, previous: Option<GigStatus>) -> Self {
        let decided = matches!(gig.status, GigStatus::Rejected | GigStatus::Suspended);
        let reasons = gig.review_reasons.iter().filter(|_| decided);
        Self::GigStatus {
            gig_id: gig.id,
            seller_id: gig.seller_id,
            version: gig.version,
            previous,
            status: gig.status,
            reason_codes: reasons.map(|reason| reason.code.clone()).collect(),
        }
    }
}

impl EventBody {
    /// `verification` has just gone from `previous` to the status it has, or stayed and changed.
    pub fn verification_status(verification: &Verification, previous: VerificationStatus) -> Self {
        Self::VerificationStatus {
            user_id: verification.user_id,
            version: verification.version,
            previous,
            status: verification.status,
            reason_codes: verification.reasons.iter().map(|reason| reason.code.clone()).collect(),
        }
    }
}

impl EventBody {
    /// Whether strangers are shown something else from here on, of any gig or anybody. Of what it does not know, it
    /// says so to be sure.
    pub fn changes_what_everybody_sees(&self) -> bool {
        match self {
            Self::GigStatus { previous, status, .. } => {
                *status == GigStatus::Active || *previous == Some(GigStatus::Active)
            }
            Self::VerificationStatus { previous, status, .. } => {
                *status == VerificationStatus::Cleared || *previous == VerificationStatus::Cleared
            }
            Self::ProfileChanged { .. } | Self::Unknown => true,
            Self::ReviewQueue { .. } | Self::SessionEnded { .. } | Self::RoleChanged { .. } => false,
        }
    }
}

/// An event in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// 1, 2, 3 .. in the order of the commits, without a hole.
    pub position: i64,
    pub occurred_at: DateTime<Utc>,
    #[serde(flatten)]
    pub body: EventBody,
}

/// What a stream can be about. An event belongs to each of its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One gig.
    Gig(Uuid),
    /// All gigs of one person.
    Seller(Uuid),
    /// Gigs as they go live.
    Published,
    ReviewQueue,
    /// The verification of one person.
    Verification(Uuid),
    /// The sessions of one person.
    Sessions(Uuid),
}

impl Event {
    /// Its topics; at most three.
    pub fn topics(&self) -> [Option<Topic>; 3] {
        match self.body {
            EventBody::GigStatus { gig_id, seller_id, status, .. } => [
                Some(Topic::Gig(gig_id)),
                Some(Topic::Seller(seller_id)),
                (status == GigStatus::Active).then_some(Topic::Published),
            ],
            EventBody::VerificationStatus { user_id, .. } => [Some(Topic::Verification(user_id)), None, None],
            EventBody::ReviewQueue { .. } => [Some(Topic::ReviewQueue), None, None],
            EventBody::SessionEnded { user_id, .. } | EventBody::RoleChanged { user_id } => {
                [Some(Topic::Sessions(user_id)), None, None]
            }
            EventBody::ProfileChanged { .. } | EventBody::Unknown => [None; 3],
        }
    }
}
