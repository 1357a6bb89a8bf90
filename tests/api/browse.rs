//! Browsing: filters, search, order, pages, and how many statements they take.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, PAUSE_GIG};
use crate::support::on_both_back_ends;
use crate::support::pictures::small;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

pub const BROWSE: &str = "query($where: GigFilter, $search: String, $orderBy: GigOrder,
                            $first: Int, $after: String, $last: Int, $before: String) {
    gigs(where: $where, search: $search, orderBy: $orderBy,
         first: $first, after: $after, last: $last, before: $before) {
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        edges { cursor node { title } } } }";

/// The titles of a page, and the page.
pub async fn browse(client: &Client, mut variables: Value) -> (Vec<String>, Value) {
    if variables.get("orderBy").is_none() {
        variables["orderBy"] = json!("NEWEST");
    }
    let page = client.run(BROWSE, variables).await["gigs"].take();
    let edges = page["edges"].as_array().expect("a list").clone();
    (edges.iter().map(|edge| text(&edge["node"]["title"])).collect(), page)
}

/// The variables, and these others.
pub fn with(variables: &Value, others: &Value) -> Value {
    let mut variables = variables.clone();
    for (name, value) in others.as_object().expect("an object") {
        variables[name] = value.clone();
    }
    variables
}

/// Pages of this size, forward and then backward, hold the whole list, and say of each side whether it goes on there.
pub async fn expect_pages_of(client: &Client, list: &Value, size: i32, whole: &[String]) {
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
    assert_eq!(forward, whole, "{list} by {size}");
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
    assert_eq!(backward, whole, "{list} by {size}");
}

/// A listed gig with these changes to a good form.
pub async fn list(app: &TestApp, seller: &TestUser, rita: &TestUser, title: &str, changes: Value) -> String {
    let mut form = app.gig_form(title).await;
    for (field, value) in changes.as_object().expect("an object") {
        form[field] = value.clone();
    }
    let id = seller.post(form).await;
    rita.approve(&id).await;
    app.pass(TimeDelta::seconds(1));
    id
}

async fn every_filter_holds_and_they_hold_together(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let web = app.category("Web Design").await;
    let music = app.category("Music").await;
    list(
        &app,
        &ann,
        &rita,
        "Cheap music gig",
        json!({ "price": "5.00", "tags": ["Piano"], "deliveryDays": 1 }),
    )
    .await;
    list(
        &app,
        &ann,
        &rita,
        "Dear music gig",
        json!({ "price": "500.00", "tags": ["violin"], "deliveryDays": 30 }),
    )
    .await;
    list(
        &app,
        &bob,
        &rita,
        "Cheap web gig",
        json!({ "price": "5.00", "category": web, "tags": ["piano", "css"] }),
    )
    .await;
    let gateway_a = app.gateway_b();
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
        let (titles, page) = browse(&gateway_a, json!({ "where": filter })).await;
        assert_eq!(titles, expected, "{filter}");
        assert_eq!(page["totalCount"], json!(expected.len()), "{filter}");
        // All of them have this word in their titles, so that a search changes nothing.
        let searched = json!({ "where": filter, "search": "gi", "orderBy": "RELEVANCE" });
        let (titles, page) = browse(&gateway_a, searched).await;
        assert_eq!(titles, expected, "{filter}, searched");
        assert_eq!(page["totalCount"], json!(expected.len()), "{filter}, searched");
    }
    // A search and a filter hold together.
    let (titles, _) = browse(&gateway_a, json!({ "search": "gig", "where": { "maxPrice": "10" } })).await;
    assert_eq!(titles, ["Cheap web gig", "Cheap music gig"]);
}

async fn facets_count_what_the_list_holds(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let web = app.category("Web Design").await;
    list(&app, &ann, &rita, "Cheap music gig", json!({ "price": "5.00", "tags": ["Piano"] })).await;
    list(&app, &ann, &rita, "Dear music gig", json!({ "price": "500.00", "tags": ["piano", "Violin"] }))
        .await;
    list(&app, &bob, &rita, "Dear web gig", json!({ "price": "2000.00", "category": web, "tags": ["css"] }))
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
    // Whatever is asked for, they add up to the list.
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
            let sum: i64 = counts.map(|count| count["count"].as_i64().expect("a number")).sum();
            assert_eq!(json!(sum), list["totalCount"], "{facet}: {variables}");
        }
    }
    // And those of one seller among others.
    let of_sellers = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on User { gigs { facets {
        categories { count } tags { tag } priceRanges { count } } } } } }";
    let both = app.gateway_b().run(of_sellers, json!({ "ids": [ann.id, bob.id] })).await;
    assert_eq!(both["nodes"][0]["gigs"]["facets"]["categories"], json!([{ "count": 2 }]));
    assert_eq!(both["nodes"][0]["gigs"]["facets"]["tags"], json!([{ "tag": "piano" }, { "tag": "violin" }]));
    assert_eq!(both["nodes"][1]["gigs"]["facets"]["tags"], json!([{ "tag": "css" }]));
}

