//! Users, their roles, and the viewer: the signed-in user of a request.

use chrono::{DateTime, Utc};

use crate::domain::id::{SessionId, UserId};
use crate::domain::limits;

/// What a user may do beyond their own data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Member,
    Reviewer,
    Admin,
}

impl Role {
    /// Whether the role includes the rights of a reviewer: reviewers and administrators.
    pub fn can_review(self) -> bool {
        matches!(self, Self::Reviewer | Self::Admin)
    }
}

/// A user, as others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub display_name: String,
    pub points: i64,
    pub verified: bool,
    pub member_since: DateTime<Utc>,
}

impl User {
    /// The worker level, from 0.
    pub fn level(&self) -> i32 {
        limits::level_for_points(self.points)
    }
}

/// The signed-in user of a request, who has a valid session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    pub user: User,
    pub email: String,
    pub role: Role,
    pub session_id: SessionId,
    /// When the access token expires by which the user is signed in.
    pub access_until: DateTime<Utc>,
}

impl Viewer {
    /// A viewer that stands for all reviewers, without an account. What it sees, every reviewer sees.
    pub fn any_reviewer() -> Self {
        let user = User {
            id: UserId::nil(),
            display_name: String::new(),
            points: 0,
            verified: false,
            member_since: DateTime::UNIX_EPOCH,
        };
        Self {
            user,
            email: String::new(),
            role: Role::Reviewer,
            session_id: SessionId::nil(),
            access_until: DateTime::<Utc>::MAX_UTC,
        }
    }

    pub fn id(&self) -> UserId {
        self.user.id
    }
}

/// What a viewer is to an object that has an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// An anonymous client, or a member who does not own it.
    Other,
    Owner,
    /// A reviewer or an administrator who does not own it.
    Reviewer(UserId),
}

impl Relation {
    pub fn new(viewer: Option<&Viewer>, owner_id: UserId) -> Self {
        match viewer {
            Some(viewer) if viewer.id() == owner_id => Self::Owner,
            Some(viewer) if viewer.role.can_review() => Self::Reviewer(viewer.id()),
            _ => Self::Other,
        }
    }
}
