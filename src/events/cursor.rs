//! The cursor of an event, as clients hold it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

/// A position in the log of a given epoch. Opaque to clients.
///
/// The epoch is a random id of the log, stored with it (`log_meta`). It gets a new value if the database is
/// restored from a backup, since positions are then given out a second time. A cursor of another epoch counts
/// as expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: Uuid,
    pub position: i64,
}

impl Cursor {
    pub fn encode(self) -> String {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(self.epoch.as_bytes());
        bytes[16..].copy_from_slice(&self.position.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Parses an encoded cursor; `None` if it is malformed.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (epoch, position) = bytes.split_at(16);
        let position = i64::from_be_bytes(position.try_into().ok()?);
        let epoch = Uuid::from_slice(epoch).ok()?;
        (position >= 0).then_some(Self { epoch, position })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_encoded_cursor_decodes() {
        let cursor = Cursor { epoch: Uuid::from_u128(7), position: 42 };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        let negative = Cursor { position: -1, ..cursor };
        for bad in ["", "abc", "AAAA", &negative.encode(), &format!("{}AA", cursor.encode())] {
            assert_eq!(Cursor::decode(bad), None, "{bad}");
        }
    }
}
