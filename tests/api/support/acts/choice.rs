//! Chooses acts by what the model says, so that most of them lead somewhere, and some must be refused.

use gigway::domain::user::Role;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, SeedableRng};

use super::decisions::DECISIONS;
use super::model::Model;
use super::{Act, Kind, PersonNumber, Side, Step};

/// Chooses acts, always the same ones with the same seed.
pub struct Chooser {
    pub rng: StdRng,
    /// The people who act: all before this one.
    actors: PersonNumber,
    /// Those of them who are members at the beginning.
    members: PersonNumber,
    next_number: u32,
    next_picture: u32,
}

impl Chooser {
    pub fn new(seed: u64, actors: PersonNumber, members: PersonNumber) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { rng, actors, members, next_number: 1000, next_picture: 0 }
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    fn choose(&mut self, candidates: &[PersonNumber]) -> Option<PersonNumber> {
        candidates.choose(&mut self.rng).copied()
    }

    fn anybody(&mut self) -> PersonNumber {
        self.rng.random_range(0..self.actors)
    }

    /// The next act.
    pub fn next(&mut self, model: &Model) -> Step {
        let (actor, act) = loop {
            let chosen = match self.rng.random_range(0..1000) {
                0..300 => Some(self.act_of_applicant(model)),
                300..840 => self.act_of_reviewer(model),
                840..970 => self.act_of_administrator(model),
                970..990 => Some(self.change_of_account(model)),
                990..998 => Some((0, Act::Wait(6))),
                _ => Some((0, Act::Wait(61))),
            };
            if let Some(chosen) = chosen {
                break chosen;
            }
        };
        Step { actor, act, is_at_b: self.rng.random() }
    }

    fn act_of_applicant(&mut self, model: &Model) -> (PersonNumber, Act) {
        let able = (0..self.actors).filter(|it| model.people[*it].can_change());
        let able: Vec<_> = able.collect();
        let is_able = self.percent(80);
        let actor = self.choose(&able).filter(|_| is_able).unwrap_or_else(|| self.anybody());
        let person = &model.people[actor];
        let (is_form_missing, sides) = person.missing();
        let is_directed = person.can_change() && self.percent(85);
        let act = match (is_directed, is_form_missing, sides.first()) {
            (true, true, _) => self.save_form(model, actor),
            (true, false, Some(side)) => self.upload(model, actor, *side),
            (true, false, None) if person.status == "IN_PROGRESS" => Act::Submit,
            _ => match self.rng.random_range(0..10) {
                0..3 => self.save_form(model, actor),
                3..5 => self.upload(model, actor, Side::Front),
                5..7 => Act::Submit,
                7 => Act::OpenForm { owner: actor },
                8 => Act::OpenPictures { owner: actor },
                _ => Act::ReadActions { owner: actor },
            },
        };
        (actor, act)
    }

    fn save_form(&mut self, model: &Model, actor: PersonNumber) -> Act {
        let own = u32::try_from(actor).expect("few people");
        let document_number = match self.rng.random_range(0..100) {
            // The number of somebody else.
            0..15 => {
                let other = self.anybody();
                model.people[other].document_number.unwrap_or(own)
            }
            15..60 => own,
            _ => {
                self.next_number += 1;
                self.next_number
            }
        };
        Act::SaveForm { document_number }
    }

    fn upload(&mut self, model: &Model, actor: PersonNumber, side: Side) -> Act {
        let kinds = [Kind::Passport, Kind::NationalId];
        let kind = model.people[actor].kind.filter(|_| self.rng.random_ratio(85, 100));
        let kind = kind.unwrap_or_else(|| kinds[self.rng.random_range(0..2)]);
        let side = if kind == Kind::Passport { Side::Front } else { side };
        let others = model.people.iter().flat_map(|person| &person.documents);
        let other = others.choose(&mut self.rng).map(|document| document.picture);
        self.next_picture += 1;
        // The picture of somebody else, or one of their own.
        let picture = other.filter(|_| self.rng.random_ratio(8, 100)).unwrap_or(self.next_picture);
        Act::Upload { kind, side, picture }
    }

