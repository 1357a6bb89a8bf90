//! The response cache is never stale: random changes and queries at two gateways, where each response to an
//! anonymous client (cached) is compared with the response to a signed-in user (never cached).
//!
//! A new kind of change goes into `Market::change`, a new kind of query into `Market::query`.

use gigway::service::{Services, erasure, user_admin};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::response_cache::{BROWSE, cacheable_requests, hits, two_gateways, until_caught_up};
use crate::support::client::{Client, text};
use crate::support::documents::{ARCHIVE_GIG, DECIDE_GIG, EDIT_GIG, PAUSE_GIG, POST_GIG, RESUME_GIG};
use crate::support::reviewing::decide;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::submit_verification;

/// Changes and queries in one run.
const STEPS: usize = 10_000;

/// The random seed, unless `GIGWAY_MARKET_SEED` is set.
const SEED: u64 = 20_261_127;

/// The public fields of a gig that can change.
const GIG: &str = "id title status version price { amount } category { name } tags images { url }
    seller { displayName level verified }";

/// What the test knows about a gig.
pub struct KnownGig {
    pub id: String,
    seller: usize,
    status: &'static str,
    version: i64,
}

/// The users and gigs of the test, and the random changes to them.
pub struct Market<'a> {
    app: &'a TestApp,
    pub random: StdRng,
    reviewer: TestUser,
    pub sellers: Vec<TestUser>,
    /// Verifications in review: index of the seller, id and version.
    submitted: Vec<(usize, String, i64)>,
    /// Cleared verifications: index of the seller, id and version.
    cleared: Vec<(usize, String, i64)>,
    /// Indices of erased sellers.
    erased: Vec<usize>,
    pub gigs: Vec<KnownGig>,
    pub categories: Vec<String>,
    form: Value,
    changes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    A,
    B,
}

impl<'a> Market<'a> {
    pub async fn open(app: &'a TestApp, seed: u64) -> Self {
        let reviewer = app.reviewer("Rita").await;
        let (mut sellers, mut verifications) = (Vec::new(), Vec::new());
        for (number, name) in ["Ann", "Bob", "Cid", "Dora", "Eve"].into_iter().enumerate() {
            let seller = app.member(name).await;
            let shade = u32::try_from(number).expect("few") * 7 + 1;
            let (id, version) = submit_verification(&seller, &format!("P123456{number}"), shade).await;
            verifications.push((number, id, version));
            sellers.push(seller);
        }
        let mut categories = Vec::new();
        for name in ["Music", "Web Design", "Legal Consulting"] {
            categories.push(app.category(name).await);
        }
        Self {
            app,
            random: StdRng::seed_from_u64(seed),
            reviewer,
            sellers,
            submitted: verifications,
            cleared: Vec::new(),
            erased: Vec::new(),
            gigs: Vec::new(),
            categories,
            form: app.gig_form("A gig").await,
            changes: 0,
        }
    }

    pub fn client(&self, gateway: Gateway) -> Client {
        if gateway == Gateway::A { self.app.gateway_a() } else { self.app.gateway_b() }
    }

