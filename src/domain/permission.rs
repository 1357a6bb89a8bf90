//! What a person may do now, and what is missing where they may not: asked before the act, and by it.

use crate::domain::limits::Limits;
use crate::domain::user::User;
use crate::domain::verification::{Verification, VerificationTransition};
use crate::domain::violation::{Violation, ViolationCode};

/// Something that takes more than a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    PostGig,
    TakeOrder,
    SubmitVerification,
}

/// From some level on, work takes a cleared identity.
pub fn needs_verification(user: &User, limits: &Limits) -> Option<Violation> {
    let from = limits.verification.required_from_level;
    if user.verified || user.level() < from {
        return None;
    }
    let message = format!("From level {from} on, your identity must be cleared before any further work.");
    Some(Violation::of_act(ViolationCode::VerificationRequired, message))
}

/// A seller has so many gigs at most.
pub fn has_room(unarchived: u64, limits: &Limits) -> Option<Violation> {
    let max = limits.gig.unarchived_max;
    if unarchived < max {
        return None;
    }
    let message = format!("You have {max} gigs, which is the most; archive one first.");
    Some(Violation::of_act(ViolationCode::LimitReached, message))
}

/// Everything that keeps the person from it now.
pub fn missing(
    action: Action,
    user: &User,
    unarchived: u64,
    verification: &Verification,
    limits: &Limits,
) -> Vec<Violation> {
    match action {
        Action::PostGig => {
            needs_verification(user, limits).into_iter().chain(has_room(unarchived, limits)).collect()
        }
        Action::TakeOrder => needs_verification(user, limits).into_iter().collect(),
        Action::SubmitVerification => {
            let missing = verification.missing(limits);
            let mut tried = verification.clone();
            let now = chrono::DateTime::UNIX_EPOCH;
            match tried.apply(VerificationTransition::Submit, Vec::new(), limits, now) {
                // What is missing says more than that it has not begun.
                Err(violation) if missing.is_empty() => vec![violation],
                _ => missing,
            }
        }
    }
}
