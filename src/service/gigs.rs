//! What sellers do with their gigs.

use uuid::Uuid;

use crate::domain::event::EventBody;
use crate::domain::gig::{Gig, GigContent, GigStatus, GigTransition};
use crate::domain::gig_form::{Completeness, GigForm};
use crate::domain::permission;
use crate::domain::review::{ReviewItem, ReviewQueueChange};
use crate::domain::review_kind::ReviewKind;
use crate::domain::user::Viewer;
use crate::domain::violation::{Validator, Violation, ViolationCode};
use crate::service::{Result, Services, UnitOfWork};
use crate::store::{categories, gigs, images, reviews, users};

/// Creates a draft, or goes on with the one that `id` names.
///
/// # Errors
/// Every fault of the form; `NOT_FOUND`, `INVALID_TRANSITION`, `LIMIT_REACHED`.
pub async fn save_draft(
    services: &Services,
    viewer: &Viewer,
    id: Option<Uuid>,
    form: GigForm,
) -> Result<Gig> {
    let mut work = services.begin().await?;
    let gig = match id {
        Some(id) => lock_own(&work, viewer, id, "id").await?,
        None => new_gig(services, &work, viewer).await?,
    };
    let gig = write(services, &mut work, gig, form, Completeness::Draft, GigTransition::SaveDraft).await?;
    work.commit().await?;
    Ok(gig)
}

/// Sends a gig for approval: a new one, or the draft that `draft_id` names.
///
/// # Errors
/// Every fault of the form; `VERIFICATION_REQUIRED`, `NOT_FOUND`, `INVALID_TRANSITION`, `LIMIT_REACHED`.
pub async fn post(
    services: &Services,
    viewer: &Viewer,
    draft_id: Option<Uuid>,
    form: GigForm,
) -> Result<Gig> {
    let mut work = services.begin().await?;
    check_may_work(services, &work, viewer.id()).await?;
    let gig = match draft_id {
        Some(id) => lock_own(&work, viewer, id, "draftId").await?,
        None => new_gig(services, &work, viewer).await?,
    };
    let gig = write(services, &mut work, gig, form, Completeness::Complete, GigTransition::Post).await?;
    work.commit().await?;
    Ok(gig)
}

/// Changes a gig that was rejected or is listed, and sends it for approval again.
///
/// # Errors
/// Every fault of the form; `NOT_FOUND`, `INVALID_TRANSITION`, `STALE_VERSION`.
pub async fn edit(
    services: &Services,
    viewer: &Viewer,
    id: Uuid,
    expected_version: Option<i32>,
    form: GigForm,
) -> Result<Gig> {
    let mut work = services.begin().await?;
    check_may_work(services, &work, viewer.id()).await?;
    let gig = lock_own(&work, viewer, id, "id").await?;
    if expected_version.is_some_and(|version| version != gig.version) {
        return Err(Violation::stale("expectedVersion", "gig").into());
    }
    let gig = write(services, &mut work, gig, form, Completeness::Complete, GigTransition::Edit).await?;
    work.commit().await?;
    Ok(gig)
}

/// Pauses, resumes or archives a gig of the viewer's.
///
/// # Errors
/// `NOT_FOUND`, `INVALID_TRANSITION`.
pub async fn change(
    services: &Services,
    viewer: &Viewer,
    id: Uuid,
    transition: GigTransition,
) -> Result<Gig> {
    let mut work = services.begin().await?;
    if transition == GigTransition::Resume {
        check_may_work(services, &work, viewer.id()).await?;
    }
    let gig = lock_own(&work, viewer, id, "id").await?;
    let gig = advance(services, &mut work, gig, transition).await?;
    work.commit().await?;
    Ok(gig)
}

