//! Browsing gigs: filters, facets, order, pages, and nodes by id. Search is in `search`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, PAUSE_GIG};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

pub const BROWSE: &str = "query($where: GigFilter, $search: String, $orderBy: GigOrder,
                            $first: Int, $after: String, $last: Int, $before: String) {
    gigs(where: $where, search: $search, orderBy: $orderBy,
         first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node { title } } } }";

/// Returns the titles of a page, and the page.
pub async fn browse(client: &Client, mut variables: Value) -> (Vec<String>, Value) {
    if variables.get("orderBy").is_none() {
        variables["orderBy"] = json!("NEWEST");
    }
    let page = client.run(BROWSE, variables).await["gigs"].take();
    let edges = page["edges"].as_array().expect("a list").clone();
    (edges.iter().map(|edge| text(&edge["node"]["title"])).collect(), page)
}

/// Merges two sets of variables.
pub fn with(variables: &Value, more: &Value) -> Value {
    let mut variables = variables.clone();
    for (name, value) in more.as_object().expect("an object") {
        variables[name] = value.clone();
    }
    variables
}

/// Asserts that pages of this size add up to `expected`, forward and backward, with a correct `pageInfo` on
/// each.
pub async fn expect_pages_of(client: &Client, list: &Value, size: i32, expected: &[String]) {
    let (mut forward, mut after) = (Vec::new(), Value::Null);
    loop {
        let (titles, page) = browse(client, with(list, &json!({ "first": size, "after": after }))).await;
        assert_eq!(page["pageInfo"]["hasPreviousPage"], json!(!forward.is_empty()), "{list} by {size}");
        forward.extend(titles);
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(forward, expected, "{list} by {size}");
    let (mut backward, mut before) = (Vec::new(), Value::Null);
    loop {
        let (titles, page) = browse(client, with(list, &json!({ "last": size, "before": before }))).await;
        assert_eq!(page["pageInfo"]["hasNextPage"], json!(!backward.is_empty()), "{list} by {size}");
        backward.splice(0..0, titles);
        before = page["pageInfo"]["startCursor"].clone();
        if page["pageInfo"]["hasPreviousPage"] == false {
            break;
        }
    }
    assert_eq!(backward, expected, "{list} by {size}");
}

/// Lists a gig: posts a valid form with these changes, and approves it. Returns its id.
pub async fn publish_gig(
    app: &TestApp,
    seller: &TestUser,
    rita: &TestUser,
    title: &str,
    changes: Value,
) -> String {
    let mut form = app.gig_form(title).await;
    for (field, value) in changes.as_object().expect("an object") {
        form[field] = value.clone();
    }
    let id = seller.post(form).await;
    rita.approve(&id).await;
    app.advance_clock(TimeDelta::seconds(1));
    id
}

async fn filters_work_alone_and_combined(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let web = app.category("Web Design").await;
    let music = app.category("Music").await;
    publish_gig(
        &app,
        &ann,
        &rita,
        "Cheap music gig",
        json!({ "price": "5.00", "tags": ["Piano"], "deliveryDays": 1 }),
    )
    .await;
    publish_gig(
        &app,
        &ann,
        &rita,
        "Dear music gig",
        json!({ "price": "500.00", "tags": ["violin"], "deliveryDays": 30 }),
    )
    .await;
    publish_gig(
        &app,
        &bob,
        &rita,
        "Cheap web gig",
        json!({ "price": "5.00", "category": web, "tags": ["piano", "css"] }),
    )
    .await;
    let gateway_b = app.gateway_b();
    let cases: [(Value, &[&str]); 12] = [
        (json!({}), &["Cheap web gig", "Dear music gig", "Cheap music gig"]),
        (json!({ "category": [music] }), &["Dear music gig", "Cheap music gig"]),
        (json!({ "category": [music, web] }), &["Cheap web gig", "Dear music gig", "Cheap music gig"]),
        (json!({ "category": [] }), &[]),
        (json!({ "seller": bob.id }), &["Cheap web gig"]),
        (json!({ "minPrice": "5.00", "maxPrice": "5" }), &["Cheap web gig", "Cheap music gig"]),
        (json!({ "minPrice": "5.001" }), &["Dear music gig"]),
        (
            json!({ "maxPrice": "79228162514264337593543950335" }),
            &["Cheap web gig", "Dear music gig", "Cheap music gig"],
        ),
        (json!({ "maxDeliveryDays": 1 }), &["Cheap music gig"]),
        (json!({ "tags": ["PIANO"], "category": [music] }), &["Cheap music gig"]),
        (json!({ "sellerVerified": true }), &[]),
        (json!({ "sellerVerified": false, "tags": ["css", "violin"] }), &["Cheap web gig", "Dear music gig"]),
    ];
    for (filter, expected) in cases {
        let (titles, page) = browse(&gateway_b, json!({ "where": filter })).await;
        assert_eq!(titles, expected, "{filter}");
        assert_eq!(page["totalCount"], json!(expected.len()), "{filter}");
        // Every title has a word with this prefix, so the search changes nothing.
        let searched = json!({ "where": filter, "search": "gi", "orderBy": "RELEVANCE" });
        let (titles, page) = browse(&gateway_b, searched).await;
        assert_eq!(titles, expected, "{filter}, searched");
        assert_eq!(page["totalCount"], json!(expected.len()), "{filter}, searched");
    }
    // A search combines with a filter.
    let (titles, _) = browse(&gateway_b, json!({ "search": "gig", "where": { "maxPrice": "10" } })).await;
    assert_eq!(titles, ["Cheap web gig", "Cheap music gig"]);
}

async fn facets_add_up_to_the_filtered_list(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let web = app.category("Web Design").await;
    publish_gig(&app, &ann, &rita, "Cheap music gig", json!({ "price": "5.00", "tags": ["Piano"] })).await;
    publish_gig(
        &app,
        &ann,
        &rita,
        "Dear music gig",
        json!({ "price": "500.00", "tags": ["piano", "Violin"] }),
    )
    .await;
    publish_gig(
        &app,
        &bob,
        &rita,
        "Dear web gig",
        json!({ "price": "2000.00", "category": web, "tags": ["css"] }),
    )
    .await;
    bob.post(app.gig_form("A gig that waits").await).await;
    let query = "query($where: GigFilter, $search: String) { gigs(where: $where, search: $search, first: 1) {
        totalCount facets { categories { category { name } count } tags { tag count }
            priceRanges { minimum { amount } maximum { amount } count } } } }";
    let facets = async |variables: Value| app.gateway_b().run(query, variables).await["gigs"].take();
    let all = facets(json!({})).await;
    assert_eq!(
        all["facets"]["categories"],
        json!([
        { "category": { "name": "Music" }, "count": 2 }, { "category": { "name": "Web Design" }, "count": 1 } ])
    );
    assert_eq!(
        all["facets"]["tags"],
        json!([
        { "tag": "piano", "count": 2 }, { "tag": "css", "count": 1 }, { "tag": "violin", "count": 1 } ])
    );
    let ranges = all["facets"]["priceRanges"].as_array().expect("a list");
    let counts: Vec<_> = ranges.iter().map(|range| range["count"].as_i64().expect("a number")).collect();
    assert_eq!(counts, [1, 0, 0, 0, 0, 1, 1]);
    assert_eq!(
        ranges[5],
        json!({ "minimum": { "amount": "500.00" }, "maximum": { "amount": "999.99" }, "count": 1 })
    );
    assert_eq!(ranges[6]["maximum"], Value::Null);
    // With any filter and search, the counts add up to the length of the list.
    for variables in [
        json!({}),
        json!({ "where": { "category": [web] } }),
        json!({ "where": { "tags": ["piano"], "minPrice": "6" } }),
        json!({ "search": "music" }),
        json!({ "search": "dear", "where": { "seller": bob.id } }),
        json!({ "search": "***" }),
        json!({ "where": { "category": [] } }),
    ] {
        let list = facets(variables.clone()).await;
        for facet in ["categories", "priceRanges"] {
            let counts = list["facets"][facet].as_array().expect("a list").iter();
            let sum: i64 = counts.map(|entry| entry["count"].as_i64().expect("a number")).sum();
            assert_eq!(json!(sum), list["totalCount"], "{facet}: {variables}");
        }
    }
    // Facets of several sellers in one request.
    let by_seller = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on User { gigs { facets {
        categories { count } tags { tag } priceRanges { count } } } } } }";
    let data = app.gateway_b().run(by_seller, json!({ "ids": [ann.id, bob.id] })).await;
    assert_eq!(data["nodes"][0]["gigs"]["facets"]["categories"], json!([{ "count": 2 }]));
    assert_eq!(data["nodes"][0]["gigs"]["facets"]["tags"], json!([{ "tag": "piano" }, { "tag": "violin" }]));
    assert_eq!(data["nodes"][1]["gigs"]["facets"]["tags"], json!([{ "tag": "css" }]));
}

