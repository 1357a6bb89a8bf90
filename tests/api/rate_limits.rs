//! Rate limits: the cost that a caller can spend over time, on one gateway and on several.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::join_all;
use gigway::config::Settings;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::documents::{REFRESH, SIGN_IN};
use crate::support::proxy::{Proxy, wait_until};
use crate::support::raw_connection::RawConnection;
use crate::support::sample_images::small_png;
use crate::support::servers::{self, TestRedis};
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

/// A query with an estimated cost of 1,001: the page, 100 gigs, and for each the seller, the category, images
/// and prices.
const PAGE: &str =
    "{ gigs(first: 100) { nodes { id seller { id } category { id } images { id } p: price { amount }
    q: price { amount } } } }";
const PAGE_COST: u64 = 1001;

fn with_rate_limits(budgets: &Value) -> Settings {
    Settings { budgets: Some(budgets.to_string()), ..Settings::default() }
}

async fn with_shared_rate_limits(budgets: &Value, redis_url: String) -> Settings {
    let database_url = Some(servers::new_postgres_database().await);
    Settings { database_url, redis_url: Some(redis_url), ..with_rate_limits(budgets) }
}

/// Executes an operation. Returns the response, or the seconds to wait if the rate limit was exceeded.
async fn execute(client: &Client, query: &str, variables: Value) -> Result<Value, u64> {
    let body = json!({ "query": query, "variables": variables, "extensions": { "cost": true } });
    let response = client.post("/graphql").json(&body).send().await.expect("a response");
    let wait =
        response.headers().get("retry-after").map(|it| it.to_str().expect("text").parse().expect("seconds"));
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    match wait {
        None => Ok(body),
        Some(wait) => {
            assert_eq!((status.as_u16(), error_codes(&body)), (429, vec!["RATE_LIMITED".to_owned()]));
            assert_eq!(body["errors"][0]["extensions"]["retryAfterSeconds"], wait);
            Err(wait)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_charged_the_actual_cost_of_an_operation() {
    let budgets = json!({ "anonymous": { "capacity": 6000, "perMinute": 600 } });
    let app = TestApp::start(with_rate_limits(&budgets), 1).await;
    let gateway_a = app.gateway_a();
    let ann = app.member("Ann").await;
    app.advance_clock(TimeDelta::minutes(1)); // refills what signing in has cost
    let response = execute(&gateway_a, PAGE, json!({})).await.expect("within the limit");
    let cost = &response["extensions"]["cost"];
    // Nothing is listed: only the page is charged, and the rest of the estimate is refunded.
    let expected =
        json!({ "requested": PAGE_COST, "actual": 1, "limit": 6000, "remaining": 5999, "perMinute": 600 });
    assert_eq!(cost, &expected);
    assert!(
        gateway_a.execute(PAGE, json!({})).await.get("extensions").is_none(),
        "the cost is only sent on request"
    );
    let introspection = "{ a: __schema { queryType { name } } b: __schema { queryType { name } } c: __schema { queryType { name } } }";
    let mut answered = 0;
    let wait = loop {
        match execute(&gateway_a, introspection, json!({})).await {
            Ok(_) => answered += 1,
            Err(wait) => break wait,
        }
    };
    // Each costs 300 of the remaining 5,998; ten are refilled per second.
    assert!((19..=20).contains(&answered), "{answered}");
    assert!((1..=30).contains(&wait), "{wait}");
    app.advance_clock(TimeDelta::seconds(i64::try_from(wait).expect("few seconds")));
    execute(&gateway_a, introspection, json!({})).await.expect("refilled");
    // A user has their own limit.
    execute(&ann.client, introspection, json!({})).await.expect("within her own limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_in_sign_up_and_upload_have_separate_rate_limits() {
    let rule = json!({ "capacity": 3, "perMinute": 1 });
    let app =
        TestApp::start(with_rate_limits(&json!({ "signIn": rule, "signUp": rule, "upload": rule })), 1).await;
    let ann = app.member("Ann").await; // the first sign-in of three
    let gateway_a = app.gateway_a();
    let input = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    gateway_a.mutate(SIGN_IN, input.clone()).await;
    gateway_a.mutate(SIGN_IN, input.clone()).await;
    // Refreshing a session does not count as a sign-in.
    gateway_a.mutate(REFRESH, json!({ "token": ann.refresh_token })).await;
    let wait = execute(&gateway_a, SIGN_IN, input.clone()).await.expect_err("all three are spent");
    assert!((50..=60).contains(&wait), "{wait}");
    app.advance_clock(TimeDelta::minutes(1));
    let twice = "mutation($i: SignInInput!) { a: signIn(input: $i) { errors { code } } b: signIn(input: $i) { errors { code } } }";
    execute(&gateway_a, twice, json!({ "i": input["input"] }))
        .await
        .expect_err("two sign-ins in one operation, but one is left");
    // Sign-ins are limited by network, so an access token does not help.
    execute(&ann.client, twice, json!({ "i": input["input"] })).await.expect_err("limited by network");
    gateway_a.mutate(SIGN_IN, input).await;
    for _ in 0..3 {
        ann.client.upload_image(small_png()).await;
    }
    let refused = ann.client.upload_request(small_png()).send().await.expect("a response");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.json::<Value>().await.expect("JSON")["errors"][0]["extensions"]["budget"], "upload");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_share_rate_limits_through_redis() {
    let budgets = json!({ "anonymous": { "capacity": 10_000, "perMinute": 1 } });
    let app = TestApp::start(with_shared_rate_limits(&budgets, servers::redis_url()).await, 2).await;
    let query = "{ __schema { queryType { name } } }";
    let mut answered = 0;
    let gateways = [app.gateway_a(), app.gateway_b()];
    let mut refused = [false; 2];
    while refused != [true; 2] {
        for (gateway, refused) in gateways.iter().zip(&mut refused) {
            match execute(gateway, query, json!({})).await {
                Ok(_) => answered += 1,
                Err(_) => *refused = true,
            }
        }
        assert!(answered <= 120, "the gateways do not share the limit");
    }
    // Each costs 100 of 10,000.
    assert_eq!(answered, 100);
}

/// Waits until the gateway uses the buckets in Redis, by charging a limit that the test does not count.
async fn until_shared(gateway: &Client, redis: &TestRedis) {
    let server = redis::Client::open(redis.url()).expect("a URL");
    let mut connection = server.get_multiplexed_async_connection().await.expect("Redis responds");
    wait_until("a bucket is in Redis", async || {
        gateway.run("{ __schema { queryType { name } } }", json!({})).await;
        let buckets: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await.expect("a number");
        buckets > 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_are_limited_per_gateway_while_redis_is_down() {
    let mut redis = TestRedis::stopped();
    let rule = json!({ "capacity": 3, "perMinute": 0 });
    let app = TestApp::start(with_shared_rate_limits(&json!({ "signIn": rule }), redis.url()).await, 2).await;
    let wrong_password =
        json!({ "input": { "email": "nobody@example.com", "password": "not the password" } });
    let spend = async |client: &Client| {
        let mut answered = 0;
        while execute(client, SIGN_IN, wrong_password.clone()).await.is_ok() {
            answered += 1;
            assert!(answered <= 6, "sign-ins are not limited");
        }
        answered
    };
    assert_eq!(spend(&app.gateway_a()).await, 3, "without Redis");
    redis.start().await;
    until_shared(&app.gateway_b(), &redis).await;
    assert_eq!(spend(&app.gateway_b()).await, 3, "in Redis, which has no count yet");
    redis.kill();
    assert_eq!(spend(&app.gateway_b()).await, 0, "this gateway counted, too, while it used Redis");
    assert_eq!(spend(&app.gateway_a()).await, 0);
}

/// Sends operations of cost 100 at once, in turn to each gateway. Returns how many were executed.
async fn execute_at_once(gateways: &[Client], count: usize) -> usize {
    let query = "{ __schema { queryType { name } } }";
    let requests = gateways.iter().cycle().take(count).map(|gateway| execute(gateway, query, json!({})));
    join_all(requests).await.into_iter().flatten().count()
}

/// What the bucket holds after an operation of cost 1.
async fn remaining(gateway: &Client) -> u64 {
    let response = execute(gateway, "{ eventCursor }", json!({})).await.expect("within the limit");
    response["extensions"]["cost"]["remaining"].as_u64().expect("a number")
}

/// 6,000 tokens that never refill, and operations that ask for the cost of a page.
fn never_refilled() -> Value {
    json!({ "anonymous": { "capacity": 6000, "perMinute": 0 } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_operations_never_exceed_the_capacity() {
    let alone = TestApp::start(with_rate_limits(&never_refilled()), 1).await;
    assert_eq!(execute_at_once(&[alone.gateway_a()], 100).await, 60, "without Redis");
    let settings = with_shared_rate_limits(&never_refilled(), servers::redis_url()).await;
    let one = TestApp::start(settings, 1).await;
    assert_eq!(execute_at_once(&[one.gateway_a()], 100).await, 60, "one gateway with Redis");
    let settings = with_shared_rate_limits(&never_refilled(), servers::redis_url()).await;
    let two = TestApp::start(settings, 2).await;
    assert_eq!(execute_at_once(&[two.gateway_a(), two.gateway_b()], 100).await, 60, "two gateways");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_redis_still_limits_all_gateways_together() {
    let redis = servers::redis_url();
    let proxy = Proxy::start(redis.trim_start_matches("redis://").to_owned()).await;
    proxy.delay_answers(Duration::from_millis(250));
    let settings = with_shared_rate_limits(&never_refilled(), format!("redis://{}", proxy.address)).await;
    let app = TestApp::start(settings, 2).await;
    assert_eq!(execute_at_once(&[app.gateway_a(), app.gateway_b()], 200).await, 60);
    proxy.cut();
    assert_eq!(
        execute_at_once(&[app.gateway_a()], 100).await + execute_at_once(&[app.gateway_b()], 100).await,
        60,
        "each gateway alone stays within the capacity, with what it has executed before"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_never_raise_a_balance_above_the_capacity() {
    for redis in [false, true] {
        let settings = if redis {
            with_shared_rate_limits(&never_refilled(), servers::redis_url()).await
        } else {
            with_rate_limits(&never_refilled())
        };
        let app = TestApp::start(settings, 1).await;
        let gateway = app.gateway_a();
        let pages = join_all((0..40).map(|_| execute(&gateway, PAGE, json!({})))).await;
        let executed = u64::try_from(pages.iter().filter(|page| page.is_ok()).count()).expect("few");
        assert!(executed >= 5, "{executed}");
        // Each page costs 1 in the end. In Redis, refunds arrive in the background.
        wait_until("the refunds arrive", async || remaining(&gateway).await > 5900).await;
        assert!(remaining(&gateway).await <= 6000 - executed, "{executed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_behind_a_trusted_proxy_have_their_own_limits() {
    let settings =
        Settings { trusted_proxies: Some("127.0.0.0/8".into()), ..with_rate_limits(&never_refilled()) };
    let app = TestApp::start(settings, 1).await;
    let gateway = app.gateway_a();
    let remaining = async |forwarded_for: &str| {
        let body = json!({ "query": "{ __schema { queryType { name } } }", "extensions": { "cost": true } });
        let request = gateway.post("/graphql").header("x-forwarded-for", forwarded_for).json(&body);
        let body: Value = request.send().await.expect("a response").json().await.expect("JSON");
        body["extensions"]["cost"]["remaining"].as_u64().expect("a number")
    };
    assert_eq!(remaining("203.0.113.7:4711").await, 5900);
    assert_eq!(remaining("198.51.100.1, 203.0.113.7:4712").await, 5800, "the same client");
    assert_eq!(remaining("[2001:db8::1]:4711").await, 5900);
    assert_eq!(remaining("\"[2001:db8::2]\"").await, 5800, "the same /64 network");
    assert_eq!(remaining("unknown").await, 5900, "counted under the address of the proxy");
    assert_eq!(remaining("203.0.113.7, _hidden").await, 5800);
    let metrics =
        app.gateway_a().get("/metrics").send().await.expect("a response").text().await.expect("text");
    assert!(metrics.contains("gigway_unreadable_client_addresses_total 2"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_one_limit_refuses_is_charged_for_no_other() {
    let budgets = json!({
        "signIn": { "capacity": 3, "perMinute": 0 },
        "signUp": { "capacity": 1, "perMinute": 0 },
    });
    let app = TestApp::start(with_rate_limits(&budgets), 1).await;
    let email = app.member_without_session("Ann").await;
    let gateway_a = app.gateway_a();
    let both = "mutation($i: SignInInput!, $u: SignUpInput!) { signIn(input: $i) { errors { code } }
        a: signUp(input: $u) { errors { code } } b: signUp(input: $u) { errors { code } } }";
    let sign_in = json!({ "email": email, "password": PASSWORD });
    let sign_up = json!({ "email": "bob@example.com", "displayName": "Bob", "password": PASSWORD });
    for _ in 0..5 {
        let refused = execute(&gateway_a, both, json!({ "i": sign_in, "u": sign_up })).await;
        refused.expect_err("two sign-ups in one operation, but one is allowed");
    }
    for _ in 0..3 {
        execute(&gateway_a, SIGN_IN, json!({ "input": sign_in })).await.expect("no sign-in was charged");
    }
    execute(&gateway_a, SIGN_IN, json!({ "input": sign_in })).await.expect_err("all three are spent");
}

/// Sends a request and a body that announces more than it has, from this address. Returns the response.
async fn send_from(source: [u8; 4], app: &TestApp, request: &str) -> String {
    let mut connection = RawConnection::open_from(source, app.gateway_a().address).await;
    connection
        .send(format!(
            "{request}\r\nhost: gigway\r\norigin: http://localhost:3000\r\nconnection: close\r\n\r\n"
        ))
        .await;
    connection.read_text().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_request_counts_for_the_limit_of_its_network() {
    const CAPACITY: usize = 20;
    let budgets = json!({ "requests": { "capacity": CAPACITY, "perMinute": 1 } });
    let app = TestApp::start(with_rate_limits(&budgets), 1).await;
    let requests = [
        "GET /readyz HTTP/1.1",
        "GET /livez HTTP/1.1",
        "GET /media/img_00000000000000000000000000.jpg HTTP/1.1",
        "GET /identity-documents/doc_00000000000000000000000000?expires=1&signature=a HTTP/1.1",
        "GET /nowhere HTTP/1.1",
        "DELETE /graphql HTTP/1.1",
        "OPTIONS /graphql HTTP/1.1\r\naccess-control-request-method: POST",
        "OPTIONS /nowhere HTTP/1.1",
        "GET /graphql?query={__typename} HTTP/1.1",
        "POST /graphql HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: 0",
        "POST /graphql HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 0",
        "POST /graphql HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 0",
    ];
    for (number, request) in requests.iter().enumerate() {
        // Each from a network of its own, of which it is the only kind of request.
        let source = [127, 0, 1, u8::try_from(number).expect("few") + 1];
        for _ in 0..CAPACITY {
            let response = send_from(source, &app, request).await;
            assert!(
                response.starts_with("HTTP/1.1 ") && !response.contains(" 429 "),
                "{request}: {response}"
            );
        }
        let refused = send_from(source, &app, request).await.to_lowercase();
        assert!(refused.starts_with("http/1.1 429 "), "{request}: {refused}");
        for part in
            ["rate_limited", "\"budget\":\"requests\"", "retry-after: ", "access-control-allow-origin"]
        {
            assert!(refused.contains(part), "{request}: no {part} in {refused}");
        }
    }
    let other = send_from([127, 0, 2, 1], &app, requests[0]).await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_sockets_wait_when_their_network_has_sent_too_many() {
    let budgets = json!({ "requests": { "capacity": 30, "perMinute": 60 } });
    let app = TestApp::start(with_rate_limits(&budgets), 1).await;
    let mut socket = app.gateway_a().socket().await;
    // Pings, pings with credentials, refused and valid operations.
    for number in 0..10 {
        socket.send(json!({ "type": "ping" })).await;
        socket.send(json!({ "type": "ping", "payload": { "authorization": "" } })).await;
        socket.subscribe(&format!("refused {number}"), "{ nope }", json!({})).await;
    }
    socket.subscribe("last", "{ __typename }", json!({})).await;
    // The upgrade and the init have taken two of the tokens, so the last messages wait.
    let mut received = Vec::new();
    while received.len() < 28 {
        received.push(socket.receive().await);
    }
    socket.expect_silence("last").await;
    // Nothing is lost, and the order stays.
    app.advance_clock(TimeDelta::seconds(3));
    assert_eq!(socket.receive().await["type"], "pong");
    assert_eq!(socket.receive().await["id"], "refused 9");
    assert_eq!(socket.receive_for("last").await["payload"]["data"]["__typename"], "Query");
}
