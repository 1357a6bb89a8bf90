//! Public ids: `TypeIDs`, a prefix that says what it is and the row's UUID in base32.

use std::str::FromStr;

use type_safe_id::{DynamicType, TypeSafeId};
use uuid::Uuid;

/// What an id is the id of.
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
}

/// The public form of a row's id, such as `gig_01h455vb4pex5vsknk084sn02q`.
pub fn encode(kind: IdKind, id: Uuid) -> String {
    let prefix = DynamicType::new(kind.into()).expect("every prefix is three lower-case letters");
    TypeSafeId::from_type_and_uuid(prefix, id).to_string()
}

/// What `text` is the id of, and the row's id; `None` where it is no id of ours.
pub fn decode(text: &str) -> Option<(IdKind, Uuid)> {
    // The crate cuts a long text in two wherever that is, also in the middle of a character.
    if !text.is_ascii() {
        return None;
    }
    let id = TypeSafeId::<DynamicType>::from_str(text).ok()?;
    let kind = IdKind::from_str(id.type_prefix()).ok()?;
    Some((kind, id.uuid()))
}

/// The row's id, where `text` is an id of that kind; one with another prefix is not found.
pub fn decode_as(kind: IdKind, text: &str) -> Option<Uuid> {
    decode(text).and_then(|(found, id)| (found == kind).then_some(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_no_other_prefix_does() {
        let row = Uuid::from_u128(0x0194_1f29_7c00_7000_8000_0000_0000_0001);
        let text = encode(IdKind::Gig, row);
        assert!(text.starts_with("gig_"), "{text}");
        assert_eq!(text.len(), 30);
        assert_eq!(decode(&text), Some((IdKind::Gig, row)));
        assert_eq!(decode_as(IdKind::User, &text), None);
        assert_eq!(decode(&"é".repeat(45)), None);
        for bad in ["", "gig_", "gig_x", "dog_01h455vb4pex5vsknk084sn02q", "gig_81h455vb4pex5vsknk084sn02q"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
