//! Gigs of sellers: drafts, posting, editing, and changes of status.

use crate::domain::event::EventBody;
use crate::domain::gig::{Gig, GigContent, GigStatus, GigTransition};
use crate::domain::gig_form::{Completeness, GigForm};
use crate::domain::id::{GigId, SubjectId, UserId};
use crate::domain::message::message;
use crate::domain::permission;
use crate::domain::review::{ReviewItem, ReviewQueueChange};
use crate::domain::user::Viewer;
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::{Error, Result, Services, UnitOfWork, held_versions};
use crate::store::{categories, gigs, images, reviews, users};

/// Creates a draft, or saves the draft `id`.
///
/// # Errors
/// The violations of the form; `NOT_FOUND`, `INVALID_TRANSITION`, `LIMIT_REACHED`.
pub async fn save_draft(
    services: &Services,
    viewer: &Viewer,
    id: Option<GigId>,
    form: GigForm,
) -> Result<Gig> {
    let mut work = services.begin_for(viewer.id()).await?;
    let gig = match id {
        Some(id) => lock_own(&work, viewer, id, "id").await?,
        None => new_gig(services, &work, viewer).await?,
    };
    let gig = save(services, &mut work, gig, form, Completeness::Draft, GigTransition::SaveDraft).await?;
    work.commit().await?;
    Ok(gig)
}

/// Submits a gig for review: a new one, or the draft `draft_id`.
///
/// # Errors
/// The violations of the form; `VERIFICATION_REQUIRED`, `NOT_FOUND`, `INVALID_TRANSITION`, `LIMIT_REACHED`.
pub async fn post(
    services: &Services,
    viewer: &Viewer,
    draft_id: Option<GigId>,
    form: GigForm,
) -> Result<Gig> {
    let mut work = services.begin_for(viewer.id()).await?;
    require_can_work(services, &work, viewer.id()).await?;
    let gig = match draft_id {
        Some(id) => lock_own(&work, viewer, id, "draftId").await?,
        None => new_gig(services, &work, viewer).await?,
    };
    let gig = save(services, &mut work, gig, form, Completeness::Complete, GigTransition::Post).await?;
    work.commit().await?;
    Ok(gig)
}

/// Edits a rejected, active or paused gig, and submits it for review again.
///
/// # Errors
/// The violations of the form; `NOT_FOUND`, `INVALID_TRANSITION`, `STALE_VERSION`.
pub async fn edit(
    services: &Services,
    viewer: &Viewer,
    id: GigId,
    expected_version: Option<i32>,
    form: GigForm,
) -> Result<Gig> {
    let mut work = services.begin_for(viewer.id()).await?;
    require_can_work(services, &work, viewer.id()).await?;
    let gig = lock_own(&work, viewer, id, "id").await?;
    if expected_version.is_some_and(|version| version != gig.version) {
        return Err(Violation::stale("expectedVersion", "gig").into());
    }
    let gig = save(services, &mut work, gig, form, Completeness::Complete, GigTransition::Edit).await?;
    work.commit().await?;
    Ok(gig)
}

/// Pauses, resumes or archives a gig of the viewer.
///
/// # Errors
/// `NOT_FOUND`, `INVALID_TRANSITION`.
pub async fn change_status(
    services: &Services,
    viewer: &Viewer,
    id: GigId,
    transition: GigTransition,
) -> Result<Gig> {
    let mut work = services.begin_for(viewer.id()).await?;
    if transition.requires_right_to_work() {
        require_can_work(services, &work, viewer.id()).await?;
    }
    let gig = lock_own(&work, viewer, id, "id").await?;
    let gig = apply_transition(services, &mut work, gig, transition).await?;
    work.commit().await?;
    Ok(gig)
}

/// Returns `VERIFICATION_REQUIRED` if the seller's level requires a verified identity and the seller is not
/// verified, `NOT_ALLOWED` if the seller is blocked.
///
/// The caller has locked the seller, so that the result is still true at the commit.
pub(super) async fn require_can_work(
    services: &Services,
    work: &UnitOfWork<'_>,
    seller_id: UserId,
) -> Result<()> {
    let seller = users::find_standings(work.tx(), services, &[seller_id]).await?.pop();
    let violation = seller.and_then(|seller| permission::check_can_work(&seller, &services.limits));
    violation.map_or(Ok(()), |violation| Err(violation.into()))
}

async fn lock_own(work: &UnitOfWork<'_>, viewer: &Viewer, id: GigId, path: &str) -> Result<Gig> {
    let gig = gigs::lock_own(work.tx(), viewer, id).await?;
    gig.ok_or_else(|| Violation::not_found(path, "gig").into())
}

/// Returns a new gig that is not stored yet. `LIMIT_REACHED` if the seller, whom the caller has locked, cannot
/// have one more.
async fn new_gig(services: &Services, work: &UnitOfWork<'_>, viewer: &Viewer) -> Result<Gig> {
    let unarchived = gigs::count_unarchived(work.tx(), viewer.id()).await?;
    if let Some(violation) = permission::check_gig_limit(unarchived, &services.limits) {
        return Err(violation.into());
    }
    let blank = GigContent::blank(&categories::first(work.tx()).await?);
    Ok(Gig::new(services.new_id(), viewer.id(), blank, services.now()))
}

