//! Requests of users to be erased. A request waits for some days, in which the user can cancel it.
//!
//! A user under a legal hold can make a request like any other: an answer that depends on the hold would tell them of
//! it. When it is due, it waits until the hold is lifted.

use crate::domain::id::UserId;
use crate::domain::message::message;
use crate::domain::rights::ErasureRequest;
use crate::domain::user::Viewer;
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::audit::Actor;
use crate::service::{Result, Services, audit, erasure};
use crate::store::erasure_requests;

/// Records that the viewer wants to be erased. A second request changes nothing.
pub async fn request(services: &Services, viewer: &Viewer, request_id: &str) -> Result<ErasureRequest> {
    let work = services.begin_for(viewer.id()).await?;
    if let Some(existing) = erasure_requests::find(work.tx(), viewer.id()).await? {
        return Ok(existing);
    }
    let request = ErasureRequest::new(viewer.id(), &services.limits.retention, services.now());
    erasure_requests::insert(work.tx(), &request).await?;
    let actor = Actor { id: Some(viewer.id()), request_id };
    audit::append(services, &work, actor, viewer.id(), "REQUEST_ERASURE", "").await?;
    work.commit().await?;
    Ok(request)
}

/// Cancels the viewer's request, and returns it.
///
/// # Errors
/// `NOT_FOUND` if there is none.
pub async fn cancel(services: &Services, viewer: &Viewer, request_id: &str) -> Result<ErasureRequest> {
    let work = services.begin_for(viewer.id()).await?;
    let Some(request) = erasure_requests::find(work.tx(), viewer.id()).await? else {
        let message = message!("There is no {object} to cancel.", object = "request to be erased");
        return Err(Violation::general(ViolationCode::NotFound, message).into());
    };
    erasure_requests::delete(work.tx(), viewer.id()).await?;
    let actor = Actor { id: Some(viewer.id()), request_id };
    audit::append(services, &work, actor, viewer.id(), "CANCEL_ERASURE", "").await?;
    work.commit().await?;
    Ok(request)
}

/// Erases the users whose requests are due, except those under a legal hold. A failure for one user does not stop the
/// erasure of the others. Returns how many were erased.
///
/// # Errors
/// The last failure, after every user was tried.
pub(super) async fn erase_due(services: &Services) -> Result<usize> {
    let (mut erased, mut last_error) = (0, None);
    for user_id in erasure_requests::find_due(services.db.read(), services.now()).await? {
        match erasure::erase_requested(services, user_id).await {
            Ok(is_erased) => erased += usize::from(is_erased),
            Err(error) => last_error = Some(failure(user_id, error)),
        }
    }
    last_error.map_or(Ok(erased), Err)
}

fn failure(user_id: UserId, error: crate::service::Error) -> crate::service::Error {
    tracing::error!(%user_id, %error, "a requested erasure failed");
    error
}
