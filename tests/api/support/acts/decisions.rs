//! What reviewers and administrators may do with an item, and what it does.

use chrono::TimeDelta;
use gigway::domain::user::Role;
use serde_json::{Value, json};

use super::model::{
    ATTEMPTS_MAX, CLAIM_MINUTES, CLAIMS_MAX, FLAGS_FOR_TWO, INSPECTION_MINUTES, Model, Proposal, refused,
};
use super::{Expected, PersonNumber, Side};

/// The decisions, in the order of the actions that they are.
pub const DECISIONS: [&str; 4] = ["CLEAR", "REQUEST_RESUBMISSION", "REJECT", "REVOKE"];

/// What a decision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Decide,
    Propose,
    Disagree,
}

impl Model {
    pub(super) fn claim(&mut self, actor: PersonNumber, owner: PersonNumber) -> Expected {
        if !self.can_review(actor) {
            return refused(["FORBIDDEN"]);
        }
        let item = self.people[owner].item.as_ref().expect("it is chosen only if there is one");
        if item.is_decided {
            // Whose item it is counts before its state, and its state before their own proposal, which is to revoke.
            return refused([if actor == owner { "NOT_ALLOWED" } else { "INVALID_TRANSITION" }]);
        }
        let mut codes = Vec::new();
        if actor == owner || self.proposal(owner).is_some_and(|proposal| proposal.author == actor) {
            codes.push("NOT_ALLOWED");
        }
        if self.claimant(owner).is_some_and(|claimant| claimant != actor) {
            codes.push("ALREADY_CLAIMED");
        }
        let others = (0..self.people.len()).filter(|other| *other != owner);
        if others.filter(|other| self.claimant(*other) == Some(actor)).count() >= CLAIMS_MAX {
            codes.push("LIMIT_REACHED");
        }
        if !codes.is_empty() {
            return refused(codes);
        }
        let until = self.now + TimeDelta::minutes(CLAIM_MINUTES);
        let name = self.people[actor].name;
        self.item_mut(owner).claim = Some((actor, until));
        self.entries.push((Some(actor), owner, "CLAIM"));
        Ok(json!({ "item": { "state": "CLAIMED", "claimedBy": { "displayName": name } } }))
    }

    pub(super) fn release(&mut self, actor: PersonNumber, owner: PersonNumber) -> Expected {
        if !self.can_review(actor) {
            return refused(["FORBIDDEN"]);
        }
        if actor == owner {
            return refused(["NOT_ALLOWED"]);
        }
        match self.claimant(owner) {
            None => refused(["INVALID_TRANSITION"]),
            Some(claimant) if claimant != actor && self.people[actor].role != Role::Admin => {
                refused(["ALREADY_CLAIMED"])
            }
            Some(_) => {
                self.item_mut(owner).claim = None;
                self.entries.push((Some(actor), owner, "RELEASE"));
                Ok(json!({ "item": { "state": "OPEN", "claimedBy": null } }))
            }
        }
    }

    fn item_mut(&mut self, owner: PersonNumber) -> &mut super::model::Item {
        self.people[owner].item.as_mut().expect("there is an item")
    }

