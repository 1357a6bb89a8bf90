//! The account of a user, as administrators see it.

use chrono::{DateTime, Utc};

use crate::domain::id::UserId;
use crate::domain::rights::ErasureRequest;
use crate::domain::user::{Role, User};

/// What identifies an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountKey {
    Id(UserId),
    Email(String),
}

/// The account of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAccount {
    pub user: User,
    /// `None` if the user was erased.
    pub email: Option<String>,
    pub role: Role,
    /// Since when the user is blocked; `None` if they are not.
    pub blocked_at: Option<DateTime<Utc>>,
    /// Whether the user is under a legal hold.
    pub is_held: bool,
    /// When the user was erased; `None` if they were not.
    pub erased_at: Option<DateTime<Utc>>,
    /// How many sessions have neither ended nor expired.
    pub session_count: usize,
    /// The user's request to be erased, if there is one.
    pub erasure_request: Option<ErasureRequest>,
}

impl UserAccount {
    /// Whether this administrator may change the account. Nobody administers their own account: so nobody gives
    /// themselves points or ends the legal hold on their own data, and one administrator remains, whatever
    /// administrators do to each other.
    pub fn can_be_administered_by(&self, admin_id: UserId) -> bool {
        self.user.id != admin_id && self.erased_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_administrator_may_change_the_account_of_somebody_else_who_was_not_erased() {
        let [user_id, admin_id] = [1, 2].map(|number| UserId::from_uuid(Uuid::from_u128(number)));
        let user = User {
            id: user_id,
            display_name: "Ann".to_owned(),
            points: 0,
            verified: false,
            member_since: DateTime::UNIX_EPOCH,
        };
        let account = UserAccount {
            user,
            email: Some("ann@example.com".to_owned()),
            role: Role::Admin,
            blocked_at: None,
            is_held: false,
            erased_at: None,
            session_count: 0,
            erasure_request: None,
        };
        assert!(account.can_be_administered_by(admin_id));
        assert!(!account.can_be_administered_by(user_id));
        let erased = UserAccount { erased_at: Some(DateTime::UNIX_EPOCH), ..account };
        assert!(!erased.can_be_administered_by(admin_id));
    }
}
