//! What a person typed into the search field, as words to look for.

use unicode_normalization::UnicodeNormalization;

/// More words than these do not make a search any better.
const WORDS_MAX: usize = 10;

/// Longer than any word worth finding.
const WORD_MAX_CHARS: usize = 40;

/// Words that may stand for one that nothing begins with.
const INSTEAD_MAX: usize = 5;

/// The fewest characters of a word that is taken for mistyped: a shorter one is near to too many.
pub const MISTYPED_MIN_CHARS: usize = 4;

/// A word to look for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// A gig has it where a word of the gig begins so.
    Begins(String),
    /// A gig has it where one of its words is one of these: what was typed begins nothing that is listed.
    AnyOf(Vec<String>),
}

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

/// How many characters may be wrong, missing, too many or swapped in a word, for it to be taken for another.
pub fn mistakes_allowed(typed: &str) -> usize {
    match typed.chars().count() {
        ..MISTYPED_MIN_CHARS => 0,
        MISTYPED_MIN_CHARS..=5 => 1,
        _ => 2,
    }
}

/// Of the `known` words those that `typed` was most likely meant to be: the nearest, where any is near enough.
pub fn nearest(typed: &str, known: impl IntoIterator<Item = String>) -> Vec<String> {
    let allowed = mistakes_allowed(typed);
    let near = known.into_iter().map(|word| (strsim::osa_distance(typed, &word), word));
    let mut near: Vec<_> = near.filter(|(distance, _)| *distance <= allowed).collect();
    near.sort_unstable();
    let least = near.first().map(|(distance, _)| *distance);
    near.into_iter()
        .take_while(|(distance, _)| Some(*distance) == least)
        .take(INSTEAD_MAX)
        .map(|(_, word)| word)
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

    #[test]
    fn a_mistyped_word_is_the_nearest_one() {
        let known = || ["design", "designer", "resign", "graphic", "logo", "log", "music"].map(str::to_owned);
        assert_eq!(nearest("desgin", known()), ["design"]);
        assert_eq!(nearest("grafic", known()), ["graphic"]);
        assert_eq!(nearest("loga", known()), ["log", "logo"]);
        assert_eq!(nearest("musik", known()), ["music"]);
        assert_eq!(nearest("lgo", known()), [""; 0]);
        assert_eq!(nearest("accordion", known()), [""; 0]);
    }
}
