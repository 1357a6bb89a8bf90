//! Search: word prefixes, misspelled words, and relevance.

use serde_json::json;

use crate::browse::{BROWSE, browse, expect_pages_of, publish_gig, with};
use crate::support::documents::PAUSE_GIG;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

async fn search_matches_word_prefixes_and_accepts_any_input(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    publish_gig(&app, &ann, &rita, "Logo design, fast", json!({ "description": "Modern brands." })).await;
    publish_gig(
        &app,
        &ann,
        &rita,
        "A waltz for zither",
        json!({ "description": "My design of sound.", "tags": ["logo music"] }),
    )
    .await;
    let gateway_a = app.gateway_a();
    let find = async |search: &str| browse(&gateway_a, json!({ "search": search })).await.0;
    assert_eq!(find("logo").await, ["A waltz for zither", "Logo design, fast"]);
    assert_eq!(find("LOG DES").await, ["A waltz for zither", "Logo design, fast"]);
    assert_eq!(find("zith").await, ["A waltz for zither"]);
    assert_eq!(find("brand").await, ["Logo design, fast"]);
    assert_eq!(find("ogo").await, [""; 0]);
    assert_eq!(find("logo-design").await.len(), 2);
    assert_eq!(find("  ").await.len(), 2);
    let (titles, _) = browse(&gateway_a, json!({ "search": "logo des", "orderBy": "RELEVANCE" })).await;
    assert_eq!(titles, ["Logo design, fast", "A waltz for zither"]);
    for without_words in [json!({}), json!({ "search": " " })] {
        let mut variables = without_words;
        variables["orderBy"] = json!("RELEVANCE");
        assert_eq!(browse(&gateway_a, variables).await.0, ["A waltz for zither", "Logo design, fast"]);
    }
    assert_eq!(browse(&gateway_a, json!({ "search": "*", "orderBy": "RELEVANCE" })).await.0, [""; 0]);
    let long = "x ".repeat(5000);
    let (unspaced, joined) =
        ("漢字仮名交じり文 ".repeat(20).replace("文", &"文字列".repeat(20)), "a-".repeat(5000));
    let quotes = "l'\"".repeat(2000);
    for search in [
        "*",
        "\"",
        "' OR 1=1 --",
        "logo & ! | :*",
        "NEAR(logo design)",
        "title:logo",
        "\u{0}",
        "😀",
        &long,
        &unspaced,
        &joined,
        &quotes,
        "l's qu's '",
        "C++ OR c# AND .NET* \"f#\"",
        "(((",
        "\u{200b}\u{feff}\u{202e}logo",
        "<-> logo <2> design",
        "logo:*A {title} : design ^ + -",
        "''; DROP TABLE gig; --",
        "\\ \\' $1 ?1 %",
        "１２３ ﬁne ßß İstanbul ปลาทอง 漢字",
        "e\u{301}\u{301}\u{301}",
        "-logo",
    ] {
        for order in ["NEWEST", "RELEVANCE", "PRICE_LOWEST"] {
            let response = gateway_a.execute(BROWSE, json!({ "search": search, "orderBy": order })).await;
            assert!(response.get("errors").is_none(), "{search:?}, {order}: {response}");
        }
    }
    assert_eq!(find("😀 *").await, [""; 0]);
}

async fn a_misspelled_word_matches_similar_words(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let design =
        publish_gig(&app, &ann, &rita, "Logo design, fast", json!({ "description": "Modern brands." })).await;
    publish_gig(&app, &ann, &rita, "A waltz for zither", json!({ "tags": ["graphic score"] })).await;
    // Words of gigs that are not listed are never used as corrections.
    ann.post(app.gig_form("Desgin of desgins, unlisted").await).await;
    let gateway_a = app.gateway_a();
    let find = async |search: &str| browse(&gateway_a, json!({ "search": search })).await.0;
    assert_eq!(find("desgin").await, ["Logo design, fast"]);
    assert_eq!(find("logo dseign").await, ["Logo design, fast"]);
    assert_eq!(find("zitther waltz").await, ["A waltz for zither"]);
    assert_eq!(find("grafic").await, ["A waltz for zither"]);
    // A prefix of a word is not corrected, and short words are not corrected either.
    assert_eq!(find("zith").await, ["A waltz for zither"]);
    assert_eq!(find("lgo").await, [""; 0]);
    assert_eq!(find("accordion").await, [""; 0]);
    assert_eq!(find("desgin accordion").await, [""; 0]);
    let (titles, page) = browse(
        &gateway_a,
        json!({ "search": "desgin", "orderBy": "RELEVANCE", "where": { "maxPrice": "25" } }),
    )
    .await;
    assert_eq!((titles.as_slice(), &page["totalCount"]), (&["Logo design, fast".to_owned()][..], &json!(1)));
    // Once a gig is not listed any more, its words are not used as corrections either.
    ann.client.mutate(PAUSE_GIG, json!({ "id": design })).await;
    assert_eq!(find("desgin").await, [""; 0]);
}

/// Gigs with the words in their titles come first, then the others; newest first in each group. The order is
/// the same with pages of any size, in both directions, and with filters.
async fn pages_are_ordered_by_relevance(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for number in 1..=8 {
        let (title, description) = match number % 3 {
            0 => (format!("Logo and design {number}"), "Made for you."),
            1 => (format!("Something else {number}"), "A logo, and the design of it."),
            _ => (format!("Design without mark {number}"), "And with a logo."),
        };
        let price = format!("{}.00", 10 + number);
        publish_gig(&app, &ann, &rita, &title, json!({ "description": description, "price": price })).await;
    }
    let gateway_b = app.gateway_b();
    let expected = [
        "Logo and design 6",
        "Logo and design 3",
        "Design without mark 8",
        "Something else 7",
        "Design without mark 5",
        "Something else 4",
        "Design without mark 2",
        "Something else 1",
    ];
    let searched = json!({ "search": "logo desi", "orderBy": "RELEVANCE" });
    for size in [1, 2, 3, 4, 5, 100] {
        expect_pages_of(&gateway_b, &searched, size, &expected.map(str::to_owned)).await;
    }
    let (titles, page) = browse(&gateway_b, with(&searched, &json!({ "where": { "maxPrice": "15" } }))).await;
    assert_eq!(
        titles,
        [
            "Logo and design 3",
            "Design without mark 5",
            "Something else 4",
            "Design without mark 2",
            "Something else 1"
        ]
    );
    assert_eq!(page["totalCount"], 5);
}

on_both_back_ends!(
    search_matches_word_prefixes_and_accepts_any_input,
    a_misspelled_word_matches_similar_words,
    pages_are_ordered_by_relevance,
);
