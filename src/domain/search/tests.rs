use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::*;

/// Whether a search for `query` finds a gig with this text, without corrections.
fn finds(query: &str, text: &str) -> bool {
    let words = indexed_words(text);
    let terms = terms(query);
    !terms.is_empty() && terms.iter().all(|term| term.matches(&words))
}

#[track_caller]
fn assert_finds(query: &str, text: &str) {
    assert!(finds(query, text), "{query:?} {:?} in {text:?} {:?}", terms(query), indexed_words(text));
}

#[track_caller]
fn assert_does_not_find(query: &str, text: &str) {
    assert!(!finds(query, text), "{query:?} {:?} in {text:?} {:?}", terms(query), indexed_words(text));
}

#[test]
fn texts_that_people_do_not_distinguish_are_folded_to_the_same() {
    let groups: &[&[&str]] = &[
        &["Café", "cafe", "CAFÉ", "cafe\u{301}", "ｃａｆé", "caf\u{ad}é", "ca\u{200b}fé", "𝐜𝐚𝐟𝐞", "ⓒⓐⓕⓔ"],
        &["İstanbul", "istanbul", "ISTANBUL", "ıstanbul", "i̇stanbul"],
        &["DIYARBAKIR", "Diyarbakır", "diyarbakir"],
        &["Straße", "STRASSE", "strasse", "STRAẞE"],
        &["ΟΔΟΣ", "οδος", "οδοσ", "Οδός", "ὁδός"],
        &["ΣΊΣΥΦΟΣ", "Σίσυφος", "σισυφοσ"],
        &["ﬁnance", "finance", "ＦＩＮＡＮＣＥ"],
        &["Ærøskøbing", "aeroskobing", "ÆRØSKØBING"],
        &["Łódź", "lodz", "ŁÓDŹ"],
        &["Đặng Thùy Trâm", "dang thuy tram", "ĐẶNG THÙY TRÂM"],
        &["Þingvellir", "thingvellir"],
        &["cœur", "coeur"],
        &["Bakı şəhəri", "baki seheri"],
        &["Ёлка", "елка", "ЕЛКА", "ёлка"],
        &["за́мок", "замок"],
        &["дизайн", "дизаи\u{306}н", "ДИЗАЙН"],
        &["Україна", "Украі\u{308}на", "УКРАЇНА"],
        &["שָׁלוֹם", "שלומ", "שלום"],
        &["צה״ל", "צה\"ל"],
        &["مُحَمَّد", "محمد", "محـــمد"],
        &["أحمد", "احمد", "إحمد", "آحمد", "ٱحمد"],
        &["مدرسة", "مدرسه"],
        &["کتاب", "كتاب"],
        &["میخواهم", "ميخواهم"],
        &["می\u{200c}خواهم", "مي\u{200c}خواهم", "می-خواهم", "می\u{200c}\u{200c}خواهم"],
        &["نامه", "نامة", "نامە", "نامہ"],
        &["خانۀ", "خانه", "خانه\u{654}"],
        &["ه\u{200d}", "ه\u{200c}", "ه"],
        &["ﻣﺪﺭﺳﺔ", "مدرسة"],
        &["ﾃﾞｻﾞｲﾝ", "デザイン", "でざいん", "テ\u{3099}サ\u{3099}イン"],
        &["ロゴ・デザイン", "ロゴデザイン"],
        &["한국어", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}\u{110b}\u{1165}"],
        &["हिन्दी", "हिन्\u{200d}दी"],
        &["น้ำ", "น\u{e49}\u{e4d}\u{e32}"],
        &["１２３", "123", "١٢٣", "۱۲۳", "१२३", "๑๒๓", "𝟏𝟐𝟑", "①②③"],
        &["don't", "don’t", "don´t", "DON`T", "donʼt", "don＇t"],
        &["e-mail", "e‑mail", "E–MAIL", "e－mail"],
        &["ᏣᎳᎩ", "ꮳꮃꭹ"],
        &["ქართული", "ᲥᲐᲠᲗᲣᲚᲘ"],
        &["Հայերեն", "ՀԱՅԵՐԵՆ"],
        &["col·lecció", "COL‧LECCIO", "coŀleccio"],
        &["C♯", "c#", "Ｃ＃"],
    ];
    for group in groups {
        for text in *group {
            assert_eq!(fold(text), fold(group[0]), "{text:?}");
            assert_finds(text, group[0]);
            assert_finds(group[0], text);
        }
    }
}

