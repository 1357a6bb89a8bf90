//! Answers that are kept: random changes and reads at two gateways, each answer beside one that is made anew; how many
//! reads a thousand identical requests take; how much is kept.

use std::time::Duration;

use chrono::TimeDelta;
use gigway::config::Settings;
use gigway::service::{Services, retention, user_admin};
use gigway::store::event_log;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::client::{Client, text};
use crate::support::documents::{
    ARCHIVE_GIG, DECIDE_GIG, EDIT_GIG, GIG_PUBLISHED, PAUSE_GIG, POST_GIG, RESUME_GIG,
};
use crate::support::on_both_back_ends;
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;
use crate::verification::{decide, submitted, verdict};

/// Changes and reads of one run.
const STEPS: usize = 10_000;

/// Another run is another `GIGWAY_MARKET_SEED`.
const SEED: u64 = 20_261_127;

/// What comes by way of the log comes within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every list and object that a stranger may read, with what can change of it.
const GIG: &str = "id title status version price { amount } category { name } tags images { url }
    seller { displayName level verified }";

/// A gig, as the test knows it.
struct Known {
    id: String,
    seller: usize,
    status: &'static str,
    version: i64,
}

/// What the changes are made to.
struct Market<'a> {
    app: &'a TestApp,
    random: StdRng,
    reviewer: TestUser,
    sellers: Vec<TestUser>,
    /// Verifications that wait for a decision, and those that can be revoked: their seller, id and version.
    submitted: Vec<(usize, String, i64)>,
    cleared: Vec<(usize, String, i64)>,
    erased: Vec<usize>,
    gigs: Vec<Known>,
    categories: Vec<String>,
    form: Value,
    changes: usize,
}

/// At which gateway something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Here,
    There,
}

impl<'a> Market<'a> {
    async fn open(app: &'a TestApp, seed: u64) -> Self {
        let reviewer = app.reviewer("Rita").await;
        let (mut sellers, mut waiting) = (Vec::new(), Vec::new());
        for (number, name) in ["Ann", "Bob", "Cid", "Dora", "Eve"].into_iter().enumerate() {
            let seller = app.member(name).await;
            let shade = u32::try_from(number).expect("few") * 7 + 1;
            let (id, version) = submitted(&seller, &format!("P123456{number}"), shade).await;
            waiting.push((number, id, version));
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
            submitted: waiting,
            cleared: Vec::new(),
            erased: Vec::new(),
            gigs: Vec::new(),
            categories,
            form: app.gig_form("A gig").await,
            changes: 0,
        }
    }

    fn gateway(&self, at: At) -> Client {
        if at == At::Here { self.app.gateway_a() } else { self.app.gateway_b() }
    }

