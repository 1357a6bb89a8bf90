//! Audits the decisions, inspections and reopenings that reviewers try and that are refused.

use crate::domain::id::SubjectId;
use crate::domain::user::Viewer;
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
    let codes: Vec<&str> = violations.iter().map(|violation: &Violation| violation.code.into()).collect();
    let kind: &str = subject.kind().into();
    let detail = format!("{decision} of a {kind}: {}", codes.join(", "));
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
