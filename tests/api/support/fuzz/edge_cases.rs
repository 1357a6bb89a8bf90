//! Strings and numbers that often reveal bugs.

use super::random::RandomSource;

/// Strings that have broken other programs: control characters, Unicode, injections, limits of types.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\u{0}",
    "a\u{0}b",
    "\u{1}\u{1b}\u{7f}\u{85}",
    "\u{feff}",
    "\u{202e}desrever",
    "\u{200b}\u{200d}\u{2060}",
    "\u{2028}\u{2029}",
    "\u{e000}\u{fffd}\u{ffff}\u{10ffff}",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}",
    "ﷺ İ ß ﬁ ½ ² Ⅷ ǅ",
    "日本語 العربية हिन्दी ไทย",
    "' OR 1=1; --",
    "\"; DROP TABLE gig; --",
    "%' AND 1=CAST(version() AS int) --",
    "<script>alert(1)</script>",
    "{{7*7}}${7*7}#{7*7}",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "\\",
    "\\u0000",
    "\"",
    "\"\"\"",
    "#not a comment",
    "\r\n\r\nHTTP/1.1 200 OK\r\n",
    "a\tb\nc\rd",
    "null",
    "true",
    "-0",
    "1e309",
    "NaN",
    "9223372036854775808",
    "0x7fffffff",
    "٣",
    "1,5",
    "#__graphql_file__:0",
    "#__graphql_file__:18446744073709551616",
    "__proto__",
    "constructor",
    "[object Object]",
    "gig_",
    "gig_00000000000000000000000000",
    "gig_7zzzzzzzzzzzzzzzzzzzzzzzzz",
    "gig_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    "GIG_01H455VB4PEX5VSKNK084SN02Q",
    "_01h455vb4pex5vsknk084sn02q",
    // A prefix that is too long. The limit is in the middle of a character, where it cannot be cut.
    "ééééééééééééééééééééééééééééééééééééééééééééé_01h455vb4pex5vsknk084sn02q",
    "a@b",
    "\"a b\"@example.com",
    "ann@example.com\u{0}",
    "https://",
    "https://user:secret@example.com",
    "javascript:alert(1)",
    "-262143-01-01",
    "+262142-12-31",
    "0000-00-00",
    "9999-12-31T23:59:60Z",
];

/// Numbers at and beyond the limits of common types.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "0.1",
    "1.0",
    "-1.5e-7",
    "1e308",
    "1e309",
    "-1e400",
    "1e-400",
    "1E+2",
    "123456789012345678901234567890.123456789012345678901234567890",
];

/// An edge-case string, sometimes a long one.
pub fn text(random: &mut RandomSource) -> String {
    match random.below(20) {
        0 => random.pick(TEXTS).repeat(random.below(100)),
        1 => "a".repeat(random.below(6_000)),
        2 => "🦀".repeat(random.below(2_000)),
        3 => String::from_utf8_lossy(&random_bytes(random)).into_owned(),
        _ => (*random.pick(TEXTS)).to_owned(),
    }
}

fn random_bytes(random: &mut RandomSource) -> Vec<u8> {
    let length = random.below(60);
    random.bytes(length)
}

/// The digits of an edge-case number.
pub fn number(random: &mut RandomSource) -> String {
    (*random.pick(NUMBERS)).to_owned()
}

/// Changes, truncates or extends a base64 text.
pub fn corrupt_base64(text: &str, random: &mut RandomSource) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    match random.below(4) {
        0 => characters.truncate(random.below(characters.len() + 1)),
        1 => characters.extend(['A', 'A', 'A', 'A']),
        2 => characters.push('='),
        _ => {
            let at = random.below(characters.len().max(1));
            if let Some(character) = characters.get_mut(at) {
                *character = *random.pick(&['A', 'z', '_', '-', '9', 'ß']);
            }
        }
    }
    characters.into_iter().collect()
}
