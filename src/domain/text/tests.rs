use proptest::prelude::*;

use super::*;

/// Texts in many scripts that need their invisible characters, and must not change.
const WELL_FORMED: &[&str] = &[
    "plain ASCII, \"quoted\"",
    "caf\u{e9} na\u{ef}ve \u{1ed9}",
    // Emoji: families, skin tones, professions, flags of regions and countries, keycaps, text and emoji style.
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}",
    "\u{1f469}\u{1f3fd}\u{200d}\u{2695}\u{fe0f}",
    "\u{1f9d1}\u{1f3fb}\u{200d}\u{1f91d}\u{200d}\u{1f9d1}\u{1f3ff}",
    "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
    "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
    "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}",
    "1\u{fe0f}\u{20e3} #\u{fe0f}\u{20e3}",
    "\u{2615}\u{fe0e} \u{2615}\u{fe0f}",
    // Persian with ZWNJ, Arabic with vowel signs, tatweel and a number sign, Hebrew with points, Urdu.
    "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645} PDF\u{200c}\u{647}\u{627}",
    "\u{645}\u{64f}\u{62d}\u{64e}\u{645}\u{64e}\u{651}\u{62f} \u{640} \u{600}\u{661}",
    "\u{5e9}\u{5b8}\u{5c1}\u{5dc}\u{5d5}\u{5b9}\u{5dd} C++\u{200e} \u{5d1}",
    "\u{647}\u{200d}",
    // Devanagari, Bengali, Malayalam and Sinhala with ZWJ and ZWNJ, Tamil, Khmer, Burmese.
    "\u{915}\u{94d}\u{200d}\u{937} \u{915}\u{94d}\u{200c}\u{937} \u{936}\u{94d}\u{930}\u{940}",
    "\u{9b0}\u{200d}\u{9cd}\u{9af}",
    "\u{d28}\u{d4d}\u{200d} \u{d28}\u{d4d}\u{200c}",
    "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}",
    "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd} \u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a} \u{1019}\u{103c}\u{1014}\u{103a}",
    // Thai, Japanese with a wide space and a variant of a kanji, Korean, old Korean with fillers, Mongolian.
    "\u{e20}\u{e32}\u{e29}\u{e32}\u{e44}\u{e17}\u{e22}",
    "\u{845b}\u{e0100}\u{98fe}\u{3000}\u{304c}\u{30d1}",
    "\u{d55c}\u{ad6d}\u{c5b4}",
    "\u{1112}\u{119e}\u{11ab} \u{1100}\u{1160} \u{115f}\u{1161} \u{115f}\u{1160}\u{11a8}",
    "\u{1828}\u{180b}\u{182d}\u{180e}\u{1820}",
    // A right-to-left phrase in a left-to-right text, and two lines.
    "by \u{2067}\u{5e9}\u{5dc}\u{5d5}\u{5dd}!\u{2069}, since 2020",
    "one\ntwo\n\n\tthree",
    // What only a mark can separate.
    "\u{5e9}\u{5b8}\u{34f}\u{5bd}",
];

/// Characters on which the rules depend, and some that they do not know.
fn character() -> impl Strategy<Value = char> {
    let invisible = "\u{200b}\u{feff}\u{ad}\u{2060}\u{200c}\u{200d}\u{200e}\u{200f}\u{61c}\u{34f}\u{115f}\u{1160}\
        \u{3164}\u{ffa0}\u{17b4}\u{180b}\u{180e}\u{fe0e}\u{fe0f}\u{fe00}\u{e0100}\u{e0067}\u{e0062}\u{e0001}\u{e007f}\
        \u{2066}\u{2067}\u{2068}\u{2069}\u{206a}\u{fff9}\u{2800}\u{13430}\u{1d173}";
    let edges =
        " \t\n\r\u{b}\u{c}\u{85}\u{2028}\u{2029}\u{a0}\u{3000}\0\u{7}\u{7f}\u{202a}\u{202e}\u{fdd0}\u{ffff}";
    let visible = "ae\u{e9}\u{301}\u{308}\u{338}\u{323}\u{2194}\u{21ae}\u{1f468}\u{1f3f4}\u{1f3fd}\u{1f1e9}1-\u{647}\
        \u{627}\u{653}\u{64e}\u{5e9}\u{5bd}\u{915}\u{94d}\u{93c}\u{958}\u{d28}\u{d4d}\u{1100}\u{1161}\u{11a8}\u{ac00}\
        \u{845b}\u{1820}\u{1781}\u{1d159}\u{600}\u{e000}\u{fffd}\u{378}\u{212b}\u{f900}\u{2f800}\u{1e9b}";
    prop_oneof![
        proptest::sample::select(invisible.chars().collect::<Vec<_>>()),
        proptest::sample::select(edges.chars().collect::<Vec<_>>()),
        proptest::sample::select(visible.chars().collect::<Vec<_>>()),
        any::<char>(),
    ]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(character(), 0..16).prop_map(String::from_iter)
}

