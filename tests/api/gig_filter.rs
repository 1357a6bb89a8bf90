//! The filter of gigs: what each condition means, alone and with others, in lists and in subscriptions.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use entity::user;
use gigway::domain::gig::{Gig, GigContent, GigStatus};
use gigway::domain::gig_filter::{GigFilter, GigOrder, PriceRange};
use gigway::domain::id::{CategoryId, GigId, UserId};
use gigway::domain::limits::points_for_level;
use gigway::domain::money::Money;
use gigway::domain::user::User;
use gigway::store::gigs::facets::Facet;
use gigway::store::gigs::query::GigQuery;
use gigway::store::gigs::rows::ColumnSet;
use gigway::store::pagination::{Direction, PageRequest};
use gigway::store::{authority, gigs, gigs::facets, gigs::list};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::browse::{BROWSE, browse, publish_gig, with};
use crate::support::client::text;
use crate::support::documents::GIG_PUBLISHED;
use crate::support::on_both_back_ends;
use crate::support::proxy::wait_until;
use crate::support::test_app::TestApp;

/// The tags of random gigs and filters.
const TAGS: [&str; 6] = ["C", "R", "Piano", "ÉTUDE", "two words", "straße"];

/// The times at which random gigs are published, in seconds after [`START`], and bounds beside them.
const SECONDS: [i64; 5] = [0, 1, 2, 3, 1_000];

const START: DateTime<Utc> = DateTime::from_timestamp(1_790_000_000, 0).expect("a time");

const ORDERS: [GigOrder; 4] =
    [GigOrder::Newest, GigOrder::Oldest, GigOrder::PriceLowest, GigOrder::PriceHighest];

/// Random gigs of random sellers.
struct RandomCatalogue {
    random: StdRng,
    categories: Vec<CategoryId>,
    sellers: Vec<User>,
    gigs: Vec<Gig>,
}

impl RandomCatalogue {
    async fn insert(app: &TestApp, seed: u64) -> Self {
        let categories = gigway::store::categories::all(app.services().db.read()).await.expect("categories");
        let mut catalogue = Self {
            random: StdRng::seed_from_u64(seed),
            categories: categories.iter().take(4).map(|category| category.id).collect(),
            sellers: Vec::new(),
            gigs: Vec::new(),
        };
        let transaction = app.services().db.begin().await.expect("a transaction");
        for number in 0..8 {
            let row = catalogue.seller(number);
            catalogue.sellers.push(User {
                id: UserId::from_uuid(row.id),
                display_name: row.display_name.clone(),
                points: row.points,
                verified: row.verified_at.is_some(),
                member_since: row.created_at,
            });
            let row: user::ActiveModel = row.into_active_model();
            user::Entity::insert(row).exec_without_returning(&transaction).await.expect("inserted");
        }
        for number in 0..60 {
            let gig = catalogue.gig(number);
            catalogue.gigs.push(gig);
        }
        gigs::insert_all(&transaction, &catalogue.gigs).await.expect("inserted");
        transaction.commit().await.expect("a commit");
        catalogue
    }

    fn seller(&mut self, number: u128) -> user::Model {
        let level = self.random.random_range(0..4);
        user::Model {
            id: Uuid::from_u128(1_000 + number),
            email: format!("{number}@example.com"),
            email_key: format!("{number}@example.com"),
            display_name: format!("Seller {number}"),
            password_hash: String::new(),
            role: "MEMBER".into(),
            points: (points_for_level(level) + self.random.random_range(-1..=1)).max(0),
            verified_at: self.random.random_bool(0.5).then_some(START),
            created_at: START,
            legal_hold: false,
            erased_at: None,
            blocked_at: None,
            authority_tag: None,
        }
    }

