//! The comparison of document numbers. A number is stored as the user typed it. Two spellings of the number that is
//! printed on one document have the same key, whatever keyboard they were typed with.

use unicode_normalization::UnicodeNormalization;

/// What may be printed or typed between the letters and digits of a number. It does not count. Dashes are in
/// [`is_dash`].
const SEPARATORS: &str = " *.,:/\\()<'’_#+&·•★☆∗∕№ºª°";

/// Greek and Cyrillic capital letters, each with the Latin letter that looks the same. Countries with these
/// scripts use such letters in document numbers, because they can be read and typed as Latin ones.
const LOOKALIKES: [(&str, &str); 2] =
    [("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"), ("АВЕКМНОРСТУХІЈЅ", "ABEKMHOPCTYXIJS")];

/// The zeros of the digits of other scripts. The digits from 1 to 9 follow each.
const ZEROS: [char; 17] =
    ['٠', '۰', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '๐', '໐', '༠', '၀', '០', '᠐'];

/// The form in which numbers are compared: capital letters and the digits 0 to 9, without separators. `None` if the
/// number contains a character that no document number has.
///
/// A number of letters A to Z, digits, spaces, hyphens, slashes and dots has the same key as in earlier versions,
/// which accepted no other numbers. So the hashes that they stored stay comparable.
pub fn document_number_key(number: &str) -> Option<String> {
    let mut key = String::with_capacity(number.len());
    // The compatibility form would make letters of № and º.
    for c in number.chars().filter(|c| !is_separator(*c)).nfkc().filter(|c| !is_separator(*c)) {
        if !c.is_alphanumeric() {
            return None;
        }
        key.extend(c.to_uppercase().map(canonical));
    }
    Some(key)
}

fn is_separator(c: char) -> bool {
    SEPARATORS.contains(c) || is_dash(c)
}

fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// The Latin letter or digit that stands for this capital letter or digit.
fn canonical(c: char) -> char {
    for (letters, latin) in LOOKALIKES {
        if let Some((_, latin)) = letters.chars().zip(latin.chars()).find(|(letter, _)| *letter == c) {
            return latin;
        }
    }
    let digit = ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|n| *n < 10));
    digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
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
            "AB123456\n",
            "AB\t123456",
            "😀123456",
            "AB$123456",
            "A\u{200b}B123456",
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
}
