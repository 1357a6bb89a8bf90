//! What the root fields of a mutation with an idempotency key did: the objects of their payloads by reference,
//! or their errors. A repetition of the mutation does not run it, but answers from this log; see
//! `mutation::repeatable`.
//!
//! The log has no part of a response. So a repetition shows an object as it is now, to a caller who may see it
//! now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::id::UserId;
use crate::domain::violation::Violation;

/// What one root field did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Outcome {
    /// It succeeded. The reference says which object the payload has.
    Done(Value),
    /// The payload has validation errors.
    Violations(Vec<Violation>),
    /// The field has an error with this code.
    Failed { code: String, message: String },
}

/// The outcomes of a mutation, by response key.
#[derive(Debug)]
pub enum OutcomeLog {
    /// The mutation runs now.
    Recording(Mutex<Recorded>),
    /// The mutation has run before.
    Replaying(BTreeMap<String, Outcome>),
}

/// What was recorded until now.
#[derive(Debug, Default)]
pub struct Recorded {
    outcomes: BTreeMap<String, Outcome>,
    subjects: BTreeSet<UserId>,
}

impl OutcomeLog {
    /// The log of a mutation that runs now.
    pub fn recording() -> Self {
        Self::Recording(Mutex::default())
    }

    /// The log of a mutation that has run before; `None` if the text is not a log.
    pub fn replaying(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().map(Self::Replaying)
    }

    /// Records the outcome of the field with this response key, and the user whom its object belongs to.
    pub fn record(&self, response_key: &str, outcome: Outcome, subject: Option<UserId>) {
        if let Self::Recording(recorded) = self {
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            recorded.outcomes.insert(response_key.to_owned(), outcome);
            recorded.subjects.extend(subject);
        }
    }

    /// The recorded outcomes as JSON, and the users whom they name.
    pub fn recorded(&self) -> (String, Vec<UserId>) {
        let Self::Recording(recorded) = self else { return ("{}".to_owned(), Vec::new()) };
        let recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let json = serde_json::to_string(&recorded.outcomes).expect("outcomes are plain data");
        (json, recorded.subjects.iter().copied().collect())
    }
}
