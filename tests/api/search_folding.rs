//! Search finds what people do not distinguish, in every script, and sorts by relevance. The rules of folding have
//! tests beside the code: `src/domain/search/tests.rs`.

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use crate::browse::{BROWSE, browse, publish_gig};
use crate::support::client::{Client, text};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// The titles that a search finds, newest first.
pub async fn find(client: &Client, search: &str) -> Vec<String> {
    let (titles, page) = browse(client, json!({ "search": search })).await;
    assert_eq!(page["totalCount"], json!(titles.len()), "{search}");
    titles
}

/// The title as it is stored, lengthened to the minimum of visible characters by some that are not words.
fn long_enough(title: &str) -> String {
    format!("{title} ~~~~~~").nfc().collect()
}

async fn differences_that_people_do_not_notice_make_no_difference(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gigs = [
        (
            "Café-Logo für İstanbul",
            vec!["café logo", "CAFE LOGO", "cafe\u{301}", "ｃａｆé", "istanbul", "ISTANBUL"],
        ),
        ("ΟΔΟΣ και Σίσυφος", vec!["οδος", "ΣΙΣΥΦΟΣ", "σίσυφος", "οδός"]),
        ("Straße & Łódź", vec!["STRASSE", "strasse", "straße lodz", "łódź"]),
        ("Дизайн ёлки", vec!["ДИЗАЙН", "елки", "дизаи\u{306}н"]),
        ("שָׁלוֹם עולם", vec!["שלום", "שלו", "עולם"]),
        ("تصميم مُحَمَّد الأحمد", vec!["محمد", "الاحمد", "تصمـيم"]),
        ("日本語の翻訳とﾃﾞｻﾞｲﾝ", vec!["翻訳", "本語", "訳", "デザイン", "でざいん", "日本語 翻訳"]),
        ("专业网站设计服务", vec!["网站", "设计", "站", "服务"]),
        ("แปลภาษาไทยเป็นอังกฤษ", vec!["ภาษา", "ไทย", "อังกฤษ", "น"]),
        ("한국어로고디자인", vec!["디자인", "로고", "한국어", "인"]),
        ("हिन्दी अनुवाद", vec!["हिन्दी", "हिन्", "अनुवाद"]),
        ("I write C++, C#.", vec!["C++", "c#", "Ｃ＋＋", "write c"]),
        ("ASP.NET and Node.js", vec!["asp.net", ".NET", "node.js", "nodejs", "NODE JS"]),
        ("An e-mail, don’t worry", vec!["e-mail", "email", "don't", "dont", "DON`T"]),
    ];
    for (title, _) in &gigs {
        let changes = json!({ "description": "Nothing else.", "tags": [] });
        publish_gig(&app, &ann, &rita, &long_enough(title), changes).await;
    }
    let gateway_b = app.gateway_b();
    for (title, searches) in &gigs {
        for search in searches {
            assert!(find(&gateway_b, search).await.contains(&long_enough(title)), "{search} in {title}");
        }
    }
    for (search, expected) in [
        ("C++", vec!["I write C++, C#."]),
        ("C#", vec!["I write C++, C#."]),
        (".net", vec!["ASP.NET and Node.js"]),
        ("网站", vec!["专业网站设计服务"]),
        ("F#", vec![]),
        ("站网", vec![]),
        ("アザイン", vec![]),
        ("дизаин", vec!["Дизайн ёлки"]), // й is another letter, but the word is similar.
    ] {
        let expected: Vec<_> = expected.into_iter().map(long_enough).collect();
        assert_eq!(find(&gateway_b, search).await, expected, "{search}");
    }
    // Tags and descriptions are found in the same way, and misspelled words are corrected without accents.
    publish_gig(
        &app,
        &ann,
        &rita,
        "Something else",
        json!({ "description": "Für Künstler", "tags": ["Crème brûlée"] }),
    )
    .await;
    for search in ["kunstler", "KÜNSTLER", "creme BRULEE", "Künstlar", "brulée-creme", "für-kunstlar"] {
        assert_eq!(find(&gateway_b, search).await, ["Something else"], "{search}");
    }
}