/// A list reads only the columns that are asked for: each field by itself shows what the whole gig shows.
async fn every_field_of_a_list_shows_what_the_gig_shows(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let (first, second) =
        (ann.client.upload_picture(small()).await, ann.client.upload_picture(small()).await);
    let changes = json!({ "tags": ["Piano", "Waltz"], "links": ["https://example.com/a"], "revisions": 3,
        "deliveryDays": 9, "price": "31.50", "imageIds": [second, first] });
    let id = list(&app, &ann, &rita, "A gig with everything", changes).await;
    let rejected = ann.post(app.gig_form("A gig with faults").await).await;
    rita.decide(&rejected, "REJECT", json!([{ "code": "SPAM" }])).await;
    let plain = "id title description deliveryDays revisions tags links status version createdAt submittedAt publishedAt
        reviewDueAt";
    let nested = [
        "price { amount currencyCode }",
        "category { id name slug minimumPrice { amount } }",
        "images { id url width height byteSize }",
        "seller { id displayName level verified memberSince }",
        "reviewReasons { code message }",
    ];
    let fields: Vec<&str> = plain.split_whitespace().chain(nested).collect();
    let whole = |id: &str| json!({ "id": id });
    let query = format!("query($id: ID!) {{ gig(id: $id) {{ {} }} }}", fields.join(" "));
    let listed = app.gateway_b().run(&query, whole(&id)).await["gig"].take();
    let own = ann.client.run(&query, whole(&rejected)).await["gig"].take();
    assert_eq!(listed["images"][0]["id"], json!(second));
    assert_eq!(own["reviewReasons"][0]["code"], "SPAM");
    for field in &fields {
        let name = field.split(' ').next().expect("a name");
        let lists = [
            (app.gateway_b(), format!("{{ gigs {{ nodes {{ {field} }} }} }}"), "/gigs/nodes/0", &listed),
            (
                app.gateway_b(),
                format!(
                    "{{ gigs {{ edges {{ ...E }} }} }} fragment E on GigEdge {{ node {{ ... on Gig {{ {field} }} }} }}"
                ),
                "/gigs/edges/0/node",
                &listed,
            ),
            (
                app.gateway_b(),
                format!(
                    "{{ node(id: \"{}\") {{ ... on User {{ gigs(last: 1) {{ nodes {{ {field} }} }} }} }} }}",
                    ann.id
                ),
                "/node/gigs/nodes/0",
                &listed,
            ),
            (
                ann.client.clone(),
                format!("{{ viewer {{ gigs(status: REJECTED) {{ nodes {{ {field} }} }} }} }}"),
                "/viewer/gigs/nodes/0",
                &own,
            ),
        ];
        for (client, query, at, expected) in lists {
            let data = client.run(&query, json!({})).await;
            let found = data.pointer(at).unwrap_or_else(|| panic!("{query}: {data}"));
            assert_eq!(found[name], expected[name], "{query}");
        }
    }
}

async fn a_page_stays_right_while_gigs_come_and_go(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let mut ids = Vec::new();
    for number in 1..=9 {
        let price = format!("{}.00", 10 - number % 4);
        ids.push(list(&app, &ann, &rita, &format!("Gig number {number}"), json!({ "price": price })).await);
    }
    let gateway_a = app.gateway_b();
    for order in ["NEWEST", "OLDEST", "PRICE_LOWEST", "PRICE_HIGHEST", "RELEVANCE"] {
        let ordered = json!({ "orderBy": order, "search": "gig" });
        let whole = browse(&gateway_a, with(&ordered, &json!({ "first": 100 }))).await.0;
        assert_eq!(whole.len(), 9, "{order}");
        expect_pages_of(&gateway_a, &ordered, 2, &whole).await;
        expect_pages_of(&gateway_a, &ordered, 4, &whole).await;
    }

    // One goes that was read, one comes in front: the next page goes on where the first ended.
    let (first, page) = browse(&gateway_a, json!({ "first": 3 })).await;
    assert_eq!(first, ["Gig number 9", "Gig number 8", "Gig number 7"]);
    ann.client.done(ARCHIVE_GIG, json!({ "id": ids[6] })).await;
    list(&app, &ann, &rita, "Gig number 10", json!({})).await;
    let after = json!({ "first": 3, "after": page["pageInfo"]["endCursor"] });
    assert_eq!(browse(&gateway_a, after).await.0, ["Gig number 6", "Gig number 5", "Gig number 4"]);
}

