//! What a person typed into the search field, as words to look for.

use unicode_normalization::UnicodeNormalization;

/// More words than these do not make a search any better.
const WORDS_MAX: usize = 10;

/// Longer than any word worth finding.
const WORD_MAX_CHARS: usize = 40;

/// The words of `text` in lower case: runs of letters and digits. A gig is found when each of them
/// begins a word of it. Whatever else is typed (operators, quotes, control characters) separates words.
pub fn words(text: &str) -> Vec<String> {
    let text: String = text.nfc().collect();
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| word.chars().take(WORD_MAX_CHARS).collect::<String>().to_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_and_digits_are_words() {
        assert_eq!(words("Logo-Design, \"fast\" & (cheap)*"), ["logo", "design", "fast", "cheap"]);
        assert_eq!(words("' OR 1=1; --"), ["or", "1", "1"]);
        assert!(words(" \0 \u{1f600} * ").is_empty());
        assert_eq!(words(&"a ".repeat(10_000)).len(), WORDS_MAX);
        assert_eq!(words(&"é".repeat(10_000))[0].chars().count(), WORD_MAX_CHARS);
    }
}
