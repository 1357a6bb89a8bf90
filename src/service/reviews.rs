//! The review queue: claiming and releasing items, and decisions on gigs. Claims of verifications are audited,
//! because a claim opens identity data (`service::identity_access`), and so is the release of a claim of somebody else.

use crate::domain::gig::Gig;
use crate::domain::id::{GigId, PublicId, ReviewItemId, SubjectId, UserId};
use crate::domain::limits::ReviewLimits;
use crate::domain::message::message;
use crate::domain::reason;
use crate::domain::reason::ReasonForm;
use crate::domain::review::{Decision, GigDecision, ReviewItem, ReviewQueueChange};
use crate::domain::review_kind::ReviewKind;
use crate::domain::review_record::RecordKind;
use crate::domain::text::normalize_optional_text;
use crate::domain::user::{Role, Viewer};
use crate::domain::verification_decision;
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::audit;
use crate::service::audit::Actor;
use crate::service::error::require_reviewer;
use crate::service::gigs::{apply_transition, record_queue_change, require_can_work};
use crate::service::review_texts::{Sealer, insert_decision};
use crate::service::{Result, Services, UnitOfWork, refusals};
use crate::store::{gigs, openings, reviews};

/// Claims an item for some minutes, so that two reviewers do not work on the same item.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_CLAIMED`, `INVALID_TRANSITION` if it is decided, `NOT_ALLOWED` for the reviewer's
/// own gig or verification and while their own proposal about it is pending, `LIMIT_REACHED` if the reviewer has too
/// many claims.
pub async fn claim(
    services: &Services,
    viewer: &Viewer,
    id: ReviewItemId,
    request_id: &str,
) -> Result<ReviewItem> {
    require_reviewer(viewer)?;
    let now = services.now();
    let mut work = services.begin().await?;
    openings::lock_reviewer(work.tx(), viewer.id()).await?;
    let (before, owner_id) = lock_item(&work, viewer, id).await?;
    if owner_id == viewer.id() {
        return Err(own_subject_error("id"));
    }
    let mut item = before.clone();
    item.claim(viewer.id(), &services.limits.review, now)?;
    check_no_own_proposal(services, &work, viewer, item.subject_id).await?;
    check_claim_limit(services, &work, viewer, id).await?;
    update_item(&mut work, &before, &item, ReviewQueueChange::Claimed).await?;
    if let SubjectId::Verification(user_id) = item.subject_id {
        audit::append(services, &work, actor(viewer, request_id), user_id, "CLAIM", &id.to_public()).await?;
    }
    work.commit().await?;
    Ok(item)
}

/// Returns `NOT_ALLOWED` if the reviewer's own decision about the verification waits for a second reviewer.
async fn check_no_own_proposal(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
    subject_id: SubjectId,
) -> Result<()> {
    let SubjectId::Verification(user_id) = subject_id else { return Ok(()) };
    let cutoff = services.limits.four_eyes.proposal_cutoff(services.now());
    let proposal = reviews::records::find_proposals(work.tx(), &[user_id], cutoff).await?.remove(&user_id);
    Ok(verification_decision::check_claim(viewer.id(), proposal.as_ref())?)
}

/// Returns `LIMIT_REACHED` if the reviewer cannot have a claim of this item besides the others.
async fn check_claim_limit(
    services: &Services,
    work: &UnitOfWork<'_>,
    viewer: &Viewer,
    id: ReviewItemId,
) -> Result<()> {
    let max = services.limits.review.claims_max;
    let count = reviews::claims::count_others(work.tx(), viewer.id(), id, services.now()).await?;
    if count < max {
        return Ok(());
    }
    let message = message!(
        "You may have at most {max} {unit} at a time; you have {actual}. Decide or release one first.",
        max = max,
        unit = "claims",
        actual = count
    );
    Err(Violation::at("id", ViolationCode::LimitReached, message).into())
}

