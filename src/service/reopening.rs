//! Reopening a rejected verification: an administrator lets the user try again.

use crate::domain::id::{SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::review::Decision;
use crate::domain::review_record::RecordKind;
use crate::domain::user::{Role, Viewer};
use crate::domain::verification::{Verification, VerificationTransition};
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::audit;
use crate::service::audit::Actor;
use crate::service::review_texts::insert_decision;
use crate::service::reviews::{erased_subject_error, validate_note};
use crate::service::verifications::save_change;
use crate::service::{Error, Result, Services, integrity, refusals};
use crate::store::verifications;

/// What the record of decisions and the audit trail call it.
const REOPEN: &str = "REOPEN";

/// Which verification is reopened, and why.
#[derive(Debug)]
pub struct ReopeningInput {
    pub user_id: UserId,
    pub expected_version: i32,
    /// Only reviewers can see it.
    pub reason: String,
}

/// Lets the user of a rejected verification submit again, with all attempts. The reason becomes part of the record.
/// A refusal is audited.
///
/// # Errors
/// [`Error::AdminRequired`]; the violations of the input; `NOT_FOUND`, `NOT_ALLOWED` for the administrator's own
/// verification, `STALE_VERSION`, `INVALID_TRANSITION`.
pub async fn reopen(
    services: &Services,
    viewer: &Viewer,
    input: ReopeningInput,
    request_id: &str,
) -> Result<Verification> {
    let subject = SubjectId::Verification(input.user_id);
    let reopened = try_reopen(services, viewer, input, request_id).await;
    refusals::audited(services, viewer, subject, REOPEN, request_id, reopened).await
}

async fn try_reopen(
    services: &Services,
    viewer: &Viewer,
    input: ReopeningInput,
    request_id: &str,
) -> Result<Verification> {
    if viewer.role != Role::Admin {
        return Err(Error::AdminRequired);
    }
    let (limits, now) = (&services.limits, services.now());
    let mut validator = Validator::default();
    let reason = validate_note(Some(&input.reason), "reason", "The reason", &limits.review, &mut validator);
    if reason.is_none() {
        validator.add("reason", ViolationCode::Required, message!("Reopening needs a reason."));
    }
    validator.finish()?;
    if input.user_id == viewer.id() {
        let message = message!("You cannot reopen your own verification.");
        return Err(Violation::at("verificationId", ViolationCode::NotAllowed, message).into());
    }
    let mut work = services.begin().await?;
    let is_erased = work.lock_viewer_and(viewer, input.user_id).await?;
    let record = verifications::lock(work.tx(), input.user_id).await?;
    let mut record = record.ok_or_else(|| Violation::not_found("verificationId", "verification"))?;
    if is_erased {
        return Err(erased_subject_error());
    }
    integrity::require_untampered(services, &record)?;
    if record.verification.version != input.expected_version {
        return Err(Violation::stale("expectedVersion", "verification").into());
    }
    let previous = record.verification.status;
    record.verification.apply(VerificationTransition::Reopen, Vec::new(), limits, now)?;
    save_change(services, &mut work, &record, previous).await?;
    let decision = Decision {
        id: services.new_id(),
        subject_id: SubjectId::Verification(input.user_id),
        item_id: None,
        kind: RecordKind::Decision,
        reviewer_id: viewer.id(),
        decision: REOPEN,
        reasons: Vec::new(),
        internal_note: reason,
        version: record.verification.version,
        decided_at: now,
    };
    insert_decision(services, &work, input.user_id, decision).await?;
    let actor = Actor { id: Some(viewer.id()), request_id };
    audit::append(services, &work, actor, input.user_id, REOPEN, "").await?;
    work.commit().await?;
    Ok(record.verification)
}
