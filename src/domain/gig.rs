//! A gig and its life: which act leads from which status to which other.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::category::Category;
use crate::domain::limits::Limits;
use crate::domain::money::Money;
use crate::domain::reason::ReviewReason;
use crate::domain::user::Viewer;
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

/// What can be done to a gig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum GigTransition {
    /// The seller goes on writing a draft.
    SaveDraft,
    /// The seller sends a draft for approval.
    Post,
    /// The seller changes it and sends it for approval again.
    Edit,
    Pause,
    Resume,
    Archive,
    Approve,
    Reject,
    Suspend,
}

impl GigStatus {
    /// The status that `transition` leads to; `None` where it leads nowhere. The whole table of a gig's life.
    fn after(self, transition: GigTransition) -> Option<Self> {
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

/// What the seller writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GigContent {
    pub title: String,
    pub description: String,
    pub category_id: Uuid,
    pub price: Money,
    pub delivery_days: i32,
    pub revisions: i32,
    pub tags: Vec<String>,
    pub links: Vec<String>,
}

impl GigContent {
    /// What a draft holds before its seller has written anything: the schema promises a category and a
    /// price of every gig, so a draft starts with the catalogue's first and its minimum.
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

/// A small job offered by its seller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gig {
    pub id: Uuid,
    pub seller_id: Uuid,
    pub content: GigContent,
    pub status: GigStatus,
    /// Goes up by one at every change.
    pub version: i32,
    /// The last decision's reasons.
    pub review_reasons: Vec<ReviewReason>,
    pub created_at: DateTime<Utc>,
    pub submitted_at: Option<DateTime<Utc>>,
    /// When it first became ACTIVE.
    pub published_at: Option<DateTime<Utc>>,
    /// When the review under way is due.
    pub review_due_at: Option<DateTime<Utc>>,
}

impl Gig {
    /// A gig that is not stored yet: its first act makes it version 1.
    pub fn new(id: Uuid, seller_id: Uuid, content: GigContent, now: DateTime<Utc>) -> Self {
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

    /// Its status, once it has been stored.
    pub fn stored_status(&self) -> Option<GigStatus> {
        (self.version > 0).then_some(self.status)
    }

    /// Whether everybody sees it.
    pub fn is_listed(&self) -> bool {
        self.status == GigStatus::Active
    }

    /// Whether `viewer` may see what the review of it says.
    pub fn review_visible_to(&self, viewer: Option<&Viewer>) -> bool {
        viewer.is_some_and(|viewer| viewer.role.reviews() || viewer.id() == self.seller_id)
    }

    /// Does `transition`: the status it leads to, the next version, and the times that go with it.
    ///
    /// # Errors
    /// `INVALID_TRANSITION` where the gig's status does not allow it.
    pub fn apply(
        &mut self,
        transition: GigTransition,
        limits: &Limits,
        now: DateTime<Utc>,
    ) -> Result<(), Violation> {
        if transition == GigTransition::Edit && self.rejected_for_good() {
            let message = "This gig was rejected for good: it can only be archived.";
            return Err(Violation::of_act(ViolationCode::InvalidTransition, message));
        }
        let Some(status) = self.status.after(transition) else {
            let (status, transition): (&str, _) = (self.status.into(), verb(transition));
            let message = format!("A gig that is {status} cannot be {transition}.");
            return Err(Violation::of_act(ViolationCode::InvalidTransition, message));
        };
        self.status = status;
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

    /// Rejected for reasons of which none can be mended.
    fn rejected_for_good(&self) -> bool {
        self.status == GigStatus::Rejected
            && !self.review_reasons.is_empty()
            && self.review_reasons.iter().all(|reason| !reason.retryable)
    }
}

fn verb(transition: GigTransition) -> &'static str {
    match transition {
        GigTransition::SaveDraft => "saved as a draft",
        GigTransition::Post => "posted",
        GigTransition::Edit => "edited",
        GigTransition::Pause => "paused",
        GigTransition::Resume => "resumed",
        GigTransition::Archive => "archived",
        GigTransition::Approve => "approved",
        GigTransition::Reject => "rejected",
        GigTransition::Suspend => "suspended",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::IntoEnumIterator;

    use super::*;
    use crate::domain::reason::ReasonCategory;

    fn some_gig(status: GigStatus) -> Gig {
        let content = GigContent {
            title: "A title long enough".into(),
            description: "Words".into(),
            category_id: Uuid::nil(),
            price: Money::from_cents(500),
            delivery_days: 1,
            revisions: 0,
            tags: Vec::new(),
            links: Vec::new(),
        };
        let mut gig = Gig::new(Uuid::nil(), Uuid::nil(), content, DateTime::UNIX_EPOCH);
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
        }
    }

    /// The table as the marketplace's rules state it, written down a second time and another way.
    fn allowed(from: GigStatus, to: GigStatus) -> bool {
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
    fn every_allowed_step_is_taken_by_some_act() {
        for from in GigStatus::iter() {
            for to in GigStatus::iter() {
                let taken = GigTransition::iter().any(|transition| from.after(transition) == Some(to));
                assert_eq!(taken, allowed(from, to), "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn a_gig_rejected_for_good_cannot_be_edited_and_one_with_a_way_back_can() {
        let limits = Limits::default();
        let mut gig = some_gig(GigStatus::Rejected);
        gig.review_reasons = vec![reason(false), reason(false)];
        let violation = gig
            .apply(GigTransition::Edit, &limits, DateTime::UNIX_EPOCH)
            .expect_err("it was rejected for good");
        assert_eq!(violation.code, ViolationCode::InvalidTransition);
        assert_eq!(gig.version, 0);
        gig.review_reasons = vec![reason(false), reason(true)];
        gig.apply(GigTransition::Edit, &limits, DateTime::UNIX_EPOCH).expect("one reason can be mended");
        assert_eq!(gig.status, GigStatus::InReview);
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_table_and_the_version_only_grows(
            acts in prop::collection::vec(prop::sample::select(GigTransition::iter().collect::<Vec<_>>()), 1..60)
        ) {
            let limits = Limits::default();
            let mut gig = some_gig(GigStatus::Draft);
            for transition in acts {
                let before = gig.clone();
                match gig.apply(transition, &limits, DateTime::UNIX_EPOCH) {
                    Ok(()) => {
                        prop_assert!(allowed(before.status, gig.status));
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