/// A text as people write it: well-formed parts, with spaces between them.
fn well_formed() -> impl Strategy<Value = String> {
    let part = proptest::sample::select(WELL_FORMED);
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn normalizing_twice_changes_nothing(text in text()) {
        let once = normalize_text(&text);
        prop_assert_eq!(normalize_text(&once), once.clone(), "{:?}", text);
        prop_assert_eq!(compose(&once), once);
    }

    #[test]
    fn equivalent_texts_have_one_form(text in text()) {
        prop_assert_eq!(normalize_text(&decompose(&text)), normalize_text(&text));
    }

    #[test]
    fn a_normalized_text_has_no_harmless_invisible_character_and_no_spaces_at_its_ends(text in text()) {
        let normalized = normalize_text(&text);
        for c in normalized.chars() {
            prop_assert!(!matches!(Kind::of(c), Kind::Ignorable) && (Kind::of(c) != Kind::LineBreak || c == '\n'));
        }
        for edge in [normalized.chars().next(), normalized.chars().next_back()].into_iter().flatten() {
            prop_assert!(!matches!(Kind::of(edge), Kind::Space | Kind::LineBreak | Kind::DirectionMark));
        }
    }

    #[test]
    fn nothing_that_can_be_seen_is_lost(text in text()) {
        let seen = |text: &str| -> String { decompose(text).chars().filter(|c| is_visible(*c)).collect() };
        prop_assert_eq!(seen(&normalize_text(&text)), seen(&text));
    }

    #[test]
    fn what_is_forbidden_is_found_however_it_is_surrounded(before in text(), after in text()) {
        for forbidden in ['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\0', '\u{1b}', '\u{9f}', '\u{fffe}'] {
            let normalized = normalize_text(&format!("{before}{forbidden}{after}"));
            prop_assert!(normalized.contains(forbidden));
            prop_assert!(find_forbidden(&normalized).is_some());
        }
    }

    #[test]
    fn well_formed_texts_do_not_change(text in well_formed()) {
        prop_assert_eq!(normalize_text(&text), text.clone());
        prop_assert_eq!(find_forbidden(&text), None);
        prop_assert_eq!(normalize_text(&decompose(&text)), text);
    }

    #[test]
    fn harmless_characters_and_spaces_around_a_text_make_no_difference(
        text in well_formed(),
        noise in "[\u{200b}\u{feff}\u{ad}\u{2060}\u{e0001}\u{206a}]{1,3}",
        edge in "[ \t\r\n\u{a0}\u{2028}\u{200b}\u{200e}\u{200f}\u{61c}]{0,5}",
        position: proptest::sample::Index,
    ) {
        // Between graphemes: within an emoji or a syllable, too, the noise is removed.
        let mut characters: Vec<_> = text.chars().collect();
        let at = position.index(characters.len() + 1);
        let tail = characters.split_off(at);
        let noisy: String = [edge.clone(), String::from_iter(characters), noise, String::from_iter(tail), edge].concat();
        prop_assert_eq!(normalize_text(&noisy), text);
    }

    #[test]
    fn marks_of_direction_inside_of_a_text_stay(mark in "[\u{200e}\u{200f}\u{61c}]") {
        let text = format!("C++{mark} \u{5d1}");
        prop_assert_eq!(normalize_text(&format!("{mark}{text}{mark}")), text);
    }

    #[test]
    fn a_text_of_invisible_characters_has_no_visible_ones(
        text in "[\u{200b}-\u{200f}\u{2060}-\u{2064}\u{2066}-\u{206f}\u{2800}\u{300}-\u{36f}\u{e0001}\u{e0020}-\u{e007f}\
                 \u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}\u{3164}\u{115f}\u{1160}\u{ffa0}\u{180b}-\u{180e}\u{feff}\u{ad} \n\u{3000}]{0,20}",
    ) {
        prop_assert_eq!(visible_length(&normalize_text(&text)), 0);
        prop_assert_eq!(normalize_optional_text(Some(&text)), None);
    }
}

