//! Generates the past of the demo's gigs.
//!
//! Each transition goes through `domain` at a time in the past, and produces what the services would have
//! produced: the gig, the review queue, the decisions and the events.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::StdRng;

use crate::demo::NewId;
use crate::demo::outcomes::{FIXABLE_FINDINGS, Finding, Outcome};
use crate::domain::event::EventBody;
use crate::domain::gig::{Gig, GigContent, GigTransition};
use crate::domain::id::{ReviewItemId, SubjectId, UserId};
use crate::domain::limits::Limits;
use crate::domain::reason;
use crate::domain::reason::ReasonForm;
use crate::domain::review::{Decision, GigDecision, ReviewItem, ReviewQueueChange};
use crate::domain::review_kind::ReviewKind;
use crate::domain::review_record::RecordKind;
use crate::domain::violation::{Validator, Violation};

/// In milliseconds, like every duration in this file that is a plain number.
const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long ago the gigs were created.
const GIG_AGES: Range<i64> = 6 * HOUR..120 * DAY;

/// How long ago the one claimed item was claimed.
const CLAIMED_AGO: TimeDelta = TimeDelta::minutes(10);

/// The generated rows and events.
#[derive(Debug, Default)]
pub(super) struct History {
    pub gigs: Vec<Gig>,
    pub items: Vec<ReviewItem>,
    pub decisions: Vec<Decision>,
    /// The events with their times.
    pub events: Vec<(DateTime<Utc>, EventBody)>,
}

/// Generates the history of one gig after another.
pub(super) struct HistoryBuilder<'a> {
    limits: &'a Limits,
    now: DateTime<Utc>,
    /// Both make decisions. The second has claimed an item.
    reviewers: [UserId; 2],
    rng: StdRng,
    new_id: NewId<'a>,
    pub history: History,
    /// The current time in the history of the current gig.
    at: DateTime<Utc>,
    /// How many gigs are in review so far.
    waiting_count: i64,
}

/// An error is a bug in the demo: it breaks a rule of `domain`.
type BuildResult = Result<(), Vec<Violation>>;

impl<'a> HistoryBuilder<'a> {
    pub(super) fn new(
        limits: &'a Limits,
        now: DateTime<Utc>,
        reviewers: [UserId; 2],
        rng: StdRng,
        new_id: NewId<'a>,
    ) -> Self {
        Self { limits, now, reviewers, rng, new_id, history: History::default(), at: now, waiting_count: 0 }
    }

    /// Adds a gig and its history up to now.
    pub(super) fn add_gig(
        &mut self,
        seller_id: UserId,
        content: GigContent,
        outcome: Outcome,
    ) -> BuildResult {
        let submitted = matches!(outcome, Outcome::InReview).then(|| self.now - self.waiting_time());
        let age = match submitted {
            // Some gigs in review were ACTIVE before, and have been edited.
            Some(_) if self.waiting_count % 4 == 3 => TimeDelta::milliseconds(40 * DAY),
            Some(_) => TimeDelta::zero(),
            // The smaller of two random ages makes recent gigs more frequent, as in a growing marketplace.
            None => {
                let ages = [self.rng.random_range(GIG_AGES), self.rng.random_range(GIG_AGES)];
                TimeDelta::milliseconds(ages[0].min(ages[1]))
            }
        };
        self.at = submitted.unwrap_or(self.now) - age;
        let mut gig = Gig::new((self.new_id)().into(), seller_id, content, self.at);
        match (submitted, outcome) {
            (Some(submitted), _) => self.add_waiting_gig(&mut gig, submitted)?,
            (None, Outcome::Draft) => {
                self.transition(&mut gig, GigTransition::SaveDraft)?;
                self.advance_time(10 * MINUTE..DAY);
                self.transition(&mut gig, GigTransition::SaveDraft)?;
            }
            (None, outcome) => self.add_reviewed_gig(&mut gig, outcome)?,
        }
        self.history.gigs.push(gig);
        Ok(())
    }

    /// Returns how long the next gig has been in the queue. Every fourth is overdue.
    fn waiting_time(&mut self) -> TimeDelta {
        let limit = (i64::from(self.limits.review.days) * DAY).max(4 * HOUR);
        let waited = match self.waiting_count % 4 {
            1 => self.rng.random_range(limit + DAY..limit + 4 * DAY),
            _ => self.rng.random_range(2 * HOUR..limit - HOUR),
        };
        TimeDelta::milliseconds(waited)
    }

    /// A gig that has been in the queue since `submitted`.
    fn add_waiting_gig(&mut self, gig: &mut Gig, submitted: DateTime<Utc>) -> BuildResult {
        self.submit(gig, GigTransition::Post)?;
        if self.at < submitted {
            self.advance_time(HOUR..3 * DAY);
            self.decide(gig, GigDecision::Approve, None)?;
            self.at = submitted;
            self.submit(gig, GigTransition::Edit)?;
        }
        if self.waiting_count == 2 {
            self.claim()?;
        }
        self.waiting_count += 1;
        Ok(())
    }

