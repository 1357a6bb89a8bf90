//! Changes to the account of a user: by an administrator in a request, or by the operator on the command line.

use crate::domain::account::{session_expiry, validate_display_name};
use crate::domain::event::EventBody;
use crate::domain::id::UserId;
use crate::domain::limits::POINTS_MAX;
use crate::domain::message::message;
use crate::domain::user::{Role, Viewer};
use crate::domain::violation::{Violation, ViolationCode};
use crate::service::audit;
use crate::service::audit::{Actor, SYSTEM};
use crate::service::gigs::{pause_of_blocked, resume_of_unblocked};
use crate::service::{Error, Result, Services, UnitOfWork};
use crate::store::{authority, sessions, users};

/// Who changes an account.
#[derive(Debug, Clone, Copy)]
pub(super) enum Administrator<'a> {
    /// The operator of the installation, on the command line. May change every account.
    Operator,
    /// An administrator, in a request. May change every account but their own.
    Viewer { viewer: &'a Viewer, request_id: &'a str },
}

/// How a change locks the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserLock {
    /// Acts of the user and about them wait for each other.
    Normal,
    /// Also waits for every act of the user that has begun: one that begins later reads what the change writes.
    Exclusive,
}

impl<'a> Administrator<'a> {
    /// Who acts, for the audit trail.
    pub(super) fn actor(self) -> Actor<'a> {
        match self {
            Self::Operator => SYSTEM,
            Self::Viewer { viewer, request_id } => Actor { id: Some(viewer.id()), request_id },
        }
    }

    /// The path of what names the user.
    fn path(self) -> &'static str {
        match self {
            Self::Operator => "email",
            Self::Viewer { .. } => "userId",
        }
    }

    /// Begins the transaction of a change, and locks the user.
    ///
    /// Locks two administrators in the order of their ids, so that of two who take each other's role, the second one
    /// waits, and is no administrator any more.
    ///
    /// # Errors
    /// [`Error::AdminRequired`], `NOT_ALLOWED` for the administrator's own account, `NOT_FOUND` if the user does not
    /// exist or was erased.
    pub(super) async fn begin(
        self,
        services: &Services,
        user_id: UserId,
        lock: UserLock,
    ) -> Result<UnitOfWork<'_>> {
        if let Self::Viewer { viewer, .. } = self {
            require_admin(viewer)?;
            if viewer.id() == user_id {
                let message = message!("You cannot change your own account. Ask another administrator.");
                return Err(Violation::at(self.path(), ViolationCode::NotAllowed, message).into());
            }
        }
        let work = services.begin().await?;
        match (self, lock) {
            (Self::Operator, UserLock::Normal) => {
                users::lock(work.tx(), user_id).await?;
            }
            (Self::Operator, UserLock::Exclusive) => {
                users::lock_exclusively(work.tx(), user_id).await?;
            }
            (Self::Viewer { viewer, .. }, UserLock::Normal) => {
                work.lock_viewer_and(viewer, user_id).await?;
            }
            (Self::Viewer { viewer, .. }, UserLock::Exclusive) if viewer.id() < user_id => {
                work.lock_admin(viewer).await?;
                users::lock_exclusively(work.tx(), user_id).await?;
            }
            (Self::Viewer { viewer, .. }, UserLock::Exclusive) => {
                users::lock_exclusively(work.tx(), user_id).await?;
                work.lock_admin(viewer).await?;
            }
        }
        if users::find_not_erased(work.tx(), &[user_id]).await?.is_empty() {
            return Err(Violation::not_found(self.path(), "user").into());
        }
        Ok(work)
    }
}

/// Returns `AdminRequired` unless the viewer is an administrator.
pub(super) fn require_admin(viewer: &Viewer) -> Result<()> {
    if viewer.role == Role::Admin { Ok(()) } else { Err(Error::AdminRequired) }
}