#[test]
fn texts_that_people_distinguish_stay_different() {
    for (one, other) in [
        ("か", "が"),
        ("ハ", "パ"),
        ("и", "й"),
        ("і", "ї"),
        ("मि", "मी"),
        ("क", "कि"),
        ("กา", "ก่า"),
        ("가", "각"),
        ("あ", "お"),
        ("o", "ö ä"),
        ("c", "c#"),
        ("ش", "س"),
        ("ש", "ס"),
    ] {
        assert_ne!(fold(one), fold(other));
    }
}

/// All characters but ideographs and Hangul, which are many: case and normalization make no difference, and digits
/// are ASCII.
#[test]
fn every_character_is_folded_like_its_other_forms() {
    let mut different = Vec::new();
    let left_out = [
        '\u{3400}'..='\u{9fff}',
        '\u{ac00}'..='\u{d7a3}',
        '\u{e000}'..='\u{f8ff}',
        '\u{17000}'..='\u{1b2ff}',
    ];
    let is_left_out = |it: &char| left_out.iter().any(|range| range.contains(it));
    for character in ('\0'..='\u{1ffff}').filter(|character| !is_left_out(character)) {
        let text = character.to_string();
        let folded = fold(&text);
        let forms = [
            text.to_uppercase(),
            text.to_lowercase(),
            text.nfd().collect(),
            text.nfkc().collect(),
            text.nfkd().collect(),
            folded.clone(),
        ];
        // Those that `fold` replaces, and letters with an iota below, which is a letter in capitals.
        let is_exception = |it: char| "™℠´`\u{384}\u{1fbd}\u{1fbf}\u{345}".contains(it);
        if forms.iter().any(|form| fold(form) != folded) && !text.nfd().any(is_exception) {
            different.push((character, folded.clone(), forms.map(|form| fold(&form))));
        }
        if CodePointMapData::<GeneralCategory>::new().get(character) == GeneralCategory::DecimalNumber {
            assert!(folded.len() == 1 && folded.as_bytes()[0].is_ascii_digit(), "{character:?} {folded:?}");
        }
    }
    assert!(different.is_empty(), "{} {:?}", different.len(), &different[..different.len().min(20)]);
}

#[test]
fn a_search_finds_words_and_their_beginnings() {
    let text = "Logo-Design, \"fast\" & (cheap)*";
    for query in ["logo", "LOG DES", "logo-design", "fast cheap", "logodes", "design logo", "che*", "(fast)"]
    {
        assert_finds(query, text);
    }
    for query in ["ogo", "logos", "logo website", "-", "*", "", " \0 \u{1f600} * ", "&&"] {
        assert_does_not_find(query, text);
    }
    assert_finds("' OR 1=1; --", "1 or 2");
}

#[test]
fn names_of_technologies_are_words() {
    for (query, found, not_found) in [
        (
            "C++",
            vec!["C++", "c++17", "I write C++, C#.", "(C++)", "C++/CLI", "Ｃ＋＋", "C/C++"],
            vec!["C", "C#", "C+"],
        ),
        ("C#", vec!["C#", "c#7", "I write C++, C#.", "C♯", "C#.NET", "F#/C#"], vec!["C", "C++", "#C"]),
        ("F#", vec!["F#", "f#."], vec!["F", "C#", "f sharp"]),
        ("C", vec!["C", "c.", "C/C++", "in C, Go", "c++"], vec!["#", "Java"]),
        ("R", vec!["R", "statistics (R)", "r/python"], vec!["statistics"]),
        (
            ".NET",
            vec![".NET", ".net core", "ASP.NET", "(.NET)", "C#/.NET"],
            vec!["net", "Fishing net", "...net"],
        ),
        ("net", vec![".NET", "asp.net", "network"], vec!["internet"]),
        (
            "node.js",
            vec!["Node.js", "NodeJS", "node-js", "Node JS", "Vue/Node.js", "my-node.js.", "x.node.js"],
            vec!["node", "js"],
        ),
        ("nodejs", vec!["Node.js", "NodeJS", "Vue/Node.js"], vec!["Node JS"]),
        ("ASP.NET", vec!["asp.net", "ASP.NET Core", "aspnet"], vec!["asp", "net"]),
        ("objective-c", vec!["Objective-C", "objective-c++", "Objective C"], vec!["objective"]),
        ("e-mail", vec!["e-mail", "E-Mails", "email", "e mail"], vec!["mail", "e"]),
        ("email", vec!["e-mail", "email"], vec!["mail"]),
        ("don't", vec!["don't", "DON’T", "dont"], vec!["t"]),
        ("dont", vec!["don't", "dont"], vec!["don"]),
        ("l'été", vec!["l'été", "L’ETE", "été", "d'été"], vec!["l", "hiver"]),
        ("été", vec!["l'été", "ete"], vec!["l"]),
        ("seller's", vec!["seller's", "sellers", "seller"], vec!["s"]),
        ("50%", vec!["50%", "50"], vec!["5", "%"]),
        ("A/B", vec!["A/B test", "AB", "a b"], vec!["a", "about", "b"]),
        ("R&D", vec!["R&D", "r & d", "RD"], vec!["Road"]),
        ("UTF-8", vec!["UTF-8", "utf8", "utf–8"], vec!["UTF", "8"]),
        ("@angular", vec!["@angular/core", "Angular"], vec!["core"]),
        ("logo+", vec!["logo", "logo+"], vec!["+"]),
        ("google+ ads", vec!["google ads"], vec!["google"]),
        ("1,000", vec!["1,000", "1000"], vec!["1"]),
        ("Brand™", vec!["Brand", "brand®"], vec!["tm"]),
        ("snake_case", vec!["snake_case", "snakecase", "snake case"], vec!["snake"]),
        ("g++", vec!["g++", "clang/g++"], vec!["g"]),
        ("U.S.A.", vec!["USA", "U.S.A."], vec!["usability"]),
        ("dr", vec!["Dr.-Ing."], vec![]),
    ] {
        for text in found {
            assert_finds(query, text);
            for part in UNSPACED {
                let texts = [format!("{text}{part}"), format!("{part}{text}"), format!("{part}{text}{part}")];
                for text in &texts {
                    assert_finds(query, text);
                    assert_finds(text, text);
                }
            }
        }
        for text in not_found {
            assert_does_not_find(query, text);
            for part in UNSPACED {
                assert_does_not_find(query, &format!("{text}{part}"));
                assert_does_not_find(query, &format!("{part}{text}{part}"));
            }
        }
    }
}

