//! Flags: what the record says about a submission of a verification. Only reviewers see them. A flag decides nothing:
//! it tells a reviewer what to compare.
//!
//! To add a flag: a variant of [`FlagCode`] with its message in [`Flag::message`], and where it is raised, in
//! `src/service/flags.rs`. Clients treat the codes as an open list.

use crate::domain::id::ReviewItemId;

/// What the record says about a submission.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagCode {
    /// Another account has submitted a document of the same type and country with the same number.
    DuplicateDocument,
    /// Another account has submitted the same picture, or one that looks like it.
    DuplicatePicture,
    /// A submission with this document number or picture was rejected for fraud or sanctions.
    PreviouslyRejected,
    /// A cleared verification with this document number or picture was revoked for fraud or sanctions.
    PreviouslyRevoked,
}

/// The number of codes. A review item has at most one flag of each.
pub const FLAG_CODES: usize = 4;

/// The most items that a flag names: the newest.
pub const RELATED_MAX: usize = 20;

/// A flag of a review item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub code: FlagCode,
    /// Whether the only evidence is that pictures look alike, which cards of one template also do. A hint is not a
    /// reason for a second reviewer by itself.
    pub is_hint: bool,
    /// The review items that the flag is about, newest first. Empty if their users were erased.
    pub related: Vec<ReviewItemId>,
}

impl Flag {
    /// What the flag says, in words for reviewers.
    pub fn message(&self) -> &'static str {
        match self.code {
            FlagCode::DuplicateDocument => "Another account has submitted the same document.",
            FlagCode::DuplicatePicture if self.is_hint => {
                "A picture looks like one of another account. Compare them: cards of one template look alike."
            }
            FlagCode::DuplicatePicture => "Another account has submitted the same picture.",
            FlagCode::PreviouslyRejected => {
                "A submission with the same document number or picture was rejected for fraud or sanctions."
            }
            FlagCode::PreviouslyRevoked => {
                "A verification with the same document number or picture was revoked for fraud or sanctions."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_code_is_counted_and_has_a_message() {
        assert_eq!(FlagCode::iter().count(), FLAG_CODES);
        for code in FlagCode::iter() {
            let text: &str = code.into();
            assert_eq!(text.parse(), Ok(code));
            let message = |is_hint| Flag { code, is_hint, related: Vec::new() }.message();
            assert!(message(false).ends_with('.'));
            assert_eq!(message(true) == message(false), code != FlagCode::DuplicatePicture);
        }
    }
}
