//! Whatever some clients read, others get connections to the database: an operation uses two at a time, anonymous
//! clients none of those of users, and nobody's reads those of sessions, writes and health checks.

use std::time::Duration;

use gigway::config::Settings;
use gigway::store::{Database, DatabaseTime, FailureKind, ReaderKind, Transaction, failure_kind};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::client::{Client, error_codes, text};
use crate::support::documents::{GIG_PUBLISHED, PAUSE_GIG, SAVE_DRAFT};
use crate::support::proxy::wait_until;
use crate::support::sample_images::small_png;
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::TestUser;

/// The sizes of the pools on PostgreSQL.
const ANONYMOUS: i64 = 6;
const SIGNED_IN: i64 = 6;
const WRITERS: i64 = 8;

/// A gateway on PostgreSQL, and a connection of somebody else who can lock all gigs.
struct LockedMarket {
    app: TestApp,
    other: Database,
    ann: TestUser,
    gig: String,
}

impl LockedMarket {
    async fn start() -> Self {
        Self::start_with(json!({})).await
    }

    async fn start_with(budgets: Value) -> Self {
        let url = servers::new_postgres_database().await;
        let limits = json!({ "querySeconds": 25, "mutationSeconds": 25 });
        let settings = Settings {
            database_url: Some(url.clone()),
            operation_limits: Some(limits.to_string()),
            budgets: Some(budgets.to_string()),
            ..Settings::default()
        };
        let app = TestApp::start(settings, 1).await;
        let ann = app.member("Ann").await;
        let mut form = app.gig_form("I will write a song for you").await;
        form["imageIds"] = json!([ann.client.upload_image(small_png()).await]);
        let gig = ann.post(form).await;
        app.reviewer("Rita").await.approve(&gig).await;
        let other = Database::connect_postgres(&url, Duration::from_mins(1)).await.expect("a connection");
        Self { app, other, ann, gig }
    }

    /// Locks all gigs until the returned transaction ends.
    async fn lock_gigs(&self) -> Transaction {
        let lock = self.other.begin().await.expect("a transaction");
        lock.execute_unprepared("LOCK TABLE gig IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
        lock
    }

    /// How many statements wait for the lock. Each has a connection.
    async fn waiting(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let row = self.other.read().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
        row.expect("a response").expect("a row").try_get_by_index(0).expect("a number")
    }

    /// Waits until this many statements wait, and checks that there are not more.
    async fn expect_waiting(&self, expected: i64) {
        wait_until("statements wait", async || self.waiting().await >= expected).await;
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(self.waiting().await <= expected);
        }
    }

    /// Everything that does not read gigs still works.
    async fn expect_reserves(&self) {
        let user = self.app.sign_in("ann@example.com").await;
        let name = user.client.run("{ viewer { email } }", json!({})).await;
        assert_eq!(name["viewer"]["email"], "ann@example.com");
        let (status, response) = self.app.gateway_a().fetch("/readyz").await;
        let report: Value = response.json().await.expect("JSON");
        assert_eq!((status.as_u16(), &report["status"]), (200, &json!("ready")));
        user.client.mutate("mutation { signOut { sessionsEnded errors { code } } }", json!({})).await;
    }
}

