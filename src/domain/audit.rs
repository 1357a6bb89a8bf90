//! Entries of the audit trail: who saw, decided or changed what, and about whom.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::domain::id::UserId;

/// From where an act came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum AuditSource {
    /// A request of a signed-in user.
    Api,
    /// The command line, by a user of the operating system.
    CommandLine,
    /// A gateway by itself: its start and its background jobs.
    System,
}

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: DateTime<Utc>,
    /// The user who acted; `None` for the command line and the system.
    pub actor_id: Option<UserId>,
    /// The user whom the entry is about; `None` if it is about the installation, such as a rotation of keys.
    pub subject_id: Option<UserId>,
    pub source: AuditSource,
    /// The user of the operating system who ran the command.
    pub operator: Option<String>,
    /// For example `VIEW_DOCUMENT`.
    pub action: String,
    /// Details, without personal data.
    pub detail: String,
    /// The id that the gateway gave to the request; empty for the command line and the system.
    pub request_id: String,
}

/// An entry with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainedEntry {
    pub number: i64,
    pub entry: AuditEntry,
    /// A keyed hash of this entry and the one before; `None` only for an entry of an earlier version that no gateway
    /// has chained yet.
    pub mac: Option<Vec<u8>>,
}

/// The end of the trail, to be stored elsewhere: a trail whose end was cut off does not have it any more. It is
/// displayed and parsed as `number:count:hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the last entry; 0 if there is none.
    pub number: i64,
    /// How many entries were ever appended.
    pub count: i64,
    /// The keyed hash of the last entry.
    pub mac: Vec<u8>,
}

impl AuditHead {
    /// The head of a trail without entries.
    pub fn empty() -> Self {
        Self { number: 0, count: 0, mac: Vec::new() }
    }
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.number, self.count, hexadecimal(&self.mac))
    }
}

/// A text that is not the head of an audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the output of `gigway audit head`: number:count:hash")]
pub struct InvalidHead;

impl FromStr for AuditHead {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let mut parts = text.trim().split(':');
        let mut next = || parts.next().ok_or(InvalidHead);
        let number = next()?.parse().map_err(|_| InvalidHead)?;
        let count = next()?.parse().map_err(|_| InvalidHead)?;
        let mac = parse_hexadecimal(next()?).ok_or(InvalidHead)?;
        if parts.next().is_some() { Err(InvalidHead) } else { Ok(Self { number, count, mac }) }
    }
}

/// What retention has removed from the beginning of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// The number of the last removed entry.
    pub number: i64,
    /// How many entries were removed in all.
    pub count: i64,
    /// The time of the last removed entry.
    pub last_at: DateTime<Utc>,
    /// The keyed hash of the last removed entry.
    pub mac: Vec<u8>,
    pub removed_at: DateTime<Utc>,
    /// The signature of all this.
    pub signature: Vec<u8>,
}

/// Bytes as hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Parses hexadecimal digits.
pub fn parse_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
        }
        _ => None,
    };
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_parsed_as_it_is_displayed() {
        let head = AuditHead { number: 12, count: 11, mac: vec![0, 255, 16] };
        assert_eq!(head.to_string(), "12:11:00ff10");
        assert_eq!(" 12:11:00ff10\n".parse(), Ok(head));
        assert_eq!("0:0:".parse(), Ok(AuditHead::empty()));
        for text in ["", "12", "12:11", "12:11:0", "12:11:xx", "12:11:00:", "a:11:00"] {
            assert_eq!(text.parse::<AuditHead>(), Err(InvalidHead), "{text}");
        }
    }
}