    fn services(&self, gateway: Gateway) -> &'a Services {
        if gateway == Gateway::A { self.app.services() } else { self.app.services_b() }
    }

    /// Makes a random change at this gateway.
    pub async fn change(&mut self, gateway: Gateway) {
        self.changes += 1;
        match self.random.random_range(0..1000) {
            0..2 if !self.submitted.is_empty() => self.clear_verification(gateway).await,
            2..3 if !self.cleared.is_empty() => self.revoke_verification(gateway).await,
            3..4 if self.erased.len() < 2 && self.changes > 1000 => self.erase_seller(gateway).await,
            4..100 => self.rename_seller(gateway).await,
            100..150 => self.set_points(gateway).await,
            150..155 => self.block_and_unblock_seller(gateway).await,
            _ => self.change_gig(gateway).await,
        }
    }

    async fn rename_seller(&mut self, gateway: Gateway) {
        let Some(seller) = self.random_seller() else { return };
        let (email, name) = (self.sellers[seller].email.clone(), format!("Name {}", self.changes));
        user_admin::set_display_name(self.services(gateway), &email, &name).await.expect("a new name");
    }

    async fn set_points(&mut self, gateway: Gateway) {
        let Some(seller) = self.random_seller() else { return };
        // Below the level that requires a cleared verification.
        let points = self.random.random_range(0..11_000);
        let email = self.sellers[seller].email.clone();
        user_admin::set_points(self.services(gateway), &email, points).await.expect("other points");
    }

    /// The gigs leave and come back. The seller signs in again.
    async fn block_and_unblock_seller(&mut self, gateway: Gateway) {
        let Some(seller) = self.random_seller() else { return };
        let email = self.sellers[seller].email.clone();
        user_admin::block(self.services(gateway), &email).await.expect("blocked");
        user_admin::unblock(self.services(gateway), &email).await.expect("unblocked");
        self.sellers[seller] = self.app.sign_in(&email).await;
        for gig in self.gigs.iter_mut().filter(|gig| gig.seller == seller && gig.status == "ACTIVE") {
            gig.version += 2;
        }
    }

    async fn clear_verification(&mut self, gateway: Gateway) {
        let (seller, id, version) = self.submitted.swap_remove(0);
        if self.erased.contains(&seller) {
            return;
        }
        let reviewer = self.reviewer.at(&self.client(gateway));
        let payload = decide(&reviewer, &id, "CLEAR", version, &json!([])).await;
        let version = payload["verification"]["version"].as_i64().expect("a version");
        self.cleared.push((seller, id, version));
    }

    async fn revoke_verification(&mut self, gateway: Gateway) {
        let (seller, id, version) = self.cleared.swap_remove(0);
        if self.erased.contains(&seller) {
            return;
        }
        let reviewer = self.reviewer.at(&self.client(gateway));
        let reasons = json!([{ "code": "SANCTIONED" }]);
        decide(&reviewer, &id, "REVOKE", version, &reasons).await;
    }

    async fn erase_seller(&mut self, gateway: Gateway) {
        let Some(seller) = self.random_seller() else { return };
        let email = self.sellers[seller].email.clone();
        erasure::erase_user(self.services(gateway), &email).await.expect("erased");
        self.gigs.retain(|gig| gig.seller != seller);
        self.erased.push(seller);
    }

    fn random_seller(&mut self) -> Option<usize> {
        let all: Vec<_> = (0..self.sellers.len()).filter(|seller| !self.erased.contains(seller)).collect();
        all.choose(&mut self.random).copied()
    }

    async fn change_gig(&mut self, gateway: Gateway) {
        if self.gigs.len() < 12 || (self.gigs.len() < 30 && self.random.random_ratio(1, 8)) {
            return self.post(gateway).await;
        }
        let number = self.random.random_range(0..self.gigs.len());
        let KnownGig { id, seller, status, version } = &self.gigs[number];
        let (id, seller, status, version) = (id.clone(), *seller, *status, *version);
        let choice = self.random.random_range(0..10);
        let (mutation, input, next) = match (status, choice) {
            ("IN_REVIEW", _) => {
                let decision = if choice == 0 { "REJECT" } else { "APPROVE" };
                let reasons = if choice == 0 { json!([{ "code": "SPAM" }]) } else { json!([]) };
                let input = json!({ "input": { "gigId": id, "decision": decision, "expectedVersion": version,
                    "reasons": reasons } });
                (DECIDE_GIG, input, if choice == 0 { "REJECTED" } else { "ACTIVE" })
            }
            ("REJECTED", _) | (_, 0) => (ARCHIVE_GIG, json!({ "id": id }), "ARCHIVED"),
            ("ACTIVE", 1..4) => (PAUSE_GIG, json!({ "id": id }), "PAUSED"),
            ("PAUSED", 1..8) => (RESUME_GIG, json!({ "id": id }), "ACTIVE"),
            _ => {
                let tag = ["piano", "violin", "css"][self.changes % 3];
                let input = json!({ "input": { "id": id, "expectedVersion": version, "title":
                    format!("A changed gig, number {}", self.changes), "price": self.price(),
                    "tags": [tag],
                    "category": self.categories[self.changes % 3] } });
                (EDIT_GIG, input, "IN_REVIEW")
            }
        };
        let user = if mutation == DECIDE_GIG { &self.reviewer } else { &self.sellers[seller] };
        let payload = user.at(&self.client(gateway)).mutate(mutation, input).await;
        if next == "ARCHIVED" {
            self.gigs.swap_remove(number);
            return;
        }
        let version = payload["gig"]["version"].as_i64().expect("a version");
        let known = &mut self.gigs[number];
        (known.status, known.version) = (next, version);
    }

    async fn post(&mut self, gateway: Gateway) {
        let Some(seller) = self.random_seller() else { return };
        // A seller can have at most 20.
        if self.gigs.iter().filter(|gig| gig.seller == seller).count() > 15 {
            return;
        }
        let mut form = self.form.clone();
        form["title"] = json!(format!("A new gig, number {}", self.changes));
        form["price"] = json!(self.price());
        let tag = ["music", "sound"][self.changes % 2];
        form["tags"] = json!(["piano", tag]);
        form["category"] = json!(self.categories[self.changes % 3]);
        let client = self.sellers[seller].at(&self.client(gateway));
        let gig = client.mutate(POST_GIG, json!({ "input": form })).await["gig"].take();
        let version = gig["version"].as_i64().expect("a version");
        self.gigs.push(KnownGig { id: text(&gig["id"]), seller, status: "IN_REVIEW", version });
    }

    fn price(&mut self) -> String {
        format!("{}.00", self.random.random_range(5..1500))
    }

    /// A random public query. There are only a few, so that they repeat and hit the cache.
    fn query(&mut self) -> Value {
        let seller = self.random.random_range(0..self.sellers.len());
        let (seller, category) = (&self.sellers[seller].id, self.categories.choose(&mut self.random));
        let gig = self.gigs.choose(&mut self.random).map_or("gig_00000000000000000000000000", |gig| &gig.id);
        let list = |arguments: &str, variables: Value| {
            let query = format!(
                "query($v: GigFilter, $s: String) {{ gigs({arguments}, where: $v, search: $s) {{ nodes {{ {GIG} }} \
                 pageInfo {{ hasNextPage endCursor }} }} }}"
            );
            json!({ "query": query, "variables": variables })
        };
        match self.random.random_range(0..12) {
            0 => list("first: 5", json!({})),
            1 => list("first: 5, orderBy: PRICE_LOWEST", json!({ "v": { "category": [category] } })),
            2 => list("first: 4, orderBy: PRICE_HIGHEST", json!({ "v": { "tags": ["piano"] } })),
            3 => list("last: 3", json!({ "v": { "sellerVerified": true } })),
            4 => list("first: 5, orderBy: RELEVANCE", json!({ "s": "new gig" })),
            5 => list("first: 3", json!({ "s": "chang", "v": { "maxPrice": "700" } })),
            6 => {
                json!({ "query": "{ gigs(first: 1) { totalCount facets { categories { count category { name } }
                priceRanges { count } tags { tag count } } } }" })
            }
            7 | 8 => json!({ "query": format!("query($id: ID!) {{ gig(id: $id) {{ {GIG} }} }}"),
                "variables": { "id": gig } }),
            9 => json!({ "query": "query($id: ID!) { node(id: $id) { ... on User { displayName level verified
                gigs(first: 4) { totalCount nodes { title status } } } } }", "variables": { "id": seller } }),
            10 => json!({ "query": "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Gig { title version }
                ... on User { displayName } } }", "variables": { "ids": [seller, gig] } }),
            _ => {
                json!({ "query": "{ categories { name } gigs(first: 2) { edges { cursor node { title seller {
                displayName } } } } }" })
            }
        }
    }
}