async fn a_page_that_cannot_be_is_refused(app: TestApp) {
    let gateway_a = app.gateway_a();
    let far = gigway::store::pagination::PageKey {
        order: "newest",
        values: vec![-(1 << 60)],
        id: uuid::Uuid::nil(),
    };
    let cursor_of_prices = "cHJpY2VfbG93ZXN0OjU6MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA";
    let cases = [
        (json!({ "first": -1 }), "BAD_USER_INPUT"),
        (json!({ "first": 101 }), "BAD_USER_INPUT"),
        (json!({ "first": 1, "last": 1 }), "BAD_USER_INPUT"),
        (json!({ "first": "1" }), "GRAPHQL_VALIDATION_FAILED"),
        (json!({ "after": "nonsense" }), "INVALID_CURSOR"),
        (json!({ "after": cursor_of_prices, "orderBy": "NEWEST" }), "INVALID_CURSOR"),
        (json!({ "before": "" }), "INVALID_CURSOR"),
        (json!({ "after": far.to_cursor() }), "INVALID_CURSOR"),
    ];
    for (bounds, code) in cases {
        let codes = gateway_a.error_codes(BROWSE, bounds.clone()).await;
        assert_eq!(codes, [code], "{bounds}");
    }
    let endless = json!({ "where": { "tags": vec!["a"; 101] } });
    assert_eq!(gateway_a.error_codes(BROWSE, endless).await, ["BAD_USER_INPUT"]);
    let odd = json!({ "where": { "tags": ["a\u{0}b", "\u{7}"] } });
    assert_eq!(browse(&gateway_a, odd).await.1["totalCount"], 0);
    let (titles, page) = browse(&gateway_a, json!({ "first": 0 })).await;
    assert_eq!((titles.len(), &page["pageInfo"]["startCursor"]), (0, &Value::Null));
}

async fn a_seller_shows_what_is_listed_and_the_viewer_sees_their_own(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let first = list(&app, &ann, &rita, "Gig number one", json!({})).await;
    list(&app, &ann, &rita, "Gig number two", json!({})).await;
    let waiting = ann.post(app.gig_form("Gig number three").await).await;
    ann.client.done(PAUSE_GIG, json!({ "id": first })).await;
    let of_user = "query($id: ID!) { node(id: $id) { ... on User { displayName gigs(first: 5) { totalCount
        nodes { title } pageInfo { hasNextPage hasPreviousPage } } } } }";
    let user = app.gateway_b().run(of_user, json!({ "id": ann.id })).await["node"].take();
    assert_eq!(user["gigs"]["nodes"], json!([{ "title": "Gig number two" }]));
    assert_eq!(user["gigs"]["totalCount"], 1);
    let of_viewer =
        "query($status: [GigStatus!]) { viewer { gigs(status: $status) { totalCount nodes { id title } } } }";
    let mine = ann.client.run(of_viewer, json!({})).await["viewer"]["gigs"].take();
    assert_eq!((&mine["totalCount"], &mine["nodes"][0]["title"]), (&json!(3), &json!("Gig number three")));
    let some = json!({ "status": ["IN_REVIEW", "PAUSED"] });
    let mine = ann.client.run(of_viewer, some).await["viewer"]["gigs"].take();
    assert_eq!((text(&mine["nodes"][0]["id"]), text(&mine["nodes"][1]["id"])), (waiting, first));
}

async fn a_node_is_found_by_its_id_and_by_no_other(app: TestApp) {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let music = app.category("Music").await;
    let listed = list(&app, &ann, &rita, "Gig number one", json!({})).await;
    let draft = ann.post(app.gig_form("Gig number two").await).await;
    let item = text(&rita.queue_item(&draft).await["id"]);
    let image = ann.client.upload_picture(small()).await;
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
    let read = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }";
    let types = async |client: &Client| -> Vec<Value> {
        let nodes = client.run(read, json!({ "ids": ids })).await["nodes"].take();
        nodes.as_array().expect("a list").iter().map(|node| node["__typename"].clone()).collect()
    };
    let (gig, category, user) = (json!("Gig"), json!("Category"), json!("User"));
    let (picture, review, null) = (json!("GigImage"), json!("ReviewItem"), Value::Null);
    let strangers = [&gig, &null, &category, &user, &null, &null, &null, &null, &null].map(Value::clone);
    assert_eq!(types(&app.gateway_a()).await, strangers);
    assert_eq!(types(&bob.client).await, strangers);
    let anns = [&gig, &gig, &category, &user, &null, &picture, &null, &null, &null].map(Value::clone);
    assert_eq!(types(&ann.client).await, anns);
    let ritas = [&gig, &gig, &category, &user, &review, &picture, &null, &null, &null].map(Value::clone);
    assert_eq!(types(&rita.at(&app.gateway_b())).await, ritas);
    let too_many = json!({ "ids": vec![&listed; 101] });
    assert_eq!(app.gateway_a().error_codes(read, too_many).await, ["BAD_USER_INPUT"]);
}

on_both_back_ends!(
    every_filter_holds_and_they_hold_together,
    facets_count_what_the_list_holds,
    every_field_of_a_list_shows_what_the_gig_shows,
    a_page_stays_right_while_gigs_come_and_go,
    a_page_that_cannot_be_is_refused,
    a_seller_shows_what_is_listed_and_the_viewer_sees_their_own,
    a_node_is_found_by_its_id_and_by_no_other,
);