/// Parts of words in scripts that people write without a space after a word in Latin letters.
const UNSPACED: [&str; 6] = ["开", "を", "으로", "ー", "ไทย", "開発エンジニア"];

#[test]
fn names_of_technologies_are_found_in_text_without_spaces() {
    for (query, text) in [
        ("C#", "C#开发工程师"),
        ("C#", "C#でゲーム制作"),
        ("C#", "C#으로 게임 만들기"),
        ("F#", "精通F#语言"),
        ("C+", "C+を"),
        ("C++", "C++でゲーム"),
        (".NET", "使用.NET开发"),
        (".NET", "基于.NET的网站"),
        (".net", "ASP.NETで"),
        ("node.js", "用Node.js开发"),
        ("开发", "C#开发工程师"),
        ("网站", "基于.NET的网站"),
    ] {
        assert_finds(query, text);
    }
    assert_does_not_find("C#", "C开发#");
    assert_does_not_find(".NET", "网站...NET开发");
}

#[test]
fn a_persian_word_is_found_with_a_half_space_a_space_or_neither() {
    for (first, second) in [("نرم", "افزار"), ("وب", "سایت"), ("کتاب", "ها"), ("PDF", "ها"), ("20", "ساله")]
    {
        let [half, space, hyphen, none] =
            ["\u{200c}", " ", "-", ""].map(|between| format!("طراحی {first}{between}{second}"));
        for query in [&half, &space, &hyphen, &none] {
            assert_finds(query, &half);
            assert_finds(&half, query);
        }
        assert_finds(second, &half);
    }
    // Elsewhere it is nothing: between other letters, and at the end of a word.
    assert_eq!(fold("lo\u{200c}go"), "logo");
    assert_eq!(fold("می\u{200c} خواهم"), fold("می خواهم"));
    assert_eq!(fold("مَ\u{200c}خ"), "م-خ");
}

#[test]
fn text_without_spaces_is_found_by_any_part() {
    for text in [
        "日本語の翻訳",
        "专业网站设计服务",
        "ภาษาไทยและอังกฤษ",
        "ລາວ",
        "ភាសាខ្មែរ",
        "မြန်မာဘာသာ",
        "로고디자인을",
        "ロゴデザイン",
    ] {
        let characters: Vec<char> = text.chars().collect();
        for start in 0..characters.len() {
            for end in start + 1..=characters.len() {
                let part: String = characters[start..end].iter().collect();
                assert_finds(&part, &format!("I offer 24/7{text}!"));
            }
        }
        assert_does_not_find(&format!("{text}漢"), text);
    }
    assert_finds("iPhone修理", "修理 iPhone");
    assert_finds("3D打印", "3D打印服务");
    assert_does_not_find("中国", "国中");
    assert_does_not_find("本日", "日本");
}