    /// What the decision does now, or every error that applies.
    fn effect(
        &self,
        actor: PersonNumber,
        owner: PersonNumber,
        decision: &str,
    ) -> Result<Effect, Vec<&'static str>> {
        let person = &self.people[owner];
        let (from, to) = match decision {
            "CLEAR" => ("IN_REVIEW", "CLEARED"),
            "REQUEST_RESUBMISSION" => ("IN_REVIEW", "ACTION_REQUIRED"),
            "REJECT" => ("IN_REVIEW", "REJECTED"),
            _ => ("CLEARED", "REVOKED"),
        };
        let mut codes = Vec::new();
        if actor == owner {
            codes.push("NOT_ALLOWED");
        }
        if person.status != from {
            codes.push("INVALID_TRANSITION");
        }
        if to == "ACTION_REQUIRED" && person.attempts == ATTEMPTS_MAX {
            codes.push("ATTEMPTS_EXHAUSTED");
        }
        match (person.undecided_item(), self.claimant(owner)) {
            (Some(_), None) => codes.push("CLAIM_REQUIRED"),
            (Some(_), Some(claimant)) if claimant != actor => codes.push("ALREADY_CLAIMED"),
            (None, _) if !self.is_inspecting(actor, owner) => codes.push("INSPECTION_REQUIRED"),
            _ => {}
        }
        let proposal = self.proposal(owner);
        if proposal.is_some_and(|proposal| proposal.author == actor) {
            codes.push("NOT_ALLOWED");
        }
        let confirmed = proposal.filter(|proposal| proposal.decision == decision);
        if to == "CLEARED" && !self.are_pictures_delivered(owner, actor, confirmed.map(|it| it.author)) {
            codes.push("REQUIRED");
        }
        if !codes.is_empty() {
            return Err(codes);
        }
        let has_flag = |item: &super::model::Item| FLAGS_FOR_TWO.iter().any(|flag| item.flags.contains(flag));
        let needs_two = match to {
            "CLEARED" => person.undecided_item().is_some_and(has_flag),
            "ACTION_REQUIRED" => false,
            _ => true,
        };
        Ok(match proposal {
            Some(proposal) if proposal.decision == decision => Effect::Decide,
            Some(_) => Effect::Disagree,
            None if needs_two => Effect::Propose,
            None => Effect::Decide,
        })
    }

    /// Whether each required picture was delivered to the reviewer, or to the author of the confirmed proposal.
    fn are_pictures_delivered(
        &self,
        owner: PersonNumber,
        reviewer: PersonNumber,
        author: Option<PersonNumber>,
    ) -> bool {
        let person = &self.people[owner];
        let Some(item) = person.undecided_item() else { return false };
        let required = person.kind.map(super::Kind::sides).unwrap_or_default();
        let mut documents = person.documents.iter().filter(|document| required.contains(&document.side));
        documents.all(|document| {
            let is_delivered = |to: PersonNumber| item.deliveries.contains(&(document.key, to));
            is_delivered(reviewer) || author.is_some_and(is_delivered)
        })
    }

    pub(super) fn decide(
        &mut self,
        actor: PersonNumber,
        owner: PersonNumber,
        decision: &'static str,
        reason: Option<&'static str>,
        version: i64,
    ) -> Expected {
        if !self.can_review(actor) {
            return refused(["FORBIDDEN"]);
        }
        let mut codes = Vec::new();
        if self.people[owner].version != version {
            codes.push("STALE_VERSION");
        }
        let effect = self.effect(actor, owner, decision).map_err(|others| codes.extend(others));
        let Ok(effect) = effect.and_then(|effect| if codes.is_empty() { Ok(effect) } else { Err(()) }) else {
            return self.refuse(actor, owner, codes);
        };
        let action = match effect {
            Effect::Decide => "DECIDE",
            Effect::Propose => "PROPOSE",
            Effect::Disagree => "DISAGREE",
        };
        self.entries.push((Some(actor), owner, action));
        let state = self.people[owner].undecided_item().map(|_| match effect {
            Effect::Decide => "DECIDED",
            Effect::Propose | Effect::Disagree => "OPEN",
        });
        if let Some(item) = self.people[owner].item.as_mut().filter(|item| !item.is_decided) {
            item.claim = None;
            item.is_decided = effect == Effect::Decide;
        }
        let proposal = Proposal { decision, author: actor, at: self.now };
        self.people[owner].proposal = (effect == Effect::Propose).then_some(proposal);
        if effect == Effect::Decide {
            self.apply(owner, decision, reason);
        }
        let mut shown = self.people[owner].shown();
        shown["reviewItem"] = state.map_or(Value::Null, |state| json!({ "state": state }));
        Ok(shown)
    }

    /// What a reviewer tries in vain is in the trail.
    fn refuse(&mut self, actor: PersonNumber, owner: PersonNumber, codes: Vec<&'static str>) -> Expected {
        self.entries.push((Some(actor), owner, "DECISION_REFUSED"));
        refused(codes)
    }

    fn apply(&mut self, owner: PersonNumber, decision: &str, reason: Option<&str>) {
        let is_fraud = reason.is_some_and(|reason| ["DOCUMENT_TAMPERED", "SANCTIONED"].contains(&reason));
        match decision {
            "CLEAR" => self.forget(owner),
            "REJECT" if is_fraud => self.remember(owner, "PREVIOUSLY_REJECTED"),
            "REVOKE" if is_fraud => self.remember(owner, "PREVIOUSLY_REVOKED"),
            _ => {}
        }
        let person = &mut self.people[owner];
        person.version += 1;
        person.status = match decision {
            "CLEAR" => "CLEARED",
            "REQUEST_RESUBMISSION" => "ACTION_REQUIRED",
            "REJECT" => "REJECTED",
            _ => "REVOKED",
        };
        if decision == "REVOKE" {
            person.attempts = 0;
        }
        if decision == "REVOKE" || decision == "REQUEST_RESUBMISSION" {
            // IMAGE_UNREADABLE names the front, and the other reasons name nothing.
            let asks_for = |side: Side| match reason {
                Some("IMAGE_UNREADABLE") => side == Side::Front,
                Some("DATA_MISMATCH" | "UNDER_AGE") => false,
                _ => true,
            };
            person.is_form_asked = reason != Some("IMAGE_UNREADABLE");
            for document in &mut person.documents {
                document.is_asked = asks_for(document.side);
            }
        }
    }

    pub(super) fn inspect(&mut self, actor: PersonNumber, owner: PersonNumber) -> Expected {
        if self.people[actor].role != Role::Admin {
            return refused(["FORBIDDEN"]);
        }
        let is_decided =
            ["ACTION_REQUIRED", "CLEARED", "REJECTED", "REVOKED"].contains(&self.people[owner].status);
        let mut codes = Vec::new();
        if actor == owner {
            codes.push("NOT_ALLOWED");
        }
        if !is_decided {
            codes.push("INVALID_TRANSITION");
        }
        if !codes.is_empty() {
            return self.refuse(actor, owner, codes);
        }
        let until = self.now + TimeDelta::minutes(INSPECTION_MINUTES);
        self.people[owner].inspections.push((actor, until));
        self.entries.push((Some(actor), owner, "INSPECT"));
        let mut shown = self.people[owner].shown();
        shown["inspection"] = json!({ "expiresIn": INSPECTION_MINUTES * 60 });
        Ok(shown)
    }

    pub(super) fn reopen(&mut self, actor: PersonNumber, owner: PersonNumber, version: i64) -> Expected {
        if self.people[actor].role != Role::Admin {
            return refused(["FORBIDDEN"]);
        }
        let person = &self.people[owner];
        let mut codes = Vec::new();
        if actor == owner {
            codes.push("NOT_ALLOWED");
        }
        if person.version != version {
            codes.push("STALE_VERSION");
        }
        if person.status != "REJECTED" {
            codes.push("INVALID_TRANSITION");
        }
        if !codes.is_empty() {
            return self.refuse(actor, owner, codes);
        }
        let person = &mut self.people[owner];
        person.attempts = 0;
        person.status = "IN_PROGRESS";
        person.version += 1;
        let shown = person.shown();
        self.entries.push((Some(actor), owner, "REOPEN"));
        Ok(shown)
    }

    pub(super) fn read_actions(&self, actor: PersonNumber, owner: PersonNumber) -> Value {
        let person = &self.people[owner];
        let mut actions = Vec::new();
        if actor == owner {
            if person.can_change() {
                actions.extend(["SAVE_PERSONAL_INFO", "UPLOAD_DOCUMENT"]);
            }
            let can_submit = person.status == "IN_PROGRESS" && person.attempts < ATTEMPTS_MAX;
            if can_submit && person.has_all_parts() {
                actions.push("SUBMIT");
            }
        } else if self.can_review(actor) {
            actions.extend(DECISIONS.into_iter().filter(|it| self.effect(actor, owner, it).is_ok()));
        } else {
            return json!({ "node": null });
        }
        let (status, version) = (person.status, person.version);
        json!({ "node": { "status": status, "version": version, "viewerActions": actions } })
    }

    pub(super) fn read_item(&self, actor: PersonNumber, owner: PersonNumber) -> Value {
        if !self.can_review(actor) {
            return json!({ "node": null });
        }
        let item = self.people[owner].item.as_ref().expect("it is chosen only if there is one");
        let state = match self.claimant(owner) {
            Some(_) => "CLAIMED",
            None if item.is_decided => "DECIDED",
            None => "OPEN",
        };
        let proposal = self.proposal(owner).filter(|_| actor != owner);
        let proposal = proposal.map(|proposal| {
            let author = self.people[proposal.author].name;
            json!({ "decision": proposal.decision, "by": { "displayName": author } })
        });
        json!({ "node": { "state": state, "pendingProposal": proposal } })
    }
}
