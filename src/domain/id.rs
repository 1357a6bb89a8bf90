//! Typed ids: a UUID, with one type for each kind of row. Most kinds also have a public form, which clients
//! see.
//!
//! Public ids are `TypeID`s: a prefix that names the kind, and the UUID in base32. To add a kind of id, name
//! it in one of the two macro calls below and in `store::ids`.
//!
//! An id of one kind is not accepted as one of another:
//!
//! ```
//! # use gigway::domain::id::{GigId, UserId};
//! fn bookmark(user: UserId, gig: GigId) {}
//! bookmark(UserId::nil(), GigId::nil());
//! ```
//!
//! ```compile_fail,E0308
//! # use gigway::domain::id::{GigId, UserId};
//! fn bookmark(user: UserId, gig: GigId) {}
//! bookmark(GigId::nil(), UserId::nil());
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use type_safe_id::{DynamicType, TypeSafeId};
use uuid::Uuid;

use crate::domain::review_kind::ReviewKind;

/// The kind of a public id, by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
pub enum IdKind {
    #[strum(serialize = "gig")]
    Gig,
    #[strum(serialize = "usr")]
    User,
    #[strum(serialize = "img")]
    GigImage,
    #[strum(serialize = "ver")]
    Verification,
    #[strum(serialize = "doc")]
    IdentityDocument,
    #[strum(serialize = "rev")]
    ReviewItem,
    #[strum(serialize = "cat")]
    Category,
    #[strum(serialize = "vwr")]
    Viewer,
    #[strum(serialize = "acc")]
    UserAccount,
    #[strum(serialize = "hld")]
    HeldVersion,
}

/// An id that clients see, under the prefix of its kind.
pub trait PublicId: Copy + From<Uuid> + Into<Uuid> {
    const KIND: IdKind;

    /// The public form, such as `gig_01h455vb4pex5vsknk084sn02q`.
    fn to_public(self) -> String {
        let prefix = DynamicType::new(Self::KIND.into()).expect("every prefix is three lower-case letters");
        TypeSafeId::from_type_and_uuid(prefix, self.into()).to_string()
    }

    /// Reads a public id; `None` if `text` is not one of this kind.
    fn parse(text: &str) -> Option<Self> {
        decode(text).and_then(|(kind, id)| (kind == Self::KIND).then_some(Self::from(id)))
    }
}

/// The kind and the UUID of a public id; `None` if `text` is not a public id.
pub fn decode(text: &str) -> Option<(IdKind, Uuid)> {
    // `type_safe_id` cuts a long prefix at byte 63, and panics if that is in the middle of a character.
    if !text.is_ascii() {
        return None;
    }
    let id = TypeSafeId::<DynamicType>::from_str(text).ok()?;
    let kind = IdKind::from_str(id.type_prefix()).ok()?;
    Some((kind, id.uuid()))
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            /// The id that no row has.
            pub const fn nil() -> Self {
                Self(Uuid::nil())
            }

            pub const fn is_nil(self) -> bool {
                self.0.is_nil()
            }

            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        /// As a plain UUID, without a prefix.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

macro_rules! public_ids {
    ($($(#[$doc:meta])* $name:ident = $kind:ident),* $(,)?) => {
        typed_ids!($($(#[$doc])* $name),*);
        $(impl PublicId for $name {
            const KIND: IdKind = IdKind::$kind;
        })*
    };
}

public_ids! {
    /// A user: `usr_`.
    UserId = User,
    /// A gig: `gig_`.
    GigId = Gig,
    /// An image of a gig: `img_`.
    ImageId = GigImage,
    /// An image of one side of an identity document: `doc_`.
    DocumentId = IdentityDocument,
    /// The verification of a user: `ver_`. It has the user's UUID; see [`VerificationId::user_id`].
    VerificationId = Verification,
    /// A review item, which is one round of review: `rev_`.
    ReviewItemId = ReviewItem,
    /// A category of gigs: `cat_`.
    CategoryId = Category,
    /// A user as the viewer: `vwr_`. It has the user's UUID.
    ViewerId = Viewer,
    /// The account of a user, for administrators: `acc_`. It has the user's UUID.
    UserAccountId = UserAccount,
    /// Something that a person under a legal hold has replaced or deleted: `hld_`.
    HeldVersionId = HeldVersion,
}

typed_ids! {
    /// A ticket that opens a stream.
    TicketId,
    /// A stream that a ticket has opened.
    StreamId,
    /// A session of a user.
    SessionId,
    /// A decision of a reviewer, or another row of the record of reviews.
    DecisionId,
    /// One opening of a form or a picture by a reviewer.
    OpeningId,
    /// One run of a mutation that has an idempotency key.
    AttemptId,
    /// A data key of a user.
    DataKeyId,
}

impl From<UserId> for VerificationId {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

impl From<UserId> for ViewerId {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

impl From<UserId> for UserAccountId {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

impl VerificationId {
    /// The user whose verification it is.
    pub const fn user_id(self) -> UserId {
        UserId(self.0)
    }
}

impl DataKeyId {
    /// The id of a key of what reviewers write about the user that an earlier version has stored, without an id. No
    /// other key has it: ids that are made have the version 7, and this one has another version.
    pub const fn of_earlier_review_key(user: UserId) -> Self {
        let mut bytes = *user.0.as_bytes();
        bytes[6] ^= 0xF0;
        Self(Uuid::from_bytes(bytes))
    }
}

/// What a review is about: a gig, or the verification of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectId {
    Gig(GigId),
    Verification(UserId),
}

impl SubjectId {
    /// The subject of that kind that has this UUID.
    pub const fn from_uuid(kind: ReviewKind, id: Uuid) -> Self {
        match kind {
            ReviewKind::Gig => Self::Gig(GigId(id)),
            ReviewKind::Verification => Self::Verification(UserId(id)),
        }
    }

    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Gig(id) => id.0,
            Self::Verification(id) => id.0,
        }
    }

    pub const fn kind(self) -> ReviewKind {
        match self {
            Self::Gig(_) => ReviewKind::Gig,
            Self::Verification(_) => ReviewKind::Verification,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_id_is_parsed_only_as_its_own_kind() {
        let row = Uuid::from_u128(0x0194_1f29_7c00_7000_8000_0000_0000_0001);
        let text = GigId::from_uuid(row).to_public();
        assert!(text.starts_with("gig_"), "{text}");
        assert_eq!(text.len(), 30);
        assert_eq!(decode(&text), Some((IdKind::Gig, row)));
        assert_eq!(GigId::parse(&text), Some(GigId::from_uuid(row)));
        assert_eq!(UserId::parse(&text), None);
        assert_eq!(decode(&"é".repeat(45)), None);
        for bad in ["", "gig_", "gig_x", "dog_01h455vb4pex5vsknk084sn02q", "gig_81h455vb4pex5vsknk084sn02q"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_id_is_serialized_and_displayed_as_its_uuid() {
        let row = Uuid::from_u128(0x0194_1f29_7c00_7000_8000_0000_0000_0001);
        let json = serde_json::to_string(&GigId::from_uuid(row)).expect("an id is a string");
        assert_eq!(json, format!("\"{row}\""));
        assert_eq!(GigId::from_uuid(row).to_string(), row.to_string());
        assert_eq!(serde_json::from_str::<GigId>(&json).ok(), Some(GigId::from_uuid(row)));
    }
}
