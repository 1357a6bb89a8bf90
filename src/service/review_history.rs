//! The record of reviews, as reviewers read it: decisions with their internal notes, proposals and inspections.

use std::collections::HashMap;

use crate::domain::id::{DecisionId, SubjectId};
use crate::domain::review_record::ReviewRecord;
use crate::domain::user::Viewer;
use crate::service::Result;
use crate::service::error::require_reviewer;
use crate::store;
use crate::store::gigs;
use crate::store::reviews::records;

/// The newest rows of the record of each of these subjects, newest first. A subject is missing in the map if it has
/// none, or if it belongs to the viewer: nobody reads what reviewers write about them.
///
/// # Errors
/// [`Error::Forbidden`](crate::service::Error::Forbidden) for everybody but reviewers.
pub async fn find(
    db: &store::Reader,
    viewer: &Viewer,
    subjects: &[SubjectId],
) -> Result<HashMap<SubjectId, Vec<ReviewRecord>>> {
    require_reviewer(viewer)?;
    let others = not_about(db, viewer, subjects).await?;
    Ok(records::histories(db, &others).await?)
}

/// These rows of the record, in no particular order, without those about the viewer.
///
/// # Errors
/// [`Error::Forbidden`](crate::service::Error::Forbidden) for everybody but reviewers.
pub async fn find_records(
    db: &store::Reader,
    viewer: &Viewer,
    ids: &[(DecisionId, SubjectId)],
) -> Result<Vec<ReviewRecord>> {
    require_reviewer(viewer)?;
    let subjects: Vec<_> = ids.iter().map(|(_, subject)| *subject).collect();
    let others = not_about(db, viewer, &subjects).await?;
    let ids: Vec<_> = ids.iter().copied().filter(|(_, subject)| others.contains(subject)).collect();
    Ok(records::find_all(db, &ids).await?)
}

/// Those of the subjects that do not belong to the viewer.
async fn not_about(db: &store::Reader, viewer: &Viewer, subjects: &[SubjectId]) -> Result<Vec<SubjectId>> {
    let gig_ids = subjects.iter().filter_map(|subject| match subject {
        SubjectId::Gig(id) => Some(*id),
        SubjectId::Verification(_) => None,
    });
    let gigs = gigs::find_all_visible(db, Some(viewer), &gig_ids.collect::<Vec<_>>()).await?;
    let is_own = |subject: &SubjectId| match subject {
        SubjectId::Gig(id) => gigs.iter().any(|gig| gig.id == *id && gig.seller_id == viewer.id()),
        SubjectId::Verification(user_id) => *user_id == viewer.id(),
    };
    Ok(subjects.iter().copied().filter(|subject| !is_own(subject)).collect())
}
