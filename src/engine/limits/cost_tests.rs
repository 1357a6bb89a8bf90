//! Tests that lists cost what they can return, and the work that it takes to find it.

use async_graphql::{Request, Variables};
use serde_json::{Value, json};

use crate::config::OperationLimits;
use crate::domain::limits::Limits;
use crate::engine::limits::list_lengths::ListLengths;
use crate::engine::limits::schema_index::{FieldInfo, SchemaIndex};
use crate::engine::request_validator::RequestValidator;

fn defaults() -> ListLengths {
    ListLengths::new(&Limits::default(), 27)
}

#[test]
fn a_plain_list_costs_what_it_can_return() {
    let index = SchemaIndex::parse(&crate::graphql::sdl(), &defaults());
    // The lists of a page have the length of the page.
    let is_plain = |type_name: &str, name: &str, info: &FieldInfo| {
        let is_of_page = type_name.ends_with("Connection") && ["edges", "nodes"].contains(&name);
        info.is_list && info.is_composite && info.list_argument.is_none() && !is_of_page
    };
    for (type_name, name, info) in index.fields() {
        let is_known = info.plain_length.is_some();
        assert_eq!(is_known, is_plain(type_name, name, info), "{type_name}.{name} in `ListLengths::of`");
    }
    let cost = |query: &str, lengths: &ListLengths| {
        let limits = OperationLimits::default();
        let validator = RequestValidator::new(limits, true, &crate::graphql::sdl(), lengths);
        validator.validate(Request::new(query)).map(|operation| operation.cost).expect("the request is valid")
    };
    let lengths = defaults();
    assert_eq!(cost("{ categories { id } }", &lengths), 27);
    assert_eq!(cost("{ categories { minimumPrice { amount } } }", &lengths), 2 * 27);
    assert_eq!(cost("{ limits { levels { level } } }", &lengths), 1 + 11);
    let verification = "{ viewer { verification { steps { done } documents { id } reasons { code } } } }";
    assert_eq!(cost(verification, &lengths), 2 + 4 + 3 + 10);
    let images = "{ gig(id: 1) { images { id } } }";
    assert_eq!(cost(images, &lengths), 1 + 5);
    // A configured limit counts.
    let mut limits = Limits::default();
    limits.gig.images_max = 40;
    assert_eq!(cost(images, &ListLengths::new(&limits, 27)), 1 + 40);
}

#[test]
fn a_search_costs_by_its_words_and_a_filter_without_an_index_costs_extra() {
    let limits = OperationLimits::default();
    let validator = RequestValidator::new(limits, true, &crate::graphql::sdl(), &defaults());
    let base_cost = |query: &str, variables: Value| {
        let request = Request::new(query).variables(Variables::from_json(variables));
        validator.validate(request).map(|operation| operation.base_cost).expect("the request is valid")
    };
    let search = |text: &str| {
        let in_variable = "query($s: String) { gigs(search: $s) { nodes { id } } }";
        let by_variable = base_cost(in_variable, json!({ "s": text }));
        let in_document = format!("{{ gigs(search: {}) {{ nodes {{ id }} }} }}", json!(text));
        assert_eq!(base_cost(&in_document, json!({})), by_variable, "{text}");
        by_variable
    };
    // The shorter a word, the more words begin with it. A long one can be mistyped.
    let costs = ["", "a", "ab", "abc", "abcd", "abcdefghij", "a abcd", "a-abcd"].map(search);
    assert_eq!(costs, [100, 100 + 20, 100 + 15, 100 + 10, 100 + 15, 100 + 15, 100 + 20 + 15, 100 + 20 + 15]);
    // Only ten words are used.
    assert_eq!(search(&"word ".repeat(10)), search(&"word ".repeat(100)));

    let filter = |filter: &str, value: Value| {
        let as_object = "query($w: GigFilter) { gigs(where: $w) { nodes { id } } }";
        let by_variable = base_cost(as_object, json!({ "w": { filter: value } }));
        let types = json!({ "category": "[ID!]", "seller": "ID", "minPrice": "Decimal", "maxPrice": "Decimal",
            "maxDeliveryDays": "Int", "tags": "[String!]", "sellerVerified": "Boolean", "categorySlug": "[String!]",
            "tagsAll": "[String!]", "priceRanges": "[PriceRangeInput!]", "sellerMinLevel": "Int",
            "publishedSince": "DateTime" });
        let declared = types[filter].as_str().expect("a filter");
        let of_value =
            format!("query($v: {declared}) {{ gigs(where: {{ {filter}: $v }}) {{ nodes {{ id }} }} }}");
        assert_eq!(base_cost(&of_value, json!({ "v": value })), by_variable, "{filter}");
        by_variable
    };
    for (name, value, expected) in [
        ("category", json!(["cat_1"]), 0),
        ("categorySlug", json!(["music"]), 0),
        ("seller", json!("usr_1"), 0),
        ("minPrice", json!("5.00"), 50),
        ("maxPrice", json!("5.00"), 50),
        ("maxDeliveryDays", json!(3), 50),
        ("tags", json!(["song"]), 50),
        ("sellerVerified", json!(true), 50),
        ("tagsAll", json!(["song"]), 50),
        ("priceRanges", json!([{ "max": "5.00" }]), 50),
        ("sellerMinLevel", json!(3), 50),
        ("publishedSince", json!("2026-01-01T00:00:00Z"), 50),
        ("maxDeliveryDays", Value::Null, 0),
    ] {
        assert_eq!(filter(name, value.clone()), expected, "{name}: {value}");
    }
    // Several filters are one scan; each list is its own.
    let both = "{ gigs(where: { maxPrice: \"5\", maxDeliveryDays: 3 }) { nodes { id } } }";
    assert_eq!(base_cost(both, json!({})), 50);
    let lists =
        "{ a: gigs(where: { maxDeliveryDays: 3 }) { totalCount } b: gigs(search: \"abc\") { totalCount } }";
    assert_eq!(base_cost(lists, json!({})), 50 + 20 + 100 + 10 + 20);

    let summaries = "{ a: reviewSummary { openCount } b: reviewSummary(kind: GIG) { claimedCount } }";
    assert_eq!(base_cost(summaries, json!({})), 80);

    // Ids cost, whether they exist or not.
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let ids = |count: usize| base_cost(nodes, json!({ "ids": vec!["gig_1"; count] }));
    assert_eq!([0, 1, 4, 5, 100].map(ids), [0, 1, 1, 2, 25]);
}
