//! What callers may spend over time, on one gateway and on several.

use chrono::TimeDelta;
use gigway::config::Settings;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::documents::{REFRESH, SIGN_IN};
use crate::support::pictures::small;
use crate::support::servers::{self, OwnRedis};
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

/// A page of 1,000 points: the page, 100 gigs, a seller and a category each, and pictures.
const PAGE: &str =
    "{ gigs(first: 100) { nodes { id seller { id } category { id } images { id } p: price { amount }
    q: price { amount } } } }";
const PAGE_COST: u64 = 1001;

fn settings(budgets: &Value) -> Settings {
    Settings { budgets: Some(budgets.to_string()), ..Settings::default() }
}

async fn shared(budgets: &Value, redis_url: String) -> Settings {
    let database_url = Some(servers::new_postgres_database().await);
    Settings { database_url, redis_url: Some(redis_url), ..settings(budgets) }
}

/// Whether it was answered; how long to wait where it was not.
async fn ask(client: &Client, query: &str, variables: Value) -> Result<Value, u64> {
    let body = json!({ "query": query, "variables": variables, "extensions": { "cost": true } });
    let response = client.post("/graphql").json(&body).send().await.expect("an answer");
    let pause =
        response.headers().get("retry-after").map(|it| it.to_str().expect("text").parse().expect("seconds"));
    let status = response.status();
    let answer: Value = response.json().await.expect("JSON");
    match pause {
        None => Ok(answer),
        Some(pause) => {
            assert_eq!((status.as_u16(), error_codes(&answer)), (429, vec!["RATE_LIMITED".to_owned()]));
            assert_eq!(answer["errors"][0]["extensions"]["retryAfterSeconds"], pause);
            Err(pause)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_charged_what_an_operation_takes_and_told_so() {
    let budgets = json!({ "anonymous": { "capacity": 6000, "perMinute": 600 } });
    let app = TestApp::start(settings(&budgets), 1).await;
    let gateway_a = app.gateway_a();
    let ann = app.member("Ann").await;
    app.pass(TimeDelta::minutes(1)); // what signing in took has run in again
    let answer = ask(&gateway_a, PAGE, json!({})).await.expect("there are points");
    let cost = &answer["extensions"]["cost"];
    // Nothing is listed: it took the page alone, and the rest came back.
    let expected =
        json!({ "requested": PAGE_COST, "actual": 1, "limit": 6000, "remaining": 5999, "perMinute": 600 });
    assert_eq!(cost, &expected);
    assert!(gateway_a.answer(PAGE, json!({})).await.get("extensions").is_none(), "nobody asked");
    let looks = "{ a: __schema { queryType { name } } b: __schema { queryType { name } } c: __schema { queryType { name } } }";
    let mut answered = 0;
    let pause = loop {
        match ask(&gateway_a, looks, json!({})).await {
            Ok(_) => answered += 1,
            Err(pause) => break pause,
        }
    };
    // 300 points each of 5,998, and ten run in each second.
    assert!((19..=20).contains(&answered), "{answered}");
    assert!((1..=30).contains(&pause), "{pause}");
    app.pass(TimeDelta::seconds(i64::try_from(pause).expect("few seconds")));
    ask(&gateway_a, looks, json!({})).await.expect("they have run in again");
    // A person has their own.
    ask(&ann.client, looks, json!({})).await.expect("hers are all there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_and_up_and_uploading_have_budgets_of_their_own() {
    let rule = json!({ "capacity": 3, "perMinute": 1 });
    let app = TestApp::start(settings(&json!({ "signIn": rule, "signUp": rule, "upload": rule })), 1).await;
    let ann = app.member("Ann").await; // the first of three
    let gateway_a = app.gateway_a();
    let input = json!({ "input": { "email": ann.email, "password": PASSWORD } });
    gateway_a.done(SIGN_IN, input.clone()).await;
    // Trades of refresh tokens count with them, and so does each of several in one operation.
    gateway_a.done(REFRESH, json!({ "token": ann.refresh_token })).await;
    let pause = ask(&gateway_a, SIGN_IN, input.clone()).await.expect_err("it was the last");
    assert!((50..=60).contains(&pause), "{pause}");
    app.pass(TimeDelta::minutes(1));
    let twice = "mutation($i: SignInInput!) { a: signIn(input: $i) { errors { code } } b: signIn(input: $i) { errors { code } } }";
    ask(&gateway_a, twice, json!({ "i": input["input"] })).await.expect_err("there is one, and no two");
    // No token makes more of them.
    ask(&ann.client, twice, json!({ "i": input["input"] })).await.expect_err("it is the network's");
    gateway_a.done(SIGN_IN, input).await;
    for _ in 0..3 {
        ann.client.upload_picture(small()).await;
    }
    let refused = ann.client.upload_request(small()).send().await.expect("an answer");
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.json::<Value>().await.expect("JSON")["errors"][0]["extensions"]["budget"], "upload");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_count_together() {
    let budgets = json!({ "anonymous": { "capacity": 10_000, "perMinute": 1 } });
    let app = TestApp::start(shared(&budgets, servers::redis_url()).await, 2).await;
    let look = "{ __schema { queryType { name } } }";
    let mut answered = 0;
    let gateways = [app.gateway_a(), app.gateway_b()];
    let mut refused = [false; 2];
    while refused != [true; 2] {
        for (gateway, refused) in gateways.iter().zip(&mut refused) {
            match ask(gateway, look, json!({})).await {
                Ok(_) => answered += 1,
                Err(_) => *refused = true,
            }
        }
        assert!(answered <= 120, "each gateway counts by itself");
    }
    // 100 points each of 10,000: none more, and few fewer, however many gateways hold some.
    assert!((80..=100).contains(&answered), "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_are_counted_also_while_redis_is_away() {
    let mut redis = OwnRedis::away();
    let rule = json!({ "capacity": 3, "perMinute": 0 });
    let app = TestApp::start(shared(&json!({ "signIn": rule }), redis.url()).await, 2).await;
    let wrong = json!({ "input": { "email": "nobody@example.com", "password": "not the password" } });
    let spend = async |client: &Client| {
        let mut answered = 0;
        while ask(client, SIGN_IN, wrong.clone()).await.is_ok() {
            answered += 1;
            assert!(answered <= 6, "nobody counts");
        }
        answered
    };
    assert_eq!(spend(&app.gateway_a()).await, 3, "by itself");
    redis.start().await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(spend(&app.gateway_b()).await, 3, "in Redis, which knows of none");
    redis.kill();
    assert_eq!(spend(&app.gateway_b()).await, 3, "by itself, which it has not done yet");
    assert_eq!(spend(&app.gateway_b()).await, 0);
    assert_eq!(spend(&app.gateway_a()).await, 0);
}
