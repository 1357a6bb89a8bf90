//! The comparison of document numbers. A number is stored as the user typed it. Two spellings of the number that is
//! printed on one document have the same key, whatever keyboard they were typed with.

use icu_properties::props::{Dash, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization;

use crate::domain::text::{digit_value, normalize_address};

/// What may be printed or typed between the letters and digits of a number, besides dashes, brackets, quotation marks
/// and the stars of [`is_star`]. It does not count.
const SEPARATORS: &str = " *.,:/\\<>'_#+&·•‧∙⋅・。、،٬٫∗⋆٭⁎⁑★☆⭐∕№ºª°~";

/// What people type for a dash, although it is a letter, a line or a bullet. Nobody prints it as a letter of a number.
const DASHES: &str = "ーㅡᅳـ─━⎯⁃˗➖";

/// Signs that are letters to Unicode, but are typed for an apostrophe.
const APOSTROPHES: &str = "ʼʹʻʽʾʿ′`´׳״";

/// Greek, Cyrillic and Turkish capital letters, each with the Latin letter that looks the same. Countries with these
/// scripts use such letters in document numbers, because they can be read and typed as Latin ones. A Turkish keyboard
/// types İ for the i of others.
const LOOKALIKES: [(&str, &str); 3] =
    [("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"), ("АВЕКМНОРСТУХІЈЅ", "ABEKMHOPCTYXIJS"), ("İ", "I")];

/// The dot of İ, which is on its own in the lower case.
const DOT_ABOVE: char = '\u{307}';

/// The form in which numbers are compared: capital letters and the digits 0 to 9, without separators and invisible
/// characters. `None` if the number contains a character that no document number has.
///
/// A number of letters A to Z, digits, spaces, hyphens, slashes and dots has the same key as in earlier versions,
/// which accepted no other numbers. So the hashes that they stored stay comparable.
pub fn document_number_key(number: &str) -> Option<String> {
    let number = normalize_address(number);
    let mut key = String::with_capacity(number.len());
    // The compatibility form would make letters of № and º.
    for c in number.chars().filter(|c| !is_separator(*c)).nfkc().filter(|c| !is_separator(*c)) {
        if c == DOT_ABOVE && key.ends_with('I') {
            continue;
        }
        if !c.is_alphanumeric() && digit_value(c).is_none() {
            return None;
        }
        key.extend(c.to_uppercase().map(canonical));
    }
    Some(key)
}

fn is_separator(c: char) -> bool {
    [SEPARATORS, DASHES, APOSTROPHES].into_iter().any(|list| list.contains(c))
        || is_dash_or_bracket(c)
        || is_star(c)
}

/// Whether the character is a dash, a bracket or a quotation mark, of any script.
fn is_dash_or_bracket(c: char) -> bool {
    CodePointSetData::new::<Dash>().contains(c)
        || matches!(
            CodePointMapData::<GeneralCategory>::new().get(c),
            GeneralCategory::OpenPunctuation
                | GeneralCategory::ClosePunctuation
                | GeneralCategory::InitialPunctuation
                | GeneralCategory::FinalPunctuation
        )
}

/// Whether the character is a star or an asterisk of the block Dingbats.
fn is_star(c: char) -> bool {
    matches!(c, '\u{2721}'..='\u{274b}')
}

/// The Latin letter or digit that stands for this capital letter or digit.
fn canonical(c: char) -> char {
    for (letters, latin) in LOOKALIKES {
        if let Some((_, latin)) = letters.chars().zip(latin.chars()).find(|(letter, _)| *letter == c) {
            return latin;
        }
    }
    digit_value(c).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: &str) -> String {
        document_number_key(number).unwrap_or_else(|| panic!("{number} has an invalid character"))
    }

    #[test]
    fn spellings_of_one_number_have_the_same_key() {
        for (expected, spellings) in [
            (
                "AB123456",
                &[
                    "AB123456",
                    "ab-123 456",
                    "A.B/12*34*56",
                    "ＡＢ１２３４５６",
                    "AB–123—456",
                    "AB\u{a0}123456",
                ][..],
            ),
            // Greek, and lower case.
            ("AB123456", &["ΑΒ123456", "αβ 123456", "ΑB123456"]),
            // Cyrillic, and lower case.
            ("AB123456", &["АВ123456", "ав 123456", "АB№ 123456"]),
            ("A1234567", &["A123456(7)", "a123456 (7)"]),
            ("L898902C", &["L898902C<", "L898902C<<"]),
            ("DOEJM123AB", &["DOE**JM*123AB", "DOE★★JM★123AB", "doejm123ab"]),
            (
                "TK1234567",
                &[
                    "TK1234ー567",
                    "TK1234ｰ567",
                    "TK1234־567",
                    "TK1234‧567",
                    "TK1234・567",
                    "TK1234･567",
                    "TK1234─567",
                ],
            ),
            (
                "TK1234567",
                &[
                    "TK1234⁃567",
                    "TK1234〜567",
                    "TK1234～567",
                    "TK1234‒567",
                    "TK1234−567",
                    "TK1234ㅡ567",
                    "TKـ1234567",
                ],
            ),
            ("TK1234567", &["TK「1234」567", "TK（1234）567", "[TK]1234567", "“TK1234567”", "TK’1234ʼ567"]),
            ("DOEJM123AB", &["DOE✱✱JM✱123AB", "DOE⋆JM٭123⁎AB✶", "DOE﹡JM＊123✻AB⭐"]),
            ("IZ123456", &["İZ123456", "iz 123456", "ız 123456", "i\u{307}z123456", "İZ-123456"]),
            // Marks of direction and joiners, as right-to-left keyboards and copied text have them.
            ("أ123456", &["أ123456", "أ\u{200e}123456", "\u{200f}أ١٢٣٤٥٦", "أ\u{61c}123456"]),
            ("الف123456", &["الف123456", "الف\u{200c}123456", "الف ۱۲۳۴۵۶"]),
            (
                "AB123456",
                &[
                    "AB\u{200f}123456",
                    "A\u{200b}B123456",
                    "AB\u{ad}123456",
                    "\u{2068}AB123456\u{2069}",
                    "AB123456\n",
                ],
            ),
            ("12345678", &["١٢٣٤٥٦٧٨", "۱۲۳۴۵۶۷۸", "१२३४५६७८", "１２３４５６７８", "1234 5678"]),
            ("ΣΦ123456", &["ΣΦ123456", "σφ-123456"]),
            ("ЖБ123456", &["ЖБ123456", "жб 123456"]),
        ] {
            for spelling in spellings {
                assert_eq!(key(spelling), expected, "{spelling}");
            }
        }
        assert_ne!(key("ЖБ123456"), key("ЗБ123456"));
        assert_eq!((key(" - * "), key("")), (String::new(), String::new()));
    }

    #[test]
    fn other_characters_are_in_no_number() {
        for number in [
            "AB123456!",
            "AB@123456",
            "AB\n123456",
            "AB\t123456",
            "😀123456",
            "AB$123456",
            "AB\u{202e}123456",
            "AB\u{0}123456",
            "AB123456?",
            "AB123456\u{301}",
        ] {
            assert_eq!(document_number_key(number), None, "{number:?}");
        }
    }

    #[test]
    fn numbers_that_earlier_versions_accepted_keep_their_key() {
        for number in ["AB-123 456", "X/12.345-Z", "00012345", "ABCDEFGH"] {
            let earlier: String = number.to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
            assert_eq!(key(number), earlier);
        }
    }

    #[test]
    fn every_look_alike_has_one_latin_letter() {
        for (letters, latin) in LOOKALIKES {
            assert_eq!(letters.chars().count(), latin.len());
            assert!(letters.chars().all(|letter| !letter.is_ascii()) && latin.is_ascii());
        }
    }

    #[test]
    fn every_dash_is_a_separator_and_every_digit_has_its_value() {
        for c in '\0'..=char::MAX {
            if CodePointSetData::new::<Dash>().contains(c) {
                assert_eq!(key(&format!("TK1234{c}567")), "TK1234567", "{c:?}");
            } else if let Some(digit) = digit_value(c) {
                assert_eq!(key(&format!("TK1234{c}567")), format!("TK1234{digit}567"), "{c:?}");
            }
        }
    }
}