/// Whoever puts something on the list needs, from some level on, a cleared identity. The person is kept as they are
/// until the act is done; they come before their gigs.
pub(super) async fn check_may_work(
    services: &Services,
    work: &UnitOfWork<'_>,
    seller_id: Uuid,
) -> Result<()> {
    users::lock(work.tx(), seller_id).await?;
    let seller = users::find_all(work.tx(), &[seller_id]).await?;
    let missing = seller.first().and_then(|seller| permission::needs_verification(seller, &services.limits));
    missing.map_or(Ok(()), |violation| Err(violation.into()))
}

async fn lock_own(work: &UnitOfWork<'_>, viewer: &Viewer, id: Uuid, path: &str) -> Result<Gig> {
    let gig = gigs::lock_own(work.tx(), viewer, id).await?;
    gig.ok_or_else(|| Violation::not_found(path, "gig").into())
}

/// A gig that is not stored yet, where the seller may have one more.
async fn new_gig(services: &Services, work: &UnitOfWork<'_>, viewer: &Viewer) -> Result<Gig> {
    users::lock(work.tx(), viewer.id()).await?;
    let unarchived = gigs::count_unarchived(work.tx(), viewer.id()).await?;
    if let Some(violation) = permission::has_room(unarchived, &services.limits) {
        return Err(violation.into());
    }
    let blank = GigContent::blank(&categories::first(work.tx()).await?);
    Ok(Gig::new(services.new_id(), viewer.id(), blank, services.now()))
}

/// Does `transition` to the gig with what the form says.
async fn write(
    services: &Services,
    work: &mut UnitOfWork<'_>,
    gig: Gig,
    form: GigForm,
    completeness: Completeness,
    transition: GigTransition,
) -> Result<Gig> {
    let image_ids = form.image_ids.clone();
    let gig = fill(services, work, gig, form, completeness).await?;
    let gig = advance(services, work, gig, transition).await?;
    gigs::index_tags(work.tx(), &gig).await?;
    if let Some(ids) = image_ids
        && !images::attach(work.tx(), gig.seller_id, gig.id, &ids, services.now()).await?
    {
        // Another gig took one of them between the check and now.
        return Err(Violation::not_found("imageIds", "picture").into());
    }
    Ok(gig)
}

/// The gig with what the form says.
async fn fill(
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
    gig.content = form.fill(gig.content, category.as_ref(), limits, completeness, &mut validator);
    let asked = &image_ids[..image_ids.len().min(limits.images_max)];
    let attachable = images::find_attachable(work.tx(), gig.seller_id, gig.id, asked).await?;
    for (index, id) in asked.iter().enumerate() {
        if !attachable.contains(id) {
            let message = "There is no such picture of yours that no other gig has.";
            validator.violation(&format!("imageIds.{index}"), ViolationCode::NotFound, message);
        }
    }
    validator.finish()?;
    Ok(gig)
}

/// Does `transition` to the gig: writes it, keeps the review queue in step, and records what the log is to know.
pub(super) async fn advance(
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
        return Err(Violation::of_act(
            ViolationCode::StaleVersion,
            "The gig has changed meanwhile; read it again.",
        )
        .into());
    }
    if previous == Some(gig.status) {
        return Ok(gig);
    }
    work.record(EventBody::gig_status(&gig, previous));
    if gig.status == GigStatus::InReview {
        let limits = &services.limits.review;
        let item = ReviewItem::submitted(services.new_id(), ReviewKind::Gig, gig.id, limits, now);
        reviews::insert(work.tx(), &item).await?;
        record_queue(work, &item, ReviewQueueChange::Submitted);
    }
    if previous == Some(GigStatus::InReview)
        && transition == GigTransition::Archive
        && let Some(item) = reviews::lock_undecided(work.tx(), gig.id).await?
    {
        reviews::delete(work.tx(), item.id).await?;
        record_queue(work, &item, ReviewQueueChange::Withdrawn);
    }
    Ok(gig)
}

/// Records what happened to a queue item.
pub(super) fn record_queue(work: &mut UnitOfWork<'_>, item: &ReviewItem, change: ReviewQueueChange) {
    work.record(EventBody::ReviewQueue { item_id: item.id, review_kind: item.kind, change });
}