    fn gig(&mut self, number: u128) -> Gig {
        let random = &mut self.random;
        let status = if random.random_bool(0.8) { GigStatus::Active } else { GigStatus::Paused };
        let tags = random.random_range(0..=TAGS.len());
        Gig {
            id: GigId::from_uuid(Uuid::from_u128(1 + number)),
            seller_id: self.sellers.choose(random).expect("a seller").id,
            content: GigContent {
                title: format!("Gig number {number}"),
                description: String::new(),
                category_id: *self.categories.choose(random).expect("a category"),
                price: Money::from_cents(random.random_range(100..120)),
                delivery_days: random.random_range(1..5),
                revisions: 0,
                tags: TAGS.choose_multiple(random, tags).map(ToString::to_string).collect(),
                links: Vec::new(),
            },
            status,
            version: 1,
            review_reasons: Vec::new(),
            created_at: START,
            submitted_at: Some(START),
            published_at: Some(START + TimeDelta::seconds(*SECONDS.choose(random).expect("a time"))),
            review_due_at: None,
        }
    }

    fn filter(&mut self) -> GigFilter {
        let random = &mut self.random;
        let mut keys = |max: usize| -> Vec<String> {
            let mut tags: Vec<_> = TAGS.iter().map(|tag| tag.to_lowercase()).collect();
            tags.extend(["unknown".to_owned(), String::new()]);
            let count = random.random_range(0..=max);
            tags.choose_multiple(random, count).cloned().collect()
        };
        let (tags, tags_all) = (keys(3), keys(5));
        let some = 0.25;
        let price = |random: &mut StdRng| random.random_range(98..122);
        let range = |random: &mut StdRng| PriceRange {
            min: if random.random_bool(0.2) { i64::MIN } else { random.random_range(98..122) },
            max: if random.random_bool(0.2) { i64::MAX } else { random.random_range(98..122) },
        };
        let mut categories = self.categories.clone();
        categories.push(CategoryId::from_uuid(Uuid::from_u128(5)));
        let count = random.random_range(0..4);
        let ranges = random.random_range(0..4);
        let seconds = SECONDS.choose(random).expect("a time") + random.random_range(-1..=1);
        GigFilter {
            categories: random
                .random_bool(some)
                .then(|| categories.choose_multiple(random, count).copied().collect()),
            seller: random.random_bool(some).then(|| self.sellers.choose(random).expect("a seller").id),
            min_price_cents: random.random_bool(some).then(|| price(random)),
            max_price_cents: random.random_bool(some).then(|| price(random)),
            price_ranges: random
                .random_bool(some)
                .then(|| PriceRange::merge((0..ranges).map(|_| range(random)).collect())),
            max_delivery_days: random.random_bool(some).then(|| random.random_range(0..6)),
            tags: random.random_bool(some).then_some(tags),
            tags_all: if random.random_bool(some) { tags_all } else { Vec::new() },
            seller_verified: random.random_bool(some).then(|| random.random_bool(0.5)),
            seller_min_points: random
                .random_bool(some)
                .then(|| points_for_level(random.random_range(0..5)) + random.random_range(-1..=1)),
            published_since: random.random_bool(some).then(|| START + TimeDelta::seconds(seconds)),
        }
    }

    /// The listed gigs that match by [`GigFilter::matches`].
    fn matching(&self, filter: &GigFilter) -> HashSet<GigId> {
        let seller = |gig: &Gig| self.sellers.iter().find(|seller| seller.id == gig.seller_id);
        let is_match = |gig: &&Gig| {
            gig.status == GigStatus::Active && filter.matches(gig, seller(gig).expect("a seller"))
        };
        self.gigs.iter().filter(is_match).map(|gig| gig.id).collect()
    }
}

async fn lists_contain_exactly_the_gigs_that_match_in_memory(app: TestApp) {
    let mut catalogue = RandomCatalogue::insert(&app, 29).await;
    let db = app.services().db.read();
    let mut matches = 0;
    for number in 0..400 {
        let filter = catalogue.filter();
        let expected = catalogue.matching(&filter);
        matches += usize::from(!expected.is_empty());
        let order = ORDERS[number % ORDERS.len()];
        let query = GigQuery { filter, order, ..GigQuery::listed() };
        let request = PageRequest { size: 100, direction: Direction::Forward, after: None, before: None };
        let page = list::page(db, &query, &request, ColumnSet::new()).await.expect("a page");
        let found: Vec<_> = page.rows.iter().map(|(_, row)| row.gig.id).collect();
        assert_eq!(found.len(), expected.len(), "no gig twice: {query:?}");
        assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected, "{query:?}");
        let count = list::count(db, &query).await.expect("a count");
        assert_eq!(usize::try_from(count).expect("a count"), expected.len(), "{query:?}");
        for facet in [Facet::Category, Facet::Price] {
            let counts = facets::counts(db, &query, facet).await.expect("counts");
            let sum: i64 = counts.iter().map(|(_, count)| count).sum();
            assert_eq!(sum, i64::from(count), "{facet:?}: {query:?}");
        }
    }
    assert!(matches > 100, "{matches} filters match a gig");
}