async fn technologies_are_found_beside_text_without_spaces_and_persian_words_with_half_spaces(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let titles = [
        "C#开发工程师",
        "C#でゲーム制作",
        "C#으로 게임 만들기",
        "精通F#语言",
        "使用.NET开发",
        "基于.NET的网站",
        "طراحی نرم\u{200c}افزار",
        "طراحی وب سایت",
        "کتاب خانۀ ما",
    ];
    for title in titles {
        let changes = json!({ "description": "Nothing else.", "tags": [] });
        publish_gig(&app, &ann, &rita, &long_enough(title), changes).await;
    }
    for (search, expected) in [
        ("C#", vec![titles[2], titles[1], titles[0]]),
        ("c#开发", vec![titles[0]]),
        ("F#", vec![titles[3]]),
        (".net", vec![titles[5], titles[4]]),
        ("نرم افزار", vec![titles[6]]),
        ("نرم\u{200c}افزار", vec![titles[6]]),
        ("نرمافزار", vec![titles[6]]),
        ("وب\u{200c}سایت", vec![titles[7]]),
        ("وب سایت", vec![titles[7]]),
        ("خانه", vec![titles[8]]),
        ("خانە", vec![titles[8]]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(long_enough).collect();
        assert_eq!(find(&app.gateway_b(), search).await, expected, "{search}");
    }
}

async fn a_search_is_sorted_by_relevance_unless_an_order_is_given(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for (title, description) in [
        ("A logo, old", "Text."),
        ("Something else", "With a logo."),
        ("A logo, new", "Text."),
        ("Another gig", "A logo."),
    ] {
        publish_gig(&app, &ann, &rita, title, json!({ "description": description })).await;
    }
    let gateway_a = app.gateway_a();
    let titles = async |variables: Value| -> Vec<String> {
        let page = gateway_a.run(BROWSE, variables).await["gigs"].take();
        page["edges"].as_array().expect("a list").iter().map(|edge| text(&edge["node"]["title"])).collect()
    };
    let relevance = ["A logo, new", "A logo, old", "Another gig", "Something else"];
    let newest = ["Another gig", "A logo, new", "Something else", "A logo, old"];
    assert_eq!(titles(json!({ "search": "logo" })).await, relevance);
    assert_eq!(titles(json!({ "search": "logo", "orderBy": null })).await, relevance);
    assert_eq!(titles(json!({ "search": "logo", "orderBy": "RELEVANCE" })).await, relevance);
    assert_eq!(titles(json!({ "search": "logo", "orderBy": "NEWEST" })).await, newest);
    let blank =
        ["", " \u{3000}", "\u{200b}", "\u{200d}", "\u{2800}", "\u{fe0f}", "\u{301}", "\u{200e} \u{3164}"];
    let blank = blank.map(|text| json!({ "search": text }));
    for without_search in
        [json!({}), json!({ "search": null }), json!({ "orderBy": null })].into_iter().chain(blank)
    {
        assert_eq!(titles(without_search.clone()).await, newest, "{without_search}");
    }
    let literal =
        gateway_a.run("{ gigs(search: \"logo\", orderBy: null) { nodes { title } } }", json!({})).await;
    assert_eq!(literal["gigs"]["nodes"][0]["title"], "A logo, new");
    // A cursor of the default order continues it, and is refused by other orders.
    let cursor = async |variables: Value| {
        text(&gateway_a.run(BROWSE, variables).await["gigs"]["pageInfo"]["endCursor"])
    };
    let after = cursor(json!({ "search": "logo", "first": 1 })).await;
    assert_eq!(titles(json!({ "search": "logo", "after": after })).await, relevance[1..]);
    assert_eq!(
        titles(json!({ "search": "logo", "after": after, "orderBy": "RELEVANCE" })).await,
        relevance[1..]
    );
    let of_newest = cursor(json!({ "first": 1 })).await;
    assert_eq!(
        titles(json!({ "after": of_newest, "orderBy": "NEWEST", "search": "logo" })).await,
        newest[1..]
    );
    for wrong in [
        json!({ "search": "logo", "after": after, "orderBy": "NEWEST" }),
        json!({ "after": after }),
        json!({ "search": "logo", "after": of_newest }),
        json!({ "search": "logo", "before": of_newest, "orderBy": null }),
        json!({ "search": "logo", "after": of_newest, "orderBy": "PRICE_LOWEST" }),
    ] {
        let response = gateway_a.execute(BROWSE, wrong.clone()).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], "INVALID_CURSOR", "{wrong}");
    }
}

on_both_back_ends!(
    differences_that_people_do_not_notice_make_no_difference,
    technologies_are_found_beside_text_without_spaces_and_persian_words_with_half_spaces,
    a_search_is_sorted_by_relevance_unless_an_order_is_given,
);
