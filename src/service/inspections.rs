//! Inspections: an administrator opens a decided verification for some minutes, for a reason. The reason is in the
//! record of the review, which reviewers see as `ReviewItem.history`.

use chrono::TimeDelta;

use crate::domain::id::{SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::review::Decision;
use crate::domain::review_record::{Inspection, RecordKind};
use crate::domain::user::{Role, Viewer};
use crate::domain::verification::{Verification, VerificationStatus};
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::audit;
use crate::service::identity_access::is_open_to_inspection;
use crate::service::review_texts::insert_decision;
use crate::service::reviews::actor;
use crate::service::reviews::{erased_subject_error, validate_note};
use crate::service::{Error, Result, Services, refusals};
use crate::store::{inspections, reviews, users, verifications};

/// What the record of reviews and the audit trail call it.
const INSPECT: &str = "INSPECT";

/// An inspection that has begun, and the verification that it opens.
#[derive(Debug)]
pub struct BegunInspection {
    pub inspection: Inspection,
    pub verification: Verification,
}

/// Begins an inspection of this user's verification. Under a legal hold it can begin in every status, because it also
/// opens what is held. A refusal is audited.
///
/// # Errors
/// [`Error::AdminRequired`] for everybody but administrators; the violations of the reason; `NOT_FOUND`, `NOT_ALLOWED`
/// for the viewer's own verification, `INVALID_TRANSITION` if it is not decided or its data have been erased.
pub async fn inspect(
    services: &Services,
    viewer: &Viewer,
    user_id: UserId,
    reason: &str,
    request_id: &str,
) -> Result<BegunInspection> {
    let begun = try_inspect(services, viewer, user_id, reason, request_id).await;
    refusals::audited(services, viewer, SubjectId::Verification(user_id), INSPECT, request_id, begun).await
}

async fn try_inspect(
    services: &Services,
    viewer: &Viewer,
    user_id: UserId,
    reason: &str,
    request_id: &str,
) -> Result<BegunInspection> {
    require_admin(viewer)?;
    let (limits, now) = (&services.limits.review, services.now());
    let mut validator = Validator::default();
    let note = validate_note(Some(reason), "reason", "The reason", limits, &mut validator);
    if note.is_none() {
        let message = message!("An inspection needs a reason.");
        validator.add("reason", ViolationCode::Required, message);
    }
    validator.finish()?;
    if user_id == viewer.id() {
        let message = message!("You cannot inspect your own verification.");
        return Err(Violation::at("verificationId", ViolationCode::NotAllowed, message).into());
    }
    let work = services.begin().await?;
    let is_erased = work.lock_viewer_and(viewer, user_id).await?;
    let record = verifications::lock(work.tx(), user_id).await?;
    let is_held = users::has_legal_hold(work.tx(), user_id).await?;
    let verification = match record {
        Some(record) => record.verification,
        None if is_held => Verification::not_started(user_id),
        None => return Err(Violation::not_found("verificationId", "verification").into()),
    };
    if is_erased {
        return Err(erased_subject_error());
    }
    let is_in_review = verification.status == VerificationStatus::InReview;
    if !is_held && (is_in_review || !is_open_to_inspection(work.tx(), user_id).await?) {
        let status = verification.status.into();
        let violation = Violation::invalid_transition("verification", status, "inspected");
        return Err(violation.moved_to("verificationId").into());
    }
    let (subject_id, version) = (SubjectId::Verification(user_id), verification.version);
    let inspection = Inspection {
        id: services.new_id(),
        admin_id: viewer.id(),
        subject_id: user_id,
        started_at: now,
        expires_at: now + TimeDelta::minutes(i64::from(limits.inspection_minutes)),
    };
    let row = Decision {
        id: inspection.id,
        subject_id,
        item_id: reviews::records::find_newest_item(work.tx(), subject_id).await?,
        kind: RecordKind::Inspection,
        reviewer_id: viewer.id(),
        decision: INSPECT,
        reasons: Vec::new(),
        internal_note: note,
        version,
        decided_at: now,
    };
    insert_decision(services, &work, user_id, row).await?;
    inspections::insert(work.tx(), &inspection).await?;
    let actor = actor(viewer, request_id);
    audit::append(services, &work, actor, user_id, INSPECT, &inspection.id.to_string()).await?;
    work.commit().await?;
    Ok(BegunInspection { inspection, verification })
}

fn require_admin(viewer: &Viewer) -> Result<()> {
    if viewer.role == Role::Admin { Ok(()) } else { Err(Error::AdminRequired) }
}
