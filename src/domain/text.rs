//! Normalization of text that users enter.

use unicode_normalization::UnicodeNormalization;

/// The text without surrounding whitespace, in Unicode's composed form (NFC).
pub fn normalize_text(text: &str) -> String {
    text.trim().nfc().collect()
}

/// Whether `character` is invisible or changes the direction of text. Such characters make different texts
/// look the same. The joiners that emoji and some scripts need are not included.
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_looking_texts_are_normalized_to_equal_texts() {
        assert_eq!(normalize_text(" e\u{301}t\u{e9} "), "\u{e9}t\u{e9}");
        for shown in "aé \u{200d}👩‍👧ñ한".chars() {
            assert!(!is_invisible(shown), "{shown:?}");
        }
        for hidden in "\u{200b}\u{202e}\u{2028}\u{feff}\u{3164}".chars() {
            assert!(is_invisible(hidden), "{hidden:?}");
        }
    }
}
