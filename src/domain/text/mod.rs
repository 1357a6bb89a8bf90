//! Text that people type: its one form, what it must not contain, and how much of it can be seen.
//!
//! Every such text goes through [`normalize_text`] before it is checked, stored or compared (docs/adr/0020). To add a
//! field: normalize it, then check it with `Validator::check_line` or `Validator::check_text`.

mod normalize;
mod properties;

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

pub use crate::domain::text::properties::Forbidden;
use crate::domain::text::properties::{Kind, is_visible};

/// The most characters of a word that a message names.
const NAMED_WORD_MAX_CHARS: usize = 40;

/// The form of a text in which it is checked and stored: composed (NFC), with LF at the ends of lines, without harmless
/// invisible characters, and without spaces at its ends.
pub fn normalize_text(text: &str) -> String {
    normalize::normalize(text)
}

/// The normalized text; `None` if it shows nothing and contains nothing that must be refused.
pub fn normalize_optional_text(text: Option<&str>) -> Option<String> {
    let text = normalize_text(text?);
    (visible_length(&text) > 0 || find_forbidden(&text).is_some()).then_some(text)
}

/// The normalized text without any invisible character: for addresses, which never need one.
pub fn normalize_address(text: &str) -> String {
    let text: String = normalize_text(text).chars().filter(|c| !Kind::of(*c).is_ignorable()).collect();
    normalize_text(&text)
}

/// Whether the character is one of those that control the direction of text, such as LRM.
pub fn is_direction_control(character: char) -> bool {
    matches!(Kind::of(character), Kind::DirectionMark | Kind::IsolateStart | Kind::IsolateEnd)
}

/// The value of a decimal digit of any script; `None` for other characters.
pub fn digit_value(character: char) -> Option<u32> {
    properties::digit_value(character)
}

/// Only the composed form (NFC), for a password: its spaces and invisible characters stay.
pub fn compose(text: &str) -> String {
    text.nfc().collect()
}

/// The decomposed form (NFD).
pub fn decompose(text: &str) -> String {
    text.nfd().collect()
}

/// The number of characters that a reader sees. A letter with its accents is one, and so is an emoji. The space between
/// two words is one, however wide.
pub fn visible_length(text: &str) -> usize {
    let (mut length, mut is_after_gap) = (0_usize, false);
    for grapheme in text.graphemes(true) {
        if grapheme.chars().any(is_visible) {
            length += 1 + usize::from(is_after_gap && length > 0);
            is_after_gap = false;
        } else if grapheme.chars().any(|c| matches!(Kind::of(c), Kind::Space | Kind::LineBreak)) {
            is_after_gap = true;
        }
    }
    length
}

/// A character that must not be in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForbiddenCharacter {
    pub character: char,
    pub reason: Forbidden,
    /// The word in front of it; `None` at the beginning of the text.
    pub word_before: Option<String>,
}

impl ForbiddenCharacter {
    /// The characters of which this is one, for a message.
    pub fn description(&self) -> &'static str {
        match self.reason {
            Forbidden::Override => "characters that change the direction of text",
            Forbidden::Control => "control characters",
            Forbidden::Noncharacter => "code points that are not characters",
        }
    }
}

/// The code point, as in U+202E.
impl fmt::Display for ForbiddenCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.character))
    }
}

/// The first character of a normalized text that must not be in it.
pub fn find_forbidden(text: &str) -> Option<ForbiddenCharacter> {
    let forbidden = |(position, character)| match Kind::of(character) {
        Kind::Forbidden(reason) => Some((position, character, reason)),
        _ => None,
    };
    let (position, character, reason) = text.char_indices().find_map(forbidden)?;
    let before = text.get(..position).unwrap_or_default();
    let shown = |word: &str| word.chars().filter(|c| !Kind::of(*c).is_ignorable()).collect::<Vec<_>>();
    let word = before.split_whitespace().next_back().map(shown).unwrap_or_default();
    let start = word.len().saturating_sub(NAMED_WORD_MAX_CHARS);
    let word: String = word.into_iter().skip(start).collect();
    Some(ForbiddenCharacter { character, reason, word_before: Some(word).filter(|word| !word.is_empty()) })
}

#[cfg(test)]
mod tests;