#[test]
fn long_texts_and_words_are_cut() {
    let lookups = |text: &str| terms(text).iter().flat_map(Term::lookups).count();
    assert_eq!(terms(&"a ".repeat(10_000)).len(), WORDS_MAX);
    assert_eq!(lookups(&"a ".repeat(10_000)), WORDS_MAX);
    assert_eq!(lookups(&"a-".repeat(10_000)), WORDS_MAX + 1);
    assert_eq!(lookups(&"漢".repeat(10_000)), WORD_MAX_CHARS - 1);
    let lengths = |text: &str| -> Vec<usize> {
        terms(text).iter().flat_map(Term::lookups).map(|it| it.word().chars().count()).collect()
    };
    assert_eq!(lengths(&"é".repeat(10_000)), [WORD_MAX_CHARS]);
    assert_eq!(lengths(&format!(".{}", "é".repeat(10_000))), [WORD_MAX_CHARS]);
    assert_finds(&"é".repeat(41), &"e".repeat(500));
    let longest = indexed_words(&"abc-".repeat(1000)).into_iter().map(|word| word.chars().count()).max();
    assert_eq!(longest, Some(WORD_MAX_CHARS));
}

#[test]
fn words_that_are_not_folded_yet_are_found_as_typed() {
    let unfolded = BTreeSet::from(["café".to_owned(), "naïve".to_owned(), "漢字処理".to_owned()]);
    for query in ["Café", "cafe\u{301}", "NAÏV", "漢字処理", "漢字処"] {
        assert!(terms(query).iter().all(|term| term.matches(&unfolded)), "{query}");
    }
    // Nothing else is found by them.
    for query in ["C++", ".NET", "l'été", "logo"] {
        assert!(terms(query).iter().all(|term| term.unfolded.is_none()), "{query}");
    }
}

/// Texts of many scripts, with accents, symbols and invisible characters.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z]{1,6}",
        "[éÉßẞşŞıİiIøŁđœﬁǅ]{1,4}",
        "[α-ωΑ-Ωάής]{1,4}",
        "[а-яА-ЯёЁїґ]{1,4}",
        "[א-ת][\u{5b0}-\u{5bc}]?[א-ת]{0,3}",
        "[ء-ي][\u{64b}-\u{652}]?[ء-ي]{0,3}",
        "[漢字中国日本語网站]{1,4}",
        "[ぁ-んァ-ヶー]{1,4}",
        "[가-힣]{1,4}",
        "[ก-ฮ][\u{e31}-\u{e3a}\u{e47}-\u{e4c}]?[ก-ฮ]{0,2}",
        "[क-ह][ा-्]?[क-ह]{0,2}",
        "[0-9０-９٠-٩]{1,3}",
        "[ \t,;:!?()*\"'’.+#&/_@-]{1,3}",
        "(c\\+\\+|c#|f#|\\.net|node\\.js|e-mail|l'été|a/b)",
        "[\u{301}\u{308}\u{200b}\u{200c}\u{200d}\u{ad}\u{feff}]",
        "\\PC",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folding_is_idempotent_and_independent_of_case_and_form(text in any_text()) {
        let folded = fold(&text);
        prop_assert_eq!(fold(&folded), folded.clone());
        for form in [text.to_lowercase(), text.nfd().collect(), text.nfc().collect(), text.nfkc().collect()] {
            prop_assert_eq!(fold(&form), folded.clone(), "{:?}", form);
        }
    }

    /// What is looked up has only characters that both databases keep as they are.
    #[test]
    fn words_are_short_and_have_no_separators(text in any_text()) {
        for word in indexed_words(&text) {
            prop_assert!(word.chars().all(|it| is_word_character(it) || "+#.".contains(it)), "{:?}", word);
            prop_assert!((1..=WORD_MAX_CHARS).contains(&word.chars().count()), "{:?}", word);
            prop_assert_eq!(word.to_lowercase(), word);
        }
    }

    #[test]
    fn a_text_is_found_by_all_that_it_contains(text in any_text()) {
        let words = indexed_words(&text);
        for term in terms(&text) {
            prop_assert!(term.matches(&words), "{:?} in {:?}", term, words);
        }
        for chunk in text.split_whitespace().filter(|chunk| !terms(chunk).is_empty()) {
            prop_assert!(finds(chunk, &text), "{:?}", chunk);
        }
    }

    #[test]
    fn a_word_is_found_by_its_beginning(word in "[a-zA-Zéß]{1,12}|[а-яё]{1,12}", length in 1_usize..12) {
        let beginning: String = word.chars().take(length).collect();
        let text = format!("One {word}, two");
        prop_assert!(finds(&beginning, &text));
    }
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
