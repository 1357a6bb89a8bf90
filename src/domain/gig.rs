//! Gigs: statuses, transitions, and what a transition changes. Limits: `ReviewLimits` in `limits.rs`.
//!
//! To add a status: a variant of [`GigStatus`], its transitions in `GigStatus::next`, the expected ones in
//! the test's `is_allowed`, and the value of the schema's enum in `src/graphql/types/gig.rs`. To add a
//! transition: a variant of [`GigTransition`] with the word for error messages, its rows in
//! `GigStatus::next`, what it changes in [`Gig::apply`], whether it needs the right to work, the action of clients
//! in `viewer_actions.rs`, and the function in `src/service` that applies it.

use chrono::{DateTime, Utc};

use crate::domain::category::Category;
use crate::domain::id::{CategoryId, GigId, UserId};
use crate::domain::limits::Limits;
use crate::domain::message::message;
use crate::domain::money::Money;
use crate::domain::reason::ReviewReason;
use crate::domain::user::{Relation, Viewer};
use crate::domain::violation::{Violation, ViolationCode};

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum GigStatus {
    Draft,
    InReview,
    Active,
    Paused,
    Rejected,
    Suspended,
    Archived,
}

/// The title of a gig whose texts were removed.
pub const ERASED_TITLE: &str = "Erased";

/// What can be done to a gig. The text completes the message "A gig that is ACTIVE cannot be ..".
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
pub enum GigTransition {
    /// The seller saves a new or existing draft.
    #[strum(serialize = "saved as a draft")]
    SaveDraft,
    /// The seller submits a draft for review.
    #[strum(serialize = "posted")]
    Post,
    /// The seller changes the content, which submits the gig for review again.
    #[strum(serialize = "edited")]
    Edit,
    #[strum(serialize = "paused")]
    Pause,
    #[strum(serialize = "resumed")]
    Resume,
    #[strum(serialize = "archived")]
    Archive,
    #[strum(serialize = "approved")]
    Approve,
    #[strum(serialize = "rejected")]
    Reject,
    #[strum(serialize = "suspended")]
    Suspend,
}

impl GigTransition {
    /// Whether the seller must be allowed to work: the gig becomes public, or is submitted for review.
    pub fn requires_right_to_work(self) -> bool {
        matches!(self, Self::Post | Self::Edit | Self::Resume | Self::Approve)
    }
}

impl GigStatus {
    /// The status after `transition`; `None` if the transition is not allowed. All transitions are in this
    /// table.
    fn next(self, transition: GigTransition) -> Option<Self> {
        use GigStatus::{Active, Archived, Draft, InReview, Paused, Rejected, Suspended};
        match (self, transition) {
            (Draft, GigTransition::SaveDraft) => Some(Draft),
            (Draft, GigTransition::Post) | (Rejected | Active | Paused, GigTransition::Edit) => {
                Some(InReview)
            }
            (InReview, GigTransition::Approve) | (Paused, GigTransition::Resume) => Some(Active),
            (InReview, GigTransition::Reject) => Some(Rejected),
            (Active, GigTransition::Pause) => Some(Paused),
            (Active | Paused, GigTransition::Suspend) => Some(Suspended),
            (Draft | InReview | Active | Paused | Rejected | Suspended, GigTransition::Archive) => {
                Some(Archived)
            }
            _ => None,
        }
    }
}

/// The content of a gig, which its seller writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GigContent {
    pub title: String,
    pub description: String,
    pub category_id: CategoryId,
    pub price: Money,
    pub delivery_days: i32,
    pub revisions: i32,
    pub tags: Vec<String>,
    pub links: Vec<String>,
}

impl GigContent {
    /// The content of a new draft. The schema promises that every gig has a category and a price, so a draft
    /// starts with the given category and its minimum price.
    pub fn blank(category: &Category) -> Self {
        Self {
            title: String::new(),
            description: String::new(),
            category_id: category.id,
            price: category.minimum_price,
            delivery_days: 1,
            revisions: 0,
            tags: Vec::new(),
            links: Vec::new(),
        }
    }
}

/// A small job that its seller offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gig {
    pub id: GigId,
    pub seller_id: UserId,
    pub content: GigContent,
    pub status: GigStatus,
    /// Increases by one with every change.
    pub version: i32,
    /// The reasons of the last decision.
    pub review_reasons: Vec<ReviewReason>,
    pub created_at: DateTime<Utc>,
    pub submitted_at: Option<DateTime<Utc>>,
    /// When the gig first became ACTIVE.
    pub published_at: Option<DateTime<Utc>>,
    /// When the current review is due; `None` if the gig is not IN_REVIEW.
    pub review_due_at: Option<DateTime<Utc>>,
}

impl Gig {
    /// A gig that is not stored yet. The first transition makes it version 1.
    pub fn new(id: GigId, seller_id: UserId, content: GigContent, now: DateTime<Utc>) -> Self {
        Self {
            id,
            seller_id,
            content,
            status: GigStatus::Draft,
            version: 0,
            review_reasons: Vec::new(),
            created_at: now,
            submitted_at: None,
            published_at: None,
            review_due_at: None,
        }
    }

    /// The status in the database; `None` if the gig is not stored yet.
    pub fn stored_status(&self) -> Option<GigStatus> {
        (self.version > 0).then_some(self.status)
    }

    /// Whether everybody can see the gig.
    pub fn is_listed(&self) -> bool {
        self.status == GigStatus::Active
    }

    /// Whether `viewer` can see the result of the gig's review.
    pub fn is_review_visible_to(&self, viewer: Option<&Viewer>) -> bool {
        Relation::new(viewer, self.seller_id) != Relation::Other
    }

