//! What reviewers do.

use uuid::Uuid;

use crate::domain::gig::Gig;
use crate::domain::limits::ReviewLimits;
use crate::domain::reason;
use crate::domain::reason::ReasonForm;
use crate::domain::review::{Decision, GigDecision, ReviewItem, ReviewQueueChange};
use crate::domain::review_kind::ReviewKind;
use crate::domain::user::Viewer;
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::error::require_reviewer;
use crate::service::gigs::{advance, check_may_work, record_queue};
use crate::service::{Result, Services, UnitOfWork};
use crate::store::{gigs, reviews};

/// Takes an item for some minutes, so that two reviewers never do the same work.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_CLAIMED`, `INVALID_TRANSITION` once decided, `NOT_ALLOWED` for what is one's own.
pub async fn claim(services: &Services, viewer: &Viewer, id: Uuid) -> Result<ReviewItem> {
    require_reviewer(viewer)?;
    let mut work = services.begin().await?;
    let before = lock_item(&work, id).await?;
    let own = match before.kind {
        ReviewKind::Gig => gigs::find_visible(work.tx(), Some(viewer), before.subject_id)
            .await?
            .is_some_and(|gig| gig.seller_id == viewer.id()),
        ReviewKind::Verification => before.subject_id == viewer.id(),
    };
    if own {
        return Err(own_work("id"));
    }
    let mut item = before.clone();
    item.claim(viewer.id(), &services.limits.review, services.now())?;
    write(&mut work, &before, &item, ReviewQueueChange::Claimed).await?;
    work.commit().await?;
    Ok(item)
}

/// Gives a claimed item back to the queue.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_CLAIMED` by somebody else, `INVALID_TRANSITION` where nobody holds it.
pub async fn release(services: &Services, viewer: &Viewer, id: Uuid) -> Result<ReviewItem> {
    require_reviewer(viewer)?;
    let mut work = services.begin().await?;
    let before = lock_item(&work, id).await?;
    let mut item = before.clone();
    item.release(viewer.id(), services.now())?;
    write(&mut work, &before, &item, ReviewQueueChange::Released).await?;
    work.commit().await?;
    Ok(item)
}

/// What a reviewer says of a gig.
#[derive(Debug)]
pub struct GigDecisionInput {
    pub gig_id: Uuid,
    pub decision: GigDecision,
    pub expected_version: i32,
    pub reasons: Vec<ReasonForm>,
    pub internal_note: Option<String>,
}

/// Decides a gig, and keeps who did, when, what and why.
///
/// # Errors
/// Every fault of the form; `NOT_FOUND`, `NOT_ALLOWED` for one's own, `STALE_VERSION` where the gig is not
/// what the reviewer saw, `ALREADY_CLAIMED` by somebody else, `INVALID_TRANSITION`.
pub async fn decide_gig(services: &Services, viewer: &Viewer, verdict: GigDecisionInput) -> Result<Gig> {
    require_reviewer(viewer)?;
    let limits = &services.limits.review;
    let mut validator = Validator::default();
    verdict.decision.check_reasons(verdict.reasons.len(), &mut validator);
    let reasons = reason::resolve(verdict.reasons, ReviewKind::Gig, limits, &mut validator);
    let note = checked_note(verdict.internal_note, limits, &mut validator);
    validator.finish()?;

    let now = services.now();
    let mut work = services.begin().await?;
    if verdict.decision == GigDecision::Approve
        && let Some(gig) = gigs::find_visible(work.tx(), Some(viewer), verdict.gig_id).await?
    {
        // Posted while its seller might work, and decided when they may not: it is not listed.
        check_may_work(services, &work, gig.seller_id).await?;
    }
    let mut gig = gigs::lock_visible(work.tx(), viewer, verdict.gig_id)
        .await?
        .ok_or_else(|| Violation::not_found("gigId", "gig"))?;
    if gig.seller_id == viewer.id() {
        return Err(own_work("gigId"));
    }
    if gig.version != verdict.expected_version {
        return Err(Violation::stale("expectedVersion", "gig").into());
    }
    let item = reviews::lock_undecided(work.tx(), gig.id).await?;
    if let Some(item) = &item {
        let mut decided = item.clone();
        decided
            .decide(viewer.id(), now)
            .map_err(|violation| Violation { field: vec!["gigId".to_owned()], ..violation })?;
        write(&mut work, item, &decided, ReviewQueueChange::Decided).await?;
    }
    gig.review_reasons.clone_from(&reasons);
    let gig = advance(services, &mut work, gig, verdict.decision.transition()).await?;
    let decision = Decision {
        id: services.new_id(),
        subject_id: gig.id,
        item_id: item.map(|item| item.id),
        reviewer_id: viewer.id(),
        decision: verdict.decision.into(),
        reasons,
        internal_note: note,
        version: gig.version,
        decided_at: now,
    };
    reviews::insert_decision(work.tx(), &decision).await?;
    work.commit().await?;
    Ok(gig)
}

/// The note without blanks around it; `None` where nothing is left.
pub(super) fn checked_note(
    note: Option<String>,
    limits: &ReviewLimits,
    validator: &mut Validator,
) -> Option<String> {
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty())?;
    validator.text("internalNote", "The note", &note, 1, limits.internal_note_max_chars);
    Some(note)
}

fn own_work(path: &str) -> crate::service::Error {
    Violation::at(path, ViolationCode::NotAllowed, "Nobody reviews what is their own.").into()
}

async fn lock_item(work: &UnitOfWork<'_>, id: Uuid) -> Result<ReviewItem> {
    let item = reviews::lock(work.tx(), id).await?;
    item.ok_or_else(|| Violation::not_found("id", "review item").into())
}

/// Writes the item and records the change.
pub(super) async fn write(
    work: &mut UnitOfWork<'_>,
    before: &ReviewItem,
    item: &ReviewItem,
    change: ReviewQueueChange,
) -> Result<()> {
    if !reviews::update(work.tx(), before, item).await? {
        return Err(Violation::stale("id", "review item").into());
    }
    record_queue(work, item, change);
    Ok(())
}
