//! Search text: folding, cutting into words, and correcting misspelt words.

mod fold;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

pub use fold::fold;
pub use words::indexed_words;

use words::{Part, Token, Tokens, cut, is_word_character, join, pairs};

/// Incremented by every change of what [`indexed_words`] returns. A background job then indexes all gigs again
/// (`src/service/search_index.rs`).
pub const FOLDING_VERSION: i32 = 2;

/// The number of words that a search uses. The others are ignored.
const WORDS_MAX: usize = 10;

/// The length at which a word is cut off.
const WORD_MAX_CHARS: usize = 40;

/// The letters after which `+` and `#` change the meaning of a word: `c#`, but not `logo#`.
const LETTERS_BEFORE_SYMBOLS_MAX: usize = 2;

/// If more words than this match nothing, none is corrected: the search is about something else.
pub const CORRECTED_WORDS_MAX: usize = 3;

/// The minimum length of a word to correct. A shorter one is similar to too many others.
pub const CORRECTION_MIN_CHARS: usize = 4;

/// A word to look up among the indexed words of a gig.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// The word itself.
    Exact(String),
    /// A word with this prefix.
    Prefix(String),
}

/// A condition of a search: one word that the user has typed, or several that are written together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// A gig matches if it has all words of one of these lists.
    alternatives: Vec<Vec<Lookup>>,
    /// The word without folding, if that differs. So it is found in gigs that are not indexed with folding yet.
    unfolded: Option<String>,
}

impl Term {
    /// Matches a gig that has a word with this prefix.
    pub fn prefix(word: &str) -> Self {
        Self::all(vec![Lookup::Prefix(word.to_owned())])
    }

    /// Matches a gig that has one of these words.
    pub fn any_of(words: Vec<String>) -> Self {
        let alternatives = words.into_iter().map(|word| vec![Lookup::Exact(word)]).collect();
        Self { alternatives, unfolded: None }
    }

    fn all(lookups: Vec<Lookup>) -> Self {
        Self { alternatives: vec![lookups], unfolded: None }
    }

    /// The lists of words of which a gig must have one, in the form in which they are looked up.
    pub fn alternatives(&self) -> impl Iterator<Item = Vec<Lookup>> {
        let unfolded = self.unfolded.iter().map(|word| vec![Lookup::Prefix(word.clone())]);
        self.alternatives.iter().cloned().chain(unfolded)
    }

    /// What is looked up in the index of folded words.
    pub fn lookups(&self) -> impl Iterator<Item = &Lookup> {
        self.alternatives.iter().flatten()
    }

    /// The word that the user may have misspelt, if it is one that can be corrected.
    pub fn correctable_word(&self) -> Option<&str> {
        match self.alternatives.as_slice() {
            [alternative] => match alternative.as_slice() {
                [Lookup::Prefix(word)] => Some(word.as_str()).filter(|word| is_correctable(word)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The words of a compound, each as a term of its own; empty if this is one word.
    pub fn parts(&self) -> Vec<Self> {
        match self.alternatives.as_slice() {
            [_, parts] if parts.iter().any(|it| matches!(it, Lookup::Prefix(_))) => {
                parts.iter().map(|lookup| Self::all(vec![lookup.clone()])).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a text with these [indexed words](indexed_words) matches. The databases do the same.
    pub fn matches(&self, words: &BTreeSet<String>) -> bool {
        let has = |lookup: &Lookup| match lookup {
            Lookup::Exact(word) => words.contains(word),
            Lookup::Prefix(prefix) => {
                words.range(prefix.clone()..).next().is_some_and(|word| word.starts_with(prefix))
            }
        };
        self.alternatives().any(|alternative| alternative.iter().all(has))
    }
}

/// The conditions of a search for this text. All must hold. It has no conditions if the text has no words.
pub fn terms(text: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut word_count = 0;
    for typed in text.split_whitespace() {
        let first_term = terms.len();
        for token in Tokens::of(&fold(typed)) {
            if word_count == WORDS_MAX {
                return terms;
            }
            match token {
                Token::Run(characters) => {
                    word_count += 1;
                    terms.push(run_term(&characters[..characters.len().min(WORD_MAX_CHARS)]));
                }
                Token::Compound(mut parts) => {
                    parts.truncate(WORDS_MAX - word_count);
                    word_count += parts.len();
                    terms.push(compound_term(&parts));
                }
            }
        }
        if let [term] = &mut terms[first_term..]
            && let [_] = term.alternatives.as_slice()
        {
            term.unfolded = unfolded_word(typed).filter(|word| !term.lookups().any(|it| it.word() == word));
        }
    }
    terms
}

impl Lookup {
    /// The word or prefix.
    pub fn word(&self) -> &str {
        let (Self::Exact(word) | Self::Prefix(word)) = self;
        word
    }
}

/// Matches a text that contains all pairs of neighbours of the run, or its only character.
fn run_term(characters: &[char]) -> Term {
    match characters {
        [character] => Term::prefix(&character.to_string()),
        _ => Term::all(pairs(characters).map(Lookup::Exact).collect()),
    }
}

/// Matches a text that contains the compound as one word, or its words somewhere.
fn compound_term(parts: &[Part]) -> Term {
    let dot = if parts[0].is_dotted() { "." } else { "" };
    if let [part] = parts {
        return Term::prefix(&cut(&format!("{dot}{}", typed_word(part))));
    }
    let joined = cut(&format!("{dot}{}", join(parts)));
    let joined =
        if parts.iter().all(Part::is_one_character) { Lookup::Exact(joined) } else { Lookup::Prefix(joined) };
    let words =
        parts.iter().enumerate().filter(|(number, _)| !is_clitic(parts, *number)).map(|(number, part)| {
            let dot = if number == 0 { dot } else { "" };
            let word = cut(&format!("{dot}{}", typed_word(part)));
            // As the beginning of a word, a single letter of a compound would match nearly everything.
            if part.is_one_character() { Lookup::Exact(word) } else { Lookup::Prefix(word) }
        });
    let mut alternatives = vec![vec![joined], words.collect()];
    alternatives.retain(|lookups| !lookups.is_empty());
    Term { alternatives, unfolded: None }
}

/// The word without symbols that say little: `logo+` and `logo#` are searched for as `logo`.
fn typed_word(part: &Part) -> String {
    if part.letters.chars().count() > LETTERS_BEFORE_SYMBOLS_MAX { part.letters.clone() } else { part.text() }
}

/// Whether the part belongs to its neighbour like an article: the `l` of `l'ete`, the `s` of `seller's`.
fn is_clitic(parts: &[Part], number: usize) -> bool {
    let part = &parts[number];
    let precedes_apostrophe = parts.get(number + 1).is_some_and(|next| next.joiner == Some('\''));
    let is_last_part = number + 1 == parts.len();
    (precedes_apostrophe && (part.is_one_character() || part.letters == "qu"))
        || (is_last_part && part.joiner == Some('\'') && part.letters == "s")
}

/// A word as earlier versions of the gateway indexed it: composed and in lower case. `None` if `text` is not one word.
fn unfolded_word(text: &str) -> Option<String> {
    let is_word = text.chars().all(is_word_character);
    is_word.then(|| cut(&text.nfc().collect::<String>().to_lowercase()))
}

/// Whether the word is long enough to be corrected, and has no symbols.
fn is_correctable(word: &str) -> bool {
    word.chars().count() >= CORRECTION_MIN_CHARS && word.chars().all(is_word_character)
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