/// A list reads only the columns that are selected, so each field is selected by itself.
async fn pages_stay_correct_while_gigs_are_added_and_removed(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut ids = Vec::new();
    for number in 1..=9 {
        let price = format!("{}.00", 10 - number % 4);
        ids.push(
            publish_gig(&app, &ann, &rita, &format!("Gig number {number}"), json!({ "price": price })).await,
        );
    }
    let gateway_b = app.gateway_b();
    for order in ["NEWEST", "OLDEST", "PRICE_LOWEST", "PRICE_HIGHEST", "RELEVANCE"] {
        let ordered = json!({ "orderBy": order, "search": "gig" });
        let all = browse(&gateway_b, with(&ordered, &json!({ "first": 100 }))).await.0;
        assert_eq!(all.len(), 9, "{order}");
        expect_pages_of(&gateway_b, &ordered, 2, &all).await;
        expect_pages_of(&gateway_b, &ordered, 4, &all).await;
    }

    // A gig of the first page is removed and one is added before it: the second page continues after the
    // first.
    let (first, page) = browse(&gateway_b, json!({ "first": 3 })).await;
    assert_eq!(first, ["Gig number 9", "Gig number 8", "Gig number 7"]);
    ann.client.mutate(ARCHIVE_GIG, json!({ "id": ids[6] })).await;
    publish_gig(&app, &ann, &rita, "Gig number 10", json!({})).await;
    let after = json!({ "first": 3, "after": page["pageInfo"]["endCursor"] });
    assert_eq!(browse(&gateway_b, after).await.0, ["Gig number 6", "Gig number 5", "Gig number 4"]);
}

