//! Cuts folded text into words.
//!
//! - A word is a run of letters, digits and marks. `c++`, `c#` and `.net` are words, too.
//! - Words that are written together, such as `node.js`, `e-mail` or `l'ete`, are a [`Compound`](Token::Compound).
//! - Text of scripts that do not separate words by spaces is a [`Run`](Token::Run): it is found by each part.

use std::collections::BTreeSet;

use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use unicode_normalization::char::is_combining_mark;

use super::WORD_MAX_CHARS;
use super::fold::fold;

/// A piece of a folded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Letters of scripts that do not separate words by spaces, such as Chinese or Thai.
    Run(Vec<char>),
    /// One word, or several that are joined by hyphens, dots and the like.
    Compound(Vec<Part>),
}

/// A word of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The character between this word and the one before it; for the first word, a dot or nothing.
    pub joiner: Option<char>,
    /// The letters and digits.
    pub letters: String,
    /// What follows the letters and belongs to the word: `++`, `+`, `#` or nothing.
    pub symbols: String,
}

impl Part {
    pub fn text(&self) -> String {
        format!("{}{}", self.letters, self.symbols)
    }

    pub fn is_one_character(&self) -> bool {
        self.symbols.is_empty() && self.letters.chars().nth(1).is_none()
    }

    /// Whether the word is also one with a dot before it, such as `.net`.
    pub fn is_dotted(&self) -> bool {
        self.joiner == Some('.') && self.letters.starts_with(char::is_alphabetic)
    }
}

/// The words by which a text is found: each word, each compound from each of its words on, and of a run each
/// pair of neighbours and the last character. A prefix of one of these words is anything that the text contains.
pub fn indexed_words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for token in Tokens::of(&fold(text)) {
        match token {
            Token::Run(characters) => {
                words.extend(pairs(&characters));
                words.extend(characters.last().map(char::to_string));
            }
            Token::Compound(parts) => {
                for (number, part) in parts.iter().enumerate() {
                    let joined = join(&parts[number..]);
                    if part.is_dotted() {
                        words.insert(cut(&format!(".{joined}")));
                    }
                    words.insert(joined);
                    words.insert(cut(&part.text()));
                }
            }
        }
    }
    words
}

/// Each pair of neighbours in a run.
pub(super) fn pairs(characters: &[char]) -> impl Iterator<Item = String> {
    characters.windows(2).map(|pair| pair.iter().collect())
}

/// The words of a compound written as one word.
pub(super) fn join(parts: &[Part]) -> String {
    let letters = parts.iter().flat_map(|part| part.letters.chars().chain(part.symbols.chars()));
    letters.take(WORD_MAX_CHARS).collect()
}

/// The word without what is too long to be indexed.
pub(super) fn cut(word: &str) -> String {
    word.chars().take(WORD_MAX_CHARS).collect()
}

/// Whether words can contain the character, at any place.
pub(super) fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || is_combining_mark(character)
}

/// Whether the character belongs to a script that does not separate words by spaces, or, like Korean, joins them
/// with others.
fn is_unspaced(character: char) -> bool {
    matches!(character, 'ー' | '\u{3099}' | '\u{309a}')
        || matches!(
            CodePointMapData::<Script>::new().get(character),
            Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Bopomofo
                | Script::Hangul
                | Script::Yi
                | Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar
                | Script::TaiLe
                | Script::NewTaiLue
                | Script::TaiTham
                | Script::TaiViet
                | Script::Balinese
                | Script::Javanese
        )
}

/// Whether words can contain the character that spaces separate from others.
fn is_spaced(character: char) -> bool {
    is_word_character(character) && !is_unspaced(character)
}

/// Iterates over the tokens of a folded text.
pub(super) struct Tokens {
    characters: Vec<char>,
    next: usize,
}

impl Tokens {
    pub fn of(folded: &str) -> Self {
        Self { characters: folded.chars().collect(), next: 0 }
    }

    fn at(&self, index: usize) -> Option<char> {
        self.characters.get(index).copied()
    }

    /// Takes the characters up to the first one that is not accepted.
    fn take(&mut self, accepts: impl Fn(char) -> bool) -> &[char] {
        let start = self.next;
        let rest = &self.characters[start..];
        self.next += rest.iter().position(|character| !accepts(*character)).unwrap_or(rest.len());
        &self.characters[start..self.next]
    }

    /// Whether the word that starts here has a dot of its own, as `.net` has, also in `使用.net`. An ellipsis is not one.
    fn has_leading_dot(&self) -> bool {
        let before = |distance| self.next.checked_sub(distance).and_then(|index| self.at(index));
        before(1) == Some('.') && before(2).is_none_or(|it| it != '.' && !is_spaced(it))
    }

    /// The number of symbols that belong to the word before them. `a+b` and `a#b` are two words each, but of `c#で`
    /// the first one is `c#`.
    fn symbol_count(&self) -> usize {
        let rest = &self.characters[self.next..];
        let count = |symbol| rest.iter().take(3).take_while(|character| **character == symbol).count();
        let after = |count: usize| rest.get(count).copied().filter(|it| is_spaced(*it));
        match (count('+'), count('#')) {
            (2, _) => 2,
            (1, _) if after(1).is_none() => 1,
            (_, 1) if after(1).is_none_or(char::is_numeric) => 1,
            _ => 0,
        }
    }

    /// The next character, if it joins the word before it with the word after it.
    fn joiner(&self) -> Option<char> {
        let (before, joiner, after) =
            (self.at(self.next.checked_sub(1)?)?, self.at(self.next)?, self.at(self.next + 1)?);
        let is_hebrew = |character| CodePointMapData::<Script>::new().get(character) == Script::Hebrew;
        let joins = match joiner {
            '\'' | '-' | '.' | '/' | '&' | '_' | '·' => true,
            ',' => before.is_numeric() && after.is_numeric(),
            // Abbreviations.
            '"' => is_hebrew(before) && is_hebrew(after),
            _ => false,
        };
        (joins && is_spaced(after)).then_some(joiner)
    }
}

impl Iterator for Tokens {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.take(|character| !is_word_character(character));
        if is_unspaced(self.at(self.next)?) {
            let run = self.take(|character| is_word_character(character) && is_unspaced(character));
            return Some(Token::Run(run.to_vec()));
        }
        let mut joiner = self.has_leading_dot().then_some('.');
        let mut parts = Vec::new();
        loop {
            let letters = self.take(is_spaced);
            let letters = letters.iter().collect();
            let symbols = self.symbol_count();
            let symbols = self.characters[self.next..self.next + symbols].iter().collect::<String>();
            self.next += symbols.len();
            parts.push(Part { joiner, letters, symbols });
            joiner = self.joiner();
            if joiner.is_none() {
                return Some(Token::Compound(parts));
            }
            self.next += 1;
        }
    }
}