/// A request with as many root fields as an attacker would send, each a list with counts and facets. No two
/// requests are equal, so they do not share an execution.
fn send_heavy(client: &Client, number: usize) -> JoinHandle<Value> {
    let list = "totalCount nodes { title } facets { tags { count } priceRanges { count } }";
    let fields: Vec<String> = (0..28)
        .map(|field| {
            format!(
                "a{field}: gigs(first: 2, where: {{ maxDeliveryDays: {} }}) {{ {list} }} ",
                1 + number % 80
            )
        })
        .collect();
    let client = client.clone();
    tokio::spawn(async move { client.execute(&format!("{{ {} }}", fields.concat()), json!({})).await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_uses_two_connections_at_a_time() {
    let market = LockedMarket::start().await;
    for client in [market.app.gateway_a(), market.ann.client.clone()] {
        let lock = market.lock_gigs().await;
        let request = send_heavy(&client, 1);
        market.expect_waiting(2).await;
        lock.rollback().await.expect("unlocked");
        let response = request.await.expect("no panic");
        assert!(error_codes(&response).is_empty(), "{response:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anonymous_clients_use_no_connections_of_users() {
    let market = LockedMarket::start().await;
    let lock = market.lock_gigs().await;
    let requests: Vec<_> = (0..20).map(|number| send_heavy(&market.app.gateway_a(), number)).collect();
    market.expect_waiting(ANONYMOUS).await;
    market.expect_reserves().await;
    let query = "{ viewer { email verification { status queuePosition } } categories { id } }";
    let viewer = market.ann.client.run(query, json!({})).await;
    assert_eq!(viewer["viewer"]["email"], "ann@example.com");
    // Users have their own connections, which now wait, too.
    let gig = tokio::spawn({
        let (client, id) = (market.ann.client.clone(), market.gig.clone());
        async move { client.run("query($id: ID!) { gig(id: $id) { status } }", json!({ "id": id })).await }
    });
    market.expect_waiting(ANONYMOUS + 1).await;
    lock.rollback().await.expect("unlocked");
    assert_eq!(gig.await.expect("no panic")["gig"]["status"], "ACTIVE");
    for request in requests {
        let response = request.await.expect("no panic");
        let codes = error_codes(&response);
        let is_expected = |code: &String| ["TIMED_OUT", "SERVICE_UNAVAILABLE"].contains(&code.as_str());
        assert!(codes.iter().all(is_expected), "{codes:?}");
    }
    market.app.gateway_a().run("{ gigs(first: 3) { totalCount } }", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_leave_connections_for_sessions_writes_and_health_checks() {
    let market = LockedMarket::start().await;
    let lock = market.lock_gigs().await;
    let requests: Vec<_> = (0..10).map(|number| send_heavy(&market.ann.client, number)).collect();
    market.expect_waiting(SIGNED_IN).await;
    market.expect_reserves().await;
    market.app.gateway_a().run("{ categories { id } }", json!({})).await;
    lock.rollback().await.expect("unlocked");
    for request in requests {
        request.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_leave_connections_for_reads_and_health_checks() {
    let market = LockedMarket::start().await;
    let lock = market.lock_gigs().await;
    let requests: Vec<_> = (0..12)
        .map(|_| {
            let (client, variables) = (market.ann.client.clone(), json!({ "id": market.gig }));
            tokio::spawn(async move { client.execute(PAUSE_GIG, variables).await })
        })
        .collect();
    market.expect_waiting(WRITERS).await;
    let viewer = market.ann.client.run("{ viewer { email verification { status } } }", json!({})).await;
    assert_eq!(viewer["viewer"]["verification"]["status"], "NOT_STARTED");
    market.app.gateway_a().run("{ categories { name } }", json!({})).await;
    assert_eq!(market.app.gateway_a().fetch("/readyz").await.0, 200);
    lock.rollback().await.expect("unlocked");
    for request in requests {
        request.await.expect("no panic");
    }
    assert_eq!(market.ann.status(&market.gig).await, "PAUSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_of_an_anonymous_client_is_stopped() {
    let market = LockedMarket::start().await;
    let image = market
        .ann
        .client
        .run("query($id: ID!) { gig(id: $id) { images { url } } }", json!({ "id": market.gig }));
    let url = text(&image.await["gig"]["images"][0]["url"]);
    let path = url.split_once("/media/").expect("a path").1.to_owned();
    let lock = market.lock_gigs().await;
    let of_user = tokio::spawn({
        let client = market.ann.client.clone();
        async move { client.execute("{ gigs { totalCount } }", json!({})).await }
    });
    let anonymous = market.app.gateway_a();
    for query in ["{ gigs { totalCount } }", "{ gigs(search: \"song\") { nodes { id } } }"] {
        let response = anonymous.post("/graphql").json(&json!({ "query": query })).send().await;
        let response = response.expect("a response");
        assert_eq!(response.status(), 504, "{query}");
        let response: Value = response.json().await.expect("JSON");
        assert_eq!(error_codes(&response), ["TIMED_OUT"], "{response}");
        assert!(text(&response["errors"][0]["message"]).contains("Reading the data took too long"));
    }
    let (status, response) = anonymous.fetch(&format!("/media/{path}")).await;
    assert_eq!(status, 504);
    assert_eq!(error_codes(&response.json().await.expect("JSON")), ["TIMED_OUT"]);
    // By now, a user's statement has waited longer than that.
    assert!(!of_user.is_finished());
    lock.rollback().await.expect("unlocked");
    assert_eq!(of_user.await.expect("no panic")["data"]["gigs"]["totalCount"], 1);
    assert_eq!(anonymous.fetch(&format!("/media/{path}")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_health_check_does_not_wait_for_the_keys() {
    let market = LockedMarket::start().await;
    let lock = market.other.begin().await.expect("a transaction");
    lock.execute_unprepared("LOCK TABLE gigway_keys.data_key IN ACCESS EXCLUSIVE MODE")
        .await
        .expect("a lock");
    let (status, response) = market.app.gateway_a().fetch("/readyz").await;
    let report: Value = response.json().await.expect("JSON");
    assert_eq!((status.as_u16(), &report["status"]), (200, &json!("degraded")), "{report}");
    assert!(report.to_string().contains("not known whether keys"), "{report}");
    lock.rollback().await.expect("unlocked");
    wait_until("it is ready", async || {
        let (_, response) = market.app.gateway_a().fetch("/readyz").await;
        response.json::<Value>().await.expect("JSON")["status"] == "ready"
    })
    .await;
}

/// A statement of SQLite that never ends.
const ENDLESS: &str =
    "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number) SELECT COUNT(*) FROM number";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_statements_on_sqlite_delay_only_anonymous_clients_and_are_stopped() {
    let app = TestApp::on_sqlite().await;
    let (ann, rita) = (app.member("Ann").await, app.reviewer("Rita").await);
    let gig = ann.post(app.gig_form("I will write a song for you").await).await;
    let mut of_user = ann.client.socket().await;
    of_user.subscribe("new", GIG_PUBLISHED, json!({})).await;
    let mut of_visitor = app.gateway_a().socket().await;
    of_visitor.subscribe("new", GIG_PUBLISHED, json!({})).await;
    let endless: Vec<_> = (0..6)
        .map(|_| {
            let reader = app.services().db.reader(ReaderKind::Anonymous, DatabaseTime::default());
            tokio::spawn(async move {
                reader.query_one_raw(Statement::from_string(DbBackend::Sqlite, ENDLESS)).await.err()
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    rita.approve(&gig).await;
    assert_eq!(of_user.next_event("new").await["gig"]["title"], "I will write a song for you");
    ann.client
        .run("{ gigs { totalCount nodes { seller { displayName } } } viewer { email } }", json!({}))
        .await;
    ann.client.mutate(SAVE_DRAFT, json!({ "input": { "title": "A song" } })).await;
    assert_eq!(app.gateway_a().fetch("/readyz").await.0, 200);
    assert!(!endless.iter().all(JoinHandle::is_finished));
    for task in endless {
        let error = task.await.expect("no panic").expect("it is stopped");
        let kind = failure_kind(&error);
        assert!(matches!(kind, FailureKind::TimedOut | FailureKind::Unavailable), "{error}");
    }
    // The event of anonymous clients is only late.
    assert_eq!(of_visitor.next_event("new").await["gig"]["title"], "I will write a song for you");
    app.gateway_a().run("{ gigs { totalCount } }", json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_time_beyond_the_cost_is_charged_afterwards() {
    let market = LockedMarket::start_with(json!({ "anonymous": { "capacity": 20_000, "perMinute": 1 },
        "viewer": { "capacity": 20_000, "perMinute": 1 } }))
    .await;
    // Asks for nothing but the cost.
    let remaining = async |client: &Client| {
        let body = json!({ "query": "{ eventCursor }", "extensions": { "cost": true } });
        let response = client.post("/graphql").json(&body).send().await.expect("a response");
        let response: Value = response.json().await.expect("JSON");
        response["extensions"]["cost"]["remaining"].as_u64().unwrap_or_else(|| panic!("{response}"))
    };
    let anonymous = market.app.gateway_a();
    for (client, seconds) in [(&anonymous, 2), (&market.ann.client, 1)] {
        let before = remaining(client).await;
        let lock = market.lock_gigs().await;
        let body = json!({ "query": "{ gigs { totalCount } }", "extensions": { "cost": true } });
        let request = tokio::spawn(client.post("/graphql").json(&body).send());
        // The statement of an anonymous client is stopped after two seconds.
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        if seconds == 1 {
            lock.rollback().await.expect("unlocked");
        }
        let response = request.await.expect("no panic").expect("a response");
        let response: Value = response.json().await.expect("JSON");
        let cost = &response["extensions"]["cost"];
        let (requested, actual) = (cost["requested"].as_u64(), cost["actual"].as_u64());
        assert_eq!(requested, Some(1 + 20), "{response}");
        let least = 900 * seconds;
        assert!(actual.is_some_and(|actual| actual >= least), "{response}");
        let spent = before - remaining(client).await;
        assert!((least..30_000).contains(&spent), "{spent} points");
    }
    // An operation that its client cancels has taken the time all the same.
    let before = remaining(&market.ann.client).await;
    let lock = market.lock_gigs().await;
    let mut socket = market.ann.client.socket().await;
    socket.subscribe("cancelled", "{ gigs { totalCount } }", json!({})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    socket.complete("cancelled").await;
    wait_until("the time is charged", async || before - remaining(&market.ann.client).await > 800).await;
    lock.rollback().await.expect("unlocked");
    // A fast operation costs what it returns.
    let response = market.ann.client.post("/graphql");
    let body = json!({ "query": "{ viewer { email user { id } } }", "extensions": { "cost": true } });
    let response: Value = response.json(&body).send().await.expect("a response").json().await.expect("JSON");
    assert_eq!(response["extensions"]["cost"]["actual"], 2, "{response}");
}