/// Sets the worker points of a user.
///
/// # Errors
/// `OUT_OF_RANGE`, and those of [`Administrator::begin`].
pub(super) async fn set_points(
    services: &Services,
    by: Administrator<'_>,
    user_id: UserId,
    points: i64,
) -> Result<()> {
    check_points(points)?;
    let mut work = by.begin(services, user_id, UserLock::Normal).await?;
    let before = find_profile(&work, user_id).await?;
    let points_before = users::find_all(work.tx(), &[user_id]).await?.pop().map_or(0, |user| user.points);
    users::set_points(work.tx(), user_id, points).await?;
    let detail = format!("{points_before} to {points}");
    audit::append(services, &work, by.actor(), user_id, "POINTS", &detail).await?;
    work.record(EventBody::ProfileChanged { user_id });
    if find_profile(&work, user_id).await? == before {
        work.mark_profile_unchanged(user_id);
    }
    work.commit().await
}

/// Returns `OUT_OF_RANGE` for points that nobody can have.
pub(super) fn check_points(points: i64) -> Result<()> {
    if (0..=POINTS_MAX).contains(&points) {
        return Ok(());
    }
    let message = message!(
        "`points` must be between {min} and {max}; it is {actual}.",
        min = 0,
        max = POINTS_MAX,
        actual = points
    );
    Err(Violation::at("points", ViolationCode::OutOfRange, message).into())
}

/// Changes the display name of a user.
///
/// # Errors
/// The errors of an invalid name are those of a sign-up; and those of [`Administrator::begin`].
pub(super) async fn set_display_name(
    services: &Services,
    by: Administrator<'_>,
    user_id: UserId,
    name: &str,
) -> Result<()> {
    let name = validate_display_name(name, &services.limits.account)?;
    let mut work = by.begin(services, user_id, UserLock::Normal).await?;
    let before = find_profile(&work, user_id).await?;
    users::set_display_name(work.tx(), user_id, &name).await?;
    // The name is personal data, and so not in the trail.
    audit::append(services, &work, by.actor(), user_id, "NAME", "").await?;
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

/// Changes the role of a user. The new role applies to their open connections at once.
///
/// # Errors
/// Those of [`Administrator::begin`].
pub(super) async fn set_role(
    services: &Services,
    by: Administrator<'_>,
    user_id: UserId,
    role: Role,
) -> Result<()> {
    let mut work = by.begin(services, user_id, UserLock::Exclusive).await?;
    let role_before = authority::find_role(work.tx(), services, user_id).await?.unwrap_or(Role::Member);
    authority::set_role(work.tx(), services, user_id, role).await?;
    let [from, to]: [&str; 2] = [role_before.into(), role.into()];
    audit::append(services, &work, by.actor(), user_id, "ROLE", &format!("{from} to {to}")).await?;
    limit_sessions(&work, user_id, role, services).await?;
    work.record(EventBody::RoleChanged { user_id });
    work.commit().await
}

/// Blocks a user: their sessions end, they cannot sign in, and their ACTIVE gigs are paused, so that nobody finds them.
/// A user who is blocked already stays blocked since then.
///
/// # Errors
/// Those of [`Administrator::begin`].
pub(super) async fn block(services: &Services, by: Administrator<'_>, user_id: UserId) -> Result<()> {
    // Users are locked before their gigs.
    let mut work = by.begin(services, user_id, UserLock::Exclusive).await?;
    if !users::is_blocked(work.tx(), user_id).await? {
        users::set_blocked(work.tx(), user_id, Some(services.now())).await?;
    }
    pause_of_blocked(services, &mut work, user_id).await?;
    end_sessions(&mut work, user_id, services).await?;
    audit::append(services, &work, by.actor(), user_id, "BLOCK", "").await?;
    // Open connections check their user again after this event.
    work.record(EventBody::RoleChanged { user_id });
    work.commit().await
}

/// Unblocks a user. Gigs that were paused by the block become ACTIVE again.
///
/// # Errors
/// Those of [`Administrator::begin`].
pub(super) async fn unblock(services: &Services, by: Administrator<'_>, user_id: UserId) -> Result<()> {
    let mut work = by.begin(services, user_id, UserLock::Normal).await?;
    users::set_blocked(work.tx(), user_id, None).await?;
    resume_of_unblocked(services, &mut work, user_id).await?;
    audit::append(services, &work, by.actor(), user_id, "UNBLOCK", "").await?;
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

/// Returns the user with that e-mail.
pub(super) async fn find(services: &Services, email: &str) -> Result<UserId> {
    let credentials = users::find_credentials(services.db.read(), email).await?;
    Ok(credentials.ok_or_else(|| Violation::not_found("email", "user"))?.user_id)
}
