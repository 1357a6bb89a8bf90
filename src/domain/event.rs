//! Events of the event log. They hold ids, states, reason codes and times, never personal data.
//!
//! Events have dense positions (1, 2, 3 ..) in the order of the commits. The log as a whole has a random id,
//! its *epoch*. A cursor is an epoch and a position, so a cursor of another log never selects the wrong
//! events. After a backup is restored, positions are assigned a second time: `gigway log new-epoch` then
//! makes old cursors invalid.
//!
//! To add an event: the steps in the header of `src/events/mod.rs`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::gig::{Gig, GigStatus};
use crate::domain::id::{GigId, ReviewItemId, SessionId, UserId};
use crate::domain::review::ReviewQueueChange;
use crate::domain::review_kind::ReviewKind;
use crate::domain::verification::{Verification, VerificationStatus};

/// The content of an event, without its position in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventBody {
    GigStatus {
        gig_id: GigId,
        seller_id: UserId,
        version: i32,
        previous: Option<GigStatus>,
        status: GigStatus,
        reason_codes: Vec<String>,
    },
    VerificationStatus {
        user_id: UserId,
        version: i32,
        previous: VerificationStatus,
        status: VerificationStatus,
        reason_codes: Vec<String>,
    },
    ReviewQueue {
        item_id: ReviewItemId,
        review_kind: ReviewKind,
        change: ReviewQueueChange,
    },
    /// A session ended. Connections that use it must close.
    SessionEnded {
        session_id: SessionId,
        user_id: UserId,
    },
    /// The role of a user changed, or the user was blocked. The user's connections must be checked again.
    RoleChanged {
        user_id: UserId,
    },
    /// The public profile of a user changed: their name or their level.
    ProfileChanged {
        user_id: UserId,
    },
    /// What others see of an ACTIVE gig changed, although the gig itself did not: the name, the level or the
    /// verification of its seller. The commit of such a change records it for each of the seller's gigs.
    GigUpdated {
        gig_id: GigId,
        seller_id: UserId,
    },
    /// An event that this version does not understand, because a gateway of a newer version appended it: of
    /// another kind, or with a value or a form that only that version knows. It keeps its position, and nobody
    /// receives it here.
    #[serde(other)]
    Unknown,
}

impl EventBody {
    /// The event that `gig` changed from the status `previous` to its current status.
    pub fn gig_status(gig: &Gig, previous: Option<GigStatus>) -> Self {
        let has_reasons = matches!(gig.status, GigStatus::Rejected | GigStatus::Suspended);
        let reasons = gig.review_reasons.iter().filter(|_| has_reasons);
        Self::GigStatus {
            gig_id: gig.id,
            seller_id: gig.seller_id,
            version: gig.version,
            previous,
            status: gig.status,
            reason_codes: reasons.map(|reason| reason.code.clone()).collect(),
        }
    }

    /// The event that `verification` changed. `previous` is its status before, which can equal the current one. The
    /// codes are those that the applicant sees: confidential ones are in no event.
    pub fn verification_status(verification: &Verification, previous: VerificationStatus) -> Self {
        let reasons = verification.reasons_for_applicant();
        Self::VerificationStatus {
            user_id: verification.user_id,
            version: verification.version,
            previous,
            status: verification.status,
            reason_codes: reasons.into_iter().map(|reason| reason.code).collect(),
        }
    }

    /// The gig, its seller, and the change, if the event changes the list of ACTIVE gigs.
    pub fn catalogue_change(&self) -> Option<(GigId, UserId, CatalogueChange)> {
        match self {
            Self::GigStatus { gig_id, seller_id, previous, status, .. } => {
                let was_active = *previous == Some(GigStatus::Active);
                let change = match (was_active, *status == GigStatus::Active) {
                    (false, true) => CatalogueChange::Listed,
                    (true, true) => CatalogueChange::Updated,
                    (true, false) => CatalogueChange::Delisted,
                    (false, false) => return None,
                };
                Some((*gig_id, *seller_id, change))
            }
            Self::GigUpdated { gig_id, seller_id } => Some((*gig_id, *seller_id, CatalogueChange::Updated)),
            Self::VerificationStatus { .. }
            | Self::ReviewQueue { .. }
            | Self::SessionEnded { .. }
            | Self::RoleChanged { .. }
            | Self::ProfileChanged { .. }
            | Self::Unknown => None,
        }
    }

