//! Checks what the gateway has recorded, by the rules alone: the audit trail and its chain, the record of reviews, and
//! the statuses.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{audit_entry, review_decision, review_flag, verification};
use gigway::service::audit::verify::verify;
use sea_orm::{EntityTrait, QueryOrder};
use uuid::Uuid;

use super::model::{CLAIM_MINUTES, FLAGS_FOR_TWO, INSPECTION_MINUTES, PROPOSAL_HOURS};
use crate::support::test_app::TestApp;

/// What was found.
#[derive(Debug, Default)]
pub struct Totals {
    pub openings: usize,
    pub rejected: usize,
    pub cleared_by_two: usize,
}

/// Checks all records.
pub async fn check(app: &TestApp) -> Totals {
    let db = app.services().db.read();
    let report = verify(db, &app.services().vault, None).await.expect("a report");
    assert_eq!(report.problems, []);
    let trail = audit_entry::Entity::find().order_by_asc(audit_entry::Column::Number).all(db).await;
    let mut replay = Replay::default();
    for entry in trail.expect("a trail") {
        replay.add(&entry);
    }
    for row in verification::Entity::find().all(db).await.expect("verifications") {
        let last = replay.last_decisions.get(&row.user_id).map(String::as_str);
        assert_eq!(row.status == "REJECTED", last == Some("REJECT"), "{row:?}: {last:?}");
        replay.totals.rejected += usize::from(row.status == "REJECTED");
    }
    let record = review_decision::Entity::find()
        .order_by_asc(review_decision::Column::DecidedAt)
        .order_by_asc(review_decision::Column::Id)
        .all(db)
        .await
        .expect("a record");
    let flags = review_flag::Entity::find().all(db).await.expect("flags");
    replay.totals.cleared_by_two = check_flagged_items(&record, &flags);
    replay.totals
}

/// The trail, read from its beginning.
#[derive(Debug, Default)]
struct Replay {
    /// Of each verification: the reviewer with the claim, and until when.
    claims: HashMap<Uuid, (Uuid, DateTime<Utc>)>,
    inspections: HashMap<(Uuid, Uuid), DateTime<Utc>>,
    /// The decision that waits for a second reviewer, its author, and since when.
    proposals: HashMap<Uuid, (String, Uuid, DateTime<Utc>)>,
    last_decisions: HashMap<Uuid, String>,
    totals: Totals,
}

impl Replay {
    fn add(&mut self, entry: &audit_entry::Model) {
        let subject = entry.subject_id.expect("it is about somebody");
        // An operator does not review.
        let Some(actor) = entry.actor_id else {
            assert!(["ROLE", "BLOCK", "UNBLOCK"].contains(&entry.action.as_str()), "{entry:?}");
            return;
        };
        if entry.action == "DECISION_REFUSED" {
            return;
        }
        assert_ne!(actor, subject, "nobody reviews themselves: {entry:?}");
        let at = entry.at;
        match entry.action.as_str() {
            "CLAIM" => {
                let until = at + TimeDelta::minutes(CLAIM_MINUTES);
                let before = self.claims.insert(subject, (actor, until));
                let is_free = before.is_none_or(|(claimant, until)| claimant == actor || until <= at);
                assert!(is_free, "somebody else has claimed it: {entry:?}");
            }
            "RELEASE" => drop(self.claims.remove(&subject).expect("a claim")),
            "INSPECT" => {
                self.inspections.insert((actor, subject), at + TimeDelta::minutes(INSPECTION_MINUTES));
            }
            "VIEW_PERSONAL_INFO" | "VIEW_DOCUMENT" => {
                self.totals.openings += 1;
                assert!(self.has_claim(entry, actor) || self.inspects(entry, actor), "{entry:?}");
            }
            "PROPOSE" | "DISAGREE" | "DECIDE" => self.add_voice(entry, actor, subject),
            "REOPEN" => drop(self.last_decisions.insert(subject, "REOPEN".to_owned())),
            action => panic!("{action} is not expected"),
        }
    }

    fn has_claim(&self, entry: &audit_entry::Model, actor: Uuid) -> bool {
        let claim = entry.subject_id.and_then(|subject| self.claims.get(&subject));
        claim.is_some_and(|(claimant, until)| *claimant == actor && *until > entry.at)
    }

    fn inspects(&self, entry: &audit_entry::Model, actor: Uuid) -> bool {
        let inspection = entry.subject_id.and_then(|subject| self.inspections.get(&(actor, subject)));
        inspection.is_some_and(|until| *until > entry.at)
    }

    fn add_voice(&mut self, entry: &audit_entry::Model, actor: Uuid, subject: Uuid) {
        let decision = entry.detail.as_str();
        let may_decide =
            if decision == "REVOKE" { self.inspects(entry, actor) } else { self.has_claim(entry, actor) };
        assert!(may_decide, "neither a claim nor an inspection: {entry:?}");
        self.claims.remove(&subject);
        let proposal = self.proposals.remove(&subject);
        let is_live = |at: DateTime<Utc>| at + TimeDelta::hours(PROPOSAL_HOURS) > entry.at;
        let proposal = proposal.filter(|(_, author, at)| *author != actor && is_live(*at));
        match entry.action.as_str() {
            "PROPOSE" => {
                self.proposals.insert(subject, (decision.to_owned(), actor, entry.at));
            }
            "DISAGREE" => {
                let (proposed, ..) = proposal.expect("the proposal of another reviewer");
                assert_ne!(proposed, decision, "{entry:?}");
            }
            _ => {
                let is_confirmed = proposal.is_some_and(|(proposed, ..)| proposed == decision);
                let needs_two = ["REJECT", "REVOKE"].contains(&decision);
                assert!(is_confirmed || !needs_two, "two reviewers are needed: {entry:?}");
                self.last_decisions.insert(subject, decision.to_owned());
            }
        }
    }
}

/// Checks that two reviewers have cleared each item that had a flag which asks for two. Returns how many.
fn check_flagged_items(record: &[review_decision::Model], flags: &[review_flag::Model]) -> usize {
    let mut count = 0;
    for (index, row) in record.iter().enumerate() {
        let is_flagged = flags.iter().any(|flag| {
            let is_of_item = Some(flag.item_id) == row.item_id && flag.raised_at <= row.decided_at;
            is_of_item && !flag.is_hint && FLAGS_FOR_TWO.contains(&flag.code.as_str())
        });
        if row.kind != "DECISION" || row.decision != "CLEAR" || !is_flagged {
            continue;
        }
        let mut earlier = record[..index].iter().rev().filter(|other| other.item_id == row.item_id);
        let voice = earlier.next().expect("an earlier voice");
        assert_eq!((voice.kind.as_str(), voice.decision.as_str()), ("PROPOSAL", "CLEAR"), "{row:?}");
        assert_ne!(voice.reviewer_id, row.reviewer_id, "{row:?}");
        assert!(voice.decided_at + TimeDelta::hours(PROPOSAL_HOURS) > row.decided_at, "{row:?}");
        count += 1;
    }
    count
}
