//! Changes that an operator makes to a user on the command line, by the user's e-mail.

use crate::domain::user::Role;
use crate::service::administration::Administrator::Operator;
use crate::service::administration::{check_points, find};
use crate::service::{Result, Services, administration, legal_holds};

/// Sets the worker points of the user with that e-mail.
///
/// # Errors
/// `NOT_FOUND`, `OUT_OF_RANGE`.
pub async fn set_points(services: &Services, email: &str, points: i64) -> Result<()> {
    check_points(points)?;
    administration::set_points(services, Operator, find(services, email).await?, points).await
}

/// Changes the display name of the user with that e-mail.
///
/// # Errors
/// `NOT_FOUND`; the errors of an invalid name are those of a sign-up.
pub async fn set_display_name(services: &Services, email: &str, name: &str) -> Result<()> {
    administration::set_display_name(services, Operator, find(services, email).await?, name).await
}

/// Changes the role of the user with that e-mail. The new role applies to their open connections at once.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn set_role(services: &Services, email: &str, role: Role) -> Result<()> {
    administration::set_role(services, Operator, find(services, email).await?, role).await
}

/// Blocks the user with that e-mail: their sessions end, they cannot sign in, and their ACTIVE gigs are paused,
/// so that nobody finds them.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn block(services: &Services, email: &str) -> Result<()> {
    administration::block(services, Operator, find(services, email).await?).await
}

/// Unblocks the user with that e-mail. Gigs that were paused by the block become ACTIVE again.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn unblock(services: &Services, email: &str) -> Result<()> {
    administration::unblock(services, Operator, find(services, email).await?).await
}

/// Places the user with that e-mail under a legal hold, or lifts it. Nothing of a user under a hold is erased, and what
/// the user replaces or deletes is kept. When the hold is lifted, that is deleted.
///
/// # Errors
/// `NOT_FOUND`. If only the deletion of a file fails, the hold is lifted, and the background job deletes the file.
pub async fn set_legal_hold(services: &Services, email: &str, is_held: bool) -> Result<()> {
    let user_id = find(services, email).await?;
    if is_held {
        return legal_holds::place(services, Operator, user_id).await;
    }
    legal_holds::lift(services, Operator, user_id).await?.delete(services).await
}
