//! Changes that an operator makes to a user on the command line.

use crate::domain::account::{session_expiry, validate_display_name};
use crate::domain::event::EventBody;
use crate::domain::id::UserId;
use crate::domain::limits::POINTS_MAX;
use crate::domain::message::message;
use crate::domain::user::Role;
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::audit;
use crate::service::audit::SYSTEM;
use crate::service::gigs::{pause_of_blocked, resume_of_unblocked};
use crate::service::{Result, Services, UnitOfWork};
use crate::store::{authority, sessions, users};

/// Sets the worker points of the user with that e-mail.
///
/// # Errors
/// `NOT_FOUND`, `OUT_OF_RANGE`.
pub async fn set_points(services: &Services, email: &str, points: i64) -> Result<()> {
    if !(0..=POINTS_MAX).contains(&points) {
        let message = message!(
            "`points` must be between {min} and {max}; it is {actual}.",
            min = 0,
            max = POINTS_MAX,
            actual = points
        );
        return Err(Violation::at("points", ViolationCode::OutOfRange, message).into());
    }
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    lock_not_erased(&work, user_id).await?;
    let before = find_profile(&work, user_id).await?;
    let points_before = users::find_all(work.tx(), &[user_id]).await?.pop().map_or(0, |user| user.points);
    users::set_points(work.tx(), user_id, points).await?;
    let detail = format!("{points_before} to {points}");
    audit::append(services, &work, SYSTEM, user_id, "POINTS", &detail).await?;
    work.record(EventBody::ProfileChanged { user_id });
    if find_profile(&work, user_id).await? == before {
        work.mark_profile_unchanged(user_id);
    }
    work.commit().await
}

/// Changes the display name of the user with that e-mail.
///
/// # Errors
/// `NOT_FOUND`; the errors of an invalid name are those of a sign-up.
pub async fn set_display_name(services: &Services, email: &str, name: &str) -> Result<()> {
    let name = validate_display_name(name, &services.limits.account)?;
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    lock_not_erased(&work, user_id).await?;
    let before = find_profile(&work, user_id).await?;
    users::set_display_name(work.tx(), user_id, &name).await?;
    // The name is personal data, and so not in the trail.
    audit::append(services, &work, SYSTEM, user_id, "NAME", "").await?;
    work.record(EventBody::ProfileChanged { user_id });
    if find_profile(&work, user_id).await? == before {
        work.mark_profile_unchanged(user_id);
    }
    work.commit().await
}

/// What others see of a user, whom the caller has locked: the name and the level, not the points.
async fn find_profile(work: &UnitOfWork<'_>, user_id: UserId) -> Result<Option<(String, i32)>> {
    let user = users::find_all(work.tx(), &[user_id]).await?.pop();
    Ok(user.map(|user| (user.display_name.clone(), user.level())))
}

/// Changes the role of the user with that e-mail. The new role applies to their open connections at once.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn set_role(services: &Services, email: &str, role: Role) -> Result<()> {
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    lock_exclusively(&work, user_id).await?;
    let role_before = authority::find_role(work.tx(), services, user_id).await?.unwrap_or(Role::Member);
    authority::set_role(work.tx(), services, user_id, role).await?;
    let [from, to]: [&str; 2] = [role_before.into(), role.into()];
    audit::append(services, &work, SYSTEM, user_id, "ROLE", &format!("{from} to {to}")).await?;
    limit_sessions(&work, user_id, role, services).await?;
    work.record(EventBody::RoleChanged { user_id });
    work.commit().await
}

/// Blocks the user with that e-mail: their sessions end, they cannot sign in, and their ACTIVE gigs are paused,
/// so that nobody finds them.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn block(services: &Services, email: &str) -> Result<()> {
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    // Users are locked before their gigs.
    lock_exclusively(&work, user_id).await?;
    users::set_blocked(work.tx(), user_id, Some(services.now())).await?;
    pause_of_blocked(services, &mut work, user_id).await?;
    end_sessions(&mut work, user_id, services).await?;
    audit::append(services, &work, SYSTEM, user_id, "BLOCK", "").await?;
    // Open connections check their user again after this event.
    work.record(EventBody::RoleChanged { user_id });
    work.commit().await
}

/// Unblocks the user with that e-mail. Gigs that were paused by the block become ACTIVE again.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn unblock(services: &Services, email: &str) -> Result<()> {
    let user_id = find(services, email).await?;
    let mut work = services.begin().await?;
    lock_not_erased(&work, user_id).await?;
    users::set_blocked(work.tx(), user_id, None).await?;
    resume_of_unblocked(services, &mut work, user_id).await?;
    audit::append(services, &work, SYSTEM, user_id, "UNBLOCK", "").await?;
    work.commit().await
}

/// Shortens the sessions of a user whose new role has shorter ones.
async fn limit_sessions(
    work: &UnitOfWork<'_>,
    user_id: UserId,
    role: Role,
    services: &Services,
) -> Result<()> {
    let (now, limits) = (services.now(), &services.limits.session);
    for session in sessions::find_active_of_user(work.tx(), user_id, now).await? {
        let expires_at = session_expiry(limits, role, session.created_at, now).min(session.expires_at);
        sessions::set_expiry(work.tx(), session.id, now, expires_at).await?;
    }
    Ok(())
}

/// Ends every session of the user, and returns how many.
pub(super) async fn end_sessions(
    work: &mut UnitOfWork<'_>,
    user_id: UserId,
    services: &Services,
) -> Result<usize> {
    let ended = sessions::end_all(work.tx(), user_id, services.now()).await?;
    for session_id in &ended {
        work.record(EventBody::SessionEnded { session_id: *session_id, user_id });
    }
    Ok(ended.len())
}

/// Locks the user. `NOT_FOUND` if they were erased in the meantime.
pub(super) async fn lock_not_erased(work: &UnitOfWork<'_>, user_id: UserId) -> Result<()> {
    require_not_erased(users::lock(work.tx(), user_id).await?)
}

/// Locks the user, and waits for every act of theirs that has begun: one that begins later reads what this
/// transaction writes. `NOT_FOUND` if they were erased in the meantime.
async fn lock_exclusively(work: &UnitOfWork<'_>, user_id: UserId) -> Result<()> {
    require_not_erased(users::lock_exclusively(work.tx(), user_id).await?)
}

/// Returns `NOT_FOUND` if the user was erased.
pub(super) fn require_not_erased(is_erased: bool) -> Result<()> {
    if is_erased { Err(Violation::not_found("email", "user").into()) } else { Ok(()) }
}

/// Returns the user with that e-mail.
pub(super) async fn find(services: &Services, email: &str) -> Result<UserId> {
    let credentials = users::find_credentials(services.db.read(), email).await?;
    Ok(credentials.ok_or_else(|| Violation::not_found("email", "user"))?.user_id)
}