    /// Somebody with this role or, sometimes, anybody.
    fn somebody(&mut self, model: &Model, has_role: impl Fn(Role) -> bool) -> PersonNumber {
        let able = (0..self.actors).filter(|person| {
            let person = &model.people[*person];
            has_role(person.role) && !person.is_blocked
        });
        let able: Vec<_> = able.collect();
        let is_able = self.percent(88);
        self.choose(&able).filter(|_| is_able).unwrap_or_else(|| self.anybody())
    }

    fn act_of_reviewer(&mut self, model: &Model) -> Option<(PersonNumber, Act)> {
        let of = |is_chosen: fn(&super::model::Person) -> bool| -> Vec<PersonNumber> {
            (0..self.actors).filter(|owner| is_chosen(&model.people[*owner])).collect()
        };
        let (with_item, undecided) = (of(|it| it.item.is_some()), of(|it| it.undecided_item().is_some()));
        let owner = if self.percent(90) { self.choose(&undecided) } else { self.choose(&with_item) }?;
        let claimant = model.claimant(owner).filter(|_| self.percent(70));
        let actor = claimant.unwrap_or_else(|| self.somebody(model, Role::can_review));
        let act = if model.claimant(owner) == Some(actor) {
            match self.rng.random_range(0..100) {
                0..18 => Act::OpenForm { owner },
                18..48 => Act::OpenPictures { owner },
                48..84 => self.decide(model, owner),
                84..88 => Act::Release { owner },
                88..91 => Act::Claim { owner },
                91..94 => Act::ReadActions { owner },
                94..98 => return self.fetch(model),
                _ => self.open_without_trail(model, actor, owner)?,
            }
        } else {
            match self.rng.random_range(0..100) {
                0..52 => Act::Claim { owner },
                52..62 => Act::OpenForm { owner },
                62..70 => Act::OpenPictures { owner },
                70..76 => return self.fetch(model),
                76..86 => self.decide(model, owner),
                86..91 => Act::Release { owner },
                91..95 => Act::ReadActions { owner },
                95..99 => Act::ReadItem { owner },
                _ => self.open_without_trail(model, actor, owner)?,
            }
        };
        Some((actor, act))
    }

    fn fetch(&mut self, model: &Model) -> Option<(PersonNumber, Act)> {
        // Mostly a new one, and by whom it was made for.
        let count = model.urls.len();
        let from = if self.percent(80) { count.saturating_sub(6) } else { 0 };
        let url = (count > 0).then(|| self.rng.random_range(from..count))?;
        let actor = if self.percent(70) { model.urls[url].issued_to() } else { self.anybody() };
        Some((actor, Act::FetchPicture { url }))
    }

    fn open_without_trail(&mut self, model: &Model, actor: PersonNumber, owner: PersonNumber) -> Option<Act> {
        let url = model.urls.len().checked_sub(1)?;
        // It is slow, because it changes tables.
        let is_chosen = !model.people[actor].is_blocked && self.percent(25);
        is_chosen.then_some(Act::OpenWithoutTrail { owner, url })
    }

    fn decide(&mut self, model: &Model, owner: PersonNumber) -> Act {
        let proposed = model.proposal(owner).map(|proposal| proposal.decision);
        let decision = proposed.filter(|_| self.percent(70)).unwrap_or_else(|| {
            let weights = [40, 25, 28, 7];
            let mut left = self.rng.random_range(0..100);
            let index = weights.iter().position(|weight| {
                let is_here = left < *weight;
                left -= *weight;
                is_here
            });
            DECISIONS[index.expect("the weights are 100 in all")]
        });
        self.decision(model, owner, decision)
    }

