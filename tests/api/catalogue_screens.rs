//! Screens of anonymous clients: each reads a list and `eventCursor` in one query, and then only applies the events
//! of `catalogueChanged`. Whatever happens meanwhile, it ends with the same gigs as a fresh query.

use std::collections::BTreeMap;

use gigway::events::cursor::Cursor;
use gigway::store::event_log;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use crate::response_cache::{two_gateways, until_caught_up};
use crate::response_cache_staleness::{Gateway, Market};
use crate::support::client::{Client, text};
use crate::support::documents::{CATALOGUE_CHANGED, PAUSE_GIG, RESUME_GIG};
use crate::support::socket::Socket;
use crate::support::test_app::TestApp;

/// How often the screens are compared with fresh queries.
const ROUNDS: usize = 40;

/// Random changes between two comparisons.
const CHANGES: usize = 30;

/// The random seed, unless `GIGWAY_SCREENS_SEED` is set.
const SEED: u64 = 20_261_129;

/// The fields of a gig that `CATALOGUE_CHANGED` selects.
const GIG: &str = "id title status version price { amount } seller { displayName level verified }";

/// The screen of one client.
struct Screen {
    /// The argument `where`; null for none.
    filter: Value,
    /// The argument `gigIds`; null for none.
    ids: Value,
    /// Whether the client removes a gig whenever it is DELISTED. Otherwise it looks only at `gig`.
    removes_delisted: bool,
    gigs: BTreeMap<String, Value>,
    cursor: String,
    socket: Option<Socket>,
}

impl Screen {
    fn new(filter: Value, ids: Value, removes_delisted: bool) -> Self {
        let (gigs, cursor) = (BTreeMap::new(), String::new());
        Self { filter, ids, removes_delisted, gigs, cursor, socket: None }
    }

    /// The gigs by a query, and the cursor that belongs to them.
    async fn query(&self, client: &Client) -> (BTreeMap<String, Value>, String) {
        let (query, variables) = if self.ids.is_null() {
            let gigs = format!("gigs(where: $where, first: 100) {{ nodes {{ {GIG} }} }}");
            (format!("query($where: GigFilter) {{ eventCursor {gigs} }}"), json!({ "where": self.filter }))
        } else {
            let nodes = format!("nodes(ids: $ids) {{ ... on Gig {{ {GIG} }} }}");
            (format!("query($ids: [ID!]!) {{ eventCursor {nodes} }}"), json!({ "ids": self.ids }))
        };
        let data = client.run(&query, variables).await;
        let list = if self.ids.is_null() { &data["gigs"]["nodes"] } else { &data["nodes"] };
        let gigs = list.as_array().expect("a list").iter().filter(|gig| !gig.is_null());
        let gigs = gigs.map(|gig| (text(&gig["id"]), gig.clone())).collect();
        (gigs, text(&data["eventCursor"]))
    }

    /// Opens the screen anew.
    async fn open(&mut self, client: &Client) {
        (self.gigs, self.cursor) = self.query(client).await;
        self.connect(client).await;
    }

    /// Connects again, and resumes after the last event.
    async fn connect(&mut self, client: &Client) {
        let mut socket = client.socket().await;
        let variables = json!({ "where": self.filter, "gigIds": self.ids, "after": self.cursor });
        socket.subscribe("s", CATALOGUE_CHANGED, variables).await;
        self.socket = Some(socket);
    }

    /// Applies the next event, and returns its position.
    async fn apply_next(&mut self) -> i64 {
        let event = self.socket.as_mut().expect("a socket").next_event("s").await;
        let position = |cursor: &str| Cursor::decode(cursor).expect("a cursor").position;
        let cursor = text(&event["cursor"]);
        assert!(
            position(&cursor) > position(&self.cursor),
            "{event}: an event came twice, or in another order"
        );
        let id = text(&event["gigId"]);
        if event["gig"].is_null() || (self.removes_delisted && event["change"] == "DELISTED") {
            self.gigs.remove(&id);
        } else {
            self.gigs.insert(id, event["gig"].clone());
        }
        self.cursor = cursor;
        position(&self.cursor)
    }
}