    /// A gig that was posted and reviewed, and then reached its outcome.
    fn add_reviewed_gig(&mut self, gig: &mut Gig, outcome: Outcome) -> BuildResult {
        if self.rng.random_ratio(1, 3) {
            self.transition(gig, GigTransition::SaveDraft)?;
            self.advance_time(10 * MINUTE..2 * DAY);
        }
        self.submit(gig, GigTransition::Post)?;
        self.advance_time(HOUR..4 * DAY);
        if let Outcome::Rejected(finding) = outcome {
            return self.decide(gig, GigDecision::Reject, Some(finding));
        }
        if self.rng.random_ratio(1, 12) {
            let finding = &FIXABLE_FINDINGS[self.rng.random_range(0..FIXABLE_FINDINGS.len())];
            self.decide(gig, GigDecision::Reject, Some(finding))?;
            self.advance_time(20 * MINUTE..3 * DAY);
            self.submit(gig, GigTransition::Edit)?;
            self.advance_time(HOUR..3 * DAY);
        }
        self.decide(gig, GigDecision::Approve, None)?;
        self.advance_time(DAY..30 * DAY);
        match outcome {
            Outcome::Paused => self.transition(gig, GigTransition::Pause),
            Outcome::Archived => self.transition(gig, GigTransition::Archive),
            Outcome::Suspended(finding) => self.decide(gig, GigDecision::Suspend, Some(finding)),
            _ if self.rng.random_ratio(1, 10) => {
                self.transition(gig, GigTransition::Pause)?;
                self.advance_time(DAY..10 * DAY);
                self.transition(gig, GigTransition::Resume)
            }
            _ => Ok(()),
        }
    }

    /// Advances the time, by at most a third of what is left, so that nothing is in the future.
    fn advance_time(&mut self, span: Range<i64>) {
        let available = (self.now - self.at).num_milliseconds();
        let passed = self.rng.random_range(span).min(available / 3);
        self.at += TimeDelta::milliseconds(passed);
    }

    fn transition(&mut self, gig: &mut Gig, transition: GigTransition) -> BuildResult {
        let previous = gig.stored_status();
        gig.apply(transition, self.limits, self.at).map_err(|violation| vec![violation])?;
        if previous != Some(gig.status) {
            self.record_event(EventBody::gig_status(gig, previous));
        }
        Ok(())
    }

    fn submit(&mut self, gig: &mut Gig, transition: GigTransition) -> BuildResult {
        self.transition(gig, transition)?;
        let limits = &self.limits.review;
        let item = ReviewItem::new((self.new_id)().into(), SubjectId::Gig(gig.id), limits, self.at);
        self.record_queue_change(item.id, ReviewQueueChange::Submitted);
        self.history.items.push(item);
        Ok(())
    }

    /// The second reviewer claims the item that was submitted last.
    fn claim(&mut self) -> BuildResult {
        self.at = self.now - CLAIMED_AGO;
        let item = self.history.items.last_mut();
        let item = item.expect("an item has just been submitted");
        item.claim(self.reviewers[1], &self.limits.review, self.at).map_err(|violation| vec![violation])?;
        let item_id = item.id;
        self.record_queue_change(item_id, ReviewQueueChange::Claimed);
        Ok(())
    }

    fn decide(&mut self, gig: &mut Gig, decision: GigDecision, finding: Option<&Finding>) -> BuildResult {
        let forms: Vec<ReasonForm> = finding.map(Finding::reason).into_iter().collect();
        let mut validator = Validator::default();
        decision.check_reasons(forms.len(), &mut validator);
        let reasons = reason::resolve(forms, ReviewKind::Gig, &self.limits.review, &mut validator);
        validator.finish()?;
        let reviewer = self.reviewers[usize::from(self.rng.random_ratio(2, 5))];
        // A suspension has no queue item.
        let item = self.history.items.last_mut();
        let item = item.filter(|item| item.subject_id == SubjectId::Gig(gig.id) && item.decided_at.is_none());
        let item_id = match item {
            Some(item) => {
                item.decide(reviewer, false, self.at).map_err(|violation| vec![violation])?;
                Some(item.id)
            }
            None => None,
        };
        if let Some(item_id) = item_id {
            self.record_queue_change(item_id, ReviewQueueChange::Decided);
        }
        gig.review_reasons.clone_from(&reasons);
        self.transition(gig, decision.transition())?;
        let decision = Decision {
            id: (self.new_id)().into(),
            subject_id: SubjectId::Gig(gig.id),
            item_id,
            kind: RecordKind::Decision,
            reviewer_id: reviewer,
            decision: decision.into(),
            reasons,
            internal_note: finding.and_then(|finding| finding.note).map(str::to_owned),
            version: gig.version,
            decided_at: self.at,
        };
        self.history.decisions.push(decision);
        Ok(())
    }

    fn record_queue_change(&mut self, item_id: ReviewItemId, change: ReviewQueueChange) {
        let review_kind = ReviewKind::Gig;
        self.record_event(EventBody::ReviewQueue { item_id, review_kind, change });
    }

    fn record_event(&mut self, event: EventBody) {
        self.history.events.push((self.at, event));
    }
}