    /// The status after `transition`.
    ///
    /// # Errors
    /// `INVALID_TRANSITION` if the gig's status does not allow it, or for an edit of a gig that was rejected
    /// permanently.
    pub fn check(&self, transition: GigTransition) -> Result<GigStatus, Violation> {
        if transition == GigTransition::Edit && self.is_permanently_rejected() {
            let message = message!("This gig was rejected permanently. It can only be archived.");
            return Err(Violation::general(ViolationCode::InvalidTransition, message));
        }
        self.status
            .next(transition)
            .ok_or_else(|| Violation::invalid_transition("gig", self.status.into(), transition.into()))
    }

    /// Applies `transition`: sets the status, the version and the times that depend on it.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn apply(
        &mut self,
        transition: GigTransition,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        self.status = self.check(transition)?;
        self.version += 1;
        match transition {
            GigTransition::Post | GigTransition::Edit => {
                self.submitted_at = Some(now);
                self.review_due_at = Some(limits.review.due_at(now));
            }
            GigTransition::Approve => {
                self.published_at = self.published_at.or(Some(now));
                self.review_due_at = None;
            }
            GigTransition::Reject | GigTransition::Archive => self.review_due_at = None,
            GigTransition::SaveDraft
            | GigTransition::Pause
            | GigTransition::Resume
            | GigTransition::Suspend => {}
        }
        Ok(())
    }

    /// Removes what the seller wrote, and what reviewers wrote to the seller. The codes of the reasons stay.
    pub fn remove_texts(&mut self) {
        ERASED_TITLE.clone_into(&mut self.content.title);
        self.content.description.clear();
        self.content.tags.clear();
        self.content.links.clear();
        let reasons = std::mem::take(&mut self.review_reasons);
        self.review_reasons = reasons.into_iter().map(ReviewReason::without_free_text).collect();
    }

    /// Whether the gig was rejected only for reasons that the seller cannot fix.
    fn is_permanently_rejected(&self) -> bool {
        self.status == GigStatus::Rejected
            && !self.review_reasons.is_empty()
            && self.review_reasons.iter().all(|reason| !reason.retryable)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::IntoEnumIterator;

    use super::*;
    use crate::domain::reason::ReasonCategory;

    fn gig_with_status(status: GigStatus) -> Gig {
        let content = GigContent {
            title: "A title long enough".into(),
            description: "Words".into(),
            category_id: CategoryId::nil(),
            price: Money::from_cents(500),
            delivery_days: 1,
            revisions: 0,
            tags: Vec::new(),
            links: Vec::new(),
        };
        let mut gig = Gig::new(GigId::nil(), UserId::nil(), content, DateTime::UNIX_EPOCH);
        gig.status = status;
        gig
    }

    fn reason(retryable: bool) -> ReviewReason {
        ReviewReason {
            code: "SPAM".into(),
            category: ReasonCategory::ContentPolicy,
            message: "It is spam.".into(),
            field: None,
            retryable,
            is_final: false,
            sealed: None,
        }
    }

    /// The allowed changes of status, written down independently of `GigStatus::next`.
    fn is_allowed(from: GigStatus, to: GigStatus) -> bool {
        use GigStatus::{Active, Archived, Draft, InReview, Paused, Rejected, Suspended};
        let targets: &[GigStatus] = match from {
            Draft => &[Draft, InReview, Archived],
            InReview => &[Active, Rejected, Archived],
            Active => &[Paused, Suspended, InReview, Archived],
            Paused => &[Active, Suspended, InReview, Archived],
            Rejected => &[InReview, Archived],
            Suspended => &[Archived],
            Archived => &[],
        };
        targets.contains(&to)
    }

    #[test]
    fn exactly_the_allowed_transitions_exist() {
        for from in GigStatus::iter() {
            for to in GigStatus::iter() {
                let exists = GigTransition::iter().any(|transition| from.next(transition) == Some(to));
                assert_eq!(exists, is_allowed(from, to), "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn a_rejected_gig_can_be_edited_only_if_one_reason_is_retryable() {
        let limits = Limits::default();
        let mut gig = gig_with_status(GigStatus::Rejected);
        gig.review_reasons = vec![reason(false), reason(false)];
        let violation = gig
            .apply(GigTransition::Edit, &limits, DateTime::UNIX_EPOCH)
            .expect_err("no reason is retryable");
        assert_eq!(violation.code, ViolationCode::InvalidTransition);
        assert_eq!(gig.version, 0);
        gig.review_reasons = vec![reason(false), reason(true)];
        gig.apply(GigTransition::Edit, &limits, DateTime::UNIX_EPOCH).expect("one reason is retryable");
        assert_eq!(gig.status, GigStatus::InReview);
    }

    proptest! {
        #[test]
        fn transitions_stay_in_the_table_and_increase_the_version(
            transitions in prop::collection::vec(
                prop::sample::select(GigTransition::iter().collect::<Vec<_>>()), 1..60)
        ) {
            let limits = Limits::default();
            let mut gig = gig_with_status(GigStatus::Draft);
            for transition in transitions {
                let before = gig.clone();
                match gig.apply(transition, &limits, DateTime::UNIX_EPOCH) {
                    Ok(()) => {
                        prop_assert!(is_allowed(before.status, gig.status));
                        prop_assert_eq!(gig.version, before.version + 1);
                    }
                    Err(violation) => {
                        prop_assert_eq!(violation.code, ViolationCode::InvalidTransition);
                        prop_assert_eq!(&gig, &before);
                    }
                }
                let in_review = gig.status == GigStatus::InReview;
                prop_assert_eq!(gig.review_due_at.is_some(), in_review);
                prop_assert!(gig.status != GigStatus::Active || gig.published_at.is_some());
            }
        }
    }
}
