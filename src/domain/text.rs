//! Text as people write it: one way to write what looks the same, and nothing that cannot be seen.

use unicode_normalization::UnicodeNormalization;

/// The text without blanks around it, in Unicode's composed form.
pub fn tidy(text: &str) -> String {
    text.trim().nfc().collect()
}

/// Whether `character` shows nothing, or turns the order of what is shown: with those, two texts that look the
/// same are different, and one can look like another. The joiners inside emoji and of some scripts are not
/// among them.
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
    fn what_looks_the_same_is_the_same() {
        assert_eq!(tidy(" e\u{301}t\u{e9} "), "\u{e9}t\u{e9}");
        for shown in "aé \u{200d}👩‍👧ñ한".chars() {
            assert!(!is_invisible(shown), "{shown:?}");
        }
        for hidden in "\u{200b}\u{202e}\u{2028}\u{feff}\u{3164}".chars() {
            assert!(is_invisible(hidden), "{hidden:?}");
        }
    }
}