    fn decision(&mut self, model: &Model, owner: PersonNumber, decision: &'static str) -> Act {
        let reasons: &[&str] = match decision {
            "CLEAR" => &[],
            "REQUEST_RESUBMISSION" => &["IMAGE_UNREADABLE", "DATA_MISMATCH"],
            "REJECT" => &["DOCUMENT_TAMPERED", "SANCTIONED", "UNDER_AGE"],
            _ => &["DOCUMENT_TAMPERED", "UNDER_AGE"],
        };
        let reason = reasons.choose(&mut self.rng).copied();
        Act::Decide { owner, decision, reason, version: self.version(model, owner) }
    }

    /// The version of the verification or, sometimes, an earlier one.
    fn version(&mut self, model: &Model, owner: PersonNumber) -> i64 {
        model.people[owner].version - i64::from(self.percent(4))
    }

    fn act_of_administrator(&mut self, model: &Model) -> Option<(PersonNumber, Act)> {
        let of = |is_chosen: &dyn Fn(PersonNumber) -> bool| -> Vec<PersonNumber> {
            (0..self.actors).filter(|owner| is_chosen(*owner)).collect()
        };
        let decided = of(&|owner| {
            ["CLEARED", "REJECTED", "REVOKED", "ACTION_REQUIRED"].contains(&model.people[owner].status)
        });
        let inspected = of(&|owner| (0..self.actors).any(|admin| model.is_inspecting(admin, owner)));
        let owner = match self.rng.random_range(0..100) {
            0..60 => self.choose(&inspected)?,
            60..95 => self.choose(&decided)?,
            _ => self.anybody(),
        };
        let author = model.proposal(owner).map(|proposal| proposal.author);
        let mut inspectors =
            (0..self.actors).filter(|it| model.is_inspecting(*it, owner) && author != Some(*it));
        let inspector = inspectors.next().filter(|_| self.percent(60));
        let actor = inspector.unwrap_or_else(|| self.somebody(model, |role| role == Role::Admin));
        let status = model.people[owner].status;
        let decide = self.rng.random_range(0..100) < 60;
        let act = match (status, model.is_inspecting(actor, owner), self.rng.random_range(0..100)) {
            ("CLEARED", true, _) | ("CLEARED", false, 0..10) if decide => {
                self.decision(model, owner, "REVOKE")
            }
            ("REJECTED", ..) | (_, _, 0..10) if decide => {
                Act::Reopen { owner, version: self.version(model, owner) }
            }
            (_, true, 5..40) | (_, false, 5..10) => Act::OpenForm { owner },
            (_, true, 40..80) | (_, false, 10..15) => Act::OpenPictures { owner },
            (_, _, 15..20) => Act::ReadActions { owner },
            _ => Act::Inspect { owner },
        };
        Some((actor, act))
    }

    fn change_of_account(&mut self, model: &Model) -> (PersonNumber, Act) {
        let blocked: Vec<_> = (0..self.actors).filter(|it| model.people[*it].is_blocked).collect();
        if let Some(person) = self.choose(&blocked)
            && self.percent(60)
        {
            return (person, Act::Unblock);
        }
        // There must be people who review: at least two reviewers and two administrators.
        for (role, is_enough) in [(Role::Admin, 2), (Role::Reviewer, 2)] {
            let active = (self.members..self.actors)
                .filter(|it| model.people[*it].role == role && !model.people[*it].is_blocked);
            if active.count() < is_enough {
                let others = (self.members..self.actors).filter(|it| model.people[*it].role != role);
                let person = others.choose(&mut self.rng).expect("somebody with another role");
                return (person, Act::SetRole(role));
            }
        }
        let person = self.anybody();
        let act = match self.rng.random_range(0..10) {
            0..3 => Act::Block,
            3..6 => Act::SetRole(Role::Member),
            6..9 => Act::SetRole(Role::Reviewer),
            _ => Act::SetRole(Role::Admin),
        };
        (person, act)
    }
}
