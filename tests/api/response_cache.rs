//! The response cache: what is cached, for how long, how large the cache is, and what a cached response
//! costs. Random tests against stale responses are in `response_cache_staleness`.

use std::time::Duration;

use chrono::TimeDelta;
use gigway::config::Settings;
use gigway::service::{Services, user_admin};
use gigway::store::event_log;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::support::client::{Client, text};
use crate::support::documents::GIG_PUBLISHED;
use crate::support::on_both_back_ends;
use crate::support::servers;
use crate::support::test_app::TestApp;

/// The longest time until a gateway has read an event from the log.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the gateway has dispatched every event of the log.
pub async fn until_caught_up(services: &Services) {
    let head = event_log::newest_position(services.db.read()).await.expect("a position");
    let deadline = Instant::now() + PATIENCE;
    while services.streams.dispatched_position().current() < head {
        assert!(Instant::now() < deadline, "the gateway does not catch up");
        sleep(Duration::from_micros(200)).await;
    }
}

/// Starts two gateways that are connected through Redis, with one PostgreSQL or SQLite database.
pub async fn two_gateways(is_postgres: bool) -> TestApp {
    let database_url = if is_postgres { Some(servers::new_postgres_database().await) } else { None };
    let settings = Settings { database_url, redis_url: Some(servers::redis_url()), ..Settings::default() };
    TestApp::start(settings, 2).await
}

/// The number of requests for cacheable responses.
pub async fn cacheable_requests(client: &Client) -> usize {
    let mut requests = 0;
    for result in ["hit", "miss", "joined"] {
        requests +=
            metric(client, &format!("gigway_answer_cache_requests_total{{result=\"{result}\"}} ")).await;
    }
    requests
}

pub async fn hits(client: &Client) -> usize {
    metric(client, r#"gigway_answer_cache_requests_total{result="hit"} "#).await
}

/// The value of the metric whose line starts with `name`.
pub async fn metric(client: &Client, name: &str) -> usize {
    let metrics = client.get("/metrics").send().await.expect("a response").text().await.expect("text");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("there is no metric {name}")).parse().expect("a number")
}

/// Runs on one thread, so that nothing else can run between the commit and the code after it.
async fn a_change_invalidates_the_cache_before_it_is_confirmed(app: TestApp) {
    let ann = app.member("Ann").await;
    let services = app.services();
    for points in 1..20 {
        let before = services.public_data_version.current();
        user_admin::set_points(services, &ann.email, points).await.expect("other points");
        assert!(services.public_data_version.current() > before);
    }
    // Changes that the public cannot see do not invalidate the cache.
    let before = services.public_data_version.current();
    ann.post(app.gig_form("A gig that waits").await).await;
    until_caught_up(services).await;
    assert_eq!(services.public_data_version.current(), before);
}

#[tokio::test]
async fn a_change_invalidates_the_cache_before_it_is_confirmed_on_sqlite() {
    a_change_invalidates_the_cache_before_it_is_confirmed(two_gateways(false).await).await;
}

#[tokio::test]
async fn a_change_invalidates_the_cache_before_it_is_confirmed_on_postgres() {
    a_change_invalidates_the_cache_before_it_is_confirmed(two_gateways(true).await).await;
}

/// The two gateways are not connected: each reads the other's events from the log once a second, but a stream
/// with a cursor reads them at once. After an event of such a stream, the cache must not return an older
/// response.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_after_an_event_never_returns_an_older_response() {
    let app = TestApp::start(Settings::default(), 2).await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gateway_b = app.gateway_b();
    for number in 1..=5 {
        let title = format!("A gig for everybody, number {number}");
        let id = ann.post(app.gig_form(&title).await).await;
        until_caught_up(app.services_b()).await;
        let cursor = text(&gateway_b.run("{ eventCursor }", json!({})).await["eventCursor"]);
        for _ in 0..2 {
            let page = gateway_b.run(BROWSE, json!({ "n": 1 })).await;
            assert_ne!(page["gigs"]["nodes"][0]["title"], json!(title));
        }
        rita.approve(&id).await;
        let mut anonymous = gateway_b.socket().await;
        anonymous.subscribe("feed", GIG_PUBLISHED, json!({ "after": cursor })).await;
        assert_eq!(anonymous.next_event("feed").await["gig"]["title"], json!(title));
        assert_eq!(gateway_b.run(BROWSE, json!({ "n": 1 })).await["gigs"]["nodes"][0]["title"], json!(title));
        app.advance_clock(TimeDelta::seconds(1));
    }
}

pub const BROWSE: &str = "query($n: Int) { gigs(first: $n) { nodes { title seller { displayName } } } }";

