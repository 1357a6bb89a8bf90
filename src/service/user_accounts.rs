//! The accounts of users, for administrators: reading and changing them. Both are audited.

use crate::domain::id::UserId;
use crate::domain::user::{Role, Viewer};
use crate::domain::user_account::{AccountKey, UserAccount};
use crate::service::administration::{Administrator, require_admin};
use crate::service::audit::Actor;
use crate::service::{Error, Result, Services, administration, audit, legal_holds, refusals};
use crate::store;
use crate::store::{erasure_requests, sessions, users};

/// What an administrator changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountChange {
    SetRole(Role),
    SetPoints(i64),
    Block,
    Unblock,
    PlaceLegalHold,
    LiftLegalHold,
}

impl AccountChange {
    /// What the audit trail calls it.
    fn action(self) -> &'static str {
        match self {
            Self::SetRole(_) => "ROLE",
            Self::SetPoints(_) => "POINTS",
            Self::Block => "BLOCK",
            Self::Unblock => "UNBLOCK",
            Self::PlaceLegalHold => "HOLD",
            Self::LiftLegalHold => "LIFT_HOLD",
        }
    }
}

/// The account with this key, for an administrator; `None` if there is none. An erased user is found by their id. The
/// access is audited before anything is returned.
///
/// # Errors
/// [`Error::AdminRequired`].
pub async fn view(
    services: &Services,
    db: &store::Reader,
    viewer: &Viewer,
    key: &AccountKey,
    request_id: &str,
) -> Result<Option<UserAccount>> {
    require_admin(viewer)?;
    let user_id = match key {
        AccountKey::Id(id) => Some(*id),
        AccountKey::Email(email) => users::find_credentials(db, email).await?.map(|found| found.user_id),
    };
    let account = match user_id {
        Some(user_id) => find(services, db, user_id).await?,
        None => None,
    };
    let work = services.begin().await?;
    work.lock_admin(viewer).await?;
    let actor = Actor { id: Some(viewer.id()), request_id };
    let (subject_id, detail) = match &account {
        Some(account) => (Some(account.user.id), ""),
        None => (None, "no account found"),
    };
    audit::append(services, &work, actor, subject_id, "VIEW_ACCOUNT", detail).await?;
    work.commit().await?;
    Ok(account)
}

/// Changes an account as an administrator, and returns it as it is then. A refusal is audited.
///
/// # Errors
/// [`Error::AdminRequired`]; `NOT_ALLOWED` for the administrator's own account, `NOT_FOUND`, `OUT_OF_RANGE`.
pub async fn change(
    services: &Services,
    viewer: &Viewer,
    user_id: UserId,
    change: AccountChange,
    request_id: &str,
) -> Result<UserAccount> {
    let changed = try_change(services, viewer, user_id, change, request_id).await;
    refusals::audited_change(services, viewer, user_id, change.action(), request_id, changed).await?;
    let account = find(services, services.db.read(), user_id).await?;
    account.ok_or_else(|| Error::internal("the account that was changed does not exist"))
}

async fn try_change(
    services: &Services,
    viewer: &Viewer,
    user_id: UserId,
    change: AccountChange,
    request_id: &str,
) -> Result<()> {
    let by = Administrator::Viewer { viewer, request_id };
    match change {
        AccountChange::SetRole(role) => administration::set_role(services, by, user_id, role).await,
        AccountChange::SetPoints(points) => administration::set_points(services, by, user_id, points).await,
        AccountChange::Block => administration::block(services, by, user_id).await,
        AccountChange::Unblock => administration::unblock(services, by, user_id).await,
        AccountChange::PlaceLegalHold => legal_holds::place(services, by, user_id).await,
        AccountChange::LiftLegalHold => {
            let lifted = legal_holds::lift(services, by, user_id).await?;
            // The hold is lifted, so this is not a failure of the change.
            if let Err(error) = lifted.delete(services).await {
                tracing::warn!(%error, "deleting what a legal hold retained failed; the background job tries again");
            }
            Ok(())
        }
    }
}

async fn find(
    services: &Services,
    db: &impl store::Executor,
    user_id: UserId,
) -> Result<Option<UserAccount>> {
    let Some(stored) = users::find_account(db, services, user_id).await? else { return Ok(None) };
    let session_count = sessions::find_active_of_user(db, user_id, services.now()).await?.len();
    let erasure_request = erasure_requests::find(db, user_id).await?;
    Ok(Some(UserAccount { session_count, erasure_request, ..stored }))
}
