//! What a user may do now, and what is missing if they may not. Clients can ask in advance (`Viewer.can`),
//! and the mutations check it again. Limits: `VerificationLimits` and `GigLimits` in `limits.rs`.
//!
//! To add an action: a variant of [`Action`], its requirements in [`unmet_requirements`], and the value of
//! the schema's enum in `src/graphql/types/permission.rs`.

use crate::domain::limits::Limits;
use crate::domain::message::message;
use crate::domain::user::User;
use crate::domain::verification::{Verification, VerificationTransition};
use crate::domain::violation::{Violation, ViolationCode};

/// An action that needs more than being signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    PostGig,
    TakeOrder,
    SubmitVerification,
}

/// Selling and taking orders need a verified identity from the worker level `required_from_level` on. Returns
/// a violation if the user has reached this level and is not verified.
pub fn check_verified(user: &User, limits: &Limits) -> Option<Violation> {
    let from = limits.verification.required_from_level;
    if user.verified || user.level() < from {
        return None;
    }
    let message = message!(
        "From level {level} on, your identity must be verified before any further work.",
        level = from
    );
    Some(Violation::general(ViolationCode::VerificationRequired, message))
}

/// A user, with what may keep them from working.
#[derive(Debug, Clone)]
pub struct Standing {
    pub user: User,
    pub is_blocked: bool,
    pub is_erased: bool,
}

/// Whether the gigs of this user may become public. Returns a violation if the user is blocked, or their level
/// requires a verified identity and they are not verified.
pub fn check_can_work(seller: &Standing, limits: &Limits) -> Option<Violation> {
    if seller.is_blocked {
        let message =
            message!("The seller is blocked. Their gigs cannot become public until they are unblocked.");
        return Some(Violation::general(ViolationCode::NotAllowed, message));
    }
    check_verified(&seller.user, limits)
}

/// A seller can have at most `unarchived_max` gigs that are not archived. Returns a violation if one more
/// than `unarchived` is not allowed.
pub fn check_gig_limit(unarchived: u64, limits: &Limits) -> Option<Violation> {
    let max = limits.gig.unarchived_max;
    if unarchived < max {
        return None;
    }
    let message = message!(
        "You may have at most {max} {unit} that are not archived; you have {actual}. Archive a gig first.",
        max = max,
        unit = "gigs",
        actual = unarchived
    );
    Some(Violation::general(ViolationCode::LimitReached, message))
}

/// Everything that keeps the user from `action` now; empty if it is allowed. `unarchived` is the number of
/// the user's gigs that are not archived.
pub fn unmet_requirements(
    action: Action,
    user: &User,
    unarchived: u64,
    verification: &Verification,
    limits: &Limits,
) -> Vec<Violation> {
    match action {
        Action::PostGig => {
            check_verified(user, limits).into_iter().chain(check_gig_limit(unarchived, limits)).collect()
        }
        Action::TakeOrder => check_verified(user, limits).into_iter().collect(),
        Action::SubmitVerification => {
            let missing = verification.missing_parts(limits);
            // Try it on a copy. Only the violation matters, so any time will do.
            let mut attempt = verification.clone();
            let now = chrono::DateTime::UNIX_EPOCH;
            match attempt.apply(VerificationTransition::Submit, Vec::new(), limits, now) {
                // The missing parts say more than a violation such as "cannot be submitted".
                Err(violation) if missing.is_empty() => vec![violation],
                _ => missing,
            }
        }
    }
}
