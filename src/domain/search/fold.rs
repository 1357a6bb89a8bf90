//! Folding: writes texts that people do not distinguish, such as "Café", "CAFE" and "ｃａｆé", in the same way.
//!
//! What is indexed and what is searched for goes through the same function. docs/adr/0022-search-folding.md has the
//! rules. After a change here or in `words`, increment [`FOLDING_VERSION`](super::FOLDING_VERSION).

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, Script};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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

/// The folded form of a text.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut base = ' ';
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let visible = text.chars().filter(|character| !ignorable.contains(*character));
    for character in visible.nfd().map(replace_misleading).nfkd() {
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
        'ة' | 'ہ' | 'ھ' | 'ۃ' => "ه",
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
        '\u{30a1}'..='\u{30f6}' | 'ヽ' => u32::from(character) - 0x60,
        _ if !character.is_ascii() && is_decimal_digit(u32::from(character)) => {
            // Unicode has the digits of a script in a row, from 0 to 9.
            let before = (1..).take_while(|distance| is_decimal_digit(u32::from(character) - distance));
            u32::from('0') + u32::try_from(before.count()).unwrap_or_default() % 10
        }
        other => u32::from(other),
    };
    char::from_u32(simple).unwrap_or(character)
}

fn is_decimal_digit(code_point: u32) -> bool {
    CodePointMapData::<GeneralCategory>::new().get32(code_point) == GeneralCategory::DecimalNumber
}