/// Applies the form and the transition, and writes the gig with its tags and images.
async fn save(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    gig: Gig,
    form: GigForm,
    completeness: Completeness,
    transition: GigTransition,
) -> Result<Gig> {
    let image_ids = form.image_ids.clone();
    let before = gig.stored_status().map(|_| gig.content.clone());
    let gig = apply_form(services, work, gig, form, completeness).await?;
    if let Some(before) = before {
        held_versions::keep_gig(services, work, &gig, &before, image_ids.as_deref()).await?;
    }
    let gig = apply_transition(services, work, gig, transition).await?;
    gigs::index_tags(work.tx(), &gig).await?;
    if let Some(ids) = image_ids
        && !images::attach(work.tx(), gig.seller_id, gig.id, &ids, services.now()).await?
    {
        // Another gig has attached one of the images since `apply_form` checked them.
        return Err(Violation::not_found("imageIds", "image").into());
    }
    Ok(gig)
}

/// Applies the form to the gig, and checks it.
async fn apply_form(
    services: &Services,
    work: &UnitOfWork<'_>,
    mut gig: Gig,
    form: GigForm,
    completeness: Completeness,
) -> Result<Gig> {
    let category_id = form.category_id.unwrap_or(gig.content.category_id);
    let category = categories::find(work.tx(), category_id).await?;
    let image_ids = form.image_ids.clone().unwrap_or_default();
    let mut validator = Validator::default();
    let limits = &services.limits.gig;
    gig.content = form.merge_into(gig.content, category.as_ref(), limits, completeness, &mut validator);
    let image_ids_to_attach = &image_ids[..image_ids.len().min(limits.images_max)];
    let attachable = images::find_attachable(work.tx(), gig.seller_id, gig.id, image_ids_to_attach).await?;
    for (index, id) in image_ids_to_attach.iter().enumerate() {
        if !attachable.contains(id) {
            let message = message!("This is not an image that you have uploaded, or another gig uses it.");
            validator.add(&format!("imageIds.{index}"), ViolationCode::NotFound, message);
        }
    }
    validator.finish()?;
    Ok(gig)
}

/// Applies the transition, writes the gig, updates its item in the review queue, and records the events.
pub(super) async fn apply_transition(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    mut gig: Gig,
    transition: GigTransition,
) -> Result<Gig> {
    let (previous, now) = (gig.stored_status(), services.now());
    gig.apply(transition, &services.limits, now)?;
    if previous.is_none() {
        gigs::insert(work.tx(), &gig).await?;
    } else if !gigs::update(work.tx(), &gig).await? {
        return Err(Violation::changed_meanwhile("gig").into());
    }
    if previous == Some(gig.status) {
        return Ok(gig);
    }
    work.record(EventBody::gig_status(&gig, previous));
    if gig.status == GigStatus::InReview {
        let limits = &services.limits.review;
        let item = ReviewItem::new(services.new_id(), SubjectId::Gig(gig.id), limits, now);
        reviews::insert(work.tx(), &item).await?;
        record_queue_change(work, &item, ReviewQueueChange::Submitted);
    }
    if previous == Some(GigStatus::InReview)
        && transition == GigTransition::Archive
        && let Some(item) = reviews::lock_undecided(work.tx(), SubjectId::Gig(gig.id)).await?
    {
        reviews::delete(work.tx(), item.id).await?;
        record_queue_change(work, &item, ReviewQueueChange::Withdrawn);
    }
    Ok(gig)
}

/// Pauses the ACTIVE gigs of a seller who is blocked, and marks them for [`resume_of_unblocked`]. Lock the
/// seller first.
pub(super) async fn pause_of_blocked(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    seller_id: UserId,
) -> Result<()> {
    let active = gigs::lock_all_of_seller(work.tx(), seller_id, &[GigStatus::Active]).await?;
    let ids: Vec<_> = active.iter().map(|gig| gig.id).collect();
    for gig in active {
        apply_transition(services, work, gig, GigTransition::Pause).await?;
    }
    Ok(gigs::mark_paused_by_block(work.tx(), &ids).await?)
}

/// Resumes the gigs that were paused when the seller was blocked, and that nobody has changed since. They stay
/// PAUSED if the seller may not sell any more. Unblock the seller first.
pub(super) async fn resume_of_unblocked(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    seller_id: UserId,
) -> Result<()> {
    let paused = gigs::lock_paused_by_block(work.tx(), seller_id).await?;
    match require_can_work(services, work, seller_id).await {
        Ok(()) => {
            for gig in paused {
                apply_transition(services, work, gig, GigTransition::Resume).await?;
            }
            Ok(())
        }
        Err(Error::Violations(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Records the event of a change to the review queue.
pub(super) fn record_queue_change(work: &mut UnitOfWork<'_>, item: &ReviewItem, change: ReviewQueueChange) {
    work.record(EventBody::ReviewQueue { item_id: item.id, review_kind: item.subject_id.kind(), change });
}
