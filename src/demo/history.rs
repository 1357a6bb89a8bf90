//! What has happened to the demo's gigs so far, told act by act.
//!
//! Every act goes through `domain`, at a time of its own in the past, and leaves behind what the
//! services would have left: the gig as it is now, the review queue, the decisions and the events.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::StdRng;
use uuid::Uuid;

use crate::demo::NewId;
use crate::demo::fates::{Fate, SLIPS, Verdict};
use crate::domain::event::EventBody;
use crate::domain::gig::{Gig, GigContent, GigTransition};
use crate::domain::limits::Limits;
use crate::domain::reason;
use crate::domain::reason::ReasonForm;
use crate::domain::review::{Decision, GigDecision, ReviewItem, ReviewQueueChange};
use crate::domain::review_kind::ReviewKind;
use crate::domain::violation::{Validator, Violation};

/// In milliseconds, as all spans here.
const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Since when the gigs have been made.
const AGES: Range<i64> = 6 * HOUR..120 * DAY;

/// How long ago the reviewer took the one item that is claimed.
const CLAIMED_BEFORE: TimeDelta = TimeDelta::minutes(10);

/// What there is of it all now.
#[derive(Debug, Default)]
pub(super) struct History {
    pub gigs: Vec<Gig>,
    pub items: Vec<ReviewItem>,
    pub decisions: Vec<Decision>,
    /// What happened, and when.
    pub events: Vec<(DateTime<Utc>, EventBody)>,
}

/// Tells one gig's life after another's.
pub(super) struct Teller<'a> {
    limits: &'a Limits,
    now: DateTime<Utc>,
    /// Both decide, and the second has claimed an item.
    reviewers: [Uuid; 2],
    rng: StdRng,
    new_id: NewId<'a>,
    pub history: History,
    /// The time in the life being told.
    at: DateTime<Utc>,
    /// How many gigs wait for a review so far.
    waiting: i64,
}

/// A breach of a rule is a mistake in the demo.
type Told = Result<(), Vec<Violation>>;

impl<'a> Teller<'a> {
    pub(super) fn new(
        limits: &'a Limits,
        now: DateTime<Utc>,
        reviewers: [Uuid; 2],
        rng: StdRng,
        new_id: NewId<'a>,
    ) -> Self {
        Self { limits, now, reviewers, rng, new_id, history: History::default(), at: now, waiting: 0 }
    }

    /// The life of one gig up to now.
    ///
    /// # Errors
    /// The faults of an act that the rules do not allow.
    pub(super) fn tell(&mut self, seller_id: Uuid, content: GigContent, fate: Fate) -> Told {
        let submitted = matches!(fate, Fate::InReview).then(|| self.now - self.wait());
        let age = match submitted {
            // Some of those who wait were listed before, and have been edited.
            Some(_) if self.waiting % 4 == 3 => TimeDelta::milliseconds(40 * DAY),
            Some(_) => TimeDelta::zero(),
            // The lower of two is more often recent: the marketplace grows.
            None => {
                let ages = [self.rng.random_range(AGES), self.rng.random_range(AGES)];
                TimeDelta::milliseconds(ages[0].min(ages[1]))
            }
        };
        self.at = submitted.unwrap_or(self.now) - age;
        let mut gig = Gig::new((self.new_id)(), seller_id, content, self.at);
        match (submitted, fate) {
            (Some(submitted), _) => self.wait_for_review(&mut gig, submitted)?,
            (None, Fate::Draft) => {
                self.transition(&mut gig, GigTransition::SaveDraft)?;
                self.pass(10 * MINUTE..DAY);
                self.transition(&mut gig, GigTransition::SaveDraft)?;
            }
            (None, fate) => self.get_through_review(&mut gig, fate)?,
        }
        self.history.gigs.push(gig);
        Ok(())
    }

    /// How long the next gig in the queue has waited; every fourth for longer than it should have.
    fn wait(&mut self) -> TimeDelta {
        let limit = (i64::from(self.limits.review.days) * DAY).max(4 * HOUR);
        let waited = match self.waiting % 4 {
            1 => self.rng.random_range(limit + DAY..limit + 4 * DAY),
            _ => self.rng.random_range(2 * HOUR..limit - HOUR),
        };
        TimeDelta::milliseconds(waited)
    }

    /// The gig has been in the queue since `submitted`.
    fn wait_for_review(&mut self, gig: &mut Gig, submitted: DateTime<Utc>) -> Told {
        self.submit(gig, GigTransition::Post)?;
        if self.at < submitted {
            self.pass(HOUR..3 * DAY);
            self.decide(gig, GigDecision::Approve, None)?;
            self.at = submitted;
            self.submit(gig, GigTransition::Edit)?;
        }
        if self.waiting == 2 {
            self.claim()?;
        }
        self.waiting += 1;
        Ok(())
    }

