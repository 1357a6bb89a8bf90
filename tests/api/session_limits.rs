//! How long sessions last, how many a user can have, and how the secret that signs tokens is changed.

use chrono::TimeDelta;
use gigway::config::Settings;
use gigway::domain::user::Role;
use gigway::service::user_admin;
use serde_json::json;

use crate::support::client::{Client, text};
use crate::support::documents::{REFRESH, SIGN_IN};
use crate::support::on_both_back_ends;
use crate::support::sample_images::small_png;
use crate::support::servers;
use crate::support::test_app::TestApp;
use crate::support::test_users::{PASSWORD, TestUser};

const VIEWER: &str = "{ viewer { email } }";

/// Refreshes the user's session. Returns whether the session was still active.
async fn refresh(app: &TestApp, user: &mut TestUser) -> bool {
    let data = app.gateway_b().run(REFRESH, json!({ "token": user.refresh_token })).await;
    let payload = &data["refreshSession"];
    if payload["session"].is_null() {
        assert_eq!(payload["errors"][0]["code"], "WRONG_CREDENTIALS", "{payload}");
        return false;
    }
    user.refresh_token = text(&payload["session"]["refreshToken"]);
    user.client = user.client.with_token(&text(&payload["session"]["accessToken"]));
    true
}

/// Refreshes after each of these times. Returns which refreshes worked.
async fn refresh_after(app: &TestApp, user: &mut TestUser, hours: &[i64]) -> Vec<bool> {
    let mut results = Vec::new();
    for hours in hours {
        app.advance_clock(TimeDelta::hours(*hours));
        results.push(refresh(app, user).await);
    }
    results
}

async fn a_session_ends_if_it_is_idle_and_however_often_it_is_refreshed(app: TestApp) {
    let days = |days: &[i64]| days.iter().map(|days| days * 24).collect::<Vec<_>>();
    let mut ann = app.member("Ann").await;
    assert_eq!(refresh_after(&app, &mut ann, &days(&[29, 29, 29, 4])).await, [true, true, true, false]);
    let mut ann = app.sign_in(&ann.email).await;
    assert_eq!(refresh_after(&app, &mut ann, &days(&[29, 31])).await, [true, false]);
}

