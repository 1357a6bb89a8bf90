//! Folding: writes texts that people do not distinguish, such as "Café", "CAFE" and "ｃａｆé", in the same way.
//!
//! What is indexed and what is searched for goes through the same function. docs/adr/0022-search-folding.md has the
//! rules. After a change here or in `words`, increment [`FOLDING_VERSION`](super::FOLDING_VERSION).

use icu_properties::props::{DefaultIgnorableCodePoint, Script};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::text::digit_value;

/// The voicing marks of kana, which Unicode has as combining marks of no script.
const VOICING_MARKS: [char; 2] = ['\u{3099}', '\u{309a}'];

/// Cyrillic letters that Unicode decomposes, but that are letters of their own: й, ў and ї.
const CYRILLIC_LETTERS: [(char, char); 6] = [
    ('и', '\u{306}'),
    ('И', '\u{306}'),
    ('у', '\u{306}'),
    ('У', '\u{306}'),
    ('і', '\u{308}'),
    ('І', '\u{308}'),
];

/// ZWNJ.
const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';

/// The folded form of a text.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut base = ' ';
    for character in visible(text).nfd().map(replace_misleading).nfkd() {
        if is_combining_mark(character) {
            if !is_accent(base, character) {
                folded.push(character);
            }
        } else {
            base = character;
            // Full case folding: some letters have a lower case only in two letters, or in one of two forms.
            let lower = character.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
            lower.for_each(|character| push_letter(&mut folded, character));
        }
    }
    folded.nfc().collect()
}

/// The characters without invisible ones. The space of no width within Persian words (ZWNJ), which others type as a
/// space or leave out, becomes a hyphen: so a word is found in each of these spellings.
fn visible(text: &str) -> impl Iterator<Item = char> {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let (mut is_half_space, mut before) = (false, None);
    text.chars()
        .flat_map(move |character| {
            if ignorable.contains(character) {
                is_half_space |= character == ZERO_WIDTH_NON_JOINER;
                return [None, None];
            }
            let first = [character].into_iter().nfkd().next();
            let joins = std::mem::take(&mut is_half_space) && joins_arabic(before, first);
            // The letter in front of a half-space, without its vowel signs.
            before = [character].into_iter().nfkd().filter(|it| !is_combining_mark(*it)).last().or(before);
            [joins.then_some('-'), Some(character)]
        })
        .flatten()
}

/// Whether both are letters or digits, and one of them is an Arabic letter.
fn joins_arabic(before: Option<char>, after: Option<char>) -> bool {
    let is_arabic = |side: char| CodePointMapData::<Script>::new().get(side) == Script::Arabic;
    let is_letter = |side: char| side.is_alphanumeric() && !is_combining_mark(side);
    let (Some(before), Some(after)) = (before, after) else { return false };
    is_letter(before) && is_letter(after) && (is_arabic(before) || is_arabic(after))
}

/// Whether the mark changes how its letter is read, but not which letter it is.
fn is_accent(base: char, mark: char) -> bool {
    if VOICING_MARKS.contains(&mark) || CYRILLIC_LETTERS.contains(&(base, mark)) {
        return false;
    }
    // In the other scripts, marks are vowels or tones that words differ by.
    matches!(
        CodePointMapData::<Script>::new().get(mark),
        Script::Inherited
            | Script::Latin
            | Script::Greek
            | Script::Cyrillic
            | Script::Hebrew
            | Script::Arabic
            | Script::Syriac
    )
}

/// Replaces characters whose compatible form is misleading: ™ is not the letters TM, and ´ is not a space.
fn replace_misleading(character: char) -> char {
    match character {
        '™' | '℠' => ' ',
        '´' | '`' | '\u{384}' | '\u{1fbd}' | '\u{1fbf}' => '\'',
        other => other,
    }
}

/// Appends a decomposed character in lower case, in its folded form.
fn push_letter(folded: &mut String, character: char) {
    let replacement = match character {
        // Latin letters that have no decomposition, as people write them without a key for them.
        'ø' | 'ɵ' | 'ɔ' => "o",
        'ł' => "l",
        'đ' | 'ð' | 'ɖ' | 'ɗ' => "d",
        'ħ' => "h",
        'ŧ' => "t",
        'þ' => "th",
        'æ' => "ae",
        'œ' => "oe",
        'ə' | 'ǝ' | 'ɛ' => "e",
        'ŋ' => "n",
        'ɓ' | 'ƀ' => "b",
        'ƙ' | 'ĸ' => "k",
        'ƴ' => "y",
        'ɨ' | 'ɩ' => "i",
        'ʉ' => "u",
        'ɣ' | 'ǥ' => "g",
        'ʋ' => "v",
        'ƒ' => "f",
        'ƶ' => "z",
        // Forms of Arabic letters that are exchanged in writing or by keyboards.
        'ٱ' => "ا",
        'ى' | 'ی' => "ي",
        'ة' | 'ہ' | 'ھ' | 'ۃ' | 'ە' => "ه",
        'ک' => "ك",
        // Hebrew letters at the end of a word, and digraphs of Yiddish.
        'ך' => "כ",
        'ם' => "מ",
        'ן' => "נ",
        'ף' => "פ",
        'ץ' => "צ",
        'װ' => "וו",
        'ױ' => "וי",
        'ײ' => "יי",
        // Punctuation with several forms.
        '`' | '’' | '‘' | '‛' | '′' | 'ʼ' | 'ʹ' | 'ʻ' | 'ʽ' | 'ʾ' | 'ʿ' | '׳' => "'",
        '״' => "\"",
        '‐' | '‒' | '–' | '−' | '־' => "-",
        '⁄' | '∕' => "/",
        '‧' | '⋅' | '∙' => "·",
        '♯' => "#",
        // The line that stretches Arabic words, and the dot between words in katakana, which many leave out.
        'ـ' | '・' => "",
        _ => return folded.push(simplify(character)),
    };
    folded.push_str(replacement);
}

/// Hiragana for katakana, and the digits 0 to 9 for those of other scripts.
fn simplify(character: char) -> char {
    let simple = match character {
        '\u{30a1}'..='\u{30f6}' | 'ヽ' => char::from_u32(u32::from(character) - 0x60),
        _ if character.is_ascii() => None,
        _ => digit_value(character).and_then(|digit| char::from_digit(digit, 10)),
    };
    simple.unwrap_or(character)
}