    /// The gig was posted, decided, and went on from there.
    fn get_through_review(&mut self, gig: &mut Gig, fate: Fate) -> Told {
        if self.rng.random_ratio(1, 3) {
            self.transition(gig, GigTransition::SaveDraft)?;
            self.pass(10 * MINUTE..2 * DAY);
        }
        self.submit(gig, GigTransition::Post)?;
        self.pass(HOUR..4 * DAY);
        if let Fate::Rejected(verdict) = fate {
            return self.decide(gig, GigDecision::Reject, Some(verdict));
        }
        if self.rng.random_ratio(1, 12) {
            let slip = &SLIPS[self.rng.random_range(0..SLIPS.len())];
            self.decide(gig, GigDecision::Reject, Some(slip))?;
            self.pass(20 * MINUTE..3 * DAY);
            self.submit(gig, GigTransition::Edit)?;
            self.pass(HOUR..3 * DAY);
        }
        self.decide(gig, GigDecision::Approve, None)?;
        self.pass(DAY..30 * DAY);
        match fate {
            Fate::Paused => self.transition(gig, GigTransition::Pause),
            Fate::Archived => self.transition(gig, GigTransition::Archive),
            Fate::Suspended(verdict) => self.decide(gig, GigDecision::Suspend, Some(verdict)),
            _ if self.rng.random_ratio(1, 10) => {
                self.transition(gig, GigTransition::Pause)?;
                self.pass(DAY..10 * DAY);
                self.transition(gig, GigTransition::Resume)
            }
            _ => Ok(()),
        }
    }

    /// Lets some time go by, but never more than a third of what is left: nothing is in the future.
    fn pass(&mut self, span: Range<i64>) {
        let left = (self.now - self.at).num_milliseconds();
        let passed = self.rng.random_range(span).min(left / 3);
        self.at += TimeDelta::milliseconds(passed);
    }

    fn transition(&mut self, gig: &mut Gig, transition: GigTransition) -> Told {
        let previous = gig.stored_status();
        gig.apply(transition, self.limits, self.at).map_err(|violation| vec![violation])?;
        if previous != Some(gig.status) {
            self.note(EventBody::gig_status(gig, previous));
        }
        Ok(())
    }

    fn submit(&mut self, gig: &mut Gig, transition: GigTransition) -> Told {
        self.transition(gig, transition)?;
        let limits = &self.limits.review;
        let item = ReviewItem::submitted((self.new_id)(), ReviewKind::Gig, gig.id, limits, self.at);
        self.note_queue(item.id, ReviewQueueChange::Submitted);
        self.history.items.push(item);
        Ok(())
    }

    /// Somebody is about to decide the item that was submitted last.
    fn claim(&mut self) -> Told {
        self.at = self.now - CLAIMED_BEFORE;
        let item = self.history.items.last_mut();
        let item = item.expect("an item has just been submitted");
        item.claim(self.reviewers[1], &self.limits.review, self.at).map_err(|violation| vec![violation])?;
        let item_id = item.id;
        self.note_queue(item_id, ReviewQueueChange::Claimed);
        Ok(())
    }

    fn decide(&mut self, gig: &mut Gig, decision: GigDecision, verdict: Option<&Verdict>) -> Told {
        let forms: Vec<ReasonForm> = verdict.map(Verdict::reason).into_iter().collect();
        let mut check = Validator::default();
        decision.check_reasons(forms.len(), &mut check);
        let reasons = reason::resolve(forms, ReviewKind::Gig, &self.limits.review, &mut check);
        check.finish()?;
        let reviewer = self.reviewers[usize::from(self.rng.random_ratio(2, 5))];
        // A suspension has none: no queue item asked for it.
        let item = self.history.items.last_mut();
        let item = item.filter(|item| item.subject_id == gig.id && item.decided_at.is_none());
        let item_id = match item {
            Some(item) => {
                item.decide(reviewer, self.at).map_err(|violation| vec![violation])?;
                Some(item.id)
            }
            None => None,
        };
        if let Some(item_id) = item_id {
            self.note_queue(item_id, ReviewQueueChange::Decided);
        }
        gig.review_reasons.clone_from(&reasons);
        self.transition(gig, decision.transition())?;
        let decision = Decision {
            id: (self.new_id)(),
            subject_id: gig.id,
            item_id,
            reviewer_id: reviewer,
            decision: decision.into(),
            reasons,
            internal_note: verdict.and_then(|verdict| verdict.note).map(str::to_owned),
            version: gig.version,
            decided_at: self.at,
        };
        self.history.decisions.push(decision);
        Ok(())
    }

    fn note_queue(&mut self, item_id: Uuid, change: ReviewQueueChange) {
        let review_kind = ReviewKind::Gig;
        self.note(EventBody::ReviewQueue { item_id, review_kind, change });
    }

    fn note(&mut self, event: EventBody) {
        self.history.events.push((self.at, event));
    }
}
