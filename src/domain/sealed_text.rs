//! The stored form of a text that is encrypted with a key of a user.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use uuid::Uuid;

use crate::domain::id::UserId;

/// What every sealed text begins with. Stored texts and SQL depend on it: do not change it.
pub const SEALED_PREFIX: &str = "sealed:";

/// A text that is encrypted with the key of `owner_id`. It is displayed, stored and parsed as
/// `sealed:<owner>:<base64>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedText {
    pub owner_id: UserId,
    pub ciphertext: Vec<u8>,
}

impl SealedText {
    /// Parses the stored form; `None` for every other text, such as one that an earlier version stored in clear.
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, ciphertext) = text.strip_prefix(SEALED_PREFIX)?.split_once(':')?;
        let owner_id = UserId::from_uuid(Uuid::try_parse(owner).ok()?);
        Some(Self { owner_id, ciphertext: BASE64_STANDARD_NO_PAD.decode(ciphertext).ok()? })
    }
}

impl fmt::Display for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ciphertext = BASE64_STANDARD_NO_PAD.encode(&self.ciphertext);
        write!(f, "{SEALED_PREFIX}{}:{ciphertext}", self.owner_id.uuid().simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_parsed_again_and_other_texts_are_not_sealed() {
        let owner_id = UserId::from_uuid(Uuid::from_u128(7));
        let sealed = SealedText { owner_id, ciphertext: vec![0, 255, 7] };
        assert_eq!(SealedText::parse(&sealed.to_string()), Some(sealed));
        for clear in ["", "sealed:", "sealed: yes", "sealed:7:AAAA", "Seen with the lawyer."] {
            assert_eq!(SealedText::parse(clear), None, "{clear}");
        }
    }
}
