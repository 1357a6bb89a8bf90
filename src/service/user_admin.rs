//! What those who run the installation decide about a person.

use uuid::Uuid;

use crate::domain::account::new_display_name;
use crate::domain::event::EventBody;
use crate::domain::limits::POINTS_MAX;
use crate::domain::user::Role;
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::{Result, Services, UnitOfWork};
use crate::store::{sessions, users};

/// Sets the worker points of the person with that e-mail.
///
/// # Errors
/// `NOT_FOUND`, `OUT_OF_RANGE`.
pub async fn set_points(services: &Services, email: &str, points: i64) -> Result<()> {
    if !(0..=POINTS_MAX).contains(&points) {
        let message = format!("Points must be from 0 to {POINTS_MAX}; these are {points}.");
        return Err(Violation::at("points", ViolationCode::OutOfRange, message).into());
    }
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    lock_unerased(&work, user_id).await?;
    users::set_points(work.tx(), user_id, points).await?;
    work.record(EventBody::ProfileChanged { user_id });
    work.commit().await
}

/// Gives the person with that e-mail another name.
///
/// # Errors
/// `NOT_FOUND`, and what a sign-up says of a name that cannot be.
pub async fn set_display_name(services: &Services, email: &str, name: &str) -> Result<()> {
    let name = new_display_name(name, &services.limits.account)?;
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    lock_unerased(&work, user_id).await?;
    users::set_display_name(work.tx(), user_id, &name).await?;
    work.record(EventBody::ProfileChanged { user_id });
    work.commit().await
}

/// Gives the person with that e-mail another role; their open connections are told, and narrow.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn set_role(services: &Services, email: &str, role: Role) -> Result<()> {
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    users::set_role(work.tx(), user_id, role).await?;
    work.record(EventBody::RoleChanged { user_id });
    work.commit().await
}

/// Blocks the person with that e-mail: their sessions end, and they cannot sign in.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn block(services: &Services, email: &str) -> Result<()> {
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    users::set_blocked(work.tx(), user_id, Some(services.now())).await?;
    end_sessions(&mut work, user_id, services).await?;
    // For a session that is being made at this moment: whoever looks at it again finds nobody.
    work.record(EventBody::RoleChanged { user_id });
    work.commit().await
}

/// Lets a person who was blocked sign in again.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn unblock(services: &Services, email: &str) -> Result<()> {
    let user_id = find(services, email).await?;
    let work = services.begin().await?;
    users::set_blocked(work.tx(), user_id, None).await?;
    work.commit().await
}

/// Ends every session of the person, and tells so; how many it ended.
pub(super) async fn end_sessions(
    work: &mut UnitOfWork<'_>,
    user_id: Uuid,
    services: &Services,
) -> Result<usize> {
    let ended = sessions::end_all(work.tx(), user_id, services.now()).await?;
    for session_id in &ended {
        work.record(EventBody::SessionEnded { session_id: *session_id, user_id });
    }
    Ok(ended.len())
}

/// Keeps others from changing or erasing the person, who must not have been erased meanwhile.
async fn lock_unerased(work: &UnitOfWork<'_>, user_id: Uuid) -> Result<()> {
    users::lock(work.tx(), user_id).await?;
    if users::is_erased(work.tx(), user_id).await? {
        return Err(Violation::not_found("email", "person").into());
    }
    Ok(())
}

/// The person with that e-mail.
pub(super) async fn find(services: &Services, email: &str) -> Result<Uuid> {
    let known = users::credentials(services.db.read(), email).await?;
    Ok(known.ok_or_else(|| Violation::not_found("email", "person"))?.user_id)
}
