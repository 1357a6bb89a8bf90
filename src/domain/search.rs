//! What a person typed into the search field, as words to look for.

use unicode_normalization::UnicodeNormalization;

/// More words than these do not make a search any better.
const WORDS_MAX: usize = 10;

/// Longer than any word worth finding.
const WORD_MAX_CHARS: usize = 40;

/// Words of a search that may be mistyped: where more begin nothing, it is about something else.
pub const MISTYPED_MAX: usize = 3;

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

/// Of the words those that `typed` may have been meant to be, with how much is wrong in it: the nearest first.
pub fn near(typed: &str, words: impl IntoIterator<Item = String>) -> Vec<(usize, String)> {
    let allowed = mistakes_allowed(typed);
    let near = words.into_iter().map(|word| (strsim::osa_distance(typed, &word), word));
    let mut near: Vec<_> = near.filter(|(distance, _)| (1..=allowed).contains(distance)).collect();
    near.sort_unstable();
    near
}

/// Those in which least is wrong.
pub fn nearest(near: Vec<(usize, String)>) -> Vec<String> {
    let least = near.iter().map(|(distance, _)| *distance).min();
    let nearest = near.into_iter().filter(|(distance, _)| Some(*distance) == least).take(WORDS_MAX);
    nearest.map(|(_, word)| word).collect()
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
        let nearest = |typed: &str| {
            let words = ["design", "designer", "resign", "graphic", "logo", "log", "music", "lgo"];
            nearest(near(typed, words.map(str::to_owned)))
        };
        assert_eq!(nearest("desgin"), ["design"]);
        assert_eq!(nearest("grafic"), ["graphic"]);
        assert_eq!(nearest("loga"), ["log", "logo"]);
        assert_eq!(nearest("musik"), ["music"]);
        assert_eq!(nearest("lgo"), [""; 0]);
        assert_eq!(nearest("accordion"), [""; 0]);
    }
}