/// Publishes three gigs, one second after the other, and returns the first seller.
async fn publish_three(app: &TestApp) -> String {
    let (ann, bob, rita) = (app.member("Ann").await, app.member("Bob").await, app.reviewer("Rita").await);
    let web = app.category("Web Design").await;
    let piano = json!({ "price": "5.00", "tags": ["Piano", "C"], "deliveryDays": 1 });
    publish_gig(app, &ann, &rita, "Cheap music gig", piano).await;
    let violin = json!({ "price": "500.00", "tags": ["violin", "piano", "R"], "deliveryDays": 30 });
    publish_gig(app, &ann, &rita, "Dear music gig", violin).await;
    let css = json!({ "price": "50.00", "category": web, "tags": ["CSS", "c"] });
    publish_gig(app, &bob, &rita, "Middling web gig", css).await;
    let (services, since) = (app.services(), Some(app.now()));
    let transaction = services.db.begin().await.expect("a transaction");
    let bob_id = gigway::domain::id::PublicId::parse(&bob.id).expect("an id");
    gigway::store::users::set_points(&transaction, bob_id, points_for_level(3)).await.expect("points");
    authority::set_verified(&transaction, services, bob_id, since).await.expect("verified");
    transaction.commit().await.expect("a commit");
    ann.id
}

/// Filters, and the numbers of the gigs of [`publish_three`] that they match, newest first.
fn cases(published: &[String]) -> Vec<(Value, Vec<usize>)> {
    let all = || vec![2, 1, 0];
    let ranges = |ranges: Value| json!({ "priceRanges": ranges });
    let since = |since: &str| json!({ "publishedSince": since });
    vec![
        (json!({ "tagsAll": ["piano", "PIANO"] }), vec![1, 0]),
        (json!({ "tagsAll": ["piano", "r"] }), vec![1]),
        (json!({ "tagsAll": ["C"] }), vec![2, 0]),
        (json!({ "tagsAll": ["piano", "css"] }), vec![]),
        (json!({ "tagsAll": ["piano", "unknown"] }), vec![]),
        (json!({ "tagsAll": ["piano", "a\u{0}b"] }), vec![]),
        (json!({ "tagsAll": ["piano", ""] }), vec![]),
        (json!({ "tagsAll": [] }), all()),
        (json!({ "tagsAll": null }), all()),
        (json!({ "tagsAll": ["c"], "tags": ["css", "violin"] }), vec![2]),
        (json!({ "tags": [] }), vec![]),
        (ranges(json!([{ "min": "5.00", "max": "50.00" }])), vec![2, 0]),
        (ranges(json!([{ "max": "5" }, { "min": "500" }])), vec![1, 0]),
        (ranges(json!([{ "max": "50" }, { "min": "4", "max": "60" }, { "max": "50" }])), vec![2, 0]),
        (ranges(json!([{ "min": "5.001", "max": "5.009" }])), vec![]),
        (ranges(json!([{ "min": "5", "max": "5" }])), vec![0]),
        (ranges(json!([{ "min": null, "max": null }])), all()),
        (ranges(json!([{}, { "max": "1" }])), all()),
        (ranges(json!([])), vec![]),
        (ranges(json!(null)), all()),
        (
            ranges(
                json!([{ "min": "-79228162514264337593543950335", "max": "79228162514264337593543950335" }]),
            ),
            all(),
        ),
        (json!({ "priceRanges": [{ "max": "10" }, { "min": "100" }], "minPrice": "6" }), vec![1]),
        (json!({ "categorySlug": ["music"] }), vec![1, 0]),
        (json!({ "categorySlug": ["music", "web-design", "music"] }), all()),
        (json!({ "categorySlug": ["Music"] }), vec![]),
        (json!({ "categorySlug": ["unknown"] }), vec![]),
        (json!({ "categorySlug": ["unknown", "web-design"] }), vec![2]),
        (json!({ "categorySlug": ["a\u{0}b"] }), vec![]),
        (json!({ "categorySlug": [] }), vec![]),
        (json!({ "minPrice": "100", "maxPrice": "1" }), vec![]),
        (json!({ "categorySlug": null, "category": null }), all()),
        (json!({ "sellerMinLevel": 0 }), all()),
        (json!({ "sellerMinLevel": -5 }), all()),
        (json!({ "sellerMinLevel": 3 }), vec![2]),
        (json!({ "sellerMinLevel": 4 }), vec![]),
        (json!({ "sellerMinLevel": 2_147_483_647 }), vec![]),
        (json!({ "sellerVerified": true }), vec![2]),
        (json!({ "sellerVerified": false }), vec![1, 0]),
        (json!({ "sellerVerified": null }), all()),
        (json!({ "sellerVerified": false, "sellerMinLevel": 1 }), vec![]),
        (since(&published[1]), vec![2, 1]),
        (since(&published[2]), vec![2]),
        (since("1970-01-01T00:00:00Z"), all()),
        (since("0000-01-01T00:00:00+23:59"), all()),
        (since("2999-01-01T00:00:00Z"), vec![]),
        (since("9999-12-31T23:59:59-23:59"), vec![]),
    ]
}

