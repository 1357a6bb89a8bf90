//! Search text: splitting it into words, and correcting misspelt words.

use unicode_normalization::UnicodeNormalization;

/// The number of words that a search uses. The others are ignored.
const WORDS_MAX: usize = 10;

/// The length at which a word is cut off.
const WORD_MAX_CHARS: usize = 40;

/// If more words than this match nothing, none is corrected: the search is about something else.
pub const CORRECTED_WORDS_MAX: usize = 3;

/// The minimum length of a word to correct. A shorter one is similar to too many others.
pub const CORRECTION_MIN_CHARS: usize = 4;

/// A word to search for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// Matches a gig that has a word with this prefix.
    Prefix(String),
    /// Matches a gig that has one of these words. They are the corrections of a word that matches nothing.
    AnyOf(Vec<String>),
}

/// The words of `text` in lower case: runs of letters and digits. All other characters (operators, quotes,
/// control characters) separate words.
pub fn words(text: &str) -> Vec<String> {
    let text: String = text.nfc().collect();
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS_MAX)
        .map(|word| word.chars().take(WORD_MAX_CHARS).collect::<String>().to_lowercase())
        .collect()
}

/// The maximum number of wrong, missing, extra or swapped characters in `word` for which it is corrected.
pub fn max_edit_distance(word: &str) -> usize {
    match word.chars().count() {
        ..CORRECTION_MIN_CHARS => 0,
        CORRECTION_MIN_CHARS..=5 => 1,
        _ => 2,
    }
}

/// The words of `candidates` that `word` may be a misspelling of, with their edit distance, most similar
/// first.
pub fn rank_candidates(word: &str, candidates: impl IntoIterator<Item = String>) -> Vec<(usize, String)> {
    let max = max_edit_distance(word);
    let distances =
        candidates.into_iter().map(|candidate| (strsim::osa_distance(word, &candidate), candidate));
    let mut similar: Vec<_> = distances.filter(|(distance, _)| (1..=max).contains(distance)).collect();
    similar.sort_unstable();
    similar
}

/// The words with the smallest edit distance.
pub fn closest_candidates(similar: Vec<(usize, String)>) -> Vec<String> {
    let min = similar.iter().map(|(distance, _)| *distance).min();
    let closest = similar.into_iter().filter(|(distance, _)| Some(*distance) == min).take(WORDS_MAX);
    closest.map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_consist_of_letters_and_digits() {
        assert_eq!(words("Logo-Design, \"fast\" & (cheap)*"), ["logo", "design", "fast", "cheap"]);
        assert_eq!(words("' OR 1=1; --"), ["or", "1", "1"]);
        assert!(words(" \0 \u{1f600} * ").is_empty());
        assert_eq!(words(&"a ".repeat(10_000)).len(), WORDS_MAX);
        assert_eq!(words(&"é".repeat(10_000))[0].chars().count(), WORD_MAX_CHARS);
    }

    #[test]
    fn a_misspelt_word_is_corrected_to_the_closest_words() {
        let closest = |word: &str| {
            let words = ["design", "designer", "resign", "graphic", "logo", "log", "music", "lgo"];
            closest_candidates(rank_candidates(word, words.map(str::to_owned)))
        };
        assert_eq!(closest("desgin"), ["design"]);
        assert_eq!(closest("grafic"), ["graphic"]);
        assert_eq!(closest("loga"), ["log", "logo"]);
        assert_eq!(closest("musik"), ["music"]);
        assert_eq!(closest("lgo"), [""; 0]);
        assert_eq!(closest("accordion"), [""; 0]);
    }
}