    fn services(&self, at: At) -> &'a Services {
        if at == At::Here { self.app.services() } else { self.app.services_b() }
    }

    /// Changes something at random.
    async fn change(&mut self, at: At) {
        self.changes += 1;
        match self.random.random_range(0..1000) {
            0..2 if !self.submitted.is_empty() => self.clear(at).await,
            2..3 if !self.cleared.is_empty() => self.revoke(at).await,
            3..4 if self.erased.len() < 2 && self.changes > 1000 => self.erase(at).await,
            4..100 => self.rename(at).await,
            100..150 => self.give_points(at).await,
            _ => self.change_gig(at).await,
        }
    }

    async fn rename(&mut self, at: At) {
        let Some(seller) = self.some_seller() else { return };
        let (email, name) = (self.sellers[seller].email.clone(), format!("Name {}", self.changes));
        user_admin::set_display_name(self.services(at), &email, &name).await.expect("a new name");
    }

    async fn give_points(&mut self, at: At) {
        let Some(seller) = self.some_seller() else { return };
        // Below the level from which an identity must be cleared.
        let points = self.random.random_range(0..11_000);
        let email = self.sellers[seller].email.clone();
        user_admin::set_points(self.services(at), &email, points).await.expect("other points");
    }

    async fn clear(&mut self, at: At) {
        let (seller, id, version) = self.submitted.swap_remove(0);
        if self.erased.contains(&seller) {
            return;
        }
        let reviewer = self.reviewer.at(&self.gateway(at));
        let payload = reviewer.done(&decide(), verdict(&id, "CLEAR", version, &json!([]))).await;
        let version = payload["verification"]["version"].as_i64().expect("a version");
        self.cleared.push((seller, id, version));
    }

    async fn revoke(&mut self, at: At) {
        let (seller, id, version) = self.cleared.swap_remove(0);
        if self.erased.contains(&seller) {
            return;
        }
        let reviewer = self.reviewer.at(&self.gateway(at));
        let reasons = json!([{ "code": "SANCTIONED" }]);
        reviewer.done(&decide(), verdict(&id, "REVOKE", version, &reasons)).await;
    }

    async fn erase(&mut self, at: At) {
        let Some(seller) = self.some_seller() else { return };
        let email = self.sellers[seller].email.clone();
        retention::erase_user(self.services(at), &email).await.expect("it is erased");
        self.gigs.retain(|gig| gig.seller != seller);
        self.erased.push(seller);
    }

    fn some_seller(&mut self) -> Option<usize> {
        let all: Vec<_> = (0..self.sellers.len()).filter(|seller| !self.erased.contains(seller)).collect();
        all.choose(&mut self.random).copied()
    }

    async fn change_gig(&mut self, at: At) {
        if self.gigs.len() < 12 || (self.gigs.len() < 30 && self.random.random_ratio(1, 8)) {
            return self.post(at).await;
        }
        let number = self.random.random_range(0..self.gigs.len());
        let Known { id, seller, status, version } = &self.gigs[number];
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
        let person = if mutation == DECIDE_GIG { &self.reviewer } else { &self.sellers[seller] };
        let payload = person.at(&self.gateway(at)).done(mutation, input).await;
        if next == "ARCHIVED" {
            self.gigs.swap_remove(number);
            return;
        }
        let version = payload["gig"]["version"].as_i64().expect("a version");
        let known = &mut self.gigs[number];
        (known.status, known.version) = (next, version);
    }

    async fn post(&mut self, at: At) {
        let Some(seller) = self.some_seller() else { return };
        // A seller may have 20.
        if self.gigs.iter().filter(|gig| gig.seller == seller).count() > 15 {
            return;
        }
        let mut form = self.form.clone();
        form["title"] = json!(format!("A new gig, number {}", self.changes));
        form["price"] = json!(self.price());
        let tag = ["music", "sound"][self.changes % 2];
        form["tags"] = json!(["piano", tag]);
        form["category"] = json!(self.categories[self.changes % 3]);
        let client = self.sellers[seller].at(&self.gateway(at));
        let gig = client.done(POST_GIG, json!({ "input": form })).await["gig"].take();
        let version = gig["version"].as_i64().expect("a version");
        self.gigs.push(Known { id: text(&gig["id"]), seller, status: "IN_REVIEW", version });
    }

    fn price(&mut self) -> String {
        format!("{}.00", self.random.random_range(5..1500))
    }

    /// Something that a stranger may ask, at random: few enough that answers are found again.
    fn question(&mut self) -> Value {
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

/// The answer to a question, whole.
async fn ask(client: &Client, question: &Value) -> Value {
    client.answer(question["query"].as_str().expect("a query"), question["variables"].clone()).await
}

/// Waits until that gateway knows all that has happened.
async fn caught_up(services: &Services) {
    let head = event_log::head(services.db.read()).await.expect("the log answers");
    let deadline = Instant::now() + PATIENCE;
    while services.streams.dispatched().position() < head {
        assert!(Instant::now() < deadline, "it does not catch up");
        sleep(Duration::from_micros(200)).await;
    }
}

/// Two gateways that hear each other, over either database.
async fn two_gateways(postgres: bool) -> TestApp {
    let database_url = if postgres { Some(servers::new_postgres_database().await) } else { None };
    let settings = Settings { database_url, redis_url: Some(servers::redis_url()), ..Settings::default() };
    TestApp::start(settings, 2).await
}

async fn no_answer_is_older_than_what_the_gateway_knows(app: TestApp) {
    let seed = std::env::var("GIGWAY_MARKET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let mut market = Market::open(&app, seed).await;
    let somebody = app.member("Nobody").await;
    // What is asked by somebody is made anew, whatever is kept.
    let before = asked(&app.gateway_a()).await;
    for _ in 0..3 {
        ask(&somebody.client, &json!({ "query": BROWSE, "variables": { "n": 1 } })).await;
    }
    assert_eq!(asked(&app.gateway_a()).await, before);
    let mut compared = 0;
    for step in 0..STEPS {
        let at = if market.random.random() { At::Here } else { At::There };
        if market.random.random_ratio(1, 6) {
            // Others ask meanwhile, and may be told what was before or what is after; but that must not stay.
            let mut meanwhile = JoinSet::new();
            for _ in 0..2 {
                let (question, at) = (market.question(), if market.random.random() { At::Here } else { at });
                let client = market.gateway(at);
                meanwhile.spawn(async move { ask(&client, &question).await });
            }
            market.change(at).await;
            meanwhile.join_all().await;
            // Whoever changes something and asks the same gateway is shown it, whatever the log does.
            let question = market.question();
            let (kept, anew) = (
                ask(&market.gateway(at), &question).await,
                ask(&somebody.at(&market.gateway(at)), &question).await,
            );
            assert_eq!(kept, anew, "step {step}, {at:?}, seed {seed}: {question}");
            continue;
        }
        caught_up(market.services(at)).await;
        let question = market.question();
        let kept = ask(&market.gateway(at), &question).await;
        assert!(kept.get("errors").is_none(), "{kept}");
        let anew = ask(&somebody.at(&market.gateway(at)), &question).await;
        assert_eq!(kept, anew, "step {step}, {at:?}, seed {seed}: {question}");
        compared += 1;
    }
    let hits = hits(&app.gateway_a()).await + hits(&app.gateway_b()).await;
    assert!(hits * 5 > compared, "{hits} hits of {compared}: too few to have proved anything");
}

/// How many have asked for an answer of the kind that is kept.
async fn asked(client: &Client) -> usize {
    let mut all = 0;
    for result in ["hit", "miss", "joined"] {
        all += counted(client, &format!("gigway_answer_cache_requests_total{{result=\"{result}\"}} ")).await;
    }
    all
}

async fn hits(client: &Client) -> usize {
    counted(client, r#"gigway_answer_cache_requests_total{result="hit"} "#).await
}

async fn counted(client: &Client, name: &str) -> usize {
    let metrics = client.get("/metrics").send().await.expect("an answer").text().await.expect("text");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} is not there")).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_older_than_what_the_gateway_knows_on_postgres() {
    no_answer_is_older_than_what_the_gateway_knows(two_gateways(true).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_older_than_what_the_gateway_knows_on_sqlite() {
    no_answer_is_older_than_what_the_gateway_knows(two_gateways(false).await).await;
}

/// On one thread: between a commit and what comes behind it, nothing else can run.
async fn a_gateway_knows_of_its_own_changes_before_it_tells_of_them(app: TestApp) {
    let ann = app.member("Ann").await;
    let services = app.services();
    for points in 1..20 {
        let before = services.public_data_version.current();
        user_admin::set_points(services, &ann.email, points).await.expect("other points");
        assert!(services.public_data_version.current() > before);
    }
    // What strangers do not see leaves what is kept as it is.
    let before = services.public_data_version.current();
    ann.post(app.gig_form("A gig that waits").await).await;
    caught_up(services).await;
    assert_eq!(services.public_data_version.current(), before);
}

#[tokio::test]
async fn a_gateway_knows_of_its_own_changes_on_sqlite() {
    a_gateway_knows_of_its_own_changes_before_it_tells_of_them(two_gateways(false).await).await;
}

#[tokio::test]
async fn a_gateway_knows_of_its_own_changes_on_postgres() {
    a_gateway_knows_of_its_own_changes_before_it_tells_of_them(two_gateways(true).await).await;
}

/// Two gateways that do not hear each other: each finds in the log, within a second, what the other has done. Somebody who
/// follows the log reads it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_told_of_an_event_is_shown_it_before_the_gateway_hears_of_it() {
    let app = TestApp::start(Settings::default(), 2).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gateway_b = app.gateway_b();
    for number in 1..=5 {
        let title = format!("A gig for everybody, number {number}");
        let id = ann.post(app.gig_form(&title).await).await;
        caught_up(app.services_b()).await;
        let begun = text(&gateway_b.run("{ eventCursor }", json!({})).await["eventCursor"]);
        for _ in 0..2 {
            let page = gateway_b.run(BROWSE, json!({ "n": 1 })).await;
            assert_ne!(page["gigs"]["nodes"][0]["title"], json!(title));
        }
        rita.approve(&id).await;
        let mut stranger = gateway_b.socket().await;
        stranger.subscribe("feed", GIG_PUBLISHED, json!({ "after": begun })).await;
        assert_eq!(stranger.event("feed").await["gig"]["title"], json!(title));
        assert_eq!(gateway_b.run(BROWSE, json!({ "n": 1 })).await["gigs"]["nodes"][0]["title"], json!(title));
        app.pass(TimeDelta::seconds(1));
    }
}

const BROWSE: &str = "query($n: Int) { gigs(first: $n) { nodes { title seller { displayName } } } }";

async fn a_thousand_identical_requests_take_one_look_at_the_database(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("A gig for everybody").await).await;
    rita.approve(&id).await;
    let gateway_a = app.gateway_a();
    let came_of = async |result: &str| {
        counted(&gateway_a, &format!("gigway_answer_cache_requests_total{{result=\"{result}\"}} ")).await
    };
    let (misses, before) = (came_of("miss").await, app.services().db.statements());
    let mut clients = JoinSet::new();
    for _ in 0..1000 {
        let client = gateway_a.clone();
        clients.spawn(async move { client.run(BROWSE, json!({ "n": 3 })).await });
    }
    for answer in clients.join_all().await {
        assert_eq!(answer["gigs"]["nodes"][0]["title"], "A gig for everybody");
    }
    let took = app.services().db.statements() - before;
    // The gateway looks at its log meanwhile, once a second.
    assert!(took < 30, "{took} statements");
    assert_eq!(came_of("miss").await - misses, 1);
    assert!(came_of("joined").await + came_of("hit").await >= 999);
}

async fn what_is_not_everybodys_is_not_kept(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("A gig for everybody").await).await;
    rita.approve(&id).await;
    let gateway_a = app.gateway_a();
    let statements = || app.services().db.statements();
    let cost = json!({ "query": BROWSE, "variables": { "n": 2 }, "extensions": { "cost": true } });
    for _ in 0..2 {
        let asked = asked(&gateway_a).await;
        ann.client.run(BROWSE, json!({ "n": 2 })).await;
        assert_eq!(asked, self::asked(&gateway_a).await, "somebody who has signed in");
        let before = statements();
        let answer: Value = gateway_a
            .post("/graphql")
            .json(&cost)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        assert!(statements() > before && answer["extensions"]["cost"].is_object(), "{answer}");
        let before = statements();
        gateway_a.run("{ eventCursor gigs(first: 1) { totalCount } }", json!({})).await;
        assert!(statements() > before, "the log's position");
    }
    // By GET it is the same answer, with the tag that names it.
    gateway_a.run(BROWSE, json!({ "n": 2 })).await;
    let kept = hits(&gateway_a).await;
    let query = [("query", BROWSE), ("variables", r#"{"n":2}"#)];
    let got = gateway_a.get("/graphql").query(&query).send().await.expect("an answer");
    let tag = got.headers()["etag"].clone();
    assert_eq!(got.headers()["cache-control"], "public, max-age=5");
    let body: Value = got.json().await.expect("JSON");
    assert_eq!(body["data"], gateway_a.run(BROWSE, json!({ "n": 2 })).await);
    let again =
        gateway_a.get("/graphql").query(&query).header("if-none-match", tag).send().await.expect("an answer");
    assert_eq!(again.status(), 304);
    assert_eq!(hits(&gateway_a).await - kept, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_bytes_are_kept_than_allowed_and_none_where_it_is_switched_off() {
    let settings = Settings { cache_bytes: Some("100000".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    for number in 0..500 {
        let query = format!("{{ a{number}: categories {{ id name slug }} }}");
        app.gateway_a().run(&query, json!({})).await;
    }
    let bytes = counted(&app.gateway_a(), "gigway_answer_cache_size_bytes ").await;
    assert!((20_000..=100_000).contains(&bytes), "{bytes}");
    let settings = Settings { cache_bytes: Some("0".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    for _ in 0..2 {
        let before = app.services().db.statements();
        app.gateway_a().run(BROWSE, json!({ "n": 2 })).await;
        assert!(app.services().db.statements() > before);
    }
    assert_eq!(hits(&app.gateway_a()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_there_costs_what_is_in_it() {
    let budgets = json!({ "anonymous": { "capacity": 10, "perMinute": 1 } });
    let settings = Settings {
        budgets: Some(budgets.to_string()),
        operation_limits: Some(json!({ "cost": 10 }).to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let gateway_a = app.gateway_a();
    // A page, its gigs if there were any, and nothing that is not there: one point.
    for number in 0..10 {
        let answer = gateway_a.answer(BROWSE, json!({ "n": 1 })).await;
        assert!(answer.get("errors").is_none(), "{number}: {answer}");
    }
    assert_eq!(hits(&gateway_a).await, 9);
    let codes = gateway_a.error_codes(BROWSE, json!({ "n": 1 })).await;
    assert_eq!(codes, ["RATE_LIMITED"]);
}

on_both_back_ends!(
    a_thousand_identical_requests_take_one_look_at_the_database,
    what_is_not_everybodys_is_not_kept,
);