/// Audits the release of a claim of a verification, and the end that an administrator puts to any claim of somebody
/// else.
async fn audit_release(
    services: &Services,
    work: &UnitOfWork<'_>,
    actor: Actor<'_>,
    before: &ReviewItem,
    owner_id: UserId,
) -> Result<()> {
    let id = before.id.to_public();
    let other = before.claimant(services.now()).filter(|claimant| Some(*claimant) != actor.id);
    let detail = match (other, before.subject_id) {
        (Some(other), _) => format!("{id} of {}", other.to_public()),
        (None, SubjectId::Verification(_)) => id,
        (None, SubjectId::Gig(_)) => return Ok(()),
    };
    audit::append(services, work, actor, owner_id, "RELEASE", &detail).await
}

pub(super) fn actor<'a>(viewer: &Viewer, request_id: &'a str) -> Actor<'a> {
    Actor { id: Some(viewer.id()), request_id }
}

/// Returns a claimed item to the queue. An administrator may end the claim of another reviewer, but not on an item
/// about themselves.
///
/// # Errors
/// `NOT_FOUND`, `ALREADY_CLAIMED` by another reviewer, `INVALID_TRANSITION` if it is not claimed, `NOT_ALLOWED` for the
/// viewer's own gig or verification.
pub async fn release(
    services: &Services,
    viewer: &Viewer,
    id: ReviewItemId,
    request_id: &str,
) -> Result<ReviewItem> {
    require_reviewer(viewer)?;
    let mut work = services.begin().await?;
    let (before, owner_id) = lock_item(&work, viewer, id).await?;
    if owner_id == viewer.id() {
        return Err(own_subject_error("id"));
    }
    let mut item = before.clone();
    match viewer.role {
        Role::Admin => item.release_any(services.now())?,
        Role::Reviewer | Role::Member => item.release(viewer.id(), services.now())?,
    }
    update_item(&mut work, &before, &item, ReviewQueueChange::Released).await?;
    audit_release(services, &work, actor(viewer, request_id), &before, owner_id).await?;
    work.commit().await?;
    Ok(item)
}

/// A gig or a verification after a decision.
#[derive(Debug)]
pub struct Decided<T> {
    pub subject: T,
    /// The review item, after the decision; `None` if the subject was not in the queue.
    pub item: Option<ReviewItem>,
}

/// A reviewer's decision on a gig.
#[derive(Debug)]
pub struct GigDecisionInput {
    pub gig_id: GigId,
    pub decision: GigDecision,
    pub expected_version: i32,
    pub reasons: Vec<ReasonForm>,
    pub internal_note: Option<String>,
}

/// Decides on a gig, and records the decision with its reasons. A refusal is audited.
///
/// # Errors
/// The violations of the input; `NOT_FOUND`, `NOT_ALLOWED` for the reviewer's own gig, `STALE_VERSION` if the
/// gig has changed since the reviewer read it, `ALREADY_CLAIMED` by another reviewer, `CLAIM_REQUIRED` if the setting
/// `review.gigClaimRequired` is on, `INVALID_TRANSITION`.
pub async fn decide_gig(
    services: &Services,
    viewer: &Viewer,
    input: GigDecisionInput,
    request_id: &str,
) -> Result<Decided<Gig>> {
    let (subject, decision) = (SubjectId::Gig(input.gig_id), input.decision.into());
    let decided = try_decide_gig(services, viewer, input).await;
    refusals::audited(services, viewer, subject, decision, request_id, decided).await
}