#[test]
fn each_kind_of_invisible_character_has_its_rule() {
    for (typed, normalized) in [
        ("lo\u{200b}g\u{ad}o\u{feff}s\u{2060}", "logos"),
        (
            "one\r\ntwo\rthree\u{2028}four\u{2029}five\u{85}six\u{b}7\u{c}8",
            "one\ntwo\nthree\nfour\nfive\nsix\n7\n8",
        ),
        ("\r\n\r\none\r\n\r\ntwo\r\n", "one\n\ntwo"),
        // Joiners that join nothing.
        ("A\u{200d}nn \u{200c}Lee\u{200c}", "Ann Lee"),
        ("\u{645}\u{6cc}\u{200c} \u{62e}", "\u{645}\u{6cc} \u{62e}"),
        ("e\u{200d}\u{301} e\u{200c}\u{301}", "\u{e9} \u{e9}"),
        ("\u{647}\u{200d}\u{200d} \u{6cc}\u{200c}\u{200c}\u{62e}", "\u{647}\u{200d} \u{6cc}\u{200c}\u{62e}"),
        // Emoji are joined with other emoji only.
        ("\u{1f44d}\u{200d} work \u{1f44d}\u{200d}", "\u{1f44d} work \u{1f44d}"),
        ("a\u{200d}\u{1f44d}\u{200d}b \u{200d}\u{1f44d}\u{200c}!", "a\u{1f44d}b \u{1f44d}!"),
        ("\u{1f468}\u{200d}\u{200d}\u{1f467}\u{fe0f}\u{200d}", "\u{1f468}\u{200d}\u{1f467}\u{fe0f}"),
        ("\u{1f3c3}\u{1f3fd}\u{200d}\u{2642}\u{200d}.", "\u{1f3c3}\u{1f3fd}\u{200d}\u{2642}."),
        // A letter has no emoji style, and one selector is enough.
        ("a\u{fe0f}b \u{2615}\u{fe0f}\u{fe0f}\u{e0100}", "ab \u{2615}\u{fe0f}"),
        // Nor has it the variants of other scripts, but a digit has some.
        ("a\u{180b}b\u{fe00}c \u{3b1}\u{fe01} 0\u{fe00}", "abc \u{3b1} 0\u{fe00}"),
        ("\u{1828}\u{180b}\u{180b}\u{182d}", "\u{1828}\u{180b}\u{182d}"),
        // Fillers do not need each other.
        ("a\u{180e}\u{180e}b a\u{17b4}\u{17b4}\u{17b5}b", "ab ab"),
        ("a\u{180e}\u{180b}\u{180e}b \u{3164}\u{ffa0}c", "ab c"),
        ("a\u{115f}\u{1160}b \u{115f}\u{1160}\u{11a8}", "ab \u{115f}\u{1160}\u{11a8}"),
        // Tags that make no flag.
        ("Ann\u{e0041}\u{e0042}", "Ann"),
        ("\u{1f600}\u{e0061}\u{e0062}", "\u{1f600}"),
        ("\u{1f3f4}\u{e0067}\u{e0062}", "\u{1f3f4}"),
        // Isolates: balanced ones stay, others and those around everything go.
        ("\u{2067}a b", "a b"),
        ("a\u{2069} b\u{2066}", "a b"),
        ("a \u{2067}b\nc\u{2069}", "a b\nc"),
        ("\u{2068}\u{2066} ann@example.com\u{2069}\u{2069}\u{200e}", "ann@example.com"),
        ("\u{2066}a\u{2069}b\u{2066}c\u{2069}", "\u{2066}a\u{2069}b\u{2066}c\u{2069}"),
        // Blanks.
        ("Ann\u{2800}\u{2800}", "Ann"),
        ("\u{2801}\u{2800}\u{2802}", "\u{2801}\u{2800}\u{2802}"),
        ("Ann\u{3164}", "Ann"),
        ("e\u{200b}\u{301}", "\u{e9}"),
    ] {
        assert_eq!(normalize_text(typed), normalized, "{typed:?}");
    }
}

#[test]
fn a_text_that_shows_nothing_is_left_for_the_check() {
    for text in ["\u{200d}\u{200d}", "\u{2800}", "\u{301}", "\u{e0041}\u{e007f}", "\u{fe0f}", "\u{3164}"] {
        assert_eq!(normalize_text(text), text);
        assert_eq!(visible_length(text), 0, "{text:?}");
    }
    for nothing in ["", " \n\u{3000}", "\u{200b}\u{feff}", "\u{200e}\u{200f}"] {
        assert_eq!(normalize_text(nothing), "");
    }
    assert_eq!(normalize_optional_text(Some("\0")).as_deref(), Some("\0"));
    assert_eq!(normalize_optional_text(None), None);
}