async fn a_thousand_identical_requests_are_executed_once(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("A gig for everybody").await).await;
    rita.approve(&id).await;
    let gateway_a = app.gateway_a();
    let requests_with = async |result: &str| {
        metric(&gateway_a, &format!("gigway_answer_cache_requests_total{{result=\"{result}\"}} ")).await
    };
    let (misses, before) = (requests_with("miss").await, app.services().db.statement_count());
    let mut clients = JoinSet::new();
    for _ in 0..1000 {
        let client = gateway_a.clone();
        clients.spawn(async move { client.run(BROWSE, json!({ "n": 3 })).await });
    }
    for response in clients.join_all().await {
        assert_eq!(response["gigs"]["nodes"][0]["title"], "A gig for everybody");
    }
    let statements = app.services().db.statement_count() - before;
    // The gateway also reads the event log once a second.
    assert!(statements < 30, "{statements} statements");
    assert_eq!(requests_with("miss").await - misses, 1);
    assert!(requests_with("joined").await + requests_with("hit").await >= 999);
}

async fn only_public_responses_are_cached(app: TestApp) {
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let id = ann.post(app.gig_form("A gig for everybody").await).await;
    rita.approve(&id).await;
    let gateway_a = app.gateway_a();
    let statements = || app.services().db.statement_count();
    let cost = json!({ "query": BROWSE, "variables": { "n": 2 }, "extensions": { "cost": true } });
    for _ in 0..2 {
        let requests = cacheable_requests(&gateway_a).await;
        ann.client.run(BROWSE, json!({ "n": 2 })).await;
        assert_eq!(requests, cacheable_requests(&gateway_a).await, "a signed-in user");
        let before = statements();
        let response: Value = gateway_a
            .post("/graphql")
            .json(&cost)
            .send()
            .await
            .expect("a response")
            .json()
            .await
            .expect("JSON");
        assert!(statements() > before && response["extensions"]["cost"].is_object(), "{response}");
        let before = statements();
        gateway_a.run("{ eventCursor gigs(first: 1) { totalCount } }", json!({})).await;
        assert!(statements() > before, "the position of the event log");
    }
    // GET requests use the same cached response, with an ETag.
    gateway_a.run(BROWSE, json!({ "n": 2 })).await;
    let hits_before = hits(&gateway_a).await;
    let query = [("query", BROWSE), ("variables", r#"{"n":2}"#)];
    let response = gateway_a.get("/graphql").query(&query).send().await.expect("a response");
    let tag = response.headers()["etag"].clone();
    assert_eq!(response.headers()["cache-control"], "public, max-age=5");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["data"], gateway_a.run(BROWSE, json!({ "n": 2 })).await);
    let revalidated = gateway_a
        .get("/graphql")
        .query(&query)
        .header("if-none-match", tag)
        .send()
        .await
        .expect("a response");
    assert_eq!(revalidated.status(), 304);
    assert_eq!(hits(&gateway_a).await - hits_before, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_stays_below_its_size_limit_and_can_be_disabled() {
    let settings = Settings { cache_bytes: Some("100000".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    for number in 0..500 {
        let query = format!("{{ a{number}: categories {{ id name slug }} }}");
        app.gateway_a().run(&query, json!({})).await;
    }
    let bytes = metric(&app.gateway_a(), "gigway_answer_cache_size_bytes ").await;
    assert!((20_000..=100_000).contains(&bytes), "{bytes}");
    let settings = Settings { cache_bytes: Some("0".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    for _ in 0..2 {
        let before = app.services().db.statement_count();
        app.gateway_a().run(BROWSE, json!({ "n": 2 })).await;
        assert!(app.services().db.statement_count() > before);
    }
    assert_eq!(hits(&app.gateway_a()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cached_response_costs_what_it_contains() {
    let budgets = json!({ "anonymous": { "capacity": 10, "perMinute": 1 } });
    let settings = Settings {
        budgets: Some(budgets.to_string()),
        operation_limits: Some(json!({ "cost": 10 }).to_string()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let gateway_a = app.gateway_a();
    // The page is empty, so it costs 1.
    for number in 0..10 {
        let response = gateway_a.execute(BROWSE, json!({ "n": 1 })).await;
        assert!(response.get("errors").is_none(), "{number}: {response}");
    }
    assert_eq!(hits(&gateway_a).await, 9);
    let codes = gateway_a.error_codes(BROWSE, json!({ "n": 1 })).await;
    assert_eq!(codes, ["RATE_LIMITED"]);
}

on_both_back_ends!(a_thousand_identical_requests_are_executed_once, only_public_responses_are_cached,);