async fn try_decide_gig(
    services: &Services,
    viewer: &Viewer,
    input: GigDecisionInput,
) -> Result<Decided<Gig>> {
    require_reviewer(viewer)?;
    let limits = &services.limits.review;
    let mut validator = Validator::default();
    input.decision.check_reasons(input.reasons.len(), &mut validator);
    let reasons = reason::resolve(input.reasons, ReviewKind::Gig, limits, &mut validator);
    let note = input.internal_note.as_deref();
    let note = validate_note(note, "internalNote", "The note", limits, &mut validator);
    validator.finish()?;

    let now = services.now();
    let mut work = services.begin().await?;
    let missing = || Violation::not_found("gigId", "gig");
    let seller_id =
        gigs::find_visible(work.tx(), Some(viewer), input.gig_id).await?.ok_or_else(missing)?.seller_id;
    if work.lock_viewer_and(viewer, seller_id).await? {
        return Err(erased_subject_error());
    }
    if input.decision.transition().requires_right_to_work() {
        // The seller may have lost the right to list gigs since posting.
        require_can_work(services, &work, seller_id).await?;
    }
    let mut gig = gigs::lock_visible(work.tx(), viewer, input.gig_id).await?.ok_or_else(missing)?;
    if gig.seller_id == viewer.id() {
        return Err(own_subject_error("gigId"));
    }
    if gig.version != input.expected_version {
        return Err(Violation::stale("expectedVersion", "gig").into());
    }
    let mut item = reviews::lock_undecided(work.tx(), SubjectId::Gig(gig.id)).await?;
    if let Some(item) = &mut item {
        let before = item.clone();
        item.decide(viewer.id(), limits.gig_claim_required, now)
            .map_err(|violation| violation.moved_to("gigId"))?;
        update_item(&mut work, &before, item, ReviewQueueChange::Decided).await?;
    }
    let subject_id = SubjectId::Gig(gig.id);
    gig.review_reasons = Sealer::new(services, &work).reasons(seller_id, subject_id, reasons.clone()).await?;
    let gig = apply_transition(services, &mut work, gig, input.decision.transition()).await?;
    let decision = Decision {
        id: services.new_id(),
        subject_id,
        item_id: item.as_ref().map(|item| item.id),
        kind: RecordKind::Decision,
        reviewer_id: viewer.id(),
        decision: input.decision.into(),
        reasons,
        internal_note: note,
        version: gig.version,
        decided_at: now,
    };
    insert_decision(services, &work, seller_id, decision).await?;
    work.commit().await?;
    Ok(Decided { subject: gig, item })
}

/// Normalizes and checks a note, or a reason that only reviewers read; `None` if it shows nothing. `name` starts the
/// messages.
pub(super) fn validate_note(
    note: Option<&str>,
    path: &str,
    name: &str,
    limits: &ReviewLimits,
    validator: &mut Validator,
) -> Option<String> {
    let note = normalize_optional_text(note)?;
    validator.check_text(path, name, &note, 1, limits.internal_note_max_chars);
    Some(note)
}

fn own_subject_error(path: &str) -> crate::service::Error {
    let message = message!("You cannot review your own gig or verification.");
    Violation::at(path, ViolationCode::NotAllowed, message).into()
}

/// A decision about somebody who was erased. Nothing may be written about them any more.
pub(super) fn erased_subject_error() -> crate::service::Error {
    let message = message!("The account that this is about was erased.");
    Violation::general(ViolationCode::InvalidTransition, message).into()
}

/// Locks the viewer, the user whom the item is about, and the item. Returns the item and that user. An erasure
/// removes the undecided items of its user, which then do not exist.
async fn lock_item(work: &UnitOfWork<'_>, viewer: &Viewer, id: ReviewItemId) -> Result<(ReviewItem, UserId)> {
    let missing = || Violation::not_found("id", "review item");
    let found = reviews::find_all(work.tx(), &[id]).await?.pop().ok_or_else(missing)?;
    let owner_id = match found.subject_id {
        SubjectId::Gig(gig_id) => {
            let gig = gigs::find_visible(work.tx(), Some(viewer), gig_id).await?;
            gig.ok_or_else(missing)?.seller_id
        }
        SubjectId::Verification(user_id) => user_id,
    };
    work.lock_viewer_and(viewer, owner_id).await?;
    let item = reviews::lock(work.tx(), id).await?.ok_or_else(missing)?;
    Ok((item, owner_id))
}

/// Writes a changed item and records the event.
pub(super) async fn update_item(
    work: &mut UnitOfWork<'_>,
    before: &ReviewItem,
    item: &ReviewItem,
    change: ReviewQueueChange,
) -> Result<()> {
    if !reviews::update(work.tx(), before, item).await? {
        return Err(Violation::stale("id", "review item").into());
    }
    record_queue_change(work, item, change);
    Ok(())
}
