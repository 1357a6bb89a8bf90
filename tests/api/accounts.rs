//! Signing up, in and out, and the lifetime of sessions.

use std::collections::HashSet;

use chrono::TimeDelta;
use gigway::config::Settings;
use serde_json::{Value, json};

use crate::support::client::text;
use crate::support::documents::{REFRESH, SIGN_IN, SIGN_OUT, SIGN_UP};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;
use crate::support::test_users::PASSWORD;

const VIEWER: &str = "{ viewer { email role user { displayName level verified } } }";

fn account(email: &str, password: &str, name: &str) -> Value {
    json!({ "input": { "email": email, "password": password, "displayName": name } })
}

fn violation(code: &str, path: &str) -> (String, String) {
    (code.to_owned(), path.to_owned())
}

async fn signing_up_opens_a_session_as_a_member(app: TestApp) {
    let payload = app.gateway_a().mutate(SIGN_UP, account(" Ann@Example.com ", PASSWORD, "Ann")).await;
    let session = &payload["session"];
    assert_eq!(session["viewer"]["email"], "Ann@Example.com");
    assert!(text(&session["viewer"]["user"]["id"]).starts_with("usr_"));
    // A clock of the client plays no part in `expiresIn`.
    let seconds = session["accessTokenExpiresIn"].as_i64().expect("a number");
    assert!((1..=15 * 60).contains(&seconds), "{session}");
    let ann = app.gateway_b().with_token(&text(&session["accessToken"]));
    let viewer = ann.run(VIEWER, json!({})).await["viewer"].take();
    assert_eq!(viewer["role"], "MEMBER");
    assert_eq!(viewer["user"], json!({ "displayName": "Ann", "level": 0, "verified": false }));
    assert_eq!(app.gateway_a().run(VIEWER, json!({})).await, json!({ "viewer": null }));
}

async fn the_viewer_has_an_id_that_is_not_that_of_a_node(app: TestApp) {
    let query = "{ viewer { __typename id user { id } } }";
    let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
    let viewer = ann.client.run(query, json!({})).await["viewer"].take();
    let id = text(&viewer["id"]);
    // Two objects of one user never have the same key in a client's cache.
    assert!(id.starts_with("vwr_") && text(&viewer["user"]["id"]).starts_with("usr_"), "{viewer}");
    assert_eq!(ann.at(&app.gateway_b()).run(query, json!({})).await["viewer"], viewer);
    let again = app.sign_in(&ann.email).await;
    assert_eq!(again.client.run(query, json!({})).await["viewer"], viewer);
    assert_ne!(bob.client.run(query, json!({})).await["viewer"]["id"], viewer["id"]);
    let nodes = "query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } gig(id: $id) { id } }";
    for client in [&ann.client, &bob.client, &app.gateway_a()] {
        let found = client.run(nodes, json!({ "id": id })).await;
        assert_eq!(found, json!({ "node": null, "nodes": [null], "gig": null }));
    }
    let listed = "query($id: ID) { gigs(where: { seller: $id }) { totalCount } }";
    ann.post(app.gig_form("I will write a song for you").await).await;
    assert_eq!(ann.client.run(listed, json!({ "id": id })).await["gigs"]["totalCount"], 0);
}

async fn an_invalid_sign_up_reports_every_violation_and_changes_nothing(app: TestApp) {
    let gateway_a = app.gateway_a();
    let violations = gateway_a.mutation_errors(SIGN_UP, account("ann", "short", "A")).await;
    let expected = [
        violation("INVALID", "email"),
        violation("TOO_SHORT", "password"),
        violation("TOO_SHORT", "displayName"),
    ];
    assert_eq!(violations, expected);
    gateway_a.mutate(SIGN_UP, account("ann@example.com", PASSWORD, "Ann")).await;
    let violations = gateway_a.mutation_errors(SIGN_UP, account("ANN@example.com", PASSWORD, "Other")).await;
    assert_eq!(violations, [violation("EMAIL_TAKEN", "email")]);
}

async fn concurrent_sign_ups_with_one_email_create_one_account(app: TestApp) {
    let attempts = (0..4).map(|_| {
        let client = app.gateway_b();
        async move { client.run(SIGN_UP, account("ann@example.com", PASSWORD, "Ann")).await }
    });
    let responses = futures_util::future::join_all(attempts).await;
    let opened = responses.iter().filter(|response| !response["signUp"]["session"].is_null()).count();
    assert_eq!(opened, 1);
}