async fn execute(client: &Client, request: &Value) -> Value {
    client.execute(request["query"].as_str().expect("a query"), request["variables"].clone()).await
}

async fn cached_responses_are_never_stale(app: TestApp) {
    let seed = std::env::var("GIGWAY_MARKET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let mut market = Market::open(&app, seed).await;
    let user = app.member("Nobody").await;
    // Requests of signed-in users bypass the cache.
    let before = cacheable_requests(&app.gateway_a()).await;
    for _ in 0..3 {
        execute(&user.client, &json!({ "query": BROWSE, "variables": { "n": 1 } })).await;
    }
    assert_eq!(cacheable_requests(&app.gateway_a()).await, before);
    let mut compared = 0;
    for step in 0..STEPS {
        let gateway = if market.random.random() { Gateway::A } else { Gateway::B };
        if market.random.random_ratio(1, 6) {
            // Concurrent queries may see the state before or after the change, but must not leave the old one
            // in the cache.
            let mut concurrent = JoinSet::new();
            for _ in 0..2 {
                let request = market.query();
                let other = if market.random.random() { Gateway::A } else { gateway };
                let client = market.client(other);
                concurrent.spawn(async move { execute(&client, &request).await });
            }
            market.change(gateway).await;
            concurrent.join_all().await;
            // The gateway that made the change shows it at once, without waiting for the event log.
            let request = market.query();
            let (cached, uncached) = (
                execute(&market.client(gateway), &request).await,
                execute(&user.at(&market.client(gateway)), &request).await,
            );
            assert_eq!(cached, uncached, "step {step}, {gateway:?}, seed {seed}: {request}");
            continue;
        }
        until_caught_up(market.services(gateway)).await;
        let request = market.query();
        let cached = execute(&market.client(gateway), &request).await;
        assert!(cached.get("errors").is_none(), "{cached}");
        let uncached = execute(&user.at(&market.client(gateway)), &request).await;
        assert_eq!(cached, uncached, "step {step}, {gateway:?}, seed {seed}: {request}");
        compared += 1;
    }
    let hits = hits(&app.gateway_a()).await + hits(&app.gateway_b()).await;
    assert!(hits * 5 > compared, "{hits} hits of {compared}: too few to prove anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_responses_are_never_stale_on_postgres() {
    cached_responses_are_never_stale(two_gateways(true).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_responses_are_never_stale_on_sqlite() {
    cached_responses_are_never_stale(two_gateways(false).await).await;
}
