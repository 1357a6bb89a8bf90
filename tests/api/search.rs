//! Search: words, mistakes and relevance.

use serde_json::json;

use crate::browse::{BROWSE, browse, expect_pages_of, list, with};
use crate::support::documents::PAUSE_GIG;
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

async fn words_are_found_where_they_begin_and_whatever_is_typed(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    list(&app, &ann, &rita, "Logo design, fast", json!({ "description": "Modern brands." })).await;
    list(
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
    for nothing in [json!({}), json!({ "search": " " })] {
        let mut variables = nothing;
        variables["orderBy"] = json!("RELEVANCE");
        assert_eq!(browse(&gateway_a, variables).await.0, ["A waltz for zither", "Logo design, fast"]);
    }
    assert_eq!(browse(&gateway_a, json!({ "search": "*", "orderBy": "RELEVANCE" })).await.0, [""; 0]);
    let long = "x ".repeat(5000);
    for odd in [
        "*",
        "\"",
        "' OR 1=1 --",
        "logo & ! | :*",
        "NEAR(logo design)",
        "title:logo",
        "\u{0}",
        "😀",
        &long,
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
            let answer = gateway_a.answer(BROWSE, json!({ "search": odd, "orderBy": order })).await;
            assert!(answer.get("errors").is_none(), "{odd:?}, {order}: {answer}");
        }
    }
    assert_eq!(find("😀 *").await, [""; 0]);
}

async fn a_mistyped_word_finds_what_it_was_meant_for(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let design =
        list(&app, &ann, &rita, "Logo design, fast", json!({ "description": "Modern brands." })).await;
    list(&app, &ann, &rita, "A waltz for zither", json!({ "tags": ["graphic score"] })).await;
    // Nobody else sees a draft, and its words stand for nothing.
    ann.post(app.gig_form("Desgin of desgins, unlisted").await).await;
    let gateway_a = app.gateway_a();
    let find = async |search: &str| browse(&gateway_a, json!({ "search": search })).await.0;
    assert_eq!(find("desgin").await, ["Logo design, fast"]);
    assert_eq!(find("logo dseign").await, ["Logo design, fast"]);
    assert_eq!(find("zitther waltz").await, ["A waltz for zither"]);
    assert_eq!(find("grafic").await, ["A waltz for zither"]);
    // What begins a word is meant as it is, and a short word is near to too much.
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
    // Once it is not listed any more, no word of it is meant.
    ann.client.done(PAUSE_GIG, json!({ "id": design })).await;
    assert_eq!(find("desgin").await, [""; 0]);
}

/// Gigs with the words in their titles, then those that have them elsewhere, each the newest first; over pages of every
/// length, both ways, and while filters hold.
async fn what_is_more_relevant_comes_first_on_every_page(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    for number in 1..=8 {
        let (title, description) = match number % 3 {
            0 => (format!("Logo and design {number}"), "Made for you."),
            1 => (format!("Something else {number}"), "A logo, and the design of it."),
            _ => (format!("Design without mark {number}"), "And with a logo."),
        };
        let price = format!("{}.00", 10 + number);
        list(&app, &ann, &rita, &title, json!({ "description": description, "price": price })).await;
    }
    let gateway_a = app.gateway_b();
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
        expect_pages_of(&gateway_a, &searched, size, &expected.map(str::to_owned)).await;
    }
    let (titles, page) = browse(&gateway_a, with(&searched, &json!({ "where": { "maxPrice": "15" } }))).await;
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
    words_are_found_where_they_begin_and_whatever_is_typed,
    a_mistyped_word_finds_what_it_was_meant_for,
    what_is_more_relevant_comes_first_on_every_page,
);
