//! What gives a user power, with a keyed tag: the role, and since when the identity is verified. The state of a
//! verification has such a tag, too.
//!
//! Without the key of the installation, nobody can make the tag of another value. So a value that somebody has written
//! into the database past the gateway is noticed where it would give power.

use chrono::{DateTime, Utc};

use crate::domain::id::UserId;
use crate::domain::user::Role;

/// Makes and checks tags.
pub trait Tags {
    /// The tag of a text.
    fn tag(&self, text: &str) -> Vec<u8>;

    /// Whether a stored value counts: its tag is that of the text, or tags are not enforced yet. Reports a wrong tag.
    fn accepts(&self, user_id: UserId, text: &str, tag: Option<&[u8]>) -> bool;
}

/// What gives a user power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority {
    pub user_id: UserId,
    pub role: Role,
    /// Since when the identity is verified; `None` if it is not.
    pub verified_at: Option<DateTime<Utc>>,
}

impl Authority {
    /// The text that is tagged. Stored tags depend on it: do not change it.
    pub fn tagged_text(&self) -> String {
        let role: &str = self.role.into();
        // In microseconds, as both databases store it.
        let verified_at =
            self.verified_at.map_or_else(|| "-".to_owned(), |at| at.timestamp_micros().to_string());
        format!("user {}: {role}, verified at {verified_at}", self.user_id)
    }

    /// A member whose identity is not verified.
    pub const fn least(user_id: UserId) -> Self {
        Self { user_id, role: Role::Member, verified_at: None }
    }

    /// The stored authority if its tag is right, or else the least.
    pub fn checked(self, tags: &impl Tags, tag: Option<&[u8]>) -> Self {
        if tags.accepts(self.user_id, &self.tagged_text(), tag) { self } else { Self::least(self.user_id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags are texts backwards.
    struct Backwards;

    impl Tags for Backwards {
        fn tag(&self, text: &str) -> Vec<u8> {
            text.bytes().rev().collect()
        }

        fn accepts(&self, _: UserId, text: &str, tag: Option<&[u8]>) -> bool {
            tag == Some(self.tag(text).as_slice())
        }
    }

    #[test]
    fn an_authority_with_a_wrong_tag_counts_as_the_least() {
        let user_id = UserId::nil();
        let admin = Authority { user_id, role: Role::Admin, verified_at: Some(DateTime::UNIX_EPOCH) };
        let tag = Backwards.tag(&admin.tagged_text());
        let tag = Some(tag.as_slice());
        assert_eq!(admin.checked(&Backwards, tag), admin);
        assert_eq!(admin.checked(&Backwards, None), Authority::least(user_id));
        for other in [
            Authority { role: Role::Reviewer, ..admin },
            Authority { verified_at: None, ..admin },
            Authority { user_id: UserId::from_uuid(uuid::Uuid::from_u128(1)), ..admin },
        ] {
            assert_eq!(other.checked(&Backwards, tag).role, Role::Member);
        }
    }
}