/// Screens with all kinds of filters, of both kinds of clients.
fn screens(market: &Market<'_>, sentinel: &str) -> Vec<Screen> {
    let category = &market.categories[0];
    let filters = [
        Value::Null,
        json!({}),
        json!({ "category": [category] }),
        json!({ "maxPrice": "700", "minPrice": "100" }),
        json!({ "tags": ["piano"] }),
        json!({ "seller": market.sellers[0].id }),
        json!({ "sellerVerified": true }),
        json!({ "sellerMinLevel": 2 }),
        json!({ "sellerMinLevel": 1, "tagsAll": ["piano", "music"], "priceRanges": [{ "max": "200" }, { "min": "600" }] }),
        json!({ "categorySlug": ["music"], "publishedSince": "2020-01-01T00:00:00Z" }),
        json!({ "sellerVerified": false, "maxPrice": "900" }),
    ];
    let mut screens: Vec<_> = filters
        .into_iter()
        .enumerate()
        .map(|(n, filter)| Screen::new(filter, Value::Null, n % 2 == 0))
        .collect();
    screens
        .extend([true, false].map(|is_by_change| Screen::new(Value::Null, json!([sentinel]), is_by_change)));
    screens
}

async fn screens_end_with_the_same_gigs_as_a_fresh_query(app: TestApp) {
    let seed = std::env::var("GIGWAY_SCREENS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let mut market = Market::open(&app, seed).await;
    // A gig whose events mark the end of a round. Every stream with a filter gets all that is DELISTED.
    let (marta, reviewer) = (app.member("Marta").await, app.reviewer("Rob").await);
    let visitor = app.member("Vic").await.client;
    let sentinel = marta.post(app.gig_form("A gig that marks the end").await).await;
    reviewer.approve(&sentinel).await;
    for _ in 0..50 {
        market.change(Gateway::A).await;
    }
    let mut screens = screens(&market, &sentinel);
    for screen in &mut screens {
        screen.open(&app.gateway_b()).await;
    }
    let mut events = 0;
    for round in 0..ROUNDS {
        for _ in 0..CHANGES {
            let gateways = [Gateway::A, Gateway::B];
            let gateway = *gateways.choose(&mut market.random).expect("two");
            let other = *gateways.choose(&mut market.random).expect("two");
            let client = market.client(other);
            let number = market.random.random_range(0..screens.len());
            let screen = &mut screens[number];
            match market.random.random_range(0..8) {
                0 => {
                    if !screen.ids.is_null() {
                        let ids = market.gigs.iter().map(|gig| gig.id.clone()).chain([sentinel.clone()]);
                        screen.ids = json!(ids.collect::<Vec<_>>());
                    }
                    tokio::join!(market.change(gateway), screen.open(&client));
                }
                1 => {
                    tokio::join!(market.change(gateway), screen.connect(&client));
                }
                _ => market.change(gateway).await,
            }
        }
        marta.client.mutate(PAUSE_GIG, json!({ "id": sentinel })).await;
        let end = event_log::newest_position(app.services().db.read()).await.expect("a position");
        until_caught_up(app.services()).await;
        for (number, screen) in screens.iter_mut().enumerate() {
            while screen.apply_next().await < end {
                events += 1;
            }
            let (fresh, _) = screen.query(&visitor).await;
            let (filter, ids) = (&screen.filter, &screen.ids);
            assert_eq!(screen.gigs, fresh, "screen {number}, round {round}, seed {seed}: {filter} {ids}");
        }
        marta.client.mutate(RESUME_GIG, json!({ "id": sentinel })).await;
    }
    assert!(events > ROUNDS * CHANGES, "{events} events: too few to prove anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_end_with_the_same_gigs_as_a_fresh_query_on_postgres() {
    Box::pin(screens_end_with_the_same_gigs_as_a_fresh_query(two_gateways(true).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_end_with_the_same_gigs_as_a_fresh_query_on_sqlite() {
    Box::pin(screens_end_with_the_same_gigs_as_a_fresh_query(two_gateways(false).await)).await;
}
