//! The state of all verifications, and what each act must do with it.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use gigway::domain::user::Role;
use serde_json::{Value, json};

use super::openings::PictureUrl;
use super::{Act, Expected, Kind, PersonNumber, Side, Step};

/// The limits of the gateways; see [`LIMITS`].
pub const CLAIM_MINUTES: i64 = 5;
pub const INSPECTION_MINUTES: i64 = 5;
pub const PROPOSAL_HOURS: i64 = 1;
pub const CLAIMS_MAX: usize = 2;
pub const ATTEMPTS_MAX: u32 = 3;

/// The same limits for the gateways: two reviewers for REJECT, REVOKE and flags. Sessions last.
pub const LIMITS: &str = r#"{
    "fourEyes": { "reject": true, "revoke": true, "proposalHours": 1 },
    "review": { "claimMinutes": 5, "inspectionMinutes": 5, "claimsMax": 2 },
    "verification": { "documentMinPixels": 16 },
    "session": { "idleDays": 3650, "absoluteDays": 3650, "staffIdleHours": 87600, "staffAbsoluteHours": 87600 }
}"#;

/// The flags that ask for a second reviewer of CLEAR.
pub const FLAGS_FOR_TWO: [&str; 3] = ["DUPLICATE_DOCUMENT", "PREVIOUSLY_REJECTED", "PREVIOUSLY_REVOKED"];