async fn sessions_of_reviewers_and_administrators_are_shorter(app: TestApp) {
    for role in [Role::Reviewer, Role::Admin] {
        let mut staff = if role == Role::Admin { app.admin("Ada").await } else { app.reviewer("Rita").await };
        assert_eq!(refresh_after(&app, &mut staff, &[11, 13]).await, [true, false]);
        let mut staff = app.sign_in(&staff.email).await;
        // 15 times 11 hours are nearly seven days.
        assert_eq!(refresh_after(&app, &mut staff, &[11; 15]).await, [true; 15]);
        assert_eq!(refresh_after(&app, &mut staff, &[11]).await, [false]);
        // An access token does not outlive its session.
        let staff = app.sign_in(&staff.email).await;
        app.advance_clock(TimeDelta::hours(13));
        assert_eq!(staff.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
    }
}

async fn a_new_role_applies_to_the_sessions_that_are_open(app: TestApp) {
    let (mut promoted, mut demoted) = (app.member("Ann").await, app.reviewer("Rita").await);
    user_admin::set_role(app.services(), &promoted.email, Role::Reviewer).await.expect("a reviewer");
    user_admin::set_role(app.services(), &demoted.email, Role::Member).await.expect("a member");
    app.advance_clock(TimeDelta::hours(11));
    assert!(refresh(&app, &mut promoted).await && refresh(&app, &mut demoted).await);
    app.advance_clock(TimeDelta::hours(13));
    assert!(!refresh(&app, &mut promoted).await);
    assert!(refresh(&app, &mut demoted).await);
    // Without a refresh since the promotion.
    let mut bob = app.member("Bob").await;
    user_admin::set_role(app.services(), &bob.email, Role::Admin).await.expect("an administrator");
    app.advance_clock(TimeDelta::hours(13));
    assert!(!refresh(&app, &mut bob).await);
}

on_both_back_ends!(
    a_session_ends_if_it_is_idle_and_however_often_it_is_refreshed,
    sessions_of_reviewers_and_administrators_are_shorter,
    a_new_role_applies_to_the_sessions_that_are_open,
);

/// With three sessions per user instead of 50, on SQLite, and on PostgreSQL with two gateways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_further_sign_in_ends_the_oldest_session() {
    let settings = Settings { limits: Some(r#"{"session":{"perUserMax":3}}"#.into()), ..Settings::default() };
    let postgres = Settings {
        database_url: Some(servers::new_postgres_database().await),
        redis_url: Some(servers::redis_url()),
        ..settings.clone()
    };
    for (settings, gateways) in [(settings, 1), (postgres, 2)] {
        let app = TestApp::start(settings, gateways).await;
        let (ann, bob) = (app.member("Ann").await, app.member("Bob").await);
        let mut socket = ann.at(&app.gateway_b()).socket().await;
        let second = app.sign_in(&ann.email).await;
        let third = app.sign_in(&ann.email).await;
        ann.client.run(VIEWER, json!({})).await;
        let fourth = app.sign_in(&ann.email).await;
        assert_eq!(socket.expect_close().await, (4410, "The session has ended".to_owned()));
        assert_eq!(ann.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
        for user in [&second, &third, &fourth, &bob] {
            user.client.run(VIEWER, json!({})).await;
        }
        // Also if several sign-ins come at once.
        let sign_ins = (0..8).map(|number| {
            let gateway = if number % 2 == 0 { app.gateway_a() } else { app.gateway_b() };
            let input = json!({ "input": { "email": ann.email, "password": PASSWORD } });
            async move {
                let session = gateway.mutate(SIGN_IN, input).await["session"].take();
                gateway.with_token(&text(&session["accessToken"]))
            }
        });
        let clients: Vec<Client> = futures_util::future::join_all(sign_ins).await;
        let mut active = 0;
        for client in &clients {
            let response = client.execute(VIEWER, json!({})).await;
            active += usize::from(response["data"]["viewer"]["email"] == json!(ann.email));
        }
        assert_eq!(active, 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lifetime_of_access_tokens_is_a_setting() {
    let settings = Settings { access_token_seconds: Some("120".into()), ..Settings::default() };
    let app = TestApp::start(settings, 1).await;
    let mut ann = app.member("Ann").await;
    for _ in 0..2 {
        app.advance_clock(TimeDelta::seconds(60));
        ann.client.run(VIEWER, json!({})).await;
        app.advance_clock(TimeDelta::seconds(61));
        assert_eq!(ann.client.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
        assert!(refresh(&app, &mut ann).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_secret_can_be_changed_while_clients_stay_signed_in() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (old, new) = ("an old secret of 32 characters...", "a new secret of 32 characters...");
    let start = async |token_secret: String| {
        let data_dir = Some(dir.path().display().to_string());
        let settings = Settings { data_dir, token_secret: Some(token_secret), ..Settings::default() };
        TestApp::start(settings, 1).await
    };
    let mut app = start(old.to_owned()).await;
    let ann = app.member("Ann").await;
    let image = ann.client.upload(small_png()).await["image"].take();
    let url = text(&image["url"]);
    let image_path = url.split_once("/media/").map(|(_, file)| format!("/media/{file}")).expect("a URL");
    assert!(image_path.contains("signature="), "{image_path}");
    let refresh = async |app: &TestApp, token: &str| {
        app.gateway_a().mutate(REFRESH, json!({ "token": token })).await["session"].take()
    };
    let mut used = ann.refresh_token.clone();
    let mut session = refresh(&app, &used).await;
    app.stop_gateway().await;

    // First the other gateways learn the new secret, then it signs, then the old one is removed.
    for secrets in [format!("new:{new},old:{old}"), format!("old:{old},new:{new}")] {
        let mut app = start(secrets.clone()).await;
        let client = app.gateway_a().with_token(&text(&session["accessToken"]));
        assert_eq!(client.run(VIEWER, json!({})).await["viewer"]["email"], json!(ann.email), "{secrets}");
        assert_eq!(app.gateway_a().fetch(&image_path).await.0, 200, "{secrets}");
        // The retry of a refresh from before the change gets the same answer.
        let retried = refresh(&app, &used).await;
        assert_eq!(retried["refreshToken"], session["refreshToken"], "{secrets}");
        used = text(&session["refreshToken"]);
        session = refresh(&app, &used).await;
        app.stop_gateway().await;
    }

    let app = start(format!("new:{new}")).await;
    let client = app.gateway_a().with_token(&text(&session["accessToken"]));
    assert_eq!(client.run(VIEWER, json!({})).await["viewer"]["email"], json!(ann.email));
    let by_old_secret = app.gateway_a().with_token(ann.client.token().expect("a token"));
    assert_eq!(by_old_secret.error_codes(VIEWER, json!({})).await, ["UNAUTHENTICATED"]);
    assert_eq!(app.gateway_a().fetch(&image_path).await.0, 404);
    refresh(&app, &text(&session["refreshToken"])).await;
}