async fn invalid_page_arguments_are_rejected(app: TestApp) {
    let gateway_a = app.gateway_a();
    let out_of_range = gigway::store::pagination::PageKey {
        order: "newest",
        values: vec![-(1 << 60)],
        id: uuid::Uuid::nil(),
    };
    let cursor_by_price = "cHJpY2VfbG93ZXN0OjU6MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA";
    let cases = [
        (json!({ "first": -1 }), "BAD_USER_INPUT"),
        (json!({ "first": 101 }), "BAD_USER_INPUT"),
        (json!({ "first": 1, "last": 1 }), "BAD_USER_INPUT"),
        (json!({ "first": "1" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "after": "nonsense" }), "INVALID_CURSOR"),
        (json!({ "after": cursor_by_price, "orderBy": "NEWEST" }), "INVALID_CURSOR"),
        (json!({ "before": "" }), "INVALID_CURSOR"),
        (json!({ "after": out_of_range.to_cursor() }), "INVALID_CURSOR"),
    ];
    for (variables, code) in cases {
        let codes = gateway_a.error_codes(BROWSE, variables.clone()).await;
        assert_eq!(codes, [code], "{variables}");
    }
    let too_many_tags = json!({ "where": { "tags": vec!["a"; 101] } });
    assert_eq!(gateway_a.error_codes(BROWSE, too_many_tags).await, ["BAD_USER_INPUT"]);
    let control_characters = json!({ "where": { "tags": ["a\u{0}b", "\u{7}"] } });
    assert_eq!(browse(&gateway_a, control_characters).await.1["totalCount"], 0);
    let (titles, page) = browse(&gateway_a, json!({ "first": 0 })).await;
    assert_eq!((titles.len(), &page["pageInfo"]["startCursor"]), (0, &Value::Null));
}

