//! Signing up, in and out.

use std::collections::HashSet;

use chrono::TimeDelta;
use gigway::config::Settings;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{REFRESH, SIGN_IN, SIGN_OUT, SIGN_UP};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

const WHO: &str = "{ viewer { email role user { displayName level verified } } }";

fn account(email: &str, password: &str, name: &str) -> Value {
    json!({ "input": { "email": email, "password": password, "displayName": name } })
}

fn pair(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

async fn a_sign_up_opens_a_session_of_a_member(app: TestApp) {
    let payload = app.gateway_a().done(SIGN_UP, account(" Ann@Example.com ", PASSWORD, "Ann")).await;
    let session = &payload["session"];
    assert_eq!(session["viewer"]["email"], "Ann@Example.com");
    assert!(text(&session["viewer"]["user"]["id"]).starts_with("usr_"));
    let ann = app.gateway_b().with_token(&text(&session["accessToken"]));
    let viewer = ann.run(WHO, json!({})).await["viewer"].take();
    assert_eq!(viewer["role"], "MEMBER");
    assert_eq!(viewer["user"], json!({ "displayName": "Ann", "level": 0, "verified": false }));
    assert_eq!(app.gateway_a().run(WHO, json!({})).await, json!({ "viewer": null }));
}

async fn a_sign_up_tells_every_fault_and_changes_nothing(app: TestApp) {
    let gateway_a = app.gateway_a();
    let faults = gateway_a.refused(SIGN_UP, account("ann", "short", "A")).await;
    let expected =
        [pair("INVALID", "email"), pair("TOO_SHORT", "password"), pair("TOO_SHORT", "displayName")];
    assert_eq!(faults, expected);
    gateway_a.done(SIGN_UP, account("ann@example.com", PASSWORD, "Ann")).await;
    let faults = gateway_a.refused(SIGN_UP, account("ANN@example.com", PASSWORD, "Other")).await;
    assert_eq!(faults, [pair("EMAIL_TAKEN", "email")]);
}

async fn the_same_email_signs_up_once_however_many_try(app: TestApp) {
    let tries = (0..4).map(|_| {
        let client = app.gateway_b();
        async move { client.run(SIGN_UP, account("ann@example.com", PASSWORD, "Ann")).await }
    });
    let answers = futures_util::future::join_all(tries).await;
    let opened = answers.iter().filter(|answer| !answer["signUp"]["session"].is_null()).count();
    assert_eq!(opened, 1);
}

async fn a_wrong_email_and_a_wrong_password_are_answered_alike(app: TestApp) {
    app.member("Ann").await;
    let sign_in = |email: &str, password: &str| json!({ "input": { "email": email, "password": password } });
    let gateway_a = app.gateway_a();
    let wrong_password = gateway_a.run(SIGN_IN, sign_in("ann@example.com", "not the password")).await;
    let wrong_email = gateway_a.run(SIGN_IN, sign_in("bob@example.com", PASSWORD)).await;
    let endless = gateway_a.run(SIGN_IN, sign_in("ann@example.com", &"x".repeat(60_000))).await;
    for odd in ["ann\u{0}@example.com", &"a".repeat(60_000), ""] {
        assert_eq!(gateway_a.run(SIGN_IN, sign_in(odd, PASSWORD)).await, wrong_email, "{odd:?}");
    }
    assert_eq!(wrong_password, wrong_email);
    assert_eq!(wrong_password, endless);
    assert_eq!(wrong_email["signIn"]["errors"][0]["code"], "WRONG_CREDENTIALS");
    gateway_a.done(SIGN_IN, sign_in("ANN@example.com", PASSWORD)).await;
}

async fn an_access_token_ends_after_fifteen_minutes_and_a_refresh_gives_another(app: TestApp) {
    let ann = app.member("Ann").await;
    app.pass(TimeDelta::minutes(15));
    assert_eq!(ann.client.error_codes(WHO, json!({})).await, ["UNAUTHENTICATED"]);
    // What everybody may do goes on, also with an old token.
    let payload = ann.client.done(REFRESH, json!({ "token": ann.refresh_token })).await;
    let client = ann.client.with_token(&text(&payload["session"]["accessToken"]));
    assert_eq!(client.run(WHO, json!({})).await["viewer"]["email"], json!(ann.email));
}

async fn a_refresh_token_that_is_traded_twice_ends_the_session(app: TestApp) {
    let ann = app.member("Ann").await;
    let first = json!({ "token": ann.refresh_token });
    let payload = ann.client.done(REFRESH, first.clone()).await;
    let second = json!({ "token": payload["session"]["refreshToken"] });
    let expected = [pair("WRONG_CREDENTIALS", "refreshToken")];
    assert_eq!(app.gateway_b().refused(REFRESH, first).await, expected);
    assert_eq!(app.gateway_b().refused(REFRESH, second).await, expected);
    assert_eq!(ann.client.error_codes(WHO, json!({})).await, ["UNAUTHENTICATED"]);
    assert_eq!(app.gateway_a().refused(REFRESH, json!({ "token": "nonsense" })).await, expected);
}

async fn of_many_trades_at_once_at_most_one_gives_tokens(app: TestApp) {
    let ann = app.member("Ann").await;
    let trades = (0..6).map(|number| {
        let client = if number % 2 == 0 { app.gateway_a() } else { app.gateway_b() };
        let token = json!({ "token": ann.refresh_token });
        async move { client.run(REFRESH, token).await["refreshSession"]["session"].take() }
    });
    let sessions = futures_util::future::join_all(trades).await;
    let given = sessions.iter().filter(|session| !session.is_null()).count();
    assert_eq!(given, 1);
}

async fn a_session_that_is_not_used_for_thirty_days_is_over(app: TestApp) {
    let ann = app.member("Ann").await;
    app.pass(TimeDelta::days(29));
    let payload = ann.client.done(REFRESH, json!({ "token": ann.refresh_token })).await;
    app.pass(TimeDelta::days(31));
    let token = json!({ "token": payload["session"]["refreshToken"] });
    assert_eq!(ann.client.refused(REFRESH, token).await, [pair("WRONG_CREDENTIALS", "refreshToken")]);
}

async fn signing_out_ends_this_session_or_every_one(app: TestApp) {
    let ann = app.member("Ann").await;
    let elsewhere = app.sign_in(&ann.email).await;
    let third = app.sign_in(&ann.email).await;
    let bob = app.member("Bob").await;
    let payload = ann.client.done(SIGN_OUT, json!({})).await;
    assert_eq!(payload["sessionsEnded"], 1);
    assert_eq!(ann.client.error_codes(WHO, json!({})).await, ["UNAUTHENTICATED"]);
    assert_eq!(ann.client.error_codes(SIGN_OUT, json!({})).await, ["UNAUTHENTICATED"]);
    elsewhere.client.run(WHO, json!({})).await;
    let payload = elsewhere.at(&app.gateway_b()).done(SIGN_OUT, json!({ "everywhere": true })).await;
    assert_eq!(payload["sessionsEnded"], 2);
    assert_eq!(third.client.error_codes(WHO, json!({})).await, ["UNAUTHENTICATED"]);
    let refused = third.client.refused(REFRESH, json!({ "token": third.refresh_token })).await;
    assert_eq!(refused, [pair("WRONG_CREDENTIALS", "refreshToken")]);
    bob.client.run(WHO, json!({})).await;
}

async fn what_is_kept_of_a_session_opens_none(app: TestApp) {
    use sea_orm::{ConnectionTrait, DbBackend, Statement};
    let ann = app.member("Ann").await;
    let db = app.services().db.read();
    let hex = match db.get_database_backend() {
        DbBackend::Postgres => "encode(hash, 'hex')",
        _ => "hex(hash)",
    };
    let sql = format!("SELECT {hex} AS kept FROM refresh_token");
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("rows");
    let kept: HashSet<String> = rows.iter().map(|row| row.try_get("", "kept").expect("text")).collect();
    assert_eq!(kept.len(), 1);
    for text in kept {
        assert_ne!(text, ann.refresh_token);
        assert!(!ann.client.refused(REFRESH, json!({ "token": text })).await.is_empty());
    }
}

on_both_back_ends!(
    a_sign_up_opens_a_session_of_a_member,
    a_sign_up_tells_every_fault_and_changes_nothing,
    the_same_email_signs_up_once_however_many_try,
    a_wrong_email_and_a_wrong_password_are_answered_alike,
    an_access_token_ends_after_fifteen_minutes_and_a_refresh_gives_another,
    a_refresh_token_that_is_traded_twice_ends_the_session,
    of_many_trades_at_once_at_most_one_gives_tokens,
    a_session_that_is_not_used_for_thirty_days_is_over,
    signing_out_ends_this_session_or_every_one,
    what_is_kept_of_a_session_opens_none,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_sign_ins_are_limited_per_account_and_per_address() {
    let settings = Settings {
        sign_in_failures: Some("2".into()),
        sign_in_failures_per_address: Some("4".into()),
        ..Settings::default()
    };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    app.member("Bob").await;
    let wrong = |email: &str| json!({ "input": { "email": email, "password": "not the password" } });
    for _ in 0..2 {
        let refused = app.gateway_a().refused(SIGN_IN, wrong(&ann.email)).await;
        assert_eq!(refused, [pair("WRONG_CREDENTIALS", "")]);
    }
    // Even with the right password, and with a header that tells a lie about the address.
    let body = json!({ "query": SIGN_IN, "variables": {
        "input": { "email": ann.email, "password": PASSWORD } } });
    let request = app.gateway_a().post("/graphql").header("x-forwarded-for", "9.9.9.9").json(&body);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "900");
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["errors"][0]["extensions"]["code"], "RATE_LIMITED");
    for _ in 0..2 {
        app.gateway_a().refused(SIGN_IN, wrong("nobody@example.com")).await;
    }
    assert_eq!(app.gateway_a().error_codes(SIGN_IN, wrong("bob@example.com")).await, ["RATE_LIMITED"]);
}
