//! People, and who is asking.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::limits;

/// What a person may do beyond their own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Member,
    Reviewer,
    Admin,
}

impl Role {
    /// Reviewers and administrators decide what others post.
    pub fn reviews(self) -> bool {
        matches!(self, Self::Reviewer | Self::Admin)
    }
}

/// A person, as others see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    pub display_name: String,
    pub points: i64,
    pub verified: bool,
    pub member_since: DateTime<Utc>,
}

impl User {
    /// The worker level, 0 and up.
    pub fn level(&self) -> i32 {
        limits::level_of_points(self.points)
    }
}

/// Who is asking: a person with a session that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    pub user: User,
    pub email: String,
    pub role: Role,
    pub session_id: Uuid,
}

impl Viewer {
    /// A reviewer who is nobody in particular: sees what every reviewer sees, and nothing of their own.
    pub fn any_reviewer() -> Self {
        let user = User {
            id: Uuid::nil(),
            display_name: String::new(),
            points: 0,
            verified: false,
            member_since: DateTime::UNIX_EPOCH,
        };
        Self { user, email: String::new(), role: Role::Reviewer, session_id: Uuid::nil() }
    }

    pub fn id(&self) -> Uuid {
        self.user.id
    }
}
