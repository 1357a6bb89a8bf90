//! Failed sign-ins and refreshes: what stops an attacker must not lock out others.

use std::time::{Duration, Instant};

use gigway::config::Settings;
use serde_json::{Value, json};

use crate::support::client::{Client, error_codes};
use crate::support::documents::{REFRESH, SIGN_IN};
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

const WRONG: &str = "not the password";

fn behind_a_proxy() -> Settings {
    Settings { trusted_proxies: Some("127.0.0.1".into()), ..Settings::default() }
}

/// Signs in from a network. Returns OK or the code of the error.
async fn sign_in(client: &Client, network: &str, email: &str, password: &str) -> String {
    let variables = json!({ "input": { "email": email, "password": password } });
    let body = json!({ "query": SIGN_IN, "variables": variables });
    let request = client.post("/graphql").header("x-forwarded-for", network).json(&body);
    let response = request.send().await.expect("a response");
    let (status, wait) = (response.status(), response.headers().get("retry-after").cloned());
    let response: Value = response.json().await.expect("JSON");
    if let Some(code) = error_codes(&response).first() {
        assert_eq!((status.as_u16(), wait.is_some()), (429, true));
        return code.clone();
    }
    let payload = &response["data"]["signIn"];
    payload["errors"][0]["code"].as_str().unwrap_or("OK").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_sign_ins_lock_an_account_only_at_their_network() {
    // The limits of production.
    let budgets = json!({ "signIn": { "capacity": 30, "perMinute": 30 } });
    let app = TestApp::start(Settings { budgets: Some(budgets.to_string()), ..behind_a_proxy() }, 1).await;
    let ann = app.member("Ann").await;
    let client = app.gateway_a();
    for number in 0..60 {
        let expected = if number < 10 { "WRONG_CREDENTIALS" } else { "RATE_LIMITED" };
        assert_eq!(sign_in(&client, "203.0.113.7", &ann.email, WRONG).await, expected, "{number}");
    }
    // Even with the right password.
    assert_eq!(sign_in(&client, "203.0.113.7", &ann.email, PASSWORD).await, "RATE_LIMITED");
    for network in ["203.0.113.8", "2001:db8::1"] {
        assert_eq!(sign_in(&client, network, &ann.email, PASSWORD).await, "OK", "{network}");
    }
    // Honest people of the attacker's network, who have never signed in there before.
    for number in 0..20 {
        let colleague = app.member_without_session(&format!("Colleague{number}")).await;
        assert_eq!(sign_in(&client, "203.0.113.7", &colleague, PASSWORD).await, "OK", "{number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_failures_of_an_account_delay_only_new_networks() {
    let settings = Settings { sign_in_failures_per_account: Some("1".into()), ..behind_a_proxy() };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let client = app.gateway_a();
    assert_eq!(sign_in(&client, "[2001:db8::1]:4711", &ann.email, PASSWORD).await, "OK");
    // The second waits for a second, later ones for five.
    for number in 0..2 {
        let network = format!("203.0.113.{number}");
        assert_eq!(sign_in(&client, &network, &ann.email, WRONG).await, "WRONG_CREDENTIALS");
    }
    let started = Instant::now();
    assert_eq!(sign_in(&client, "198.51.100.1", &ann.email, PASSWORD).await, "OK");
    assert!(started.elapsed() >= Duration::from_secs(5), "a new network waits");
    // Networks where she signed in before do not wait.
    for network in ["2001:db8::2", "198.51.100.1"] {
        let started = Instant::now();
        assert_eq!(sign_in(&client, network, &ann.email, PASSWORD).await, "OK");
        assert!(started.elapsed() < Duration::from_secs(5), "{network}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_failures_from_a_network_delay_but_never_refuse_others() {
    let settings = Settings { sign_in_failures_per_address: Some("4".into()), ..behind_a_proxy() };
    let app = TestApp::start(settings, 1).await;
    let bob = app.member("Bob").await;
    let client = app.gateway_a();
    for number in 0..4 {
        let nobody = format!("nobody{number}@example.com");
        assert_eq!(sign_in(&client, "203.0.113.7", &nobody, WRONG).await, "WRONG_CREDENTIALS");
    }
    let started = Instant::now();
    assert_eq!(sign_in(&client, "203.0.113.7", &bob.email, PASSWORD).await, "OK");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_refreshes_its_sessions_from_one_address() {
    let rule = json!({ "capacity": 2, "perMinute": 0 });
    let settings = Settings { budgets: Some(json!({ "refresh": rule }).to_string()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let client = app.gateway_a();
    let refresh = async |token: &str| client.execute(REFRESH, json!({ "token": token })).await;
    let mut tokens = Vec::new();
    for number in 0..8 {
        tokens.push(app.member(&format!("Member{number}")).await.refresh_token);
    }
    for token in &mut tokens {
        for _ in 0..2 {
            let response = refresh(token).await;
            let new = response["data"]["refreshSession"]["session"]["refreshToken"].as_str();
            *token = new.unwrap_or_else(|| panic!("{response}")).to_owned();
        }
        let limited = refresh(token).await;
        assert_eq!(error_codes(&limited), ["RATE_LIMITED"]);
        assert_eq!(limited["errors"][0]["extensions"]["budget"], "refresh");
    }
    // Unknown tokens are counted by network, whatever they are.
    for number in 0..2 {
        let response = refresh(&format!("guess {number}")).await;
        assert_eq!(response["data"]["refreshSession"]["errors"][0]["code"], "WRONG_CREDENTIALS");
    }
    assert_eq!(error_codes(&refresh("guess 3").await), ["RATE_LIMITED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_retry_of_the_last_refresh_is_answered() {
    let rule = json!({ "capacity": 1, "perMinute": 0 });
    let settings = Settings { budgets: Some(json!({ "refresh": rule }).to_string()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let client = app.gateway_a();
    let first = json!({ "token": ann.refresh_token });
    let refreshed = client.mutate(REFRESH, first.clone()).await["session"]["refreshToken"].take();
    for _ in 0..3 {
        assert_eq!(client.mutate(REFRESH, first.clone()).await["session"]["refreshToken"], refreshed);
    }
    // A refusal uses no token up, and ends no session.
    let limited = client.execute(REFRESH, json!({ "token": refreshed })).await;
    assert_eq!(error_codes(&limited), ["RATE_LIMITED"]);
    assert_eq!(client.mutate(REFRESH, first).await["session"]["refreshToken"], refreshed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_locks_a_person_out_of_a_network_where_they_have_signed_in() {
    let app = TestApp::start(behind_a_proxy(), 1).await;
    let (ann, client, office) = (app.member("Ann").await, app.gateway_a(), "203.0.113.7");
    assert_eq!(sign_in(&client, office, &ann.email, PASSWORD).await, "OK");
    // A colleague guesses her password.
    for _ in 0..10 {
        assert_eq!(sign_in(&client, office, &ann.email, WRONG).await, "WRONG_CREDENTIALS");
    }
    // She is delayed, not refused. The colleague is, too.
    let started = Instant::now();
    assert_eq!(sign_in(&client, office, &ann.email, PASSWORD).await, "OK");
    assert!(started.elapsed() >= Duration::from_secs(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_devices_of_a_person_can_sign_in_at_once() {
    let app = TestApp::start(behind_a_proxy(), 1).await;
    let (ann, client) = (app.member("Ann").await, app.gateway_a());
    let attempts = (0..20).map(|_| sign_in(&client, "203.0.113.7", &ann.email, PASSWORD));
    let results = futures_util::future::join_all(attempts).await;
    assert!(results.iter().all(|result| result == "OK"), "{results:?}");
}