/// An entry that the audit trail must get: who, about whom, and what. An operator is nobody.
pub type Entry = (Option<PersonNumber>, PersonNumber, &'static str);

#[derive(Debug, Clone)]
pub struct Model {
    pub now: DateTime<Utc>,
    pub people: Vec<Person>,
    /// What is remembered of submissions that were rejected or revoked for fraud: what, the flag, and whose it was.
    fingerprints: Vec<(Evidence, &'static str, PersonNumber)>,
    /// The URLs of pictures that somebody has got.
    pub urls: Vec<PictureUrl>,
    last_document: u64,
    /// The entries that the trail must have got since the last check.
    pub entries: Vec<Entry>,
}

/// A person, with their verification.
#[derive(Debug, Clone)]
pub struct Person {
    pub name: &'static str,
    pub role: Role,
    pub is_blocked: bool,
    /// The number of their current session.
    pub session: u32,
    pub status: &'static str,
    pub version: i64,
    pub attempts: u32,
    pub document_number: Option<u32>,
    pub is_form_asked: bool,
    pub kind: Option<Kind>,
    pub documents: Vec<Document>,
    /// What was submitted last.
    pub identity: Option<(Kind, u32)>,
    /// The newest item.
    pub item: Option<Item>,
    pub proposal: Option<Proposal>,
    /// The administrators who inspect it, and until when.
    pub inspections: Vec<(PersonNumber, DateTime<Utc>)>,
}

#[derive(Debug, Clone)]
pub struct Document {
    pub key: u64,
    pub side: Side,
    pub picture: u32,
    pub is_asked: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Item {
    pub claim: Option<(PersonNumber, DateTime<Utc>)>,
    pub is_decided: bool,
    pub flags: BTreeSet<&'static str>,
    /// Which picture was delivered to whom.
    pub deliveries: HashSet<(u64, PersonNumber)>,
}

#[derive(Debug, Clone)]
pub struct Proposal {
    pub decision: &'static str,
    pub author: PersonNumber,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    DocumentNumber(u32),
    Picture(u32),
}

pub fn refused(codes: impl IntoIterator<Item = &'static str>) -> Expected {
    Err(codes.into_iter().collect())
}

impl Person {
    pub fn new(name: &'static str, role: Role) -> Self {
        Self {
            name,
            role,
            is_blocked: false,
            session: 0,
            status: "NOT_STARTED",
            version: 0,
            attempts: 0,
            document_number: None,
            is_form_asked: false,
            kind: None,
            documents: Vec::new(),
            identity: None,
            item: None,
            proposal: None,
            inspections: Vec::new(),
        }
    }

    pub fn can_change(&self) -> bool {
        ["NOT_STARTED", "IN_PROGRESS", "ACTION_REQUIRED", "REVOKED"].contains(&self.status)
    }

    /// Whether the form, and which sides, are missing for a submission.
    pub fn missing(&self) -> (bool, Vec<Side>) {
        let is_there =
            |side: &Side| self.documents.iter().any(|document| document.side == *side && !document.is_asked);
        let mut sides = self.kind.unwrap_or(Kind::Passport).sides().to_vec();
        for document in self.documents.iter().filter(|document| document.is_asked) {
            if !sides.contains(&document.side) {
                sides.push(document.side);
            }
        }
        sides.retain(|side| !is_there(side));
        (self.document_number.is_none() || self.is_form_asked, sides)
    }

    pub fn undecided_item(&self) -> Option<&Item> {
        self.item.as_ref().filter(|item| !item.is_decided)
    }

    pub fn has_all_parts(&self) -> bool {
        let (is_form_missing, sides) = self.missing();
        !is_form_missing && sides.is_empty()
    }

    fn change(&mut self, status: &'static str) {
        self.status = status;
        self.version += 1;
    }

    pub fn shown(&self) -> Value {
        json!({ "verification": { "status": self.status, "version": self.version } })
    }
}

impl Model {
    pub fn new(now: DateTime<Utc>, people: Vec<Person>) -> Self {
        let (fingerprints, urls, entries) = (Vec::new(), Vec::new(), Vec::new());
        Self { now, people, fingerprints, urls, last_document: 0, entries }
    }

    pub fn can_review(&self, person: PersonNumber) -> bool {
        self.people[person].role.can_review()
    }

    /// Who has claimed the undecided item of the owner.
    pub fn claimant(&self, owner: PersonNumber) -> Option<PersonNumber> {
        let (claimant, until) = self.people[owner].undecided_item()?.claim?;
        (until > self.now).then_some(claimant)
    }

    pub fn is_inspecting(&self, admin: PersonNumber, owner: PersonNumber) -> bool {
        let is_live =
            |(inspector, until): &(PersonNumber, DateTime<Utc>)| *inspector == admin && *until > self.now;
        self.people[admin].role == Role::Admin && self.people[owner].inspections.iter().any(is_live)
    }

    /// The proposal about the owner, if it counts.
    pub fn proposal(&self, owner: PersonNumber) -> Option<&Proposal> {
        let proposal = self.people[owner].proposal.as_ref()?;
        let author = &self.people[proposal.author];
        let is_in_time = proposal.at + TimeDelta::hours(PROPOSAL_HOURS) > self.now;
        (is_in_time && author.role.can_review() && !author.is_blocked).then_some(proposal)
    }

    /// Whether somebody else may open the form and the pictures of the owner.
    pub fn may_open(&self, viewer: PersonNumber, owner: PersonNumber) -> bool {
        if viewer == owner || !self.can_review(viewer) {
            return false;
        }
        if self.people[owner].undecided_item().is_some() {
            return self.claimant(owner) == Some(viewer);
        }
        let is_decided = ["ACTION_REQUIRED", "CLEARED", "REJECTED", "REVOKED"];
        self.is_inspecting(viewer, owner) && is_decided.contains(&self.people[owner].status)
    }

    /// Does the act. Returns what the gateway must answer.
    pub fn act(&mut self, step: &Step) -> Expected {
        let Step { actor, ref act, .. } = *step;
        let is_request = !matches!(act, Act::SetRole(_) | Act::Block | Act::Unblock | Act::Wait(_));
        if is_request && self.people[actor].is_blocked {
            return match act {
                Act::FetchPicture { .. } => Ok(json!({ "status": 401 })),
                _ => refused(["UNAUTHENTICATED"]),
            };
        }
        match *act {
            Act::SaveForm { document_number } => self.save_form(actor, document_number),
            Act::Upload { kind, side, picture } => self.upload(actor, kind, side, picture),
            Act::Submit => self.submit(actor),
            Act::Claim { owner } => self.claim(actor, owner),
            Act::Release { owner } => self.release(actor, owner),
            Act::OpenForm { owner } => Ok(self.open_form(actor, owner)),
            Act::OpenPictures { owner } => Ok(self.open_pictures(actor, owner)),
            Act::FetchPicture { url } => Ok(json!({ "status": self.fetch(actor, url) })),
            Act::OpenWithoutTrail { owner, url } => Ok(self.open_without_trail(actor, owner, url)),
            Act::ReadActions { owner } => Ok(self.read_actions(actor, owner)),
            Act::ReadItem { owner } => Ok(self.read_item(actor, owner)),
            Act::Decide { owner, decision, reason, version } => {
                self.decide(actor, owner, decision, reason, version)
            }
            Act::Inspect { owner } => self.inspect(actor, owner),
            Act::Reopen { owner, version } => self.reopen(actor, owner, version),
            Act::SetRole(role) => {
                self.people[actor].role = role;
                self.entries.push((None, actor, "ROLE"));
                Ok(Value::Null)
            }
            Act::Block => {
                self.people[actor].is_blocked = true;
                self.entries.push((None, actor, "BLOCK"));
                Ok(Value::Null)
            }
            Act::Unblock => {
                self.people[actor].is_blocked = false;
                self.entries.push((None, actor, "UNBLOCK"));
                Ok(Value::Null)
            }
            Act::Wait(minutes) => {
                self.now += TimeDelta::minutes(minutes);
                Ok(Value::Null)
            }
        }
    }

    fn save_form(&mut self, actor: PersonNumber, document_number: u32) -> Expected {
        let person = &mut self.people[actor];
        if !person.can_change() {
            return refused(["INVALID_TRANSITION"]);
        }
        person.document_number = Some(document_number);
        person.is_form_asked = false;
        person.change("IN_PROGRESS");
        Ok(person.shown())
    }

    fn upload(&mut self, actor: PersonNumber, kind: Kind, side: Side, picture: u32) -> Expected {
        let person = &mut self.people[actor];
        if !person.can_change() {
            return refused(["INVALID_TRANSITION"]);
        }
        if person.documents.iter().any(|other| other.side != side && other.picture == picture) {
            return refused(["DUPLICATE"]);
        }
        let is_other_kind = person.kind != Some(kind);
        person.documents.retain(|other| other.side != side && !is_other_kind);
        self.last_document += 1;
        person.documents.push(Document { key: self.last_document, side, picture, is_asked: false });
        person.kind = Some(kind);
        person.change("IN_PROGRESS");
        Ok(person.shown())
    }

    fn submit(&mut self, actor: PersonNumber) -> Expected {
        let person = &self.people[actor];
        if !person.has_all_parts() {
            return refused(["REQUIRED"]);
        }
        if person.status != "IN_PROGRESS" {
            return refused(["INVALID_TRANSITION"]);
        }
        if person.attempts == ATTEMPTS_MAX {
            return refused(["ATTEMPTS_EXHAUSTED"]);
        }
        let number = person.document_number.expect("nothing is missing");
        let identity = Some((person.kind.expect("nothing is missing"), number));
        let pictures: Vec<_> = person.documents.iter().map(|document| document.picture).collect();
        let is_seen = |evidence: &Evidence| match evidence {
            Evidence::DocumentNumber(other) => *other == number,
            Evidence::Picture(picture) => pictures.contains(picture),
        };
        let known = self.fingerprints.iter().filter(|(evidence, ..)| is_seen(evidence));
        let mut flags: BTreeSet<_> = known.map(|(_, flag, _)| *flag).collect();
        for (other, person) in self.people.iter_mut().enumerate() {
            let Some(item) = person.item.as_mut().filter(|_| other != actor) else { continue };
            let has_same_picture = person.documents.iter().any(|it| pictures.contains(&it.picture));
            for (is_same, flag) in
                [(person.identity == identity, "DUPLICATE_DOCUMENT"), (has_same_picture, "DUPLICATE_PICTURE")]
            {
                if is_same {
                    flags.insert(flag);
                    item.flags.insert(flag);
                }
            }
        }
        let person = &mut self.people[actor];
        person.identity = identity;
        person.item = Some(Item { flags, ..Item::default() });
        person.attempts += 1;
        person.change("IN_REVIEW");
        let mut shown = person.shown();
        shown["verification"]["attemptsUsed"] = json!(person.attempts);
        Ok(shown)
    }

    /// Remembers a submission that was rejected or revoked for fraud, with the flag that it raises.
    pub(super) fn remember(&mut self, owner: PersonNumber, flag: &'static str) {
        let person = &self.people[owner];
        let number = person.document_number.map(Evidence::DocumentNumber);
        let pictures = person.documents.iter().map(|document| Evidence::Picture(document.picture));
        let evidence = number.into_iter().chain(pictures);
        self.fingerprints.extend(evidence.map(|evidence| (evidence, flag, owner)));
    }

    /// Forgets the owner's submissions for fraud: they are cleared.
    pub(super) fn forget(&mut self, owner: PersonNumber) {
        self.fingerprints.retain(|(.., whose)| *whose != owner);
    }
}

/// The number of a document as an applicant types it.
pub fn document_number(number: u32) -> String {
    format!("AB{number:06}")
}