async fn a_profile_shows_listed_gigs_and_the_viewer_sees_all_their_own(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let first = publish_gig(&app, &ann, &rita, "Gig number one", json!({})).await;
    publish_gig(&app, &ann, &rita, "Gig number two", json!({})).await;
    let waiting = ann.post(app.gig_form("Gig number three").await).await;
    ann.client.mutate(PAUSE_GIG, json!({ "id": first })).await;
    let profile = "query($id: ID!) { node(id: $id) { ... on User { displayName gigs(first: 5) { totalCount
        nodes { title } pageInfo { hasNextPage hasPreviousPage } } } } }";
    let user = app.gateway_b().run(profile, json!({ "id": ann.id })).await["node"].take();
    assert_eq!(user["gigs"]["nodes"], json!([{ "title": "Gig number two" }]));
    assert_eq!(user["gigs"]["totalCount"], 1);
    let own_gigs =
        "query($status: [GigStatus!]) { viewer { gigs(status: $status) { totalCount nodes { id title } } } }";
    let gigs = ann.client.run(own_gigs, json!({})).await["viewer"]["gigs"].take();
    assert_eq!((&gigs["totalCount"], &gigs["nodes"][0]["title"]), (&json!(3), &json!("Gig number three")));
    let statuses = json!({ "status": ["IN_REVIEW", "PAUSED"] });
    let gigs = ann.client.run(own_gigs, statuses).await["viewer"]["gigs"].take();
    assert_eq!((text(&gigs["nodes"][0]["id"]), text(&gigs["nodes"][1]["id"])), (waiting, first));
}

async fn nodes_are_found_by_id_if_the_caller_may_see_them(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let music = app.category("Music").await;
    let listed = publish_gig(&app, &ann, &rita, "Gig number one", json!({})).await;
    let draft = ann.post(app.gig_form("Gig number two").await).await;
    let item = text(&rita.queue_item(&draft).await["id"]);
    let image = ann.client.upload_image(small_png()).await;
    let ids = json!([
        listed,
        draft,
        music,
        ann.id,
        item,
        image,
        "gig_00000000000000000000000000",
        "nonsense",
        listed.replace("gig_", "usr_")
    ]);
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }";
    let types = async |client: &Client| -> Vec<Value> {
        let nodes = client.run(query, json!({ "ids": ids })).await["nodes"].take();
        nodes.as_array().expect("a list").iter().map(|node| node["__typename"].clone()).collect()
    };
    let (gig, category, user) = (json!("Gig"), json!("Category"), json!("User"));
    let (image_type, review, null) = (json!("GigImage"), json!("ReviewItem"), Value::Null);
    let visible_to_all = [&gig, &null, &category, &user, &null, &null, &null, &null, &null].map(Value::clone);
    assert_eq!(types(&app.gateway_a()).await, visible_to_all);
    assert_eq!(types(&bob.client).await, visible_to_all);
    let visible_to_seller =
        [&gig, &gig, &category, &user, &null, &image_type, &null, &null, &null].map(Value::clone);
    assert_eq!(types(&ann.client).await, visible_to_seller);
    let visible_to_reviewer =
        [&gig, &gig, &category, &user, &review, &image_type, &null, &null, &null].map(Value::clone);
    assert_eq!(types(&rita.at(&app.gateway_b())).await, visible_to_reviewer);
    let too_many = json!({ "ids": vec![&listed; 101] });
    assert_eq!(app.gateway_a().error_codes(query, too_many).await, ["BAD_USER_INPUT"]);
}

async fn a_category_is_found_by_its_slug(app: TestApp) {
    let client = app.gateway_a();
    let query = "query($slug: String!) { category(slug: $slug) { id slug name } }";
    for category in client.run("{ categories { id slug name } }", json!({})).await["categories"]
        .as_array()
        .expect("a list")
    {
        let found = client.run(query, json!({ "slug": category["slug"] })).await["category"].take();
        assert_eq!(found, *category);
    }
    for slug in ["", "unknown", "Music", " music", "a\u{0}b", &"x".repeat(1_000)] {
        assert_eq!(client.run(query, json!({ "slug": slug })).await["category"], Value::Null, "{slug:?}");
    }
}

on_both_back_ends!(
    a_category_is_found_by_its_slug,
    filters_work_alone_and_combined,
    facets_add_up_to_the_filtered_list,
    pages_stay_correct_while_gigs_are_added_and_removed,
    invalid_page_arguments_are_rejected,
    a_profile_shows_listed_gigs_and_the_viewer_sees_all_their_own,
    nodes_are_found_by_id_if_the_caller_may_see_them,
);
