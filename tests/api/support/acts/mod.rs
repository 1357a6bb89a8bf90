//! Random acts of applicants, reviewers and administrators, and what the gateway must answer to each.
//!
//! [`model`] has the rules of verifications, written down independently of the gateway. [`world`] acts on a gateway.
//! [`choice`] chooses acts that lead somewhere, and some that must be refused. [`records`] checks what the gateway has
//! recorded, without the model.
//!
//! To add an act: a variant of [`Act`], what it does in [`model`], the request in [`world`], and how often in
//! [`choice`].

use std::collections::BTreeSet;

use gigway::domain::user::Role;
use serde_json::Value;

pub mod choice;
mod decisions;
pub mod model;
mod openings;
pub mod records;
pub mod world;

/// A person of the test, by number.
pub type PersonNumber = usize;

/// What somebody does. `owner` is whose verification it is about.
#[derive(Debug, Clone)]
pub enum Act {
    SaveForm {
        document_number: u32,
    },
    Upload {
        kind: Kind,
        side: Side,
        picture: u32,
    },
    Submit,
    Claim {
        owner: PersonNumber,
    },
    Release {
        owner: PersonNumber,
    },
    /// Reads the form.
    OpenForm {
        owner: PersonNumber,
    },
    /// Reads the URLs of the pictures, and fetches all that there are.
    OpenPictures {
        owner: PersonNumber,
    },
    /// Fetches a picture by a URL that somebody has got before.
    FetchPicture {
        url: usize,
    },
    /// Reads the form and a picture, if there is a URL of it, while nothing can be written to the audit trail.
    OpenWithoutTrail {
        owner: PersonNumber,
        url: usize,
    },
    /// Reads what they may do.
    ReadActions {
        owner: PersonNumber,
    },
    /// Reads the state and the proposal of the item.
    ReadItem {
        owner: PersonNumber,
    },
    Decide {
        owner: PersonNumber,
        decision: &'static str,
        reason: Option<&'static str>,
        version: i64,
    },
    Inspect {
        owner: PersonNumber,
    },
    Reopen {
        owner: PersonNumber,
        version: i64,
    },
    /// An operator changes the role of the person.
    SetRole(Role),
    Block,
    Unblock,
    /// Minutes pass.
    Wait(i64),
}

impl Act {
    /// The name that the coverage is counted by.
    pub fn name(&self) -> String {
        match self {
            Self::Decide { decision, .. } => format!("Decide {decision}"),
            act => {
                let name = format!("{act:?}");
                let end = name.find(|character: char| !character.is_alphanumeric());
                name[..end.unwrap_or(name.len())].to_owned()
            }
        }
    }

    /// Whether it is one request that changes something or opens a form: of two such acts at once, the gateway does
    /// one after the other.
    pub fn is_one_request(&self) -> bool {
        matches!(
            self,
            Self::SaveForm { .. }
                | Self::Submit
                | Self::Claim { .. }
                | Self::Release { .. }
                | Self::OpenForm { .. }
                | Self::Decide { .. }
                | Self::Inspect { .. }
                | Self::Reopen { .. }
        )
    }
}

/// An act, and who does it, or about whom an operator does it.
#[derive(Debug, Clone)]
pub struct Step {
    pub actor: PersonNumber,
    pub act: Act,
    /// Whether at the second gateway.
    pub is_at_b: bool,
}

/// The kind of an identity document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Passport,
    NationalId,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Passport => "PASSPORT",
            Self::NationalId => "NATIONAL_ID",
        }
    }

    /// The sides that an applicant must upload.
    pub fn sides(self) -> &'static [Side] {
        match self {
            Self::Passport => &[Side::Front],
            Self::NationalId => &[Side::Front, Side::Back],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Front,
    Back,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Front => "FRONT",
            Self::Back => "BACK",
        }
    }
}

/// What the gateway must answer: data, or an error. If several errors apply, it may name any of them.
pub type Expected = Result<Value, BTreeSet<&'static str>>;

/// What the gateway has answered: data, or the codes of errors.
pub type Answer = Result<Value, BTreeSet<String>>;

/// Whether the answer is what is expected.
pub fn matches(expected: &Expected, answer: &Answer) -> bool {
    match (expected, answer) {
        (Ok(expected), Ok(data)) => expected == data,
        (Err(expected), Err(codes)) => {
            !codes.is_empty() && codes.iter().all(|code| expected.contains(code.as_str()))
        }
        _ => false,
    }
}
