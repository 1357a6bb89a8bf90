//! Audits what reviewers and administrators try and is refused: decisions, inspections, reopenings, and changes of
//! accounts.

use crate::domain::id::{SubjectId, UserId};
use crate::domain::user::{Role, Viewer};
use crate::domain::violation::Violation;
use crate::service::audit;
use crate::service::audit::Actor;
use crate::service::{Error, Result, Services};
use crate::store::gigs;

/// Returns the result of a decision. If it was refused, an entry of the audit trail says so: its own transaction, since
/// that of the decision was rolled back. If the entry cannot be written, the result is that error.
///
/// A caller without the role has decided nothing, and is in the security log.
pub(super) async fn audited<T>(
    services: &Services,
    viewer: &Viewer,
    subject: SubjectId,
    decision: &str,
    request_id: &str,
    result: Result<T>,
) -> Result<T> {
    let violations = match result {
        Err(Error::Violations(violations)) if viewer.role.can_review() => violations,
        result => return result,
    };
    let kind: &str = subject.kind().into();
    let detail = format!("{decision} of a {kind}: {}", codes(&violations));
    let work = services.begin().await?;
    let subject_id = match subject {
        SubjectId::Verification(user_id) => Some(user_id).filter(|id| !id.is_nil()),
        SubjectId::Gig(gig_id) => {
            gigs::find_visible(work.tx(), Some(viewer), gig_id).await?.map(|gig| gig.seller_id)
        }
    };
    // Fails if the viewer is not a reviewer any more.
    work.lock_all_and(viewer, subject_id.as_slice()).await?;
    let actor = Actor { id: Some(viewer.id()), request_id };
    audit::append(services, &work, actor, subject_id, "DECISION_REFUSED", &detail).await?;
    work.commit().await?;
    Err(Error::Violations(violations))
}

/// Returns the result of a change of an account. If it was refused, an entry of the audit trail says so, as for a
/// decision.
pub(super) async fn audited_change<T>(
    services: &Services,
    viewer: &Viewer,
    user_id: UserId,
    change: &str,
    request_id: &str,
    result: Result<T>,
) -> Result<T> {
    let violations = match result {
        Err(Error::Violations(violations)) if viewer.role == Role::Admin => violations,
        result => return result,
    };
    let detail = format!("{change}: {}", codes(&violations));
    let work = services.begin().await?;
    // Fails if the viewer is no administrator any more.
    work.lock_admin(viewer).await?;
    let subject_id = Some(user_id).filter(|id| !id.is_nil());
    let actor = Actor { id: Some(viewer.id()), request_id };
    audit::append(services, &work, actor, subject_id, "CHANGE_REFUSED", &detail).await?;
    work.commit().await?;
    Err(Error::Violations(violations))
}

fn codes(violations: &[Violation]) -> String {
    let codes: Vec<&str> = violations.iter().map(|violation| violation.code.into()).collect();
    codes.join(", ")
}