async fn each_filter_means_what_it_says_in_every_order(app: TestApp) {
    let ann = publish_three(&app).await;
    let client = app.gateway_b();
    let titles = ["Cheap music gig", "Dear music gig", "Middling web gig"];
    let prices = ["Cheap music gig", "Middling web gig", "Dear music gig"];
    let query = "{ gigs(orderBy: OLDEST) { nodes { publishedAt category { id } } } }";
    let nodes = client.run(query, json!({})).await["gigs"]["nodes"].take();
    let published: Vec<_> = (0..3).map(|number| text(&nodes[number]["publishedAt"])).collect();
    for (filter, expected) in cases(&published) {
        let newest: Vec<_> = expected.iter().map(|number| titles[*number]).collect();
        let by_price: Vec<_> = prices.into_iter().filter(|title| newest.contains(title)).collect();
        for (order, expected) in [("NEWEST", &newest), ("PRICE_LOWEST", &by_price)] {
            let list = json!({ "where": filter, "orderBy": order });
            let (found, page) = browse(&client, list.clone()).await;
            assert_eq!((&found, &page["totalCount"]), (&into(expected), &json!(expected.len())), "{list}");
            let (found, page) = browse(&client, with(&list, &json!({ "search": "gig" }))).await;
            assert_eq!((&found, &page["totalCount"]), (&into(expected), &json!(expected.len())), "{list}");
        }
        // Every condition must hold.
        let of_ann = with(&filter, &json!({ "seller": ann }));
        let expected: Vec<_> = newest.into_iter().filter(|title| *title != titles[2]).collect();
        assert_eq!(browse(&client, json!({ "where": of_ann })).await.0, expected, "{of_ann}");
    }
    // Ids and slugs of categories must both hold.
    let music = &nodes[0]["category"]["id"];
    let both = |slug: &str| json!({ "where": { "category": [music], "categorySlug": [slug] } });
    assert_eq!(browse(&client, both("music")).await.0, [titles[1], titles[0]]);
    assert!(browse(&client, both("web-design")).await.0.is_empty());
    // A cursor is a position in the order, so it continues any list of that order.
    let (_, page) = browse(&client, json!({ "orderBy": "PRICE_LOWEST", "first": 1 })).await;
    let rest = json!({ "orderBy": "PRICE_LOWEST", "after": page["pageInfo"]["endCursor"],
        "where": { "priceRanges": [{ "max": "5.00" }, { "min": "500.00" }] } });
    assert_eq!(browse(&client, rest).await.0, [titles[1]]);
}