    /// The user whose name, level or verification changed, which others see at each of the user's gigs.
    pub fn changed_profile(&self) -> Option<UserId> {
        match self {
            Self::ProfileChanged { user_id } => Some(*user_id),
            Self::VerificationStatus { user_id, previous, status, .. } => {
                let is_cleared = |status: &VerificationStatus| *status == VerificationStatus::Cleared;
                (is_cleared(previous) != is_cleared(status)).then_some(*user_id)
            }
            Self::GigStatus { .. }
            | Self::ReviewQueue { .. }
            | Self::SessionEnded { .. }
            | Self::RoleChanged { .. }
            | Self::GigUpdated { .. }
            | Self::Unknown => None,
        }
    }

    /// Whether the event may change what anonymous clients see. True for unknown events, to be safe.
    pub fn changes_public_data(&self) -> bool {
        match self {
            Self::GigStatus { previous, status, .. } => {
                *status == GigStatus::Active || *previous == Some(GigStatus::Active)
            }
            Self::VerificationStatus { previous, status, .. } => {
                *status == VerificationStatus::Cleared || *previous == VerificationStatus::Cleared
            }
            Self::ProfileChanged { .. } | Self::GigUpdated { .. } | Self::Unknown => true,
            Self::ReviewQueue { .. } | Self::SessionEnded { .. } | Self::RoleChanged { .. } => false,
        }
    }
}

/// What an event changes in the list of ACTIVE gigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogueChange {
    /// The gig became ACTIVE.
    Listed,
    /// What others see of the gig changed while it is ACTIVE.
    Updated,
    /// The gig is ACTIVE no longer.
    Delisted,
}

/// An event of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// 1, 2, 3 .. in the order of the commits, without gaps.
    pub position: i64,
    pub occurred_at: DateTime<Utc>,
    #[serde(flatten)]
    pub body: EventBody,
}

/// What a client can subscribe to. An event can belong to several topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// One gig.
    Gig(GigId),
    /// All gigs of one seller.
    GigsOfSeller(UserId),
    /// Gigs that become ACTIVE.
    PublishedGigs,
    /// ACTIVE gigs: as they come, change and go.
    Catalogue,
    ReviewQueue,
    /// The verification of one user.
    Verification(UserId),
    /// The sessions and the role of one user.
    SessionsAndRole(UserId),
}

impl Event {
    /// The topics of the event, at most four.
    pub fn topics(&self) -> [Option<Topic>; 4] {
        let catalogue = self.body.catalogue_change().map(|_| Topic::Catalogue);
        match self.body {
            EventBody::GigStatus { gig_id, seller_id, status, .. } => [
                Some(Topic::Gig(gig_id)),
                Some(Topic::GigsOfSeller(seller_id)),
                (status == GigStatus::Active).then_some(Topic::PublishedGigs),
                catalogue,
            ],
            EventBody::GigUpdated { .. } => [catalogue, None, None, None],
            EventBody::VerificationStatus { user_id, .. } => {
                [Some(Topic::Verification(user_id)), None, None, None]
            }
            EventBody::ReviewQueue { .. } => [Some(Topic::ReviewQueue), None, None, None],
            EventBody::SessionEnded { user_id, .. } | EventBody::RoleChanged { user_id } => {
                [Some(Topic::SessionsAndRole(user_id)), None, None, None]
            }
            EventBody::ProfileChanged { .. } | EventBody::Unknown => [None; 4],
        }
    }
}