#[test]
fn visible_characters_are_counted_as_readers_see_them() {
    for (text, length) in [
        ("Logo design", 11),
        ("a        b", 3),
        ("e\u{301}\u{302}\u{303}", 1),
        ("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", 1),
        ("\u{1f1e9}\u{1f1ea}", 1),
        ("\u{915}\u{94d}\u{937}", 1),
        ("\u{d55c}\u{ad6d}", 2),
        ("\u{e0}\u{200d}", 1),
        (" \u{301}", 0),
        ("\u{2800}a\u{2800}", 1),
        ("\u{600}\u{661}", 1),
    ] {
        assert_eq!(visible_length(text), length, "{text:?}");
    }
}

#[test]
fn the_word_in_front_of_a_forbidden_character_is_named() {
    for (text, character, word) in [
        ("my logo\u{202e}ngised", "U+202E", Some("logo")),
        ("my logo \u{202a}x", "U+202A", Some("logo")),
        ("\u{202d}x", "U+202D", None),
        ("nul\0", "U+0000", Some("nul")),
        ("x \u{10ffff}", "U+10FFFF", Some("x")),
    ] {
        let found = find_forbidden(text).expect("a forbidden character");
        assert_eq!((found.to_string().as_str(), found.word_before.as_deref()), (character, word), "{text:?}");
    }
    let long = find_forbidden(&format!("{}\u{202e}", "x".repeat(1000))).expect("found");
    assert_eq!(long.word_before.map(|word| word.len()), Some(NAMED_WORD_MAX_CHARS));
}

#[test]
fn an_address_has_no_invisible_characters() {
    for typed in
        ["ann\u{200e}@example.com", "\u{2068}ann@example.com\u{2069}\n", "an\u{200d}n@ex\u{fe0f}ample.com"]
    {
        assert_eq!(normalize_address(typed), "ann@example.com");
    }
    assert_eq!(normalize_address("e\u{301}ve@example.com"), "\u{e9}ve@example.com");
}

/// This would take hours if the time grew with the square of the length.
#[test]
fn long_texts_of_any_character_are_normalized() {
    let count = 1 << 15;
    for part in [
        "\u{301}",
        "\u{200d}",
        "\u{e0061}",
        "\u{2067}",
        "\u{2069}",
        "\u{1160}",
        "\u{200b}\u{1160}",
        "\u{fe0f}",
        "\r\n",
        "\u{2028}",
        "\u{1f1e9}",
        "e\u{323}\u{301}",
        "\u{600}",
        "\u{94d}\u{200c}",
        "\u{115f}",
        "\u{2067}\u{2069}",
    ] {
        let text = part.repeat(count / part.chars().count());
        for text in [text.clone(), format!("a{text}b")] {
            let normalized = normalize_text(&text);
            visible_length(&normalized);
            find_forbidden(&normalized);
        }
    }
    let nested = "\u{2067}".repeat(count) + "a" + &"\u{2069}".repeat(count);
    assert_eq!(normalize_text(&nested), "a");
}

#[test]
fn a_digit_of_any_script_has_its_value() {
    for (digit, value) in [
        ('0', 0),
        ('9', 9),
        ('\u{660}', 0),
        ('\u{6f9}', 9),
        ('\u{e53}', 3),
        ('\u{ff17}', 7),
        ('\u{1d7d9}', 1),
    ] {
        assert_eq!(digit_value(digit), Some(value), "{digit}");
    }
    for other in ['a', '\u{b2}', '\u{4e00}', '\u{2460}', '\0'] {
        assert_eq!(digit_value(other), None, "{other}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Between Latin letters, nothing invisible is needed, however it is combined.
    #[test]
    fn latin_text_loses_every_invisible_character_but_marks_of_direction(
        invisible in "[\u{200b}-\u{200d}\u{2060}-\u{2064}\u{206a}-\u{206f}\u{180b}-\u{180f}\u{17b4}\u{17b5}\u{115f}\u{1160}\
                      \u{3164}\u{ffa0}\u{fe00}-\u{fe0f}\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}\u{34f}\u{feff}\u{ad}]{0,6}",
    ) {
        prop_assert_eq!(normalize_text(&format!("Lo{invisible}go \u{e9}")), "Logo \u{e9}");
    }
}