fn into(titles: &[&str]) -> Vec<String> {
    titles.iter().map(ToString::to_string).collect()
}

async fn an_invalid_filter_is_refused_with_the_field_and_the_limit(app: TestApp) {
    let client = app.gateway_a();
    let slug = |number: usize| json!(format!("slug-{number}"));
    let range = |number: usize| json!({ "min": number.to_string(), "max": number.to_string() });
    let fields: [(&str, &dyn Fn(usize) -> Value); 5] = [
        ("category", &slug),
        ("categorySlug", &slug),
        ("tags", &slug),
        ("tagsAll", &slug),
        ("priceRanges", &range),
    ];
    for (field, entry) in fields {
        let list = |count: usize| json!({ "where": { field: (0..count).map(entry).collect::<Vec<_>>() } });
        assert_eq!(client.error_codes(BROWSE, list(100)).await, [] as [&str; 0], "{field}");
        let response = client.execute(BROWSE, list(101)).await;
        let error = &response["errors"][0];
        let message = text(&error["message"]);
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{field}");
        assert!(message.contains(&format!("`where.{field}`")) && message.contains("100"), "{message}");
    }
    let ranges = json!({ "where": { "priceRanges": [{ "min": "1" }, { "min": "2.01", "max": "2.00" }] } });
    let response = client.execute(BROWSE, ranges.clone()).await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    let message = text(&response["errors"][0]["message"]);
    assert_eq!(message, "`where.priceRanges.1` must have a `min` that is at most its `max`, 2.00, not 2.01.");
    // Subscriptions check the filter in the same way.
    let mut socket = client.socket().await;
    socket.subscribe("1", GIG_PUBLISHED, ranges).await;
    assert_eq!(socket.expect_error("1").await, ["BAD_USER_INPUT"]);
    socket.close().await;
}

async fn a_subscription_reports_exactly_the_gigs_that_match(app: TestApp) {
    let mut socket = app.gateway_b().socket().await;
    let filters = [
        ("all tags", json!({ "tagsAll": ["C", "piano"] }), &["Cheap music gig"][..]),
        (
            "prices",
            json!({ "priceRanges": [{ "max": "5" }, { "min": "100" }] }),
            &["Cheap music gig", "Dear music gig"],
        ),
        ("slug", json!({ "categorySlug": ["web-design", "unknown"] }), &["Middling web gig"]),
        ("level", json!({ "sellerMinLevel": 4 }), &[]),
        (
            "any level",
            json!({ "sellerMinLevel": 0, "categorySlug": ["music"] }),
            &["Cheap music gig", "Dear music gig"],
        ),
        ("future", json!({ "publishedSince": "2999-01-01T00:00:00Z" }), &[]),
        ("past", json!({ "publishedSince": "2020-01-01T00:00:00Z", "category": [], "tagsAll": [] }), &[]),
        ("never", json!({ "tagsAll": ["c", "a\u{0}b"] }), &[]),
    ];
    let before = app.services_b().streams.dispatcher().subscriber_count();
    for (id, filter, _) in &filters {
        socket.subscribe(id, GIG_PUBLISHED, json!({ "where": filter })).await;
    }
    wait_until("all are attached", async || {
        app.services_b().streams.dispatcher().subscriber_count() >= before + filters.len()
    })
    .await;
    publish_three(&app).await;
    for (id, _, expected) in &filters {
        for title in *expected {
            assert_eq!(socket.next_event(id).await["gig"]["title"], *title, "{id}");
        }
    }
    for (id, ..) in filters {
        socket.expect_silence(id).await;
    }
    socket.close().await;
}

on_both_back_ends!(
    lists_contain_exactly_the_gigs_that_match_in_memory,
    each_filter_means_what_it_says_in_every_order,
    an_invalid_filter_is_refused_with_the_field_and_the_limit,
    a_subscription_reports_exactly_the_gigs_that_match,
);