async fn an_unknown_email_and_a_wrong_password_get_the_same_response(app: TestApp) {
    app.member("Ann").await;
    let sign_in = |email: &str, password: &str| json!({ "input": { "email": email, "password": password } });
    let gateway_a = app.gateway_a();
    let wrong_password = gateway_a.run(SIGN_IN, sign_in("ann@example.com", "not the password")).await;
    let wrong_email = gateway_a.run(SIGN_IN, sign_in("bob@example.com", PASSWORD)).await;
    let long_password = gateway_a.run(SIGN_IN, sign_in("ann@example.com", &"x".repeat(60_000))).await;
    for email in ["ann\u{0}@example.com", &"a".repeat(60_000), ""] {
        assert_eq!(gateway_a.run(SIGN_IN, sign_in(email, PASSWORD)).await, wrong_email, "{email:?}");
    }
    assert_eq!(wrong_password, wrong_email);
    assert_eq!(wrong_password, long_password);
    assert_eq!(wrong_email["signIn"]["errors"][0]["code"], "WRONG_CREDENTIALS");
    gateway_a.mutate(SIGN_IN, sign_in("ANN@example.com", PASSWORD)).await;
}

async fn access_tokens_expire_after_fifteen_minutes_and_can_be_refreshed(app: TestApp) {
    let ann = app.member("Ann").await;
    app.advance_clock(TimeDelta::minutes(15));
    assert_eq!(ann.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
    // Public operations still work with an expired token.
    let payload = ann.client.mutate(REFRESH, json!({ "token": ann.refresh_token })).await;
    let client = ann.client.with_token(&text(&payload["session"]["accessToken"]));
    assert_eq!(client.run(VIEWER, json!({})).await["viewer"]["email"], json!(ann.email));
}

async fn reusing_a_refresh_token_ends_the_session(app: TestApp) {
    let ann = app.member("Ann").await;
    let first = json!({ "token": ann.refresh_token });
    let payload = ann.client.mutate(REFRESH, first.clone()).await;
    let second = json!({ "token": payload["session"]["refreshToken"] });
    app.advance_clock(TimeDelta::seconds(30));
    let expected = [violation("WRONG_CREDENTIALS", "refreshToken")];
    assert_eq!(app.gateway_b().mutation_errors(REFRESH, first).await, expected);
    assert_eq!(app.gateway_b().mutation_errors(REFRESH, second).await, expected);
    assert_eq!(ann.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
    assert_eq!(app.gateway_a().mutation_errors(REFRESH, json!({ "token": "nonsense" })).await, expected);
}

async fn concurrent_refreshes_get_the_same_refresh_token_and_keep_the_session(app: TestApp) {
    let ann = app.member("Ann").await;
    let mut token = ann.refresh_token.clone();
    for _ in 0..3 {
        let refreshes = (0..8).map(|number| {
            let client = if number % 2 == 0 { app.gateway_a() } else { app.gateway_b() };
            let variables = json!({ "token": token });
            async move { client.mutate(REFRESH, variables).await["session"].take() }
        });
        let sessions = futures_util::future::join_all(refreshes).await;
        let successors: HashSet<_> = sessions.iter().map(|session| text(&session["refreshToken"])).collect();
        assert_eq!(successors.len(), 1);
        for session in sessions {
            app.gateway_b().with_token(&text(&session["accessToken"])).run(VIEWER, json!({})).await;
        }
        token = successors.into_iter().next().expect("one");
    }
    app.gateway_a().mutate(REFRESH, json!({ "token": token })).await;
}

async fn a_refresh_whose_answer_was_lost_can_be_retried_for_half_a_minute(app: TestApp) {
    let ann = app.member("Ann").await;
    let first = json!({ "token": ann.refresh_token });
    let lost = ann.client.mutate(REFRESH, first.clone()).await["session"].take();
    app.advance_clock(TimeDelta::seconds(28));
    let retried = app.gateway_b().mutate(REFRESH, first.clone()).await["session"].take();
    assert_eq!(retried["refreshToken"], lost["refreshToken"]);
    // A retry does not prolong the time in which retries are allowed, nor does it hide a later reuse.
    app.advance_clock(TimeDelta::seconds(2));
    let expected = [violation("WRONG_CREDENTIALS", "refreshToken")];
    assert_eq!(app.gateway_b().mutation_errors(REFRESH, first).await, expected);
    let successor = json!({ "token": lost["refreshToken"] });
    assert_eq!(app.gateway_a().mutation_errors(REFRESH, successor).await, expected);
    for session in [lost, retried] {
        let client = app.gateway_a().with_token(&text(&session["accessToken"]));
        assert_eq!(client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
    }
}

async fn reusing_the_refresh_token_before_the_last_one_ends_the_session_at_once(app: TestApp) {
    let ann = app.member("Ann").await;
    let first = json!({ "token": ann.refresh_token });
    let second =
        json!({ "token": ann.client.mutate(REFRESH, first.clone()).await["session"]["refreshToken"] });
    let third = ann.client.mutate(REFRESH, second.clone()).await["session"].take();
    // The second can be retried, the first cannot.
    let retried = app.gateway_b().mutate(REFRESH, second).await["session"].take();
    assert_eq!(retried["refreshToken"], third["refreshToken"]);
    let expected = [violation("WRONG_CREDENTIALS", "refreshToken")];
    assert_eq!(app.gateway_b().mutation_errors(REFRESH, first).await, expected);
    let third = json!({ "token": third["refreshToken"] });
    assert_eq!(app.gateway_a().mutation_errors(REFRESH, third).await, expected);
    assert_eq!(ann.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
}

async fn a_retried_refresh_does_not_revive_a_session_that_has_ended(app: TestApp) {
    let ann = app.member("Ann").await;
    let first = json!({ "token": ann.refresh_token });
    ann.client.mutate(REFRESH, first.clone()).await;
    ann.client.mutate(SIGN_OUT, json!({})).await;
    let expected = [violation("WRONG_CREDENTIALS", "refreshToken")];
    assert_eq!(app.gateway_b().mutation_errors(REFRESH, first).await, expected);
}

async fn a_session_expires_after_thirty_days_without_use(app: TestApp) {
    let ann = app.member("Ann").await;
    app.advance_clock(TimeDelta::days(29));
    let payload = ann.client.mutate(REFRESH, json!({ "token": ann.refresh_token })).await;
    app.advance_clock(TimeDelta::days(31));
    let token = json!({ "token": payload["session"]["refreshToken"] });
    assert_eq!(
        ann.client.mutation_errors(REFRESH, token).await,
        [violation("WRONG_CREDENTIALS", "refreshToken")]
    );
}

async fn signing_out_ends_this_session_or_all_sessions(app: TestApp) {
    let ann = app.member("Ann").await;
    let elsewhere = app.sign_in(&ann.email).await;
    let third = app.sign_in(&ann.email).await;
    let bob = app.member("Bob").await;
    let payload = ann.client.mutate(SIGN_OUT, json!({})).await;
    assert_eq!(payload["sessionsEnded"], 1);
    assert_eq!(ann.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
    assert_eq!(ann.client.error_codes(SIGN_OUT, json!({})).await, ["UNAUTHENTICATED"]);
    elsewhere.client.run(VIEWER, json!({})).await;
    let payload = elsewhere.at(&app.gateway_b()).mutate(SIGN_OUT, json!({ "everywhere": true })).await;
    assert_eq!(payload["sessionsEnded"], 2);
    assert_eq!(third.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
    let refused = third.client.mutation_errors(REFRESH, json!({ "token": third.refresh_token })).await;
    assert_eq!(refused, [violation("WRONG_CREDENTIALS", "refreshToken")]);
    bob.client.run(VIEWER, json!({})).await;
}

async fn the_stored_token_hash_cannot_be_used_as_a_token(app: TestApp) {
    use sea_orm::{ConnectionTrait, DbBackend, Statement};
    let ann = app.member("Ann").await;
    let db = app.services().db.read();
    let hex = match db.get_database_backend() {
        DbBackend::Postgres => "encode(hash, 'hex')",
        _ => "hex(hash)",
    };
    let sql = format!("SELECT {hex} AS hash FROM refresh_token");
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("rows");
    let hashes: HashSet<String> = rows.iter().map(|row| row.try_get("", "hash").expect("text")).collect();
    assert_eq!(hashes.len(), 1);
    for hash in hashes {
        assert_ne!(hash, ann.refresh_token);
        assert!(!ann.client.mutation_errors(REFRESH, json!({ "token": hash })).await.is_empty());
    }
}

on_both_back_ends!(
    signing_up_opens_a_session_as_a_member,
    the_viewer_has_an_id_that_is_not_that_of_a_node,
    an_invalid_sign_up_reports_every_violation_and_changes_nothing,
    concurrent_sign_ups_with_one_email_create_one_account,
    an_unknown_email_and_a_wrong_password_get_the_same_response,
    access_tokens_expire_after_fifteen_minutes_and_can_be_refreshed,
    reusing_a_refresh_token_ends_the_session,
    concurrent_refreshes_get_the_same_refresh_token_and_keep_the_session,
    a_refresh_whose_answer_was_lost_can_be_retried_for_half_a_minute,
    reusing_the_refresh_token_before_the_last_one_ends_the_session_at_once,
    a_retried_refresh_does_not_revive_a_session_that_has_ended,
    a_session_expires_after_thirty_days_without_use,
    signing_out_ends_this_session_or_all_sessions,
    the_stored_token_hash_cannot_be_used_as_a_token,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_retry_window_any_second_use_of_a_refresh_token_ends_the_session() {
    let settings = Settings { refresh_retry_seconds: Some("0".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let ann = app.member("Ann").await;
    let token = json!({ "token": ann.refresh_token });
    ann.client.mutate(REFRESH, token.clone()).await;
    let expected = [violation("WRONG_CREDENTIALS", "refreshToken")];
    assert_eq!(app.gateway_a().mutation_errors(REFRESH, token).await, expected);
    assert_eq!(ann.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
}
